/*
 * Commands.
 */
#include "check_worker.h"
#include "fake.h"

#include "base/hash.h"
#include "codec/pack.h"
#include "model/block.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct fake fake;
static struct loop *loop;
static struct worker *worker;

static void begin(void)
{
	test_begin();
	loop = loop_new();
	fake_start(&fake, loop, "inproc:test");
	worker = test_worker(&fake, "w", WORKER_THREAD, 1);
}

static void end(void)
{
	worker_free(&worker);
	fake_end(&fake);
	loop_free(&loop);
	test_done();
}

#define WORDS(...)                                                                                 \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

static const struct fake_report *sh(uint64_t id, const char *script)
{
	struct fake_exec e = {.argv = WORDS("/bin/sh", "-c", script)};

	fake_exec(&fake, id, &e);
	return fake_report(&fake, id);
}

START_TEST(gives_its_output)
{
	const struct fake_report *r;

	begin();
	r = sh(1, "echo hello; echo there >&2");
	ck_assert_value(r, "hello\n");
	ck_assert(slice_eq_str(r->outcome.type, "bytes"));
	ck_assert(slice_eq_str(r->outcome.stderr_tail, "there\n"));
	ck_assert(r->outcome.has_exit && r->outcome.exit_status == 0);
	ck_assert_uint_gt(r->outcome.peak_bytes, 100000);
	/* The files of the slot start empty each time. */
	r = sh(2, "true");
	ck_assert_value(r, "");
	ck_assert_uint_eq(r->outcome.stderr_tail.n, 0);
	ck_assert_value(sh(3, "printf x"), "x");
	end();
}
END_TEST

START_TEST(finds_programs_in_path)
{
	struct fake_exec e = {.argv = WORDS("true")};

	begin();
	fake_exec(&fake, 1, &e);
	ck_assert_value(fake_report(&fake, 1), "");
	e.argv = WORDS("no-such-program");
	fake_exec(&fake, 2, &e);
	ck_assert_failed(fake_report(&fake, 2), CAUSE_SPEC,
		"exec: no-such-program: No such file or directory");
	e.argv = WORDS("/etc/passwd");
	fake_exec(&fake, 3, &e);
	ck_assert_failed(fake_report(&fake, 3), CAUSE_SPEC, "exec: /etc/passwd: Permission denied");
	end();
}
END_TEST

START_TEST(a_script_runs_by_sh)
{
	char script[128], command[512];
	struct fake_exec e = {.argv = WORDS("my-script", "a b")};

	begin();
	snprintf(script, sizeof(script), "%s/my-script", test_dir);
	snprintf(command, sizeof(command), "echo 'echo \"got $1\"' >%s; chmod 755 %s", script,
		script);
	ck_assert_int_eq(system(command), 0);
	e.env = WORDS("PATH", test_dir);
	fake_exec(&fake, 1, &e);
	ck_assert_value(fake_report(&fake, 1), "got a b\n");
	end();
}
END_TEST

START_TEST(has_its_environment)
{
	struct fake_exec e = {.argv = WORDS("/bin/sh", "-c",
				      "echo \"$A|$HOME|$DQ_TASK_KEY|$DQ_TASK_ID|$DQ_ATTEMPT|"
				      "$DQ_FENCE|$DQ_SCHEDULER|$DQ_WORKER|$DQ_INDEX\""),
		.env = WORDS("A", "b c", "HOME", "/nowhere")};

	begin();
	fake_exec(&fake, 4294967297, &e);
	ck_assert_value(fake_report(&fake, 4294967297),
		"b c|/nowhere|the key|4294967297|2|3e8.1|unix:/the/scheduler|w|\n");
	end();
}
END_TEST

START_TEST(reads_its_input)
{
	struct fake_exec e = {.argv = WORDS("cat")};
	char *big = malloc(300000);
	const struct fake_report *r;

	begin();
	e.input = slice_str("from here");
	fake_exec(&fake, 1, &e);
	ck_assert_value(fake_report(&fake, 1), "from here");
	memset(big, 'x', 300000);
	e.argv = WORDS("wc", "-c");
	e.input = slice_of(big, 300000);
	fake_exec(&fake, 2, &e);
	ck_assert_value(fake_report(&fake, 2), "300000\n");
	/* Nobody has to read it. */
	e.argv = WORDS("true");
	fake_exec(&fake, 3, &e);
	r = fake_report(&fake, 3);
	ck_assert_value(r, "");
	e.argv = WORDS("cat");
	e.input = slice_empty();
	fake_exec(&fake, 4, &e);
	ck_assert_value(fake_report(&fake, 4), "");
	free(big);
	end();
}
END_TEST

START_TEST(runs_in_its_directory)
{
	struct fake_exec e = {.argv = WORDS("pwd"), .cwd = "/usr/lib"};

	begin();
	fake_exec(&fake, 1, &e);
	ck_assert_value(fake_report(&fake, 1), "/usr/lib\n");
	e.cwd = "/no/such/place";
	fake_exec(&fake, 2, &e);
	ck_assert_failed(
		fake_report(&fake, 2), CAUSE_SPEC, "cwd /no/such/place: No such file or directory");
	end();
}
END_TEST

START_TEST(fails_by_status_and_signal)
{
	const struct fake_report *r;

	begin();
	r = sh(1, "echo out; echo why >&2; exit 3");
	ck_assert_failed(r, CAUSE_EXIT, "exit status 3");
	ck_assert(r->outcome.has_exit && r->outcome.exit_status == 3);
	ck_assert(slice_eq_str(r->outcome.stderr_tail, "why\n"));
	r = sh(2, "kill -TERM $$");
	ck_assert_failed(r, CAUSE_SIGNAL, "signal 15");
	ck_assert_int_eq(r->outcome.signal, 15);
	ck_assert_value(sh(3, "echo ok"), "ok\n");
	end();
}
END_TEST

START_TEST(keeps_the_tail_of_stderr)
{
	const struct fake_report *r;

	begin();
	r = sh(1, "seq 100000 >&2; echo last >&2; exit 1");
	ck_assert_uint_eq(r->outcome.stderr_tail.n, 2048);
	ck_assert(memcmp(r->outcome.stderr_tail.p + 2048 - 12, "100000\nlast\n", 12) == 0);
	end();
}
END_TEST

START_TEST(a_big_output_is_a_file)
{
	const struct fake_report *r;
	char command[256];

	begin();
	r = sh(7, "seq 100000");
	ck_assert_int_eq(r->outcome.state, TASK_DONE);
	ck_assert(!r->outcome.is_inline);
	ck_assert_uint_eq(r->outcome.size, 588895);
	snprintf(command, sizeof(command), "seq 100000 | cmp - %s/w/results/7.1.%016llx", test_dir,
		(unsigned long long)r->outcome.checksum);
	ck_assert_int_eq(system(command), 0);
	/* The next one has a file of its own. */
	ck_assert_value(sh(8, "echo next"), "next\n");
	ck_assert_int_eq(system(command), 0);
	fake_free_value(&fake, 7, 1);
	fake_run_ms(&fake, 50);
	ck_assert_int_ne(system(command), 0);
	end();
}
END_TEST

START_TEST(inputs_are_files)
{
	struct lease_input in = {.id = 5,
		.generation = 1,
		.type = slice_str("bytes"),
		.size = 3,
		.is_inline = true,
		.bytes = slice_str("abc")};
	struct fake_exec e = {.inputs = &in, .ninputs = 1};
	struct buf words;
	char command[128];

	begin();
	buf_init(&words, 100);
	pack_array(&words, 3);
	pack_cstr(&words, "/bin/cat");
	pack_array(&words, 1);
	pack_ext(&words, EXT_FUTURE, slice_of("\0\0\0\0", 4));
	pack_array(&words, 1);
	pack_ext(&words, EXT_FUTURE, slice_of("\0\0\0\0", 4));
	e.words = buf_slice(&words);
	fake_exec(&fake, 1, &e);
	ck_assert_value(fake_report(&fake, 1), "abcabc");
	snprintf(command, sizeof(command), "test -z \"$(ls %s/w/inputs)\"", test_dir);
	ck_assert_int_eq(system(command), 0);
	buf_release(&words);
	end();
}
END_TEST

static bool lives(pid_t pid)
{
	return kill(pid, 0) == 0 || errno != ESRCH;
}

static pid_t read_pid(const char *name)
{
	char path[128];
	int pid = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", test_dir, name);
	file = fopen(path, "r");
	if (file) {
		if (fscanf(file, "%d", &pid) != 1)
			pid = 0;
		fclose(file);
	}
	return pid;
}

START_TEST(nothing_outlives_the_command)
{
	struct fake_exec e = {.argv = WORDS("/bin/sh", "-c",
				      "sleep 1000 & echo $! >$D/a; "
				      "setsid sh -c 'echo $$ >$D/b; exec sleep 1000' & "
				      "while ! test -s $D/b; do sleep 0.01; done; echo done")};

	begin();
	e.env = WORDS("D", test_dir);
	fake_exec(&fake, 1, &e);
	ck_assert_value(fake_report(&fake, 1), "done\n");
	ck_assert_int_gt(read_pid("a"), 0);
	ck_assert(!lives(read_pid("a")));
	ck_assert_int_gt(read_pid("b"), 0);
	ck_assert(!lives(read_pid("b")));
	end();
}
END_TEST

START_TEST(stops_with_the_group)
{
	struct fake_exec e = {
		.argv = WORDS("/bin/sh", "-c", "sleep 1000 & echo $! >$D/a; echo $$ >$D/b; wait")};
	struct fence fence;
	uint64_t began;

	begin();
	e.env = WORDS("D", test_dir);
	fence = fake_exec(&fake, 1, &e);
	fake_until(&fake, read_pid("b") > 0);
	began = loop_now_us(loop);
	fake_stop(&fake, 1, fence);
	ck_assert_int_eq(fake_report(&fake, 1)->outcome.state, TASK_CANCELLED);
	ck_assert_uint_lt(loop_now_us(loop) - began, 1000000);
	ck_assert(!lives(read_pid("a")) && !lives(read_pid("b")));
	ck_assert_value(sh(2, "echo ok"), "ok\n");
	end();
}
END_TEST

START_TEST(kills_what_does_not_stop)
{
	struct fake_exec e = {.argv = WORDS("/bin/sh", "-c",
				      "trap '' TERM; echo $$ >$D/b; while :; do sleep 0.1; done")};
	struct fence fence;
	uint64_t began;

	begin();
	e.env = WORDS("D", test_dir);
	fence = fake_exec(&fake, 1, &e);
	fake_until(&fake, read_pid("b") > 0);
	began = loop_now_us(loop);
	fake_stop(&fake, 1, fence);
	ck_assert_int_eq(fake_report(&fake, 1)->outcome.state, TASK_CANCELLED);
	ck_assert_uint_gt(loop_now_us(loop) - began, 1900000);
	ck_assert(!lives(read_pid("b")));
	end();
}
END_TEST

START_TEST(nothing_outlives_the_worker)
{
	struct fake_exec e = {.argv = WORDS("/bin/sh", "-c",
				      "setsid sleep 1000 & echo $! >$D/a; echo $$ >$D/b; wait")};

	begin();
	e.env = WORDS("D", test_dir);
	fake_exec(&fake, 1, &e);
	fake_until(&fake, read_pid("b") > 0);
	worker_free(&worker);
	ck_assert(!lives(read_pid("a")) && !lives(read_pid("b")));
	end();
}
END_TEST

TCase *exec_tests(void)
{
	TCase *t = tcase_create("exec");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, gives_its_output);
	tcase_add_test(t, finds_programs_in_path);
	tcase_add_test(t, a_script_runs_by_sh);
	tcase_add_test(t, has_its_environment);
	tcase_add_test(t, reads_its_input);
	tcase_add_test(t, runs_in_its_directory);
	tcase_add_test(t, fails_by_status_and_signal);
	tcase_add_test(t, keeps_the_tail_of_stderr);
	tcase_add_test(t, a_big_output_is_a_file);
	tcase_add_test(t, inputs_are_files);
	tcase_add_test(t, nothing_outlives_the_command);
	tcase_add_test(t, stops_with_the_group);
	tcase_add_test(t, kills_what_does_not_stop);
	tcase_add_test(t, nothing_outlives_the_worker);
	return t;
}
