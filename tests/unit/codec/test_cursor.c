/* What is packed is read back; what is not there, or of another type, is an error that stays. */
#include "check_codec.h"

#include "codec/cursor.h"
#include "codec/pack.h"

#include <math.h>
#include <stdlib.h>

static struct buf b;
static struct cursor c;

static void setup(void)
{
	buf_init(&b, (size_t)1 << 26);
}

static void teardown(void)
{
	buf_release(&b);
}

static void reread(void)
{
	cursor_init(&c, buf_slice(&b));
}

static void read_bytes(const char *bytes, size_t n)
{
	cursor_init(&c, slice_of(bytes, n));
}

static const uint64_t edges[] = {0, 1, 127, 128, 255, 256, 65535, 65536, UINT32_MAX,
	(uint64_t)UINT32_MAX + 1, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX};
#define EDGES (sizeof(edges) / sizeof(edges[0]))

START_TEST(unsigned_numbers)
{
	for (size_t i = 0; i < EDGES; i++)
		pack_u64(&b, edges[i]);
	reread();
	for (size_t i = 0; i < EDGES; i++) {
		ck_assert_int_eq(cursor_type(&c), CURSOR_UINT);
		ck_assert_uint_eq(cursor_u64(&c), edges[i]);
	}
	ck_assert(cursor_at_end(&c));
	ck_assert_uint_eq(cursor_u64(&c), 0);
	ck_assert(!cursor_ok(&c));
}
END_TEST

START_TEST(signed_numbers)
{
	static const int64_t values[] = {0, -1, -32, -33, -128, -129, -32768, -32769, INT32_MIN,
		(int64_t)INT32_MIN - 1, INT64_MIN, INT64_MAX, 127, 128};
	size_t n = sizeof(values) / sizeof(values[0]);

	for (size_t i = 0; i < n; i++)
		pack_i64(&b, values[i]);
	reread();
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(cursor_type(&c), values[i] < 0 ? CURSOR_INT : CURSOR_UINT);
		ck_assert_int_eq(cursor_i64(&c), values[i]);
	}
	ck_assert(cursor_at_end(&c));
}
END_TEST

START_TEST(a_positive_number_in_a_signed_form_is_a_number)
{
	read_bytes("\xd0\x05\xd1\x01\x00\xd3\x7f\xff\xff\xff\xff\xff\xff\xff", 14);
	ck_assert_int_eq(cursor_type(&c), CURSOR_UINT);
	ck_assert_uint_eq(cursor_u64(&c), 5);
	ck_assert_uint_eq(cursor_u64(&c), 256);
	ck_assert_uint_eq(cursor_u64(&c), INT64_MAX);
	ck_assert(cursor_at_end(&c));
	read_bytes("\xd0\xff", 2);
	cursor_u64(&c);
	ck_assert_str_eq(cursor_error(&c), "a number that is not negative expected");
	read_bytes("\xcf\x80\0\0\0\0\0\0\0", 9);
	ck_assert_int_eq(cursor_i64(&c), 0);
	ck_assert(!cursor_ok(&c));
}
END_TEST

START_TEST(ranges_are_kept)
{
	pack_u64(&b, 10);
	pack_u64(&b, 11);
	pack_u64(&b, (uint64_t)UINT32_MAX + 1);
	reread();
	ck_assert_uint_eq(cursor_u64_max(&c, 10), 10);
	ck_assert_uint_eq(cursor_u64_max(&c, 10), 0);
	ck_assert_str_eq(cursor_error(&c), "number out of range");
	reread();
	cursor_skip(&c);
	cursor_skip(&c);
	ck_assert_uint_eq(cursor_u32(&c), 0);
	ck_assert(!cursor_ok(&c));
}
END_TEST

START_TEST(simple_values)
{
	pack_nil(&b);
	pack_nil(&b);
	pack_bool(&b, true);
	pack_bool(&b, false);
	pack_double(&b, -2.5);
	pack_u64(&b, 3);
	pack_i64(&b, -3);
	reread();
	cursor_nil(&c);
	ck_assert(cursor_try_nil(&c));
	ck_assert(!cursor_try_nil(&c));
	ck_assert(cursor_bool(&c));
	ck_assert(!cursor_bool(&c));
	ck_assert(cursor_double(&c) == -2.5);
	ck_assert(cursor_double(&c) == 3);
	ck_assert(cursor_double(&c) == -3);
	ck_assert(cursor_at_end(&c));
	read_bytes("\xca\x3f\xc0\0\0", 5);
	ck_assert(cursor_double(&c) == 1.5);
	ck_assert(cursor_at_end(&c));
	read_bytes("\xc3", 1);
	ck_assert(cursor_double(&c) == 0);
	ck_assert(!cursor_ok(&c));
}
END_TEST

START_TEST(strings_and_bytes_of_all_lengths)
{
	static const size_t sizes[] = {0, 1, 31, 32, 255, 256, 65535, 65536, 70000};
	char *text = calloc(1, 70000);
	struct slice s;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		buf_clear(&b);
		s = slice_of(text, sizes[i]);
		pack_str(&b, s);
		pack_bin(&b, s);
		pack_ext(&b, -7, s);
		pack_bin_header(&b, (uint32_t)s.n);
		pack_raw(&b, s);
		reread();
		ck_assert_int_eq(cursor_type(&c), CURSOR_STR);
		ck_assert_uint_eq(cursor_str(&c).n, sizes[i]);
		ck_assert_int_eq(cursor_type(&c), CURSOR_BIN);
		ck_assert_uint_eq(cursor_bin(&c).n, sizes[i]);
		{
			int8_t type;

			ck_assert_int_eq(cursor_type(&c), CURSOR_EXT);
			ck_assert_uint_eq(cursor_ext(&c, &type).n, sizes[i]);
			ck_assert_int_eq(type, -7);
		}
		ck_assert_uint_eq(cursor_str_or_bin(&c).n, sizes[i]);
		ck_assert(cursor_at_end(&c));
		reread();
		ck_assert_uint_eq(cursor_str_or_bin(&c).n, sizes[i]);
		ck_assert_uint_eq(cursor_str(&c).n, 0);
		ck_assert_str_eq(cursor_error(&c), "a string expected");
	}
	for (size_t n = 1; n <= 16; n *= 2) {
		int8_t type;

		buf_clear(&b);
		pack_ext(&b, 5, slice_of(text, n));
		reread();
		ck_assert_uint_eq(cursor_ext(&c, &type).n, n);
		ck_assert(cursor_at_end(&c));
	}
	free(text);
}
END_TEST

START_TEST(arrays_and_maps)
{
	static const uint32_t counts[] = {0, 1, 15, 16, 65535, 65536};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		buf_clear(&b);
		pack_array(&b, counts[i]);
		for (uint32_t k = 0; k < counts[i]; k++)
			pack_nil(&b);
		pack_map(&b, counts[i]);
		for (uint32_t k = 0; k < counts[i] * 2; k++)
			pack_nil(&b);
		reread();
		ck_assert_uint_eq(cursor_array(&c), counts[i]);
		for (uint32_t k = 0; k < counts[i]; k++)
			cursor_nil(&c);
		ck_assert_uint_eq(cursor_map(&c), counts[i]);
		for (uint32_t k = 0; k < counts[i] * 2; k++)
			cursor_nil(&c);
		ck_assert(cursor_at_end(&c));
		reread();
		cursor_skip(&c);
		ck_assert_uint_eq(cursor_raw(&c).n, b.n - counts[i] -
							    (counts[i] < 16             ? 1
								    : counts[i] < 65536 ? 3
											: 5));
		ck_assert(cursor_at_end(&c));
	}
}
END_TEST

START_TEST(counts_never_exceed_what_follows)
{
	read_bytes("\xdd\xff\xff\xff\xff\xc0", 6);
	ck_assert_uint_eq(cursor_array(&c), 0);
	ck_assert_str_eq(cursor_error(&c), "a count larger than what follows");
	read_bytes("\x93\xc0\xc0", 3);
	ck_assert_uint_eq(cursor_array(&c), 0);
	ck_assert(!cursor_ok(&c));
	read_bytes("\x82\xc0\xc0\xc0", 4);
	ck_assert_uint_eq(cursor_map(&c), 0);
	ck_assert(!cursor_ok(&c));
	read_bytes("\xdf\xff\xff\xff\xff", 5);
	ck_assert_uint_eq(cursor_map(&c), 0);
	ck_assert(!cursor_ok(&c));
	read_bytes("\xdf\xff\xff\xff\xff\xc0\xc0", 7);
	cursor_skip(&c);
	ck_assert(!cursor_ok(&c));
}
END_TEST

START_TEST(records_may_grow_at_their_end)
{
	uint32_t n;

	pack_array(&b, 4);
	pack_u64(&b, 1);
	pack_u64(&b, 2);
	pack_cstr(&b, "new");
	pack_array(&b, 1);
	pack_nil(&b);
	pack_u64(&b, 99);
	reread();
	n = cursor_array_min(&c, 2);
	ck_assert_uint_eq(n, 4);
	ck_assert_uint_eq(cursor_u64(&c), 1);
	ck_assert_uint_eq(cursor_u64(&c), 2);
	cursor_skip_rest(&c, n, 2);
	ck_assert_uint_eq(cursor_u64(&c), 99);
	ck_assert(cursor_at_end(&c));
	reread();
	ck_assert_uint_eq(cursor_array_min(&c, 5), 0);
	ck_assert(!cursor_ok(&c));
}
END_TEST

START_TEST(the_first_error_stays)
{
	read_bytes("\xc1\x01", 2);
	ck_assert_int_eq(cursor_type(&c), CURSOR_INVALID);
	cursor_skip(&c);
	ck_assert_str_eq(cursor_error(&c), "a byte that msgpack does not use");
	ck_assert_uint_eq(cursor_u64(&c), 0);
	ck_assert(!cursor_bool(&c));
	ck_assert_uint_eq(cursor_str(&c).n, 0);
	ck_assert_uint_eq(cursor_raw(&c).n, 0);
	ck_assert(!cursor_try_nil(&c));
	cursor_fail(&c, "other");
	ck_assert_str_eq(cursor_error(&c), "a byte that msgpack does not use");
	ck_assert(!cursor_at_end(&c));
	ck_assert_int_eq(cursor_type(&c), CURSOR_END);
}
END_TEST

START_TEST(nesting_is_bounded)
{
	for (int depth = 1; depth <= CURSOR_DEPTH_MAX + 20; depth++) {
		buf_clear(&b);
		for (int i = 0; i < depth; i++)
			pack_array(&b, 1);
		pack_nil(&b);
		reread();
		cursor_skip(&c);
		ck_assert_int_eq(cursor_ok(&c), depth <= CURSOR_DEPTH_MAX);
	}
	ck_assert_str_eq(cursor_error(&c), "nesting: at most 64 deep");
}
END_TEST

START_TEST(an_empty_input)
{
	cursor_init(&c, slice_empty());
	ck_assert(cursor_at_end(&c));
	ck_assert_int_eq(cursor_type(&c), CURSOR_END);
	ck_assert_uint_eq(cursor_array(&c), 0);
	ck_assert_str_eq(cursor_error(&c), "a value is missing");
}
END_TEST

TCase *tcase_cursor(void)
{
	TCase *tc = tcase_create("cursor");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, unsigned_numbers);
	tcase_add_test(tc, signed_numbers);
	tcase_add_test(tc, a_positive_number_in_a_signed_form_is_a_number);
	tcase_add_test(tc, ranges_are_kept);
	tcase_add_test(tc, simple_values);
	tcase_add_test(tc, strings_and_bytes_of_all_lengths);
	tcase_add_test(tc, arrays_and_maps);
	tcase_add_test(tc, counts_never_exceed_what_follows);
	tcase_add_test(tc, records_may_grow_at_their_end);
	tcase_add_test(tc, the_first_error_stays);
	tcase_add_test(tc, nesting_is_bounded);
	tcase_add_test(tc, an_empty_input);
	return tc;
}
