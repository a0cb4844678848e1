/*
 * Looking into msgpack that nobody vouches for.
 */
#include "check_tools.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "codec/pack.h"
#include "common/value.h"

static struct buf b;

static void setup(void)
{
	buf_init(&b, 65536);
}

static void teardown(void)
{
	buf_release(&b);
}

START_TEST(members)
{
	struct slice map;

	pack_map(&b, 3);
	pack_cstr(&b, "a");
	pack_u64(&b, 7);
	pack_cstr(&b, "b");
	pack_cstr(&b, "text");
	pack_cstr(&b, "c");
	pack_nil(&b);
	map = buf_slice(&b);
	ck_assert_uint_eq(value_u64(value_member(map, "a"), 0), 7);
	ck_assert(slice_eq_str(value_bytes(value_member(map, "b")), "text"));
	ck_assert(value_is_nil(value_member(map, "c")));
	ck_assert(value_is_nil(value_member(map, "d")));
	ck_assert_uint_eq(value_u64(value_member(map, "b"), 99), 99);
	ck_assert(slice_is_empty(value_bytes(value_member(map, "a"))));
	ck_assert(value_double(value_member(map, "a"), 0) > 6.9);
	ck_assert(slice_is_empty(value_member(value_member(map, "a"), "x")));
}
END_TEST

START_TEST(elements)
{
	struct slice one;
	uint64_t sum = 0;

	pack_array(&b, 3);
	for (uint64_t i = 1; i <= 3; i++)
		pack_u64(&b, i * 1000);
	for (struct values v = values_of(buf_slice(&b)); values_next(&v, &one);)
		sum += value_u64(one, 0);
	ck_assert_uint_eq(sum, 6000);
	for (struct values v = values_of(slice_empty()); values_next(&v, &one);)
		ck_abort();
}
END_TEST

/* Every cut of an answer reads as less, and never past its end. */
START_TEST(cut_anywhere)
{
	struct slice one;

	pack_map(&b, 2);
	pack_cstr(&b, "rows");
	pack_array(&b, 2);
	pack_cstr(&b, "x");
	pack_u64(&b, 123456);
	pack_cstr(&b, "n");
	pack_u64(&b, 5);
	for (size_t n = 0; n < b.n; n++) {
		uint8_t *cut = n ? xmemdup(b.p, n) : NULL;
		struct slice s = slice_of(cut, n);

		for (struct values v = values_of(value_member(s, "rows")); values_next(&v, &one);)
			value_u64(one, 0);
		ck_assert_uint_eq(value_u64(value_member(s, "n"), 77), 77);
		free(cut);
	}
}
END_TEST

START_TEST(as_json)
{
	struct json j;
	struct buf text;

	buf_init(&text, 65536);
	json_init(&j, &text);
	pack_array(&b, 3);
	pack_i64(&b, -1);
	pack_bin(&b, slice_str("hi"));
	pack_cstr(&b, "a\"b");
	ck_assert(value_json(&j, buf_slice(&b)));
	ck_assert_str_eq(buf_cstr(&text), "[-1,{\"$bytes\":\"aGk=\"},\"a\\\"b\"]");
	buf_clear(&text);
	json_init(&j, &text);
	ck_assert(!value_json(&j, slice_of("\xc1", 1)));
	ck_assert_str_eq(buf_cstr(&text), "null");
	buf_release(&text);
}
END_TEST

TCase *case_value(void)
{
	TCase *c = tcase_create("value");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, members);
	tcase_add_test(c, elements);
	tcase_add_test(c, cut_anywhere);
	tcase_add_test(c, as_json);
	return c;
}
