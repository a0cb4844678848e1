/*
 * The removable binary heap. A node stores its position plus one, written at each move, so that
 * finding it is free.
 */
#include "base/heap.h"

#include "base/alloc.h"
#include "base/ensure.h"

#include <stdlib.h>

void heap_init(struct heap *h, heap_less_fn *less)
{
	*h = (struct heap){.less = less};
}

void heap_release(struct heap *h)
{
	for (uint32_t i = 0; i < h->n; i++)
		h->v[i]->at = 0;
	free(h->v);
	heap_init(h, h->less);
}

static void place(struct heap *h, uint32_t i, struct heap_node *node)
{
	h->v[i] = node;
	node->at = i + 1;
}

static void sift_up(struct heap *h, uint32_t i, struct heap_node *node)
{
	while (i > 0) {
		uint32_t parent = (i - 1) / 2;

		if (!h->less(node, h->v[parent]))
			break;
		place(h, i, h->v[parent]);
		i = parent;
	}
	place(h, i, node);
}

static void sift_down(struct heap *h, uint32_t i, struct heap_node *node)
{
	for (;;) {
		uint64_t child = (uint64_t)i * 2 + 1;

		if (child >= h->n)
			break;
		if (child + 1 < h->n && h->less(h->v[child + 1], h->v[child]))
			child++;
		if (!h->less(h->v[child], node))
			break;
		place(h, i, h->v[child]);
		i = (uint32_t)child;
	}
	place(h, i, node);
}

/* Puts a node into the hole at i, wherever it belongs from there. */
static void settle(struct heap *h, uint32_t i, struct heap_node *node)
{
	if (i > 0 && h->less(node, h->v[(i - 1) / 2]))
		sift_up(h, i, node);
	else
		sift_down(h, i, node);
}

bool heap_push(struct heap *h, struct heap_node *node)
{
	ensure(node->at == 0);
	if (h->n == h->cap) {
		uint32_t cap = h->cap ? h->cap * 2 : 16;
		struct heap_node **v;

		if (cap > UINT32_MAX / 4)
			return false;
		v = try_realloc(h->v, (size_t)cap * sizeof(*v));
		if (!v)
			return false;
		h->v = v;
		h->cap = cap;
	}
	sift_up(h, h->n++, node);
	return true;
}

struct heap_node *heap_pop(struct heap *h)
{
	struct heap_node *node = heap_peek(h);

	if (node)
		heap_remove(h, node);
	return node;
}

void heap_remove(struct heap *h, struct heap_node *node)
{
	struct heap_node *last;
	uint32_t i;

	ensure(node->at > 0 && node->at <= h->n);
	ensure(h->v[node->at - 1] == node);
	i = node->at - 1;
	node->at = 0;
	last = h->v[--h->n];
	if (last != node)
		settle(h, i, last);
}

void heap_update(struct heap *h, struct heap_node *node)
{
	ensure(node->at > 0 && node->at <= h->n);
	ensure(h->v[node->at - 1] == node);
	settle(h, node->at - 1, node);
}
