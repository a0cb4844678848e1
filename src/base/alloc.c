/*
 * Memory: the aborting family for daemons and the core, the failing family for the library and
 * decoders. Only the latter passes the fault point, since the former has no failure to test.
 */
#include "base/alloc.h"

#include "base/ensure.h"
#include "base/fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void *or_die(void *p, size_t n)
{
	if (!p && n > 0)
		panic("out of memory: %zu bytes", n);
	return p;
}

void *xmalloc(size_t n)
{
	return or_die(malloc(n ? n : 1), n ? n : 1);
}

void *xcalloc(size_t count, size_t size)
{
	if (count == 0 || size == 0)
		count = size = 1;
	return or_die(calloc(count, size), size);
}

void *xrealloc(void *p, size_t n)
{
	return or_die(realloc(p, n ? n : 1), n ? n : 1);
}

void *xreallocarray(void *p, size_t count, size_t size)
{
	size_t n;

	if (__builtin_mul_overflow(count, size, &n))
		panic("out of memory: %zu times %zu bytes", count, size);
	return xrealloc(p, n);
}

char *xstrdup(const char *s)
{
	return xmemdup(s, strlen(s));
}

void *xmemdup(const void *p, size_t n)
{
	char *copy;

	ensure(n < SIZE_MAX);
	copy = xmalloc(n + 1);
	if (n > 0)
		memcpy(copy, p, n);
	copy[n] = '\0';
	return copy;
}

char *xasprintf(const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		panic("out of memory: formatting");
	return text;
}

static bool refused(void)
{
	if (fault_point("alloc.try") == 0)
		return false;
	errno = ENOMEM;
	return true;
}

void *try_malloc(size_t n)
{
	return refused() ? NULL : malloc(n ? n : 1);
}

void *try_calloc(size_t count, size_t size)
{
	if (count == 0 || size == 0)
		count = size = 1;
	return refused() ? NULL : calloc(count, size);
}

void *try_realloc(void *p, size_t n)
{
	return refused() ? NULL : realloc(p, n ? n : 1);
}

char *try_strdup(const char *s)
{
	return try_memdup(s, strlen(s));
}

void *try_memdup(const void *p, size_t n)
{
	char *copy = n < SIZE_MAX ? try_malloc(n + 1) : NULL;

	if (!copy)
		return NULL;
	if (n > 0)
		memcpy(copy, p, n);
	copy[n] = '\0';
	return copy;
}
