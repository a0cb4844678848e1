/* The life of tasks, from submit to the last hold, as stories. */
#include "check_core.h"
#include "story.h"

#include <stdio.h>

START_TEST(opening)
{
	struct story s;

	story_begin(&s);
	story_open(&s, 10);
	told_eq(&s, "-> 10 opened 1 incarnation 1 last 0 next 1\n");
	story_join(&s, 20, 1, "one", NULL, 0);
	told_eq(&s, "put worker 1\n-> 20 joined as worker 1\n");
	story_end(&s);
}
END_TEST

START_TEST(one_task)
{
	struct story s;

	story_begin_usual(&s);
	story_watch(&s, 10, ID(1), 1); /* before it is there: told at once */
	story_submit(&s, 10, 1, 1, (struct story_task[]){{0}}, 1);
	told_eq(&s, "-> 10 outcome 1-1 gone\nput block 1-1\n-> 10 reply 1 code 0\n");
	story_watch(&s, 10, ID(1), 1);
	story_seal(&s);
	told_eq(&s, "put lease 1 to worker 1: 1-1\n-> 20 lease 1: 1-1\n");
	story_started(&s, 20, ID(1), 1);
	story_report(&s, 20, ID(1), 1, TASK_DONE, 0);
	told_eq(&s, "del lease 1\nput task 1-1 done attempts 1\n-> 10 outcome 1-1 done\n-> 20 "
		    "reported\n");
	story_runs(&s, EVENT_RELEASE, 10, 2, ID(1), 1);
	told_eq(&s, "del task 1-1\ndel block 1-1\n-> 10 reply 2 code 0\n");
	story_end(&s);
}
END_TEST

START_TEST(a_dependency)
{
	struct story s;
	struct story_task two[] = {{0}, {.deps = {ID(1)}}};

	story_begin_usual(&s);
	story_submit(&s, 10, 1, 1, two, 2);
	story_seal(&s);
	told_eq(&s, "put block 1-1\n-> 10 reply 1 code 0\nput lease 1 to worker 1: 1-1\n-> 20 "
		    "lease 1: 1-1\n");
	story_report(&s, 20, ID(1), 1, TASK_DONE, 0);
	story_seal(&s);
	told_eq(&s, "del lease 1\nput task 1-1 done attempts 1\n-> 20 reported\n"
		    "put lease 2 to worker 1: 1-2\n-> 20 lease 2: 1-2\n");
	/* the dependent holds what it needs */
	story_runs(&s, EVENT_RELEASE, 10, 2, ID(1), 1);
	told_eq(&s, "-> 10 reply 2 code 0\n");
	story_report(&s, 20, ID(2), 2, TASK_DONE, 0);
	told_eq(&s, "del lease 2\nput task 1-2 done attempts 1\ndel task 1-1\n-> 20 reported\n");
	story_end(&s);
}
END_TEST

START_TEST(a_failure_goes_down)
{
	struct story s;
	struct story_task three[] = {{0}, {.deps = {ID(1)}}, {.deps = {ID(2)}}};

	story_begin_usual(&s);
	story_submit(&s, 10, 1, 1, three, 3);
	story_seal(&s);
	story_told(&s);
	story_report(&s, 20, ID(1), 1, TASK_FAILED, 0);
	told_eq(&s, "del lease 1\nput task 1-1 failed attempts 1\nput task 1-2 failed attempts 0\n"
		    "put task 1-3 failed attempts 0\n-> 20 reported\n");
	story_end(&s);
}
END_TEST

START_TEST(cancelling)
{
	struct story s;
	struct story_task three[] = {{0}, {.deps = {ID(1)}}, {0}};

	story_begin_usual(&s);
	story_submit(&s, 10, 1, 1, three, 3);
	story_credit(&s, 20, 1);
	story_seal(&s);
	story_told(&s);
	/* one that is leased, its dependent, and one that is only ready */
	story_runs(&s, EVENT_CANCEL, 10, 2, ID(1), 1);
	story_runs(&s, EVENT_CANCEL, 10, 3, ID(3), 1);
	told_eq(&s, "put task 1-1 cancelling attempts 0\n-> 10 reply 2 code 0\n-> 20 stop 1-1\n"
		    "put task 1-3 cancelled attempts 0\n-> 10 reply 3 code 0\n");
	/* it ended before it could be stopped: cancelled all the same */
	story_report(&s, 20, ID(1), 1, TASK_DONE, 0);
	told_eq(&s, "del lease 1\nput task 1-1 cancelled attempts 1\nput task 1-2 cancelled "
		    "attempts 0\n"
		    "-> 20 reported\n");
	story_end(&s);
}
END_TEST

/* The start and the stop crossed: the report is the first that says it had started. */
START_TEST(cancelling_what_had_just_started)
{
	struct story s;
	struct story_task one[] = {{0}};

	story_begin_usual(&s);
	story_submit(&s, 10, 1, 1, one, 1);
	story_credit(&s, 20, 1);
	story_seal(&s);
	story_runs(&s, EVENT_CANCEL, 10, 2, ID(1), 1);
	story_told(&s);
	s.ran_from_us = 5;
	story_report(&s, 20, ID(1), 1, TASK_CANCELLED, 0);
	told_eq(&s, "del lease 1\nput task 1-1 cancelled attempts 1\n-> 20 reported\n");
	story_end(&s);
}
END_TEST

START_TEST(an_old_fence)
{
	struct story s;

	story_begin_usual(&s);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{0}}, 1);
	story_seal(&s);
	story_leave(&s, 20);
	story_join(&s, 21, 2, "two", NULL, 0);
	story_credit(&s, 21, 1);
	story_told(&s);
	story_pass(&s, 31);
	story_seal(&s);
	told_eq(&s, "del lease 1\ndel worker 1\nput lease "
		    "2 to worker 2: 1-1\n-> 21 lease 2: 1-1\n");
	/* the first worker is back, under its old identity, with a report that is too late */
	story_join(&s, 22, 1, "one", NULL, 0);
	story_told(&s);
	story_report(&s, 22, ID(1), 1, TASK_DONE, 0);
	told_eq(&s, "-> 22 reported\n");
	story_report(&s, 21, ID(1), 2, TASK_DONE, 0);
	told_eq(&s, "del lease 2\nput task 1-1 done attempts 1\n-> 21 reported\n");
	story_end(&s);
}
END_TEST

START_TEST(an_array_is_one_record)
{
	struct story s;

	story_begin_usual(&s);
	story_array(&s, 10, 1, 1, "many", 100000);
	told_eq(&s, "put block 1-1\n-> 10 reply 1 code 0\n");
	story_seal(&s);
	told_eq(&s, "put lease 1 to worker 1: 1-1 1-2\n-> 20 lease 1: 1-1 1-2\n");
	story_end(&s);
}
END_TEST

START_TEST(an_array_with_a_bound)
{
	struct story s;

	story_begin_usual(&s);
	story_array_at_once(&s, 10, 1, 5, 1);
	story_submit(&s, 10, 2, 6, (struct story_task[]){{0}}, 1);
	story_told(&s);
	/* one of the array, and what comes after it */
	story_seal(&s);
	told_eq(&s, "put lease 1 to worker 1: 1-1 1-6\n-> 20 lease 1: 1-1 1-6\n");
	story_report(&s, 20, ID(6), 2, TASK_DONE, 0);
	story_seal(&s);
	told_eq(&s, "put task 1-6 done attempts 1\n-> 20 reported\n");
	story_report(&s, 20, ID(1), 1, TASK_DONE, 0);
	story_seal(&s);
	told_eq(&s, "del lease 1\nput task 1-1 done attempts 1\n-> 20 reported\n"
		    "put lease 3 to worker 1: 1-2\n-> 20 lease 3: 1-2\n");
	story_end(&s);
}
END_TEST

/* What a key names for the user: "" nothing, else FIRST+COUNT. */
static const char *named(const struct story *s, const char *key)
{
	static char text[40];
	struct run r;

	text[0] = '\0';
	if (core_resolve(s->core, 0, slice_str(key), &r))
		snprintf(text, sizeof(text), "%u+%u", task_id_n(r.first), (unsigned)r.count);
	return text;
}

START_TEST(an_array_from_three_to_five)
{
	struct core_block_view b;
	struct story s;

	story_begin_usual(&s);
	story_array_from(&s, 10, 1, 11, "a", 3, 3);
	told_eq(&s, "put block 1-11\n-> 10 reply 1 code 0\n");
	ck_assert_str_eq(named(&s, "a"), "11+3");
	ck_assert_str_eq(named(&s, "a[2]"), "");
	ck_assert_str_eq(named(&s, "a[3]"), "11+1");
	ck_assert_str_eq(named(&s, "ann/a[5]"), "13+1");
	ck_assert_str_eq(named(&s, "a[6]"), "");
	ck_assert(core_view_block(s.core, ID(11), &b));
	ck_assert_uint_eq(b.first_index, 3);
	/* the indexes are part of what a second submit must equal */
	story_array_from(&s, 10, 2, 14, "a", 3, 3);
	told_eq(&s, "put reply 1 2\n-> 10 reply 2 code 0\n");
	story_array_from(&s, 10, 3, 17, "a", 3, 4);
	told_eq(&s, "put reply 1 3\n-> 10 reply 3 code 8 another task has the key: a\n");
	story_array_from(&s, 10, 4, 20, "b", 2, UINT32_MAX - 1);
	told_eq(&s, "put reply 1 4\n"
		    "-> 10 reply 4 code 3 an array's indexes end at 4294967294\n");
	story_submit(&s, 10, 5, 22, (struct story_task[]){{.first_index = 1}}, 1);
	told_eq(&s, "put reply 1 5\n-> 10 reply 5 code 3 a first index without an array\n");
	story_end(&s);
}
END_TEST

START_TEST(a_session_ends)
{
	struct story s;
	struct story_task two[] = {{0}, {.detached = true}};
	struct event close = {.kind = EVENT_CLOSE, .conn = 10, .seq = 2};

	story_begin_usual(&s);
	story_credit(&s, 20, 0);
	story_submit(&s, 10, 1, 1, two, 2);
	story_told(&s);
	story_step(&s, &close);
	story_seal(&s);
	story_pass(&s, 0.1);
	story_seal(&s);
	/* its own task is cancelled and forgotten, the detached one stays */
	told_eq(&s, "put task 1-1 cancelled attempts 0\ndel task 1-1\n-> 10 reply 2 code 0\nput "
		    "gone 1-1\n");
	story_end(&s);
}
END_TEST

Suite *suite_life(void)
{
	Suite *suite = suite_create("life");
	TCase *t = tcase_create("life");

	tcase_add_test(t, opening);
	tcase_add_test(t, one_task);
	tcase_add_test(t, a_dependency);
	tcase_add_test(t, a_failure_goes_down);
	tcase_add_test(t, cancelling);
	tcase_add_test(t, cancelling_what_had_just_started);
	tcase_add_test(t, an_old_fence);
	tcase_add_test(t, an_array_is_one_record);
	tcase_add_test(t, an_array_with_a_bound);
	tcase_add_test(t, an_array_from_three_to_five);
	tcase_add_test(t, a_session_ends);
	suite_add_tcase(suite, t);
	return suite;
}
