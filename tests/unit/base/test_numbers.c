/* Hashes, random numbers, histograms. */
#include "check_base.h"

#include "base/hash.h"
#include "base/hist.h"
#include "base/rng.h"

#include <string.h>

/* The values are on disks and wires: they may never change. */
START_TEST(hashes_are_what_they_always_were)
{
	struct fp128 fp = fp128_of(slice_str("dq"));

	ck_assert_uint_eq(hash64(slice_empty()), 0x2d06800538d394c2u);
	ck_assert_uint_eq(fp128_of(slice_empty()).hi, 0x99aa06d3014798d8u);
	ck_assert_uint_eq(fp128_of(slice_empty()).lo, 0x6001c324468d497fu);
	ck_assert(fp128_eq(fp, fp128_of(slice_str("dq"))));
	ck_assert(!fp128_eq(fp, fp128_of(slice_str("dp"))));
	ck_assert(!fp128_is_zero(fp));
}
END_TEST

START_TEST(incremental_hashes_are_the_same)
{
	static uint8_t bytes[5000];
	struct hasher h;
	struct rng r;

	rng_init(&r, 3);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)rng_u64(&r);
	for (size_t n = 0; n <= sizeof(bytes); n += 1 + n / 4) {
		hasher_init(&h);
		for (size_t at = 0; at < n;) {
			size_t piece = rng_between(&r, 1, n - at);

			hasher_update(&h, bytes + at, piece);
			at += piece;
		}
		ck_assert_uint_eq(hasher_hash64(&h), hash64(slice_of(bytes, n)));
		ck_assert(fp128_eq(hasher_fp128(&h), fp128_of(slice_of(bytes, n))));
	}
}
END_TEST

START_TEST(random_numbers_follow_their_seed)
{
	struct rng a, b;
	uint64_t seen[10] = {0};
	unsigned hits = 0;

	rng_init(&a, 42);
	rng_init(&b, 42);
	for (int i = 0; i < 100; i++)
		ck_assert_uint_eq(rng_u64(&a), rng_u64(&b));
	for (int i = 0; i < 10000; i++) {
		seen[rng_below(&a, 10)]++;
		hits += rng_chance(&a, 1, 4);
		ck_assert(rng_double(&a) < 1);
	}
	for (int i = 0; i < 10; i++)
		ck_assert(seen[i] > 800 && seen[i] < 1200);
	ck_assert(hits > 2200 && hits < 2800);
	ck_assert_uint_eq(rng_between(&a, 5, 5), 5);
	ck_assert_uint_ne(rng_os_u64(), rng_os_u64());
}
END_TEST

START_TEST(percentiles_are_close)
{
	static struct hist h, half;

	hist_init(&h);
	hist_init(&half);
	ck_assert_uint_eq(hist_percentile(&h, 50), 0);
	for (uint64_t v = 1; v <= 100000; v++)
		hist_record(v % 2 ? &h : &half, v);
	hist_merge(&h, &half);
	ck_assert_uint_eq(h.count, 100000);
	ck_assert_uint_eq(h.min, 1);
	ck_assert_uint_eq(h.max, 100000);
	ck_assert(hist_mean(&h) == 50000.5);
	for (unsigned p = 1; p <= 100; p++) {
		uint64_t got = hist_percentile(&h, p), want = p * 1000;

		ck_assert_uint_ge(got, want);
		ck_assert_uint_le(got, want + want / 31);
	}
	ck_assert_uint_ge(hist_count_to(&h, 50000), 50000);
	ck_assert_uint_le(hist_count_to(&h, 50000), 51600);
}
END_TEST

START_TEST(the_whole_range_is_recorded)
{
	static struct hist h;

	hist_init(&h);
	hist_record(&h, UINT64_MAX);
	hist_record(&h, 0);
	hist_record_n(&h, 5, 0);
	ck_assert_uint_eq(h.count, 2);
	ck_assert_uint_eq(hist_percentile(&h, 100), UINT64_MAX);
	ck_assert_uint_eq(hist_percentile(&h, 0), 0);
	for (unsigned bit = 0; bit < 64; bit++) {
		uint64_t v = (uint64_t)1 << bit;

		hist_init(&h);
		hist_record(&h, v);
		hist_record(&h, UINT64_MAX);
		ck_assert_uint_ge(hist_percentile(&h, 50), v);
		ck_assert_uint_le(hist_percentile(&h, 50), v + v / 31);
	}
}
END_TEST

TCase *tcase_numbers(void)
{
	TCase *tc = tcase_create("numbers");

	tcase_add_test(tc, hashes_are_what_they_always_were);
	tcase_add_test(tc, incremental_hashes_are_the_same);
	tcase_add_test(tc, random_numbers_follow_their_seed);
	tcase_add_test(tc, percentiles_are_close);
	tcase_add_test(tc, the_whole_range_is_recorded);
	return tc;
}
