/*
 * Keys: generated ones, what users may give, and the text forms.
 */
#include "check_model.h"

#include "model/block.h"
#include "model/limits.h"

#include <string.h>

static uint64_t parse(const char *s)
{
	return key_parse_generated(slice_str(s));
}

START_TEST(generated)
{
	char text[GENERATED_KEY_BYTES];
	size_t n = key_generate(text, task_id(5, 17));

	ck_assert_uint_eq(n, 7);
	ck_assert(memcmp(text, "dq-5-17", 7) == 0);
	n = key_generate(text, UINT64_MAX);
	ck_assert_uint_eq(n, GENERATED_KEY_BYTES);
	ck_assert_uint_eq(key_parse_generated(slice_of(text, n)), UINT64_MAX);
	ck_assert_uint_eq(parse("dq-5-17"), task_id(5, 17));
	ck_assert_uint_eq(parse("dq-4294967295-1"), task_id(UINT32_MAX, 1));
	ck_assert_uint_eq(parse("dq-4294967296-1"), 0);
	ck_assert_uint_eq(parse("dq-1-4294967296"), 0);
	ck_assert_uint_eq(parse("dq-0-1"), 0);
	ck_assert_uint_eq(parse("dq-1-0"), 0);
	ck_assert_uint_eq(parse("dq-01-1"), 0);
	ck_assert_uint_eq(parse("dq-1-1x"), 0);
	ck_assert_uint_eq(parse("dq-1-"), 0);
	ck_assert_uint_eq(parse("dq--1"), 0);
	ck_assert_uint_eq(parse("dq-11111"), 0);
	ck_assert_uint_eq(parse("dq-"), 0);
	ck_assert_uint_eq(parse(""), 0);
}
END_TEST

static const char *refusal(struct slice key)
{
	const char *why = NULL;

	return key_is_valid(key, &why) ? NULL : why;
}

START_TEST(valid)
{
	char longest[256];
	static const char *const bad[] = {"a/b", "a[1]", "a]", "a\n", "\x7f", "a\xc2\x80",
		"a\xc2\x9f", "\xff", "\xc0\x80", "\xed\xa0\x80", "caf\xc3"};

	memset(longest, 'k', sizeof(longest));
	ck_assert_ptr_null(refusal(slice_of(longest, 255)));
	ck_assert_str_eq(refusal(slice_of(longest, 256)), LIMIT_TEXT(KEY_BYTES));
	ck_assert_ptr_nonnull(refusal(slice_empty()));
	ck_assert_ptr_null(refusal(slice_str("a b@{}:caf\xc3\xa9\xe2\x82\xac")));
	ck_assert_ptr_null(refusal(slice_str("dq-5")));
	ck_assert_ptr_null(refusal(slice_str("a\xc2\xa0")));
	ck_assert_ptr_nonnull(strstr(refusal(slice_str("dq-5-17")), "generated"));
	ck_assert_ptr_nonnull(refusal(slice_of("a\0b", 3)));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_ptr_nonnull(refusal(slice_str(bad[i])));
}
END_TEST

START_TEST(namespaces)
{
	char longest[65];
	const char *why = NULL;

	memset(longest, 'n', sizeof(longest));
	ck_assert(namespace_is_valid(slice_of(longest, 64), &why));
	ck_assert(!namespace_is_valid(slice_of(longest, 65), &why));
	ck_assert_str_eq(why, LIMIT_TEXT(NAMESPACE_BYTES));
	ck_assert(!namespace_is_valid(slice_empty(), &why));
	ck_assert(!namespace_is_valid(slice_str("a/b"), &why));
}
END_TEST

static bool splits(const char *text, const char *ns, const char *key, int64_t element)
{
	struct slice n, k;
	int64_t e;

	return key_split(slice_str(text), &n, &k, &e) && slice_eq_str(n, ns) &&
	       slice_eq_str(k, key) && e == element;
}

START_TEST(split)
{
	struct slice n, k;
	int64_t e;
	static const char *const bad[] = {"", "/", "/key", "ns/", "a/b/c", "k[", "k[]", "k[1",
		"k[-1]", "k[01]", "k[1]x", "k[1][2]", "k[134217728]", "[1]", "ns/[1]", "k]",
		"k[ 1]"};

	ck_assert(splits("key", "", "key", -1));
	ck_assert(splits("ns/key", "ns", "key", -1));
	ck_assert(splits("key[0]", "", "key", 0));
	ck_assert(splits("ns/key[134217727]", "ns", "key", 134217727));
	ck_assert(splits("dq-5-17[3]", "", "dq-5-17", 3));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!key_split(slice_str(bad[i]), &n, &k, &e), "%s", bad[i]);
}
END_TEST

TCase *case_key(void)
{
	TCase *tc = tcase_create("key");

	tcase_add_test(tc, generated);
	tcase_add_test(tc, valid);
	tcase_add_test(tc, namespaces);
	tcase_add_test(tc, split);
	return tc;
}
