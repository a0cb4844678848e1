/* Lost connections: what is sent again, what is answered once, what ends a client. */
#include "check_client.h"

static void submit_all(struct dq_client *c, struct dq_future **futures, size_t n)
{
	for (size_t i = 0; i < n; i++)
		futures[i] = submit_one(c, NULL);
}

/* The request was not taken before the connection ended: it is sent again, with all behind it. */
START_TEST(lost_before_it_was_taken)
{
	struct dq_future *futures[50000];
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.lose_after_seq = 3;
	c = client_of(&f);
	submit_all(c, futures, 50000);
	ck_assert_int_eq(dq_wait(c, futures, 50000, DQ_WAIT_ALL, 10), 0);
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	ck_assert_uint_eq(f.connections, 2);
	ck_assert_uint_eq(f.ntasks, 50000);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

/* It was taken and the reply was lost: asked for by sending it again, and done once. */
START_TEST(lost_after_it_was_taken)
{
	struct dq_future *futures[20000];
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.lose_taken_seq = 2;
	c = client_of(&f);
	submit_all(c, futures, 20000);
	ck_assert_int_eq(dq_wait(c, futures, 20000, DQ_WAIT_ALL, 10), 0);
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	ck_assert_uint_eq(f.connections, 2);
	ck_assert_uint_ge(f.resent, 1);
	ck_assert_uint_eq(f.ntasks, 20000);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

/* A stored reply with news comes again after a reconnect, and is acknowledged. */
START_TEST(a_stored_reply_comes_again)
{
	struct dq_future *one, *two;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.lose_taken_seq = 2;
	f.script.conflict_seq = 2;
	c = client_of(&f);
	one = submit_one(c, NULL);
	two = submit_one(c, "k");
	ck_assert_int_eq(dq_client_sync(c, 5), DQ_E_CONFLICT);
	ck_assert_int_eq(dq_future_state(two), DQ_STATE_REFUSED);
	ck_assert_int_eq(dq_wait(c, &one, 1, DQ_WAIT_ALL, 5), 0);
	ck_assert_uint_eq(f.connections, 2);
	ck_assert_uint_eq(f.acked_upto, 2);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

/* Not taken: that request fails, those behind it take its place. */
START_TEST(not_taken_renumbers)
{
	struct dq_future *one, *two, *three;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.not_taken_seq = 2;
	c = client_of(&f);
	one = submit_one(c, "a");
	two = submit_one(c, "b");
	three = submit_one(c, "c");
	ck_assert_int_eq(dq_client_sync(c, 5), DQ_E_STORE);
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	ck_assert_int_eq(dq_future_state(two), DQ_STATE_REFUSED);
	ck_assert_int_eq(dq_wait(c, &one, 1, DQ_WAIT_ALL, 5), 0);
	ck_assert_int_eq(dq_wait(c, &three, 1, DQ_WAIT_ALL, 5), 0);
	fake_lock(&f);
	ck_assert_uint_eq(f.last_seq, 2);
	ck_assert_uint_eq(f.ntasks, 2);
	fake_unlock(&f);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

/* What is watched and has not been told is watched again, and no more than that. */
START_TEST(watches_are_made_again)
{
	struct dq_future *futures[100], *array;
	struct dq_spec spec = DQ_SPEC_INIT;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	c = client_of(&f);
	submit_all(c, futures, 100);
	ck_assert_int_eq(dq_wait(c, futures, 100, DQ_WAIT_ALL, 5), 0);
	fake_lock(&f);
	f.script.hold_outcomes = true;
	fake_unlock(&f);
	spec.function = "f";
	ck_assert_int_eq(dq_map(c, &spec, 10000, NULL, &array), 0);
	ck_assert_int_eq(dq_wait(c, &array, 1, DQ_WAIT_ALL, 0.1), DQ_E_TIMEOUT);
	fake_lock(&f);
	f.watched_ids = 0;
	fake_unlock(&f);
	fake_drop(&f);
	ck_assert_int_eq(dq_wait(c, &array, 1, DQ_WAIT_ALL, 0.2), DQ_E_TIMEOUT);
	fake_lock(&f);
	ck_assert_uint_eq(f.watched_ids, 10000);
	fake_unlock(&f);
	fake_release(&f);
	ck_assert_int_eq(dq_wait(c, &array, 1, DQ_WAIT_ALL, 5), 0);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

START_TEST(queries_and_gets_are_asked_again)
{
	struct dq_value v;
	struct fake f;
	struct dq_client *c;
	struct dq_future *one;

	fake_start(&f);
	f.script.silent_queries = 1;
	c = client_of(&f);
	ck_assert_int_eq(dq_query(c, DQ_QUERY_STATUS, NULL, 0.05, &v), DQ_E_TIMEOUT);
	fake_lock(&f);
	f.script.silent_queries = 1;
	fake_unlock(&f);
	fake_drop(&f);
	ck_assert_int_eq(dq_query(c, DQ_QUERY_STATUS, NULL, 0.2, &v), DQ_E_TIMEOUT);
	ck_assert_int_eq(dq_query(c, DQ_QUERY_STATUS, NULL, 5, &v), 0);
	dq_value_release(&v);
	one = submit_one(c, NULL);
	fake_lock(&f);
	f.script.big_values = true;
	fake_unlock(&f);
	ck_assert_int_eq(dq_wait(c, &one, 1, DQ_WAIT_ALL, 5), 0);
	fake_drop(&f);
	ck_assert_int_eq(dq_result(one, 5, &v), 0);
	dq_value_release(&v);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

START_TEST(a_scheduler_that_is_not_there)
{
	struct dq_options o = DQ_OPTIONS_INIT;
	struct dq_client *c;
	struct dq_future *future;
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_value v;

	o.connect_timeout_s = 0.1;
	ck_assert_int_eq(client_connect("inproc:nobody", &o, &c), DQ_E_NO_SCHEDULER);
	ck_assert_ptr_nonnull(strstr(dq_client_error(c), "inproc:nobody"));
	spec.function = "f";
	ck_assert_int_eq(dq_submit(c, &spec, &future), DQ_E_NO_SCHEDULER);
	ck_assert_int_eq(dq_query(c, DQ_QUERY_STATUS, NULL, 1, &v), DQ_E_NO_SCHEDULER);
	ck_assert_int_eq(dq_client_sync(c, 1), DQ_E_NO_SCHEDULER);
	ck_assert_int_eq(dq_client_process(c), DQ_E_NO_SCHEDULER);
	dq_client_close(&c);
	ck_assert_int_eq(client_connect("carrier-pigeon:", &o, &c), DQ_E_USAGE);
	dq_client_close(&c);
	o.size = 0;
	ck_assert_int_eq(client_connect("inproc:nobody", &o, &c), DQ_E_USAGE);
	dq_client_close(&c);
}
END_TEST

START_TEST(refused_for_good)
{
	struct dq_options o = DQ_OPTIONS_INIT;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.refuse_code = DQ_E_REFUSED;
	ck_assert_int_eq(client_connect(f.address, NULL, &c), DQ_E_REFUSED);
	ck_assert_uint_eq(f.hellos, 1);
	dq_client_close(&c);
	/* A scheduler that is full for now is tried again. */
	fake_lock(&f);
	f.script.refuse_code = DQ_E_LIMIT;
	fake_unlock(&f);
	o.connect_timeout_s = 0.2;
	ck_assert_int_eq(client_connect(f.address, &o, &c), DQ_E_NO_SCHEDULER);
	ck_assert_uint_gt(f.hellos, 2);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

/* What was over the limit would be again: the client ends, and says which limit. */
START_TEST(a_frame_over_the_limit_ends_the_client)
{
	struct dq_future *one;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.too_large_seq = 1;
	ck_assert_int_eq(client_connect(f.address, NULL, &c), 0);
	one = submit_one(c, NULL);
	ck_assert_int_eq(dq_wait(c, &one, 1, DQ_WAIT_ALL, 5), DQ_E_LIMIT);
	ck_assert_ptr_nonnull(strstr(dq_client_error(c), "refused: frame: at most 16 MiB"));
	ck_assert_uint_eq(f.hellos, 1);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

/* Another process with the session's name goes on behind what was acknowledged. */
START_TEST(a_named_session_is_resumed)
{
	struct dq_options o = DQ_OPTIONS_INIT;
	struct dq_future *one;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	o.session = "nightly";
	ck_assert_int_eq(client_connect(f.address, &o, &c), 0);
	submit_one(c, NULL);
	submit_one(c, "k");
	ck_assert_int_eq(dq_client_leave(&c), 0);
	ck_assert_uint_eq(f.closes, 0);
	ck_assert_int_eq(client_connect(f.address, &o, &c), 0);
	one = submit_one(c, NULL);
	ck_assert_uint_eq(dq_future_id(one), task_id(FAKE_SESSION, 3));
	ck_assert_int_eq(dq_wait(c, &one, 1, DQ_WAIT_ALL, 5), 0);
	ck_assert_uint_eq(f.acked_upto, 2);
	ck_assert_int_eq(dq_client_close(&c), 0);
	fake_stop(&f);
}
END_TEST

TCase *tcase_reconnect(void)
{
	TCase *tc = tcase_create("reconnect");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, lost_before_it_was_taken);
	tcase_add_test(tc, lost_after_it_was_taken);
	tcase_add_test(tc, a_stored_reply_comes_again);
	tcase_add_test(tc, not_taken_renumbers);
	tcase_add_test(tc, watches_are_made_again);
	tcase_add_test(tc, queries_and_gets_are_asked_again);
	tcase_add_test(tc, a_scheduler_that_is_not_there);
	tcase_add_test(tc, refused_for_good);
	tcase_add_test(tc, a_frame_over_the_limit_ends_the_client);
	tcase_add_test(tc, a_named_session_is_resumed);
	return tc;
}
