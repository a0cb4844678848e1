/*
 * Memory. Two families:
 *  - x*: for daemons and the core; out of memory aborts (a crash is a restart);
 *  - try_*: for libdq, decoders and whatever they stand on; out of memory returns NULL. Under fault
 *    points each call passes "alloc.try", so that the n-th allocation can be made to fail.
 *    Everything is released with free(). Threads: any.
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>
#include <stdlib.h>

void *xmalloc(size_t n) __attribute__((malloc, returns_nonnull, warn_unused_result));
void *xcalloc(size_t count, size_t size)
	__attribute__((malloc, returns_nonnull, warn_unused_result));
void *xrealloc(void *p, size_t n) __attribute__((returns_nonnull, warn_unused_result));
/* xrealloc for arrays: the product is checked for overflow. */
void *xreallocarray(void *p, size_t count, size_t size)
	__attribute__((returns_nonnull, warn_unused_result));
char *xstrdup(const char *s) __attribute__((returns_nonnull, warn_unused_result));
/* A copy of n bytes, followed by a NUL that n does not count. */
void *xmemdup(const void *p, size_t n) __attribute__((returns_nonnull, warn_unused_result));
char *xasprintf(const char *fmt, ...)
	__attribute__((format(printf, 1, 2), returns_nonnull, warn_unused_result));

void *try_malloc(size_t n) __attribute__((malloc, warn_unused_result));
void *try_calloc(size_t count, size_t size) __attribute__((malloc, warn_unused_result));
void *try_realloc(void *p, size_t n) __attribute__((warn_unused_result));
char *try_strdup(const char *s) __attribute__((warn_unused_result));
/* As xmemdup: n bytes and a NUL; NULL if out of memory. */
void *try_memdup(const void *p, size_t n) __attribute__((warn_unused_result));

#endif
