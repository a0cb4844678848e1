/* Graphs in parts: when they go out, and how their futures end. */
#include "check_client.h"

#include "base/alloc.h"

#include <stdlib.h>

static struct dq_graph *graph_of(struct dq_client *c)
{
	struct dq_graph *g;

	ck_assert_int_eq(dq_graph_new(c, &g), 0);
	return g;
}

static struct dq_future *add(struct dq_client *c, struct dq_graph *g, const char *key)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_future *f;

	spec.function = "noop";
	spec.key = key;
	ck_assert_msg(dq_graph_add(g, &spec, &f) == 0, "%s", dq_client_error(c));
	return f;
}

/* Past one request: parts, then the commit; nothing is watched before that is answered. */
START_TEST(a_large_submit_goes_in_parts)
{
	size_t n = 70000;
	struct dq_spec *specs = xcalloc(n, sizeof(*specs));
	struct dq_future **futures = xcalloc(n, sizeof(*futures));
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	c = client_of(&f);
	for (size_t i = 0; i < n; i++) {
		specs[i] = (struct dq_spec)DQ_SPEC_INIT;
		specs[i].function = "noop";
	}
	ck_assert_int_eq(dq_submit_many(c, specs, n, futures), 0);
	ck_assert_int_eq(dq_wait(c, futures, n, DQ_WAIT_ALL, 20), 0);
	ck_assert_int_eq(dq_future_state(futures[0]), DQ_STATE_DONE);
	ck_assert_int_eq(dq_future_state(futures[n - 1]), DQ_STATE_DONE);
	fake_lock(&f);
	ck_assert_uint_eq(f.parts, (n + PART_TASKS_MAX - 1) / PART_TASKS_MAX);
	ck_assert_uint_eq(f.commits, 1);
	ck_assert_uint_eq(f.ntasks, n);
	fake_unlock(&f);
	dq_client_close(&c);
	fake_stop(&f);
	free(specs);
	free(futures);
}
END_TEST

/* One spec of many is wrong: nothing was sent, and numbers are as before. */
START_TEST(a_large_submit_that_is_wrong)
{
	size_t n = 70000;
	struct dq_spec *specs = xcalloc(n, sizeof(*specs));
	struct dq_future **futures = xcalloc(n, sizeof(*futures)), *one;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	c = client_of(&f);
	for (size_t i = 0; i < n; i++) {
		specs[i] = (struct dq_spec)DQ_SPEC_INIT;
		specs[i].function = i == n - 1 ? NULL : "noop";
	}
	ck_assert_int_eq(dq_submit_many(c, specs, n, futures), DQ_E_USAGE);
	for (size_t i = 0; i < n; i++)
		ck_assert_ptr_null(futures[i]);
	one = submit_one(c, NULL);
	ck_assert_uint_eq(dq_future_id(one), task_id(FAKE_SESSION, 1));
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	fake_lock(&f);
	ck_assert_uint_eq(f.submits, 1);
	fake_unlock(&f);
	dq_client_close(&c);
	fake_stop(&f);
	free(specs);
	free(futures);
}
END_TEST

/* A refused part refuses them all, for its reason. */
START_TEST(a_part_is_refused)
{
	size_t n = 10000;
	struct dq_future **futures = xcalloc(n, sizeof(*futures));
	struct dq_failure failure;
	struct dq_graph *g;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.conflict_seq = 2;
	f.script.hold_replies = true;
	c = client_of(&f);
	g = graph_of(c);
	for (size_t i = 0; i < n; i++)
		futures[i] = add(c, g, NULL);
	ck_assert_int_eq(dq_graph_commit(&g), 0);
	ck_assert_ptr_null(g);
	fake_release(&f);
	ck_assert_int_eq(dq_client_sync(c, 10), DQ_E_CONFLICT);
	ck_assert_str_eq(dq_client_error(c), "conflict: another spec under k");
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(dq_future_state(futures[i]), DQ_STATE_REFUSED);
	ck_assert_int_eq(dq_future_failure(futures[0], &failure), 0);
	ck_assert_int_eq(failure.error, DQ_E_CONFLICT);
	ck_assert_str_eq(failure.message, "conflict: another spec under k");
	for (size_t i = 0; i < n; i++)
		dq_future_free(&futures[i]);
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	ck_assert_uint_eq(f.released_ids, 0);
	dq_client_close(&c);
	fake_stop(&f);
	free(futures);
}
END_TEST

/* A task that was there is held from its part on: the hold is given back, though all is refused. */
START_TEST(refused_with_a_task_that_was_there)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_future *same, *array;
	struct dq_graph *g;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.alias_seq = 1;
	f.script.alias_id = task_id(3, 9);
	f.script.conflict_seq = 2;
	c = client_of(&f);
	g = graph_of(c);
	same = add(c, g, "k");
	spec.function = "noop";
	ck_assert_int_eq(dq_graph_map(g, &spec, 5, NULL, &array), 0);
	ck_assert_int_eq(dq_graph_commit(&g), 0);
	ck_assert_int_eq(dq_client_sync(c, 5), DQ_E_CONFLICT);
	ck_assert_int_eq(dq_future_state(same), DQ_STATE_REFUSED);
	ck_assert_int_eq(dq_future_state(array), DQ_STATE_REFUSED);
	dq_future_free(&same);
	dq_future_free(&array);
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	ck_assert_uint_eq(f.released_ids, 1);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

/* The refusal is heard while the graph is open. */
START_TEST(refused_while_open)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_future *first, *more;
	struct dq_graph *g;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.conflict_seq = 1;
	c = client_of(&f);
	g = graph_of(c);
	first = add(c, g, NULL);
	spec.function = "noop";
	ck_assert_int_eq(dq_graph_map(g, &spec, 5, NULL, &more), 0);
	ck_assert_int_eq(dq_client_sync(c, 5), DQ_E_CONFLICT);
	ck_assert_int_eq(dq_graph_add(g, &spec, &more), DQ_E_CONFLICT);
	ck_assert_ptr_null(more);
	ck_assert_int_eq(dq_future_state(first), DQ_STATE_PENDING);
	ck_assert_int_eq(dq_graph_commit(&g), 0);
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	ck_assert_int_eq(dq_future_state(first), DQ_STATE_REFUSED);
	ck_assert_uint_eq(f.commits, 0);
	ck_assert_uint_eq(f.aborts, 1);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

START_TEST(given_up)
{
	struct dq_future *first, *second;
	struct dq_failure failure;
	struct dq_graph *g;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	c = client_of(&f);
	/* nothing of it has been sent */
	g = graph_of(c);
	first = add(c, g, "k");
	ck_assert_int_eq(dq_graph_abort(&g), 0);
	ck_assert_int_eq(dq_future_state(first), DQ_STATE_REFUSED);
	dq_future_free(&first);
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	ck_assert_uint_eq(f.submits, 0);
	/* a part has */
	g = graph_of(c);
	for (uint32_t i = 0; i < PART_TASKS_MAX; i++)
		first = add(c, g, NULL);
	second = add(c, g, NULL);
	ck_assert_int_eq(dq_graph_abort(&g), 0);
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	ck_assert_uint_eq(f.aborts, 1);
	ck_assert_int_eq(dq_future_state(first), DQ_STATE_REFUSED);
	ck_assert_int_eq(dq_future_failure(second, &failure), 0);
	ck_assert_int_eq(failure.error, DQ_E_CANCELLED);
	ck_assert_int_eq(dq_graph_abort(&g), 0);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

/* Futures are used before the end of the graph: callbacks, cancels, frees. */
START_TEST(futures_before_the_commit)
{
	struct dq_future *fs[3], *later;
	struct dq_completed *set;
	struct dq_graph *g;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.hold_outcomes = true;
	c = client_of(&f);
	g = graph_of(c);
	for (uint32_t i = 0; i < PART_TASKS_MAX; i++) {
		later = add(c, g, NULL);
		if (i < 3)
			fs[i] = later;
	}
	later = add(c, g, NULL);
	ck_assert_int_eq(dq_completed_new(c, fs, 3, &set), 0);
	ck_assert_int_eq(dq_future_cancel(fs[0]), 0);
	dq_future_free(&later);
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	fake_lock(&f);
	ck_assert_uint_eq(f.parts, 1);
	ck_assert_uint_eq(f.watched_ids, 0);
	ck_assert_uint_eq(f.cancels, 0);
	ck_assert_uint_eq(f.released_ids, 0);
	fake_unlock(&f);
	ck_assert_int_eq(dq_graph_commit(&g), 0);
	fake_release(&f);
	ck_assert_int_eq(dq_wait(c, fs, 3, DQ_WAIT_ALL, 5), 0);
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	fake_lock(&f);
	ck_assert_uint_eq(f.parts, 2);
	ck_assert_uint_eq(f.watched_ids, 3);
	ck_assert_uint_eq(f.cancelled_ids, 1);
	ck_assert_uint_eq(f.released_ids, 1);
	fake_unlock(&f);
	dq_completed_free(&set);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

/* One at a time; ordinary submits may stand between, in the order of their numbers. */
START_TEST(beside_other_submits)
{
	struct dq_future *one, *two, *three;
	struct dq_graph *g, *other;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	c = client_of(&f);
	one = submit_one(c, NULL);
	g = graph_of(c);
	ck_assert_int_eq(dq_graph_new(c, &other), DQ_E_USAGE);
	ck_assert_ptr_null(other);
	two = add(c, g, "a");
	three = submit_one(c, NULL);
	ck_assert_uint_lt(dq_future_id(two), dq_future_id(three));
	ck_assert_int_eq(dq_wait(c, &three, 1, DQ_WAIT_ALL, 5), 0);
	ck_assert_int_eq(dq_future_state(two), DQ_STATE_PENDING);
	ck_assert_int_eq(dq_graph_commit(&g), 0);
	ck_assert_int_eq(dq_wait(c, &two, 1, DQ_WAIT_ALL, 5), 0);
	ck_assert_int_eq(dq_wait(c, &one, 1, DQ_WAIT_ALL, 5), 0);
	ck_assert_uint_eq(f.commits, 1);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

/* What fits one part is a submit like others; an empty one is nothing. */
START_TEST(small_and_empty)
{
	struct dq_future *one;
	struct dq_graph *g;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	c = client_of(&f);
	g = graph_of(c);
	ck_assert_int_eq(dq_graph_commit(&g), 0);
	g = graph_of(c);
	one = add(c, g, NULL);
	ck_assert_int_eq(dq_graph_commit(&g), 0);
	ck_assert_int_eq(dq_wait(c, &one, 1, DQ_WAIT_ALL, 5), 0);
	ck_assert_uint_eq(f.submits, 1);
	ck_assert_uint_eq(f.parts, 0);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

/* The connection ends half way, before and after a request is taken; and one is not taken. */
START_TEST(over_connections)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_future *last = NULL;
	struct dq_graph *g;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.lose_after_seq = _i == 0 ? 2 : 0;
	f.script.lose_taken_seq = _i == 1 ? 2 : 0;
	f.script.not_taken_seq = _i == 2 ? 2 : 0;
	c = client_of(&f);
	g = graph_of(c);
	spec.function = "noop";
	for (int i = 0; i < 12000; i++) {
		struct dq_future *one;
		int code = dq_graph_add(g, &spec, &one);

		if (code)
			ck_assert_int_eq(code, _i == 2 ? DQ_E_STORE : 0);
		else
			last = one;
	}
	ck_assert_int_eq(dq_graph_commit(&g), 0);
	ck_assert_int_eq(dq_client_sync(c, 10), _i == 2 ? DQ_E_STORE : 0);
	if (_i == 2) {
		ck_assert_int_eq(dq_future_state(last), DQ_STATE_REFUSED);
		ck_assert_uint_eq(f.commits, 0);
	} else {
		ck_assert_int_eq(dq_wait(c, &last, 1, DQ_WAIT_ALL, 5), 0);
		ck_assert_uint_eq(f.commits, 1);
	}
	ck_assert_uint_eq(f.connections, 2);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

START_TEST(the_client_goes_first)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_future *one;
	struct dq_graph *g;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	c = client_of(&f);
	g = graph_of(c);
	add(c, g, NULL);
	dq_client_close(&c);
	spec.function = "noop";
	ck_assert_int_eq(dq_graph_add(g, &spec, &one), DQ_E_CLOSED);
	ck_assert_int_eq(dq_graph_commit(&g), DQ_E_CLOSED);
	ck_assert_ptr_null(g);
	fake_stop(&f);
}
END_TEST

TCase *tcase_graph(void)
{
	TCase *tc = tcase_create("graph");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_large_submit_goes_in_parts);
	tcase_add_test(tc, a_large_submit_that_is_wrong);
	tcase_add_test(tc, a_part_is_refused);
	tcase_add_test(tc, refused_with_a_task_that_was_there);
	tcase_add_test(tc, refused_while_open);
	tcase_add_test(tc, given_up);
	tcase_add_test(tc, futures_before_the_commit);
	tcase_add_test(tc, beside_other_submits);
	tcase_add_test(tc, small_and_empty);
	tcase_add_loop_test(tc, over_connections, 0, 3);
	tcase_add_test(tc, the_client_goes_first);
	return tc;
}
