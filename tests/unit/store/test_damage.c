/*
 * Damaged stores: records that do not verify are named and can be passed over; files that are no
 * store, or a part of one, are refused in words. Damage is done to the file itself, or through LMDB
 * behind the store's back.
 */
#include "scratch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/env.h"
#include "store/seal.h"

#include "base/hash.h"

/* Flips one bit of the first occurrence of a text in data.mdb. */
static void flip(const char *text)
{
	int fd = open(scratch_path("data.mdb"), O_RDWR);
	struct stat st;
	uint8_t *bytes, *at;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	bytes = malloc((size_t)st.st_size);
	ck_assert_int_eq(pread(fd, bytes, (size_t)st.st_size, 0), st.st_size);
	at = memmem(bytes, (size_t)st.st_size, text, strlen(text));
	ck_assert_ptr_nonnull(at);
	*at ^= 1;
	ck_assert_int_eq(pwrite(fd, at, 1, at - bytes), 1);
	free(bytes);
	close(fd);
}

START_TEST(test_bad_record_is_named)
{
	struct store *store = scratch_open();
	struct store_snapshot snapshot;
	struct store_scan scan;
	struct store_error err;
	struct slice key, value;
	int good = 0, bad = 0;
	enum store_code code;
	uint64_t id;
	uint16_t round;

	for (uint64_t i = 1; i <= 5; i++) {
		char text[40];

		snprintf(text, sizeof(text), "the-value-%llu", (unsigned long long)i);
		ck_assert_int_eq(commit_one(store, i, TABLE_TASK, key_task(i, 0), text, NULL), 0);
	}
	/* One commit writes a page anew: have all of them stand once in the last one. */
	store_close(&store);
	flip("the-value-3");
	store = scratch_open_read_only();
	ck_assert_int_eq(store_snapshot_begin(store, &snapshot, NULL), STORE_OK);
	ck_assert_int_eq(store_scan_begin(&scan, &snapshot, TABLE_TASK, NULL, NULL), STORE_OK);
	while ((code = store_scan_next(&scan, &key, &value, &err)) != STORE_END) {
		ck_assert(key_read_task(key, &id, &round));
		good += code == STORE_OK;
		bad += code == STORE_BAD_RECORD;
		if (code == STORE_BAD_RECORD) {
			ck_assert_int_eq(err.table, TABLE_TASK);
			ck_assert(slice_eq(key_slice(&err.key), key));
			ck_assert_ptr_nonnull(strstr(err.text, "task 0.3"));
			ck_assert_ptr_nonnull(strstr(err.text, "checksum"));
		}
	}
	store_scan_end(&scan);
	ck_assert_int_eq(good + bad, 5);
	/* Which copy of the page was hit is LMDB's affair: the flip may have found an older one. */
	if (bad == 1) {
		code = store_get(&snapshot, TABLE_TASK, key_task(3, 0), &value, &err);
		ck_assert_int_eq(code, STORE_BAD_RECORD);
	}
	store_snapshot_end(&snapshot);
	store_close(&store);
}
END_TEST

/* Writes a raw value behind the store's back. */
static void poke(enum table table, struct key key, const void *value, size_t n)
{
	MDB_val k = {.mv_size = key.n, .mv_data = key.b};
	MDB_val v = {.mv_size = n, .mv_data = (void *)(uintptr_t)value};
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	ck_assert_int_eq(mdb_env_create(&env), 0);
	ck_assert_int_eq(mdb_env_set_maxdbs(env, 32), 0);
	ck_assert_int_eq(mdb_env_set_mapsize(env, 64 << 20), 0);
	ck_assert_int_eq(mdb_env_open(env, scratch_dir(), 0, 0600), 0);
	ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
	ck_assert_int_eq(mdb_dbi_open(txn, table_name(table), 0, &dbi), 0);
	ck_assert_int_eq(mdb_put(txn, dbi, &k, &v, 0), 0);
	ck_assert_int_eq(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

/* The same, well sealed. */
static void poke_sealed(enum table table, struct key key, const void *value, size_t n)
{
	uint8_t bytes[200];

	bytes[0] = (uint8_t)table;
	memcpy(bytes + 1, key.b, key.n);
	memcpy(bytes + 1 + key.n, value, n);
	seal_write(bytes + 1 + key.n + n, hash64(slice_of(bytes, 1u + key.n + n)));
	poke(table, key, bytes + 1 + key.n, n + SEAL_BYTES);
}

START_TEST(test_misplaced_record)
{
	struct store *store = scratch_open();
	struct store_snapshot snapshot;
	struct store_error err;
	struct slice value;
	uint8_t sealed[40];

	ck_assert_int_eq(commit_one(store, 1, TABLE_TASK, key_task(1, 0), "right", NULL), STORE_OK);
	ck_assert_int_eq(store_snapshot_begin(store, &snapshot, NULL), STORE_OK);
	ck_assert_int_eq(store_get(&snapshot, TABLE_TASK, key_task(1, 0), &value, NULL), STORE_OK);
	memcpy(sealed, value.p, value.n + SEAL_BYTES);
	store_snapshot_end(&snapshot);
	store_close(&store);

	/* The right bytes under another key, in another table, and too short to be any. */
	poke(TABLE_TASK, key_task(2, 0), sealed, 5 + SEAL_BYTES);
	poke(TABLE_BLOCK, key_block(1), sealed, 5 + SEAL_BYTES);
	poke(TABLE_TASK, key_task(3, 0), sealed, 7);
	store = scratch_open();
	ck_assert_int_eq(store_snapshot_begin(store, &snapshot, NULL), STORE_OK);
	ck_assert_int_eq(store_get(&snapshot, TABLE_TASK, key_task(1, 0), &value, &err), STORE_OK);
	ck_assert_int_eq(
		store_get(&snapshot, TABLE_TASK, key_task(2, 0), &value, &err), STORE_BAD_RECORD);
	ck_assert_int_eq(
		store_get(&snapshot, TABLE_TASK, key_task(3, 0), &value, &err), STORE_BAD_RECORD);
	ck_assert_int_eq(
		store_get(&snapshot, TABLE_BLOCK, key_block(1), &value, &err), STORE_BAD_RECORD);
	ck_assert_int_eq(err.table, TABLE_BLOCK);
	store_snapshot_end(&snapshot);
	store_close(&store);
}
END_TEST

static void expect_refused(enum store_code code, const char *part)
{
	for (int read_only = 0; read_only < 2; read_only++) {
		struct store_options options = scratch_options();
		struct store_error err = {.text = ""};
		struct store *store = NULL;

		options.read_only = read_only;
		ck_assert_msg(store_open(&options, &store, &err) == code, "%s", err.text);
		ck_assert_ptr_null(store);
		ck_assert_msg(strstr(err.text, part) != NULL, "%s", err.text);
		ck_assert_ptr_nonnull(strstr(err.text, scratch_dir()));
	}
}

START_TEST(test_newer_format)
{
	struct store *store = scratch_open();
	char want[100];

	store_close(&store);
	poke_sealed(TABLE_META, key_meta(META_FORMAT), "\0\0\0\7", 4);
	snprintf(want, sizeof(want), "format 7, this version reads up to format %d", STORE_FORMAT);
	expect_refused(STORE_NEWER_FORMAT, want);
}
END_TEST

START_TEST(test_bad_meta)
{
	struct store *store = scratch_open();

	store_close(&store);
	poke(TABLE_META, key_meta(META_EPOCH), "0123456789abcdef", 16);
	expect_refused(STORE_DAMAGED, "meta epoch");
	poke_sealed(TABLE_META, key_meta(META_EPOCH), "abc", 3);
	expect_refused(STORE_DAMAGED, "meta epoch");
}
END_TEST

static void write_file(const void *bytes, size_t n)
{
	int fd = open(scratch_path("data.mdb"), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, n), n);
	close(fd);
}

START_TEST(test_not_a_store)
{
	static uint8_t bytes[20000];

	ck_assert_int_eq(mkdir(scratch_dir(), 0700), 0);
	write_file(bytes, sizeof(bytes));
	expect_refused(STORE_DAMAGED, "damaged");
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 31 + i / 7);
	write_file(bytes, sizeof(bytes));
	expect_refused(STORE_DAMAGED, "damaged");
	write_file(bytes, 100);
	expect_refused(STORE_DAMAGED, "damaged");
}
END_TEST

START_TEST(test_another_lmdb)
{
	MDB_env *env;

	ck_assert_int_eq(mkdir(scratch_dir(), 0700), 0);
	ck_assert_int_eq(mdb_env_create(&env), 0);
	ck_assert_int_eq(mdb_env_open(env, scratch_dir(), 0, 0600), 0);
	mdb_env_close(env);
	expect_refused(STORE_DAMAGED, "not dq's");
}
END_TEST

START_TEST(test_cut_short)
{
	struct store *store = scratch_open();
	struct batch batch;
	struct stat st;

	batch_init(&batch);
	for (uint64_t id = 1; id <= 2000; id++)
		batch_put(&batch, TABLE_TASK, key_task(id, 0), slice_str("some value or other"));
	ck_assert_int_eq(store_commit(store, &batch, 1, NULL), STORE_OK);
	batch_release(&batch);
	store_close(&store);
	ck_assert_int_eq(stat(scratch_path("data.mdb"), &st), 0);
	/* To every length of whole pages that still has the two with LMDB's own head. */
	for (off_t size = st.st_size - 4096; size >= 8192; size -= 4096) {
		ck_assert_int_eq(truncate(scratch_path("data.mdb"), size), 0);
		expect_refused(STORE_DAMAGED, "cut short");
	}
}
END_TEST

Suite *damage_suite(void)
{
	Suite *suite = suite_create("damage");
	TCase *tc = tcase_create("damage");

	tcase_add_checked_fixture(tc, NULL, scratch_clean);
	tcase_add_test(tc, test_bad_record_is_named);
	tcase_add_test(tc, test_misplaced_record);
	tcase_add_test(tc, test_newer_format);
	tcase_add_test(tc, test_bad_meta);
	tcase_add_test(tc, test_not_a_store);
	tcase_add_test(tc, test_another_lmdb);
	tcase_add_test(tc, test_cut_short);
	suite_add_tcase(suite, tc);
	return suite;
}
