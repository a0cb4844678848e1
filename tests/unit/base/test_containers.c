/* Heaps, lists, bitmaps. */
#include "check_base.h"

#include "base/alloc.h"
#include "base/bitmap.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/rng.h"

#include <string.h>

struct item {
	struct heap_node heap;
	struct list list;
	uint64_t key;
};

static bool item_less(const struct heap_node *a, const struct heap_node *b)
{
	return container_of(a, struct item, heap)->key < container_of(b, struct item, heap)->key;
}

static uint64_t least(const struct item *items, int n)
{
	uint64_t key = UINT64_MAX;

	for (int i = 0; i < n; i++)
		if (heap_contains(&items[i].heap) && items[i].key < key)
			key = items[i].key;
	return key;
}

START_TEST(the_heap_gives_the_least_whatever_was_done)
{
	static struct item items[200];
	struct heap h;
	struct rng r;

	memset(items, 0, sizeof(items));
	heap_init(&h, item_less);
	rng_init(&r, (uint64_t)_i);
	for (int step = 0; step < 5000; step++) {
		struct item *it = &items[rng_below(&r, 200)];
		uint64_t key = rng_below(&r, 1000);

		if (!heap_contains(&it->heap)) {
			it->key = key;
			ck_assert(heap_push(&h, &it->heap));
		} else if (rng_chance(&r, 1, 2)) {
			it->key = key;
			heap_update(&h, &it->heap);
		} else {
			heap_remove(&h, &it->heap);
		}
		if (!heap_is_empty(&h))
			ck_assert_uint_eq(container_of(heap_peek(&h), struct item, heap)->key,
				least(items, 200));
	}
	for (uint64_t last = 0; !heap_is_empty(&h);) {
		struct item *it = container_of(heap_pop(&h), struct item, heap);

		ck_assert_uint_ge(it->key, last);
		ck_assert(!heap_contains(&it->heap));
		last = it->key;
	}
	ck_assert_ptr_null(heap_pop(&h));
	heap_release(&h);
}
END_TEST

START_TEST(a_released_heap_leaves_its_nodes_absent)
{
	struct item it = {.key = 1};
	struct heap h;

	heap_init(&h, item_less);
	ck_assert(heap_push(&h, &it.heap));
	heap_release(&h);
	ck_assert(!heap_contains(&it.heap));
	ck_assert(heap_push(&h, &it.heap));
	heap_release(&h);
}
END_TEST

START_TEST(lists_keep_order)
{
	struct item items[6];
	struct list a, b;
	uint64_t want = 0;

	list_init(&a);
	list_init(&b);
	for (uint64_t i = 0; i < 6; i++) {
		items[i].key = i;
		list_init(&items[i].list);
	}
	list_push_back(&a, &items[1].list);
	list_push_back(&a, &items[2].list);
	list_push_front(&a, &items[0].list);
	list_push_back(&b, &items[4].list);
	list_push_back(&b, &items[5].list);
	list_insert_before(&items[4].list, &items[3].list);
	list_splice_back(&a, &b);
	ck_assert(list_is_empty(&b));
	list_for_each_entry(it, &a, struct item, list) {
		ck_assert_uint_eq(it->key, want);
		want++;
	}
	ck_assert_uint_eq(want, 6);
	list_for_each_entry_safe(it, next, &a, struct item, list) {
		if (it->key % 2)
			list_remove(&it->list);
	}
	ck_assert(!list_is_linked(&items[1].list));
	list_remove(&items[1].list);
	ck_assert_ptr_eq(list_pop_front(&a), &items[0].list);
	ck_assert_ptr_eq(list_first(&a), &items[2].list);
	ck_assert_ptr_eq(list_last(&a), &items[4].list);
	list_splice_back(&a, &b);
	ck_assert_ptr_eq(list_last(&a), &items[4].list);
}
END_TEST

START_TEST(bitmaps_match_single_bits)
{
	uint64_t w[5];
	bool plain[300];
	struct rng r;

	rng_init(&r, (uint64_t)_i);
	memset(w, 0, sizeof(w));
	memset(plain, 0, sizeof(plain));
	for (int step = 0; step < 300; step++) {
		size_t lo = rng_below(&r, 301), hi = rng_between(&r, lo, 300), n = 0, bits;
		bool set = rng_chance(&r, 1, 2);

		if (set)
			bitmap_set_range(w, lo, hi);
		else
			bitmap_clear_range(w, lo, hi);
		for (size_t i = lo; i < hi; i++)
			plain[i] = set;
		bits = rng_below(&r, 301);
		for (size_t i = 0; i < bits; i++) {
			ck_assert_int_eq(bitmap_test(w, i), plain[i]);
			n += plain[i];
		}
		ck_assert_uint_eq(bitmap_count(w, bits), n);
		for (size_t from = 0; from <= bits; from += 7) {
			size_t one = from, zero = from;

			while (one < bits && !plain[one])
				one++;
			while (zero < bits && plain[zero])
				zero++;
			ck_assert_uint_eq(
				bitmap_find_set(w, bits, from), one < bits ? one : BITMAP_NONE);
			ck_assert_uint_eq(
				bitmap_find_clear(w, bits, from), zero < bits ? zero : BITMAP_NONE);
		}
	}
	bitmap_set(w, 63);
	bitmap_clear(w, 64);
	ck_assert(bitmap_test(w, 63) && !bitmap_test(w, 64));
	ck_assert_uint_eq(bitmap_words(0), 0);
	ck_assert_uint_eq(bitmap_words(64), 1);
	ck_assert_uint_eq(bitmap_words(65), 2);
}
END_TEST

TCase *tcase_containers(void)
{
	TCase *tc = tcase_create("containers");

	tcase_add_loop_test(tc, the_heap_gives_the_least_whatever_was_done, 0, 5);
	tcase_add_test(tc, a_released_heap_leaves_its_nodes_absent);
	tcase_add_test(tc, lists_keep_order);
	tcase_add_loop_test(tc, bitmaps_match_single_bits, 0, 3);
	return tc;
}
