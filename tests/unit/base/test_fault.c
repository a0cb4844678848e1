/* Fault points: the table, arming, firing. */
#include "check_base.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fault.h"

#include <errno.h>
#include <string.h>

START_TEST(every_point_has_a_name_of_its_own_and_a_text)
{
	ck_assert_uint_gt(fault_count(), 0);
	for (size_t i = 0; i < fault_count(); i++) {
		ck_assert_ptr_nonnull(strchr(fault_name(i), '.'));
		ck_assert_uint_gt(strlen(fault_text(i)), 10);
		for (size_t k = 0; k < i; k++)
			ck_assert_str_ne(fault_name(i), fault_name(k));
	}
}
END_TEST

START_TEST(wrong_specs_are_refused)
{
	static const char *const bad[] = {"x", "no.such:1:die", "loop.read", "loop.read:0:die",
		"loop.read:x:die", "loop.read:1:explode", "loop.read:1:error:EWHAT",
		"loop.read:1:delay:x", "loop.read:1:die:x", "loop.read:1:error:99999",
		"loop.read:1:error,loop.write"};
	const char *why = NULL;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why = NULL;
		ck_assert_msg(!fault_arm(bad[i], &why), "%s", bad[i]);
		ck_assert_ptr_nonnull(why);
		ck_assert(!fault_active);
	}
	ck_assert(fault_arm("loop.read:1:error:28,loop.write:2+:die,loop.accept:*:count", &why));
	ck_assert(fault_active);
	ck_assert(fault_arm(NULL, NULL));
	ck_assert(!fault_active);
}
END_TEST

START_TEST(points_fire_when_they_should)
{
	ck_assert(fault_arm("loop.read:2:error:ENOSPC,loop.write:2+:error", NULL));
	ck_assert_int_eq(fault_pass("loop.read"), 0);
	ck_assert_int_eq(fault_pass("loop.read"), ENOSPC);
	ck_assert_int_eq(fault_pass("loop.read"), 0);
	ck_assert_int_eq(fault_pass("loop.write"), 0);
	ck_assert_int_eq(fault_pass("loop.write"), EIO);
	ck_assert_int_eq(fault_pass("loop.write"), EIO);
	ck_assert_int_eq(fault_pass("loop.accept"), 0);
	for (size_t i = 0; i < fault_count(); i++)
		if (strcmp(fault_name(i), "loop.read") == 0)
			ck_assert_uint_eq(fault_passes(i), 3);
	fault_reset_counts();
	ck_assert_uint_eq(fault_passes(0), 0);
}
END_TEST

START_TEST(a_delay_delays)
{
	uint64_t from = clock_mono_us();

	ck_assert(fault_arm("loop.read:1:delay:20", NULL));
	ck_assert_int_eq(fault_pass("loop.read"), 0);
	ck_assert_uint_ge(clock_mono_us() - from, 20000);
}
END_TEST

START_TEST(a_death_is_a_sigkill)
{
	ck_assert(fault_arm("loop.read:1:die", NULL));
	fault_pass("loop.read");
}
END_TEST

START_TEST(an_unknown_name_in_the_code_is_a_bug)
{
	fault_pass("no.such");
}
END_TEST

START_TEST(allocations_can_be_made_to_fail)
{
	void *p;

	if (!fault_is_built_in())
		return;
	ck_assert(fault_arm("alloc.try:2:error", NULL));
	p = try_malloc(10);
	ck_assert_ptr_nonnull(p);
	ck_assert_ptr_null(try_realloc(p, 20));
	free(p);
	p = try_strdup("x");
	ck_assert_ptr_nonnull(p);
	free(p);
}
END_TEST

TCase *tcase_fault(void)
{
	TCase *tc = tcase_create("fault");

	tcase_add_test(tc, every_point_has_a_name_of_its_own_and_a_text);
	tcase_add_test(tc, wrong_specs_are_refused);
	tcase_add_test(tc, points_fire_when_they_should);
	tcase_add_test(tc, a_delay_delays);
	tcase_add_test_raise_signal(tc, a_death_is_a_sigkill, 9);
	tcase_add_test_raise_signal(tc, an_unknown_name_in_the_code_is_a_bug, 6);
	tcase_add_test(tc, allocations_can_be_made_to_fail);
	return tc;
}
