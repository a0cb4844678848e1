/*
 * Option tables: every kind, both forms, where options end, and what is refused.
 */
#include "check_tools.h"

#include "common/options.h"

#include <string.h>

static struct {
	bool flag, other;
	const char *str;
	struct opt_maybe maybe;
	struct opt_list list;
	uint64_t number, size;
	double seconds;
} got;

static const struct opt table[] = {
	{'f', "flag", OPT_FLAG, &got.flag, NULL, "a flag"},
	{'o', "other", OPT_FLAG, &got.other, NULL, "another"},
	{'s', "str", OPT_STR, &got.str, "S", "a string"},
	{0, "maybe", OPT_MAYBE, &got.maybe, "DIR", "with or without"},
	{'l', "list", OPT_LIST, &got.list, "L", "many"},
	{0},
};

static const struct opt second[] = {
	{'n', "number", OPT_UINT, &got.number, "N", "a number"},
	{0, "size", OPT_SIZE, &got.size, "SIZE", "bytes"},
	{'t', "seconds", OPT_SECONDS, &got.seconds, "SEC", "seconds"},
	{0},
};

static const struct opt *const tables[] = {table, second, NULL};
static struct opts opts;

#define PARSE(words_end, ...) parse(words_end, (const char *[]){__VA_ARGS__, NULL})

static char *words[16];

static int parse(bool words_end, const char *const *argv)
{
	int argc = 0;

	opt_list_release(&got.list);
	memset(&got, 0, sizeof got);
	opts = (struct opts){.tables = tables, .words_end = words_end};
	while (argv[argc]) {
		words[argc] = (char *)argv[argc];
		argc++;
	}
	return opts_parse(&opts, argc, words);
}

START_TEST(every_kind)
{
	ck_assert_int_eq(PARSE(false, "--flag", "--str", "a", "--list=x", "--list", "y", "--number",
				 "12", "--size", "2K", "--seconds", "0.5", "word"),
		1);
	ck_assert_str_eq(words[0], "word");
	ck_assert(got.flag && !got.other);
	ck_assert_str_eq(got.str, "a");
	ck_assert_uint_eq(got.list.n, 2);
	ck_assert_str_eq(got.list.v[0], "x");
	ck_assert_str_eq(got.list.v[1], "y");
	ck_assert_ptr_null(got.list.v[2]);
	ck_assert_uint_eq(got.number, 12);
	ck_assert_uint_eq(got.size, 2048);
	ck_assert(got.seconds > 0.49 && got.seconds < 0.51);
}
END_TEST

START_TEST(short_forms)
{
	ck_assert_int_eq(PARSE(false, "-fo", "-sa", "-n", "3", "-t2"), 0);
	ck_assert(got.flag && got.other);
	ck_assert_str_eq(got.str, "a");
	ck_assert_uint_eq(got.number, 3);
	ck_assert(got.seconds > 1.9);
	ck_assert_int_eq(PARSE(false, "-fs", "v"), 0);
	ck_assert_str_eq(got.str, "v");
}
END_TEST

START_TEST(with_and_without_a_value)
{
	ck_assert_int_eq(PARSE(false, "--maybe", "word"), 1);
	ck_assert(got.maybe.given);
	ck_assert_ptr_null(got.maybe.value);
	ck_assert_int_eq(PARSE(false, "--maybe=dir"), 0);
	ck_assert_str_eq(got.maybe.value, "dir");
	ck_assert_int_eq(PARSE(false, "--maybe="), -1);
}
END_TEST

START_TEST(where_options_end)
{
	ck_assert_int_eq(PARSE(false, "a", "--flag", "b", "--", "--other", "-x"), 4);
	ck_assert(got.flag && !got.other);
	ck_assert_str_eq(words[1], "b");
	ck_assert_str_eq(words[2], "--other");
	ck_assert_int_eq(PARSE(true, "--flag", "ls", "--other"), 2);
	ck_assert(got.flag && !got.other);
	ck_assert_int_eq(PARSE(true, "--", "--flag"), 1);
	ck_assert(!got.flag);
	ck_assert_int_eq(PARSE(false, "-", "-1", "-.5", "--flag"), 3);
	ck_assert_str_eq(words[1], "-1");
	ck_assert(got.flag);
}
END_TEST

START_TEST(refused)
{
	ck_assert_int_eq(PARSE(false, "--nope"), -1);
	ck_assert_str_eq(opts.error, "unknown option --nope");
	ck_assert_int_eq(PARSE(false, "--fla"), -1);
	ck_assert_int_eq(PARSE(false, "-z"), -1);
	ck_assert_str_eq(opts.error, "unknown option -z");
	ck_assert_int_eq(PARSE(false, "--str"), -1);
	ck_assert_str_eq(opts.error, "--str: needs a value");
	ck_assert_int_eq(PARSE(false, "-s"), -1);
	ck_assert_int_eq(PARSE(false, "--flag=yes"), -1);
	ck_assert_str_eq(opts.error, "--flag: takes no value");
	ck_assert_int_eq(PARSE(false, "--number", "x"), -1);
	ck_assert_str_eq(opts.error, "--number: not a number: x");
	ck_assert_int_eq(PARSE(false, "--number", "-1"), -1);
	ck_assert_int_eq(PARSE(false, "--seconds", "soon"), -1);
	ck_assert_int_eq(PARSE(false, "--size", "1Q"), -1);
}
END_TEST

TCase *case_options(void)
{
	TCase *c = tcase_create("options");

	tcase_add_test(c, every_kind);
	tcase_add_test(c, short_forms);
	tcase_add_test(c, with_and_without_a_value);
	tcase_add_test(c, where_options_end);
	tcase_add_test(c, refused);
	return c;
}
