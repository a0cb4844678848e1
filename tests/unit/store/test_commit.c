/*
 * Commits: order, idempotence, snapshots, scans, and a long random run against a model in memory.
 */
#include "scratch.h"

#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

START_TEST(test_reopen_keeps)
{
	struct store *store = scratch_open();
	struct store_info info;

	ck_assert_int_eq(commit_one(store, 1, TABLE_TASK, key_task(7, 0), "seven", NULL), STORE_OK);
	ck_assert_int_eq(commit_one(store, 2, TABLE_TASK, key_task(8, 0), "eight", NULL), STORE_OK);
	ck_assert_int_eq(commit_one(store, 3, TABLE_TASK, key_task(7, 0), NULL, NULL), STORE_OK);
	store_close(&store);
	store = scratch_open();
	store_info(store, &info);
	ck_assert_uint_eq(info.applied, 3);
	ck_assert_ptr_null(read_one(store, TABLE_TASK, key_task(7, 0)));
	ck_assert_str_eq(read_one(store, TABLE_TASK, key_task(8, 0)), "eight");
	/* The same number in another table is another record. */
	ck_assert_ptr_null(read_one(store, TABLE_BLOCK, key_block(8)));
	store_close(&store);
}
END_TEST

START_TEST(test_idempotent)
{
	struct store *store = scratch_open();

	ck_assert_int_eq(commit_one(store, 5, TABLE_TASK, key_task(1, 0), "a", NULL), STORE_OK);
	/* At or below `applied`: done already, whatever it holds. */
	ck_assert_int_eq(commit_one(store, 5, TABLE_TASK, key_task(1, 0), "b", NULL), STORE_OK);
	ck_assert_int_eq(commit_one(store, 4, TABLE_TASK, key_task(1, 0), NULL, NULL), STORE_OK);
	ck_assert_str_eq(read_one(store, TABLE_TASK, key_task(1, 0)), "a");
	store_close(&store);
	store = scratch_open();
	ck_assert_int_eq(commit_one(store, 5, TABLE_TASK, key_task(1, 0), "c", NULL), STORE_OK);
	ck_assert_str_eq(read_one(store, TABLE_TASK, key_task(1, 0)), "a");
	ck_assert_int_eq(commit_one(store, 6, TABLE_TASK, key_task(1, 0), "d", NULL), STORE_OK);
	ck_assert_str_eq(read_one(store, TABLE_TASK, key_task(1, 0)), "d");
	store_close(&store);
}
END_TEST

START_TEST(test_later_op_wins)
{
	struct store *store = scratch_open();
	struct batch batch;

	batch_init(&batch);
	batch_put(&batch, TABLE_TASK, key_task(1, 0), slice_str("first"));
	batch_put(&batch, TABLE_TASK, key_task(1, 0), slice_str("second, longer"));
	batch_put(&batch, TABLE_TASK, key_task(2, 0), slice_str("here"));
	batch_del(&batch, TABLE_TASK, key_task(2, 0));
	batch_del(&batch, TABLE_TASK, key_task(3, 0));
	batch_put(&batch, TABLE_TASK, key_task(3, 0), slice_str("again"));
	batch_put(&batch, TABLE_TASK, key_task(0, 0), slice_str("below"));
	ck_assert_int_eq(store_commit(store, &batch, 1, NULL), STORE_OK);
	ck_assert_str_eq(read_one(store, TABLE_TASK, key_task(1, 0)), "second, longer");
	ck_assert_ptr_null(read_one(store, TABLE_TASK, key_task(2, 0)));
	ck_assert_str_eq(read_one(store, TABLE_TASK, key_task(3, 0)), "again");
	ck_assert_str_eq(read_one(store, TABLE_TASK, key_task(0, 0)), "below");
	batch_release(&batch);
	store_close(&store);
}
END_TEST

struct heard {
	sem_t told;
	uint64_t next; /* the number that must come next */
	int wrong, failed;
};

static void on_done(void *arg, uint64_t seq, const struct store_error *error)
{
	struct heard *heard = arg;

	heard->wrong += seq != heard->next++;
	heard->failed += error != NULL;
	sem_post(&heard->told);
}

START_TEST(test_append_in_order)
{
	enum { BATCHES = 50 };
	struct heard heard = {.next = 1};
	struct store_options options = scratch_options();
	struct batch batches[BATCHES];
	struct store *store = NULL;

	sem_init(&heard.told, 0, 0);
	options.done = on_done;
	options.done_arg = &heard;
	ck_assert_int_eq(store_open(&options, &store, NULL), STORE_OK);
	for (uint64_t i = 0; i < BATCHES; i++) {
		batch_init(&batches[i]);
		batch_put(&batches[i], TABLE_TASK, key_task(1, 0), slice_of(&i, sizeof(i)));
		store_append(store, &batches[i], i + 1);
	}
	for (int i = 0; i < BATCHES; i++)
		sem_wait(&heard.told);
	ck_assert_int_eq(heard.wrong, 0);
	ck_assert_int_eq(heard.failed, 0);
	/* Closing waits for what was appended. */
	batch_clear(&batches[0]);
	store_append(store, &batches[0], BATCHES + 1);
	store_close(&store);
	ck_assert_uint_eq(heard.next, BATCHES + 2);
	for (int i = 0; i < BATCHES; i++)
		batch_release(&batches[i]);
}
END_TEST

START_TEST(test_snapshot_stands_still)
{
	struct store *store = scratch_open();
	struct store_snapshot snapshot;
	struct slice value;

	ck_assert_int_eq(commit_one(store, 1, TABLE_TASK, key_task(1, 0), "old", NULL), STORE_OK);
	ck_assert_int_eq(store_snapshot_begin(store, &snapshot, NULL), STORE_OK);
	ck_assert_int_eq(commit_one(store, 2, TABLE_TASK, key_task(1, 0), "new", NULL), STORE_OK);
	ck_assert_int_eq(store_get(&snapshot, TABLE_TASK, key_task(1, 0), &value, NULL), STORE_OK);
	ck_assert(slice_eq_str(value, "old"));
	store_snapshot_park(&snapshot);
	ck_assert_int_eq(store_snapshot_renew(&snapshot, NULL), STORE_OK);
	ck_assert_int_eq(store_get(&snapshot, TABLE_TASK, key_task(1, 0), &value, NULL), STORE_OK);
	ck_assert(slice_eq_str(value, "new"));
	ck_assert_int_eq(store_snapshot_renew(&snapshot, NULL), STORE_OK);
	ck_assert_int_eq(store_get(&snapshot, TABLE_TASK, key_task(2, 0), &value, NULL), STORE_END);
	store_snapshot_end(&snapshot);
	store_snapshot_end(&snapshot);
	store_close(&store);
}
END_TEST

static uint64_t scan_sum(struct store_snapshot *snapshot, const struct key *from, uint64_t *count)
{
	struct store_scan scan;
	struct slice key, value;
	uint64_t sum = 0, id;
	uint16_t round;

	*count = 0;
	ck_assert_int_eq(store_scan_begin(&scan, snapshot, TABLE_TASK, from, NULL), STORE_OK);
	while (store_scan_next(&scan, &key, &value, NULL) == STORE_OK) {
		ck_assert(key_read_task(key, &id, &round));
		sum += id;
		(*count)++;
	}
	store_scan_end(&scan);
	store_scan_end(&scan);
	return sum;
}

START_TEST(test_scan)
{
	struct store *store = scratch_open();
	struct store_snapshot snapshot;
	struct key from = key_task(901, 0), beyond = key_task(5000, 0);
	struct batch batch;
	uint64_t count;

	batch_init(&batch);
	for (uint64_t id = 1000; id >= 1; id--)
		batch_put(&batch, TABLE_TASK, key_task(id, 0), slice_str("a value of some length"));
	ck_assert_int_eq(store_commit(store, &batch, 1, NULL), STORE_OK);
	ck_assert_int_eq(store_snapshot_begin(store, &snapshot, NULL), STORE_OK);
	ck_assert_uint_eq(scan_sum(&snapshot, NULL, &count), 500500);
	ck_assert_uint_eq(count, 1000);
	ck_assert_uint_eq(scan_sum(&snapshot, &from, &count), 95050);
	ck_assert_uint_eq(count, 100);
	ck_assert_uint_eq(scan_sum(&snapshot, &beyond, &count), 0);
	store_snapshot_end(&snapshot);
	batch_release(&batch);
	store_close(&store);
}
END_TEST

#define MODEL_KEYS 3000

/* What the table must hold: 0 is absent, else the length and the fill of the value. */
static uint32_t model[MODEL_KEYS];

static void model_compare(struct store *store)
{
	struct store_snapshot snapshot;
	struct store_scan scan;
	struct slice key, value;
	uint64_t id = 0, count = 0, want = 0;
	int wrong = 0;

	for (int i = 0; i < MODEL_KEYS; i++)
		want += model[i] != 0;
	ck_assert_int_eq(store_snapshot_begin(store, &snapshot, NULL), STORE_OK);
	ck_assert_int_eq(store_scan_begin(&scan, &snapshot, TABLE_BLOCK, NULL, NULL), STORE_OK);
	while (store_scan_next(&scan, &key, &value, NULL) == STORE_OK) {
		/* No assert of Check in here: each costs it a system call. */
		wrong += !key_read_block(key, &id) || id >= MODEL_KEYS || value.n != model[id];
		for (size_t i = 0; i < value.n && !wrong; i++)
			wrong += value.p[i] != (uint8_t)model[id];
		count++;
	}
	ck_assert_int_eq(wrong, 0);
	ck_assert_uint_eq(count, want);
	store_scan_end(&scan);
	store_snapshot_end(&snapshot);
}

static struct rng rng;

static uint32_t random_length(void)
{
	uint64_t kind = rng_below(&rng, 10);

	if (kind == 0)
		return 4000 + (uint32_t)rng_below(&rng, 30000);
	return 1 + (uint32_t)rng_below(&rng, kind < 8 ? 100 : 3000);
}

/* Sizes from one byte to overflow pages, runs and random places, in all orders; reopened now and
 * then. */
START_TEST(test_random_against_model)
{
	static uint8_t bytes[40000];
	struct store *store = scratch_open();
	struct batch batch;
	uint64_t seq = 0;

	rng_init(&rng, 20251122);
	memset(model, 0, sizeof(model));
	batch_init(&batch);
	for (int round = 0; round < 60; round++) {
		uint64_t at = rng_below(&rng, MODEL_KEYS);

		batch_clear(&batch);
		for (int i = 0; i < 400; i++) {
			uint32_t n = random_length();

			at = rng_below(&rng, 4) ? (at + 1) % MODEL_KEYS
						: rng_below(&rng, MODEL_KEYS);
			if (rng_below(&rng, 5) < 2) {
				batch_del(&batch, TABLE_BLOCK, key_block(at));
				model[at] = 0;
				continue;
			}
			memset(bytes, (int)n, n);
			batch_put(&batch, TABLE_BLOCK, key_block(at), slice_of(bytes, n));
			model[at] = n;
		}
		ck_assert_int_eq(store_commit(store, &batch, ++seq, NULL), STORE_OK);
		if (round % 10 == 9) {
			model_compare(store);
			store_close(&store);
			store = scratch_open();
		}
	}
	model_compare(store);
	batch_release(&batch);
	store_close(&store);
}
END_TEST

Suite *commit_suite(void)
{
	Suite *suite = suite_create("commit");
	TCase *tc = tcase_create("commit");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, NULL, scratch_clean);
	tcase_add_test(tc, test_reopen_keeps);
	tcase_add_test(tc, test_idempotent);
	tcase_add_test(tc, test_later_op_wins);
	tcase_add_test(tc, test_append_in_order);
	tcase_add_test(tc, test_snapshot_stands_still);
	tcase_add_test(tc, test_scan);
	tcase_add_test(tc, test_random_against_model);
	suite_add_tcase(suite, tc);
	return suite;
}
