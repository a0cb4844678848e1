/*
 * Real processes for tests. Neighbours: tests/e2e/kill_loop.c and tests/crash/crash_points.c. A
 * call of the system that fails ends the test with its reason.
 */
#include "lib/cluster.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define END_LIMIT_MS 60000

static void die(const char *what)
{
	perror(what);
	exit(99);
}

void cluster_init(struct cluster *c, const char *argv0, const char *lease_ttl)
{
	const char *build = getenv("DQ_BUILDDIR"), *tmp = getenv("TMPDIR");
	char self[CLUSTER_PATH];

	*c = (struct cluster){.lease_ttl = lease_ttl};
	snprintf(self, sizeof(self), "%s", argv0);
	if (build)
		snprintf(c->build, sizeof(c->build), "%s", build);
	else
		snprintf(c->build, sizeof(c->build), "%.150s/../..", dirname(self));
	snprintf(c->dir, sizeof(c->dir), "%.80s/dq-test-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(c->dir))
		die(c->dir);
	snprintf(c->address, sizeof(c->address), "unix:%s/s.sock", c->dir);
	setenv("HOME", c->dir, 1);
	setenv("XDG_RUNTIME_DIR", c->dir, 1);
	unsetenv("DQ_FAULT");
	signal(SIGPIPE, SIG_IGN);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	remove(path);
	return 0;
}

/* What the kernel knows of where each thread of a process stands; a debugger says more. */
static void tell_threads(pid_t pid)
{
	char command[200];

	snprintf(command, sizeof(command),
		"for t in /proc/%d/task/*; do cat $t/comm $t/stat $t/wchan $t/syscall; echo; done "
		">&2; "
		"gdb -p %d -batch -ex 'thread apply all bt' >&2 2>/dev/null",
		(int)pid, (int)pid);
	if (system(command) != 0)
		fprintf(stderr, "no debugger could look at %d\n", (int)pid);
}

/* Waits for the end of a process that was told to end; one that does not is a failed test. */
static void await_end(pid_t pid)
{
	int status;

	for (unsigned ms = 0; ms < END_LIMIT_MS; ms += 2) {
		pid_t got = waitpid(pid, &status, WNOHANG);

		if (got == pid || (got < 0 && errno != EINTR))
			return;
		cluster_sleep_ms(2);
	}
	fprintf(stderr, "process %d does not end\n", (int)pid);
	tell_threads(pid);
	kill(pid, SIGKILL);
	exit(1);
}

void cluster_end(pid_t *pid, int sig)
{
	if (*pid <= 0)
		return;
	kill(*pid, sig);
	if (sig == SIGSTOP || sig == SIGCONT)
		return;
	kill(*pid, SIGCONT);
	await_end(*pid);
	*pid = 0;
}

void cluster_release(struct cluster *c, bool keep)
{
	for (int i = 0; i < CLUSTER_WORKERS; i++)
		cluster_end(&c->workers[i], SIGKILL);
	cluster_end(&c->scheduler, SIGTERM);
	if (keep)
		fprintf(stderr, "what is left stands in %s\n", c->dir);
	else
		nftw(c->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* In the child: output to a file, and no life without the parent. */
static void settle_child(const struct cluster *c, const char *name, pid_t parent)
{
	char path[CLUSTER_PATH + 40];
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(98);
	snprintf(path, sizeof(path), "%s/%s.log", c->dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
		_exit(98);
	close(fd);
}

static void exec_scheduler(const struct cluster *c, const char *fault)
{
	char program[CLUSTER_PATH + 40], state[CLUSTER_PATH + 40];

	snprintf(program, sizeof(program), "%s/dq-scheduler", c->build);
	snprintf(state, sizeof(state), "%s/state", c->dir);
	if (fault)
		setenv("DQ_FAULT", fault, 1);
	execl(program, program, "--state", state, "--listen", c->address, "--lease-ttl",
		c->lease_ttl, (char *)NULL);
	perror(program);
	_exit(98);
}

static pid_t fork_scheduler(const struct cluster *c, const char *fault)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		die("fork");
	if (pid > 0)
		return pid;
	settle_child(c, "scheduler", parent);
	exec_scheduler(c, fault);
	return 0;
}

void cluster_scheduler(struct cluster *c, const char *fault)
{
	c->scheduler = fork_scheduler(c, fault);
}

static pid_t kept;
static volatile sig_atomic_t keeper_ends;

static void on_term(int sig)
{
	(void)sig;
	keeper_ends = 1;
	if (kept > 0)
		kill(kept, SIGTERM);
}

static void keep(const struct cluster *c, const char *fault)
{
	int status;

	signal(SIGTERM, on_term);
	while (!keeper_ends) {
		kept = fork_scheduler(c, fault);
		if (keeper_ends)
			kill(kept, SIGTERM);
		while (waitpid(kept, &status, 0) < 0 && errno == EINTR)
			;
		fault = NULL;
		if (!keeper_ends)
			cluster_sleep_ms(10);
	}
	_exit(0);
}

void cluster_keeper(struct cluster *c, const char *fault)
{
	pid_t parent = getpid();

	c->scheduler = fork();
	if (c->scheduler < 0)
		die("fork");
	if (c->scheduler > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(98);
	keep(c, fault);
}

void cluster_worker(struct cluster *c, int i, int slots)
{
	char program[CLUSTER_PATH + 40], dir[CLUSTER_PATH + 40], name[16], count[16];
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		die("fork");
	if (pid > 0) {
		c->workers[i] = pid;
		return;
	}
	snprintf(name, sizeof(name), "w%d", i);
	snprintf(count, sizeof(count), "%d", slots);
	settle_child(c, name, parent);
	snprintf(program, sizeof(program), "%s/dq-worker", c->build);
	snprintf(dir, sizeof(dir), "%s/%s", c->dir, name);
	execl(program, program, "--scheduler", c->address, "--name", name, "--dir", dir, "--slots",
		count, (char *)NULL);
	perror(program);
	_exit(98);
}

bool cluster_check(const struct cluster *c)
{
	char command[2 * CLUSTER_PATH + 120], line[400];
	FILE *out;

	snprintf(command, sizeof(command), "'%s/dq-inspect' --state '%s/state' check 2>&1",
		c->build, c->dir);
	out = popen(command, "r");
	if (!out)
		die("dq-inspect");
	while (fgets(line, sizeof(line), out))
		if (strncmp(line, "ok", 2) != 0)
			fprintf(stderr, "dq-inspect check: %s", line);
	return pclose(out) == 0;
}

void cluster_sleep_ms(unsigned ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

uint64_t cluster_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}
