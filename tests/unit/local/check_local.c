/* Local mode: the scheduler and workers inside this process, through the public API alone. */
#include <dq/client.h>

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *modules[2];

static struct dq_options options(void)
{
	struct dq_options o = DQ_OPTIONS_INIT;

	o.local_modules = modules;
	o.durability = "volatile";
	return o;
}

static struct dq_client *open_with(const struct dq_options *o)
{
	struct dq_client *c;
	int code = dq_client_open(NULL, o, &c);

	ck_assert_msg(code == 0, "%s", dq_client_error(c));
	return c;
}

static struct dq_future *call(struct dq_client *c, const char *function, const struct dq_args *args)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_future *f;
	int code;

	spec.function = function;
	spec.args = args;
	code = dq_submit(c, &spec, &f);
	ck_assert_msg(code == 0, "%s", dq_client_error(c));
	return f;
}

static void expect_int(struct dq_future *f, struct dq_client *c, int64_t expected)
{
	struct dq_value v;
	int64_t got;
	int code = dq_result(f, 20, &v);

	ck_assert_msg(code == 0, "%s", dq_client_error(c));
	ck_assert_int_eq(dq_value_int(&v, &got), 0);
	ck_assert_int_eq(got, expected);
	dq_value_release(&v);
}

static unsigned entries(const char *dir)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

START_TEST(one_task_and_no_traces)
{
	char tmp[] = "/tmp/dq-check-local-XXXXXX";
	struct dq_options o = options();
	struct dq_args *args = dq_args_new();
	struct dq_future *f;
	struct dq_client *c;

	ck_assert_ptr_nonnull(mkdtemp(tmp));
	setenv("TMPDIR", tmp, 1);
	c = open_with(&o);
	ck_assert_uint_eq(entries(tmp), 1);
	dq_args_int(args, 42);
	f = call(c, "echo", args);
	dq_args_free(&args);
	expect_int(f, c, 42);
	dq_future_free(&f);
	ck_assert_int_eq(dq_client_close(&c), 0);
	ck_assert_uint_eq(entries(tmp), 0);
	ck_assert_int_eq(rmdir(tmp), 0);
}
END_TEST

START_TEST(values_pass_from_task_to_task)
{
	struct dq_options o = options();
	struct dq_args *args = dq_args_new();
	struct dq_future *one, *two, *bad, *dependent, *array;
	struct dq_failure failure;
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_value v, many[50];
	int64_t got;
	struct dq_client *c;

	o.local_workers = 2;
	o.local_slots = 2;
	c = open_with(&o);
	dq_args_int(args, 7);
	one = call(c, "echo", args);
	dq_args_clear(args);
	dq_args_future(args, one);
	two = call(c, "echo", args);
	expect_int(two, c, 7);
	bad = call(c, "fail", NULL);
	dq_args_clear(args);
	dq_args_future(args, bad);
	dependent = call(c, "echo", args);
	ck_assert_int_eq(dq_result(dependent, 20, &v), DQ_E_TASK_FAILED);
	ck_assert_int_eq(dq_future_failure(dependent, &failure), 0);
	ck_assert_str_eq(failure.cause, "dependency");
	ck_assert_str_eq(failure.blame, dq_future_key(bad));
	ck_assert_int_eq(dq_wait(c, &bad, 1, DQ_WAIT_ALL, 20), 0);
	ck_assert_int_eq(dq_future_failure(bad, &failure), 0);
	ck_assert_str_eq(failure.message, "it was to fail");
	ck_assert_int_eq(dq_result(call(c, "large", NULL), 20, &v), 0);
	ck_assert_uint_eq(v.n, 100000);
	ck_assert_str_eq(v.type, "bytes");
	dq_value_release(&v);
	dq_args_clear(args);
	dq_args_index(args);
	spec.function = "echo";
	spec.args = args;
	ck_assert_int_eq(dq_map(c, &spec, 50, NULL, &array), 0);
	ck_assert_int_eq(dq_gather_array(array, DQ_RAISE, 20, many), 0);
	for (int i = 0; i < 50; i++) {
		ck_assert_int_eq(dq_value_int(&many[i], &got), 0);
		ck_assert_int_eq(got, i);
		dq_value_release(&many[i]);
	}
	dq_args_free(&args);
	ck_assert_int_eq(dq_client_close(&c), 0);
}
END_TEST

/* Keys: submitted twice, found again, in conflict. */
START_TEST(keys)
{
	struct dq_options o = options();
	struct dq_args *args = dq_args_new();
	struct dq_future *one, *same, *found, *other;
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_client *c = open_with(&o);

	dq_args_int(args, 1);
	spec.function = "echo";
	spec.args = args;
	spec.key = "k";
	ck_assert_int_eq(dq_submit(c, &spec, &one), 0);
	ck_assert_int_eq(dq_submit(c, &spec, &same), 0);
	dq_args_int(args, 2);
	ck_assert_int_eq(dq_submit(c, &spec, &other), 0);
	ck_assert_int_eq(dq_client_sync(c, 20), DQ_E_CONFLICT);
	ck_assert_int_eq(dq_future_state(other), DQ_STATE_REFUSED);
	ck_assert_uint_eq(dq_future_id(one), dq_future_id(same));
	expect_int(same, c, 1);
	ck_assert_int_eq(dq_future_from_key(c, "k", 20, &found), 0);
	dq_future_free(&one);
	dq_future_free(&same);
	ck_assert_int_eq(dq_client_sync(c, 20), 0);
	expect_int(found, c, 1);
	dq_future_free(&found);
	ck_assert_int_eq(dq_client_sync(c, 20), 0);
	ck_assert_int_eq(dq_future_from_key(c, "k", 20, &found), DQ_E_NOT_FOUND);
	dq_args_free(&args);
	ck_assert_int_eq(dq_client_close(&c), 0);
}
END_TEST

START_TEST(a_directory_stays)
{
	char dir[] = "/tmp/dq-check-local-XXXXXX", command[100];
	struct dq_options o = options();
	struct dq_args *args = dq_args_new();
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_future *f;
	struct dq_client *c, *second;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	o.local_dir = dir;
	o.durability = NULL;
	c = open_with(&o);
	ck_assert_int_ne(dq_client_open(NULL, &o, &second), 0); /* in use */
	ck_assert_str_ne(dq_client_error(second), "");
	dq_client_close(&second);
	dq_args_int(args, 5);
	spec.function = "echo";
	spec.args = args;
	spec.key = "kept";
	spec.detached = true;
	ck_assert_int_eq(dq_submit(c, &spec, &f), 0);
	expect_int(f, c, 5);
	ck_assert_int_eq(dq_client_close(&c), 0);
	c = open_with(&o);
	ck_assert_int_eq(dq_future_from_key(c, "kept", 20, &f), 0);
	expect_int(f, c, 5);
	ck_assert_int_eq(dq_client_close(&c), 0);
	dq_args_free(&args);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

/* Leaving a named session and opening it again: what it holds is there, and nothing else. */
START_TEST(a_session_is_resumed)
{
	char dir[] = "/tmp/dq-check-local-XXXXXX", command[100];
	struct dq_options o = options();
	struct dq_args *args = dq_args_new();
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_future *one, *dropped, *array, **held;
	struct dq_client *c;
	size_t n;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	o.local_dir = dir;
	o.session = "nightly";
	c = open_with(&o);
	dq_args_int(args, 5);
	one = call(c, "echo", args);
	dropped = call(c, "echo", args);
	dq_args_clear(args);
	dq_args_index(args);
	spec.function = "echo";
	spec.args = args;
	spec.key = "many";
	ck_assert_int_eq(dq_map(c, &spec, 3, NULL, &array), 0);
	expect_int(one, c, 5);
	expect_int(dropped, c, 5);
	dq_future_free(&dropped);
	ck_assert_int_eq(dq_client_leave(&c), 0);

	c = open_with(&o);
	ck_assert_int_eq(dq_client_held(c, 20, &held, &n), 0);
	ck_assert_uint_eq(n, 2);
	expect_int(held[0], c, 5);
	ck_assert_str_eq(dq_future_key(held[1]), "many");
	ck_assert_uint_eq(dq_future_count(held[1]), 3);
	ck_assert_int_eq(dq_wait(c, &held[1], 1, DQ_WAIT_ALL, 20), 0);
	for (size_t i = 0; i < n; i++)
		dq_future_free(&held[i]);
	free(held);
	ck_assert_int_eq(dq_client_held(c, 20, &held, &n), 0);
	ck_assert_uint_eq(n, 0);
	free(held);
	ck_assert_int_eq(dq_client_close(&c), 0);
	dq_args_free(&args);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

START_TEST(what_cannot_start)
{
	static const char *const none[] = {"/nonexistent/module.so", NULL};
	struct dq_options o = options();
	struct dq_client *c;

	o.local_modules = none;
	ck_assert_int_eq(dq_client_open("local", &o, &c), DQ_E_USAGE);
	ck_assert_ptr_nonnull(strstr(dq_client_error(c), "module"));
	dq_client_close(&c);
	o = options();
	o.local_workers = 100000;
	ck_assert_int_eq(dq_client_open(NULL, &o, &c), DQ_E_LIMIT);
	dq_client_close(&c);
	o = options();
	o.durability = "eternal";
	ck_assert_int_ne(dq_client_open(NULL, &o, &c), 0);
	dq_client_close(&c);
	ck_assert_int_eq(dq_client_open("inproc:x", NULL, &c), DQ_E_USAGE);
	dq_client_close(&c);
}
END_TEST

START_TEST(again_and_again)
{
	struct dq_options o = options();

	for (int i = 0; i < 20; i++) {
		struct dq_client *c = open_with(&o), *d = open_with(&o);
		struct dq_future *f = call(c, "noop", NULL), *g = call(d, "noop", NULL);

		ck_assert_int_eq(dq_wait(c, &f, 1, DQ_WAIT_ALL, 20), 0);
		ck_assert_int_eq(dq_wait(d, &g, 1, DQ_WAIT_ALL, 20), 0);
		call(c, "noop", NULL); /* left as it is */
		ck_assert_int_eq(dq_client_close(&c), 0);
		ck_assert_int_eq(dq_client_close(&d), 0);
	}
}
END_TEST

START_TEST(commands_need_the_helper)
{
	static const char *const argv[] = {"sh", "-c", "echo out; exit 3", NULL};
	struct dq_options o = options();
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_failure failure;
	struct dq_client *c;
	struct dq_future *f;
	struct dq_value v;

	o.local_processes = true;
	c = open_with(&o);
	spec.argv = argv;
	ck_assert_int_eq(dq_submit(c, &spec, &f), 0);
	ck_assert_int_eq(dq_result(f, 20, &v), DQ_E_TASK_FAILED);
	ck_assert_int_eq(dq_future_failure(f, &failure), 0);
	if (getenv("DQ_SLOT_HELPER"))
		ck_assert_int_eq(failure.exit_status, 3);
	else
		ck_assert_str_eq(failure.cause, "spec");
	ck_assert_int_eq(dq_client_close(&c), 0);
}
END_TEST

/* The module and the helper are where the build put them, wherever the test runs. */
static void find_files(const char *program)
{
	static char module[4096];
	static char helper[4096];
	char *slash;

	if (!realpath(program, module))
		return;
	slash = strrchr(module, '/');
	if (slash && slash - module > 6 && strncmp(slash - 6, "/.libs", 6) == 0)
		slash -= 6;
	if (!slash)
		return;
	*slash = 0;
	snprintf(helper, sizeof(helper), "%.4000s/../../../dq-slot", module);
	if (access(helper, X_OK) == 0)
		setenv("DQ_SLOT_HELPER", helper, 0);
	else
		unsetenv("DQ_SLOT_HELPER");
	memcpy(slash, "/.libs/module.so", sizeof("/.libs/module.so"));
	modules[0] = module;
}

int main(int argc, char **argv)
{
	Suite *suite = suite_create("local");
	TCase *tc = tcase_create("local");
	SRunner *runner;
	int failed;

	(void)argc;
	find_files(argv[0]);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, one_task_and_no_traces);
	tcase_add_test(tc, values_pass_from_task_to_task);
	tcase_add_test(tc, keys);
	tcase_add_test(tc, a_directory_stays);
	tcase_add_test(tc, a_session_is_resumed);
	tcase_add_test(tc, what_cannot_start);
	tcase_add_test(tc, again_and_again);
	tcase_add_test(tc, commands_need_the_helper);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
