/* What users do to tasks that are there: begin them anew, forget them, set their priority. */
#include "check_core.h"
#include "story.h"

#include <stdlib.h>
#include <string.h>

static void retry(struct story *s, uint64_t request, uint32_t n)
{
	story_act(s, 10, request, ACT_RETRY, 0, 0, ID(n), 1);
}

static enum task_state state_of(struct story *s, uint32_t n)
{
	struct core_task_view v;

	return core_view_task(s->core, ID(n), &v) ? v.state : TASK_GONE;
}

/* The session comes back after a start. */
static void reopen(struct story *s)
{
	struct event e = {.kind = EVENT_OPEN, .conn = 11};
	static const uint8_t zero[TOKEN_BYTES];

	e.open.session = 1;
	e.open.token = slice_of(zero, TOKEN_BYTES);
	e.open.user = slice_str("ann");
	story_step(s, &e);
}

START_TEST(a_failure_begins_anew)
{
	struct story s;

	story_begin_kept(&s);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{.key = "k"}}, 1);
	story_seal(&s);
	story_report(&s, 20, ID(1), 1, TASK_FAILED, 0);
	story_told(&s);
	retry(&s, 2, 1);
	told_eq(&s, "put task 1-1 round 1 leased attempts 0 past: retried\n"
		    "-> 10 reply 2 code 0\n");
	story_watch(&s, 10, ID(1), 1);
	story_seal(&s);
	told_eq(&s, "put lease 2 to worker 1: 1-1\n-> 20 lease 2: 1-1\n");
	story_report(&s, 20, ID(1), 2, TASK_DONE, 0);
	told_eq(&s, "del lease 2\nput task 1-1 round 1 done attempts 1 past: retried\n"
		    "-> 10 outcome 1-1 done\n-> 20 reported\n");
	ck_assert_uint_eq(story_records(&s, RECORD_TASK), 2);
	story_seal(&s);
	story_restart(&s);
	ck_assert(state_of(&s, 1) == TASK_DONE);
	reopen(&s);
	story_told(&s);
	story_runs(&s, EVENT_RELEASE, 11, 3, ID(1), 1);
	told_eq(&s, "del task 1-1 round 1\ndel task 1-1\ndel block 1-1\n-> 11 reply 3 code 0\n");
	ck_assert_uint_eq(story_records(&s, RECORD_TASK), 0);
	story_end(&s);
}
END_TEST

/* The old lease of a bundle that lives on is no lease of the next round. */
START_TEST(a_start_between_two_rounds)
{
	struct story s;

	story_begin_kept(&s);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{0}, {0}}, 2);
	story_seal(&s);
	story_report(&s, 20, ID(1), 1, TASK_FAILED, 0);
	retry(&s, 2, 1);
	story_credit(&s, 20, 0);
	story_seal(&s);
	story_restart(&s);
	ck_assert(state_of(&s, 1) == TASK_READY);
	ck_assert(state_of(&s, 2) == TASK_LEASED);
	story_told(&s);
	story_end(&s);
}
END_TEST

/* A chain of four: the first fails, the others with it. */
static void begin_chain(struct story *s)
{
	struct story_task chain[] = {
		{0}, {.deps = {ID(1)}}, {.deps = {ID(2)}}, {.deps = {ID(3), ID(1)}}};

	story_begin_kept(s);
	story_submit(s, 10, 1, 1, chain, 4);
	story_seal(s);
	story_report(s, 20, ID(1), 1, TASK_FAILED, 0);
	for (int i = 0; i < 4; i++)
		story_pass(s, 0.5);
	for (uint32_t n = 1; n <= 4; n++)
		ck_assert(state_of(s, n) == TASK_FAILED);
	story_told(s);
}

START_TEST(what_it_needs_begins_before_it)
{
	struct story s;

	begin_chain(&s);
	retry(&s, 2, 3);
	told_eq(&s, "put task 1-1 round 1 leased attempts 0 past: retried\n"
		    "put task 1-2 round 1 leased attempts 0 past: retried\n"
		    "put task 1-3 round 1 leased attempts 0 past: retried\n"
		    "-> 10 reply 2 code 0\n");
	ck_assert(state_of(&s, 1) == TASK_READY);
	ck_assert(state_of(&s, 3) == TASK_WAITING);
	ck_assert(state_of(&s, 4) == TASK_FAILED);
	story_seal(&s);
	story_restart(&s);
	ck_assert(state_of(&s, 3) == TASK_WAITING);
	story_told(&s);
	story_end(&s);
}
END_TEST

/* A long chain is climbed in steps; a crash in the middle changes nothing. */
START_TEST(a_long_climb)
{
	enum { LONG = 20000 };
	struct story_task *chain = calloc(LONG, sizeof(*chain));
	struct story s;

	story_begin_kept(&s);
	for (uint32_t i = 1; i < LONG; i++)
		chain[i].deps[0] = ID(i);
	story_submit(&s, 10, 1, 1, chain, LONG);
	story_seal(&s);
	story_report(&s, 20, ID(1), 1, TASK_FAILED, 0);
	story_credit(&s, 20, 0);
	while (state_of(&s, LONG) != TASK_FAILED)
		story_pass(&s, 0.5);
	story_told(&s);
	retry(&s, 2, LONG);
	ck_assert_uint_eq(story_records(&s, RECORD_WORK), 1);
	ck_assert(state_of(&s, LONG) == TASK_FAILED);
	while (state_of(&s, 1) == TASK_FAILED)
		story_pass(&s, 0.5);
	story_seal(&s);
	story_restart(&s);
	story_told(&s);
	ck_assert(state_of(&s, 1) == TASK_READY);
	ck_assert(state_of(&s, LONG) == TASK_FAILED);
	for (int i = 0; i < 40; i++)
		story_pass(&s, 0.5);
	ck_assert(state_of(&s, LONG) == TASK_WAITING);
	ck_assert_uint_eq(story_records(&s, RECORD_WORK), 0);
	buf_clear(&s.told);
	story_told(&s);
	story_end(&s);
	free(chain);
}
END_TEST

START_TEST(a_watch_during_a_climb)
{
	enum { LONG = 20000 };
	struct story_task *chain = calloc(LONG, sizeof(*chain));
	struct story s;

	story_begin_usual(&s);
	for (uint32_t i = 1; i < LONG; i++)
		chain[i].deps[0] = ID(i);
	story_submit(&s, 10, 1, 1, chain, LONG);
	story_seal(&s);
	story_report(&s, 20, ID(1), 1, TASK_FAILED, 0);
	while (state_of(&s, LONG) != TASK_FAILED)
		story_pass(&s, 0.5);
	retry(&s, 2, LONG);
	buf_clear(&s.told);
	story_watch(&s, 10, ID(LONG), 1);
	for (int i = 0; i < 20; i++)
		story_pass(&s, 0.5);
	ck_assert_ptr_null(strstr(buf_cstr(&s.told), "outcome"));
	buf_clear(&s.told);
	story_runs(&s, EVENT_CANCEL, 10, 3, ID(LONG), 1);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&s.told), "-> 10 outcome 1-20000 cancelled"));
	buf_clear(&s.told);
	story_told(&s);
	story_end(&s);
	free(chain);
}
END_TEST

START_TEST(what_cannot_begin_anew)
{
	struct story s;

	begin_chain(&s);
	/* done, unfinished, not there */
	story_submit(&s, 10, 2, 5, (struct story_task[]){{0}, {0}}, 2);
	story_seal(&s);
	story_report(&s, 20, ID(5), 2, TASK_DONE, 0);
	story_told(&s);
	retry(&s, 3, 5);
	told_eq(&s, "put reply 1 3\n-> 10 reply 3 code 9 it is done, and its result is there\n");
	retry(&s, 4, 6);
	told_eq(&s, "-> 10 reply 4 code 0\n");
	retry(&s, 5, 77);
	told_eq(&s, "put reply 1 5\n-> 10 reply 5 code 6 there is no such task any more\n");
	/* what the last of the chain needs is gone */
	story_runs(&s, EVENT_RELEASE, 10, 6, ID(1), 1);
	story_seal(&s);
	story_told(&s);
	retry(&s, 7, 4);
	told_eq(&s, "put reply 1 7\n-> 10 reply 7 code 9 what it depends on is no longer there\n");
	/* asked to leave such as they are, it does */
	story_act(&s, 10, 8, ACT_RETRY, ACT_SKIP, 0, ID(1), 6);
	told_eq(&s, "-> 10 reply 8 code 0\n");
	story_end(&s);
}
END_TEST

START_TEST(not_ones_own)
{
	struct event e = {.kind = EVENT_OPEN, .conn = 30};
	struct story s;

	begin_chain(&s);
	e.open.user = slice_str("bob");
	story_step(&s, &e);
	story_told(&s);
	story_act(&s, 30, 1, ACT_RETRY, 0, 0, ID(1), 1);
	told_eq(&s, "put reply 2 1\n-> 30 reply 1 code 9 it is another user's\n");
	story_act(&s, 30, 2, ACT_RETRY, ACT_SKIP, 0, ID(1), 4);
	story_act(&s, 30, 3, ACT_FORGET, ACT_SKIP, 0, ID(1), 4);
	told_eq(&s, "-> 30 reply 2 code 0\n-> 30 reply 3 code 0\n");
	story_end(&s);
}
END_TEST

START_TEST(many_rounds)
{
	struct story s;
	struct core_task_view v;

	story_begin_kept(&s);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{0}}, 1);
	story_seal(&s);
	for (uint64_t i = 1; i <= 20; i++) {
		story_report(&s, 20, ID(1), i, TASK_FAILED, 0);
		retry(&s, i + 1, 1);
		story_seal(&s);
	}
	ck_assert_uint_eq(story_records(&s, RECORD_TASK), ROUNDS_KEPT);
	story_restart(&s);
	ck_assert(core_view_task(s.core, ID(1), &v));
	ck_assert_uint_eq(v.round, 20);
	ck_assert(v.state == TASK_LEASED);
	story_end(&s);
}
END_TEST

/* A command's value is lost with its worker: retry makes it, though nobody wanted it meanwhile. */
START_TEST(a_lost_value)
{
	struct story s;

	story_begin_kept(&s);
	story_submit(&s, 10, 1, 1,
		(struct story_task[]){{.exec = true}, {.deps = {ID(1)}, .exec = true}}, 2);
	story_seal(&s);
	story_report(&s, 20, ID(1), 1, TASK_DONE, 100);
	story_leave(&s, 20);
	story_pass(&s, 31);
	/* its dependent fails for the loss */
	story_join(&s, 21, 2, "two", NULL, 0);
	story_credit(&s, 21, 2);
	story_seal(&s);
	story_pass(&s, 0.5);
	ck_assert(state_of(&s, 2) == TASK_FAILED);
	story_told(&s);
	/* which begins anew with what it needs */
	retry(&s, 2, 2);
	told_eq(&s, "put task 1-1 round 1 leased attempts 0 past: retried\n"
		    "put task 1-2 round 1 leased attempts 0 past: retried\n"
		    "-> 10 reply 2 code 0\n");
	story_seal(&s);
	story_report(&s, 21, ID(1), 2, TASK_DONE, 101);
	story_seal(&s);
	ck_assert(state_of(&s, 2) == TASK_LEASED);
	story_told(&s);
	story_end(&s);
}
END_TEST

/* A task that was ready waits again when what it depends on begins anew. */
START_TEST(a_ready_dependent)
{
	struct story s;

	story_begin_usual(&s);
	story_submit(&s, 10, 1, 1,
		(struct story_task[]){{.exec = true}, {.deps = {ID(1)}, .exec = true}}, 2);
	story_seal(&s);
	story_credit(&s, 20, 0);
	story_report(&s, 20, ID(1), 1, TASK_DONE, 100);
	story_leave(&s, 20);
	story_pass(&s, 31);
	ck_assert(state_of(&s, 2) == TASK_READY);
	retry(&s, 2, 1);
	story_join(&s, 21, 2, "two", NULL, 0);
	story_credit(&s, 21, 2);
	story_seal(&s);
	ck_assert(state_of(&s, 1) == TASK_LEASED);
	ck_assert(state_of(&s, 2) == TASK_WAITING);
	story_told(&s);
	story_report(&s, 21, ID(1), 2, TASK_FAILED, 0);
	story_pass(&s, 0.5);
	ck_assert(state_of(&s, 2) == TASK_FAILED);
	story_told(&s);
	story_end(&s);
}
END_TEST

/* ---- forget ---- */

START_TEST(forgetting)
{
	struct story s;

	story_begin_kept(&s);
	story_submit(&s, 10, 1, 1,
		(struct story_task[]){{.key = "a", .detached = true}, {.key = "b"}, {0}}, 3);
	story_open(&s, 30);
	{
		struct event hold = {.kind = EVENT_HOLD, .conn = 30, .seq = 1};

		hold.keys = slice_of("\x92\xa1"
				     "a\xa1"
				     "b",
			5);
		story_step(&s, &hold);
	}
	story_seal(&s);
	story_report(&s, 20, ID(1), 1, TASK_DONE, 0);
	story_report(&s, 20, ID(2), 2, TASK_DONE, 0);
	story_seal(&s);
	story_told(&s);
	story_act(&s, 10, 2, ACT_FORGET, 0, 0, ID(1), 3);
	told_eq(&s, "put reply 1 2\n-> 10 reply 2 code 9 it has not ended\n");
	story_act(&s, 10, 3, ACT_FORGET, ACT_SKIP, 0, ID(1), 3);
	told_eq(&s, "del hold 2 1-1\ndel task 1-1\ndel hold 2 1-2\ndel task 1-2\n"
		    "-> 10 reply 3 code 0\n");
	ck_assert(state_of(&s, 1) == TASK_GONE);
	ck_assert(state_of(&s, 3) == TASK_LEASED);
	story_seal(&s);
	ck_assert_uint_eq(story_records(&s, RECORD_HOLD), 0);
	story_restart(&s);
	ck_assert(state_of(&s, 1) == TASK_GONE);
	story_told(&s);
	story_end(&s);
}
END_TEST

/* What unfinished dependents need stays until they have ended. */
START_TEST(forgetting_what_is_needed)
{
	struct story s;

	story_begin_usual(&s);
	story_credit(&s, 20, 1);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{0}, {.deps = {ID(1)}}}, 2);
	story_seal(&s);
	story_report(&s, 20, ID(1), 1, TASK_DONE, 0);
	story_seal(&s);
	story_told(&s);
	story_act(&s, 10, 2, ACT_FORGET, 0, 0, ID(1), 1);
	told_eq(&s, "put reply 1 2\n-> 10 reply 2 code 0\n");
	ck_assert(state_of(&s, 1) == TASK_DONE);
	story_report(&s, 20, ID(2), 2, TASK_DONE, 0);
	ck_assert(state_of(&s, 1) == TASK_GONE);
	story_told(&s);
	story_end(&s);
}
END_TEST

/* ---- priority ---- */

START_TEST(priorities)
{
	struct story s;

	story_begin_kept(&s);
	story_credit(&s, 20, 0);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{0}, {0}, {0}, {0}}, 4);
	story_told(&s);
	story_act(&s, 10, 2, ACT_PRIORITY, 0, 7, ID(3), 1);
	told_eq(&s, "put task 1-3 leased attempts 0 priority 7 past: priority\n"
		    "-> 10 reply 2 code 0\n");
	story_act(&s, 10, 3, ACT_PRIORITY, 0, -7, ID(1), 1);
	story_seal(&s);
	story_restart(&s);
	story_told(&s);
	story_join(&s, 21, 1, "one", NULL, 0);
	story_credit(&s, 21, 1);
	story_told(&s);
	story_seal(&s);
	told_eq(&s, "put lease 1 to worker 1: 1-3\n-> 21 lease 1: 1-3\n");
	story_credit(&s, 21, 4);
	story_seal(&s);
	told_eq(&s, "put lease 2 to worker 1: 1-2 1-4 1-1\n-> 21 lease 2: 1-2 1-4 1-1\n");
	story_end(&s);
}
END_TEST

START_TEST(priority_of_an_array)
{
	struct story s;
	struct core_task_view v;

	story_begin_kept(&s);
	story_credit(&s, 20, 0);
	story_array(&s, 10, 1, 1, "arr", 10);
	story_submit(&s, 10, 2, 11, (struct story_task[]){{0}}, 1);
	story_told(&s);
	story_act(&s, 10, 3, ACT_PRIORITY, ACT_SKIP, -1, ID(1), 10);
	told_eq(&s, "put amend 4294967297\n-> 10 reply 3 code 0\n");
	story_seal(&s);
	story_restart(&s);
	ck_assert(core_view_task(s.core, ID(5), &v));
	ck_assert_int_eq(v.priority, -1);
	reopen(&s);
	story_join(&s, 21, 1, "one", NULL, 0);
	story_credit(&s, 21, 2);
	story_told(&s);
	story_seal(&s);
	told_eq(&s, "put lease 1 to worker 1: 1-11 1-1\n-> 21 lease 1: 1-11 1-1\n");
	/* an element of it; then all of them again, one by one */
	story_act(&s, 11, 4, ACT_PRIORITY, 0, 5, ID(9), 1);
	story_credit(&s, 21, 3);
	story_told(&s);
	story_seal(&s);
	told_eq(&s, "put lease 3 to worker 1: 1-9\n-> 21 lease 3: 1-9\n");
	story_act(&s, 11, 5, ACT_PRIORITY, ACT_SKIP, 2, ID(1), 10);
	ck_assert(core_view_task(s.core, ID(9), &v));
	ck_assert_int_eq(v.priority, 2);
	ck_assert(core_view_task(s.core, ID(5), &v));
	ck_assert_int_eq(v.priority, 2);
	story_told(&s);
	story_end(&s);
}
END_TEST

START_TEST(no_priority_for_what_ended)
{
	struct story s;

	begin_chain(&s);
	story_act(&s, 10, 2, ACT_PRIORITY, 0, 7, ID(3), 1);
	told_eq(&s, "put reply 1 2\n-> 10 reply 2 code 9 it has ended\n");
	story_act(&s, 10, 3, ACT_PRIORITY, 0, INT32_MIN, ID(3), 1);
	told_eq(&s, "put reply 1 3\n-> 10 reply 3 code 3 a priority is from -2147483647 to "
		    "2147483647\n");
	story_act(&s, 10, 4, 9, 0, 0, ID(3), 1);
	told_eq(&s, "put reply 1 4\n-> 10 reply 4 code 3 ACT: of an unknown kind\n");
	story_end(&s);
}
END_TEST

Suite *suite_again(void)
{
	Suite *s = suite_create("again");
	TCase *t = tcase_create("again");

	tcase_set_timeout(t, 30);
	tcase_add_test(t, a_failure_begins_anew);
	tcase_add_test(t, a_start_between_two_rounds);
	tcase_add_test(t, what_it_needs_begins_before_it);
	tcase_add_test(t, a_long_climb);
	tcase_add_test(t, a_watch_during_a_climb);
	tcase_add_test(t, what_cannot_begin_anew);
	tcase_add_test(t, not_ones_own);
	tcase_add_test(t, many_rounds);
	tcase_add_test(t, a_lost_value);
	tcase_add_test(t, a_ready_dependent);
	tcase_add_test(t, forgetting);
	tcase_add_test(t, forgetting_what_is_needed);
	tcase_add_test(t, priorities);
	tcase_add_test(t, priority_of_an_array);
	tcase_add_test(t, no_priority_for_what_ended);
	suite_add_tcase(s, t);
	return s;
}
