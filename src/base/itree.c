/*
 * Intervals (itree.h): a treap ordered by (lo, serial), its heap order by the mixed serial. Each
 * node knows how far its subtree reaches, so that subtrees that end before a range are left out.
 * Recursion is as deep as the tree, about 2 log2 n.
 */
#include "base/itree.h"

#include "base/ensure.h"
#include "base/hash.h"

static bool before(const struct itree_node *a, const struct itree_node *b)
{
	return a->lo != b->lo ? a->lo < b->lo : a->serial < b->serial;
}

static bool above(const struct itree_node *a, const struct itree_node *b)
{
	return hash_mix64(a->serial) > hash_mix64(b->serial);
}

static void reach_again(struct itree_node *n)
{
	n->reach = n->hi;
	if (n->left && n->left->reach > n->reach)
		n->reach = n->left->reach;
	if (n->right && n->right->reach > n->reach)
		n->reach = n->right->reach;
}

/* What comes before the key goes left, the rest right. */
static void split(struct itree_node *at, const struct itree_node *key, struct itree_node **left,
	struct itree_node **right)
{
	if (!at) {
		*left = *right = NULL;
		return;
	}
	if (before(at, key)) {
		split(at->right, key, &at->right, right);
		*left = at;
	} else {
		split(at->left, key, left, &at->left);
		*right = at;
	}
	reach_again(at);
}

static struct itree_node *merge(struct itree_node *left, struct itree_node *right)
{
	struct itree_node *top;

	if (!left || !right)
		return left ? left : right;
	if (above(left, right)) {
		top = left;
		top->right = merge(top->right, right);
	} else {
		top = right;
		top->left = merge(left, top->left);
	}
	reach_again(top);
	return top;
}

static struct itree_node *add(struct itree_node *at, struct itree_node *node)
{
	if (!at || above(node, at)) {
		split(at, node, &node->left, &node->right);
		reach_again(node);
		return node;
	}
	if (before(node, at))
		at->left = add(at->left, node);
	else
		at->right = add(at->right, node);
	reach_again(at);
	return at;
}

void itree_add(struct itree *t, struct itree_node *node, uint32_t lo, uint32_t hi)
{
	ensure(lo < hi);
	*node = (struct itree_node){.serial = ++t->serial, .lo = lo, .hi = hi, .reach = hi};
	t->root = add(t->root, node);
	t->n++;
}

static struct itree_node *take(struct itree_node *at, struct itree_node *node)
{
	ensure(at != NULL);
	if (at == node)
		return merge(node->left, node->right);
	if (before(node, at))
		at->left = take(at->left, node);
	else
		at->right = take(at->right, node);
	reach_again(at);
	return at;
}

void itree_remove(struct itree *t, struct itree_node *node)
{
	t->root = take(t->root, node);
	node->left = node->right = NULL;
	t->n--;
}

static void each(struct itree_node *at, uint32_t lo, uint32_t hi,
	void (*fn)(struct itree_node *node, void *arg), void *arg)
{
	while (at && at->reach > lo) {
		each(at->left, lo, hi, fn, arg);
		if (at->lo >= hi)
			return;
		if (at->hi > lo)
			fn(at, arg);
		at = at->right;
	}
}

void itree_each(const struct itree *t, uint32_t lo, uint32_t hi,
	void (*fn)(struct itree_node *node, void *arg), void *arg)
{
	each(t->root, lo, hi, fn, arg);
}
