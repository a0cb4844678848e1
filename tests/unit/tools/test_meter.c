/* The text of progress lines. */
#include "check_tools.h"

#include "dq/meter.h"

#include <string.h>

static const char *text_of(const struct meter *m, unsigned columns)
{
	static char text[512];

	meter_text(m, columns, text, sizeof text);
	return text;
}

START_TEST(of_one_task)
{
	struct meter m = {.key = "sum", .state = "", .why = "", .elapsed_s = 3.7};

	ck_assert_str_eq(text_of(&m, 79), "3s sum: waits");
	m.state = "waiting";
	m.why = "waits for numbers";
	m.elapsed_s = 125;
	ck_assert_str_eq(text_of(&m, 79), "2m05s sum: waiting (waits for numbers)");
	ck_assert_str_eq(text_of(&m, 12), "2m05s sum: w");
	m.elapsed_s = 7380;
	ck_assert_str_eq(text_of(&m, 79), "2h03m sum: waiting (waits for numbers)");
	/* nothing that would move the cursor; and no half of a character */
	m.key = "a\033[2Jb\n\xc3\xa9t\xc3\xa9";
	m.why = "";
	ck_assert_str_eq(text_of(&m, 14), "2h03m a?[2Jb?\xc3\xa9");
}
END_TEST

START_TEST(of_many)
{
	struct meter m = {.counts = {.total = 1000, .done = 568, .failed = 2}, .leased = 8};

	ck_assert_str_eq(
		text_of(&m, 79), "[#############..........] 57% 570/1000, 2 failed, 8 at work");
	m.rate = 110.2;
	m.counts.cancelled = 1;
	ck_assert_str_eq(text_of(&m, 119),
		"[######################..................] 57% 571/1000, 2 failed, 1 cancelled, 8 "
		"at work, 110/s, 4s left");
	/* the bar goes first, then the pace, then what stands last */
	ck_assert_str_eq(
		text_of(&m, 65), "57% 571/1000, 2 failed, 1 cancelled, 8 at work, 110/s, 4s left");
	ck_assert_str_eq(text_of(&m, 50), "57% 571/1000, 2 failed, 1 cancelled, 8 at work");
	ck_assert_str_eq(text_of(&m, 20), "57% 571/1000, 2 fail");
	m.counts = (struct dq_counts){.total = 3};
	m.leased = 0;
	m.rate = 0.04;
	ck_assert_str_eq(text_of(&m, 60), "0% 0/3, 0.0/s, 75s left");
	for (unsigned columns = 1; columns < 130; columns++)
		ck_assert_uint_le(strlen(text_of(&m, columns)), columns);
}
END_TEST

TCase *case_meter(void)
{
	TCase *t = tcase_create("meter");

	tcase_add_test(t, of_one_task);
	tcase_add_test(t, of_many);
	return t;
}
