/* Watching, as stories, and what it costs. */
#include "check_core.h"
#include "story.h"

#include <stdio.h>
#include <time.h>

#define ID(n) task_id(1, n)

static void begin(struct story *s)
{
	story_begin(s);
	story_open(s, 10);
	story_join(s, 20, 1, "one", NULL, 0);
	story_seal(s);
	story_told(s);
}

static void flow(struct story *s, uint64_t conn, bool slow)
{
	struct event e = {.kind = EVENT_FLOW, .conn = conn, .slow = slow};

	story_step(s, &e);
}

static void go_on(struct story *s, bool no_scan)
{
	struct event e = {.kind = EVENT_CONTINUE, .no_scan = no_scan};

	story_step(s, &e);
}

START_TEST(each_is_told_of_what_it_watches)
{
	struct story s;

	begin(&s);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{0}, {0}, {0}}, 3);
	story_watch(&s, 10, ID(1), 3);
	story_watch(&s, 11, ID(2), 1);
	story_watch(&s, 12, ID(2), 2);
	story_watch(&s, 12, ID(2), 1);
	story_told(&s);
	story_runs(&s, EVENT_CANCEL, 10, 2, ID(1), 1);
	told_eq(&s, "put task 1-1 cancelled attempts 0\n-> 10 reply 2 code 0\n"
		    "-> 10 outcome 1-1 cancelled\n");
	/* the same end to all: made once; one who asked twice is told twice */
	story_runs(&s, EVENT_CANCEL, 10, 3, ID(2), 1);
	told_eq(&s, "put task 1-2 cancelled attempts 0\n-> 10 reply 3 code 0\n"
		    "-> 10,11,12,12 outcome 1-2 cancelled\n");
	story_leave(&s, 12);
	story_runs(&s, EVENT_CANCEL, 10, 4, ID(3), 1);
	told_eq(&s, "put task 1-3 cancelled attempts 0\n-> 10 reply 4 code 0\n"
		    "-> 10 outcome 1-3 cancelled\n");
	story_end(&s);
}
END_TEST

START_TEST(what_is_no_longer_watched)
{
	struct story s;

	begin(&s);
	story_array(&s, 10, 1, 1, NULL, 10);
	story_watch(&s, 11, ID(1), 2);
	story_watch(&s, 11, ID(3), 4);
	story_watch(&s, 12, ID(3), 1);
	story_told(&s);
	/* only watches that lie in the run, and one's own */
	story_runs(&s, EVENT_UNWATCH, 11, 0, ID(2), 9);
	story_runs(&s, EVENT_CANCEL, 10, 2, ID(1), 3);
	told_eq(&s, "put task 1-1 cancelled attempts 0\nput task 1-2 cancelled attempts 0\n"
		    "put task 1-3 cancelled attempts 0\n-> 10 reply 2 code 0\n"
		    "-> 11 outcome 1-1 cancelled\n-> 11 outcome 1-2 cancelled\n"
		    "-> 12 outcome 1-3 cancelled\n");
	story_end(&s);
}
END_TEST

START_TEST(the_past_waits_for_who_reads_slowly)
{
	struct story s;

	begin(&s);
	story_array(&s, 10, 1, 1, NULL, 4);
	story_runs(&s, EVENT_CANCEL, 10, 2, ID(1), 3);
	story_told(&s);
	flow(&s, 10, true);
	story_watch(&s, 10, ID(1), 4);
	go_on(&s, false);
	told_eq(&s, "");
	/* others are told meanwhile; and what ends now is told with the rest */
	story_watch(&s, 11, ID(2), 1);
	told_eq(&s, "-> 11 stored outcome 1-2\n");
	story_runs(&s, EVENT_CANCEL, 10, 3, ID(4), 1);
	story_told(&s);
	flow(&s, 10, false);
	told_eq(&s, "-> 10 stored outcome 1-1\n-> 10 stored outcome 1-2\n"
		    "-> 10 stored outcome 1-3\n-> 10 stored outcome 1-4\n");
	story_end(&s);
}
END_TEST

START_TEST(the_past_waits_for_a_commit)
{
	struct story s;
	struct event e = {.kind = EVENT_WATCH, .conn = 10, .no_scan = true};
	struct run run = {ID(1), 2};
	struct buf runs;

	begin(&s);
	story_array(&s, 10, 1, 1, NULL, 2);
	story_runs(&s, EVENT_CANCEL, 10, 2, ID(1), 1);
	story_told(&s);
	buf_init(&runs, 64);
	runs_encode(&runs, &run, 1);
	e.runs = buf_slice(&runs);
	story_step(&s, &e);
	go_on(&s, true);
	told_eq(&s, "");
	go_on(&s, false);
	told_eq(&s, "-> 10 stored outcome 1-1\n");
	buf_release(&runs);
	story_end(&s);
}
END_TEST

/* ---- what it costs ---- */

static void quiet_step(struct story *s, struct event *e)
{
	e->mono_us = e->wall_us = s->mono_us;
	core_step(s->core, e, &s->update);
}

static void quiet_runs(
	struct story *s, enum event_kind kind, uint64_t conn, uint64_t seq, struct run run)
{
	struct event e = {.kind = kind, .conn = conn, .seq = seq};
	struct buf runs;

	buf_init(&runs, 64);
	runs_encode(&runs, &run, 1);
	e.runs = buf_slice(&runs);
	update_clear(&s->update);
	quiet_step(s, &e);
	buf_release(&runs);
}

/* Of this process, in µs. */
static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* The CPU per end, of n tasks of one block each watched on its own, by `conns` clients. */
static double cost_of_an_end(uint32_t n, uint32_t conns)
{
	struct event go = {.kind = EVENT_CONTINUE};
	struct story s;
	uint64_t ends = 0;
	double began;

	story_begin(&s);
	story_open(&s, 10);
	story_array(&s, 10, 1, 1, NULL, n);
	quiet_runs(&s, EVENT_WATCH, 9, 0, (struct run){ID(1), n});
	for (uint32_t i = 0; i < n; i++)
		quiet_runs(&s, EVENT_WATCH, 11 + i % conns, 0, (struct run){ID(1 + i), 1});
	began = cpu_us();
	quiet_runs(&s, EVENT_CANCEL, 10, 2, (struct run){ID(1), n});
	do {
		for (uint32_t i = 0; i < s.update.nsends; i++) {
			ends += s.update.sends[i].kind == SEND_OUTCOME;
			if (s.update.sends[i].kind == SEND_OUTCOME)
				ck_assert_uint_eq(s.update.sends[i].to_n, 2);
		}
		if (!s.update.more)
			break;
		update_clear(&s.update);
		quiet_step(&s, &go);
	} while (true);
	began = cpu_us() - began;
	ck_assert_uint_eq(ends, n);
	story_end(&s);
	return began / n;
}

START_TEST(an_end_costs_what_it_tells)
{
	double few = cost_of_an_end(1024, 1), many = cost_of_an_end(65536, 1),
	       clients = cost_of_an_end(65536, 10000);

	printf("an end costs %.2f us where 1024 tasks of a block are watched one by one, %.2f us "
	       "where 65536 are, %.2f us by 10000 clients\n",
		few, many, clients);
	/* looking through all would make it 64 times as much */
	ck_assert_double_lt(many, 12 * few);
	ck_assert_double_lt(clients, 12 * few);
}
END_TEST

Suite *suite_watch(void)
{
	Suite *suite = suite_create("watch");
	TCase *t = tcase_create("watch");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, each_is_told_of_what_it_watches);
	tcase_add_test(t, what_is_no_longer_watched);
	tcase_add_test(t, the_past_waits_for_who_reads_slowly);
	tcase_add_test(t, the_past_waits_for_a_commit);
	tcase_add_test(t, an_end_costs_what_it_tells);
	suite_add_tcase(suite, t);
	return suite;
}
