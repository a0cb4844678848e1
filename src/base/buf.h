/*
 * A growing byte buffer with a declared maximum and a sticky failure.
 *
 * Appends past `max`, or out of memory, set `failed` and change nothing; every later append is
 * ignored too, so that straight-line code tests once at the end. Never aborts. Not thread-safe.
 * Pointers into it are valid until the next append, reserve, clear or release.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/slice.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
	uint8_t *p;  /* owned; NULL until the first append */
	size_t n;    /* bytes in use */
	size_t cap;  /* bytes allocated */
	size_t max;  /* n never exceeds this */
	bool failed; /* sticky until buf_clear */
};

/* Allocates nothing. */
static inline void buf_init(struct buf *b, size_t max_bytes)
{
	*b = (struct buf){.max = max_bytes};
}

/* Frees the memory and leaves an empty, usable buffer of the same maximum. */
void buf_release(struct buf *b);

/* Makes room for n more bytes: false (and failed) if it cannot. The slow path of buf_reserve. */
bool buf_grow(struct buf *b, size_t n);

/* Empties it, keeps the memory, forgets a failure. */
static inline void buf_clear(struct buf *b)
{
	b->n = 0;
	b->failed = false;
}

/* Cuts it to n bytes, n <= b->n. */
static inline void buf_truncate(struct buf *b, size_t n)
{
	if (n < b->n)
		b->n = n;
}

/* Room for n bytes at the end, to be filled and then counted with buf_commit; NULL if failed. */
static inline uint8_t *buf_reserve(struct buf *b, size_t n)
{
	if (__builtin_expect(b->failed || b->cap - b->n < n || !b->p, 0) && !buf_grow(b, n))
		return NULL;
	return b->p + b->n;
}

/* Counts n bytes written into what buf_reserve returned; n at most what was reserved. */
static inline void buf_commit(struct buf *b, size_t n)
{
	b->n += n;
}

/* `p` must not point into the buffer. */
static inline void buf_append(struct buf *b, const void *p, size_t n)
{
	uint8_t *to;

	if (n == 0)
		return;
	to = buf_reserve(b, n);
	if (to) {
		memcpy(to, p, n);
		b->n += n;
	}
}

static inline void buf_append_slice(struct buf *b, struct slice s)
{
	buf_append(b, s.p, s.n);
}

static inline void buf_append_byte(struct buf *b, uint8_t c)
{
	uint8_t *to = buf_reserve(b, 1);

	if (to) {
		*to = c;
		b->n++;
	}
}

static inline struct slice buf_slice(const struct buf *b)
{
	return (struct slice){.p = b->p, .n = b->n};
}

/* Appends formatted text, without a NUL. */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/*
 * Gives the memory to the caller (free() it; may be NULL when empty) and leaves the buffer empty.
 */
uint8_t *buf_detach(struct buf *b, size_t *n);

/*
 * The contents as a C string: a NUL is put behind them, not counted. "" if the buffer is empty and
 * nothing could be allocated. Valid until the next change.
 */
const char *buf_cstr(struct buf *b);

#endif
