/*
 * A binary heap of pointers to intrusive nodes that know their positions, so that any can be
 * removed or moved in O(log n). Equal nodes come out in an order that depends on the operations
 * alone (deterministic), not first in first out: let `less` compare a sequence number where that
 * matters. Not thread-safe.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
	uint32_t at; /* position + 1 in the heap; 0: in none */
};

typedef bool heap_less_fn(const struct heap_node *a, const struct heap_node *b);

struct heap {
	struct heap_node **v;
	uint32_t n, cap;
	heap_less_fn *less;
};

void heap_init(struct heap *h, heap_less_fn *less);
/* Frees the array, not the nodes; those still in it are marked absent. */
void heap_release(struct heap *h);

static inline void heap_node_init(struct heap_node *node)
{
	node->at = 0;
}

static inline bool heap_contains(const struct heap_node *node)
{
	return node->at != 0;
}

static inline uint32_t heap_count(const struct heap *h)
{
	return h->n;
}

static inline bool heap_is_empty(const struct heap *h)
{
	return h->n == 0;
}

/* The least node, or NULL. */
static inline struct heap_node *heap_peek(const struct heap *h)
{
	return h->n ? h->v[0] : NULL;
}

/* The node must be in no heap. False: out of memory, nothing changed. */
bool heap_push(struct heap *h, struct heap_node *node) __attribute__((warn_unused_result));
/* Removes and returns the least node, or NULL. */
struct heap_node *heap_pop(struct heap *h);
/* The node must be in this heap. */
void heap_remove(struct heap *h, struct heap_node *node);
/* After the node's order changed in either direction; it must be in this heap. */
void heap_update(struct heap *h, struct heap_node *node);

#endif
