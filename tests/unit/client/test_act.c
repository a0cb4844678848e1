/* Retry, forget, priority: what is asked for, and what futures know afterwards. */
#include "check_client.h"

#include "model/record.h"

#include <string.h>

static void count_end(struct dq_future *future, void *arg)
{
	(void)future;
	++*(unsigned *)arg;
}

/* n futures, of which the third failed. */
static struct dq_client *begin_failed(struct fake *f, struct dq_future **futures, int n)
{
	struct dq_client *c;

	fake_start(f);
	f->script.fail_n = 3;
	c = client_of(f);
	for (int i = 0; i < n; i++)
		futures[i] = submit_one(c, NULL);
	ck_assert_int_eq(dq_wait(c, futures, (size_t)n, DQ_WAIT_ALL, 5), 0);
	ck_assert_int_eq(dq_future_state(futures[2]), DQ_STATE_FAILED);
	return c;
}

START_TEST(a_retried_future_waits_again)
{
	struct dq_future *futures[5];
	struct dq_failure failure;
	unsigned ends = 0;
	struct fake f;
	struct dq_client *c = begin_failed(&f, futures, 5);
	int64_t v;
	struct dq_value value;

	ck_assert_int_eq(dq_future_failure(futures[2], &failure), 0);
	f.script.hold_outcomes = true;
	f.script.late_end = true;
	ck_assert_int_eq(dq_future_retry(futures[2], 5), 0);
	ck_assert_uint_eq(f.act.kind, ACT_RETRY);
	ck_assert_uint_eq(f.act.flags, 0);
	ck_assert_int_eq(dq_future_state(futures[2]), DQ_STATE_PENDING);
	ck_assert_int_eq(dq_future_state(futures[1]), DQ_STATE_DONE);
	ck_assert_int_eq(dq_future_failure(futures[2], &failure), DQ_E_USAGE);
	ck_assert_int_eq(dq_future_on_done(futures[2], count_end, &ends), 0);
	ck_assert_int_eq(dq_wait(c, &futures[2], 1, DQ_WAIT_ALL, 0.05), DQ_E_TIMEOUT);
	ck_assert_uint_eq(ends, 0);
	fake_release(&f);
	ck_assert_int_eq(dq_result(futures[2], 5, &value), 0);
	ck_assert_int_eq(dq_value_int(&value, &v), 0);
	ck_assert_int_eq(v, 9);
	ck_assert_uint_eq(ends, 1);
	dq_value_release(&value);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

/* An end that nobody has taken from a set is none any more. */
START_TEST(a_set_that_has_its_end)
{
	struct dq_future *futures[5], *one;
	struct dq_completed *set;
	struct fake f;
	struct dq_client *c = begin_failed(&f, futures, 5);

	ck_assert_int_eq(dq_completed_new(c, &futures[2], 1, &set), 0);
	f.script.hold_outcomes = true;
	ck_assert_int_eq(dq_retry_many(c, &futures[2], 1, 5), 0);
	ck_assert_int_eq(dq_completed_next(set, 0.05, &one), DQ_E_TIMEOUT);
	fake_release(&f);
	ck_assert_int_eq(dq_completed_next(set, 5, &one), 0);
	ck_assert_ptr_eq(one, futures[2]);
	ck_assert_int_eq(dq_future_state(one), DQ_STATE_DONE);
	dq_completed_free(&set);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

/* The answer is lost with the connection, and asked for again: done once, and forgotten once. */
START_TEST(a_lost_answer)
{
	struct dq_future *futures[5];
	struct fake f;
	struct dq_client *c = begin_failed(&f, futures, 5);

	f.script.hold_outcomes = true;
	f.script.lose_taken_seq = f.last_seq + 1;
	ck_assert_int_eq(dq_future_retry(futures[2], 5), 0);
	ck_assert_uint_eq(f.acts, 1);
	ck_assert_uint_eq(f.connections, 2);
	ck_assert_int_eq(dq_future_state(futures[2]), DQ_STATE_PENDING);
	fake_release(&f);
	ck_assert_int_eq(dq_wait(c, futures, 5, DQ_WAIT_ALL, 5), 0);
	ck_assert_int_eq(dq_future_state(futures[2]), DQ_STATE_DONE);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

START_TEST(what_is_refused)
{
	struct dq_future *futures[5];
	struct fake f;
	struct dq_client *c = begin_failed(&f, futures, 5);
	char text[128];

	f.script.refuse_act = dq_future_id(futures[1]);
	ck_assert_int_eq(dq_retry_many(c, futures, 5, 5), DQ_E_REFUSED);
	snprintf(text, sizeof(text), "%s: it does not suit", dq_future_key(futures[1]));
	ck_assert_str_eq(dq_client_error(c), text);
	ck_assert_int_eq(dq_future_state(futures[2]), DQ_STATE_FAILED);
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	/* nothing to do, and nothing */
	ck_assert_int_eq(dq_retry_many(c, futures, 0, 5), 0);
	ck_assert_int_eq(dq_future_retry(NULL, 5), DQ_E_USAGE);
	futures[1] = NULL;
	ck_assert_int_eq(dq_forget_many(c, futures, 5, 5), DQ_E_USAGE);
	ck_assert_uint_eq(f.acts, 1);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

/* Of an array what failed waits again, and the rest stays as it is. */
START_TEST(an_array)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_future *array, *third, *other;
	struct dq_counts counts;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.fail_n = 3;
	c = client_of(&f);
	spec.function = "noop";
	ck_assert_int_eq(dq_map(c, &spec, 10000, NULL, &array), 0);
	ck_assert_int_eq(dq_future_element(array, 2, &third), 0);
	ck_assert_int_eq(dq_future_element(array, 9999, &other), 0);
	ck_assert_int_eq(dq_wait(c, &array, 1, DQ_WAIT_ALL, 5), 0);
	ck_assert_int_eq(dq_future_state(array), DQ_STATE_FAILED);
	f.script.hold_outcomes = true;
	ck_assert_int_eq(dq_future_retry(array, 5), 0);
	ck_assert_uint_eq(f.act.flags, ACT_SKIP);
	ck_assert_int_eq(dq_future_state(array), DQ_STATE_PENDING);
	ck_assert_int_eq(dq_future_state(third), DQ_STATE_PENDING);
	ck_assert_int_eq(dq_future_state(other), DQ_STATE_DONE);
	ck_assert_int_eq(dq_future_counts(array, &counts), 0);
	ck_assert_uint_eq(counts.done, 9999);
	ck_assert_uint_eq(counts.failed, 0);
	ck_assert_int_eq(dq_wait(c, &array, 1, DQ_WAIT_FIRST_FAILED, 0.05), DQ_E_TIMEOUT);
	fake_release(&f);
	ck_assert_int_eq(dq_wait(c, &array, 1, DQ_WAIT_ALL, 5), 0);
	ck_assert_int_eq(dq_future_state(array), DQ_STATE_DONE);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

/* What was submitted under a key is named by the id that it turns out to have. */
START_TEST(a_task_of_another)
{
	struct dq_future *futures[1];
	struct dq_acted acted;
	uint64_t id, one = 1;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.alias_seq = 1;
	f.script.alias_id = task_id(3, 9);
	f.script.fail_n = 9;
	c = client_of(&f);
	futures[0] = submit_one(c, "k");
	ck_assert_int_eq(dq_future_set_priority(futures[0], -4, 5), 0);
	ck_assert_uint_eq(f.act.kind, ACT_PRIORITY);
	ck_assert_int_eq(f.act_arg, -4);
	f.script.fail_n = 9;
	ck_assert_int_eq(dq_wait(c, futures, 1, DQ_WAIT_ALL, 5), 0);
	ck_assert_int_eq(dq_future_state(futures[0]), DQ_STATE_FAILED);
	f.script.hold_outcomes = true;
	id = dq_future_id(futures[0]);
	ck_assert_uint_eq(id, task_id(3, 9));
	ck_assert_int_eq(dq_act_ids(c, DQ_ACT_RETRY, 0, false, &id, &one, 1, 5, &acted), 0);
	ck_assert_int_eq(dq_future_state(futures[0]), DQ_STATE_PENDING);
	fake_release(&f);
	ck_assert_int_eq(dq_wait(c, futures, 1, DQ_WAIT_ALL, 5), 0);
	ck_assert_int_eq(dq_future_state(futures[0]), DQ_STATE_DONE);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

/* Another has retried it, since its value was lost: its new end is waited for. */
START_TEST(begun_anew_by_another)
{
	struct dq_future *future;
	struct dq_value value;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.big_values = f.script.not_ended = true;
	c = client_of(&f);
	future = submit_one(c, NULL);
	ck_assert_int_eq(dq_wait(c, &future, 1, DQ_WAIT_ALL, 5), 0);
	ck_assert_int_eq(dq_result(future, 5, &value), 0);
	ck_assert_uint_eq(f.gets, 2);
	ck_assert_uint_eq(f.watched_ids, 2);
	dq_value_release(&value);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

START_TEST(what_stays)
{
	struct dq_future *futures[5];
	uint64_t ids[2], counts[2] = {2, 3};
	struct dq_acted acted;
	struct fake f;
	struct dq_client *c = begin_failed(&f, futures, 5);

	ids[0] = dq_future_id(futures[0]);
	ids[1] = dq_future_id(futures[2]);
	f.script.keeps = true;
	ck_assert_int_eq(dq_act_ids(c, DQ_ACT_FORGET, 0, true, ids, counts, 2, 5, &acted), 0);
	ck_assert_uint_eq(f.act.kind, ACT_FORGET);
	ck_assert_uint_eq(f.act.flags, ACT_SKIP);
	ck_assert_uint_eq(acted.kept, 1);
	ck_assert_uint_eq(acted.first_kept, ids[0]);
	ck_assert_int_eq(dq_future_state(futures[2]), DQ_STATE_FAILED);
	f.script.refuse_act = ids[1];
	ck_assert_int_eq(
		dq_act_ids(c, DQ_ACT_FORGET, 0, false, ids, counts, 2, 5, &acted), DQ_E_REFUSED);
	ck_assert_uint_eq(acted.refused, ids[1]);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

TCase *tcase_act(void)
{
	TCase *tc = tcase_create("act");

	tcase_add_test(tc, a_retried_future_waits_again);
	tcase_add_test(tc, a_set_that_has_its_end);
	tcase_add_test(tc, a_lost_answer);
	tcase_add_test(tc, what_is_refused);
	tcase_add_test(tc, an_array);
	tcase_add_test(tc, a_task_of_another);
	tcase_add_test(tc, begun_anew_by_another);
	tcase_add_test(tc, what_stays);
	return tc;
}
