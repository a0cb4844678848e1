/*
 * A tree of intervals [lo, hi) of 32-bit numbers: which of them touch a range is found in time that
 * grows with how many do, not with how many there are. Nodes are intrusive; equal intervals are
 * fine. A treap whose shape follows the order of the additions alone, so that the same operations
 * give the same order. Not thread-safe.
 */
#ifndef BASE_ITREE_H
#define BASE_ITREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct itree_node {
	struct itree_node *left, *right;
	uint64_t serial; /* unique in the tree, given by itree_add */
	uint32_t lo, hi;
	uint32_t reach; /* the highest hi below, and here */
};

struct itree {
	struct itree_node *root;
	uint64_t serial;
	size_t n;
};

static inline void itree_init(struct itree *t)
{
	*t = (struct itree){0};
}

static inline bool itree_is_empty(const struct itree *t)
{
	return t->root == NULL;
}

/* lo < hi. The node must be in no tree. */
void itree_add(struct itree *t, struct itree_node *node, uint32_t lo, uint32_t hi);
/* The node must be in this tree. */
void itree_remove(struct itree *t, struct itree_node *node);
/*
 * Calls fn for each interval that has a number of [lo, hi), by rising lo, those of equal lo in the
 * order they were added. The tree must not change meanwhile.
 */
void itree_each(const struct itree *t, uint32_t lo, uint32_t hi,
	void (*fn)(struct itree_node *node, void *arg), void *arg);
/* Any node, or NULL. */
static inline struct itree_node *itree_any(const struct itree *t)
{
	return t->root;
}

#endif
