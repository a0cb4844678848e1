/*
 * Placeholders in words, and lines of text.
 */
#include "check_tools.h"

#include "../../../tools/dq/input.h"
#include "../../../tools/dq/subst.h"

#include <stdio.h>

/* A word as its parts, each a letter and its text. */
static const char *parts(const char *word, bool in_array)
{
	static char text[256];
	struct slice rest = slice_str(word);
	struct part part;
	size_t n = 0;

	text[0] = '\0';
	while (subst_next(&rest, in_array, &part))
		n += (size_t)snprintf(text + n, sizeof text - n, "%c%" SLICE_FMT "|",
			"TIXE"[part.kind], SLICE_ARG(part.text));
	return text;
}

START_TEST(placeholders)
{
	ck_assert_str_eq(parts("", true), "");
	ck_assert_str_eq(parts("plain", true), "Tplain|");
	ck_assert_str_eq(parts("{in:a}", false), "Ia|");
	ck_assert_str_eq(parts("-f{in:ns/a[3]}.txt", false), "T-f|Ins/a[3]|T.txt|");
	ck_assert_str_eq(parts("{in:a}{in:b}", false), "Ia|Ib|");
	ck_assert_str_eq(parts("{in:}", false), "I|");
	ck_assert_str_eq(parts("x{}y{index}", true), "Tx|E|Ty|X|");
	ck_assert_str_eq(parts("{}{}", true), "E|E|");
}
END_TEST

START_TEST(no_placeholders)
{
	ck_assert_str_eq(parts("{}{index}", false), "T{}{index}|");
	ck_assert_str_eq(parts("{in:a", false), "T{in:a|");
	ck_assert_str_eq(parts("awk {print $1}", true), "Tawk {print $1}|");
	ck_assert_str_eq(parts("{ {", true), "T{ {|");
	ck_assert_str_eq(parts("{{}}", true), "T{|E|T}|");
}
END_TEST

START_TEST(lines)
{
	struct slice rest = slice_str("one\n\nthree"), line;

	ck_assert_uint_eq(line_count(rest), 3);
	ck_assert(line_next(&rest, &line) && slice_eq_str(line, "one"));
	ck_assert(line_next(&rest, &line) && slice_eq_str(line, ""));
	ck_assert(line_next(&rest, &line) && slice_eq_str(line, "three"));
	ck_assert(!line_next(&rest, &line));
	ck_assert_uint_eq(line_count(slice_str("a\n")), 1);
	ck_assert_uint_eq(line_count(slice_empty()), 0);
	ck_assert_uint_eq(line_count(slice_str("\n")), 1);
}
END_TEST

TCase *case_subst(void)
{
	TCase *c = tcase_create("subst");

	tcase_add_test(c, placeholders);
	tcase_add_test(c, no_placeholders);
	tcase_add_test(c, lines);
	return c;
}
