/*
 * Room and figures: low water comes before the limit, the reserve serves what frees, the full store
 * recovers.
 */
#include "scratch.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

static void quiet(void)
{
	log_set_fd(open("/dev/null", O_WRONLY));
}

static struct store_room room_now(struct store *store)
{
	struct store_room room;

	usleep(60000); /* it looks again after 50 ms */
	store_room(store, &room);
	return room;
}

static struct store *open_limited(uint64_t limit)
{
	struct store_options options = scratch_options();
	struct store_error err = {.text = ""};
	struct store *store = NULL;

	options.limit_bytes = limit;
	options.durability = STORE_VOLATILE;
	ck_assert_msg(store_open(&options, &store, &err) == STORE_OK, "%s", err.text);
	return store;
}

/* One commit of a hundred records of 1,000 bytes. */
static enum store_code fill(struct store *store, uint64_t seq, struct store_error *err)
{
	static uint8_t value[1000];
	struct batch batch;
	enum store_code code;

	batch_init(&batch);
	for (uint64_t i = 0; i < 100; i++)
		batch_put(&batch, TABLE_TASK, key_task(seq * 100 + i, 0), slice_of(value, 1000));
	code = store_commit(store, &batch, seq, err);
	batch_release(&batch);
	return code;
}

START_TEST(test_low_water_then_free)
{
	struct store *store = open_limited(8 << 20);
	struct store_room room = room_now(store);
	uint64_t seq = 0, filled;

	ck_assert_uint_eq(room.low_water, 512 << 10);
	ck_assert_uint_eq(room.reserve, 256 << 10);
	ck_assert_uint_gt(room.bytes, 7 << 20);
	while (room.bytes > room.low_water) {
		ck_assert_int_eq(fill(store, ++seq, NULL), STORE_OK);
		room = room_now(store);
	}
	ck_assert_uint_gt(seq, 40);
	filled = seq;
	/* At low water deletes still go through, and make room. */
	for (uint64_t i = 1; i <= filled * 3 / 4; i++) {
		struct batch batch;

		batch_init(&batch);
		for (uint64_t k = 0; k < 100; k++)
			batch_del(&batch, TABLE_TASK, key_task(i * 100 + k, 0));
		ck_assert_int_eq(store_commit(store, &batch, ++seq, NULL), STORE_OK);
		batch_release(&batch);
	}
	room = room_now(store);
	ck_assert_uint_gt(room.bytes, 3 << 20);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(fill(store, ++seq, NULL), STORE_OK);
	store_close(&store);
}
END_TEST

START_TEST(test_full_then_reopen)
{
	struct store *store = open_limited(2 << 20);
	struct store_error err = {.text = ""};
	enum store_code code = STORE_OK;
	uint64_t seq = 0, stored;
	struct store_info info;

	while (code == STORE_OK)
		code = fill(store, ++seq, &err);
	ck_assert_int_eq(code, STORE_NO_SPACE);
	ck_assert_ptr_nonnull(strstr(err.text, "--store-limit"));
	stored = seq - 1;
	ck_assert_int_eq(store_reopen(store, &err), STORE_OK);
	store_info(store, &info);
	ck_assert_uint_eq(info.applied, stored);
	ck_assert_ptr_nonnull(read_one(store, TABLE_TASK, key_task(stored * 100, 0)));
	ck_assert_ptr_null(read_one(store, TABLE_TASK, key_task(seq * 100, 0)));
	ck_assert_int_eq(
		commit_one(store, seq, TABLE_TASK, key_task(100, 0), NULL, &err), STORE_OK);
	store_close(&store);
	/* A larger limit mends it. */
	store = open_limited(8 << 20);
	ck_assert_int_eq(fill(store, seq + 1, &err), STORE_OK);
	store_close(&store);
}
END_TEST

START_TEST(test_stat)
{
	struct store *store = scratch_open();
	struct store_snapshot snapshot;
	struct store_stat stat;
	uint64_t seq;

	for (seq = 1; seq <= 5; seq++)
		ck_assert_int_eq(fill(store, seq, NULL), STORE_OK);
	ck_assert_int_eq(store_stat(store, &stat, NULL), STORE_OK);
	ck_assert_uint_eq(stat.commits, 5);
	ck_assert_uint_eq(stat.table[TABLE_TASK].entries, 500);
	ck_assert_uint_gt(stat.table[TABLE_TASK].bytes, 500000);
	ck_assert_uint_eq(stat.table[TABLE_BLOCK].entries, 0);
	ck_assert_uint_gt(stat.sync_p50_us, 0);
	ck_assert_uint_ge(stat.sync_p99_us, stat.sync_p50_us);
	ck_assert_uint_eq(stat.limit_bytes, 64 << 20);
	ck_assert_uint_eq(stat.readers, 0);

	ck_assert_int_eq(store_snapshot_begin(store, &snapshot, NULL), STORE_OK);
	ck_assert_int_eq(
		commit_one(store, seq++, TABLE_TASK, key_task(100, 0), NULL, NULL), STORE_OK);
	usleep(20000);
	ck_assert_int_eq(
		commit_one(store, seq++, TABLE_TASK, key_task(101, 0), NULL, NULL), STORE_OK);
	ck_assert_int_eq(store_stat(store, &stat, NULL), STORE_OK);
	ck_assert_uint_eq(stat.readers, 1);
	ck_assert_uint_eq(stat.oldest_reader_pid, (unsigned)getpid());
	ck_assert(stat.oldest_reader_s >= 0.02 && stat.oldest_reader_s < 30);
	ck_assert_uint_gt(stat.pages_pinned, 0);
	ck_assert_uint_ge(stat.pages_free, stat.pages_pinned);
	store_snapshot_end(&snapshot);
	store_close(&store);
}
END_TEST

/* A reader that is killed must not pin pages for ever. */
START_TEST(test_dead_reader)
{
	struct store *store = scratch_open();
	struct store_stat stat;
	char *argv[] = {"check_store", "--read", (char *)(uintptr_t)scratch_dir(), NULL};
	posix_spawn_file_actions_t actions;
	int to_child[2], status;
	pid_t pid;

	ck_assert_int_eq(commit_one(store, 1, TABLE_TASK, key_task(1, 0), "a", NULL), STORE_OK);
	ck_assert_int_eq(pipe(to_child), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, to_child[1], STDOUT_FILENO);
	ck_assert_int_eq(posix_spawn(&pid, "/proc/self/exe", &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(to_child[1]);
	ck_assert_int_eq(read(to_child[0], &status, 1), 1);
	ck_assert_int_eq(store_stat(store, &stat, NULL), STORE_OK);
	ck_assert_uint_eq(stat.readers, 1);
	ck_assert_uint_eq(stat.oldest_reader_pid, (unsigned)pid);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	usleep(1100000);
	ck_assert_int_eq(commit_one(store, 2, TABLE_TASK, key_task(1, 0), "b", NULL), STORE_OK);
	ck_assert_int_eq(store_stat(store, &stat, NULL), STORE_OK);
	ck_assert_uint_eq(stat.readers, 0);
	store_close(&store);
}
END_TEST

Suite *room_suite(void)
{
	Suite *suite = suite_create("room");
	TCase *tc = tcase_create("room");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, quiet, scratch_clean);
	tcase_add_test(tc, test_low_water_then_free);
	tcase_add_test(tc, test_full_then_reopen);
	tcase_add_test(tc, test_stat);
	tcase_add_test(tc, test_dead_reader);
	suite_add_tcase(suite, tc);
	return suite;
}
