/*
 * The bump allocator: a chain of chunks, the newest first. An object larger than a usual chunk gets
 * a chunk of its own size, which becomes the head only if the rest of it is of use.
 */
#include "base/arena.h"

#include "base/alloc.h"
#include "base/ensure.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#define ARENA_ALIGN ((size_t)16)
#define ARENA_CHUNK_BYTES ((size_t)16 << 10)

struct arena_chunk {
	alignas(16) struct arena_chunk *next;
	size_t bytes; /* of data */
	alignas(16) uint8_t data[];
};

void arena_init(struct arena *a, size_t chunk_bytes)
{
	*a = (struct arena){.chunk_bytes = chunk_bytes ? chunk_bytes : ARENA_CHUNK_BYTES};
}

static struct arena_chunk *chunk_new(struct arena *a, size_t bytes)
{
	struct arena_chunk *c;

	if (bytes > SIZE_MAX / 2)
		return NULL;
	c = try_malloc(sizeof(*c) + bytes);
	if (!c)
		return NULL;
	c->bytes = bytes;
	a->total_bytes += bytes;
	return c;
}

/* Puts a large object behind the head, so that the head's free rest stays in use. */
static void *alloc_alone(struct arena *a, size_t n)
{
	struct arena_chunk *c = chunk_new(a, n);

	if (!c)
		return NULL;
	if (a->head) {
		c->next = a->head->next;
		a->head->next = c;
	} else {
		c->next = NULL;
		a->head = c;
		a->used = n;
	}
	return c->data;
}

void *arena_alloc(struct arena *a, size_t n)
{
	struct arena_chunk *c = a->head;
	void *p;

	if (n > SIZE_MAX / 4)
		return NULL;
	n = (n + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
	if (!c || c->bytes - a->used < n) {
		if (n > a->chunk_bytes / 2)
			return alloc_alone(a, n);
		c = chunk_new(a, a->chunk_bytes);
		if (!c)
			return NULL;
		c->next = a->head;
		a->head = c;
		a->used = 0;
	}
	ensure(a->used + n <= c->bytes);
	p = c->data + a->used;
	a->used += n;
	return p;
}

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
	size_t n;
	void *p;

	if (__builtin_mul_overflow(count, size, &n))
		return NULL;
	p = arena_alloc(a, n);
	if (p)
		memset(p, 0, n);
	return p;
}

char *arena_cstr(struct arena *a, struct slice s)
{
	char *p = s.n < SIZE_MAX / 4 ? arena_alloc(a, s.n + 1) : NULL;

	if (!p)
		return NULL;
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}

struct slice arena_dup(struct arena *a, struct slice s)
{
	char *p = arena_cstr(a, s);

	return slice_of(p, p ? s.n : 0);
}

void arena_reset(struct arena *a)
{
	struct arena_chunk *keep = NULL, *next;

	for (struct arena_chunk *c = a->head; c; c = next) {
		next = c->next;
		if (!keep && c->bytes == a->chunk_bytes)
			keep = c;
		else
			free(c);
	}
	if (keep)
		keep->next = NULL;
	a->head = keep;
	a->used = 0;
	a->total_bytes = keep ? keep->bytes : 0;
}

void arena_release(struct arena *a)
{
	struct arena_chunk *next;

	for (struct arena_chunk *c = a->head; c; c = next) {
		next = c->next;
		free(c);
	}
	arena_init(a, a->chunk_bytes);
}
