/*
 * The helper is a child subreaper: a process whose parent ends becomes the helper's child, however
 * it tried to get away (double fork, setsid). Killing children until there are none therefore ends
 * the whole tree.
 */
#include "reap.h"

#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define END_LIMIT_US (2 * US_PER_S)

static pid_t parent_of(int proc, const char *pid)
{
	char path[64], text[512];
	const char *close_paren;
	int fd, ppid;
	ssize_t n;

	snprintf(path, sizeof(path), "%.20s/stat", pid);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	/* "PID (NAME) STATE PPID": a name may hold anything, so from the last ')'. */
	close_paren = strrchr(text, ')');
	if (!close_paren || sscanf(close_paren + 1, " %*c %d", &ppid) != 1)
		return -1;
	return ppid;
}

static void kill_children(void)
{
	DIR *proc = opendir("/proc");
	pid_t self = getpid();
	struct dirent *e;

	while (proc && (e = readdir(proc))) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		if (parent_of(dirfd(proc), e->d_name) == self)
			kill((pid_t)strtol(e->d_name, NULL, 10), SIGKILL);
	}
	if (proc)
		closedir(proc);
}

static void sleep_ms(long ms)
{
	struct timespec t = {.tv_nsec = ms * 1000000L};

	nanosleep(&t, NULL);
}

/* False when there are no children. */
static bool reap_ended(void)
{
	pid_t pid;

	do {
		pid = waitpid(-1, NULL, WNOHANG);
	} while (pid > 0 || (pid < 0 && errno == EINTR));
	return pid == 0;
}

void reap_children(void)
{
	for (long ms = 0; reap_ended(); ms = ms < 16 ? ms + 1 : ms) {
		kill_children();
		sleep_ms(ms);
	}
}

void end_everything(void)
{
	uint64_t until = clock_mono_us() + END_LIMIT_US;

	while (reap_ended() && clock_mono_us() < until) {
		kill_children();
		sleep_ms(1);
	}
	if (getpgrp() == getpid())
		kill(0, SIGKILL);
	_exit(0);
}
