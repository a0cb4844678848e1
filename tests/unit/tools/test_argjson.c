/*
 * JSON arguments: what they become, seen through the JSON they are shown as again.
 */
#include "check_tools.h"

#include "../../../tools/dq/argjson.h"
#include "base/buf.h"
#include "client/args.h"
#include "model/value.h"

#include <string.h>

static char why[256];

/* The JSON of what the arguments became; "" if they were refused. */
static const char *again(const char *json)
{
	static char text[4096];
	struct dq_args *args = dq_args_new();
	struct buf packed, shown;

	buf_init(&packed, 65536);
	buf_init(&shown, sizeof text - 1);
	text[0] = why[0] = '\0';
	if (args_json(args, json, why, sizeof why)) {
		args_pack(&packed, args);
		ck_assert(value_to_json(
			&shown, slice_str("msgpack"), buf_slice(&packed), NULL, NULL));
		memcpy(text, buf_cstr(&shown), shown.n + 1);
	}
	buf_release(&packed);
	buf_release(&shown);
	dq_args_free(&args);
	return text;
}

START_TEST(all_kinds)
{
	ck_assert_str_eq(again("1"), "1");
	ck_assert_str_eq(again("-9223372036854775808"), "-9223372036854775808");
	ck_assert_str_eq(again("1.5"), "1.5");
	ck_assert_str_eq(again("true"), "true");
	ck_assert_str_eq(again(" null "), "null");
	ck_assert_str_eq(again("\"a\\u00e9\""), "\"a\xc3\xa9\"");
	ck_assert_str_eq(again("[1,[2,{}],{\"b\":1,\"a\":[]}]"), "[1,[2,{}],{\"b\":1,\"a\":[]}]");
	ck_assert_str_eq(again("{\"$bytes\":\"aGk=\"}"), "{\"$bytes\":\"aGk=\"}");
	ck_assert_str_eq(again("{\"$bytes\":\"\"}"), "{\"$bytes\":\"\"}");
	ck_assert_str_eq(again("[{\"$key\":\"k\"}]"), "[{\"$future\":0}]");
}
END_TEST

START_TEST(refused)
{
	char deep[600];

	ck_assert_str_eq(again("{"), "");
	ck_assert(strncmp(why, "not JSON: ", 10) == 0);
	ck_assert_str_eq(again(""), "");
	ck_assert_str_eq(again("word"), "");
	ck_assert_str_eq(again("1 2"), "");
	ck_assert_str_eq(again("18446744073709551616"), "");
	ck_assert_str_eq(again("[{\"$bytes\":\"!\"}]"), "");
	ck_assert_str_eq(why, "$bytes is not base64");
	memset(deep, '[', 200);
	memset(deep + 200, ']', 200);
	deep[400] = '\0';
	ck_assert_str_eq(again(deep), "");
	ck_assert_str_eq(why, "nested too deep");
}
END_TEST

TCase *case_argjson(void)
{
	TCase *c = tcase_create("argjson");

	tcase_add_test(c, all_kinds);
	tcase_add_test(c, refused);
	return c;
}
