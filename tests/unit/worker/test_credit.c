#include "check_worker.h"

#include "worker/credit.h"

START_TEST(starts_with_the_slots)
{
	struct credit c;

	credit_init(&c, 4);
	ck_assert_uint_eq(credit_limit(&c), 4);
	ck_assert(credit_is_due(&c));
	c.sent = 4;
	ck_assert(!credit_is_due(&c));
}
END_TEST

START_TEST(grows_with_short_tasks)
{
	struct credit c;

	credit_init(&c, 2);
	credit_ended(&c, 1000, 100);
	ck_assert_uint_eq(credit_limit(&c), 2 + 8192);
	credit_init(&c, 2);
	credit_ended(&c, 10, 10 * 1000);
	ck_assert_uint_eq(credit_limit(&c), 2 + 20);
	ck_assert(credit_is_due(&c));
}
END_TEST

START_TEST(long_tasks_are_not_fetched_ahead)
{
	struct credit c;

	credit_init(&c, 2);
	credit_ended(&c, 1, 1000000);
	ck_assert_uint_eq(credit_limit(&c), 2);
}
END_TEST

START_TEST(shrinks_quickly_and_grows_slowly)
{
	struct credit c;
	unsigned steps = 0;

	credit_init(&c, 2);
	credit_ended(&c, 1000, 1000);
	ck_assert_uint_gt(credit_limit(&c), 8000);
	credit_running(&c, 50000);
	ck_assert_uint_lt(credit_limit(&c), 10);
	while (credit_limit(&c) < 1000 && steps < 1000) {
		credit_ended(&c, 100, 100);
		steps++;
	}
	ck_assert_uint_gt(steps, 10);
	ck_assert_uint_lt(steps, 100);
}
END_TEST

START_TEST(closed_wants_nothing)
{
	struct credit c;

	credit_init(&c, 2);
	c.sent = 2;
	c.closed = true;
	ck_assert_uint_eq(credit_limit(&c), 0);
	ck_assert(credit_is_due(&c));
	c.sent = 0;
	ck_assert(!credit_is_due(&c));
}
END_TEST

TCase *credit_tests(void)
{
	TCase *t = tcase_create("credit");

	tcase_add_test(t, starts_with_the_slots);
	tcase_add_test(t, grows_with_short_tasks);
	tcase_add_test(t, long_tasks_are_not_fetched_ahead);
	tcase_add_test(t, shrinks_quickly_and_grows_slowly);
	tcase_add_test(t, closed_wants_nothing);
	return t;
}
