/*
 * Processes by their environment: /proc/PID/environ, variables that each end with a byte 0. They
 * are looked for again until a pass finds none, since one may have forked meanwhile.
 */
#include "worker/strays.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ENVIRONMENT_MAX ((size_t)16 << 20)
#define READ_BYTES 16384
#define LIMIT_US (2 * US_PER_S)
#define PAUSE_NS 5000000

static bool read_environment(int proc, const char *pid, struct buf *out)
{
	char path[64];
	ssize_t n = -1;
	int fd;

	buf_clear(out);
	snprintf(path, sizeof(path), "%.20s/environ", pid);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	do {
		uint8_t *room = buf_reserve(out, READ_BYTES);

		n = room ? read(fd, room, READ_BYTES) : 0;
		if (n > 0)
			buf_commit(out, (size_t)n);
	} while (n > 0 || (n < 0 && errno == EINTR));
	close(fd);
	return n == 0;
}

static bool has_variable(struct slice environment, const char *variable)
{
	size_t n = strlen(variable);

	while (environment.n) {
		const uint8_t *end = memchr(environment.p, '\0', environment.n);
		size_t len = end ? (size_t)(end - environment.p) : environment.n;

		if (len == n && memcmp(environment.p, variable, n) == 0)
			return true;
		environment = slice_drop(environment, end ? len + 1 : len);
	}
	return false;
}

/* Returns how many there were. */
static unsigned kill_pass(const char *variable, struct buf *environment)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	unsigned n = 0;

	while (proc && (e = readdir(proc))) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' ||
			!read_environment(dirfd(proc), e->d_name, environment) ||
			!has_variable(buf_slice(environment), variable))
			continue;
		if (kill((pid_t)strtol(e->d_name, NULL, 10), SIGKILL) == 0)
			n++;
	}
	if (proc)
		closedir(proc);
	return n;
}

void strays_end(const char *name, const char *value)
{
	uint64_t until_us = clock_mono_us() + LIMIT_US;
	char *variable = xasprintf("%s=%s", name, value);
	struct buf environment;

	buf_init(&environment, ENVIRONMENT_MAX);
	while (kill_pass(variable, &environment) > 0 && clock_mono_us() < until_us)
		nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
	buf_release(&environment);
	free(variable);
}
