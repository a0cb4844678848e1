/* Submitting, acknowledgements, releases, cancels, keys. */
#include "check_client.h"

#include "base/fault.h"

START_TEST(many_submits_one_block)
{
	struct dq_future *futures[1000];
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	c = client_of(&f);
	for (int i = 0; i < 1000; i++)
		futures[i] = submit_one(c, NULL);
	ck_assert_uint_eq(dq_future_id(futures[0]), task_id(FAKE_SESSION, 1));
	ck_assert_uint_eq(dq_future_id(futures[999]), task_id(FAKE_SESSION, 1000));
	ck_assert_str_eq(dq_future_key(futures[2]), "dq-7-3");
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	fake_lock(&f);
	ck_assert_uint_eq(f.submits, 1);
	ck_assert_uint_eq(f.ntasks, 1000);
	fake_unlock(&f);
	for (int i = 0; i < 1000; i++)
		dq_future_free(&futures[i]);
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	fake_lock(&f);
	ck_assert_uint_eq(f.releases, 1);
	ck_assert_uint_eq(f.released_ids, 1000);
	fake_unlock(&f);
	ck_assert_int_eq(dq_client_close(&c), 0);
	ck_assert_ptr_null(c);
	ck_assert_uint_eq(f.closes, 1);
	fake_stop(&f);
}
END_TEST

/* Blocks are sealed as they fill, and one cumulative reply answers many requests. */
START_TEST(plain_replies_are_cumulative)
{
	struct dq_future **futures = calloc(100000, sizeof(*futures));
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.hold_replies = true;
	c = client_of(&f);
	for (int i = 0; i < 100000; i++)
		futures[i] = submit_one(c, NULL);
	ck_assert_int_eq(dq_client_sync(c, 0.05), DQ_E_TIMEOUT);
	fake_release(&f);
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	ck_assert_uint_eq(f.submits, 100000 / 8192 + 1);
	ck_assert_uint_eq(f.ntasks, 100000);
	ck_assert_uint_eq(f.acked, 0);
	dq_client_close(&c);
	fake_stop(&f);
	free(futures);
}
END_TEST

START_TEST(a_conflict_refuses_its_block_alone)
{
	struct dq_failure failure;
	struct dq_future *before, *bad, *after, *dependent;
	struct dq_spec spec = DQ_SPEC_INIT;
	const struct dq_future *deps[2] = {0};
	struct dq_value value;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.conflict_seq = 2;
	c = client_of(&f);
	before = submit_one(c, NULL);
	bad = submit_one(c, "k");
	after = submit_one(c, NULL);
	ck_assert_int_eq(dq_client_sync(c, 5), DQ_E_CONFLICT);
	ck_assert_str_eq(dq_client_error(c), "conflict: another spec under k");
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	ck_assert_int_eq(dq_future_state(bad), DQ_STATE_REFUSED);
	ck_assert_int_eq(dq_future_failure(bad, &failure), 0);
	ck_assert_int_eq(failure.error, DQ_E_CONFLICT);
	ck_assert_int_eq(dq_result(bad, 1, &value), DQ_E_CONFLICT);
	ck_assert_int_eq(dq_result(before, 5, &value), 0);
	dq_value_release(&value);
	ck_assert_int_eq(dq_result(after, 5, &value), 0);
	dq_value_release(&value);
	spec.function = "f";
	deps[0] = bad;
	spec.after = deps;
	ck_assert_int_eq(dq_submit(c, &spec, &dependent), DQ_E_CONFLICT);
	ck_assert_ptr_null(dependent);
	dq_future_free(&bad);
	dq_client_sync(c, 5);
	ck_assert_uint_eq(f.released_ids, 0); /* there is nothing to release */
	ck_assert_uint_eq(f.acked_upto, 2);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

/* A key that was there: the future goes by the old id, and one release lets go of it. */
START_TEST(an_existing_key_takes_its_id)
{
	struct dq_future *one, *same, *waits;
	struct dq_value value;
	int64_t v;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.alias_seq = 1;
	f.script.alias_id = task_id(3, 9);
	c = client_of(&f);
	one = submit_one(c, "k");
	waits = one;
	ck_assert_str_eq(dq_future_key(one), "k");
	ck_assert_int_eq(dq_result(waits, 5, &value), 0);
	ck_assert_int_eq(dq_value_int(&value, &v), 0);
	ck_assert_int_eq(v, 27);
	dq_value_release(&value);
	ck_assert_uint_eq(dq_future_id(one), task_id(3, 9));
	ck_assert_int_eq(dq_future_from_key(c, "old", 5, &same), 0);
	ck_assert_uint_eq(dq_future_id(same), task_id(3, 9));
	ck_assert_int_eq(dq_result(same, 5, &value), 0);
	dq_value_release(&value);
	dq_future_free(&one);
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	ck_assert_uint_eq(f.released_ids, 0);
	dq_future_free(&same);
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	ck_assert_uint_eq(f.released_ids, 1);
	ck_assert_int_eq(dq_future_from_key(c, "new", 5, &same), DQ_E_NOT_FOUND);
	ck_assert_ptr_null(same);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

/* Freed, cancelled and depended on before it is known who it is. */
START_TEST(an_unsettled_future)
{
	struct dq_future *freed, *cancelled, *dependent;
	struct dq_spec spec = DQ_SPEC_INIT;
	const struct dq_future *deps[2] = {0};
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.hold_replies = f.script.hold_outcomes = true;
	f.script.alias_seq = 1;
	f.script.alias_id = task_id(3, 9);
	c = client_of(&f);
	freed = submit_one(c, "k");
	cancelled = submit_one(c, "l");
	deps[0] = cancelled;
	spec.function = "f";
	spec.after = deps;
	ck_assert_int_eq(dq_submit(c, &spec, &dependent), 0);
	dq_future_free(&freed);
	ck_assert_int_eq(dq_future_cancel(cancelled), 0);
	ck_assert_int_eq(dq_client_sync(c, 0.05), DQ_E_TIMEOUT);
	ck_assert_uint_eq(f.cancels, 0);
	fake_release(&f);
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	ck_assert_uint_eq(f.cancels, 1);
	ck_assert_uint_eq(f.cancelled_ids, 1);
	ck_assert_uint_eq(f.released_ids, 1);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

/* An element of an array with a key, cancelled before the array is settled; one held by its own key
 * stays held. */
START_TEST(elements_of_arrays_with_keys)
{
	struct dq_future *array, *element, *held;
	struct dq_spec spec = DQ_SPEC_INIT;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.hold_replies = f.script.hold_outcomes = true;
	f.script.alias_id = task_id(FAKE_SESSION, 4);
	c = client_of(&f);
	spec.function = "f";
	spec.key = "k";
	spec.first_index = 5;
	ck_assert_int_eq(dq_map(c, &spec, 10, NULL, &array), 0);
	ck_assert_int_eq(dq_future_element(array, 2, &element), 0);
	ck_assert_str_eq(dq_future_key(element), "k[7]");
	ck_assert_int_eq(dq_future_cancel(element), 0);
	ck_assert_int_eq(dq_client_sync(c, 0.05), DQ_E_TIMEOUT);
	fake_release(&f);
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	ck_assert_uint_eq(f.cancelled_ids, 1);
	ck_assert_int_eq(dq_future_from_key(c, "old", 5, &held), 0);
	ck_assert_uint_eq(dq_future_id(held), dq_future_id(array) + 3);
	dq_future_free(&element);
	dq_future_free(&array);
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	ck_assert_uint_eq(f.released_ids, 9);
	dq_future_free(&held);
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	ck_assert_uint_eq(f.released_ids, 10);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

START_TEST(submit_many_is_all_or_none)
{
	struct dq_spec specs[600];
	struct dq_future *futures[600], *next;
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	c = client_of(&f);
	for (int i = 0; i < 600; i++) {
		specs[i] = (struct dq_spec)DQ_SPEC_INIT;
		specs[i].function = i == 599 ? NULL : "noop";
	}
	ck_assert_int_eq(dq_submit_many(c, specs, 600, futures), DQ_E_USAGE);
	for (int i = 0; i < 600; i++)
		ck_assert_ptr_null(futures[i]);
	ck_assert_int_eq(dq_submit_many(c, specs, 599, futures), 0);
	next = submit_one(c, NULL);
	ck_assert_uint_eq(dq_future_id(futures[0]), task_id(FAKE_SESSION, 1));
	ck_assert_uint_eq(dq_future_id(next), task_id(FAKE_SESSION, 600));
	specs[5].key = "bad/[key";
	ck_assert_int_eq(dq_submit_many(c, specs, 599, futures), DQ_E_USAGE);
	specs[5].key = "good";
	ck_assert_int_eq(dq_submit_many(c, specs, 599, futures), 0);
	ck_assert_int_eq(dq_wait(c, futures, 599, DQ_WAIT_ALL, 5), 0);
	ck_assert_uint_eq(f.submits, 2);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

/* Allocations of a submit fail in turn: what was not submitted leaves no trace. */
START_TEST(submit_without_memory)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	unsigned made = 0, failed = 0;
	const char *why = "";
	struct dq_future *future;
	struct fake f;
	struct dq_client *c;
	char fault[64];

	if (!fault_is_built_in())
		return;
	fake_start(&f);
	c = client_of(&f);
	spec.function = "noop";
	for (unsigned nth = 1; nth < 40; nth++) {
		int code;

		/* Nothing is sent here, so that only this thread lacks memory. */
		snprintf(fault, sizeof(fault), "alloc.try:%u:error:ENOMEM", nth % 5 + 1);
		fault_reset_counts();
		ck_assert(fault_arm(fault, &why));
		code = dq_submit(c, &spec, &future);
		fault_arm(NULL, &why);
		ck_assert(code == 0 || code == DQ_E_NO_MEMORY);
		made += code == 0;
		failed += code != 0;
	}
	ck_assert_uint_gt(failed, 0);
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	ck_assert_uint_eq(f.ntasks, made);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

TCase *tcase_submit(void)
{
	TCase *tc = tcase_create("submit");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, many_submits_one_block);
	tcase_add_test(tc, plain_replies_are_cumulative);
	tcase_add_test(tc, a_conflict_refuses_its_block_alone);
	tcase_add_test(tc, an_existing_key_takes_its_id);
	tcase_add_test(tc, an_unsettled_future);
	tcase_add_test(tc, elements_of_arrays_with_keys);
	tcase_add_test(tc, submit_many_is_all_or_none);
	tcase_add_test(tc, submit_without_memory);
	return tc;
}
