/*
 * The growing part of struct buf: capacity doubles from 256 bytes up to the declared maximum.
 * Everything hot is inline in the header. A failed growth leaves the contents as they were.
 */
#include "base/buf.h"

#include "base/alloc.h"
#include "base/ensure.h"

#include <stdio.h>
#include <stdlib.h>

#define BUF_FIRST_BYTES ((size_t)256)

void buf_release(struct buf *b)
{
	free(b->p);
	buf_init(b, b->max);
}

bool buf_grow(struct buf *b, size_t n)
{
	size_t want, cap;
	uint8_t *p;

	ensure(b->n <= b->cap || !b->p);
	if (b->failed)
		return false;
	if (n > b->max || b->n > b->max - n)
		goto fail;
	want = b->n + n;
	if (want <= b->cap && b->p)
		return true;
	cap = b->cap < BUF_FIRST_BYTES ? BUF_FIRST_BYTES : b->cap * 2;
	if (cap < want || cap < b->cap)
		cap = want;
	if (cap > b->max)
		cap = b->max;
	p = try_realloc(b->p, cap);
	if (!p)
		goto fail;
	b->p = p;
	b->cap = cap;
	return true;
fail:
	b->failed = true;
	return false;
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	uint8_t *to;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	ensure(n >= 0);
	to = buf_reserve(b, (size_t)n + 1);
	if (!to)
		return;
	vsnprintf((char *)to, (size_t)n + 1, fmt, ap);
	buf_commit(b, (size_t)n);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

uint8_t *buf_detach(struct buf *b, size_t *n)
{
	uint8_t *p = b->p;

	*n = b->n;
	buf_init(b, b->max);
	return p;
}

const char *buf_cstr(struct buf *b)
{
	bool failed = b->failed;
	uint8_t *to;

	b->failed = false;
	to = buf_reserve(b, 1);
	if (to)
		*to = '\0';
	b->failed = failed;
	return to ? (const char *)b->p : "";
}
