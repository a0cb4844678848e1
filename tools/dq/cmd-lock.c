/*
 * dq lock, dq semaphore: a command that runs while this one holds something. The lease runs all the
 * time and is extended while the command runs: one that is stopped, or cut off for too long, loses
 * the lock; then the command is told to end, and the exit code says so.
 */
#include "cli.h"
#include "cmd.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"

#include <dq/coordination.h>
#include <dq/error.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOCKS_MAX 64
#define WAIT_STEP_S 0.2 /* between looks for a signal */
#define ENV_FENCE "DQ_LOCK_FENCE"

static double lease_s = 30, timeout_s = -1;
static uint64_t units = 1;
static struct opt_list also;

static const struct opt common_opts[] = {
	{0, "lease", OPT_SECONDS, &lease_s, "SEC", "who is cut off loses it after so long (30)"},
	{'t', "timeout", OPT_SECONDS, &timeout_s, "SEC", "wait at most so long; then exit 125"},
	{0},
};

static const struct opt lock_opts[] = {
	{0, "also", OPT_LIST, &also, "NAME", "this lock too, all of them at once; repeats"},
	{0},
};

static const struct opt semaphore_opts[] = {
	{'n', "units", OPT_UINT, &units, "N", "so many of the COUNT at once (1)"},
	{0},
};

struct holding {
	struct dq_client *client;
	const char *name;
	uint64_t fence;
	pid_t pid;
	int pidfd;
	bool lost, passed_on;
};

/* ---- getting it ---- */

static int claim(struct holding *h, const struct dq_lock *locks, size_t n, bool *held)
{
	struct dq_lock_options options = DQ_LOCK_OPTIONS_INIT;

	options.lease_s = lease_s;
	options.flags = DQ_LOCK_BEAT;
	if (timeout_s != 0)
		return dq_lock_claim(h->client, locks, n, &options, timeout_s, &h->fence, held);
	*held = true;
	return dq_lock_acquire(h->client, locks, n, &options, 0, &h->fence);
}

/* 0, CLI_INTERRUPTED, or an error. */
static int acquire(struct holding *h, const struct dq_lock *locks, size_t n)
{
	uint64_t began_us = clock_mono_us();
	bool held;
	int r = claim(h, locks, n, &held);

	while (r == DQ_E_OK && !held) {
		double left_s = cli_time_left(timeout_s, began_us);
		bool last = left_s >= 0 && left_s <= WAIT_STEP_S;

		if (interrupt_signal())
			return CLI_INTERRUPTED;
		r = dq_lock_wait(h->client, h->fence, last ? left_s : WAIT_STEP_S);
		held = r == DQ_E_OK;
		if (r == DQ_E_CONFLICT)
			r = claim(h, locks, n, &held);
		else if (r == DQ_E_TIMEOUT && !last)
			r = DQ_E_OK;
	}
	return r == DQ_E_OK && interrupt_signal() ? CLI_INTERRUPTED : r;
}

/* ---- while it is held ---- */

static void lost(struct holding *h, int r)
{
	h->lost = true;
	cli_fail_client(r, h->client, h->name);
}

/* A signal that came for this command is for the other; one from the terminal reached it already.
 */
static void pass_on(struct holding *h)
{
	int sig = interrupt_signal();

	if (!sig || h->passed_on)
		return;
	h->passed_on = true;
	if (sig != SIGINT || !isatty(STDIN_FILENO) || tcgetpgrp(STDIN_FILENO) != getpgrp())
		kill(h->pid, sig);
}

/* Until the command ends, or the next extension is due. True: it has ended. */
static bool watch_command(struct holding *h, uint64_t until_us)
{
	for (;;) {
		struct pollfd p[] = {{.fd = h->pidfd, .events = POLLIN},
			{.fd = h->passed_on ? -1 : interrupt_fd(), .events = POLLIN}};
		uint64_t now_us = clock_mono_us();
		int rc;

		if (now_us >= until_us)
			return false;
		rc = poll(p, 2, (int)((until_us - now_us) / 1000 + 1));
		if (rc > 0 && p[0].revents)
			return true;
		pass_on(h);
	}
}

static int exit_of(struct holding *h)
{
	int status;

	while (waitpid(h->pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_RUN_FAILED;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int mind(struct holding *h)
{
	uint64_t step_us = (uint64_t)(lease_s * 1e6 / 4);

	if (step_us < 1000)
		step_us = 1000;
	for (;;) {
		int r;

		if (watch_command(h, h->lost ? UINT64_MAX : clock_mono_us() + step_us))
			return exit_of(h);
		r = dq_lock_extend(h->client, h->fence, 0, -1);
		if (r != DQ_E_OK) {
			lost(h, r);
			kill(h->pid, SIGTERM);
		}
	}
}

/* The child. A holder that is killed loses the lock: its command is told to end, too. */
static void __attribute__((noreturn)) become(char **argv, pid_t parent, int tell)
{
	int error;

	if (prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent)
		execvp(argv[0], argv);
	error = errno;
	if (write(tell, &error, sizeof error) < 0) {
		/* nobody is there to be told */
	}
	_exit(EXIT_RUN_FAILED);
}

/* 0, or an errno. */
static int spawn(struct holding *h, char **argv)
{
	pid_t parent = getpid();
	int tell[2], error = 0;
	ssize_t n;

	if (pipe2(tell, O_CLOEXEC) != 0)
		return errno;
	h->pid = fork();
	if (h->pid == 0)
		become(argv, parent, tell[1]);
	if (h->pid < 0)
		error = errno;
	close(tell[1]);
	/* ends without a word where the command runs */
	do {
		n = h->pid > 0 ? read(tell[0], &error, sizeof error) : 0;
	} while (n < 0 && errno == EINTR);
	close(tell[0]);
	if (h->pid > 0 && error)
		exit_of(h);
	return error;
}

static int start(struct holding *h, char **argv)
{
	char fence[24];
	int rc;

	snprintf(fence, sizeof fence, "%llu", (unsigned long long)h->fence);
	setenv(ENV_FENCE, fence, 1);
	rc = spawn(h, argv);
	if (rc) {
		fprintf(stderr, "dq: %s: %s\n", argv[0], strerror(rc));
		return rc == ENOENT ? 127 : 126;
	}
	h->pidfd = (int)syscall(SYS_pidfd_open, h->pid, 0);
	if (h->pidfd >= 0)
		return 0;
	rc = errno;
	kill(h->pid, SIGKILL);
	exit_of(h);
	cli_fail(DQ_E_IO, "%s: %s", argv[0], strerror(rc));
	return EXIT_RUN_FAILED;
}

static int run_held(struct holding *h, char **argv)
{
	int code = start(h, argv), r;

	if (!code) {
		code = mind(h);
		close(h->pidfd);
	}
	if (h->lost)
		return EXIT_RUN_FAILED;
	r = dq_lock_release(h->client, h->fence, -1);
	if (r == DQ_E_OK)
		return code;
	lost(h, r);
	return EXIT_RUN_FAILED;
}

static int run(const struct dq_lock *locks, size_t n, int argc, char **argv)
{
	struct holding h = {.name = locks[0].name, .pidfd = -1};
	char **command;
	int code, r;

	if (lease_s <= 0)
		return cli_usage("--lease: a time above 0 is wanted");
	if (cli_open(false, &h.client) != 0)
		return EXIT_RUN_FAILED;
	interrupt_catch();
	r = acquire(&h, locks, n);
	if (r == CLI_INTERRUPTED) {
		cli_close(&h.client, 0);
		return interrupt_end();
	}
	if (r == DQ_E_OK) {
		command = xcalloc((size_t)argc + 1, sizeof(*command));
		memcpy(command, argv, (size_t)argc * sizeof(*command));
		code = run_held(&h, command);
		free(command);
	} else {
		cli_fail_client(r, h.client, h.name);
		code = EXIT_RUN_FAILED;
	}
	return cli_close(&h.client, code);
}

static int run_lock(int argc, char **argv)
{
	struct dq_lock locks[LOCKS_MAX] = {{0}};
	int code;

	if (argc < 2)
		code = cli_usage("NAME and a command are wanted: dq lock NAME -- CMD");
	else if (also.n >= LOCKS_MAX)
		code = cli_usage("--also: at most %d locks at once", LOCKS_MAX);
	else {
		locks[0].name = argv[0];
		for (size_t i = 0; i < also.n; i++)
			locks[i + 1].name = also.v[i];
		code = run(locks, also.n + 1, argc - 1, argv + 1);
	}
	opt_list_release(&also);
	return code;
}

static int run_semaphore(int argc, char **argv)
{
	struct dq_lock lock;
	uint64_t count;

	if (argc < 3)
		return cli_usage("NAME, COUNT and a command are wanted: dq semaphore NAME COUNT "
				 "-- CMD");
	if (!str_to_u64(slice_str(argv[1]), &count) || count == 0 || count > UINT32_MAX)
		return cli_usage("%s: not a count", argv[1]);
	if (units == 0 || units > count)
		return cli_usage("--units: from 1 to the count");
	lock = (struct dq_lock){argv[0], (uint32_t)count, (uint32_t)units};
	return run(&lock, 1, argc - 2, argv + 2);
}

const struct cmd cmd_lock = {
	.name = "lock",
	.words = "NAME -- CMD [ARG...]",
	.about = "Run a command while holding a lock; exits as the command does.",
	.tables = {common_opts, lock_opts},
	.run = run_lock,
};

const struct cmd cmd_semaphore = {
	.name = "semaphore",
	.words = "NAME COUNT -- CMD [ARG...]",
	.about = "Run a command as one of at most COUNT; exits as the command does.",
	.tables = {common_opts, semaphore_opts},
	.run = run_semaphore,
};
