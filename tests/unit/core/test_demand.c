/* Who runs what where: priorities, amounts, restrictions, what is stuck and why, as stories. */
#include "check_core.h"
#include "story.h"

#include "model/terms.h"

#include <stdio.h>

#define AMOUNT(n, p)                                                                               \
	{                                                                                          \
		.name = {(const uint8_t *)(n), sizeof(n) - 1}, .parts = (p)                        \
	}
#define NAME(s)                                                                                    \
	{                                                                                          \
		(const uint8_t *)(s), sizeof(s) - 1                                                \
	}

static const struct terms one_gpu = {.nresources = 1, .resources = {AMOUNT("gpus", 10000)}};
static const struct terms half_gpu = {.nresources = 1, .resources = {AMOUNT("gpus", 5000)}};
static const struct terms two_gpus = {.nresources = 1, .resources = {AMOUNT("gpus", 20000)}};
static const struct terms four_cpus = {.nresources = 1, .resources = {AMOUNT("cpus", 40000)}};

/* A client with a session; no worker. */
static void begin(struct story *s)
{
	story_begin(s);
	story_open(s, 10);
	story_told(s);
}

static void worker(
	struct story *s, uint64_t conn, uint8_t uuid, struct offer offer, uint32_t credit)
{
	story_join_as(s, conn, uuid, &offer);
	story_credit(s, conn, credit);
	story_told(s);
}

static void submit(struct story *s, uint64_t request, uint32_t n, const struct terms *terms)
{
	story_submit(s, 10, request, n, &(struct story_task){.terms = terms}, 1);
	story_told(s);
}

/* What the task waits for; whether it is stuck is the question's. */
static const char *why(struct story *s, uint32_t n, bool stuck)
{
	static char text[400];
	struct core_task_view v;
	struct core_counts counts;
	struct buf b;

	ck_assert(core_view_task(s->core, ID(n), &v));
	ck_assert_int_eq(v.state, TASK_READY);
	ck_assert_int_eq(v.stuck, stuck);
	core_counts(s->core, &counts);
	ck_assert(!stuck || counts.stuck > 0);
	buf_init(&b, 1 << 16);
	core_why_ready(s->core, ID(n), &b);
	snprintf(text, sizeof(text), "%s", buf_cstr(&b));
	buf_release(&b);
	return text;
}

static uint64_t stuck(struct story *s)
{
	struct core_counts counts;

	core_counts(s->core, &counts);
	return counts.stuck;
}

START_TEST(by_priority_then_in_order)
{
	struct story s;
	struct terms high = {.priority = 5}, low = {.priority = -1};

	begin(&s);
	submit(&s, 1, 1, &low);
	submit(&s, 2, 2, NULL);
	submit(&s, 3, 3, &high);
	submit(&s, 4, 4, NULL);
	submit(&s, 5, 5, &high);
	worker(&s, 20, 1, (struct offer){.slots = 8}, 8);
	story_seal(&s);
	told_eq(&s, "put lease 1 to worker 1: 1-3 1-5 1-2 1-4 1-1\n"
		    "-> 20 lease 1: 1-3 1-5 1-2 1-4 1-1\n");
	story_end(&s);
}
END_TEST

START_TEST(mixed_terms_in_one_block)
{
	struct story s;
	struct terms high = {.priority = 5};
	struct story_task four[] = {{0}, {.terms = &high}, {.terms = &high}, {0}};

	begin(&s);
	story_submit(&s, 10, 1, 1, four, 4);
	story_told(&s);
	worker(&s, 20, 1, (struct offer){.slots = 8}, 8);
	story_seal(&s);
	told_eq(&s, "put lease 1 to worker 1: 1-2 1-3 1-1 1-4\n-> 20 lease 1: 1-2 1-3 1-1 1-4\n");
	story_end(&s);
}
END_TEST

START_TEST(half_a_gpu_each)
{
	struct story s;
	struct offer o = {.slots = 8, .nresources = 1, .resources = {AMOUNT("gpus", 10000)}};

	begin(&s);
	for (uint32_t i = 1; i <= 4; i++)
		submit(&s, i, i, &half_gpu);
	worker(&s, 20, 1, o, 8);
	story_seal(&s);
	told_eq(&s, "put lease 1 to worker 1: 1-1 1-2\n-> 20 lease 1: 1-1 1-2\n");
	ck_assert_str_eq(why(&s, 3, false), "waits for gpus=0.5 to be free at a worker");
	story_report(&s, 20, ID(1), 1, TASK_DONE, 0);
	story_told(&s);
	story_seal(&s);
	told_eq(&s, "put lease 3 to worker 1: 1-3\n-> 20 lease 3: 1-3\n");
	story_end(&s);
}
END_TEST

START_TEST(stuck_and_why)
{
	struct story s;
	struct offer o = {.slots = 2,
		.host = NAME("h1"),
		.nresources = 1,
		.resources = {AMOUNT("gpus", 10000)},
		.nlabels = 1,
		.labels = {NAME("zone=a")}};
	struct terms named = {.nworkers = 1, .workers = {NAME("w9")}},
		     host = {.nhosts = 2, .hosts = {NAME("h8"), NAME("h9")}},
		     label = {.nlabels = 2, .labels = {NAME("zone=a"), NAME("zone=b")}},
		     placed = two_gpus;

	placed.nhosts = 1;
	placed.hosts[0] = slice_str("h1");
	begin(&s);
	submit(&s, 1, 1, &two_gpus);
	ck_assert_str_eq(why(&s, 1, true), "no worker is here");
	worker(&s, 20, 1, o, 2);
	submit(&s, 2, 2, &named);
	submit(&s, 3, 3, &host);
	submit(&s, 4, 4, &label);
	submit(&s, 5, 5, &placed);
	story_seal(&s);
	told_eq(&s, "");
	ck_assert_str_eq(why(&s, 1, true), "no worker here has gpus=2 (the most is 1)");
	ck_assert_str_eq(why(&s, 2, true), "no worker here is named w9");
	ck_assert_str_eq(why(&s, 3, true), "no worker here is on host h8 or h9");
	ck_assert_str_eq(
		why(&s, 4, true), "no worker here that it may run on has the label zone=b");
	ck_assert_str_eq(
		why(&s, 5, true), "no worker here that it may run on has gpus=2 (the most is 1)");
	ck_assert_uint_eq(stuck(&s), 5);
	/* one that fits comes */
	o.resources[0].parts = 20000;
	o.host = slice_str("h9");
	o.labels[o.nlabels++] = slice_str("zone=b");
	worker(&s, 21, 9, o, 4);
	ck_assert_uint_eq(stuck(&s), 1);
	story_seal(&s);
	told_eq(&s, "put lease 1 to worker 2: 1-1 1-2 1-3\nput lease 4 to worker 2: 1-4\n"
		    "-> 21 lease 1: 1-1 1-2 1-3\n-> 21 lease 4: 1-4\n");
	/* and is gone, for a while, then for good */
	story_report(&s, 21, ID(2), 2, TASK_DONE, 0);
	submit(&s, 6, 6, &named);
	story_leave(&s, 21);
	ck_assert_str_eq(why(&s, 6, false), "all slots of workers for it are taken");
	story_pass(&s, 31);
	story_told(&s);
	ck_assert_str_eq(why(&s, 6, true), "no worker here is named w9");
	story_end(&s);
}
END_TEST

START_TEST(a_wish_is_met_where_it_can_be)
{
	struct story s;
	struct terms wish = {.allow_other = true, .nworkers = 1, .workers = {NAME("w2")}};

	begin(&s);
	worker(&s, 20, 1, (struct offer){.slots = 2}, 2);
	worker(&s, 21, 2, (struct offer){.slots = 1}, 1);
	submit(&s, 1, 1, &wish);
	submit(&s, 2, 2, &wish);
	story_seal(&s);
	told_eq(&s, "put lease 1 to worker 2: 1-1\n-> 21 lease 1: 1-1\n");
	/* it waits for that one while it is here */
	story_leave(&s, 21);
	story_seal(&s);
	told_eq(&s, "");
	story_pass(&s, 31);
	story_told(&s);
	story_seal(&s);
	told_eq(&s, "put lease 2 to worker 1: 1-1\nput lease 3 to worker 1: 1-2\n"
		    "-> 20 lease 2: 1-1\n-> 20 lease 3: 1-2\n");
	story_end(&s);
}
END_TEST

START_TEST(a_large_one_is_not_starved)
{
	struct story s;

	begin(&s);
	worker(&s, 20, 1, (struct offer){.slots = 4}, 4);
	for (uint32_t i = 1; i <= 4; i++)
		submit(&s, i, i, NULL);
	story_seal(&s);
	story_told(&s);
	submit(&s, 5, 5, &four_cpus);
	submit(&s, 6, 6, NULL);
	submit(&s, 7, 7, NULL);
	/* what comes free is kept for it, and not given to those behind it */
	story_report(&s, 20, ID(1), 1, TASK_DONE, 0);
	story_report(&s, 20, ID(2), 2, TASK_DONE, 0);
	story_told(&s);
	story_seal(&s);
	told_eq(&s, "");
	story_report(&s, 20, ID(3), 3, TASK_DONE, 0);
	story_report(&s, 20, ID(4), 4, TASK_DONE, 0);
	story_told(&s);
	story_seal(&s);
	told_eq(&s, "put lease 5 to worker 1: 1-5\n-> 20 lease 5: 1-5\n");
	story_report(&s, 20, ID(5), 5, TASK_DONE, 0);
	story_told(&s);
	story_seal(&s);
	told_eq(&s, "put lease 6 to worker 1: 1-6 1-7\n-> 20 lease 6: 1-6 1-7\n");
	story_end(&s);
}
END_TEST

START_TEST(a_higher_priority_passes_a_reservation)
{
	struct story s;
	struct terms high = {.priority = 1};

	begin(&s);
	worker(&s, 20, 1, (struct offer){.slots = 4}, 4);
	submit(&s, 1, 1, NULL);
	story_seal(&s);
	submit(&s, 2, 2, &four_cpus);
	story_seal(&s);
	story_told(&s);
	submit(&s, 3, 3, NULL);
	submit(&s, 4, 4, &high);
	story_seal(&s);
	told_eq(&s, "put lease 2 to worker 1: 1-4\n-> 20 lease 2: 1-4\n");
	/* nobody wants the large one any more: the worker is everybody's again */
	story_runs(&s, EVENT_CANCEL, 10, 5, ID(2), 1);
	story_told(&s);
	story_seal(&s);
	told_eq(&s, "put lease 3 to worker 1: 1-3\n-> 20 lease 3: 1-3\n");
	story_end(&s);
}
END_TEST

START_TEST(an_idle_user_passes_a_backlog)
{
	struct story s;
	struct event bob = {.kind = EVENT_OPEN, .conn = 11};

	begin(&s);
	bob.open.user = slice_str("bob");
	story_step(&s, &bob);
	worker(&s, 20, 1, (struct offer){.slots = 1, .any_user = true}, 3);
	story_array(&s, 10, 1, 1, NULL, 9);
	story_seal(&s);
	story_told(&s);
	story_submit(&s, 11, 1, 1, (struct story_task[]){{0}, {0}}, 2);
	story_told(&s);
	story_seal(&s);
	told_eq(&s, "put lease 4 to worker 1: 2-1\n-> 20 lease 4: 2-1\n");
	/* one, beyond the credit; then they take turns */
	story_seal(&s);
	told_eq(&s, "");
	story_report(&s, 20, task_id(2, 1), 4, TASK_DONE, 0);
	story_report(&s, 20, ID(1), 1, TASK_DONE, 0);
	story_report(&s, 20, ID(2), 2, TASK_DONE, 0);
	story_told(&s);
	story_seal(&s);
	told_eq(&s, "put lease 5 to worker 1: 1-4 2-2\n-> 20 lease 5: 1-4 2-2\n");
	story_end(&s);
}
END_TEST

START_TEST(what_is_blocked_holds_up_nothing_else)
{
	struct story s;
	struct offer o = {.slots = 4, .nresources = 1, .resources = {AMOUNT("gpus", 10000)}};

	begin(&s);
	worker(&s, 20, 1, o, 4);
	worker(&s, 21, 2, (struct offer){.slots = 1}, 1);
	submit(&s, 1, 1, &one_gpu);
	story_seal(&s);
	story_told(&s);
	submit(&s, 2, 2, &one_gpu);
	submit(&s, 3, 3, NULL);
	story_seal(&s);
	told_eq(&s, "put lease 2 to worker 2: 1-3\n-> 21 lease 2: 1-3\n");
	story_end(&s);
}
END_TEST

START_TEST(amounts_outlive_a_restart)
{
	struct story s;
	struct offer o = {.slots = 4, .nresources = 1, .resources = {AMOUNT("gpus", 10000)}};
	struct event_lease running = {.id = ID(1), .fence = {7, 1}, .started = true};

	begin(&s);
	worker(&s, 20, 1, o, 4);
	submit(&s, 1, 1, &one_gpu);
	submit(&s, 2, 2, &one_gpu);
	story_seal(&s);
	story_told(&s);
	/* it comes back with less: what it runs counts, as far as it names what it has */
	story_leave(&s, 20);
	story_join(&s, 21, 1, "one", &running, 1);
	story_credit(&s, 21, 4);
	story_told(&s);
	story_seal(&s);
	told_eq(&s, "");
	ck_assert_str_eq(why(&s, 2, true), "no worker here has gpus=1 (the most is 0)");
	story_report(&s, 21, ID(1), 1, TASK_DONE, 0);
	story_told(&s);
	story_leave(&s, 21);
	worker(&s, 22, 1, o, 4);
	story_seal(&s);
	told_eq(&s, "put lease 2 to worker 1: 1-2\n-> 22 lease 2: 1-2\n");
	story_end(&s);
}
END_TEST

Suite *suite_demand(void)
{
	Suite *suite = suite_create("demand");
	TCase *t = tcase_create("demand");

	tcase_add_test(t, by_priority_then_in_order);
	tcase_add_test(t, mixed_terms_in_one_block);
	tcase_add_test(t, half_a_gpu_each);
	tcase_add_test(t, stuck_and_why);
	tcase_add_test(t, a_wish_is_met_where_it_can_be);
	tcase_add_test(t, a_large_one_is_not_starved);
	tcase_add_test(t, a_higher_priority_passes_a_reservation);
	tcase_add_test(t, an_idle_user_passes_a_backlog);
	tcase_add_test(t, what_is_blocked_holds_up_nothing_else);
	tcase_add_test(t, amounts_outlive_a_restart);
	suite_add_tcase(suite, t);
	return suite;
}
