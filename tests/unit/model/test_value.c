/*
 * Arguments with their futures filled in, words, and JSON.
 */
#include "check_model.h"

#include "codec/pack.h"
#include "model/block.h"
#include "model/value.h"

#include <string.h>

static struct buf in, out;

static bool dep_value(void *ctx, uint32_t index, struct slice *type, struct slice *bytes)
{
	(void)ctx;
	switch (index) {
	case 0:
		*type = slice_str("msgpack");
		*bytes = slice_str("\x93\x01\x02\x03");
		return true;
	case 1:
		*type = slice_str("bytes");
		*bytes = slice_str("raw");
		return true;
	case 2: /* two values */
		*type = slice_str("msgpack");
		*bytes = slice_str("\x01\x02");
		return true;
	case 3: /* cut */
		*type = slice_str("msgpack");
		*bytes = slice_str("\x92\x02");
		return true;
	case 9: /* of a dependency that failed */
		*type = slice_str(VALUE_TYPE_NONE);
		*bytes = slice_empty();
		return true;
	default:
		return false;
	}
}

static bool dep_path(void *ctx, uint32_t index, struct slice *path)
{
	(void)ctx;
	*path = slice_str("/in/zero");
	return index == 0;
}

static struct value_source source;

static void setup(void)
{
	buf_init(&in, 1 << 20);
	buf_init(&out, 1 << 20);
	source = (struct value_source){
		.value = dep_value, .path = dep_path, .element = slice_str("\xa1x"), .index = 7};
}

static void teardown(void)
{
	buf_release(&in);
	buf_release(&out);
}

static void future(uint8_t index)
{
	uint8_t bytes[4] = {0, 0, 0, index};

	pack_ext(&in, EXT_FUTURE, slice_of(bytes, 4));
}

static const char *substituted(void)
{
	const char *why = NULL;

	buf_clear(&out);
	buf_append(&out, "kept", 4);
	if (args_substitute(&out, buf_slice(&in), &source, &why))
		return NULL;
	ck_assert_uint_eq(out.n, 4);
	return why;
}

START_TEST(args_are_filled_in)
{
	pack_array(&in, 4);
	future(0);
	pack_map(&in, 2);
	pack_ext(&in, EXT_ELEMENT, slice_empty());
	future(1);
	pack_cstr(&in, "i");
	pack_ext(&in, EXT_INDEX, slice_empty());
	pack_ext(&in, 9, slice_str("z"));
	pack_u64(&in, 300);
	ck_assert_ptr_null(substituted());
	ck_assert(slice_eq(slice_drop(buf_slice(&out), 4),
		slice_of("\x94\x93\x01\x02\x03\x82\xa1x\xc4\x03raw\xa1i\x07\xd4\x09z\xcd\x01\x2c",
			22)));
}
END_TEST

START_TEST(args_outside_arrays)
{
	pack_array(&in, 2);
	pack_ext(&in, EXT_ELEMENT, slice_empty());
	pack_ext(&in, EXT_INDEX, slice_empty());
	source.element = slice_empty();
	source.index = -1;
	ck_assert_ptr_null(substituted());
	ck_assert(slice_eq(slice_drop(buf_slice(&out), 4), slice_str("\x92\xc0\xc0")));
}
END_TEST

START_TEST(no_value_is_nil)
{
	pack_array(&in, 2);
	pack_u64(&in, 1);
	future(9);
	ck_assert_ptr_null(substituted());
	ck_assert(slice_eq(slice_drop(buf_slice(&out), 4), slice_str("\x92\x01\xc0")));
}
END_TEST

START_TEST(args_refused)
{
	for (uint8_t i = 2; i < 5; i++) {
		buf_clear(&in);
		pack_array(&in, 2);
		pack_cstr(&in, "before");
		future(i);
		ck_assert_ptr_nonnull(substituted());
	}
	buf_clear(&in);
	pack_ext(&in, EXT_FUTURE, slice_str("12"));
	ck_assert_ptr_nonnull(strstr(substituted(), "malformed"));
	buf_clear(&in);
	ck_assert_ptr_nonnull(substituted());
	pack_nil(&in);
	pack_nil(&in);
	ck_assert_ptr_nonnull(substituted());
	buf_clear(&in);
	future(0);
	source.value = NULL;
	ck_assert_ptr_nonnull(substituted());
}
END_TEST

START_TEST(args_too_large)
{
	struct buf small;
	const char *why = NULL;

	buf_init(&small, 10);
	pack_array(&in, 3);
	for (int i = 0; i < 3; i++)
		future(0);
	ck_assert(!args_substitute(&small, buf_slice(&in), &source, &why));
	ck_assert_ptr_nonnull(strstr(why, "too large"));
	buf_release(&small);
}
END_TEST

/* The word in `in`, expanded; NULL when it is refused. */
static const char *expanded(void)
{
	struct cursor c;
	const char *why = NULL;

	cursor_init(&c, buf_slice(&in));
	buf_clear(&out);
	if (!word_expand(&out, &c, &source, &why)) {
		ck_assert_ptr_nonnull(why);
		return NULL;
	}
	ck_assert(cursor_at_end(&c));
	return buf_cstr(&out);
}

START_TEST(words)
{
	pack_cstr(&in, "plain");
	ck_assert_str_eq(expanded(), "plain");
	buf_clear(&in);
	pack_array(&in, 5);
	pack_cstr(&in, "--in=");
	future(0);
	pack_bin(&in, slice_str(","));
	pack_ext(&in, EXT_ELEMENT, slice_empty());
	pack_ext(&in, EXT_INDEX, slice_empty());
	ck_assert_str_eq(expanded(), "--in=/in/zero,x7");
	source.element = slice_str("\x92\x01\xa1y");
	ck_assert_str_eq(expanded(), "--in=/in/zero,[1,\"y\"]7");
	source.element = slice_empty();
	ck_assert_str_eq(expanded(), "--in=/in/zero,null7");
	source.element = slice_str("\x92\x01");
	ck_assert_ptr_null(expanded());
}
END_TEST

START_TEST(words_refused)
{
	pack_str(&in, slice_of("a\0b", 3));
	ck_assert_ptr_null(expanded());
	buf_clear(&in);
	pack_array(&in, 1);
	future(1);
	ck_assert_ptr_null(expanded());
	buf_clear(&in);
	pack_array(&in, 1);
	pack_u64(&in, 1);
	ck_assert_ptr_null(expanded());
	buf_clear(&in);
	pack_nil(&in);
	ck_assert_ptr_null(expanded());
	buf_clear(&in);
	pack_array(&in, 1);
	pack_ext(&in, 8, slice_empty());
	ck_assert_ptr_null(expanded());
}
END_TEST

static bool key_of(void *ctx, uint32_t index, struct slice *key)
{
	(void)ctx;
	*key = slice_str("first");
	return index == 0;
}

static const char *json(const char *type)
{
	buf_clear(&out);
	if (!value_to_json(&out, slice_str(type), buf_slice(&in), key_of, NULL))
		return NULL;
	return buf_cstr(&out);
}

START_TEST(json_of_values)
{
	pack_array(&in, 9);
	pack_nil(&in);
	pack_bool(&in, true);
	pack_u64(&in, UINT64_MAX);
	pack_i64(&in, INT64_MIN);
	pack_double(&in, 0.5);
	pack_cstr(&in, "a\"b");
	pack_bin(&in, slice_str("abc"));
	future(0);
	future(1);
	ck_assert_str_eq(json("msgpack"),
		"[null,true,18446744073709551615,-9223372036854775808,0.5,\"a\\\"b\","
		"{\"$bytes\":\"YWJj\"},{\"$key\":\"first\"},{\"$future\":1}]");
	buf_clear(&in);
	buf_append(&in, "abc", 3);
	ck_assert_str_eq(json("bytes"), "{\"$bytes\":\"YWJj\"}");
	ck_assert_ptr_null(json("msgpack"));
}
END_TEST

START_TEST(json_of_maps)
{
	pack_map(&in, 4);
	pack_cstr(&in, "s");
	pack_map(&in, 0);
	pack_i64(&in, -1);
	pack_array(&in, 0);
	pack_array(&in, 2);
	pack_u64(&in, 1);
	pack_map(&in, 1);
	pack_nil(&in);
	pack_nil(&in);
	pack_u64(&in, 2);
	pack_ext(&in, EXT_ELEMENT, slice_empty());
	pack_ext(&in, 77, slice_str("abc"));
	ck_assert_str_eq(json("msgpack"),
		"{\"s\":{},\"-1\":[],\"[1,{\\\"wA==\\\":null}]\":2,"
		"\"{\\\"$element\\\":true}\":{\"$ext\":77,\"$bytes\":\"YWJj\"}}");
}
END_TEST

START_TEST(json_too_deep)
{
	for (int i = 0; i < 64; i++)
		pack_array(&in, 1);
	pack_nil(&in);
	ck_assert_ptr_nonnull(json("msgpack"));
	buf_clear(&in);
	for (int i = 0; i < 65; i++)
		pack_array(&in, 1);
	pack_nil(&in);
	ck_assert_ptr_null(json("msgpack"));
	ck_assert_uint_eq(out.n, 0);
}
END_TEST

TCase *case_value(void)
{
	TCase *tc = tcase_create("value");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, args_are_filled_in);
	tcase_add_test(tc, args_outside_arrays);
	tcase_add_test(tc, no_value_is_nil);
	tcase_add_test(tc, args_refused);
	tcase_add_test(tc, args_too_large);
	tcase_add_test(tc, words);
	tcase_add_test(tc, words_refused);
	tcase_add_test(tc, json_of_values);
	tcase_add_test(tc, json_of_maps);
	tcase_add_test(tc, json_too_deep);
	return tc;
}
