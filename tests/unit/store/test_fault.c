/*
 * A failure at each fault point leaves the whole old state or the whole new one, the store refuses
 * everything until it is opened again, and a process that dies at the point leaves the same.
 */
#include "scratch.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"

static const struct {
	const char *name;
	bool stored; /* the new state is there afterwards */
} points[] = {
	{"store.begin", false},
	{"store.put", false},
	{"store.commit.before", false},
	{"store.commit.after", true},
};

#define POINTS (int)(sizeof(points) / sizeof(points[0]))

static void arm(const char *point, const char *action)
{
	const char *why = NULL;
	char spec[100];

	snprintf(spec, sizeof(spec), "%s:1:%s", point, action);
	ck_assert_msg(fault_arm(spec, &why), "%s", why ? why : "");
}

/* Changes two records at once: a put and a delete. */
static enum store_code change(struct store *store, uint64_t seq, struct store_error *err)
{
	struct batch batch;
	enum store_code code;

	batch_init(&batch);
	batch_put(&batch, TABLE_TASK, key_task(1, 0), slice_str("new"));
	batch_del(&batch, TABLE_LEASE, key_lease(1, 1));
	code = store_commit(store, &batch, seq, err);
	batch_release(&batch);
	return code;
}

static void start_old(struct store *store)
{
	ck_assert_int_eq(commit_one(store, 1, TABLE_TASK, key_task(1, 0), "old", NULL), STORE_OK);
	ck_assert_int_eq(commit_one(store, 2, TABLE_LEASE, key_lease(1, 1), "l", NULL), STORE_OK);
}

static void check_state(struct store *store, bool is_new)
{
	struct store_info info;

	store_info(store, &info);
	ck_assert_uint_eq(info.applied, is_new ? 3 : 2);
	ck_assert_str_eq(read_one(store, TABLE_TASK, key_task(1, 0)), is_new ? "new" : "old");
	ck_assert((read_one(store, TABLE_LEASE, key_lease(1, 1)) == NULL) == is_new);
}

START_TEST(test_error_then_reopen)
{
	struct store *store = scratch_open();
	struct store_error err;

	start_old(store);
	arm(points[_i].name, "error:ENOSPC");
	ck_assert_int_eq(change(store, 3, &err), STORE_NO_SPACE);
	ck_assert_ptr_nonnull(strstr(err.text, "no space"));
	fault_arm(NULL, NULL);
	/* Nothing more is taken, even what would work now. */
	ck_assert_int_eq(commit_one(store, 4, TABLE_TASK, key_task(2, 0), "x", &err), STORE_FAILED);
	ck_assert_ptr_nonnull(strstr(err.text, "no space"));
	ck_assert_int_eq(store_reopen(store, &err), STORE_OK);
	check_state(store, points[_i].stored);
	ck_assert_ptr_null(read_one(store, TABLE_TASK, key_task(2, 0)));
	/* Its maker sends it again: done already, or done now. */
	ck_assert_int_eq(change(store, 3, &err), STORE_OK);
	ck_assert_str_eq(read_one(store, TABLE_TASK, key_task(1, 0)), "new");
	store_close(&store);
}
END_TEST

START_TEST(test_error_then_close)
{
	struct store *store = scratch_open();

	start_old(store);
	arm(points[_i].name, "error:EIO");
	ck_assert_int_eq(change(store, 3, NULL), STORE_IO);
	fault_arm(NULL, NULL);
	store_close(&store);
	store = scratch_open();
	check_state(store, points[_i].stored);
	store_close(&store);
}
END_TEST

START_TEST(test_death)
{
	struct store *store;
	pid_t pid;
	int status;

	scratch_dir();
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		store = scratch_open();
		start_old(store);
		arm(points[_i].name, "die");
		change(store, 3, NULL);
		_exit(1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	store = scratch_open();
	check_state(store, points[_i].stored);
	ck_assert_int_eq(change(store, 3, NULL), STORE_OK);
	store_close(&store);
}
END_TEST

/* Every put of a batch in turn. */
START_TEST(test_each_put)
{
	for (int n = 1; n <= 2; n++) {
		struct store *store = scratch_open();
		char spec[64];

		start_old(store);
		snprintf(spec, sizeof(spec), "store.put:%d:error:EIO", n);
		ck_assert(fault_arm(spec, NULL));
		ck_assert_int_eq(change(store, 3, NULL), STORE_IO);
		fault_arm(NULL, NULL);
		ck_assert_int_eq(store_reopen(store, NULL), STORE_OK);
		check_state(store, false);
		store_close(&store);
		scratch_clean();
	}
}
END_TEST

static void quiet(void)
{
	log_set_level(LOG_ERROR);
	log_set_fd(open("/dev/null", O_WRONLY));
}

Suite *fault_suite(void)
{
	Suite *suite = suite_create("fault");
	TCase *tc = tcase_create("fault");

	if (!fault_is_built_in())
		return suite;
	tcase_add_checked_fixture(tc, quiet, scratch_clean);
	tcase_add_loop_test(tc, test_error_then_reopen, 0, POINTS);
	tcase_add_loop_test(tc, test_error_then_close, 0, POINTS);
	tcase_add_loop_test(tc, test_death, 0, POINTS);
	tcase_add_test(tc, test_each_put);
	suite_add_tcase(suite, tc);
	return suite;
}
