/*
 * Retention: what stays for a time after its end and its last hold, as stories. After each step a
 * second core, loaded from what was written, must see the same.
 */
#include "check_core.h"
#include "story.h"
#include "story_store.h"

#define S 1000000ull
#define DAY_S 86400.0
#define WATCHED 8 /* tasks of the first session that are compared */

static struct story s;
static struct terms five = {.has_retention = true, .retention_us = 5 * S};
static struct terms none = {.has_retention = true};

static void setup(void)
{
	story_begin_kept(&s);
}

static void teardown(void)
{
	story_end(&s);
}

static enum task_state state_of(uint32_t n)
{
	struct core_task_view v;

	return core_view_task(s.core, ID(n), &v) ? v.state : TASK_GONE;
}

static void compare(const struct core *other, uint64_t id)
{
	struct core_task_view a, b;
	bool there = core_view_task(s.core, id, &a);

	ck_assert_msg(there == core_view_task(other, id, &b),
		"%u: there %d, and after a restart not so", task_id_n(id), there);
	if (!there)
		return;
	ck_assert_int_eq(a.state, b.state);
	ck_assert_msg(a.detached == b.detached, "%u: detached %d", task_id_n(id), a.detached);
	ck_assert_msg(a.kept_until_us == b.kept_until_us,
		"%u: kept until %llu, after a restart %llu", task_id_n(id),
		(unsigned long long)a.kept_until_us, (unsigned long long)b.kept_until_us);
}

/* What a start makes of what was written is what there is. */
static void as_after_a_start(void)
{
	struct core_config c = {.epoch = s.epoch + 1,
		.lease_ttl_ms = 30000,
		.session_ttl_ms = 600000,
		.user0_name = slice_str("ann")};
	struct event e = {.kind = EVENT_CONTINUE, .mono_us = s.mono_us, .wall_us = s.mono_us};
	struct core *other = core_new(&c);
	struct update u;
	const char *why;

	story_go_on(&s);
	story_seal(&s);
	update_init(&u);
	story_store_load(s.store, other);
	core_load_end(other, s.mono_us, s.mono_us, &u);
	do {
		update_clear(&u);
		core_step(other, &e, &u);
	} while (u.more);
	ck_assert_msg(core_check(other, &why), "%s", why);
	for (uint32_t n = 1; n <= WATCHED; n++)
		compare(other, ID(n));
	core_free(&other);
	update_release(&u);
	story_told(&s);
}

static void pass(double seconds)
{
	while (seconds > 0) {
		double step = seconds < 0.5 ? seconds : seconds > 3600 ? 1800 : 0.5;

		story_pass(&s, step);
		seconds -= step;
	}
	story_go_on(&s);
	as_after_a_start();
}

static void submit(uint32_t request, uint32_t first_n, struct story_task t)
{
	story_submit(&s, 10, request, first_n, &t, 1);
	story_seal(&s);
	as_after_a_start();
}

static void end(uint32_t n, uint64_t fence, enum task_state state, uint64_t held)
{
	story_report(&s, 20, ID(n), fence, state, held);
	as_after_a_start();
}

static void release(uint64_t conn, uint64_t request, uint32_t n)
{
	story_runs(&s, EVENT_RELEASE, conn, request, ID(n), 1);
	as_after_a_start();
}

static uint32_t records(void)
{
	return story_records(&s, RECORD_BLOCK) + story_records(&s, RECORD_TASK) +
	       story_records(&s, RECORD_GONE) + story_records(&s, RECORD_HOLD);
}

START_TEST(detached_for_a_week)
{
	struct core_task_view v;

	submit(1, 1, (struct story_task){.key = "k", .detached = true});
	ck_assert(core_view_task(s.core, ID(1), &v) && !v.kept_until_us);
	end(1, 1, TASK_DONE, 0);
	ck_assert(core_view_task(s.core, ID(1), &v) && v.detached);
	ck_assert_uint_eq(v.kept_until_us, s.mono_us + RETENTION_US);
	pass(6.9 * DAY_S);
	ck_assert_int_eq(state_of(1), TASK_DONE);
	pass(0.2 * DAY_S);
	ck_assert_int_eq(state_of(1), TASK_GONE);
	ck_assert_uint_eq(records(), 0);
	/* its key is free */
	story_open(&s, 11);
	story_told(&s);
	story_submit(&s, 11, 1, 1, (struct story_task[]){{.key = "k", .function = "g"}}, 1);
	ck_assert_ptr_nonnull(strstr(story_told(&s), "reply 1 code 0"));
}
END_TEST

START_TEST(a_failure_for_five_seconds)
{
	submit(1, 1, (struct story_task){.detached = true, .terms = &five});
	end(1, 1, TASK_FAILED, 0);
	pass(4.9);
	ck_assert_int_eq(state_of(1), TASK_FAILED);
	pass(1.1);
	ck_assert_int_eq(state_of(1), TASK_GONE);
	ck_assert_uint_eq(records(), 0);
}
END_TEST

START_TEST(a_task_of_a_session)
{
	submit(1, 1, (struct story_task){.terms = &five});
	end(1, 1, TASK_DONE, 77);
	pass(20);
	ck_assert_int_eq(state_of(1), TASK_DONE);
	release(10, 2, 1);
	pass(4.9);
	ck_assert_int_eq(state_of(1), TASK_DONE);
	for (int i = 0; i < 4; i++)
		story_pass(&s, 0.5);
	told_eq(&s, "del task 1-1\ndel gone 1-1\ndel block 1-1\n-> 20 free 1-1\n");
	as_after_a_start();
	ck_assert_uint_eq(records(), 0);
}
END_TEST

/* Detached under its key by a later submit, and begun anew after its end: no start finds the time
 * of the end before. */
START_TEST(begun_anew_under_its_key)
{
	submit(1, 1, (struct story_task){.key = "k"});
	submit(2, 2, (struct story_task){.key = "k", .detached = true});
	end(1, 1, TASK_FAILED, 0);
	release(10, 3, 1);
	story_act(&s, 10, 4, ACT_RETRY, 0, 0, ID(1), 1);
	as_after_a_start();
	ck_assert_int_eq(state_of(1), TASK_LEASED);
}
END_TEST

/* Forgotten, needed still, and held anew: it is detached no more, before a start and after. */
START_TEST(forgotten_and_held)
{
	submit(1, 1, (struct story_task){.key = "k", .detached = true});
	end(1, 1, TASK_DONE, 0);
	story_credit(&s, 20, 0);
	submit(2, 2, (struct story_task){.deps = {ID(1)}});
	story_act(&s, 10, 3, ACT_FORGET, 0, 0, ID(1), 1);
	as_after_a_start();
	submit(4, 3, (struct story_task){.key = "k"});
	ck_assert_int_eq(state_of(1), TASK_DONE);
	release(10, 5, 2);
	release(10, 6, 1);
	ck_assert_int_eq(state_of(1), TASK_GONE);
}
END_TEST

/* A session that takes it by its key stops the clock. */
START_TEST(held_again)
{
	submit(1, 1, (struct story_task){.key = "k", .detached = true, .terms = &five});
	end(1, 1, TASK_DONE, 0);
	pass(3);
	story_open(&s, 11);
	story_submit(&s, 11, 1, 1, (struct story_task[]){{.key = "k"}}, 1);
	as_after_a_start();
	pass(20);
	ck_assert_int_eq(state_of(1), TASK_DONE);
	story_runs(&s, EVENT_RELEASE, 11, 2, ID(1), 1);
	as_after_a_start();
	pass(4.5);
	ck_assert_int_eq(state_of(1), TASK_DONE);
	pass(2);
	ck_assert_int_eq(state_of(1), TASK_GONE);
	ck_assert_uint_eq(records(), 0);
}
END_TEST

/* So does its own session, though it was submitted detached. */
START_TEST(held_by_its_own)
{
	submit(1, 1, (struct story_task){.key = "k", .detached = true, .terms = &five});
	end(1, 1, TASK_DONE, 0);
	story_submit(&s, 10, 2, 2, (struct story_task[]){{.key = "k"}}, 1);
	as_after_a_start();
	pass(20);
	ck_assert_int_eq(state_of(1), TASK_DONE);
	release(10, 3, 1);
	pass(6.5);
	ck_assert_int_eq(state_of(1), TASK_GONE);
}
END_TEST

START_TEST(needed_meanwhile)
{
	struct terms later = {.delay_us = 20 * S};

	submit(1, 1, (struct story_task){.detached = true, .terms = &five});
	end(1, 1, TASK_DONE, 0);
	submit(2, 2, (struct story_task){.deps = {ID(1)}, .terms = &later});
	pass(21);
	ck_assert_int_eq(state_of(1), TASK_DONE);
	story_seal(&s);
	end(2, 2, TASK_DONE, 0);
	pass(4);
	ck_assert_int_eq(state_of(1), TASK_DONE);
	pass(3);
	ck_assert_int_eq(state_of(1), TASK_GONE);
	ck_assert_int_eq(state_of(2), TASK_DONE);
}
END_TEST

START_TEST(no_retention)
{
	submit(1, 1, (struct story_task){.detached = true, .terms = &none});
	end(1, 1, TASK_DONE, 0);
	ck_assert_int_eq(state_of(1), TASK_GONE);
	/* held when it ends: gone with that */
	submit(2, 2, (struct story_task){.key = "k", .detached = true, .terms = &none});
	story_open(&s, 11);
	story_submit(&s, 11, 1, 1, (struct story_task[]){{.key = "k"}}, 1);
	end(2, 2, TASK_DONE, 0);
	ck_assert_int_eq(state_of(2), TASK_DONE);
	story_runs(&s, EVENT_RELEASE, 11, 2, ID(2), 1);
	as_after_a_start();
	ck_assert_int_eq(state_of(2), TASK_GONE);
	ck_assert_uint_eq(records(), 0);
}
END_TEST

/* Detached by a request: before it ends, after, and after it was held by nothing else. */
START_TEST(detached_later)
{
	submit(1, 1, (struct story_task){.terms = &five});
	submit(2, 2, (struct story_task){.terms = &five});
	story_runs(&s, EVENT_DETACH, 10, 3, ID(1), 1);
	release(10, 4, 1);
	end(1, 1, TASK_DONE, 0);
	end(2, 2, TASK_DONE, 0);
	story_runs(&s, EVENT_DETACH, 10, 5, ID(2), 1);
	as_after_a_start();
	pass(3);
	release(10, 6, 2);
	pass(3.5);
	ck_assert_int_eq(state_of(1), TASK_GONE);
	ck_assert_int_eq(state_of(2), TASK_DONE);
	pass(3);
	ck_assert_int_eq(state_of(2), TASK_GONE);
	ck_assert_uint_eq(records(), 0);
}
END_TEST

/* What is cancelled since nobody wanted it is not kept: its key is free for who does. */
START_TEST(unwanted)
{
	struct terms late = {.has_retention = true, .retention_us = 5 * S, .delay_us = 50 * S};

	submit(1, 1, (struct story_task){.terms = &late});
	release(10, 2, 1);
	ck_assert_int_eq(state_of(1), TASK_GONE);
	ck_assert_uint_eq(records(), 0);
	/* likewise what runs, and is stopped first */
	submit(3, 2, (struct story_task){.terms = &five});
	release(10, 4, 2);
	ck_assert_int_eq(state_of(2), TASK_CANCELLING);
	end(2, 1, TASK_CANCELLED, 0);
	ck_assert_int_eq(state_of(2), TASK_GONE);
}
END_TEST

/* A user had it forgotten while something needed it: it goes with that, and is not detached after a
 * start. */
START_TEST(forgotten_while_it_is_needed)
{
	struct terms later = {.delay_us = 20 * S};
	struct core_task_view v;

	submit(1, 1, (struct story_task){.detached = true});
	end(1, 1, TASK_DONE, 0);
	submit(2, 2, (struct story_task){.deps = {ID(1)}, .terms = &later});
	story_act(&s, 10, 3, ACT_FORGET, 0, 0, ID(1), 1);
	as_after_a_start();
	ck_assert(core_view_task(s.core, ID(1), &v) && !v.detached);
	story_seal(&s);
	story_restart(&s);
	ck_assert(core_view_task(s.core, ID(1), &v) && !v.detached);
	story_join(&s, 20, 1, "one", NULL, 0);
	story_credit(&s, 20, 2);
	story_pass(&s, 20);
	story_seal(&s);
	ck_assert_int_eq(state_of(2), TASK_LEASED);
	story_report(&s, 20, ID(2), 1, TASK_DONE, 0);
	ck_assert_int_eq(state_of(1), TASK_GONE);
	story_told(&s);
}
END_TEST

/* It is over while the value could only be made again from this one's: the value goes, and the task
 * with its dependent. */
START_TEST(over_in_a_lineage)
{
	struct core_task_view v;

	submit(1, 1, (struct story_task){.detached = true, .terms = &five});
	end(1, 1, TASK_DONE, 10);
	submit(2, 2, (struct story_task){.deps = {ID(1)}});
	end(2, 2, TASK_DONE, 20);
	pass(7);
	ck_assert(core_view_task(s.core, ID(1), &v));
	ck_assert(!v.detached && v.lost && !v.kept_until_us);
	/* taken again by its id: another time begins when it is released */
	story_runs(&s, EVENT_DETACH, 10, 3, ID(1), 1);
	as_after_a_start();
	ck_assert(core_view_task(s.core, ID(1), &v));
	ck_assert(v.detached && v.kept_until_us > s.mono_us);
	pass(7);
	release(10, 4, 2);
	ck_assert_int_eq(state_of(1), TASK_GONE);
	ck_assert_uint_eq(records(), 0);
}
END_TEST

START_TEST(begun_anew)
{
	submit(1, 1, (struct story_task){.detached = true, .terms = &five});
	end(1, 1, TASK_FAILED, 0);
	pass(3);
	story_act(&s, 10, 2, ACT_RETRY, 0, 0, ID(1), 1);
	story_seal(&s);
	as_after_a_start();
	pass(10);
	ck_assert_int_eq(state_of(1), TASK_LEASED);
	end(1, 2, TASK_DONE, 0);
	pass(4.9);
	ck_assert_int_eq(state_of(1), TASK_DONE);
	pass(2);
	ck_assert_int_eq(state_of(1), TASK_GONE);
	ck_assert_uint_eq(records(), 0);
}
END_TEST

/* One that only its retention keeps has no session that would want its next end. */
START_TEST(begun_anew_without_a_session)
{
	submit(1, 1, (struct story_task){.terms = &five});
	end(1, 1, TASK_FAILED, 0);
	release(10, 2, 1);
	pass(1);
	story_act(&s, 10, 3, ACT_RETRY, 0, 0, ID(1), 1);
	story_seal(&s);
	as_after_a_start();
	end(1, 2, TASK_DONE, 0);
	pass(4.5);
	ck_assert_int_eq(state_of(1), TASK_DONE);
	pass(2);
	ck_assert_int_eq(state_of(1), TASK_GONE);
	ck_assert_uint_eq(records(), 0);
}
END_TEST

START_TEST(forgotten_by_a_user)
{
	submit(1, 1, (struct story_task){.terms = &five});
	end(1, 1, TASK_DONE, 77);
	release(10, 2, 1);
	pass(1);
	story_act(&s, 10, 3, ACT_FORGET, 0, 0, ID(1), 1);
	as_after_a_start();
	ck_assert_int_eq(state_of(1), TASK_GONE);
	ck_assert_uint_eq(records(), 0);
}
END_TEST

/* A value that is lost when its time is over, and is being made again for who asked: it waits for
 * that. */
START_TEST(over_while_it_is_made_again)
{
	struct event get = {
		.kind = EVENT_GET, .conn = 10, .seq = 1, .get = {.request = 1, .id = ID(1)}};

	submit(1, 1, (struct story_task){.detached = true, .terms = &five});
	end(1, 1, TASK_DONE, 10);
	story_leave(&s, 20);
	pass(1);
	story_join(&s, 21, 1, "two", NULL, 0);
	story_step(&s, &get);
	ck_assert_int_eq(state_of(1), TASK_DONE);
	for (int i = 0; i < 16; i++)
		story_pass(&s, 0.5);
	story_credit(&s, 21, 2);
	story_seal(&s);
	ck_assert_int_eq(state_of(1), TASK_DONE);
	story_report(&s, 21, ID(1), 2, TASK_DONE, 10);
	for (int i = 0; i < 4; i++)
		story_pass(&s, 0.5);
	as_after_a_start();
	ck_assert_int_eq(state_of(1), TASK_GONE);
}
END_TEST

/* Many at once go in steps, and the steps are small. */
START_TEST(a_large_array)
{
	struct terms one = {.has_retention = true, .retention_us = S};
	struct story_task t = {.detached = true, .terms = &one};
	struct core_counts n;
	uint32_t steps;

	story_array_of(&s, 10, 1, &t, 20000);
	story_runs(&s, EVENT_CANCEL, 10, 2, ID(1), 20000);
	story_go_on(&s);
	story_seal(&s);
	core_counts(s.core, &n);
	ck_assert_uint_eq(n.tasks[TASK_CANCELLED], 20000);
	s.mono_us += 3 * S;
	story_pass(&s, 0.000001);
	core_counts(s.core, &n);
	ck_assert_uint_ge(n.tasks[TASK_CANCELLED], 20000 - 4096);
	ck_assert_uint_le(n.tasks[TASK_CANCELLED], 20000 - 3500);
	buf_clear(&s.told);
	story_told(&s);
	/* a crash in between loses nothing, and nothing comes back */
	story_seal(&s);
	story_restart(&s);
	core_counts(s.core, &n);
	ck_assert_uint_le(n.tasks[TASK_CANCELLED], 20000 - 3500);
	story_pass(&s, 0.000001);
	steps = story_go_on(&s);
	ck_assert_uint_ge(steps, 3);
	ck_assert_uint_le(steps, 8);
	ck_assert_uint_eq(records(), 0);
	buf_clear(&s.told);
	story_told(&s);
}
END_TEST

/* The time passes while nobody is there. */
START_TEST(over_while_down)
{
	submit(1, 1, (struct story_task){.key = "k", .detached = true, .terms = &five});
	submit(2, 2, (struct story_task){.detached = true});
	end(1, 1, TASK_DONE, 10);
	end(2, 2, TASK_DONE, 0);
	story_seal(&s);
	s.mono_us += 100 * S;
	story_restart(&s);
	story_pass(&s, 0.1);
	story_go_on(&s);
	ck_assert_int_eq(state_of(1), TASK_GONE);
	ck_assert_int_eq(state_of(2), TASK_DONE);
	as_after_a_start();
}
END_TEST

Suite *suite_keep(void)
{
	Suite *suite = suite_create("keep");
	TCase *tc = tcase_create("keep");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60); /* what a sanitizer costs */
	tcase_add_test(tc, detached_for_a_week);
	tcase_add_test(tc, a_failure_for_five_seconds);
	tcase_add_test(tc, a_task_of_a_session);
	tcase_add_test(tc, held_again);
	tcase_add_test(tc, held_by_its_own);
	tcase_add_test(tc, needed_meanwhile);
	tcase_add_test(tc, no_retention);
	tcase_add_test(tc, detached_later);
	tcase_add_test(tc, unwanted);
	tcase_add_test(tc, forgotten_while_it_is_needed);
	tcase_add_test(tc, over_in_a_lineage);
	tcase_add_test(tc, begun_anew);
	tcase_add_test(tc, begun_anew_without_a_session);
	tcase_add_test(tc, forgotten_by_a_user);
	tcase_add_test(tc, over_while_it_is_made_again);
	tcase_add_test(tc, begun_anew_under_its_key);
	tcase_add_test(tc, forgotten_and_held);
	tcase_add_test(tc, a_large_array);
	tcase_add_test(tc, over_while_down);
	suite_add_tcase(suite, tc);
	return suite;
}
