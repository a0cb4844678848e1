/*
 * A bump allocator: many small objects with one end of life. Objects are 16-byte aligned and never
 * freed alone. Out of memory returns NULL. Not thread-safe.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/slice.h"

#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *head; /* the chunk being filled; older ones behind it */
	size_t used;              /* bytes taken from head */
	size_t chunk_bytes;       /* size of a usual chunk */
	size_t total_bytes;       /* memory of all chunks */
};

/* chunk_bytes 0 means 16 KiB. Allocates nothing yet. */
void arena_init(struct arena *a, size_t chunk_bytes);
/* Zero bytes give a valid, unique-enough pointer. The memory is not cleared. */
void *arena_alloc(struct arena *a, size_t n) __attribute__((warn_unused_result));
void *arena_calloc(struct arena *a, size_t count, size_t size) __attribute__((warn_unused_result));
/*
 * A copy of the bytes with a NUL behind them; .p is NULL if out of memory (an empty input gives a
 * non-NULL .p).
 */
struct slice arena_dup(struct arena *a, struct slice s);
/* A C string with the bytes of s; NULL if out of memory. */
char *arena_cstr(struct arena *a, struct slice s);
/* Ends the life of all objects; keeps one usual chunk for the next round. */
void arena_reset(struct arena *a);
/* Frees everything; the arena can be used again. */
void arena_release(struct arena *a);

#endif
