/*
 * Open and close: what is made, who may, epochs, and looking without touching.
 */
#include "scratch.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/dir.h"

START_TEST(test_fresh)
{
	struct store *store = scratch_open();
	struct store_info info;
	struct stat st;
	uint8_t zero[STORE_ID_BYTES] = {0};

	store_info(store, &info);
	ck_assert_uint_eq(info.format, STORE_FORMAT);
	ck_assert_uint_ge(info.epoch, (uint64_t)time(NULL) - 10);
	ck_assert_uint_eq(info.applied, 0);
	ck_assert_mem_ne(info.store_id, zero, STORE_ID_BYTES);
	ck_assert(scratch_exists("data.mdb") && scratch_exists("dq.lock"));
	ck_assert(!scratch_exists("data.mdb.new"));
	ck_assert_int_eq(stat(scratch_dir(), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	ck_assert_int_eq(stat(scratch_path("data.mdb"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	store_close(&store);
	ck_assert_ptr_null(store);
	store_close(&store);
}
END_TEST

START_TEST(test_epochs_grow)
{
	struct store_info first, next;
	struct store *store = scratch_open();

	store_info(store, &first);
	for (int i = 0; i < 3; i++) {
		store_close(&store);
		store = scratch_open();
		store_info(store, &next);
		ck_assert_uint_gt(next.epoch, first.epoch);
		ck_assert_mem_eq(next.store_id, first.store_id, STORE_ID_BYTES);
		first = next;
	}
	ck_assert_int_eq(store_reopen(store, NULL), STORE_OK);
	store_info(store, &next);
	ck_assert_uint_gt(next.epoch, first.epoch);
	store_close(&store);
}
END_TEST

START_TEST(test_parents_are_made)
{
	struct store_options options = scratch_options();
	struct store *store = NULL;
	char dir[400];

	snprintf(dir, sizeof(dir), "%s/a/b//c/", scratch_dir());
	options.dir = dir;
	ck_assert_int_eq(store_open(&options, &store, NULL), STORE_OK);
	store_close(&store);
	ck_assert(scratch_exists("a/b/c/data.mdb"));
}
END_TEST

START_TEST(test_second_open_in_process)
{
	struct store *store = scratch_open(), *second = NULL;
	struct store_options options = scratch_options();
	struct store_error err;

	ck_assert_int_eq(store_open(&options, &second, &err), STORE_IN_USE);
	ck_assert_ptr_null(second);
	ck_assert_ptr_nonnull(strstr(err.text, "directory in use"));
	ck_assert_ptr_nonnull(strstr(err.text, scratch_dir()));
	options.read_only = true;
	ck_assert_int_eq(store_open(&options, &second, &err), STORE_IN_USE);
	/* Refusing it has not taken the first one's lock away. */
	options.read_only = false;
	ck_assert_int_eq(store_open(&options, &second, &err), STORE_IN_USE);
	store_close(&store);
	store = scratch_open();
	store_close(&store);
}
END_TEST

/* The code of an open of this store in another process: this program again (see main). */
static int open_elsewhere(bool read_only)
{
	pid_t pid = fork();
	int status = 0;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		execl("/proc/self/exe", "check_store", "--open", scratch_dir(),
			read_only ? "read-only" : "write", (char *)NULL);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(test_second_open_elsewhere)
{
	struct store *store = scratch_open();

	ck_assert_int_eq(commit_one(store, 1, TABLE_USER, key_user(1), "u", NULL), STORE_OK);
	ck_assert_int_eq(open_elsewhere(false), STORE_IN_USE);
	ck_assert_int_eq(open_elsewhere(true), OPENED_LIVE);
	ck_assert_int_eq(commit_one(store, 2, TABLE_USER, key_user(2), "v", NULL), STORE_OK);
	store_close(&store);
	ck_assert_int_eq(open_elsewhere(true), OPENED_STOPPED);
	ck_assert_int_eq(open_elsewhere(false), OPENED_STOPPED);
}
END_TEST

START_TEST(test_read_only_creates_nothing)
{
	struct store *store = scratch_open();
	struct store_info info, seen;
	struct timespec before;
	struct stat st;
	int files;

	store_info(store, &info);
	ck_assert_int_eq(commit_one(store, 1, TABLE_USER, key_user(1), "anna", NULL), STORE_OK);
	store_close(&store);
	ck_assert_int_eq(unlink(scratch_path("lock.mdb")), 0);
	ck_assert_int_eq(stat(scratch_path("data.mdb"), &st), 0);
	before = st.st_mtim;
	files = scratch_count();

	store = scratch_open_read_only();
	store_info(store, &seen);
	ck_assert_uint_eq(seen.epoch, info.epoch);
	ck_assert_uint_eq(seen.applied, 1);
	ck_assert(!seen.live);
	ck_assert_str_eq(read_one(store, TABLE_USER, key_user(1)), "anna");
	/* A scheduler that starts meanwhile is refused. */
	ck_assert_int_eq(open_elsewhere(false), STORE_IN_USE);
	store_close(&store);

	ck_assert_int_eq(scratch_count(), files);
	ck_assert_int_eq(stat(scratch_path("data.mdb"), &st), 0);
	ck_assert_int_eq(st.st_mtim.tv_sec, before.tv_sec);
	ck_assert_int_eq(st.st_mtim.tv_nsec, before.tv_nsec);
}
END_TEST

START_TEST(test_read_only_absent)
{
	struct store_options options = scratch_options();
	struct store_error err;
	struct store *store = NULL;

	options.read_only = true;
	ck_assert_int_eq(store_open(&options, &store, &err), STORE_ABSENT);
	ck_assert_ptr_null(store);
	ck_assert_int_eq(scratch_count(), -1);
	ck_assert_int_eq(mkdir(scratch_dir(), 0700), 0);
	ck_assert_int_eq(store_open(&options, &store, &err), STORE_ABSENT);
	ck_assert_int_eq(scratch_count(), 0);
}
END_TEST

START_TEST(test_read_only_copy_without_lock)
{
	struct store *store = scratch_open();

	store_close(&store);
	ck_assert_int_eq(unlink(scratch_path("lock.mdb")), 0);
	ck_assert_int_eq(unlink(scratch_path("dq.lock")), 0);
	store = scratch_open_read_only();
	store_close(&store);
	ck_assert_int_eq(scratch_count(), 1);
}
END_TEST

START_TEST(test_interrupted_creation)
{
	struct store *store;
	int fd;

	/* What a crash during the making of a store leaves behind. */
	ck_assert_int_eq(mkdir(scratch_dir(), 0700), 0);
	fd = open(scratch_path("data.mdb.new"), O_WRONLY | O_CREAT, 0600);
	ck_assert_int_eq(write(fd, "garbage", 7), 7);
	close(fd);
	store = scratch_open();
	store_close(&store);
	ck_assert(!scratch_exists("data.mdb.new"));
}
END_TEST

START_TEST(test_network_fs_names)
{
	ck_assert_str_eq(store_network_fs_name(0x6969), "NFS");
	ck_assert_str_eq(store_network_fs_name((long)0xff534d42), "CIFS");
	ck_assert_str_eq(store_network_fs_name((long)(int)0xff534d42), "CIFS");
	ck_assert_str_eq(store_network_fs_name(0x0bd00bd0), "Lustre");
	ck_assert_ptr_null(store_network_fs_name(0xef53));     /* ext4 */
	ck_assert_ptr_null(store_network_fs_name(0x01021994)); /* tmpfs */
	ck_assert_ptr_null(store_network_fs_name(0x01021997)); /* 9p */
	ck_assert_ptr_null(store_network_fs_name(0x794c7630)); /* overlay */
}
END_TEST

START_TEST(test_not_a_directory)
{
	struct store_options options = scratch_options();
	struct store_error err;
	struct store *store = NULL;

	options.dir = "/dev/null";
	ck_assert_int_eq(store_open(&options, &store, &err), STORE_IO);
	options.dir = "/dev/null/x";
	ck_assert_int_eq(store_open(&options, &store, &err), STORE_IO);
	options.dir = "/proc/nothing/here";
	ck_assert_int_ne(store_open(&options, &store, &err), STORE_OK);
	ck_assert_ptr_null(store);
	/* Nothing of these stays listed as open. */
	store = scratch_open();
	store_close(&store);
}
END_TEST

Suite *open_suite(void)
{
	Suite *suite = suite_create("open");
	TCase *tc = tcase_create("open");

	tcase_add_checked_fixture(tc, NULL, scratch_clean);
	tcase_add_test(tc, test_fresh);
	tcase_add_test(tc, test_epochs_grow);
	tcase_add_test(tc, test_parents_are_made);
	tcase_add_test(tc, test_second_open_in_process);
	tcase_add_test(tc, test_second_open_elsewhere);
	tcase_add_test(tc, test_read_only_creates_nothing);
	tcase_add_test(tc, test_read_only_absent);
	tcase_add_test(tc, test_read_only_copy_without_lock);
	tcase_add_test(tc, test_interrupted_creation);
	tcase_add_test(tc, test_network_fs_names);
	tcase_add_test(tc, test_not_a_directory);
	suite_add_tcase(suite, tc);
	return suite;
}
