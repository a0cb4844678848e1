/*
 * Child processes: vfork and exec with everything prepared beforehand, then a pidfd in the loop.
 *
 * vfork lets the child run in our memory until it execs, however large we are; so child_main()
 * makes system calls only, touches nothing but the setup it was given, and leaves its errno there.
 * All signals are blocked meanwhile, so that no handler of ours runs in the child.
 *
 * The child is reaped after on_exit: until then its number cannot belong to another process, and
 * its group can still be signalled.
 */
#include "loop/child.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/fault.h"
#include "loop/stream_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define HIGH_FD 10 /* copies of what the child gets lie above all numbers it gets them as */

struct child {
	struct object object;
	uv_poll_t uv;
	struct loop *loop;
	child_exit_fn *on_exit; /* NULL: freed, only reaped */
	void *arg;
	struct stream *channel;
	pid_t pid;
	int pidfd;
	bool group;
	bool exited; /* on_exit is being called, or was */
	bool reaped;
	bool in_on_exit; /* memory is freed by the caller of on_exit */
	bool freed;
};

/* All the new process needs, in the memory of its parent. */
struct setup {
	const struct child_spec *spec;
	int fd[4]; /* for 0 to 3: a high descriptor, or -1: leave as it is */
	pid_t parent;
	volatile int error;
};

/* --- In the child: system calls only --- */

static void default_signals(void)
{
	struct sigaction now, dfl = {.sa_handler = SIG_DFL};
	sigset_t none;

	/* exec resets those with handlers; ignored ones would stay ignored. */
	for (int sig = 1; sig < 32; sig++)
		if (sigaction(sig, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
			sigaction(sig, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool place_descriptors(const struct setup *u)
{
	int first_unused = u->fd[3] >= 0 ? 4 : 3;

	for (int i = 0; i < 4; i++) {
		if (u->fd[i] >= 0 && dup2(u->fd[i], i) < 0)
			return false;
		if (u->fd[i] < 0 && i < 3)
			fcntl(i, F_SETFD, 0);
	}
	/* All we make are close-on-exec; this is for those of the program around us. */
	syscall(SYS_close_range, first_unused, ~0U, 0);
	return true;
}

static void __attribute__((noreturn)) child_main(struct setup *u)
{
	const struct child_spec *spec = u->spec;

	if (spec->new_group && setpgid(0, 0) != 0)
		goto fail;
	if (spec->death_signal) {
		if (prctl(PR_SET_PDEATHSIG, spec->death_signal) != 0)
			goto fail;
		if (getppid() != u->parent)
			_exit(127);
	}
	if (!place_descriptors(u))
		goto fail;
	if (spec->cwd && chdir(spec->cwd) != 0)
		goto fail;
	default_signals();
	if (spec->search_path)
		execvpe(spec->path, spec->argv, spec->envp ? spec->envp : environ);
	else
		execve(spec->path, spec->argv, spec->envp ? spec->envp : environ);
fail:
	u->error = errno;
	_exit(127);
}

/* --- In the parent --- */

static pid_t __attribute__((noinline)) start_process(struct setup *u)
{
	sigset_t all, before;
	pid_t pid;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = vfork();
	if (pid == 0)
		child_main(u);
	if (pid < 0)
		u->error = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return pid;
}

static void close_setup(struct setup *u)
{
	for (int i = 0; i < 4; i++)
		if (u->fd[i] >= 0)
			close(u->fd[i]);
}

/* A high copy of what the child is to have as descriptor i. */
static bool prepare_fd(struct setup *u, int i, int from)
{
	int null;

	u->fd[i] = -1;
	if (from == CHILD_FD_INHERIT)
		return true;
	if (from >= 0) {
		u->fd[i] = fcntl(from, F_DUPFD_CLOEXEC, HIGH_FD);
		return u->fd[i] >= 0;
	}
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return false;
	u->fd[i] = fcntl(null, F_DUPFD_CLOEXEC, HIGH_FD);
	close(null);
	return u->fd[i] >= 0;
}

/* Makes the socket pair; our end in *ours, -1 without a channel. */
static bool prepare_channel(struct setup *u, int *ours)
{
	int pair[2];
	bool ok;

	*ours = -1;
	if (!u->spec->channel)
		return true;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	ok = prepare_fd(u, 3, pair[1]);
	close(pair[1]);
	sock_tune(pair[0], AF_UNIX);
	if (ok)
		sock_tune(u->fd[3], AF_UNIX);
	*ours = pair[0];
	return ok;
}

static bool prepare(struct setup *u, int *ours)
{
	const struct child_spec *spec = u->spec;

	return prepare_fd(u, 0, spec->stdin_fd) && prepare_fd(u, 1, spec->stdout_fd) &&
	       prepare_fd(u, 2, spec->stderr_fd) && prepare_channel(u, ours);
}

/* Starts the process; returns its pidfd, or -1 and errno with nothing left running. */
static int launch(struct setup *u, pid_t *pid)
{
	int fd, err;

	u->error = fault_point("loop.spawn");
	if (u->error == 0)
		*pid = start_process(u);
	else
		*pid = -1;
	err = u->error;
	if (*pid > 0 && err == 0) {
		fd = (int)syscall(SYS_pidfd_open, *pid, 0);
		if (fd >= 0)
			return fd;
		err = errno;
		kill(*pid, SIGKILL);
	}
	if (*pid > 0)
		while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	errno = err;
	return -1;
}

/* --- The end of a child --- */

static void free_child(uv_handle_t *handle)
{
	struct child *c = handle->data;

	free(c);
}

/* Lets the handle go; the memory goes with it. */
static void dispose(struct child *c)
{
	ensure(c->reaped);
	object_remove(&c->object);
	uv_close((uv_handle_t *)&c->uv, free_child);
	close(c->pidfd);
}

static void reap(struct child *c)
{
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	c->reaped = true;
}

static uint64_t us_of(struct timeval tv)
{
	return (uint64_t)tv.tv_sec * 1000000 + (uint64_t)tv.tv_usec;
}

/* How it ended, without reaping it. False: it runs. */
static bool look(struct child *c, struct child_exit *how)
{
	struct rusage ru = {0};
	siginfo_t info = {0};
	long rc;

	rc = syscall(SYS_waitid, P_PID, c->pid, &info, WEXITED | WNOHANG | WNOWAIT, &ru);
	*how = (struct child_exit){0};
	if (rc != 0) {
		/* Somebody else in this program reaped it: how it ended is lost. */
		how->status = 255;
		return errno == ECHILD;
	}
	if (info.si_pid == 0)
		return false;
	if (info.si_code == CLD_EXITED)
		how->status = info.si_status;
	else
		how->signal = info.si_status;
	how->core_dumped = info.si_code == CLD_DUMPED;
	how->user_us = us_of(ru.ru_utime);
	how->system_us = us_of(ru.ru_stime);
	how->max_rss_bytes = (uint64_t)ru.ru_maxrss * 1024;
	return true;
}

static void on_pidfd(uv_poll_t *uv, int status, int events)
{
	struct child *c = uv->data;
	struct child_exit how;

	(void)status;
	(void)events;
	if (!look(c, &how)) {
		ensure(uv_poll_start(&c->uv, UV_READABLE, on_pidfd) == 0);
		return;
	}
	uv_poll_stop(&c->uv);
	c->exited = true;
	c->in_on_exit = true;
	if (c->on_exit)
		c->on_exit(c, &how, c->arg);
	c->in_on_exit = false;
	reap(c);
	if (c->freed)
		dispose(c);
}

static void child_end(struct object *o)
{
	struct child *c = container_of(o, struct child, object);

	if (!c->reaped) {
		kill(c->group ? -c->pid : c->pid, SIGKILL);
		reap(c);
	}
	dispose(c);
}

/* --- The interface --- */

static struct child *watch(struct loop *loop, pid_t pid, int pidfd)
{
	struct child *c = try_calloc(1, sizeof(*c));
	int rc = c ? uv_poll_init(&loop->uv, &c->uv, pidfd) : UV_ENOMEM;

	if (rc != 0) {
		free(c);
		errno = -rc;
		return NULL;
	}
	c->loop = loop;
	c->pid = pid;
	c->pidfd = pidfd;
	c->uv.data = c;
	loop->needs_turn = true;
	ensure(uv_poll_start(&c->uv, UV_READABLE, on_pidfd) == 0);
	object_add(loop, &c->object, child_end);
	return c;
}

static bool open_channel(struct child *c, const struct child_spec *spec, int fd)
{
	char name[48];

	if (fd < 0)
		return true;
	snprintf(name, sizeof(name), "child:%d", (int)c->pid);
	c->channel = sock_stream(c->loop, fd, name, spec->channel, spec->channel_arg);
	if (!c->channel)
		return false;
	c->channel->ref = &c->channel;
	stream_connected(c->channel);
	return true;
}

struct child *child_spawn(
	struct loop *loop, const struct child_spec *spec, child_exit_fn *on_exit, void *arg)
{
	struct setup u = {.spec = spec, .fd = {-1, -1, -1, -1}, .parent = getpid()};
	int ours = -1, pidfd = -1, err;
	struct child *c = NULL;
	pid_t pid = -1;

	ensure(spec->path && spec->argv);
	if (prepare(&u, &ours))
		pidfd = launch(&u, &pid);
	err = errno;
	close_setup(&u);
	if (pidfd < 0)
		goto fail;
	c = watch(loop, pid, pidfd);
	if (!c) {
		err = errno;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		close(pidfd);
		goto fail;
	}
	c->on_exit = on_exit;
	c->arg = arg;
	c->group = spec->new_group;
	if (!open_channel(c, spec, ours)) {
		err = errno;
		child_free(&c);
		errno = err;
		return NULL;
	}
	return c;
fail:
	if (ours >= 0)
		close(ours);
	errno = err;
	return NULL;
}

pid_t child_pid(const struct child *c)
{
	return c->pid;
}

struct stream *child_channel(const struct child *c)
{
	return c->channel;
}

bool child_is_running(const struct child *c)
{
	return !c->exited;
}

bool child_kill(struct child *c, int signum)
{
	return !c->exited && kill(c->pid, signum) == 0;
}

bool child_kill_group(struct child *c, int signum)
{
	return c->group && !c->reaped && kill(-c->pid, signum) == 0;
}

void child_free(struct child **where)
{
	struct child *c = *where;

	if (!c)
		return;
	*where = NULL;
	ensure(!c->freed);
	c->freed = true;
	c->on_exit = NULL;
	if (c->channel) {
		struct stream *s = c->channel;

		s->ref = NULL;
		c->channel = NULL;
		stream_free(&s);
	}
	if (c->reaped) {
		dispose(c);
		return;
	}
	/* Reaped when it has died; inside on_exit it has, and the caller goes on. */
	if (!c->in_on_exit)
		kill(c->group ? -c->pid : c->pid, SIGKILL);
}
