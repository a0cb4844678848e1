/* When tasks run: delays, retries, deadlines, and what a failed dependency does; as stories. */
#include "check_core.h"
#include "story.h"

#include <stdlib.h>

#define S 1000000ull

static struct story s;

static void setup(void)
{
	story_begin_usual(&s);
	s.causes = true;
}

static void teardown(void)
{
	story_end(&s);
}

/* One task of the client, its submit not told. */
static void submit_one(uint32_t n, const struct terms *terms, uint64_t dep)
{
	struct story_task t = {.terms = terms, .deps = {dep}};

	story_submit(&s, 10, n, n, &t, 1);
	story_told(&s);
}

static enum task_state state_of(uint64_t id)
{
	struct core_task_view v;

	return core_view_task(s.core, id, &v) ? v.state : TASK_GONE;
}

START_TEST(delay)
{
	struct terms t = {.delay_us = 2 * S};
	struct core_task_view v;

	submit_one(1, &t, 0);
	story_seal(&s);
	told_eq(&s, "");
	ck_assert(core_view_task(s.core, ID(1), &v));
	ck_assert_int_eq(v.state, TASK_SCHEDULED);
	ck_assert_uint_eq(v.start_us, v.submitted_us + 2 * S);
	story_pass(&s, 1.9);
	story_seal(&s);
	told_eq(&s, "");
	story_pass(&s, 0.1);
	story_seal(&s);
	told_eq(&s, "put lease 1 to worker 1: 1-1\n-> 20 lease 1: 1-1\n");
}
END_TEST

START_TEST(a_time_that_is_past)
{
	struct terms t = {.at_us = 5};

	submit_one(1, &t, 0);
	story_seal(&s);
	told_eq(&s, "put lease 1 to worker 1: 1-1\n-> 20 lease 1: 1-1\n");
}
END_TEST

START_TEST(dependencies_first)
{
	struct terms t = {.delay_us = 5 * S};

	submit_one(1, NULL, 0);
	submit_one(2, &t, ID(1));
	ck_assert_int_eq(state_of(ID(2)), TASK_WAITING);
	story_seal(&s);
	story_report(&s, 20, ID(1), 1, TASK_DONE, 0);
	ck_assert_int_eq(state_of(ID(2)), TASK_SCHEDULED);
	story_told(&s);
	story_pass(&s, 5);
	story_seal(&s);
	told_eq(&s, "put lease 2 to worker 1: 1-2\n-> 20 lease 2: 1-2\n");
	/* and one whose time came first */
	submit_one(3, NULL, 0);
	submit_one(4, &t, ID(3));
	story_seal(&s);
	story_pass(&s, 6);
	ck_assert_int_eq(state_of(ID(4)), TASK_WAITING);
	story_report(&s, 20, ID(3), 3, TASK_DONE, 0);
	ck_assert_int_eq(state_of(ID(4)), TASK_READY);
	story_told(&s);
}
END_TEST

START_TEST(cancelled_before_its_time)
{
	struct terms t = {.delay_us = 5 * S};

	submit_one(1, &t, 0);
	story_runs(&s, EVENT_CANCEL, 10, 2, ID(1), 1);
	told_eq(&s, "put task 1-1 cancelled attempts 0\n-> 10 reply 2 code 0\n");
	story_pass(&s, 6);
	told_eq(&s, "");
}
END_TEST

START_TEST(the_clock_steps)
{
	struct terms t = {.delay_us = 5 * S};

	submit_one(1, &t, 0);
	s.wall_ahead_us = 50 * (int64_t)S; /* on */
	story_pass(&s, 0.5);
	ck_assert_int_eq(state_of(ID(1)), TASK_READY);
	submit_one(2, &t, 0);
	s.wall_ahead_us -= 40 * (int64_t)S; /* back */
	story_pass(&s, 20);
	ck_assert_int_eq(state_of(ID(2)), TASK_SCHEDULED);
	s.wall_ahead_us += 40 * (int64_t)S;
	story_pass(&s, 0.5);
	ck_assert_int_eq(state_of(ID(2)), TASK_READY);
	story_told(&s);
}
END_TEST

START_TEST(retries)
{
	struct terms t = {.retries = 2, .backoff_us = S};
	struct core_task_view v;

	submit_one(1, &t, 0);
	story_seal(&s);
	story_told(&s);
	story_report(&s, 20, ID(1), 1, TASK_FAILED, 0);
	story_seal(&s);
	told_eq(&s, "del lease 1\nput task 1-1 leased attempts 1 past: failed w1 error failures 1 "
		    "due\n-> 20 reported\n");
	ck_assert_int_eq(state_of(ID(1)), TASK_SCHEDULED);
	story_pass(&s, 0.95);
	ck_assert_int_eq(state_of(ID(1)), TASK_SCHEDULED);
	story_pass(&s, 0.30);
	story_seal(&s);
	told_eq(&s, "put lease 2 to worker 1: 1-1\n-> 20 lease 2: 1-1\n");
	story_report(&s, 20, ID(1), 2, TASK_FAILED, 0);
	ck_assert(core_view_task(s.core, ID(1), &v));
	ck_assert_uint_eq(v.failures, 2);
	ck_assert_uint_ge(v.start_us, s.mono_us + 2 * S);
	ck_assert_uint_le(v.start_us, s.mono_us + 2 * S + S / 2);
	story_pass(&s, 2.5);
	story_seal(&s);
	story_told(&s);
	story_report(&s, 20, ID(1), 3, TASK_FAILED, 0);
	told_eq(&s, "del lease 3\nput task 1-1 failed attempts 3 past: failed w1 error, failed w1 "
		    "error failures 2\n-> 20 reported\n");
}
END_TEST

START_TEST(an_old_fence_after_a_retry)
{
	struct terms t = {.retries = 1, .backoff_us = S};

	submit_one(1, &t, 0);
	story_seal(&s);
	story_report(&s, 20, ID(1), 1, TASK_FAILED, 0);
	story_told(&s);
	story_report(&s, 20, ID(1), 1, TASK_DONE, 0);
	told_eq(&s, "-> 20 reported\n");
	ck_assert_int_eq(state_of(ID(1)), TASK_SCHEDULED);
}
END_TEST

START_TEST(once_is_not_tried_again)
{
	struct terms t = {.retries = 3};
	struct story_task task = {.terms = &t, .once = true};

	story_submit(&s, 10, 1, 1, &task, 1);
	story_seal(&s);
	story_told(&s);
	story_report(&s, 20, ID(1), 1, TASK_FAILED, 0);
	told_eq(&s, "del lease 1\nput task 1-1 failed attempts 1\n-> 20 reported\n");
}
END_TEST

START_TEST(released_before_its_retry)
{
	struct terms t = {.retries = 3, .backoff_us = 10 * S};

	submit_one(1, &t, 0);
	story_seal(&s);
	story_report(&s, 20, ID(1), 1, TASK_FAILED, 0);
	story_told(&s);
	story_runs(&s, EVENT_RELEASE, 10, 2, ID(1), 1);
	ck_assert_int_eq(state_of(ID(1)), TASK_GONE);
	story_pass(&s, 15);
	story_told(&s);
}
END_TEST

START_TEST(deadline_of_what_has_not_started)
{
	struct terms soon = {.deadline_us = 3 * S},
		     late = {.deadline_us = 3 * S, .delay_us = 10 * S};

	story_credit(&s, 20, 0);
	submit_one(1, &soon, 0);
	submit_one(2, &soon, ID(1));
	submit_one(3, &late, 0);
	story_pass(&s, 2.5);
	told_eq(&s, "");
	story_pass(&s, 0.5);
	told_eq(&s, "put task 1-1 failed attempts 0 (deadline)\n"
		    "put task 1-2 failed attempts 0 (deadline)\n"
		    "put task 1-3 failed attempts 0 (deadline)\n");
}
END_TEST

START_TEST(deadline_of_what_runs)
{
	struct terms t = {.deadline_us = 3 * S};

	submit_one(1, &t, 0);
	submit_one(2, NULL, ID(1));
	story_seal(&s);
	story_started(&s, 20, ID(1), 1);
	story_told(&s);
	story_pass(&s, 3);
	told_eq(&s, "put task 1-1 cancelling attempts 1 stop deadline\n-> 20 stop 1-1\n");
	story_report(&s, 20, ID(1), 1, TASK_CANCELLED, 0);
	told_eq(&s, "del lease 1\nput task 1-1 failed attempts 1 (deadline)\n"
		    "put task 1-2 failed attempts 0 (dependency 1-1)\n-> 20 reported\n");
}
END_TEST

START_TEST(deadline_and_it_was_done_meanwhile)
{
	struct terms t = {.deadline_us = 3 * S, .retries = 5};

	submit_one(1, &t, 0);
	submit_one(2, &t, 0);
	story_seal(&s);
	story_pass(&s, 3);
	story_told(&s);
	story_report(&s, 20, ID(1), 1, TASK_DONE, 77);
	told_eq(&s, "put task 1-1 failed attempts 1 (deadline)\n-> 20 free 1-1\n-> 20 reported\n");
	story_report(&s, 20, ID(2), 2, TASK_FAILED, 0);
	told_eq(&s, "del lease 1\nput task 1-2 failed attempts 1 (deadline)\n-> 20 reported\n");
}
END_TEST

START_TEST(deadline_and_the_worker_goes)
{
	struct terms t = {.deadline_us = 3 * S};

	submit_one(1, &t, 0);
	story_seal(&s);
	story_pass(&s, 3);
	story_leave(&s, 20);
	story_told(&s);
	story_pass(&s, 31);
	told_eq(&s, "del lease 1\nput task 1-1 failed attempts 0 (deadline)\n"
		    "del worker 1\n");
}
END_TEST

START_TEST(done_in_time)
{
	struct terms t = {.deadline_us = 3 * S, .timeout_us = 7};

	submit_one(1, &t, 0);
	story_seal(&s);
	story_report(&s, 20, ID(1), 1, TASK_DONE, 0);
	story_told(&s);
	story_pass(&s, 5);
	told_eq(&s, "");
}
END_TEST

START_TEST(arrays)
{
	struct terms t = {.delay_us = 2 * S, .deadline_us = 4 * S};
	struct story_task task = {.terms = &t};
	struct core_counts n;
	uint32_t steps;

	story_array_of(&s, 10, 1, &task, 20000);
	story_pass(&s, 1.5);
	core_counts(s.core, &n);
	ck_assert_uint_eq(n.tasks[TASK_SCHEDULED], 20000);
	s.mono_us += S / 2;
	story_pass(&s, 0.000001);
	core_counts(s.core, &n);
	ck_assert_uint_lt(n.tasks[TASK_READY], 4097);
	ck_assert_uint_gt(n.tasks[TASK_READY], 4000);
	steps = story_go_on(&s);
	ck_assert_uint_eq(steps, 4);
	core_counts(s.core, &n);
	ck_assert_uint_eq(n.tasks[TASK_READY], 20000);
	story_seal(&s);
	story_report(&s, 20, ID(1), 1, TASK_DONE, 0);
	story_pass(&s, 1.5);
	story_told(&s);
	s.mono_us += S / 2;
	story_pass(&s, 0.000001);
	ck_assert_uint_eq(story_go_on(&s), 4);
	core_counts(s.core, &n);
	ck_assert_uint_eq(n.tasks[TASK_FAILED], 19998);
	ck_assert_uint_eq(n.tasks[TASK_CANCELLING], 1);
	ck_assert_uint_eq(n.tasks[TASK_DONE], 1);
	s.told.n = 0;
	story_told(&s);
}
END_TEST

START_TEST(an_element_that_is_tried_again)
{
	struct terms t = {.retries = 1, .backoff_us = S, .delay_us = S};
	struct story_task task = {.terms = &t};

	story_array_of(&s, 10, 1, &task, 3);
	story_pass(&s, 1);
	story_seal(&s);
	story_told(&s);
	story_report(&s, 20, ID(1), 1, TASK_FAILED, 0);
	ck_assert_int_eq(state_of(ID(1)), TASK_SCHEDULED);
	ck_assert_int_eq(state_of(ID(2)), TASK_LEASED);
	story_told(&s);
	story_pass(&s, 1.3);
	ck_assert_int_eq(state_of(ID(1)), TASK_READY);
	story_told(&s);
}
END_TEST

/* Many at once go in steps, in the order in which they are due. */
START_TEST(many_at_once)
{
	struct terms t = {.delay_us = S};
	struct story_task *tasks = calloc(10000, sizeof(*tasks));
	struct core_counts n;

	for (int i = 0; i < 10000; i++)
		tasks[i].terms = &t;
	story_submit(&s, 10, 1, 1, tasks, 10000);
	s.mono_us += S;
	story_pass(&s, 0.000001);
	core_counts(s.core, &n);
	ck_assert_uint_le(n.tasks[TASK_READY], 4096);
	ck_assert_uint_eq(story_go_on(&s), 2);
	core_counts(s.core, &n);
	ck_assert_uint_eq(n.tasks[TASK_READY], 10000);
	story_told(&s);
	story_seal(&s);
	told_eq(&s, "put lease 1 to worker 1: 1-1 1-2\n-> 20 lease 1: 1-1 1-2\n");
	free(tasks);
}
END_TEST

START_TEST(skip)
{
	struct terms t = {.on_dep_failure = DEP_SKIP};

	submit_one(1, NULL, 0);
	submit_one(2, &t, ID(1));
	submit_one(3, NULL, ID(2));
	story_seal(&s);
	story_told(&s);
	story_report(&s, 20, ID(1), 1, TASK_FAILED, 0);
	told_eq(&s, "del lease 1\nput task 1-1 failed attempts 1\n"
		    "put task 1-2 cancelled attempts 0 (dependency 1-1)\n"
		    "put task 1-3 cancelled attempts 0 (dependency 1-1)\n-> 20 reported\n");
}
END_TEST

START_TEST(run)
{
	struct terms t = {.on_dep_failure = DEP_RUN};

	submit_one(1, NULL, 0);
	submit_one(2, NULL, 0);
	story_submit(&s, 10, 3, 3, (struct story_task[]){{.terms = &t, .deps = {ID(1), ID(2)}}}, 1);
	story_seal(&s);
	story_told(&s);
	story_report(&s, 20, ID(1), 1, TASK_FAILED, 0);
	ck_assert_int_eq(state_of(ID(3)), TASK_WAITING);
	story_runs(&s, EVENT_CANCEL, 10, 4, ID(2), 1);
	story_report(&s, 20, ID(2), 2, TASK_CANCELLED, 0);
	story_seal(&s);
	story_told(&s);
	ck_assert_int_eq(state_of(ID(3)), TASK_LEASED);
	/* and of those that ended before */
	submit_one(5, &t, ID(1));
	ck_assert_int_eq(state_of(ID(5)), TASK_READY);
}
END_TEST

START_TEST(the_first_is_to_blame)
{
	submit_one(1, NULL, 0);
	submit_one(2, NULL, ID(1));
	submit_one(3, NULL, ID(2));
	story_seal(&s);
	story_told(&s);
	story_report(&s, 20, ID(1), 1, TASK_FAILED, 0);
	story_submit(&s, 10, 4, 4, (struct story_task[]){{.deps = {ID(3)}}}, 1);
	told_eq(&s, "del lease 1\nput task 1-1 failed attempts 1\n"
		    "put task 1-2 failed attempts 0 (dependency 1-1)\n"
		    "put task 1-3 failed attempts 0 (dependency 1-1)\n-> 20 reported\n"
		    "put block 1-4\nput task 1-4 failed attempts 0 (dependency 1-1)\n"
		    "-> 10 reply 4 code 0\n");
}
END_TEST

Suite *suite_times(void)
{
	Suite *suite = suite_create("times");
	TCase *tc = tcase_create("times");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, delay);
	tcase_add_test(tc, a_time_that_is_past);
	tcase_add_test(tc, dependencies_first);
	tcase_add_test(tc, cancelled_before_its_time);
	tcase_add_test(tc, the_clock_steps);
	tcase_add_test(tc, retries);
	tcase_add_test(tc, an_old_fence_after_a_retry);
	tcase_add_test(tc, once_is_not_tried_again);
	tcase_add_test(tc, released_before_its_retry);
	tcase_add_test(tc, deadline_of_what_has_not_started);
	tcase_add_test(tc, deadline_of_what_runs);
	tcase_add_test(tc, deadline_and_it_was_done_meanwhile);
	tcase_add_test(tc, deadline_and_the_worker_goes);
	tcase_add_test(tc, done_in_time);
	tcase_add_test(tc, arrays);
	tcase_add_test(tc, an_element_that_is_tried_again);
	tcase_add_test(tc, many_at_once);
	tcase_add_test(tc, skip);
	tcase_add_test(tc, run);
	tcase_add_test(tc, the_first_is_to_blame);
	suite_add_tcase(suite, tc);
	return suite;
}
