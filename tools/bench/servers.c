/*
 * Starting and ending the processes of a benchmark.
 *
 * Each server is a group of its own, so that Ctrl-C reaches the benchmark alone, which then ends
 * them in order; if the benchmark is killed, the kernel kills them (PR_SET_PDEATHSIG). Ready means
 * that the server said so on its stdout.
 */
#include "servers.h"

#include "base/clock.h"
#include "base/ensure.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READY_MS 30000
#define STOP_MS 10000

static bool fail(const char *what, const char *why)
{
	fprintf(stderr, "dq-bench: %s: %s\n", what, why);
	return false;
}

bool servers_prepare(struct servers *s, const struct servers_options *options)
{
	const char *parent = options->parent ? options->parent : getenv("TMPDIR");
	ssize_t n = readlink("/proc/self/exe", s->programs, sizeof s->programs - 1);
	char *slash;

	if (n <= 0)
		return fail("/proc/self/exe", strerror(errno));
	s->programs[n] = '\0';
	slash = strrchr(s->programs, '/');
	ensure(slash);
	*slash = '\0';
	/* A build with libtool's wrappers has the real programs in .libs. */
	slash = strrchr(s->programs, '/');
	if (slash && strcmp(slash, "/.libs") == 0)
		*slash = '\0';
	snprintf(
		s->dir, sizeof s->dir, "%s/dq-bench-XXXXXX", parent && parent[0] ? parent : "/tmp");
	if (!mkdtemp(s->dir)) {
		fail(s->dir, strerror(errno));
		s->dir[0] = '\0';
		return false;
	}
	return true;
}

const char *servers_module(const struct servers *s)
{
	static char path[PATH_BYTES + 32];

	snprintf(path, sizeof path, "%s/dq-bench-module.so", s->programs);
	return path;
}

/* --- Starting --------------------------------------------------------------------------------- */

/* Waits for a line that begins with "ready". */
static bool await_ready(int fd, const char *name)
{
	uint64_t deadline_us = clock_mono_us() + READY_MS * US_PER_MS;
	char text[8192];
	size_t n = 0;

	while (n < sizeof text - 1 && !memchr(text, '\n', n)) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint64_t now_us = clock_mono_us();
		ssize_t got;

		if (now_us >= deadline_us)
			return fail(name, "not ready in time");
		if (poll(&p, 1, (int)((deadline_us - now_us) / US_PER_MS) + 1) <= 0)
			continue;
		got = read(fd, text + n, sizeof text - 1 - n);
		if (got <= 0)
			return fail(name, "ended before it was ready");
		n += (size_t)got;
	}
	return (n >= 5 && memcmp(text, "ready", 5) == 0) ||
	       fail(name, "said something else than ready");
}

static void exec_server(int out, char **argv)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	dup2(out, STDOUT_FILENO);
	execv(argv[0], argv);
	fprintf(stderr, "dq-bench: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* Returns its pid, 0 on failure; *pid is set as soon as there is one. */
static bool start(char **argv, pid_t *pid)
{
	int fds[2];
	bool ready;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return fail("pipe", strerror(errno));
	*pid = fork();
	if (*pid == 0)
		exec_server(fds[1], argv);
	close(fds[1]);
	if (*pid < 0) {
		*pid = 0;
		close(fds[0]);
		return fail("fork", strerror(errno));
	}
	ready = await_ready(fds[0], argv[0]);
	close(fds[0]);
	return ready;
}

static bool start_scheduler(struct servers *s, const struct servers_options *options)
{
	char program[PATH_BYTES + 32], state[PATH_BYTES + 32];
	char *argv[] = {program, "--state", state, "--listen", s->address, "--durability",
		(char *)(options->durability ? options->durability : "strict"),
		options->users ? "--socket-group" : NULL, "65534", NULL};

	snprintf(program, sizeof program, "%s/dq-scheduler", s->programs);
	snprintf(state, sizeof state, "%s/state", s->dir);
	snprintf(s->address, sizeof s->address, "unix:%s/s.sock", s->dir);
	return start(argv, &s->scheduler);
}

static bool start_worker(struct servers *s, const struct servers_options *options, unsigned i)
{
	char program[PATH_BYTES + 32], dir[PATH_BYTES + 32], name[32], slots[32];
	char *argv[] = {program, "--scheduler", s->address, "--name", name, "--dir", dir, "--slots",
		slots, "--isolation", (char *)(options->isolation ? options->isolation : "thread"),
		"--module", (char *)servers_module(s), options->users ? "--users" : NULL, "any",
		NULL};

	snprintf(program, sizeof program, "%s/dq-worker", s->programs);
	snprintf(dir, sizeof dir, "%s/w%u", s->dir, i);
	snprintf(name, sizeof name, "bench-%u", i);
	snprintf(slots, sizeof slots, "%u", options->slots);
	s->nworkers = i + 1;
	return start(argv, &s->workers[i]);
}

bool servers_start(struct servers *s, const struct servers_options *options)
{
	ensure(options->workers <= WORKERS_MAX);
	if (!start_scheduler(s, options))
		return false;
	for (unsigned i = 0; i < options->workers; i++)
		if (!start_worker(s, options, i))
			return false;
	return true;
}

/* --- Ending ----------------------------------------------------------------------------------- */

static void stop(pid_t *pid)
{
	uint64_t deadline_us = clock_mono_us() + STOP_MS * US_PER_MS;

	if (*pid <= 0)
		return;
	kill(*pid, SIGTERM);
	while (waitpid(*pid, NULL, WNOHANG) == 0) {
		if (clock_mono_us() > deadline_us) {
			kill(*pid, SIGKILL);
			waitpid(*pid, NULL, 0);
			break;
		}
		poll(NULL, 0, 5);
	}
	*pid = 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	remove(path);
	return 0;
}

void servers_stop(struct servers *s)
{
	for (unsigned i = 0; i < s->nworkers; i++)
		stop(&s->workers[i]);
	s->nworkers = 0;
	stop(&s->scheduler);
	if (s->dir[0])
		nftw(s->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	s->dir[0] = '\0';
}

/* --- Looking ---------------------------------------------------------------------------------- */

uint64_t process_cpu_us(pid_t pid)
{
	struct timespec used;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
		return 0;
	return (uint64_t)used.tv_sec * US_PER_S + (uint64_t)used.tv_nsec / 1000;
}

uint64_t process_rss_bytes(pid_t pid)
{
	char path[64];
	unsigned long long pages = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%ld/statm", (long)pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%*u %llu", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
