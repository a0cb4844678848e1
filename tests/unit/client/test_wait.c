/* Waiting: all, any, the first failed; completed sets; arrays; callbacks; timeouts. */
#include "check_client.h"

#include <poll.h>

START_TEST(wait_in_all_modes)
{
	struct dq_future *futures[10];
	struct dq_failure failure;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.hold_outcomes = true;
	f.script.fail_n = 7;
	c = client_of(&f);
	for (int i = 0; i < 10; i++)
		futures[i] = submit_one(c, NULL);
	ck_assert_int_eq(dq_wait(c, futures, 10, DQ_WAIT_ANY, 0.05), DQ_E_TIMEOUT);
	ck_assert_int_eq(dq_wait(c, futures, 10, DQ_WAIT_ANY, 0), DQ_E_TIMEOUT);
	ck_assert(!dq_future_done(futures[0]));
	ck_assert_int_eq(dq_future_failure(futures[6], &failure), DQ_E_USAGE);
	fake_release(&f);
	ck_assert_int_eq(dq_wait(c, futures, 10, DQ_WAIT_ANY, 5), 0);
	ck_assert_int_eq(dq_wait(c, futures, 10, DQ_WAIT_FIRST_FAILED, 5), 0);
	ck_assert_int_eq(dq_future_state(futures[6]), DQ_STATE_FAILED);
	ck_assert_int_eq(dq_wait(c, futures, 10, DQ_WAIT_ALL, 5), 0);
	for (int twice = 0; twice < 2; twice++) {
		ck_assert_int_eq(dq_future_failure(futures[6], &failure), 0);
		ck_assert_str_eq(failure.message, "it broke");
		ck_assert_str_eq(failure.cause, "error");
		ck_assert_str_eq(failure.blame, "");
		ck_assert_int_eq(failure.exit_status, -1);
		ck_assert_uint_eq(failure.attempts, 1);
	}
	ck_assert_int_eq(dq_wait(c, futures, 0, DQ_WAIT_ANY, 5), 0);
	ck_assert_int_eq(dq_wait(c, futures, 1, (enum dq_wait)9, 5), DQ_E_USAGE);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

START_TEST(completed_in_order_with_additions)
{
	struct dq_future *futures[100], *got[64], *one;
	struct dq_completed *set;
	size_t n, seen = 0;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	c = client_of(&f);
	for (int i = 0; i < 50; i++)
		futures[i] = submit_one(c, NULL);
	ck_assert_int_eq(dq_completed_new(c, futures, 50, &set), 0);
	for (int i = 0; i < 25; i++) {
		ck_assert_int_eq(dq_completed_next(set, 5, &one), 0);
		ck_assert_ptr_eq(one, futures[i]);
	}
	for (int i = 50; i < 100; i++) {
		futures[i] = submit_one(c, NULL);
		ck_assert_int_eq(dq_completed_add(set, &futures[i], 1), 0);
	}
	/* One leaves by being freed; one came twice. */
	dq_future_free(&futures[99]);
	ck_assert_int_eq(dq_completed_add(set, futures, 1), 0);
	for (;;) {
		ck_assert_int_eq(dq_completed_batch(set, 5, got, 64, &n), 0);
		if (n == 0)
			break;
		seen += n;
	}
	ck_assert_uint_eq(seen, 25 + 49 + 1);
	ck_assert_int_eq(dq_completed_next(set, 5, &one), 0);
	ck_assert_ptr_null(one);
	dq_completed_free(&set);
	/* A set may outlive its client. */
	ck_assert_int_eq(dq_completed_new(c, futures, 50, &set), 0);
	dq_client_close(&c);
	dq_completed_free(&set);
	fake_stop(&f);
}
END_TEST

START_TEST(arrays_and_their_elements)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_args *inputs = dq_args_new();
	struct dq_future *array, *element, *again, *big;
	struct dq_value v[10];
	int64_t number;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.fail_n = 5;
	c = client_of(&f);
	spec.function = "f";
	dq_args_array(inputs, 10);
	for (int i = 0; i < 10; i++)
		dq_args_int(inputs, i);
	ck_assert_int_eq(dq_map(c, &spec, 9, inputs, &array), DQ_E_USAGE);
	ck_assert_int_eq(dq_map(c, &spec, 0, NULL, &array), DQ_E_USAGE);
	ck_assert_int_eq(dq_map(c, &spec, 10, inputs, &array), 0);
	dq_args_free(&inputs);
	ck_assert_uint_eq(dq_future_count(array), 10);
	ck_assert_int_eq(dq_future_element(array, 10, &element), DQ_E_USAGE);
	ck_assert_int_eq(dq_future_element(array, 4, &element), 0);
	ck_assert_int_eq(dq_future_element(array, 4, &again), 0);
	ck_assert_str_eq(dq_future_key(element), "dq-7-1[4]");
	ck_assert_uint_eq(dq_future_id(element), dq_future_id(array) + 4);
	ck_assert_int_eq(dq_wait(c, &again, 1, DQ_WAIT_FIRST_FAILED, 5), 0);
	ck_assert_int_eq(dq_future_state(element), DQ_STATE_FAILED);
	ck_assert_int_eq(dq_wait(c, &array, 1, DQ_WAIT_ALL, 5), 0);
	ck_assert_int_eq(dq_future_state(array), DQ_STATE_FAILED);
	ck_assert_int_eq(dq_result(array, 1, v), DQ_E_USAGE);
	ck_assert_int_eq(dq_gather_array(array, DQ_RAISE, 5, v), DQ_E_TASK_FAILED);
	ck_assert_int_eq(dq_gather_array(array, DQ_SKIP, 5, v), 0);
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(v[i].type == NULL, i == 4);
		if (v[i].type)
			ck_assert_int_eq(dq_value_int(&v[i], &number), 0);
		if (v[i].type)
			ck_assert_int_eq(number, (i + 1) * 3);
		dq_value_release(&v[i]);
	}
	/* The elements keep the array. */
	dq_future_free(&array);
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	ck_assert_uint_eq(f.released_ids, 0);
	dq_future_free(&element);
	dq_future_free(&again);
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	ck_assert_uint_eq(f.released_ids, 10);
	/* Told as one run. */
	ck_assert_int_eq(dq_map(c, &spec, 1000000, NULL, &big), 0);
	ck_assert_int_eq(dq_wait(c, &big, 1, DQ_WAIT_ALL, 10), 0);
	ck_assert_int_eq(dq_future_state(big), DQ_STATE_DONE);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

struct calls {
	struct dq_client *c;
	struct dq_future *last;
	int n, wrong;
	struct dq_future *made;
};

static void on_done(struct dq_future *future, void *arg)
{
	struct calls *calls = arg;
	struct dq_value v;

	calls->n++;
	calls->last = future;
	calls->wrong += !dq_future_done(future);
	calls->wrong += dq_result(future, 1, &v) != DQ_E_USAGE;
	if (!calls->made)
		calls->made = submit_one(calls->c, NULL);
}

START_TEST(callbacks_run_while_driving)
{
	struct calls calls = {0};
	struct dq_future *one;
	int turns = 0;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	c = client_of(&f);
	calls.c = c;
	one = submit_one(c, NULL);
	ck_assert_int_eq(dq_future_on_done(one, on_done, &calls), 0);
	dq_future_free(&one); /* the callback keeps it */
	/* As in a loop of the caller's own: only its descriptor and its time are asked. */
	for (int i = 0; i < 100 && calls.n == 0; i++) {
		struct pollfd p = {.fd = dq_client_fd(c), .events = POLLIN};
		int timeout_ms = dq_client_timeout_ms(c);

		ck_assert_int_ge(poll(&p, 1, timeout_ms < 0 ? 3000 : timeout_ms), 0);
		ck_assert_int_eq(dq_client_process(c), 0);
		turns++;
	}
	ck_assert_int_lt(turns, 20);
	ck_assert_int_eq(calls.n, 1);
	ck_assert_int_eq(calls.wrong, 0);
	ck_assert_ptr_nonnull(calls.made);
	ck_assert_int_eq(dq_wait(c, &calls.made, 1, DQ_WAIT_ALL, 5), 0);
	/* On one that has ended: in the next call that may. */
	ck_assert_int_eq(dq_future_on_done(calls.made, on_done, &calls), 0);
	ck_assert_int_eq(calls.n, 1);
	ck_assert_int_eq(dq_client_timeout_ms(c), 0);
	ck_assert_int_eq(dq_client_process(c), 0);
	ck_assert_int_eq(calls.n, 2);
	ck_assert_ptr_eq(calls.last, calls.made);
	/* One that never runs is freed with the client. */
	fake_lock(&f);
	f.script.hold_outcomes = true;
	fake_unlock(&f);
	one = submit_one(c, NULL);
	ck_assert_int_eq(dq_future_on_done(one, on_done, &calls), 0);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

START_TEST(a_task_that_is_gone)
{
	struct dq_failure failure;
	struct dq_future *ghost;
	struct dq_options o = DQ_OPTIONS_INIT;
	struct dq_spec spec = DQ_SPEC_INIT;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	o.look_only = true;
	ck_assert_int_eq(client_connect(f.address, &o, &c), 0);
	ck_assert_int_eq(dq_future_watch(c, "ghost", task_id(2, 2), 1, &ghost), 0);
	ck_assert_int_eq(dq_wait(c, &ghost, 1, DQ_WAIT_ALL, 5), 0);
	ck_assert_int_eq(dq_future_failure(ghost, &failure), 0);
	ck_assert_int_eq(failure.error, DQ_E_GONE);
	spec.function = "f";
	ck_assert_int_eq(dq_submit(c, &spec, &ghost), DQ_E_USAGE);
	ck_assert_int_eq(dq_future_from_key(c, "old", 1, &ghost), DQ_E_USAGE);
	ck_assert_int_eq(dq_client_close(&c), 0);
	ck_assert_uint_eq(f.closes, 0);
	fake_stop(&f);
}
END_TEST

TCase *tcase_wait(void)
{
	TCase *tc = tcase_create("wait");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, wait_in_all_modes);
	tcase_add_test(tc, completed_in_order_with_additions);
	tcase_add_test(tc, arrays_and_their_elements);
	tcase_add_test(tc, callbacks_run_while_driving);
	tcase_add_test(tc, a_task_that_is_gone);
	return tc;
}
