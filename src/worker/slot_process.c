/*
 * A slot's helper process (dq-slot): started when it is first needed, and again after it ended: by
 * a crash of a function, which fails that attempt with the signal, or because it had to be killed.
 */
#define LOG_COMPONENT "worker"
#include "worker/slot_helper.h"

#include "base/ensure.h"
#include "base/log.h"
#include "codec/pack.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

#define START_TRIES 8
#define END_LIMIT_MS 5000 /* for a helper to end by itself, with what it started */

static int spawn_helper(struct slot *s, int channel, pid_t *pid)
{
	char *argv[] = {(char *)(uintptr_t) "dq-slot", NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attr);
	/* Its standard output is our standard error: ours has a meaning to who reads it. */
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", 0, 0);
	posix_spawn_file_actions_adddup2(&files, 2, 1);
	posix_spawn_file_actions_adddup2(&files, channel, SLOT_FD);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(
		&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
	rc = posix_spawn(pid, s->options->helper, &files, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return rc;
}

static bool send_setup(struct slot *s)
{
	const char *const *modules = s->options->in_process ? s->options->modules : NULL;
	struct slice part;
	struct buf b;
	uint32_t n = 0;
	bool ok;

	while (modules && modules[n])
		n++;
	buf_init(&b, FRAME_HEAD_BYTES);
	pack_array(&b, n + 4);
	pack_bin(&b, slice_str(s->options->slots_dir));
	pack_u64(&b, s->number);
	pack_bin(&b, slice_str(s->options->scheduler));
	pack_bin(&b, slice_str(s->options->worker));
	for (uint32_t i = 0; i < n; i++)
		pack_bin(&b, slice_str(modules[i]));
	part = buf_slice(&b);
	ok = !b.failed && slot_send(s->fd, SLOT_SETUP, &part, 1);
	buf_release(&b);
	return ok;
}

static bool set_up(struct slot *s, char *error, size_t error_bytes)
{
	struct slice text;

	if (!send_setup(s) || !slot_recv(s->fd, &s->frame)) {
		snprintf(error, error_bytes, "%s: ended before it was ready", s->options->helper);
		return false;
	}
	if (s->frame.type == SLOT_READY)
		return true;
	text = s->frame.payload;
	snprintf(error, error_bytes, "%" SLICE_FMT, SLICE_ARG(text));
	return false;
}

bool helper_start(struct slot *s, char *error, size_t error_bytes)
{
	int pair[2], rc;
	pid_t pid = 0;
	bool quitting;

	ensure(s->fd < 0);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		snprintf(error, error_bytes, "a helper: %s", strerror(errno));
		return false;
	}
	rc = pair[1] == SLOT_FD ? EBADF : spawn_helper(s, pair[1], &pid);
	close(pair[1]);
	if (rc != 0) {
		close(pair[0]);
		snprintf(error, error_bytes, "%s: %s", s->options->helper, strerror(rc));
		return false;
	}
	pthread_mutex_lock(&s->lock);
	s->fd = pair[0];
	s->helper = pid;
	quitting = s->quitting;
	pthread_mutex_unlock(&s->lock);
	if (!quitting && set_up(s, error, error_bytes))
		return true;
	helper_end(s);
	return false;
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = {.si_pid = 0};

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
	       info.si_pid == pid;
}

int helper_reap(struct slot *s, bool by_itself)
{
	int status = 0;
	pid_t pid;
	int fd;

	pthread_mutex_lock(&s->lock);
	pid = s->helper;
	fd = s->fd;
	s->helper = 0;
	s->fd = -1;
	pthread_mutex_unlock(&s->lock);
	if (pid <= 0)
		return 0;
	/* The end of the socket makes it end its task, what that started, and itself. */
	close(fd);
	if (!by_itself)
		log_debug("slot %u: its helper %d is ended", s->number, (int)pid);
	for (unsigned ms = 0; ms < END_LIMIT_MS && !has_ended(pid); ms++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

void helper_end(struct slot *s)
{
	helper_reap(s, false);
}

static bool is_quitting(struct slot *s)
{
	bool quitting;

	pthread_mutex_lock(&s->lock);
	quitting = s->quitting;
	pthread_mutex_unlock(&s->lock);
	return quitting;
}

bool helper_need(struct slot *s, struct lease *l, struct outcome *o)
{
	char error[512] = "";

	for (unsigned i = 0; i < START_TRIES && !l->stop && !is_quitting(s); i++) {
		struct timespec pause = {.tv_nsec = 10000000L << i};

		if (s->fd >= 0 || helper_start(s, error, sizeof(error)))
			return true;
		if (is_quitting(s))
			break;
		log_warn("slot %u: %s", s->number, error);
		if (pause.tv_nsec >= 1000000000L)
			pause = (struct timespec){.tv_sec = pause.tv_nsec / 1000000000L};
		nanosleep(&pause, NULL);
	}
	slot_fail(s, o, CAUSE_WORKER, "the slot's helper cannot be started: %s", error);
	return false;
}
