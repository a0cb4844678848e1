/* Trees of intervals, against a list that is looked through. */
#include "check_base.h"

#include "base/itree.h"
#include "base/list.h"
#include "base/rng.h"

#include <string.h>

#define ITEMS 300

struct item {
	struct itree_node node;
	uint32_t lo, hi;
	uint64_t added; /* 0: in no tree */
};

struct seen {
	struct item *v[ITEMS];
	uint32_t n;
};

static void see(struct itree_node *node, void *arg)
{
	struct seen *s = arg;

	s->v[s->n++] = container_of(node, struct item, node);
}

static void must_be_found(struct itree *t, struct item *items, uint32_t lo, uint32_t hi)
{
	struct seen s = {.n = 0};
	uint32_t n = 0;

	itree_each(t, lo, hi, see, &s);
	for (uint32_t i = 0; i < ITEMS; i++)
		n += items[i].added && items[i].lo < hi && items[i].hi > lo;
	ck_assert_uint_eq(s.n, n);
	for (uint32_t i = 0; i < s.n; i++) {
		ck_assert(s.v[i]->added && s.v[i]->lo < hi && s.v[i]->hi > lo);
		if (i)
			ck_assert(s.v[i - 1]->lo < s.v[i]->lo ||
				  (s.v[i - 1]->lo == s.v[i]->lo &&
					  s.v[i - 1]->added < s.v[i]->added));
	}
}

START_TEST(the_tree_finds_what_touches)
{
	static struct item items[ITEMS];
	struct itree t;
	struct rng r;
	uint64_t added = 0;

	memset(items, 0, sizeof(items));
	itree_init(&t);
	rng_init(&r, 7);
	for (int step = 0; step < 20000; step++) {
		struct item *i = &items[rng_below(&r, ITEMS)];

		if (i->added) {
			itree_remove(&t, &i->node);
			i->added = 0;
		} else {
			i->lo = (uint32_t)rng_below(&r, 100);
			i->hi = i->lo + 1 + (uint32_t)rng_below(&r, rng_chance(&r, 1, 4) ? 50 : 3);
			i->added = ++added;
			itree_add(&t, &i->node, i->lo, i->hi);
		}
		if (step % 16 == 0) {
			uint32_t lo = (uint32_t)rng_below(&r, 150);

			must_be_found(&t, items, lo, lo + 1 + (uint32_t)rng_below(&r, 3));
			must_be_found(&t, items, 0, UINT32_MAX);
		}
	}
	while (!itree_is_empty(&t))
		itree_remove(&t, itree_any(&t));
	ck_assert_uint_eq(t.n, 0);
}
END_TEST

static uint32_t depth(const struct itree_node *n)
{
	uint32_t l, r;

	if (!n)
		return 0;
	l = depth(n->left);
	r = depth(n->right);
	return 1 + (l > r ? l : r);
}

/* Added in order, as watches mostly are. */
START_TEST(the_tree_stays_flat)
{
	static struct itree_node nodes[1 << 16];
	struct itree t;

	itree_init(&t);
	for (uint32_t i = 0; i < 1 << 16; i++)
		itree_add(&t, &nodes[i], i, i + 1);
	ck_assert_uint_lt(depth(t.root), 60);
	for (uint32_t i = 0; i < 1 << 16; i += 2)
		itree_remove(&t, &nodes[i]);
	ck_assert_uint_lt(depth(t.root), 60);
	ck_assert_uint_eq(t.n, 1 << 15);
}
END_TEST

TCase *tcase_itree(void)
{
	TCase *tc = tcase_create("itree");

	tcase_add_test(tc, the_tree_finds_what_touches);
	tcase_add_test(tc, the_tree_stays_flat);
	return tc;
}
