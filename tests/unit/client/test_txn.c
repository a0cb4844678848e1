/* Queues and transactions: each change is made once, over lost connections; refusals name the
 * operation. */
#include <dq/transaction.h>

#include "check_client.h"

static const struct dq_content one = {.size = sizeof(one), .type = "t", .bytes = "one", .n = 3};
static const struct dq_content two = {.size = sizeof(two), .type = "t", .bytes = "two", .n = 3};

static void is(const struct dq_item *item, const char *text)
{
	ck_assert_uint_eq(item->value.n, strlen(text));
	ck_assert(memcmp(item->value.bytes, text, item->value.n) == 0);
}

START_TEST(queue_in_order)
{
	const struct dq_content both[] = {one, two};
	struct dq_client *c;
	struct dq_item item;
	size_t n, done;
	struct fake f;

	fake_start(&f);
	c = client_of(&f);
	ck_assert_int_eq(dq_queue_get(c, "q", 1, 0, &item, &n), DQ_E_TIMEOUT);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(dq_queue_put(c, "q", both, 2, NULL, 5, &done), 0);
	ck_assert_uint_eq(done, 2);
	ck_assert_int_eq(dq_queue_take(c, "q", 5, 30, 5, &item, &n), 0);
	ck_assert_uint_eq(n, 1);
	is(&item, "one");
	ck_assert_str_eq(item.id, "0.1");
	ck_assert_str_eq(item.fence, "7.100");
	ck_assert_int_eq(dq_queue_ack(c, "q", item.id, item.fence, 5), 0);
	ck_assert_int_eq(dq_queue_ack(c, "q", "x", item.fence, 5), DQ_E_USAGE);
	ck_assert_int_eq(dq_queue_ack(c, "q", item.id, "7", 5), DQ_E_USAGE);
	dq_item_release(&item);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

/* The grant's acknowledgement is lost with its connection, and sent again. */
START_TEST(a_take_over_a_lost_connection)
{
	struct dq_client *c;
	struct dq_item item;
	struct fake f;
	size_t n;

	fake_start(&f);
	c = client_of(&f);
	ck_assert_int_eq(dq_queue_put(c, "q", &one, 1, NULL, 5, NULL), 0);
	f.script.lose_after_seq = 2;
	ck_assert_int_eq(dq_queue_take(c, "q", 1, 0, 5, &item, &n), 0);
	is(&item, "one");
	ck_assert_uint_eq(f.connections, 2);
	ck_assert(f.items[0].out);
	f.script.lose_taken_seq = 3;
	ck_assert_int_eq(dq_queue_ack(c, "q", item.id, item.fence, 5), 0);
	ck_assert_uint_eq(f.connections, 3);
	ck_assert_uint_eq(f.deals, 3);
	dq_item_release(&item);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

static struct dq_txn *begin(struct dq_client *c)
{
	struct dq_txn *txn;

	ck_assert_int_eq(dq_txn_new(c, &txn), 0);
	return txn;
}

START_TEST(committed_once)
{
	struct dq_client *c;
	struct dq_txn *txn;
	struct fake f;
	size_t failed;

	fake_start(&f);
	c = client_of(&f);
	txn = begin(c);
	ck_assert_int_eq(dq_txn_put(txn, "q", &two, 1, NULL), 0);
	ck_assert_int_eq(dq_txn_set(txn, "v", &one), 0);
	ck_assert_int_eq(dq_txn_set_if(txn, "w", 0, &one), 0);
	f.script.lose_taken_seq = 1;
	ck_assert_int_eq(dq_txn_commit(txn, 5, &failed), 0);
	ck_assert_uint_eq(f.connections, 2);
	ck_assert_uint_eq(f.deals, 1);
	ck_assert_uint_eq(failed, SIZE_MAX);
	ck_assert_uint_eq(dq_txn_result(txn, 0), 0);
	ck_assert_uint_eq(dq_txn_result(txn, 1), 1);
	ck_assert_uint_eq(dq_txn_result(txn, 2), 1);
	ck_assert_uint_eq(dq_txn_result(txn, 3), 0);
	ck_assert_int_eq(dq_txn_set(txn, "v", &one), DQ_E_USAGE);
	ck_assert_int_eq(dq_txn_commit(txn, 5, NULL), DQ_E_USAGE);
	ck_assert_uint_eq(f.deals, 1);
	dq_txn_free(&txn);
	ck_assert_ptr_null(txn);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

/* Submits are one operation, the first; numbers are those in which operations were added. */
START_TEST(refused)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_client *c;
	struct dq_txn *txn;
	const char *key;
	struct fake f;
	size_t failed;

	fake_start(&f);
	c = client_of(&f);
	spec.function = "noop";
	txn = begin(c);
	ck_assert_int_eq(dq_txn_set(txn, "v", &one), 0);
	ck_assert_int_eq(dq_txn_submit(txn, &spec, &key), 0);
	ck_assert_ptr_nonnull(strstr(key, "txn-"));
	ck_assert_int_eq(dq_txn_submit(txn, &spec, NULL), 0);
	ck_assert_int_eq(dq_txn_expect(txn, "nobody", 3), 0);
	ck_assert_int_eq(dq_txn_commit(txn, 5, &failed), DQ_E_CONFLICT);
	ck_assert_uint_eq(failed, 3);
	ck_assert_str_eq(dq_txn_error(txn), "operation 3 (expect nobody): another version");
	ck_assert_uint_eq(f.variables[0].version, 0);
	dq_txn_free(&txn);

	txn = begin(c);
	ck_assert_int_eq(dq_txn_set(txn, "v", &one), 0);
	ck_assert_int_eq(dq_txn_submit(txn, &spec, NULL), 0);
	ck_assert_int_eq(dq_txn_commit(txn, 5, NULL), 0);
	ck_assert_uint_eq(dq_txn_result(txn, 0), 1);
	ck_assert_uint_eq(dq_txn_result(txn, 1), task_id(1000, 1));
	dq_txn_free(&txn);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

START_TEST(a_call_that_fails_spoils_it)
{
	struct dq_client *c;
	struct dq_txn *txn;
	struct fake f;

	fake_start(&f);
	c = client_of(&f);
	txn = begin(c);
	ck_assert_int_eq(dq_txn_set(txn, NULL, &one), DQ_E_USAGE);
	ck_assert_int_eq(dq_txn_set(txn, "v", &one), DQ_E_USAGE);
	ck_assert_int_eq(dq_txn_commit(txn, 5, NULL), DQ_E_USAGE);
	ck_assert_str_eq(dq_txn_error(txn), "no name");
	ck_assert_uint_eq(f.deals, 0);
	dq_txn_free(&txn);
	txn = begin(c);
	ck_assert_int_eq(dq_txn_commit(txn, 5, NULL), 0); /* of nothing */
	ck_assert_uint_eq(f.deals, 0);
	dq_txn_free(&txn);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

TCase *tcase_txn(void)
{
	TCase *tc = tcase_create("txn");

	tcase_add_test(tc, queue_in_order);
	tcase_add_test(tc, a_take_over_a_lost_connection);
	tcase_add_test(tc, committed_once);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, a_call_that_fails_spoils_it);
	return tc;
}
