/* Assertions, logs, threads, clocks. */
#include "check_base.h"

#include "base/clock.h"
#include "base/ensure.h"
#define LOG_COMPONENT "unit"
#include "base/log.h"
#include "base/thread.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs fn in a child whose stderr comes back in `said`; returns the signal that ended it. */
static int run_and_hear(void (*fn)(void), char *said, size_t n)
{
	int fds[2], status = 0;
	ssize_t got;
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], STDERR_FILENO);
		fn();
		_exit(0);
	}
	close(fds[1]);
	got = read(fds[0], said, n - 1);
	said[got > 0 ? got : 0] = '\0';
	close(fds[0]);
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void fails(void)
{
	ensure_note("task %d", 7);
	ensure(1 + 1 == 3);
}

static void fails_with_ids(void)
{
	ensure_note_ids("lease", 12, 34);
	panic("broken by %s", "me");
}

static void fails_without_note(void)
{
	ensure_note_ids(NULL, 0, 0);
	unreachable();
}

START_TEST(a_failed_ensure_says_where_and_during_what)
{
	char said[1000];

	ck_assert_int_eq(run_and_hear(fails, said, sizeof(said)), SIGABRT);
	ck_assert_ptr_nonnull(strstr(said, "test_process.c:"));
	ck_assert_ptr_nonnull(strstr(said, "does not hold: 1 + 1 == 3 [while: task 7]"));
	ck_assert_int_eq(run_and_hear(fails_with_ids, said, sizeof(said)), SIGABRT);
	ck_assert_ptr_nonnull(strstr(said, "broken by me [while: lease 12 34]"));
	ck_assert_int_eq(run_and_hear(fails_without_note, said, sizeof(said)), SIGABRT);
	ck_assert_ptr_null(strstr(said, "while"));
	ensure(true);
}
END_TEST

static size_t logged(char *said, size_t n, void (*fn)(void))
{
	char path[] = "/tmp/dq-unit-log-XXXXXX";
	int fd = mkstemp(path);
	ssize_t got;

	unlink(path);
	log_set_fd(fd);
	fn();
	log_set_fd(STDERR_FILENO);
	got = pread(fd, said, n - 1, 0);
	close(fd);
	ck_assert_int_ge(got, 0);
	said[got] = '\0';
	return (size_t)got;
}

static void log_some(void)
{
	log_error("number %d\nand more", 5);
	log_info("not shown");
	log_debug("not shown");
}

static void log_long(void)
{
	char text[10000];

	memset(text, '\x01', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	log_error("%s", text);
}

START_TEST(log_lines_are_lines)
{
	static char said[20000];
	enum log_level level;
	enum log_format format;

	ck_assert(log_level_parse("info", &level) && level == LOG_INFO);
	ck_assert(!log_level_parse("loud", &level));
	ck_assert(log_format_parse("json", &format) && format == LOG_JSON);
	ck_assert(!log_format_parse("xml", &format));
	log_set_level(LOG_WARN);
	logged(said, sizeof(said), log_some);
	ck_assert_ptr_nonnull(strstr(said, "Z error unit: number 5 and more\n"));
	ck_assert_ptr_null(strstr(said, "not shown"));
	log_set_format(LOG_JSON);
	logged(said, sizeof(said), log_some);
	ck_assert_ptr_nonnull(strstr(said, "\"level\":\"error\",\"component\":\"unit\",\"message\":"
					   "\"number 5\\nand more\"}\n"));
	ck_assert_uint_gt(logged(said, sizeof(said), log_long), 2000);
	ck_assert_ptr_nonnull(strstr(said, "\"}\n"));
	log_set_format(LOG_TEXT);
}
END_TEST

static void *thread_main(void *arg)
{
	sigset_t blocked;

	pthread_getname_np(pthread_self(), arg, 16);
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	return sigismember(&blocked, SIGTERM) == 1 ? arg : NULL;
}

START_TEST(threads_have_names_and_no_signals)
{
	char name[16] = "";
	pthread_t t;
	void *result;

	ck_assert_int_eq(thread_start(&t, "a-name-that-is-far-too-long", thread_main, name), 0);
	pthread_join(t, &result);
	ck_assert_ptr_eq(result, name);
	ck_assert_str_eq(name, "a-name-that-is-");
}
END_TEST

START_TEST(clocks_run)
{
	uint64_t a = clock_mono_us();

	usleep(1000);
	ck_assert_uint_ge(clock_mono_us(), a + 1000);
	ck_assert_uint_gt(clock_wall_us(), 1600000000 * US_PER_S);
	ck_assert_uint_le(clock_thread_cpu_us(), clock_mono_us());
}
END_TEST

TCase *tcase_process(void)
{
	TCase *tc = tcase_create("process");

	tcase_add_test(tc, a_failed_ensure_says_where_and_during_what);
	tcase_add_test(tc, log_lines_are_lines);
	tcase_add_test(tc, threads_have_names_and_no_signals);
	tcase_add_test(tc, clocks_run);
	return tc;
}
