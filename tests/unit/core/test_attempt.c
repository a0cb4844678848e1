/* Tasks that use the scheduler: what belongs to an attempt ends with it, as stories. */
#include "check_core.h"
#include "story.h"

#include <dq/error.h>

#define EPOCH 7
#define ID(n) task_id(1, n)
#define INNER(n) task_id(2, n)

static void enter(struct story *s, uint64_t conn, uint64_t id, uint64_t seq)
{
	struct event e = {.kind = EVENT_ENTER, .conn = conn};

	e.enter.id = id;
	e.enter.fence = (struct fence){EPOCH, seq};
	story_step(s, &e);
}

static void secede(struct story *s, uint64_t conn, bool on)
{
	struct event e = {.kind = EVENT_SECEDE, .conn = conn, .secede = on};

	story_step(s, &e);
}

/* Long works to their end. */
static void settle(struct story *s)
{
	for (int i = 0; i < 3; i++) {
		struct event e = {.kind = EVENT_CONTINUE};

		story_seal(s);
		story_step(s, &e);
	}
}

/* A parent, 1-1, runs on a worker with credit for one; its client, connection 30, has session 2. */
static void begin(struct story *s)
{
	story_begin(s);
	story_open(s, 10);
	story_join(s, 20, 1, "one", NULL, 0);
	story_credit(s, 20, 1);
	story_submit(s, 10, 1, 1, (struct story_task[]){{0}}, 1);
	story_watch(s, 10, ID(1), 1);
	story_seal(s);
	story_started(s, 20, ID(1), 1);
	enter(s, 30, ID(1), 1);
	story_open(s, 30);
	story_seal(s);
	story_told(s);
}

START_TEST(only_with_the_lease)
{
	struct story s;

	begin(&s);
	enter(&s, 31, ID(1), 2);
	told_eq(&s, "-> 31 close code 6 the task's lease is over\n");
	enter(&s, 31, ID(2), 1);
	told_eq(&s, "-> 31 close code 6 the task's lease is over\n");
	secede(&s, 10, true);
	told_eq(&s, "-> 10 close code 13 a client that is in no task has no slot\n");
	story_end(&s);
}
END_TEST

START_TEST(children_end_with_the_attempt)
{
	struct story s;
	struct story_task two[] = {{0}, {.detached = true}};

	begin(&s);
	story_submit(&s, 30, 1, 1, two, 2);
	story_seal(&s);
	told_eq(&s, "put block 2-1\n-> 30 reply 1 code 0\n");
	story_report(&s, 20, ID(1), 1, TASK_DONE, 0);
	/* the child that nobody wants is not leased first */
	told_eq(&s, "del lease 1\nput task 1-1 done attempts 1\n"
		    "put task 2-1 cancelled attempts 0\ndel task 2-1\n"
		    "-> 30 close code 6 the task's lease is over\n"
		    "-> 10 outcome 1-1 done\n-> 20 reported\n");
	settle(&s);
	told_eq(&s, "put lease 2 to worker 1: 2-2\nput gone 2-1\n-> 20 lease 2: 2-2\n");
	story_end(&s);
}
END_TEST

START_TEST(a_worker_is_lost)
{
	struct story s;
	struct core_task_view v;

	begin(&s);
	story_submit(&s, 30, 1, 1, (struct story_task[]){{0}}, 1);
	story_leave(&s, 20);
	story_pass(&s, 31);
	settle(&s);
	told_eq(&s,
		"put block 2-1\n-> 30 reply 1 code 0\n"
		"del lease 1\nput task 1-1 leased attempts 1 deaths 1 past: lost w1\ndel worker 1\n"
		"put task 2-1 cancelled attempts 0\ndel task 2-1\ndel block 2-1\n"
		"-> 30 close code 6 the task's lease is over\n");
	/* the child is gone, the parent may try again */
	ck_assert(!core_view_task(s.core, INNER(1), &v));
	ck_assert(core_view_task(s.core, ID(1), &v) && v.state == TASK_READY);
	story_end(&s);
}
END_TEST

START_TEST(cancelling_closes_at_once)
{
	struct story s;

	begin(&s);
	story_submit(&s, 30, 1, 1, (struct story_task[]){{0}}, 1);
	story_told(&s);
	story_runs(&s, EVENT_CANCEL, 10, 2, ID(1), 1);
	told_eq(&s, "put task 1-1 cancelling attempts 1\nput task 2-1 cancelled attempts 0\n"
		    "del task 2-1\ndel block 2-1\n-> 10 reply 2 code 0\n"
		    "-> 30 close code 2 the task is being stopped\n-> 20 stop 1-1\n");
	enter(&s, 31, ID(1), 1);
	told_eq(&s, "-> 31 close code 6 the task's lease is over\n");
	settle(&s);
	story_end(&s);
}
END_TEST

START_TEST(waiting_gives_the_slot_back)
{
	struct story s;

	begin(&s);
	story_submit(&s, 30, 1, 1, (struct story_task[]){{0}, {0}}, 2);
	story_seal(&s);
	told_eq(&s, "put block 2-1\n-> 30 reply 1 code 0\n");
	secede(&s, 30, true);
	secede(&s, 30, true);
	story_seal(&s);
	told_eq(&s, "-> 20 seceded 1-1\nput lease 2 to worker 1: 2-1\n-> 20 lease 2: 2-1\n");
	/* back with a child still running: nothing new until it has ended */
	secede(&s, 30, false);
	story_seal(&s);
	told_eq(&s, "-> 20 seceded 1-1 no more\n");
	story_report(&s, 20, INNER(1), 2, TASK_DONE, 0);
	story_seal(&s);
	told_eq(&s, "del lease 2\nput task 2-1 done attempts 1\n-> 20 reported\n");
	/* its connection is lost while it waits, which it says again on the next */
	secede(&s, 30, true);
	story_leave(&s, 30);
	told_eq(&s, "-> 20 seceded 1-1\n-> 20 seceded 1-1 no more\n");
	story_end(&s);
}
END_TEST

START_TEST(a_worker_that_joins_again_is_told)
{
	struct story s;
	struct event_lease running = {.id = ID(1), .fence = {EPOCH, 1}, .started = true};

	begin(&s);
	secede(&s, 30, true);
	story_leave(&s, 20);
	story_told(&s);
	story_join(&s, 21, 1, "one", &running, 1);
	told_eq(&s, "-> 21 joined as worker 1\n-> 21 seceded 1-1\n");
	story_end(&s);
}
END_TEST

/* A child may need what its parent has. */
START_TEST(waiting_gives_all_back)
{
	struct amount gpu = {.name = slice_str("gpus"), .parts = AMOUNT_UNIT};
	struct offer offer = {.slots = 1, .nresources = 1, .resources = {gpu}};
	struct terms terms = {.nresources = 1, .resources = {gpu}};
	struct story_task task[] = {{.terms = &terms}};
	struct story s;

	story_begin(&s);
	story_open(&s, 10);
	story_join_as(&s, 20, 1, &offer);
	story_credit(&s, 20, 2);
	story_submit(&s, 10, 1, 1, task, 1);
	story_seal(&s);
	enter(&s, 30, ID(1), 1);
	story_open(&s, 30);
	story_submit(&s, 30, 1, 1, task, 1);
	story_seal(&s);
	story_told(&s);
	secede(&s, 30, true);
	story_seal(&s);
	told_eq(&s, "-> 20 seceded 1-1\nput lease 2 to worker 1: 2-1\n-> 20 lease 2: 2-1\n");
	/* both have it for a while */
	secede(&s, 30, false);
	story_report(&s, 20, ID(1), 1, TASK_DONE, 0);
	story_seal(&s);
	story_told(&s);
	story_end(&s);
}
END_TEST

/* That a task began is known by what it did, also where nobody is left who was told so: what the
 * process before submitted does not become the next one's. */
START_TEST(another_process_after_a_start)
{
	struct story s;

	story_begin_kept(&s);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{0}}, 1);
	story_seal(&s);
	enter(&s, 30, ID(1), 1);
	story_open(&s, 30);
	story_submit(&s, 30, 1, 1, (struct story_task[]){{0}}, 1);
	story_seal(&s);
	story_restart(&s);
	story_join(&s, 21, 1, "another", NULL, 0);
	settle(&s);
	told_eq(&s, "put worker 1\n"
		    "del lease 1\nput task 1-1 leased attempts 1 deaths 1 past: lost w1\n"
		    "put task 2-1 cancelling attempts 0\n"
		    "-> 21 joined as worker 1\n-> 21 lease 2: 2-1\n-> 21 stop 2-1\n"
		    "put gone 2-1\n");
	story_end(&s);
}
END_TEST

START_TEST(depth_first)
{
	struct story s;

	begin(&s);
	story_submit(&s, 10, 2, 2, (struct story_task[]){{0}, {0}}, 2);
	story_submit(&s, 30, 1, 1, (struct story_task[]){{0}, {0}}, 2);
	secede(&s, 30, true);
	story_told(&s);
	for (uint32_t i = 1; i <= 2; i++) {
		story_seal(&s);
		story_report(&s, 20, INNER(i), i + 1, TASK_DONE, 0);
	}
	told_eq(&s, "put lease 2 to worker 1: 2-1\n-> 20 lease 2: 2-1\n"
		    "del lease 2\nput task 2-1 done attempts 1\n-> 20 reported\n"
		    "put lease 3 to worker 1: 2-2\n-> 20 lease 3: 2-2\n"
		    "del lease 3\nput task 2-2 done attempts 1\n-> 20 reported\n");
	story_end(&s);
}
END_TEST

START_TEST(detaching)
{
	struct story s;

	begin(&s);
	story_submit(&s, 30, 1, 1, (struct story_task[]){{0}, {0}}, 2);
	story_told(&s);
	story_runs(&s, EVENT_DETACH, 30, 2, INNER(2), 1);
	told_eq(&s, "put hold 0 2-2\n-> 30 reply 2 code 0\n");
	story_runs(&s, EVENT_DETACH, 30, 3, INNER(2), 1);
	told_eq(&s, "-> 30 reply 3 code 0\n");
	story_runs(&s, EVENT_DETACH, 30, 4, INNER(1), 65537);
	told_eq(&s, "put reply 2 4\n-> 30 reply 4 code 10 detach: at most 65536 tasks a request\n");
	story_runs(&s, EVENT_RELEASE, 30, 5, INNER(1), 2);
	settle(&s);
	/* the one that was not detached is gone */
	told_eq(&s, "put task 2-1 cancelled attempts 0\ndel task 2-1\n-> 30 reply 5 code 0\n"
		    "put gone 2-1\n");
	story_end(&s);
}
END_TEST

START_TEST(progress_is_shown)
{
	struct story s;
	struct event e = {.kind = EVENT_PROGRESS, .conn = 20};
	uint32_t millionths;
	struct slice text;

	begin(&s);
	ck_assert(!core_view_progress(s.core, ID(1), &millionths, &text));
	e.progress.id = ID(1);
	e.progress.fence = (struct fence){EPOCH, 2};
	e.progress.millionths = 250000;
	e.progress.text = slice_str("reading");
	story_step(&s, &e);
	ck_assert(!core_view_progress(s.core, ID(1), &millionths, &text));
	e.progress.fence.seq = 1;
	story_step(&s, &e);
	ck_assert(core_view_progress(s.core, ID(1), &millionths, &text));
	ck_assert(millionths == 250000 && slice_eq_str(text, "reading"));
	story_report(&s, 20, ID(1), 1, TASK_DONE, 0);
	ck_assert(!core_view_progress(s.core, ID(1), &millionths, &text));
	story_end(&s);
}
END_TEST

static void report_reschedule(struct story *s, uint64_t id, uint64_t seq, uint64_t delay_us)
{
	struct outcome o = {.state = TASK_CANCELLED,
		.cause = CAUSE_RESCHEDULE,
		.started_us = 1,
		.delay_us = delay_us};
	struct event_lease l = {.id = id, .fence = {EPOCH, seq}};
	struct event e = {.kind = EVENT_REPORT, .conn = 20, .seq = 1};
	struct buf b;

	buf_init(&b, OUTCOME_MAX_BYTES);
	outcome_encode(&b, &o);
	l.outcome = buf_slice(&b);
	e.leases.items = &l;
	e.leases.n = 1;
	story_step(s, &e);
	buf_release(&b);
}

START_TEST(rescheduling)
{
	struct story s;

	begin(&s);
	report_reschedule(&s, ID(1), 1, 0);
	story_seal(&s);
	told_eq(&s, "del lease 1\nput task 1-1 leased attempts 1 past: rescheduled w1 reschedule\n"
		    "-> 30 close code 6 the task's lease is over\n-> 20 reported\n"
		    "put lease 2 to worker 1: 1-1\n-> 20 lease 2: 1-1\n");
	/* one that may have one attempt only */
	story_report(&s, 20, ID(1), 2, TASK_DONE, 0);
	story_submit(&s, 10, 2, 2, (struct story_task[]){{.once = true}}, 1);
	story_seal(&s);
	story_told(&s);
	report_reschedule(&s, ID(2), 3, 0);
	told_eq(&s, "del lease 3\nput task 1-2 failed attempts 1\n-> 20 reported\n");
	story_end(&s);
}
END_TEST

START_TEST(rescheduling_later)
{
	struct story s;
	struct core_task_view v;

	begin(&s);
	report_reschedule(&s, ID(1), 1, 5000000);
	story_seal(&s);
	told_eq(&s, "del lease 1\n"
		    "put task 1-1 leased attempts 1 past: rescheduled w1 reschedule due\n"
		    "-> 30 close code 6 the task's lease is over\n-> 20 reported\n");
	ck_assert(core_view_task(s.core, ID(1), &v) && v.state == TASK_SCHEDULED);
	story_pass(&s, 4);
	story_seal(&s);
	story_told(&s);
	story_pass(&s, 2);
	story_seal(&s);
	told_eq(&s, "put lease 2 to worker 1: 1-1\n-> 20 lease 2: 1-1\n");
	story_report(&s, 20, ID(1), 2, TASK_DONE, 0);
	story_told(&s);
	story_end(&s);
}
END_TEST

Suite *suite_attempt(void)
{
	Suite *suite = suite_create("attempt");
	TCase *c = tcase_create("attempt");

	tcase_add_test(c, only_with_the_lease);
	tcase_add_test(c, children_end_with_the_attempt);
	tcase_add_test(c, a_worker_is_lost);
	tcase_add_test(c, cancelling_closes_at_once);
	tcase_add_test(c, waiting_gives_the_slot_back);
	tcase_add_test(c, a_worker_that_joins_again_is_told);
	tcase_add_test(c, waiting_gives_all_back);
	tcase_add_test(c, another_process_after_a_start);
	tcase_add_test(c, depth_first);
	tcase_add_test(c, detaching);
	tcase_add_test(c, progress_is_shown);
	tcase_add_test(c, rescheduling);
	tcase_add_test(c, rescheduling_later);
	suite_add_tcase(suite, c);
	return suite;
}
