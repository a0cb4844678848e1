/*
 * A borrowed range of bytes. Never owns, never ends with a NUL on purpose; who hands one out says
 * how long it lives.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const uint8_t *p; /* may be NULL only if n is 0 */
	size_t n;
};

/* printf("%" SLICE_FMT, SLICE_ARG(s)): at most INT_MAX bytes. */
#define SLICE_FMT ".*s"
#define SLICE_ARG(s)                                                                               \
	((s).n > 0x7fffffff ? 0x7fffffff : (int)(s).n), ((s).n ? (const char *)(s).p : "")

static inline struct slice slice_of(const void *p, size_t n)
{
	return (struct slice){.p = p, .n = n};
}

/* The bytes of a C string without its NUL; NULL gives the empty slice. */
static inline struct slice slice_str(const char *s)
{
	return (struct slice){.p = (const uint8_t *)s, .n = s ? strlen(s) : 0};
}

static inline struct slice slice_empty(void)
{
	return (struct slice){.p = NULL, .n = 0};
}

static inline bool slice_is_empty(struct slice s)
{
	return s.n == 0;
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool slice_eq_str(struct slice a, const char *s)
{
	return slice_eq(a, slice_str(s));
}

/* Order of memcmp, a prefix first: negative, 0 or positive. */
static inline int slice_cmp(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int r = n ? memcmp(a.p, b.p, n) : 0;

	return r ? r : (a.n > b.n) - (a.n < b.n);
}

static inline bool slice_starts_with(struct slice s, struct slice prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

/* The slice without its first n bytes (or the empty end of it). */
static inline struct slice slice_drop(struct slice s, size_t n)
{
	if (n > s.n)
		n = s.n;
	return n ? (struct slice){.p = s.p + n, .n = s.n - n} : s;
}

#endif
