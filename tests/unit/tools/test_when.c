/*
 * TIME as options take it.
 */
#include "check_tools.h"

#include "common/when.h"

#include <stdlib.h>
#include <time.h>

#define NOW 1790000000.5 /* 2026-09-21 14:13:20.5 UTC */

static double when(const char *text)
{
	double at = -1;

	return when_parse(text, NOW, &at) ? at : -1;
}

static void zone(const char *tz)
{
	setenv("TZ", tz, 1);
	tzset();
}

START_TEST(since_1970)
{
	ck_assert_double_eq(when("@0"), 0);
	ck_assert_double_eq(when("@1790000000.25"), 1790000000.25);
	ck_assert_double_eq(when("@"), -1);
	ck_assert_double_eq(when("@-1"), -1);
	ck_assert_double_eq(when("@1s"), -1);
	ck_assert_double_eq(when("1790000000"), -1);
}
END_TEST

START_TEST(iso)
{
	zone("UTC0");
	ck_assert_double_eq(when("2026-09-21T14:13:20Z"), 1790000000);
	ck_assert_double_eq(when("2026-09-21T16:13:20+02:00"), 1790000000);
	ck_assert_double_eq(when("2026-09-21T16:13:20+0200"), 1790000000);
	ck_assert_double_eq(when("2026-09-21T09:43:20-04:30"), 1790000000);
	ck_assert_double_eq(when("2026-09-21 14:13:20"), 1790000000);
	ck_assert_double_eq(when("2026-09-21T14:13"), 1789999980);
	ck_assert_double_eq(when("2026-09-21"), 1789948800);
	ck_assert_double_eq_tol(when("2026-09-21T14:13:20.25Z"), 1790000000.25, 1e-6);
	zone("CET-1CEST,M3.5.0,M10.5.0/3");
	ck_assert_double_eq(when("2026-09-21T16:13:20"), 1790000000);
	ck_assert_double_eq(when("2026-09-21T14:13:20Z"), 1790000000);
}
END_TEST

START_TEST(no_time)
{
	static const char *const bad[] = {"", "now", "2026", "2026-13-01", "2026-02-30",
		"2026-09-21T", "2026-09-21T24:00", "2026-09-21T14:13:20Zx", "2026-9-21",
		"2026-09-21T14:13:20+2", "24:00", "9:30", "09:60", "09:30x", "09:30:00", " 09:30"};

	zone("UTC0");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(when(bad[i]) == -1, "%s was taken", bad[i]);
}
END_TEST

START_TEST(next_time_of_day)
{
	zone("UTC0");
	ck_assert_double_eq(when("14:14"), 1790000040);
	ck_assert_double_eq(when("14:13"), 1789999980 + 86400);
	ck_assert_double_eq(when("00:00"), 1789948800 + 86400);
	zone("CET-1CEST,M3.5.0,M10.5.0/3");
	ck_assert_double_eq(when("16:14"), 1790000040);
}
END_TEST

TCase *case_when(void)
{
	TCase *c = tcase_create("when");

	tcase_add_test(c, since_1970);
	tcase_add_test(c, iso);
	tcase_add_test(c, no_time);
	tcase_add_test(c, next_time_of_day);
	return c;
}
