/*
 * A hash map from uint64_t to uint64_t (or to a pointer), open-addressed.
 *
 * It grows and shrinks a step at a time: each put or remove moves a few slots of the older table,
 * so that no single call costs more than a bounded number of slots, however large the map. 16 bytes
 * a slot, 3/8 to 3/4 of the slots in use while it only grows. Iteration order depends on the
 * history of operations alone. Not thread-safe.
 *
 * All keys and values are allowed. Out of memory: put returns false and nothing changed.
 */
#ifndef BASE_MAP64_H
#define BASE_MAP64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map64_slot {
	uint64_t key, value;
};

struct map64_table {
	struct map64_slot *slots; /* NULL: none */
	size_t mask;              /* slots - 1 */
	size_t used;              /* live entries here */
};

struct map64 {
	struct map64_table cur;
	struct map64_table old; /* being emptied into cur; slots is NULL when there is none */
	size_t moved;           /* slots of old below this one are done */
	uint64_t odd_value[2];  /* the keys 0 and UINT64_MAX, which mark empty and moved slots, live
				   here */
	bool odd_used[2];
};

struct map64_iter {
	size_t at; /* start with { 0 } */
};

/* Allocates nothing; a zeroed struct is an empty map too. */
void map64_init(struct map64 *m);
void map64_release(struct map64 *m);
/* Removes all entries and frees the memory. */
void map64_clear(struct map64 *m);
size_t map64_count(const struct map64 *m);

/* Adds the key or replaces its value. */
bool map64_put(struct map64 *m, uint64_t key, uint64_t value) __attribute__((warn_unused_result));
/* False if absent, *value is not touched then; value may be NULL. */
bool map64_get(const struct map64 *m, uint64_t key, uint64_t *value);
/*
 * The place of the key's value, to change it; NULL if absent. Valid until the next put or remove.
 */
uint64_t *map64_find(struct map64 *m, uint64_t key);
/* False if absent; the value it had goes to *value unless that is NULL. */
bool map64_remove(struct map64 *m, uint64_t key, uint64_t *value);

/*
 * struct map64_iter it = { 0 };
 * while (map64_next(&m, &it, &key, &value)) ...
 * The map must not change meanwhile (values may, through map64_find).
 */
bool map64_next(const struct map64 *m, struct map64_iter *it, uint64_t *key, uint64_t *value);

/* The forms for pointers; get returns NULL if absent, remove the pointer that was there. */
static inline bool __attribute__((warn_unused_result))
map64_put_ptr(struct map64 *m, uint64_t key, void *p)
{
	return map64_put(m, key, (uint64_t)(uintptr_t)p);
}

static inline void *map64_get_ptr(const struct map64 *m, uint64_t key)
{
	uint64_t v = 0;

	return map64_get(m, key, &v) ? (void *)(uintptr_t)v : NULL;
}

static inline void *map64_remove_ptr(struct map64 *m, uint64_t key)
{
	uint64_t v = 0;

	return map64_remove(m, key, &v) ? (void *)(uintptr_t)v : NULL;
}

static inline bool map64_next_ptr(
	const struct map64 *m, struct map64_iter *it, uint64_t *key, void **p)
{
	uint64_t v = 0;
	bool more = map64_next(m, it, key, &v);

	*p = (void *)(uintptr_t)v;
	return more;
}

/* Bytes of memory the tables take. */
size_t map64_memory_bytes(const struct map64 *m);

#endif
