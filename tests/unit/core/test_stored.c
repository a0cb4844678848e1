/* Values that the scheduler stores, as stories: named by the commit of the end, not lost with a
 * worker, freed when the task is forgotten. */
#include "check_core.h"
#include "story.h"

#define BYTES 5000

static const struct terms store = {.store = true};

/* Leased to worker 20 under the fence 1. */
static void begin(struct story *s, const struct story_task *more, uint32_t n)
{
	struct story_task tasks[3] = {{.terms = &store}};

	for (uint32_t i = 0; i < n; i++)
		tasks[i + 1] = more[i];
	story_begin_kept(s);
	story_submit(s, 10, 1, 1, tasks, n + 1);
	story_seal(s);
	story_started(s, 20, ID(1), 1);
	story_told(s);
}

static void spoil(struct story *s, uint64_t id, uint32_t generation)
{
	struct event e = {.kind = EVENT_SPOILT, .seq = generation, .get = {.id = id}};

	story_step(s, &e);
}

START_TEST(its_worker_is_lost)
{
	struct core_task_view v;
	struct story s;

	begin(&s, NULL, 0);
	story_report_stored(&s, 20, ID(1), 1, BYTES);
	story_seal(&s);
	told_eq(&s, "put value 1-1\ndel lease 1\nput task 1-1 done attempts 1\n-> 20 reported\n");
	ck_assert(core_view_task(s.core, ID(1), &v) && v.stored && !v.lost);
	ck_assert_uint_eq(v.value_size, BYTES);
	story_leave(&s, 20);
	story_pass(&s, 100);
	ck_assert(core_view_task(s.core, ID(1), &v) && v.stored && !v.lost);
	ck_assert_uint_eq(story_records(&s, RECORD_VALUE), 1);
	story_told(&s);
	story_runs(&s, EVENT_RELEASE, 10, 2, ID(1), 1);
	ck_assert_ptr_nonnull(strstr(story_told(&s), "del value 1-1\n"));
	ck_assert_uint_eq(story_records(&s, RECORD_VALUE), 0);
	story_end(&s);
}
END_TEST

START_TEST(over_a_restart)
{
	struct core_task_view v;
	struct story s;

	begin(&s, NULL, 0);
	story_report_stored(&s, 20, ID(1), 1, BYTES);
	story_seal(&s);
	story_restart(&s);
	ck_assert(core_view_task(s.core, ID(1), &v) && v.stored && !v.lost);
	ck_assert_uint_eq(v.value_size, BYTES);
	ck_assert_uint_eq(v.value_checksum, BYTES);
	story_told(&s);
	story_pass(&s, 1000);
	story_go_on(&s);
	/* the session's end */
	ck_assert_uint_eq(story_records(&s, RECORD_VALUE), 0);
	story_end(&s);
}
END_TEST

/* What it was made from is not kept for its sake. */
START_TEST(it_needs_no_lineage)
{
	struct core_task_view v;
	struct story s;

	begin(&s, &(struct story_task){.terms = &store, .deps = {ID(1)}}, 1);
	story_report(&s, 20, ID(1), 1, TASK_DONE, BYTES);
	story_seal(&s);
	story_report_stored(&s, 20, ID(2), 2, BYTES);
	story_told(&s);
	story_runs(&s, EVENT_RELEASE, 10, 2, ID(1), 1);
	ck_assert(!core_view_task(s.core, ID(1), &v));
	ck_assert(core_view_task(s.core, ID(2), &v) && v.stored);
	story_end(&s);
}
END_TEST

/* It stays as long as what depends on it is not done. */
START_TEST(an_unheld_one_that_is_needed)
{
	struct story s;

	begin(&s, &(struct story_task){.deps = {ID(1)}}, 1);
	story_report_stored(&s, 20, ID(1), 1, BYTES);
	story_runs(&s, EVENT_RELEASE, 10, 2, ID(1), 1);
	story_seal(&s);
	ck_assert_uint_eq(story_records(&s, RECORD_VALUE), 1);
	story_report(&s, 20, ID(2), 2, TASK_DONE, 0);
	story_go_on(&s);
	ck_assert_uint_eq(story_records(&s, RECORD_VALUE), 0);
	story_end(&s);
}
END_TEST

/* One that was told to stop has no value, whatever came. */
START_TEST(cancelled_meanwhile)
{
	struct story s;

	begin(&s, NULL, 0);
	story_runs(&s, EVENT_CANCEL, 10, 2, ID(1), 1);
	story_told(&s);
	story_report_stored(&s, 20, ID(1), 1, BYTES);
	story_seal(&s);
	told_eq(&s, "del lease 1\nput task 1-1 cancelled attempts 1\n-> 20 reported\n");
	ck_assert_uint_eq(story_records(&s, RECORD_VALUE), 0);
	story_end(&s);
}
END_TEST

START_TEST(of_another_lease_or_twice)
{
	struct story s;

	begin(&s, NULL, 0);
	/* a report of a lease that is over changes nothing */
	story_report_stored(&s, 20, ID(1), 9, BYTES);
	ck_assert_uint_eq(story_records(&s, RECORD_VALUE), 0);
	story_report_stored(&s, 20, ID(1), 1, BYTES);
	story_report_stored(&s, 20, ID(1), 1, BYTES);
	ck_assert_uint_eq(story_records(&s, RECORD_VALUE), 1);
	story_end(&s);
}
END_TEST

/* Its file cannot be read: lost, and made again under another name when it is wanted. */
START_TEST(spoilt)
{
	struct event get = {
		.kind = EVENT_GET, .conn = 10, .seq = 1, .get = {.request = 1, .id = ID(1)}};
	struct core_task_view v;
	struct story s;

	begin(&s, NULL, 0);
	story_report_stored(&s, 20, ID(1), 1, BYTES);
	story_seal(&s);
	story_told(&s);
	spoil(&s, ID(1), 5);
	told_eq(&s, "");
	spoil(&s, ID(1), 0);
	told_eq(&s, "del value 1-1\n");
	ck_assert(core_view_task(s.core, ID(1), &v) && !v.stored && v.lost);
	story_step(&s, &get);
	story_go_on(&s);
	story_seal(&s);
	story_told(&s);
	story_report_stored(&s, 20, ID(1), 2, BYTES);
	story_seal(&s);
	ck_assert(core_view_task(s.core, ID(1), &v) && v.stored && !v.lost);
	ck_assert_uint_eq(v.generation & 0xffff, 1);
	ck_assert_ptr_nonnull(strstr(story_told(&s), "value 1-1 code 0"));
	ck_assert_uint_eq(story_records(&s, RECORD_VALUE), 1);
	story_end(&s);
}
END_TEST

Suite *suite_stored(void)
{
	Suite *s = suite_create("stored");
	TCase *t = tcase_create("stored");

	tcase_add_test(t, its_worker_is_lost);
	tcase_add_test(t, over_a_restart);
	tcase_add_test(t, it_needs_no_lineage);
	tcase_add_test(t, an_unheld_one_that_is_needed);
	tcase_add_test(t, cancelled_meanwhile);
	tcase_add_test(t, of_another_lease_or_twice);
	tcase_add_test(t, spoilt);
	suite_add_tcase(s, t);
	return s;
}
