/* Slices, buffers, strict parsing. */
#include "check_base.h"

#include "base/buf.h"
#include "base/slice.h"
#include "base/str.h"

#include <stdlib.h>

START_TEST(slices_compare_by_bytes)
{
	struct slice a = slice_str("abc"), b = slice_of("abcd", 4);

	ck_assert(slice_eq(a, slice_of("abcd", 3)));
	ck_assert(!slice_eq(a, b));
	ck_assert_int_lt(slice_cmp(a, b), 0);
	ck_assert_int_gt(slice_cmp(slice_str("b"), a), 0);
	ck_assert_int_eq(slice_cmp(slice_empty(), slice_str("")), 0);
	ck_assert(slice_starts_with(b, a));
	ck_assert(!slice_starts_with(a, b));
	ck_assert(slice_eq_str(slice_drop(b, 2), "cd"));
	ck_assert(slice_is_empty(slice_drop(b, 9)));
	ck_assert(slice_is_empty(slice_str(NULL)));
}
END_TEST

START_TEST(a_buffer_grows_and_keeps_its_bytes)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	for (int i = 0; i < 100000; i++)
		buf_append_byte(&b, (uint8_t)i);
	ck_assert_uint_eq(b.n, 100000);
	for (int i = 0; i < 100000; i++)
		ck_assert_uint_eq(b.p[i], (uint8_t)i);
	buf_clear(&b);
	buf_printf(&b, "%d %s", 12, "x");
	ck_assert_str_eq(buf_cstr(&b), "12 x");
	ck_assert_uint_eq(b.n, 4);
	buf_release(&b);
	ck_assert_ptr_null(b.p);
	ck_assert_uint_eq(b.max, 1 << 20);
}
END_TEST

START_TEST(a_buffer_past_its_maximum_fails_and_stays_failed)
{
	struct buf b;

	buf_init(&b, 10);
	buf_append(&b, "0123456789", 10);
	ck_assert(!b.failed);
	buf_append_byte(&b, 'x');
	ck_assert(b.failed);
	ck_assert_uint_eq(b.n, 10);
	buf_truncate(&b, 2);
	buf_append_byte(&b, 'x');
	ck_assert_uint_eq(b.n, 2);
	ck_assert_ptr_null(buf_reserve(&b, 1));
	buf_clear(&b);
	buf_append_byte(&b, 'y');
	ck_assert_uint_eq(b.n, 1);
	ck_assert_ptr_null(buf_reserve(&b, SIZE_MAX));
	buf_release(&b);
}
END_TEST

START_TEST(a_detached_buffer_belongs_to_the_caller)
{
	struct buf b;
	uint8_t *p;
	size_t n;

	buf_init(&b, 100);
	buf_append(&b, "abc", 3);
	p = buf_detach(&b, &n);
	ck_assert_uint_eq(n, 3);
	ck_assert_mem_eq(p, "abc", 3);
	ck_assert_uint_eq(b.n, 0);
	free(p);
	ck_assert_str_eq(buf_cstr(&b), "");
	buf_release(&b);
}
END_TEST

START_TEST(numbers_are_parsed_strictly)
{
	uint64_t u = 7;
	int64_t i = 7;
	double d = 7;

	ck_assert(str_to_u64(slice_str("18446744073709551615"), &u) && u == UINT64_MAX);
	ck_assert(!str_to_u64(slice_str("18446744073709551616"), &u));
	ck_assert(!str_to_u64(slice_str(""), &u));
	ck_assert(!str_to_u64(slice_str(" 1"), &u));
	ck_assert(!str_to_u64(slice_str("1x"), &u));
	ck_assert(!str_to_u64(slice_str("+1"), &u));
	ck_assert(u == UINT64_MAX);
	ck_assert(str_to_i64(slice_str("-9223372036854775808"), &i) && i == INT64_MIN);
	ck_assert(!str_to_i64(slice_str("-9223372036854775809"), &i));
	ck_assert(!str_to_i64(slice_str("9223372036854775808"), &i));
	ck_assert(!str_to_i64(slice_str("-"), &i));
	ck_assert(str_to_double(slice_str("-2.5e3"), &d) && d == -2500);
	ck_assert(!str_to_double(slice_str("nan"), &d));
	ck_assert(!str_to_double(slice_str("1e999"), &d));
	ck_assert(!str_to_double(slice_str("0x1"), &d));
	ck_assert(!str_to_double(slice_str("."), &d));
}
END_TEST

START_TEST(sizes_and_durations)
{
	uint64_t v = 0;

	ck_assert(parse_size(slice_str("64K"), &v) && v == 65536);
	ck_assert(parse_size(slice_str("1.5G"), &v) && v == (uint64_t)3 << 29);
	ck_assert(parse_size(slice_str("2MiB"), &v) && v == 2 << 20);
	ck_assert(parse_size(slice_str("2MB"), &v) && v == 2 << 20);
	ck_assert(parse_size(slice_str("12B"), &v) && v == 12);
	ck_assert(parse_size(slice_str("0"), &v) && v == 0);
	ck_assert(!parse_size(slice_str("K"), &v));
	ck_assert(!parse_size(slice_str("1KK"), &v));
	ck_assert(!parse_size(slice_str("-1"), &v));
	ck_assert(!parse_size(slice_str("99999999999T"), &v));
	ck_assert(parse_duration_us(slice_str("30"), &v) && v == 30000000);
	ck_assert(parse_duration_us(slice_str("0.25"), &v) && v == 250000);
	ck_assert(parse_duration_us(slice_str("15ms"), &v) && v == 15000);
	ck_assert(parse_duration_us(slice_str("2h"), &v) && v == 7200000000u);
	ck_assert(!parse_duration_us(slice_str("1y"), &v));
	ck_assert(!parse_duration_us(slice_str("-1"), &v));
}
END_TEST

START_TEST(strings_are_copied_and_split)
{
	struct slice head, tail;
	char to[4];

	ck_assert(str_copy(to, sizeof(to), slice_str("abc")));
	ck_assert_str_eq(to, "abc");
	ck_assert(!str_copy(to, sizeof(to), slice_str("abcd")));
	ck_assert_str_eq(to, "abc");
	ck_assert(str_split(slice_str("k=v=w"), '=', &head, &tail));
	ck_assert(slice_eq_str(head, "k") && slice_eq_str(tail, "v=w"));
	ck_assert(!str_split(slice_str("kv"), '=', &head, &tail));
	ck_assert(slice_eq_str(head, "kv") && slice_is_empty(tail));
	ck_assert(!str_split(slice_empty(), '=', &head, &tail));
}
END_TEST

TCase *tcase_bytes(void)
{
	TCase *tc = tcase_create("bytes");

	tcase_add_test(tc, slices_compare_by_bytes);
	tcase_add_test(tc, a_buffer_grows_and_keeps_its_bytes);
	tcase_add_test(tc, a_buffer_past_its_maximum_fails_and_stays_failed);
	tcase_add_test(tc, a_detached_buffer_belongs_to_the_caller);
	tcase_add_test(tc, numbers_are_parsed_strictly);
	tcase_add_test(tc, sizes_and_durations);
	tcase_add_test(tc, strings_are_copied_and_split);
	return tc;
}
