/* map64 and fpmap against a plain array of what should be there. */
#include "check_base.h"

#include "base/fpmap.h"
#include "base/map64.h"
#include "base/rng.h"

#include <string.h>

#define KEYS 5000

/* Few and clustered keys, and the two that have a place of their own. */
static uint64_t key_of(uint64_t i)
{
	if (i == 0)
		return 0;
	if (i == 1)
		return UINT64_MAX;
	return i % 2 ? i : i << 40;
}

struct model {
	bool has[KEYS];
	uint64_t value[KEYS];
	size_t n;
};

static struct model model;

static void step64(struct map64 *m, struct rng *r, bool growing)
{
	uint64_t i = rng_below(r, KEYS), got = 0;

	if (rng_chance(r, growing ? 3 : 1, 4)) {
		uint64_t value = rng_u64(r);

		ck_assert(map64_put(m, key_of(i), value));
		model.n += !model.has[i];
		model.has[i] = true;
		model.value[i] = value;
	} else {
		ck_assert_int_eq(map64_remove(m, key_of(i), &got), model.has[i]);
		if (model.has[i])
			ck_assert_uint_eq(got, model.value[i]);
		model.n -= model.has[i];
		model.has[i] = false;
	}
	i = rng_below(r, KEYS);
	ck_assert_int_eq(map64_get(m, key_of(i), &got), model.has[i]);
	if (model.has[i])
		ck_assert_uint_eq(got, model.value[i]);
	ck_assert_uint_eq(map64_count(m), model.n);
}

static void check_all64(const struct map64 *m)
{
	struct map64_iter it = {0};
	uint64_t key, value;
	size_t n = 0;

	while (map64_next(m, &it, &key, &value)) {
		uint64_t i = key == 0 ? 0 : key == UINT64_MAX ? 1 : key % 2 ? key : key >> 40;

		ck_assert(model.has[i]);
		ck_assert_uint_eq(value, model.value[i]);
		n++;
	}
	ck_assert_uint_eq(n, model.n);
}

START_TEST(map64_matches_a_model)
{
	struct map64 m;
	struct rng r;

	memset(&model, 0, sizeof(model));
	map64_init(&m);
	rng_init(&r, (uint64_t)_i);
	for (int phase = 0; phase < 6; phase++) {
		for (int step = 0; step < 20000; step++)
			step64(&m, &r, phase % 2 == 0);
		check_all64(&m);
	}
	map64_release(&m);
	ck_assert_uint_eq(map64_count(&m), 0);
	ck_assert(!map64_get(&m, 5, NULL));
}
END_TEST

START_TEST(map64_gives_memory_back)
{
	struct map64 m;
	size_t most;

	map64_init(&m);
	for (uint64_t i = 1; i <= 100000; i++)
		ck_assert(map64_put(&m, i, i));
	most = map64_memory_bytes(&m);
	ck_assert_uint_le(most, 100000 * 16 * 4);
	for (uint64_t i = 1; i <= 100000; i++)
		ck_assert(map64_remove(&m, i, NULL));
	ck_assert_uint_lt(map64_memory_bytes(&m), most / 50);
	map64_release(&m);
}
END_TEST

START_TEST(map64_holds_pointers)
{
	struct map64 m = {0};
	int x = 0;

	ck_assert(map64_put_ptr(&m, 3, &x));
	ck_assert_ptr_eq(map64_get_ptr(&m, 3), &x);
	ck_assert_ptr_null(map64_get_ptr(&m, 4));
	*map64_find(&m, 3) = 9;
	ck_assert_ptr_null(map64_find(&m, 4));
	ck_assert_uint_eq((uintptr_t)map64_remove_ptr(&m, 3), 9);
	ck_assert_ptr_null(map64_remove_ptr(&m, 3));
	map64_release(&m);
}
END_TEST

/* Same operations, same order of iteration. */
START_TEST(map64_is_deterministic)
{
	struct map64 m[2];
	struct map64_iter it[2] = {{0}, {0}};
	uint64_t key[2], value[2];

	for (int k = 0; k < 2; k++) {
		struct rng r;

		rng_init(&r, 7);
		map64_init(&m[k]);
		for (int i = 0; i < 3000; i++) {
			uint64_t x = rng_below(&r, 2000);

			if (rng_chance(&r, 2, 3))
				ck_assert(map64_put(&m[k], x, x));
			else
				map64_remove(&m[k], x, NULL);
		}
	}
	while (map64_next(&m[0], &it[0], &key[0], &value[0])) {
		ck_assert(map64_next(&m[1], &it[1], &key[1], &value[1]));
		ck_assert_uint_eq(key[0], key[1]);
	}
	ck_assert(!map64_next(&m[1], &it[1], &key[1], &value[1]));
	map64_release(&m[0]);
	map64_release(&m[1]);
}
END_TEST

static struct fp128 fp_of(uint64_t i)
{
	if (i == 0)
		return (struct fp128){0, 0};
	if (i == 1)
		return (struct fp128){UINT64_MAX, UINT64_MAX};
	/* Some share a half, so that both halves are seen to count. */
	return (struct fp128){i % 7, i};
}

START_TEST(fpmap_matches_a_model)
{
	struct fpmap m;
	struct rng r;
	uint64_t got = 0;
	size_t n = 0;
	struct fpmap_iter it = {0};
	struct fp128 key;

	memset(&model, 0, sizeof(model));
	fpmap_init(&m);
	rng_init(&r, (uint64_t)_i);
	for (int step = 0; step < 60000; step++) {
		uint64_t i = rng_below(&r, KEYS);

		if (rng_chance(&r, step < 30000 ? 3 : 1, 4)) {
			ck_assert(fpmap_put(&m, fp_of(i), i * 3));
			n += !model.has[i];
			model.has[i] = true;
		} else {
			ck_assert_int_eq(fpmap_remove(&m, fp_of(i), &got), model.has[i]);
			n -= model.has[i];
			model.has[i] = false;
		}
		i = rng_below(&r, KEYS);
		ck_assert_int_eq(fpmap_get(&m, fp_of(i), &got), model.has[i]);
		if (model.has[i])
			ck_assert_uint_eq(got, i * 3);
		ck_assert_uint_eq(fpmap_count(&m), n);
	}
	while (fpmap_next(&m, &it, &key, &got)) {
		ck_assert(fp128_eq(key, fp_of(got / 3)));
		n--;
	}
	ck_assert_uint_eq(n, 0);
	fpmap_clear(&m);
	ck_assert_uint_eq(fpmap_memory_bytes(&m), 0);
	ck_assert_ptr_null(fpmap_find(&m, fp_of(3)));
	fpmap_release(&m);
}
END_TEST

TCase *tcase_maps(void)
{
	TCase *tc = tcase_create("maps");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, map64_matches_a_model, 0, 4);
	tcase_add_test(tc, map64_gives_memory_back);
	tcase_add_test(tc, map64_holds_pointers);
	tcase_add_test(tc, map64_is_deterministic);
	tcase_add_loop_test(tc, fpmap_matches_a_model, 0, 3);
	return tc;
}
