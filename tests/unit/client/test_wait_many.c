/*
 * Waiting for many: futures of every kind at once, and what it costs. Costs are of this thread
 * alone, and compared with those of fewer futures: what grows with the waiting would grow a
 * hundredfold.
 */
#include "check_client.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <dq/error.h>
#include <malloc.h>
#include <stdlib.h>
#include <time.h>

#define FEW 1000u
#define MANY 100000u

static struct dq_future *map_of(struct dq_client *c, uint64_t n)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_future *f;

	spec.function = "f";
	ck_assert_int_eq(dq_map(c, &spec, n, NULL, &f), 0);
	return f;
}

static struct dq_future *element_of(struct dq_future *array, uint64_t i)
{
	struct dq_future *f;

	ck_assert_int_eq(dq_future_element(array, i, &f), 0);
	return f;
}

START_TEST(of_every_kind_at_once)
{
	struct dq_future *v[8];
	struct dq_counts counts;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.hold_outcomes = true;
	f.script.conflict_seq = 2;
	c = client_of(&f);
	v[0] = submit_one(c, NULL); /* 1 */
	v[1] = map_of(c, 10);       /* 2..11, refused */
	ck_assert_int_eq(dq_client_sync(c, 5), DQ_E_CONFLICT);
	v[2] = map_of(c, 10); /* 12..21 */
	v[3] = element_of(v[2], 3);
	v[4] = element_of(v[1], 3);
	v[5] = dq_future_ref(v[0]);
	v[6] = v[0]; /* twice in the list */
	v[7] = submit_one(c, NULL);
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	ck_assert_int_eq(dq_future_state(v[4]), DQ_STATE_REFUSED);
	ck_assert_int_eq(dq_wait(c, v, 8, DQ_WAIT_ANY, 0), 0); /* the refused */
	ck_assert_int_eq(dq_wait(c, &v[2], 1, DQ_WAIT_ANY, 0), DQ_E_TIMEOUT);
	fake_end(&f, 15, 1);
	ck_assert_int_eq(dq_wait(c, &v[2], 2, DQ_WAIT_ANY, 5), 0);
	ck_assert(dq_future_done(v[3]) && !dq_future_done(v[2]));
	ck_assert_int_eq(dq_future_counts(v[2], &counts), 0);
	ck_assert_uint_eq(counts.total, 10);
	ck_assert_uint_eq(counts.done, 1);
	ck_assert_int_eq(dq_wait(c, v, 8, DQ_WAIT_ALL, 0.01), DQ_E_TIMEOUT);
	fake_end(&f, 1, 1);
	fake_end(&f, 12, 10);
	fake_end(&f, 22, 1);
	ck_assert_int_eq(dq_wait(c, v, 8, DQ_WAIT_ALL, 5), 0);
	ck_assert_int_eq(dq_future_counts(v[2], &counts), 0);
	ck_assert_uint_eq(counts.done, 10);
	ck_assert_int_eq(dq_future_counts(v[1], &counts), 0);
	ck_assert_uint_eq(counts.failed, 10);
	ck_assert_int_eq(dq_wait(c, v, 8, DQ_WAIT_FIRST_FAILED, 0), 0);
	ck_assert_int_eq(dq_wait(c, NULL, 0, DQ_WAIT_ALL, 0), 0);
	ck_assert_int_eq(dq_wait(c, NULL, 0, DQ_WAIT_FIRST_FAILED, 0), 0);
	v[1] = NULL;
	ck_assert_int_eq(dq_wait(c, v, 8, DQ_WAIT_ALL, 0), DQ_E_USAGE);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

START_TEST(the_first_failed_of_an_array)
{
	struct dq_failure failure;
	struct dq_counts counts;
	struct dq_future *v[2];
	struct dq_value values[10];
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.hold_outcomes = true;
	f.script.fail_n = 7;
	c = client_of(&f);
	v[0] = map_of(c, 10);
	v[1] = submit_one(c, NULL);
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	ck_assert_int_eq(dq_wait(c, v, 2, DQ_WAIT_FIRST_FAILED, 0.01), DQ_E_TIMEOUT);
	fake_end(&f, 3, 1);
	ck_assert_int_eq(dq_wait(c, v, 2, DQ_WAIT_FIRST_FAILED, 0.01), DQ_E_TIMEOUT);
	ck_assert_int_eq(dq_future_failure(v[0], &failure), DQ_E_USAGE);
	fake_end(&f, 7, 1);
	ck_assert_int_eq(dq_wait(c, v, 2, DQ_WAIT_FIRST_FAILED, 5), 0);
	ck_assert_int_eq(dq_future_state(v[0]), DQ_STATE_PENDING);
	ck_assert_int_eq(dq_future_failure(v[0], &failure), 0);
	ck_assert_str_eq(failure.message, "it broke");
	ck_assert_int_eq(dq_future_counts(v[0], &counts), 0);
	ck_assert_uint_eq(counts.done, 1);
	ck_assert_uint_eq(counts.failed, 1);
	/* again: at once; and for gathering */
	ck_assert_int_eq(dq_wait(c, v, 2, DQ_WAIT_FIRST_FAILED, 0), 0);
	ck_assert_int_eq(dq_gather_array(v[0], DQ_RAISE, 5, values), DQ_E_TASK_FAILED);
	ck_assert_int_eq(dq_wait(c, v, 2, DQ_WAIT_ANY, 0), DQ_E_TIMEOUT);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

static void count_call(struct dq_future *future, void *arg)
{
	(void)future;
	++*(int *)arg;
}

START_TEST(what_has_ended_is_told_in_the_next_wait)
{
	struct dq_future *one, *other;
	struct dq_completed *set;
	struct fake f;
	struct dq_client *c;
	int calls = 0;

	fake_start(&f);
	c = client_of(&f);
	one = submit_one(c, NULL);
	ck_assert_int_eq(dq_wait(c, &one, 1, DQ_WAIT_ALL, 5), 0);
	ck_assert_int_eq(dq_future_on_done(one, count_call, &calls), 0);
	ck_assert_int_eq(dq_wait(c, &one, 1, DQ_WAIT_ALL, 5), 0);
	ck_assert_int_eq(calls, 1);
	/* What ended and was freed before it was taken out has left the set. */
	ck_assert_int_eq(dq_completed_new(c, &one, 1, &set), 0);
	other = submit_one(c, NULL);
	ck_assert_int_eq(dq_completed_add(set, &other, 1), 0);
	ck_assert_int_eq(dq_wait(c, &other, 1, DQ_WAIT_ALL, 5), 0);
	dq_future_free(&one);
	ck_assert_int_eq(dq_completed_next(set, 5, &one), 0);
	ck_assert_ptr_eq(one, other);
	ck_assert_int_eq(dq_completed_next(set, 5, &one), 0);
	ck_assert_ptr_null(one);
	/* Who never waits is still heard. */
	ck_assert_int_eq(dq_completed_add(set, &other, 1), 0);
	one = submit_one(c, NULL);
	for (int i = 0; i < 500 && !dq_future_done(one); i++) {
		struct timespec ms = {.tv_nsec = 1100000};
		struct dq_future *got;

		ck_assert_int_eq(dq_completed_next(set, -1, &got), 0);
		ck_assert_ptr_eq(got, other);
		ck_assert_int_eq(dq_completed_add(set, &other, 1), 0);
		if (i == 0)
			ck_assert_int_eq(dq_future_on_done(one, count_call, &calls), 0);
		nanosleep(&ms, NULL);
	}
	ck_assert(dq_future_done(one));
	dq_completed_free(&set);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

START_TEST(the_time_is_kept)
{
	static const double times[] = {0.0005, 0.02, 0.1234};
	struct dq_future *one;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.hold_outcomes = true;
	c = client_of(&f);
	one = submit_one(c, NULL);
	for (unsigned i = 0; i < 9; i++) {
		uint64_t began = clock_mono_us(), took;

		ck_assert_int_eq(
			dq_wait(c, &one, 1, (enum dq_wait)(i % 3), times[i / 3]), DQ_E_TIMEOUT);
		took = clock_mono_us() - began;
		ck_assert_uint_ge(took, (uint64_t)(times[i / 3] * 1e6));
		ck_assert_uint_lt(took, (uint64_t)(times[i / 3] * 1e6) + 500000);
	}
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

/* ---- what it costs ---- */

static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

struct bed {
	struct fake fake;
	struct dq_client *c;
	struct dq_future **v;
	uint32_t n, ended;
	double us;
};

static void bed_begin(struct bed *b, uint32_t n)
{
	*b = (struct bed){.n = n, .v = xcalloc(n, sizeof(struct dq_future *))};
	fake_start(&b->fake);
	b->fake.script.hold_outcomes = true;
	b->c = client_of(&b->fake);
	for (uint32_t i = 0; i < n; i++)
		b->v[i] = submit_one(b->c, NULL);
	ck_assert_int_eq(dq_client_sync(b->c, 20), 0);
}

static void bed_end(struct bed *b)
{
	dq_client_close(&b->c);
	fake_stop(&b->fake);
	free(b->v);
}

/* Each end lets the next come, so that each wakes who waits. */
static void end_next(struct dq_future *future, void *arg)
{
	struct bed *b = arg;

	(void)future;
	if (++b->ended == 1)
		b->us = cpu_us();
	if (b->ended < 500) {
		ck_assert_int_eq(dq_future_on_done(b->v[b->ended], end_next, b), 0);
		fake_end(&b->fake, b->ended + 1, 1);
	} else if (b->ended == 500) {
		b->us = cpu_us() - b->us;
		fake_release(&b->fake);
	}
}

static double cost_of_waking(uint32_t n, enum dq_wait mode)
{
	struct bed b;

	bed_begin(&b, n);
	ck_assert_int_eq(dq_future_on_done(b.v[0], end_next, &b), 0);
	fake_end(&b.fake, 1, 1);
	ck_assert_int_eq(dq_wait(b.c, b.v, n, mode, 60), 0);
	ck_assert_uint_ge(b.ended, 500);
	bed_end(&b);
	return b.us / 500;
}

START_TEST(a_wake_up_looks_at_what_changed)
{
	for (int mode = DQ_WAIT_ALL; mode <= DQ_WAIT_FIRST_FAILED; mode += 2) {
		double few = cost_of_waking(FEW, (enum dq_wait)mode),
		       many = cost_of_waking(MANY, (enum dq_wait)mode);

		printf("a wake-up of who waits for %s of %u futures costs %.1f us, of %u %.1f us\n",
			mode == DQ_WAIT_ALL ? "all" : "the first failed", FEW, few, MANY, many);
		ck_assert_double_lt(many, 10 * few + 20);
	}
}
END_TEST

/* The usual misuse: waits for any of those that are left, again and again. */
static double cost_of_any(uint32_t n, uint64_t *asked)
{
	struct bed b;

	bed_begin(&b, n);
	for (uint32_t i = 0; i < 200; i++) {
		if (i == 1)
			b.us = cpu_us();
		fake_end(&b.fake, i + 1, 1);
		ck_assert_int_eq(dq_wait(b.c, b.v + i, n - i, DQ_WAIT_ANY, 10), 0);
		ck_assert(dq_future_done(b.v[i]));
	}
	b.us = cpu_us() - b.us;
	*asked = b.fake.watched_ids;
	bed_end(&b);
	return b.us / 199;
}

START_TEST(any_again_and_again)
{
	uint64_t asked;
	double few = cost_of_any(FEW, &asked), many = cost_of_any(MANY, &asked);

	printf("a wait for any of %u futures costs %.1f us, of %u %.1f us\n", FEW, few, MANY, many);
	/* each was asked for once, by the first wait */
	ck_assert_uint_eq(asked, MANY);
}
END_TEST

/* As they are submitted, and all at once; a future's cost. */
static double cost_of_completed(uint32_t n, bool one_by_one)
{
	struct dq_completed *set;
	struct dq_future *got[512];
	struct bed b;
	uint32_t seen = 0;
	size_t k;

	bed_begin(&b, n);
	b.us = cpu_us();
	ck_assert_int_eq(dq_completed_new(b.c, b.v, one_by_one ? 0 : n, &set), 0);
	for (uint32_t i = 0; one_by_one && i < n; i++)
		ck_assert_int_eq(dq_completed_add(set, &b.v[i], 1), 0);
	fake_release(&b.fake);
	do {
		ck_assert_int_eq(dq_completed_batch(set, 20, got, 512, &k), 0);
		seen += (uint32_t)k;
	} while (k);
	b.us = cpu_us() - b.us;
	ck_assert_uint_eq(seen, n);
	dq_completed_free(&set);
	bed_end(&b);
	return b.us / n;
}

START_TEST(completed_is_linear)
{
	for (int one_by_one = 0; one_by_one < 2; one_by_one++) {
		double few = cost_of_completed(FEW, one_by_one),
		       many = cost_of_completed(MANY, one_by_one);

		printf("as completed, added %s, a future costs %.2f us of %u, %.2f us of %u\n",
			one_by_one ? "one by one" : "at once", few, FEW, many, MANY);
		ck_assert_double_lt(many, 10 * few + 2);
	}
}
END_TEST

/* A set that lives for long is as large as what is in it. */
START_TEST(a_long_life_of_a_set)
{
	struct dq_completed *set;
	struct dq_future *got;
	struct fake f;
	struct dq_client *c;
	size_t before = 0, after;

	fake_start(&f);
	c = client_of(&f);
	ck_assert_int_eq(dq_completed_new(c, NULL, 0, &set), 0);
	for (int i = 0; i < 6000; i++) {
		struct dq_future *one = submit_one(c, NULL);

		ck_assert_int_eq(dq_completed_add(set, &one, 1), 0);
		ck_assert_int_eq(dq_completed_next(set, 5, &got), 0);
		ck_assert_ptr_eq(got, one);
		dq_future_free(&got);
		if (i == 3000)
			before = mallinfo2().uordblks;
	}
	after = mallinfo2().uordblks;
	ck_assert_msg(after < before + 200000, "%zu bytes, then %zu", before, after);
	dq_completed_free(&set);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

/* Thousands of arrays that others submitted, as `dq wait --all` watches. */
static double cost_of_foreign(uint32_t n)
{
	struct dq_future **v = xcalloc(n, sizeof(*v));
	struct dq_options o = DQ_OPTIONS_INIT;
	struct dq_client *c;
	struct fake f;
	double us = cpu_us();

	fake_start(&f);
	o.look_only = true;
	ck_assert_int_eq(client_connect(f.address, &o, &c), 0);
	/* not there: told as gone */
	for (uint32_t i = 0; i < n; i++)
		ck_assert_int_eq(dq_future_watch(c, "x", task_id(2, 1 + 4 * (n - i)), 3, &v[i]), 0);
	ck_assert_int_eq(dq_wait(c, v, n, DQ_WAIT_ALL, 20), 0);
	for (uint32_t i = 0; i < n; i++) {
		ck_assert_int_eq(dq_future_state(v[i]), DQ_STATE_FAILED);
		dq_future_free(&v[i]);
	}
	dq_client_close(&c);
	us = cpu_us() - us;
	fake_stop(&f);
	free(v);
	return us / n;
}

START_TEST(arrays_of_others)
{
	double few = cost_of_foreign(FEW), many = cost_of_foreign(50000);

	printf("an array of others costs %.2f us of %u, %.2f us of 50000\n", few, FEW, many);
	ck_assert_double_lt(many, 10 * few + 2);
}
END_TEST

TCase *tcase_wait_many(void)
{
	TCase *tc = tcase_create("wait for many");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, of_every_kind_at_once);
	tcase_add_test(tc, the_first_failed_of_an_array);
	tcase_add_test(tc, what_has_ended_is_told_in_the_next_wait);
	tcase_add_test(tc, the_time_is_kept);
	tcase_add_test(tc, a_wake_up_looks_at_what_changed);
	tcase_add_test(tc, any_again_and_again);
	tcase_add_test(tc, completed_is_linear);
	tcase_add_test(tc, a_long_life_of_a_set);
	tcase_add_test(tc, arrays_of_others);
	return tc;
}
