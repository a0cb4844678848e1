/* Peers that do what no sound peer does, and sizes that no small test has, as stories. */
#include "check_core.h"
#include "story.h"

#include <stdio.h>

/* Steps and seals until nothing goes on. */
static void settle(struct story *s)
{
	struct event e = {.kind = EVENT_CONTINUE};

	for (int i = 0; i < 1000; i++) {
		story_step(s, &e);
		story_seal(s);
	}
}

START_TEST(an_array_key_is_free_again)
{
	struct story s;

	story_begin_usual(&s);
	story_credit(&s, 20, 0);
	story_array(&s, 10, 1, 1, "a", 3);
	story_runs(&s, EVENT_RELEASE, 10, 2, ID(1), 3);
	settle(&s);
	story_told(&s);
	story_array(&s, 10, 3, 4, "a", 3);
	told_eq(&s, "put block 1-4\n-> 10 reply 3 code 0\n");
	story_end(&s);
}
END_TEST

START_TEST(a_connection_is_one_worker)
{
	struct story s;

	story_begin_usual(&s);
	story_join(&s, 20, 2, "two", NULL, 0);
	told_eq(&s, "-> 20 close code 13 a second JOIN\n");
	/* the first one is lost as any that hangs up */
	story_leave(&s, 20);
	story_pass(&s, 31);
	told_eq(&s, "del worker 1\n");
	story_end(&s);
}
END_TEST

/* A chain of n tasks, each done with a value that its worker holds, each released but the last. */
static void chain(struct story *s, uint32_t n)
{
	story_begin_usual(s);
	for (uint32_t i = 1; i <= n; i++) {
		struct story_task t = {.deps = {i > 1 ? ID(i - 1) : 0}};

		story_submit(s, 10, i, i, &t, 1);
		story_seal(s);
		story_report(s, 20, ID(i), i, TASK_DONE, 5000);
		buf_clear(&s->told);
	}
	story_runs(s, EVENT_RELEASE, 10, n + 1, ID(1), n - 1);
	settle(s);
	buf_clear(&s->told);
}

#define LONG 200000

START_TEST(a_long_lineage_is_forgotten)
{
	struct core_task_view v;
	struct story s;

	chain(&s, LONG);
	ck_assert(core_view_task(s.core, ID(1), &v));
	story_runs(&s, EVENT_RELEASE, 10, LONG + 2, ID(LONG), 1);
	settle(&s);
	ck_assert(!core_view_task(s.core, ID(LONG), &v));
	ck_assert(!core_view_task(s.core, ID(1), &v));
	story_told(&s);
	story_end(&s);
}
END_TEST

START_TEST(a_long_lineage_is_made_again)
{
	struct event get = {.kind = EVENT_GET, .conn = 10, .seq = 1};
	struct story s;

	chain(&s, LONG);
	story_leave(&s, 20);
	story_pass(&s, 31);
	story_join(&s, 21, 2, "two", NULL, 0);
	story_credit(&s, 21, 1);
	story_seal(&s);
	story_told(&s);
	get.get.id = ID(LONG);
	story_step(&s, &get);
	settle(&s);
	told_eq(&s, "put lease 200001 to worker 2: 1-1(remake)\n-> 21 lease 200001: 1-1\n");
	story_end(&s);
}
END_TEST

START_TEST(a_value_made_again_that_differs)
{
	struct event_copy old = {.id = ID(1), .checksum = 5000, .size = 5000};
	struct event e = {.kind = EVENT_GET, .conn = 10, .seq = 1};
	struct core_worker_view w;
	struct story s;
	uint8_t id[WORKER_UUID_BYTES] = {3};

	story_begin_usual(&s);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{0}}, 1);
	story_seal(&s);
	story_report(&s, 20, ID(1), 1, TASK_DONE, 5000);
	story_leave(&s, 20);
	story_pass(&s, 31);
	e.get.id = ID(1);
	story_step(&s, &e);
	story_join(&s, 21, 2, "two", NULL, 0);
	story_credit(&s, 21, 1);
	story_seal(&s);
	/* a worker comes with a copy while another makes it again, and gets something else */
	e = (struct event){.kind = EVENT_JOIN, .conn = 22};
	e.join.uuid = slice_of(id, sizeof(id));
	e.join.name = slice_str("w3");
	e.join.user = slice_str("ann");
	e.join.copies = &old;
	e.join.ncopies = 1;
	story_step(&s, &e);
	story_told(&s);
	story_report(&s, 21, ID(1), 2, TASK_DONE, 6000);
	told_eq(&s, "put task 1-1 done attempts 2 on worker 2 generation 1 past: done, value "
		    "lost\ndel lease 2\n"
		    "-> 22 free 1-1\n-> 10 value 1-1 code 0\n-> 21 reported\n");
	ck_assert(core_view_worker(s.core, 3, &w));
	ck_assert_uint_eq(w.held_bytes, 0);
	story_end(&s);
}
END_TEST

START_TEST(a_hold_that_is_refused_holds_nothing)
{
	static const uint8_t keys[] = {0x92, 0xa1, 'k', 0xa3, 'b', 'i', 'g'};
	struct event e = {.kind = EVENT_HOLD, .conn = 11, .seq = 1};
	struct story s;

	story_begin_usual(&s);
	story_credit(&s, 20, 0);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{.key = "k"}}, 1);
	story_array(&s, 10, 2, 2, "big", 70000);
	story_open(&s, 11);
	story_told(&s);
	e.keys = slice_of(keys, sizeof(keys));
	story_step(&s, &e);
	told_eq(&s, "put reply 2 1\n-> 11 reply 1 code 10 hold: at most 65536 tasks a request\n");
	story_end(&s);
}
END_TEST

START_TEST(a_large_array_of_another_session)
{
	struct story s;

	story_begin_usual(&s);
	story_credit(&s, 20, 0);
	story_array(&s, 10, 1, 1, "big", 70000);
	story_open(&s, 11);
	story_told(&s);
	/* one record an element would be one step's */
	story_array(&s, 11, 1, 1, "big", 70000);
	told_eq(&s, "put reply 2 1\n-> 11 reply 1 code 10 hold: at most 65536 tasks a request\n");
	/* its own costs nothing */
	story_array(&s, 10, 2, 70001, "big", 70000);
	told_eq(&s, "put reply 1 2\n-> 10 reply 2 code 0\n");
	story_end(&s);
}
END_TEST

START_TEST(many_small_submits)
{
	struct story s;
	uint32_t n = 300000;

	story_begin_usual(&s);
	story_credit(&s, 20, 0);
	for (uint32_t i = 1; i <= n; i++) {
		story_submit(&s, 10, i, i, (struct story_task[]){{0}}, 1);
		buf_clear(&s.told);
	}
	story_seal(&s);
	story_runs(&s, EVENT_CLOSE, 10, n + 1, 0, 0);
	settle(&s);
	buf_clear(&s.told);
	story_told(&s);
	story_end(&s);
}
END_TEST

START_TEST(many_holds_of_others)
{
	struct story s;
	uint8_t keys[8] = {0x91, 0xa2, 'b', 0};
	uint32_t n = 10;

	story_begin_usual(&s);
	story_credit(&s, 20, 0);
	story_open(&s, 11);
	for (uint32_t i = 0; i < n; i++) {
		struct event e = {.kind = EVENT_HOLD, .conn = 11, .seq = i + 1};
		char key[3] = {'b', (char)('a' + i), 0};

		story_array(&s, 10, i + 1, 1 + i * 60000, key, 60000);
		keys[3] = (uint8_t)key[1];
		e.keys = slice_of(keys, 4);
		story_step(&s, &e);
		buf_clear(&s.told);
	}
	story_leave(&s, 11);
	story_pass(&s, 601);
	settle(&s);
	buf_clear(&s.told);
	story_told(&s);
	story_end(&s);
}
END_TEST

START_TEST(watches_have_a_limit)
{
	struct story s;

	story_begin_usual(&s);
	story_credit(&s, 20, 0);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{0}}, 1);
	story_told(&s);
	for (uint32_t i = 0; i < 1 << 20; i++)
		story_watch(&s, 10, ID(1), 1);
	told_eq(&s, "");
	story_watch(&s, 10, ID(1), 1);
	told_eq(&s, "-> 10 close code 10 watches: at most 1048576 a connection\n");
	story_end(&s);
}
END_TEST

START_TEST(watches_are_taken_back)
{
	struct story s;

	story_begin_usual(&s);
	for (uint32_t i = 1; i <= 4; i++)
		story_submit(&s, 10, i, i, (struct story_task[]){{0}}, 1);
	for (uint32_t i = 1; i <= 4; i++)
		story_watch(&s, 10, ID(i), 1);
	story_runs(&s, EVENT_UNWATCH, 10, 0, ID(2), 2);
	story_seal(&s);
	story_told(&s);
	story_runs(&s, EVENT_CANCEL, 10, 5, ID(3), 2);
	told_eq(&s, "put task 1-3 cancelled attempts 0\nput task 1-4 cancelled attempts 0\n"
		    "-> 10 reply 5 code 0\n-> 10 outcome 1-4 cancelled\n");
	story_end(&s);
}
END_TEST

/* Who watches tasks that are gone before a step came to tell of them. */
START_TEST(a_watch_of_what_goes)
{
	struct event e = {.kind = EVENT_CONTINUE};
	struct story s;

	story_begin_usual(&s);
	story_credit(&s, 20, 0);
	story_open(&s, 11);
	story_array(&s, 11, 1, 1, NULL, 5000);
	story_runs(&s, EVENT_RELEASE, 11, 2, task_id(2, 1), 5000);
	story_step(&s, &e);
	story_told(&s);
	buf_clear(&s.told);
	/* 904 are left: the release goes on before the watch is looked at */
	story_watch(&s, 10, task_id(2, 1), 5000);
	story_step(&s, &e);
	story_step(&s, &e);
	ck_assert_ptr_nonnull(strstr(story_told(&s), "-> 10 outcome 2-"));
	story_end(&s);
}
END_TEST

/* A label that nothing has is forgotten, and its number given again: core_check counts. */
START_TEST(labels_come_and_go)
{
	struct slice l[2];
	struct story s;

	story_begin_usual(&s);
	story_credit(&s, 20, 0);
	for (uint32_t n = 1; n <= 300; n++) {
		char label[16];

		snprintf(label, sizeof(label), "l=%u", n % 100);
		story_submit(&s, 10, n, n, (struct story_task[]){{.label = label}}, 1);
		story_told(&s);
	}
	/* refused: nothing of it stays */
	story_submit(&s, 10, 301, 301,
		(struct story_task[]){{.label = "new"}, {.label = "l=7", .deps = {ID(999)}}}, 2);
	story_told(&s);
	story_runs(&s, EVENT_RELEASE, 10, 302, ID(1), 250);
	settle(&s);
	story_told(&s);
	story_submit(&s, 10, 303, 303, (struct story_task[]){{.label = "other"}, {0}}, 2);
	story_told(&s);
	ck_assert_uint_eq(core_task_labels(s.core, ID(303), l, 2), 1);
	ck_assert(slice_eq_str(l[0], "other"));
	ck_assert_uint_eq(core_task_labels(s.core, ID(304), l, 2), 0);
	ck_assert(core_task_has_label(s.core, ID(299), slice_str("l=99")));
	story_runs(&s, EVENT_RELEASE, 10, 304, ID(1), 304);
	settle(&s);
	story_told(&s);
	story_end(&s);
}
END_TEST

static void open_named(struct story *s, uint64_t conn, const char *name)
{
	struct event e = {.kind = EVENT_OPEN, .conn = conn};

	e.open.user = slice_str("ann");
	e.open.name = slice_str(name);
	story_step(s, &e);
}

START_TEST(sessions_by_name)
{
	struct story s;

	story_begin(&s);
	open_named(&s, 10, "nightly");
	open_named(&s, 11, "weekly");
	open_named(&s, 12, "");
	open_named(&s, 13, "");
	told_eq(&s, "-> 10 opened 1 incarnation 1 last 0 next 1\n"
		    "-> 11 opened 2 incarnation 1 last 0 next 1\n"
		    "-> 12 opened 3 incarnation 1 last 0 next 1\n"
		    "-> 13 opened 4 incarnation 1 last 0 next 1\n");
	open_named(&s, 14, "nightly");
	told_eq(&s, "-> 10 close code 8 the session was resumed by another connection\n"
		    "-> 14 opened 1 incarnation 2 last 0 next 1\n");
	/* the name of one that ended is free, also while it is being taken away */
	story_leave(&s, 14);
	story_pass(&s, 600);
	open_named(&s, 15, "nightly");
	open_named(&s, 16, "weekly");
	told_eq(&s, "-> 15 opened 5 incarnation 1 last 0 next 1\n"
		    "-> 11 close code 8 the session was resumed by another connection\n"
		    "-> 16 opened 2 incarnation 2 last 0 next 1\n");
	story_end(&s);
}
END_TEST

START_TEST(one_session_more_than_may_be)
{
	struct story s;

	story_begin_with(&s, 2, 0);
	for (uint64_t conn = 10; conn < 13; conn++)
		story_open(&s, conn);
	told_eq(&s, "-> 10 opened 1 incarnation 1 last 0 next 1\n"
		    "-> 11 opened 2 incarnation 1 last 0 next 1\n"
		    "-> 12 close code 10 sessions: at most 1048576\n");
	/* the others are served, and a place that is free again is taken */
	story_submit(&s, 11, 1, 1, (struct story_task[]){{0}}, 1);
	told_eq(&s, "put block 2-1\n-> 11 reply 1 code 0\n");
	story_leave(&s, 10);
	story_pass(&s, 601);
	settle(&s);
	story_told(&s);
	story_open(&s, 13);
	story_open(&s, 14);
	told_eq(&s, "-> 13 opened 3 incarnation 1 last 0 next 1\n"
		    "-> 14 close code 10 sessions: at most 1048576\n");
	story_end(&s);
}
END_TEST

START_TEST(one_worker_more_than_may_be)
{
	struct story s;

	story_begin_with(&s, 0, 2);
	for (uint8_t i = 1; i <= 3; i++)
		story_join(&s, 20u + i, i, "one", NULL, 0);
	told_eq(&s, "put worker 1\n-> 21 joined as worker 1\n"
		    "put worker 2\n-> 22 joined as worker 2\n"
		    "-> 23 close code 10 workers: at most 65536\n");
	/* one that is known comes back, and work goes to it */
	story_leave(&s, 22);
	story_join(&s, 24, 2, "one", NULL, 0);
	story_credit(&s, 24, 1);
	story_open(&s, 10);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{0}}, 1);
	story_told(&s);
	story_seal(&s);
	told_eq(&s, "put lease 1 to worker 2: 1-1\n-> 24 lease 1: 1-1\n");
	/* a worker that was lost makes room */
	story_leave(&s, 21);
	story_pass(&s, 31);
	story_join(&s, 25, 3, "one", NULL, 0);
	told_eq(&s, "del worker 1\nput worker 3\n-> 25 joined as worker 3\n");
	story_end(&s);
}
END_TEST

static struct block_record loaded(uint32_t n, struct slice body, struct slice deps)
{
	return (struct block_record){.first = ID(n),
		.count = 1,
		.session = 1,
		.seq = n,
		.order = n,
		.ns = slice_str("ann"),
		.deps = deps,
		.body = body};
}

/* The record of what it depends on was damaged: it fails, and the rest goes on. */
START_TEST(a_dependency_whose_record_is_gone)
{
	static const uint8_t body[] = {0x94, 0xc0, 0x91, 0xcf, 0, 0, 0, 1, 0, 0, 0, 1, 0xc0, 0xc4,
		5, 0x93, 0, 0xa1, 'f', 0xc0};
	static const uint8_t deps[] = {1, 0, 0, 0, 1, 0, 0, 0};
	struct core_config config = {.epoch = 7,
		.lease_ttl_ms = 30000,
		.session_ttl_ms = 600000,
		.user0_name = slice_str("ann")};
	struct session_record session = {.last_seq = 2, .incarnation = 1, .ttl_ms = 600000};
	struct block_record r =
		loaded(2, slice_of(body, sizeof(body)), slice_of(deps, sizeof(deps)));
	struct event e = {.kind = EVENT_CONTINUE};
	const char *why = "";
	struct story s;

	story_begin(&s);
	core_free(&s.core);
	s.core = core_new(&config);
	ck_assert(core_load_session(s.core, 1, &session, &why));
	ck_assert_msg(core_load_block(s.core, &r, &why), "%s", why);
	core_load_end(s.core, s.mono_us, 1, &s.update);
	update_clear(&s.update);
	story_step(&s, &e);
	told_eq(&s, "put task 1-2 failed attempts 0\n");
	/* the counters were not there either: numbers that are in use are not given again */
	story_open(&s, 10);
	told_eq(&s, "-> 10 opened 2 incarnation 1 last 0 next 1\n");
	story_end(&s);
}
END_TEST

Suite *suite_hostile(void)
{
	Suite *suite = suite_create("hostile");
	TCase *t = tcase_create("hostile");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, an_array_key_is_free_again);
	tcase_add_test(t, a_connection_is_one_worker);
	tcase_add_test(t, a_long_lineage_is_forgotten);
	tcase_add_test(t, a_long_lineage_is_made_again);
	tcase_add_test(t, a_value_made_again_that_differs);
	tcase_add_test(t, a_hold_that_is_refused_holds_nothing);
	tcase_add_test(t, a_large_array_of_another_session);
	tcase_add_test(t, many_small_submits);
	tcase_add_test(t, many_holds_of_others);
	tcase_add_test(t, watches_have_a_limit);
	tcase_add_test(t, watches_are_taken_back);
	tcase_add_test(t, a_watch_of_what_goes);
	tcase_add_test(t, labels_come_and_go);
	tcase_add_test(t, sessions_by_name);
	tcase_add_test(t, one_session_more_than_may_be);
	tcase_add_test(t, one_worker_more_than_may_be);
	tcase_add_test(t, a_dependency_whose_record_is_gone);
	suite_add_tcase(suite, t);
	return suite;
}
