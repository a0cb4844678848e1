/* Results: inline, asked for, fetched from holders; gathering; queries. */
#include "check_client.h"

static void expect_long(const struct dq_value *v, uint64_t id)
{
	const uint8_t *p = v->bytes;
	unsigned wrong = 0;

	ck_assert_uint_eq(v->n, 100005);
	ck_assert_uint_eq((uintptr_t)p % 64, 0);
	for (unsigned i = 0; i < 100000; i++)
		wrong += p[5 + i] != (uint8_t)(i * 7 + id);
	ck_assert_uint_eq(wrong, 0);
}

START_TEST(values_left_out_are_asked_for)
{
	struct dq_future *futures[1000];
	struct dq_value v[1000];
	int64_t number;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.big_values = true;
	c = client_of(&f);
	for (int i = 0; i < 1000; i++)
		futures[i] = submit_one(c, NULL);
	ck_assert_int_eq(dq_gather(c, futures, 1000, DQ_RAISE, 5, v), 0);
	for (int i = 0; i < 1000; i++) {
		ck_assert_int_eq(dq_value_int(&v[i], &number), 0);
		ck_assert_int_eq(number, (i + 1) * 3);
		dq_value_release(&v[i]);
	}
	ck_assert_uint_eq(f.gets, 1000);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

START_TEST(values_are_fetched_from_holders)
{
	struct dq_future *futures[20];
	struct dq_value v[20];
	struct fake f;
	struct dq_client *c;

	for (unsigned bad = 0; bad < 3; bad++) {
		fake_start(&f);
		f.script.held_values = true;
		f.script.bad_holders = bad;
		c = client_of(&f);
		for (int i = 0; i < 20; i++)
			futures[i] = submit_one(c, NULL);
		ck_assert_int_eq(dq_result(futures[3], 5, v), 0);
		expect_long(v, dq_future_id(futures[3]));
		dq_value_release(v);
		ck_assert_int_eq(dq_gather(c, futures, 20, DQ_RAISE, 5, v), 0);
		for (int i = 0; i < 20; i++) {
			expect_long(&v[i], dq_future_id(futures[i]));
			dq_value_release(&v[i]);
		}
		ck_assert_uint_eq(f.fetches, bad ? 42 : 21);
		dq_client_close(&c);
		fake_stop(&f);
	}
}
END_TEST

START_TEST(gather_raises_or_skips)
{
	struct dq_future *futures[100];
	struct dq_value v[100];
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.fail_n = 50;
	c = client_of(&f);
	for (int i = 0; i < 100; i++)
		futures[i] = submit_one(c, NULL);
	ck_assert_int_eq(dq_gather(c, futures, 100, DQ_RAISE, 5, v), DQ_E_TASK_FAILED);
	ck_assert_ptr_nonnull(strstr(dq_client_error(c), "it broke"));
	for (int i = 0; i < 100; i++)
		dq_value_release(&v[i]);
	ck_assert_int_eq(dq_gather(c, futures, 100, DQ_SKIP, 5, v), 0);
	ck_assert_ptr_null(v[49].type);
	for (int i = 0; i < 100; i++)
		dq_value_release(&v[i]);
	ck_assert_int_eq(dq_gather(c, futures, 0, DQ_RAISE, 5, v), 0);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

START_TEST(a_lost_value)
{
	struct dq_future *ghost, *one;
	struct dq_value v;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.big_values = true;
	c = client_of(&f);
	one = submit_one(c, NULL);
	ck_assert_int_eq(dq_wait(c, &one, 1, DQ_WAIT_ALL, 5), 0);
	fake_lock(&f);
	runs_clear(&f.tasks);
	fake_unlock(&f);
	ck_assert_int_eq(dq_result(one, 5, &v), DQ_E_LOST);
	ck_assert_ptr_null(v.type);
	ck_assert_int_eq(dq_future_watch(c, NULL, task_id(2, 2), 1, &ghost), 0);
	ck_assert_int_eq(dq_result(ghost, 5, &v), DQ_E_GONE);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

START_TEST(queries_join_their_parts)
{
	struct dq_args *keys = dq_args_new();
	struct dq_value v;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	c = client_of(&f);
	ck_assert_int_eq(dq_query(c, DQ_QUERY_STATUS, NULL, 5, &v), 0);
	ck_assert(v.n == 3 && memcmp(v.bytes, "\x92\x01\x02", 3) == 0);
	dq_value_release(&v);
	dq_args_array(keys, 1);
	dq_args_str(keys, "k");
	ck_assert_int_eq(dq_query(c, DQ_QUERY_STATE, keys, 5, &v), 0);
	ck_assert(v.n == 4 && memcmp(v.bytes, "\x93\x01\x02\x03", 4) == 0);
	dq_value_release(&v);
	ck_assert_int_eq(dq_query(c, DQ_QUERY_SHOW, keys, 5, &v), DQ_E_NOT_FOUND);
	ck_assert_str_eq(dq_client_error(c), "no such task");
	dq_args_free(&keys);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

START_TEST(cancel_by_ids)
{
	uint64_t first[2] = {task_id(3, 1), task_id(3, 11)}, count[2] = {10, 5};
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	c = client_of(&f);
	ck_assert_int_eq(dq_cancel_ids(c, first, count, 2, 5), 0);
	ck_assert_uint_eq(f.cancels, 1);
	ck_assert_uint_eq(f.cancelled_ids, 15);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

TCase *tcase_result(void)
{
	TCase *tc = tcase_create("result");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, values_left_out_are_asked_for);
	tcase_add_test(tc, values_are_fetched_from_holders);
	tcase_add_test(tc, gather_raises_or_skips);
	tcase_add_test(tc, a_lost_value);
	tcase_add_test(tc, queries_join_their_parts);
	tcase_add_test(tc, cancel_by_ids);
	return tc;
}
