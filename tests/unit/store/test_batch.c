/*
 * Batches: what was put in comes out in order, values are encoded in place, memory is kept.
 */
#include "scratch.h"

#include <string.h>

START_TEST(test_ops)
{
	struct batch batch;
	struct batch_op op;
	struct buf *value;
	size_t pos = 0;

	batch_init(&batch);
	batch_put(&batch, TABLE_TASK, key_task(1, 0), slice_str("one"));
	batch_del(&batch, TABLE_LEASE, key_lease(7, 8));
	value = batch_put_begin(&batch, TABLE_USER, key_user(3));
	buf_append(value, "ab", 2);
	buf_append(value, "cd", 2);
	batch_put_end(&batch);
	batch_put(&batch, TABLE_HOLD, key_hold(1, 2), slice_empty());
	ck_assert_uint_eq(batch_count(&batch), 4);

	ck_assert(batch_next(&batch, &pos, &op));
	ck_assert(op.is_put && op.table == TABLE_TASK && op.key.n == 8);
	ck_assert(slice_eq_str(op.value, "one"));
	ck_assert_mem_eq(op.hashed.p, "\3\0\0\0\0\0\0\0\1one", 12);
	ck_assert_uint_eq(op.hashed.n, 12);
	ck_assert(batch_next(&batch, &pos, &op));
	ck_assert(!op.is_put && op.table == TABLE_LEASE && op.key.n == 16 && op.value.n == 0);
	ck_assert(batch_next(&batch, &pos, &op));
	ck_assert(op.is_put && op.table == TABLE_USER && slice_eq_str(op.value, "abcd"));
	ck_assert(batch_next(&batch, &pos, &op));
	ck_assert(op.is_put && op.value.n == 0 && op.key.n == 12);
	ck_assert(!batch_next(&batch, &pos, &op));
	batch_release(&batch);
}
END_TEST

START_TEST(test_clear_keeps_memory)
{
	struct batch batch;
	struct batch_op op;
	uint8_t *memory;
	size_t pos = 0;

	batch_init(&batch);
	for (uint64_t i = 0; i < 1000; i++)
		batch_put(&batch, TABLE_TASK, key_task(i, 0), slice_str("value"));
	memory = batch.ops.p;
	ck_assert_uint_gt(batch_bytes(&batch), 1000 * 13);
	batch_clear(&batch);
	ck_assert_uint_eq(batch_count(&batch), 0);
	ck_assert_uint_eq(batch_bytes(&batch), 0);
	ck_assert_ptr_eq(batch.ops.p, memory);
	ck_assert(!batch_next(&batch, &pos, &op));
	batch_release(&batch);
	batch_release(&batch);
}
END_TEST

START_TEST(test_large_value)
{
	static uint8_t big[300000];
	struct batch batch;
	struct batch_op op;
	size_t pos = 0;

	memset(big, 7, sizeof(big));
	batch_init(&batch);
	batch_put(&batch, TABLE_BLOCK, key_block(1), slice_of(big, sizeof(big)));
	ck_assert(batch_next(&batch, &pos, &op));
	ck_assert(slice_eq(op.value, slice_of(big, sizeof(big))));
	batch_release(&batch);
}
END_TEST

Suite *batch_suite(void)
{
	Suite *suite = suite_create("batch");
	TCase *tc = tcase_create("batch");

	tcase_add_test(tc, test_ops);
	tcase_add_test(tc, test_clear_keeps_memory);
	tcase_add_test(tc, test_large_value);
	suite_add_tcase(suite, tc);
	return suite;
}
