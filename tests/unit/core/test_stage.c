/* Graphs in parts: seen whole or not at all, as stories. */
#include "check_core.h"
#include "story.h"

#include <dq/error.h>

#define ID(n) task_id(1, n)

/* A session (10), a worker (20) with credit for two, and another client (30); all is read. */
static void begin(struct story *s)
{
	story_begin(s);
	story_open(s, 10);
	story_open(s, 30);
	story_join(s, 20, 1, "one", NULL, 0);
	story_credit(s, 20, 2);
	story_seal(s);
	story_told(s);
}

static uint64_t tasks_seen(const struct story *s)
{
	struct core_counts n;
	uint64_t sum = 0;

	core_counts(s->core, &n);
	for (int i = TASK_WAITING; i < TASK_GONE; i++)
		sum += n.tasks[i];
	return sum;
}

static bool resolves(const struct story *s, const char *key)
{
	struct run run;

	return core_resolve(s->core, 0, slice_str(key), &run);
}

static bool one_block(const struct core_block_view *b, void *arg)
{
	uint64_t *n = arg;

	*n += b->live;
	return true;
}

static uint64_t tasks_listed(const struct story *s)
{
	uint64_t n = 0;

	core_each_block(s->core, one_block, &n);
	return n;
}

static void nothing_is_seen(const struct story *s, uint64_t id, const char *key)
{
	struct core_task_view view;
	struct core_block_view block;

	ck_assert_uint_eq(tasks_seen(s), 0);
	ck_assert_uint_eq(tasks_listed(s), 0);
	ck_assert(!resolves(s, key));
	ck_assert(!core_view_task(s->core, id, &view));
	ck_assert(!core_view_block(s->core, id, &block));
}

START_TEST(whole_with_the_commit)
{
	struct story s;

	begin(&s);
	story_part(&s, 10, 1, 1, (struct story_task[]){{.key = "a"}}, 1, SUBMIT_BEGIN);
	told_eq(&s, "put block 1-1\nput stage 1-1\nput stage 1\n-> 10 reply 1 code 0\n");
	nothing_is_seen(&s, ID(1), "a");
	story_part(&s, 10, 2, 2, (struct story_task[]){{.key = "b", .deps = {ID(1)}}}, 1, 0);
	story_watch(&s, 10, ID(1), 2);
	story_seal(&s);
	told_eq(&s, "put block 1-2\nput stage 1-2\nput stage 1\n-> 10 reply 2 code 0\n"
		    "-> 10 outcome 1-1 gone\n-> 10 outcome 1-2 gone\n");
	nothing_is_seen(&s, ID(2), "b");
	story_stage_end(&s, 10, 3, SUBMIT_COMMIT, 2);
	ck_assert_uint_eq(tasks_seen(&s), 2);
	ck_assert(resolves(&s, "a") && resolves(&s, "b"));
	told_eq(&s, "del stage 1\ndel stage 1-1\ndel stage 1-2\n-> 10 reply 3 code 0\n");
	story_seal(&s);
	told_eq(&s, "put lease 1 to worker 1: 1-1\n-> 20 lease 1: 1-1\n");
	story_report(&s, 20, ID(1), 1, TASK_DONE, 0);
	story_seal(&s);
	told_eq(&s, "del lease 1\nput task 1-1 done attempts 1\n-> 20 reported\n"
		    "put lease 2 to worker 1: 1-2\n-> 20 lease 2: 1-2\n");
	story_end(&s);
}
END_TEST

START_TEST(given_up)
{
	struct story s;

	begin(&s);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{.key = "outside"}}, 1);
	story_part(&s, 10, 2, 2, (struct story_task[]){{.key = "a", .deps = {ID(1)}}}, 1,
		SUBMIT_BEGIN);
	story_part(&s, 10, 3, 3, (struct story_task[]){{.deps = {ID(2)}}}, 1, 0);
	story_told(&s);
	story_stage_end(&s, 10, 4, SUBMIT_ABORT, 0);
	told_eq(&s, "del stage 1\ndel stage 1-3\ndel block 1-3\ndel stage 1-2\ndel block 1-2\n"
		    "-> 10 reply 4 code 0\n");
	ck_assert_uint_eq(tasks_seen(&s), 1);
	/* nothing of it is left that keeps what it depended on */
	story_runs(&s, EVENT_RELEASE, 10, 5, ID(1), 1);
	told_eq(&s, "put task 1-1 cancelled attempts 0\ndel task 1-1\ndel block 1-1\n"
		    "-> 10 reply 5 code 0\n");
	/* its keys are free */
	story_submit(&s, 10, 6, 4, (struct story_task[]){{.key = "a", .function = "g"}}, 1);
	told_eq(&s, "put block 1-4\n-> 10 reply 6 code 0\n");
	story_end(&s);
}
END_TEST

START_TEST(its_session_ends)
{
	struct story s;

	begin(&s);
	story_part(&s, 10, 1, 1, (struct story_task[]){{.key = "a", .detached = true}, {0}}, 2,
		SUBMIT_BEGIN);
	story_part(&s, 10, 2, 3, (struct story_task[]){{.deps = {ID(1)}}}, 1, 0);
	story_leave(&s, 10);
	story_pass(&s, 599);
	story_told(&s);
	story_pass(&s, 2);
	told_eq(&s, "del stage 1\ndel stage 1-3\ndel block 1-3\ndel stage 1-1\ndel block 1-1\n");
	story_seal(&s);
	story_pass(&s, 0.1);
	ck_assert_uint_eq(tasks_seen(&s), 0);
	story_told(&s);
	story_end(&s);
}
END_TEST

START_TEST(one_part_refused)
{
	struct story s;
	struct story_task bad[] = {{.key = "b"}, {.deps = {task_id(9, 9)}}};

	begin(&s);
	story_part(&s, 10, 1, 1, (struct story_task[]){{.key = "a"}}, 1, SUBMIT_BEGIN);
	story_told(&s);
	story_part(&s, 10, 2, 2, bad, 2, 0);
	told_eq(&s, "del stage 1\nput reply 1 2\ndel stage 1-1\ndel block 1-1\n"
		    "-> 10 reply 2 code 5 a dependency is not there any more\n");
	story_part(&s, 10, 3, 4, (struct story_task[]){{.key = "c"}}, 1, 0);
	story_stage_end(&s, 10, 4, SUBMIT_COMMIT, 4);
	told_eq(&s, "put reply 1 3\n-> 10 reply 3 code 9 another part of the graph was refused\n"
		    "put reply 1 4\n-> 10 reply 4 code 9 another part of the graph was refused\n");
	ck_assert_uint_eq(tasks_seen(&s), 0);
	ck_assert(!resolves(&s, "c"));
	story_end(&s);
}
END_TEST

START_TEST(a_part_is_missing)
{
	struct story s;

	begin(&s);
	story_part(&s, 10, 1, 1, (struct story_task[]){{.key = "a"}}, 1, SUBMIT_BEGIN);
	story_told(&s);
	story_stage_end(&s, 10, 2, SUBMIT_COMMIT, 2);
	told_eq(&s, "del stage 1\nput reply 1 2\ndel stage 1-1\ndel block 1-1\n"
		    "-> 10 reply 2 code 9 parts of the graph are missing\n");
	story_end(&s);
}
END_TEST

START_TEST(others_are_kept_out)
{
	struct story s;

	begin(&s);
	story_part(&s, 10, 1, 1, (struct story_task[]){{.key = "a"}}, 1, SUBMIT_BEGIN);
	story_told(&s);
	/* its key is taken, but names nothing */
	story_submit(&s, 30, 1, 1, (struct story_task[]){{.key = "a"}}, 1);
	told_eq(&s, "put reply 2 1\n-> 30 reply 1 code 8 a graph that is being submitted has the "
		    "key: a\n");
	story_submit(&s, 30, 2, 2, (struct story_task[]){{.deps = {ID(1)}}}, 1);
	told_eq(&s, "put reply 2 2\n-> 30 reply 2 code 5 a dependency is not there any more\n");
	/* nor does its own session's, outside the graph */
	story_submit(&s, 10, 2, 2, (struct story_task[]){{.deps = {ID(1)}}}, 1);
	told_eq(&s, "put reply 1 2\n-> 10 reply 2 code 5 a dependency is not there any more\n");
	/* cancelling and releasing pass it by */
	story_runs(&s, EVENT_CANCEL, 10, 3, ID(1), 1);
	story_runs(&s, EVENT_RELEASE, 10, 4, ID(1), 1);
	told_eq(&s, "-> 10 reply 3 code 0\n-> 10 reply 4 code 0\n");
	story_stage_end(&s, 10, 5, SUBMIT_COMMIT, 1);
	story_seal(&s);
	told_eq(&s, "del stage 1\ndel stage 1-1\n-> 10 reply 5 code 0\n"
		    "put lease 1 to worker 1: 1-1\n-> 20 lease 1: 1-1\n");
	story_end(&s);
}
END_TEST

/* What it depends on ends, well and badly, before it is there. */
START_TEST(dependencies_end_meanwhile)
{
	struct story s;
	struct story_task two[] = {{0}, {0}};
	struct story_task part[] = {{.deps = {ID(1)}}, {.deps = {ID(2)}}, {.deps = {ID(4)}}};

	begin(&s);
	story_submit(&s, 10, 1, 1, two, 2);
	story_seal(&s);
	story_part(&s, 10, 2, 3, part, 3, SUBMIT_BEGIN);
	story_told(&s);
	story_report(&s, 20, ID(1), 1, TASK_DONE, 0);
	story_report(&s, 20, ID(2), 2, TASK_FAILED, 0);
	story_seal(&s);
	told_eq(&s, "put task 1-1 done attempts 1\n-> 20 reported\n"
		    "del lease 1\nput task 1-2 failed attempts 1\n-> 20 reported\n");
	story_stage_end(&s, 10, 3, SUBMIT_COMMIT, 3);
	story_seal(&s);
	told_eq(&s, "del stage 1\ndel stage 1-3\nput task 1-4 failed attempts 0\n"
		    "put task 1-5 failed attempts 0\n-> 10 reply 3 code 0\n"
		    "put lease 3 to worker 1: 1-3\n-> 20 lease 3: 1-3\n");
	story_end(&s);
}
END_TEST

START_TEST(tasks_that_were_there)
{
	struct story s;
	struct story_task same[] = {{.key = "x", .detached = true}, {.key = "y"}};

	begin(&s);
	story_submit(&s, 30, 1, 1, (struct story_task[]){{.key = "x"}, {.key = "y"}}, 2);
	story_seal(&s);
	story_told(&s);
	/* all of them: no block, but a record of what the commit has to detach */
	story_part(&s, 10, 1, 1, same, 2, SUBMIT_BEGIN);
	told_eq(&s, "put reply 1 1\nput hold 1 2-1\nput hold 1 2-2\nput stage 1-1\nput stage 1\n"
		    "-> 10 reply 1 code 0\n");
	story_stage_end(&s, 10, 2, SUBMIT_COMMIT, 2);
	told_eq(&s, "del stage 1\ndel stage 1-1\nput hold 0 2-1\n-> 10 reply 2 code 0\n");
	story_end(&s);
}
END_TEST

START_TEST(a_second_begin)
{
	struct story s;

	begin(&s);
	story_part(&s, 10, 1, 1, (struct story_task[]){{.key = "a"}}, 1, SUBMIT_BEGIN);
	story_told(&s);
	story_part(&s, 10, 2, 2, (struct story_task[]){{.key = "a"}}, 1, SUBMIT_BEGIN);
	told_eq(&s, "del stage 1\nput block 1-2\nput stage 1-2\nput stage 1\n"
		    "del stage 1-1\ndel block 1-1\n-> 10 reply 2 code 0\n");
	story_stage_end(&s, 10, 3, SUBMIT_COMMIT, 1);
	ck_assert(resolves(&s, "a"));
	ck_assert_uint_eq(tasks_seen(&s), 1);
	story_end(&s);
}
END_TEST

/* Past what one step works off. */
START_TEST(in_steps)
{
	struct story s;
	struct event go_on = {.kind = EVENT_CONTINUE};
	struct event e = {.kind = EVENT_SUBMIT, .conn = 10, .seq = 1};
	struct buf body;

	begin(&s);
	story_credit(&s, 20, 0);
	buf_init(&body, 1 << 10);
	block_entry_encode(&body,
		&(struct block_entry){.key = slice_str("many"),
			.spec = slice_of("\x93\x00\xa1"
					 "f\xc0",
				5)},
		NULL, NULL);
	buf_append(&body, "\xc0", 1);
	e.submit.first_n = 1;
	e.submit.count = 10000;
	e.submit.flags = BLOCK_ARRAY | SUBMIT_STAGED | SUBMIT_BEGIN;
	e.submit.body = buf_slice(&body);
	story_step(&s, &e);
	nothing_is_seen(&s, ID(1), "many");
	story_stage_end(&s, 10, 2, SUBMIT_COMMIT, 10000);
	ck_assert_uint_eq(tasks_seen(&s), 10000);
	for (int i = 0; i < 3; i++)
		story_step(&s, &go_on);
	story_told(&s);
	story_credit(&s, 20, 3);
	story_seal(&s);
	told_eq(&s, "put lease 1 to worker 1: 1-1 1-2 1-3\n-> 20 lease 1: 1-1 1-2 1-3\n");
	buf_release(&body);
	story_end(&s);
}
END_TEST

Suite *suite_stage(void)
{
	Suite *suite = suite_create("stage");
	TCase *t = tcase_create("stage");

	tcase_add_test(t, whole_with_the_commit);
	tcase_add_test(t, given_up);
	tcase_add_test(t, its_session_ends);
	tcase_add_test(t, one_part_refused);
	tcase_add_test(t, a_part_is_missing);
	tcase_add_test(t, others_are_kept_out);
	tcase_add_test(t, dependencies_end_meanwhile);
	tcase_add_test(t, tasks_that_were_there);
	tcase_add_test(t, a_second_begin);
	tcase_add_test(t, in_steps);
	suite_add_tcase(suite, t);
	return suite;
}
