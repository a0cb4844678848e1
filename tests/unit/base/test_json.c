/* The JSON writer, base64, hexadecimal, UTF-8. */
#include "check_base.h"

#include "base/json.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>

static struct buf out;
static struct json j;

static void begin(void)
{
	buf_init(&out, 1 << 20);
	json_init(&j, &out);
}

static void expect(const char *text)
{
	ck_assert(json_ok(&j));
	ck_assert_str_eq(buf_cstr(&out), text);
	buf_release(&out);
}

START_TEST(documents_have_their_commas)
{
	begin();
	json_open_object(&j);
	json_key(&j, "a");
	json_int(&j, -1);
	json_key(&j, "b");
	json_open_array(&j);
	json_uint(&j, UINT64_MAX);
	json_bool(&j, true);
	json_put_null(&j);
	json_open_object(&j);
	json_end_object(&j);
	json_open_array(&j);
	json_end_array(&j);
	json_end_array(&j);
	json_key(&j, "c");
	json_time_us(&j, 1500042);
	json_key(&j, "d");
	json_raw(&j, slice_str("[1]"));
	json_key(&j, "e");
	json_cstr(&j, NULL);
	json_end_object(&j);
	expect("{\"a\":-1,\"b\":[18446744073709551615,true,null,{},[]],\"c\":1.500042,\"d\":[1],"
	       "\"e\":null}");
}
END_TEST

START_TEST(several_documents_a_line_each)
{
	begin();
	json_open_array(&j);
	json_end_array(&j);
	json_newline(&j);
	json_uint(&j, 1);
	json_newline(&j);
	expect("[]\n1\n");
}
END_TEST

START_TEST(strings_are_escaped)
{
	static const char text[] = "\"\\\n\t\x01\x7fé\xff\xed\xa0\x80\xc0\xaf€😀\xf0\x9f";

	begin();
	json_str(&j, slice_of(text, sizeof(text) - 1));
	expect("\"\\\"\\\\\\n\\t\\u0001\\u007fé\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
	       "\xef\xbf\xbd\xef\xbf\xbd€😀\xef\xbf\xbd\xef\xbf\xbd\"");
}
END_TEST

START_TEST(doubles_read_back_the_same)
{
	static const double values[] = {0, 1, -1.5, 0.1, 1e300, 1.0 / 3, 5e-324, 123456789.125};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		begin();
		json_double(&j, values[i]);
		ck_assert(strtod(buf_cstr(&out), NULL) == values[i]);
		buf_release(&out);
	}
	begin();
	json_double(&j, NAN);
	expect("null");
	begin();
	json_double(&j, 0.1);
	expect("0.1");
}
END_TEST

START_TEST(too_deep_is_not_ok)
{
	begin();
	for (int i = 0; i < JSON_DEPTH_MAX + 50; i++)
		json_open_array(&j);
	json_uint(&j, 1);
	for (int i = 0; i < JSON_DEPTH_MAX + 50; i++)
		json_end_array(&j);
	ck_assert(!json_ok(&j));
	buf_release(&out);
}
END_TEST

START_TEST(a_full_buffer_is_not_ok)
{
	struct buf small;

	buf_init(&small, 4);
	json_init(&j, &small);
	json_cstr(&j, "hello");
	ck_assert(!json_ok(&j));
	buf_release(&small);
}
END_TEST

START_TEST(a_member_without_key_is_a_bug)
{
	begin();
	json_open_object(&j);
	json_uint(&j, 1);
}
END_TEST

START_TEST(base64_both_ways)
{
	static const char *const pairs[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="},
		{"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}};
	static const char *const bad[] = {
		"Z", "Zg=", "Z===", "Zm9v=", "Zh==", "Zm9=", "Zm\n=", "Zg==Zg==", "===="};
	struct buf b;

	buf_init(&b, 1000);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		buf_clear(&b);
		base64_encode(&b, slice_str(pairs[i][0]));
		ck_assert_str_eq(buf_cstr(&b), pairs[i][1]);
		buf_clear(&b);
		ck_assert(base64_decode(&b, slice_str(pairs[i][1])));
		ck_assert_str_eq(buf_cstr(&b), pairs[i][0]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		buf_clear(&b);
		ck_assert_msg(!base64_decode(&b, slice_str(bad[i])), "%s", bad[i]);
		ck_assert_uint_eq(b.n, 0);
	}
	hex_encode(&b, slice_of("\x00\xff\x1a", 3));
	ck_assert_str_eq(buf_cstr(&b), "00ff1a");
	buf_release(&b);
}
END_TEST

START_TEST(utf8_is_judged)
{
	ck_assert(utf8_is_valid(slice_str("aé€😀")));
	ck_assert(utf8_is_valid(slice_empty()));
	ck_assert(!utf8_is_valid(slice_str("\xc3")));
	ck_assert(!utf8_is_valid(slice_str("\xed\xa0\x80")));
	ck_assert(!utf8_is_valid(slice_str("\xe0\x80\x80")));
	ck_assert(!utf8_is_valid(slice_str("\xf4\x90\x80\x80")));
	ck_assert(!utf8_is_valid(slice_str("\x80")));
}
END_TEST

TCase *tcase_json(void)
{
	TCase *tc = tcase_create("json");

	tcase_add_test(tc, documents_have_their_commas);
	tcase_add_test(tc, several_documents_a_line_each);
	tcase_add_test(tc, strings_are_escaped);
	tcase_add_test(tc, doubles_read_back_the_same);
	tcase_add_test(tc, too_deep_is_not_ok);
	tcase_add_test(tc, a_full_buffer_is_not_ok);
	tcase_add_test_raise_signal(tc, a_member_without_key_is_a_bug, 6);
	tcase_add_test(tc, base64_both_ways);
	tcase_add_test(tc, utf8_is_judged);
	return tc;
}
