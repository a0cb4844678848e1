/* Child processes: how they end, what they get, their channel. */
#include "check_loop.h"

#include "base/fault.h"
#include "loop/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct loop *loop;
static struct child *child;
static struct child_exit how;
static unsigned exits;

static void setup(void)
{
	loop = loop_new();
	exits = 0;
}

static void teardown(void)
{
	child_free(&child);
	loop_free(&loop);
}

static void on_exit_seen(struct child *c, const struct child_exit *h, void *arg)
{
	ck_assert_ptr_eq(c, child);
	ck_assert_ptr_eq(arg, &how);
	ck_assert(!child_is_running(c));
	ck_assert(!child_kill(c, SIGTERM));
	how = *h;
	exits++;
}

static char *shell_argv[] = {"sh", "-c", NULL, NULL};

static struct child_spec shell(const char *script)
{
	shell_argv[2] = (char *)(uintptr_t)script;
	return (struct child_spec){
		.path = "/bin/sh",
		.argv = shell_argv,
		.stdin_fd = CHILD_FD_NULL,
		.stdout_fd = CHILD_FD_INHERIT,
		.stderr_fd = CHILD_FD_INHERIT,
	};
}

static void spawn(const struct child_spec *spec)
{
	child = child_spawn(loop, spec, on_exit_seen, &how);
	ck_assert_msg(child != NULL, "%s", strerror(errno));
}

static void run(const char *script)
{
	struct child_spec spec = shell(script);

	spawn(&spec);
	turn_until(loop, &exits, 1);
	child_free(&child);
}

START_TEST(a_child_ends_in_its_way)
{
	run("exit 0");
	ck_assert_int_eq(how.status, 0);
	ck_assert_int_eq(how.signal, 0);
	exits = 0;
	run("exit 7");
	ck_assert_int_eq(how.status, 7);
	exits = 0;
	run("kill -TERM $$");
	ck_assert_int_eq(how.signal, SIGTERM);
	ck_assert_uint_gt(how.max_rss_bytes, 100000);
	exits = 0;
	run("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done");
	ck_assert_uint_gt(how.user_us + how.system_us, 1000);
}
END_TEST

/* What a shell script prints on its standard output. */
static const char *output_of(struct child_spec *spec)
{
	static char text[4000];
	size_t n = 0;
	ssize_t got;
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	spec->stdout_fd = fds[1];
	spawn(spec);
	close(fds[1]);
	while ((got = read(fds[0], text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	close(fds[0]);
	turn_until(loop, &exits, 1);
	child_free(&child);
	return text;
}

START_TEST(a_child_gets_what_it_was_given)
{
	char *env[] = {"A=1", "PATH=/usr/bin:/bin", NULL};
	struct child_spec spec = shell("echo $A $(pwd); cat; echo end");

	spec.envp = env;
	spec.cwd = "/usr";
	ck_assert_str_eq(output_of(&spec), "1 /usr\nend\n");
}
END_TEST

START_TEST(a_child_gets_nothing_else)
{
	struct child_spec spec = shell("exec ls /proc/self/fd");
	sigset_t set;
	int stray = open("/dev/null", O_RDONLY); /* not close-on-exec */
	const char *text;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	ck_assert_int_ge(stray, 3);
	text = output_of(&spec);
	/* 3 is the directory that ls reads. */
	ck_assert_str_eq(text, "0\n1\n2\n3\n");
	exits = 0;
	spec = shell("grep -E '^Sig(Blk|Ign)' /proc/self/status");
	text = output_of(&spec);
	ck_assert_ptr_nonnull(strstr(text, "SigBlk:\t0000000000000000"));
	text = strstr(text, "SigIgn:\t");
	ck_assert_ptr_nonnull(text);
	/* 32 and 33 are libc's own: a make that used posix_spawn leaves them ignored. */
	ck_assert_uint_eq(strtoull(text + strlen("SigIgn:\t"), NULL, 16) & 0x7fffffff, 0);
	close(stray);
}
END_TEST

START_TEST(a_program_that_is_not_there)
{
	char *argv[] = {"x", NULL};
	struct child_spec spec = {.path = "/no/such/program", .argv = argv};

#if !defined(__SANITIZE_THREAD__)
	/* The thread sanitizer makes vfork a fork, which cannot tell. */
	ck_assert_ptr_null(child_spawn(loop, &spec, on_exit_seen, &how));
	ck_assert_int_eq(errno, ENOENT);
	spec.path = "no-such-program";
	spec.search_path = true;
	ck_assert_ptr_null(child_spawn(loop, &spec, on_exit_seen, &how));
	ck_assert_int_eq(errno, ENOENT);
	spec.path = "/etc/passwd";
	ck_assert_ptr_null(child_spawn(loop, &spec, on_exit_seen, &how));
	ck_assert_int_eq(errno, EACCES);
	spec.path = "true";
	spec.cwd = "/no/such/directory";
	ck_assert_ptr_null(child_spawn(loop, &spec, on_exit_seen, &how));
	ck_assert_int_eq(errno, ENOENT);
#endif
	spec = (struct child_spec){.path = "true", .argv = argv, .search_path = true};
	spec.stdin_fd = spec.stdout_fd = spec.stderr_fd = CHILD_FD_NULL;
	spawn(&spec);
	turn_until(loop, &exits, 1);
	ck_assert_int_eq(how.status, 0);
	if (!fault_is_built_in())
		return;
	ck_assert(fault_arm("loop.spawn:1:error:EAGAIN", NULL));
	ck_assert_ptr_null(child_spawn(loop, &spec, on_exit_seen, &how));
	ck_assert_int_eq(errno, EAGAIN);
}
END_TEST

START_TEST(the_channel_is_a_stream)
{
	struct child_spec spec = shell("exec cat <&3 >&3");
	struct side side = {0};
	uint64_t seq = 0;

	spec.channel = &side_handlers;
	spec.channel_arg = &side;
	child = child_spawn(loop, &spec, on_exit_seen, &how);
	ck_assert_ptr_nonnull(child);
	side.s = child_channel(child);
	send_frames(side.s, &seq, 1000, 500);
	turn_until(loop, &side.frames, 1000);
	ck_assert(child_is_running(child));
	ck_assert_int_gt(child_pid(child), 1);
	stream_close(side.s);
	turn_until(loop, &exits, 1);
	turn_until(loop, &side.closes, 1);
	ck_assert_ptr_null(child_channel(child));
	ck_assert_int_eq(how.status, 0);
}
END_TEST

START_TEST(the_channel_tells_of_a_death)
{
	struct child_spec spec = shell("exec sleep 100");
	struct side side = {0};

	spec.channel = &side_handlers;
	spec.channel_arg = &side;
	spawn(&spec);
	side.s = child_channel(child);
	ck_assert(child_kill(child, SIGKILL));
	turn_until(loop, &exits, 1);
	turn_until(loop, &side.closes, 1);
	ck_assert_int_eq(how.signal, SIGKILL);
}
END_TEST

static bool is_alive(pid_t pid)
{
	char path[60], line[300] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	return line[0] && !strstr(line, ") Z ");
}

static void wait_dead(pid_t pid)
{
	for (int i = 0; i < 500 && is_alive(pid); i++)
		usleep(10000);
	ck_assert(!is_alive(pid));
}

/* Starts a shell that starts a sleeper in its group, and returns the sleeper. */
static pid_t spawn_family(struct child_spec *spec)
{
	char line[20] = "";
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	spec->stdout_fd = fds[1];
	spec->new_group = true;
	spawn(spec);
	close(fds[1]);
	ck_assert_int_gt(read(fds[0], line, sizeof(line) - 1), 0);
	close(fds[0]);
	return (pid_t)strtol(line, NULL, 10);
}

START_TEST(a_group_ends_together)
{
	struct child_spec spec = shell("sleep 100 & echo $!; wait");
	pid_t grandchild = spawn_family(&spec);

	ck_assert(child_kill_group(child, SIGTERM));
	turn_until(loop, &exits, 1);
	ck_assert_int_eq(how.signal, SIGTERM);
	wait_dead(grandchild);
}
END_TEST

START_TEST(a_freed_child_is_killed_with_its_group)
{
	struct child_spec spec = shell("sleep 100 & echo $!; wait");
	pid_t grandchild = spawn_family(&spec);

	child_free(&child);
	wait_dead(grandchild);
	turns(loop, 5);
	ck_assert_uint_eq(exits, 0);
}
END_TEST

START_TEST(the_loop_takes_its_children_with_it)
{
	struct child_spec spec = shell("exec sleep 100");
	pid_t pid;

	spawn(&spec);
	pid = child_pid(child);
	loop_free(&loop);
	child = NULL;
	ck_assert(!is_alive(pid));
}
END_TEST

static void free_inside(struct child *c, const struct child_exit *h, void *arg)
{
	(void)h;
	(void)arg;
	child_kill_group(c, SIGKILL);
	child_free(&c);
	child = NULL;
	exits++;
}

START_TEST(a_child_may_be_freed_in_on_exit)
{
	struct child_spec spec = shell("sleep 100 & echo $!; exit 3");
	char line[20] = "";
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	spec.stdout_fd = fds[1];
	spec.new_group = true;
	child = child_spawn(loop, &spec, free_inside, NULL);
	ck_assert_ptr_nonnull(child);
	close(fds[1]);
	ck_assert_int_gt(read(fds[0], line, sizeof(line) - 1), 0);
	close(fds[0]);
	turn_until(loop, &exits, 1);
	wait_dead((pid_t)strtol(line, NULL, 10));
	turns(loop, 3);
}
END_TEST

START_TEST(many_children_run_at_once)
{
	struct child *many[50];
	struct child_spec spec = shell("exit 5");

	for (int i = 0; i < 50; i++) {
		many[i] = child_spawn(loop, &spec, free_inside, NULL);
		ck_assert_ptr_nonnull(many[i]);
	}
	turn_until(loop, &exits, 50);
}
END_TEST

START_TEST(no_child_outlives_its_parent)
{
	int fds[2], status;
	char line[20] = "";
	pid_t middle;

	ck_assert_int_eq(pipe(fds), 0);
	middle = fork();
	if (middle == 0) {
		struct child_spec spec = shell("exec sleep 100");

		spec.death_signal = SIGKILL;
		child = child_spawn(loop, &spec, on_exit_seen, &how);
		snprintf(line, sizeof(line), "%d\n", child ? (int)child_pid(child) : 0);
		if (write(fds[1], line, sizeof(line)) < 0)
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	ck_assert_int_gt(read(fds[0], line, sizeof(line)), 0);
	ck_assert_int_eq(waitpid(middle, &status, 0), middle);
	ck_assert_int_gt(strtol(line, NULL, 10), 1);
	wait_dead((pid_t)strtol(line, NULL, 10));
}
END_TEST

TCase *tcase_child(void)
{
	TCase *tc = tcase_create("child");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_child_ends_in_its_way);
	tcase_add_test(tc, a_child_gets_what_it_was_given);
	tcase_add_test(tc, a_child_gets_nothing_else);
	tcase_add_test(tc, a_program_that_is_not_there);
	tcase_add_test(tc, the_channel_is_a_stream);
	tcase_add_test(tc, the_channel_tells_of_a_death);
	tcase_add_test(tc, a_group_ends_together);
	tcase_add_test(tc, a_freed_child_is_killed_with_its_group);
	tcase_add_test(tc, the_loop_takes_its_children_with_it);
	tcase_add_test(tc, a_child_may_be_freed_in_on_exit);
	tcase_add_test(tc, many_children_run_at_once);
	tcase_add_test(tc, no_child_outlives_its_parent);
	return tc;
}
