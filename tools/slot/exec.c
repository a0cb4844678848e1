/*
 * A command: vfork, a session of its own, its output straight into files that the slot uses again
 * and again, and at its end the death of everything it started. The output of a command that
 * printed more than an inline value stays in the file, which the worker takes; then the next
 * command gets a new one.
 *
 * What fails before the program runs (directory, program) is told by the child through shared
 * memory.
 */
#include "exec.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/ensure.h"
#include "codec/cursor.h"
#include "model/limits.h"
#include "reap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define DEFAULT_PATH "/usr/local/bin:/bin:/usr/bin"

enum stage { STAGE_NONE, STAGE_CWD, STAGE_EXEC, STAGE_OTHER };

/* Where the child tells what kept it from running the program. In memory that is shared even where
 * vfork() is only fork(). */
struct exec_fault {
	volatile int stage, error;
};

struct command {
	char **argv, **envp;
	char **programs; /* paths to try, NULL-ended */
	char **sh_argv;  /* /bin/sh PROGRAM WORD…: for a script without an interpreter line */
	char *cwd;       /* NULL: where the worker is */
	int in_fd, out_fd, err_fd;
	pid_t parent;
	struct exec_fault *fault; /* from the child */
};

bool exec_init(struct exec *e, struct slice dir, unsigned number, atomic_int *stop)
{
	*e = (struct exec){.out_fd = -1, .err_fd = -1, .stop = stop};
	e->out_path = xasprintf("%" SLICE_FMT "/%u.out", SLICE_ARG(dir), number);
	e->err_path = xasprintf("%" SLICE_FMT "/%u.err", SLICE_ARG(dir), number);
	arena_init(&e->memory, 0);
	buf_init(&e->bytes, LIMIT_INLINE_VALUE + LIMIT_STDERR_TAIL + LIMIT_MESSAGE_BYTES);
	e->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	e->fault = mmap(
		NULL, sizeof(*e->fault), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return e->null_fd >= 0 && e->fault != MAP_FAILED;
}

static void *alloc(struct exec *e, size_t n)
{
	void *p = arena_calloc(&e->memory, 1, n);

	if (!p)
		panic("out of memory");
	return p;
}

static char *cstr(struct exec *e, struct slice s)
{
	char *text = arena_cstr(&e->memory, s);

	if (!text)
		panic("out of memory");
	return text;
}

/* --- What to run ---------------------------------------------------------------------------- */

static void read_words(struct exec *e, struct cursor *c, struct command *cmd)
{
	uint32_t n = cursor_array(c);

	cmd->argv = alloc(e, (n + 1) * sizeof(char *));
	cmd->sh_argv = alloc(e, (n + 2) * sizeof(char *));
	for (uint32_t i = 0; i < n; i++) {
		cmd->argv[i] = cstr(e, cursor_bin(c));
		cmd->sh_argv[i + 1] = cmd->argv[i];
	}
	cmd->sh_argv[0] = cstr(e, slice_str("/bin/sh"));
}

static bool is_set_in(char *const *vars, size_t n, const char *var)
{
	const char *eq = strchr(var, '=');
	size_t name_n = eq ? (size_t)(eq - var) : strlen(var);

	for (size_t i = 0; i < n; i++) {
		if (strncmp(vars[i], var, name_n) == 0 && vars[i][name_n] == '=')
			return true;
	}
	return false;
}

/* The task's variables, then those of the worker that the task does not set. */
static void read_env(struct exec *e, struct cursor *c, struct command *cmd)
{
	uint32_t pairs = cursor_array(c) / 2;
	size_t n = 0, own = 0;

	while (environ && environ[own])
		own++;
	cmd->envp = alloc(e, (pairs + own + 1) * sizeof(char *));
	for (uint32_t i = 0; i < pairs; i++) {
		struct slice name = cursor_bin(c), value = cursor_bin(c);
		char *var = alloc(e, name.n + value.n + 2);

		memcpy(var, name.p, name.n);
		var[name.n] = '=';
		if (value.n)
			memcpy(var + name.n + 1, value.p, value.n);
		if (!is_set_in(cmd->envp, n, var))
			cmd->envp[n++] = var;
	}
	for (size_t i = 0, set = n; i < own; i++) {
		if (!is_set_in(cmd->envp, set, environ[i]))
			cmd->envp[n++] = environ[i];
	}
}

static const char *path_of(char *const *envp)
{
	for (; *envp; envp++) {
		if (strncmp(*envp, "PATH=", 5) == 0)
			return *envp + 5;
	}
	return DEFAULT_PATH;
}

static void find_programs(struct exec *e, struct command *cmd)
{
	const char *name = cmd->argv[0], *path = path_of(cmd->envp);
	size_t n = 2, at = 0;

	for (const char *p = path; *p; p++)
		n += *p == ':';
	cmd->programs = alloc(e, (n + 1) * sizeof(char *));
	if (strchr(name, '/')) {
		cmd->programs[0] = cmd->argv[0];
		return;
	}
	for (;; path++) {
		size_t dir = strcspn(path, ":");
		size_t room = dir + strlen(name) + 3;

		cmd->programs[at] = alloc(e, room);
		snprintf(cmd->programs[at++], room, "%.*s/%s", dir ? (int)dir : 1, dir ? path : ".",
			name);
		path += dir;
		if (!*path)
			return;
	}
}

static int input_fd(struct exec *e, struct slice input)
{
	int fd = input.n ? memfd_create("stdin", MFD_CLOEXEC) : e->null_fd;

	if (fd < 0 || !input.n)
		return fd;
	while (input.n) {
		ssize_t w = write(fd, input.p, input.n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0) {
			close(fd);
			return -1;
		}
		input = slice_drop(input, (size_t)w);
	}
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static int output_fd(const char *path)
{
	unlink(path);
	return open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

/* --- The child ------------------------------------------------------------------------------ */

/* Errors of one directory of PATH that another may make good. */
static bool try_next(int error)
{
	return error == ENOENT || error == ENOTDIR || error == EACCES || error == ESTALE ||
	       error == ENODEV || error == ETIMEDOUT || error == ELOOP || error == ENAMETOOLONG;
}

static void child_fail(struct command *cmd, enum stage stage, int error)
{
	cmd->fault->stage = stage;
	cmd->fault->error = error;
	_exit(127);
}

static void __attribute__((noreturn, noinline)) child_run(struct command *cmd)
{
	int error = ENOENT;
	bool denied = false;
	sigset_t none;

	setsid();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != cmd->parent)
		child_fail(cmd, STAGE_OTHER, errno ? errno : ESRCH);
	if (dup2(cmd->in_fd, 0) < 0 || dup2(cmd->out_fd, 1) < 0 || dup2(cmd->err_fd, 2) < 0)
		child_fail(cmd, STAGE_OTHER, errno);
	if (cmd->cwd && chdir(cmd->cwd) != 0)
		child_fail(cmd, STAGE_CWD, errno);
#ifdef SYS_close_range
	syscall(SYS_close_range, 3U, ~0U, 0U);
#endif
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (char **at = cmd->programs; *at; at++) {
		execve(*at, cmd->argv, cmd->envp);
		if (errno == ENOEXEC) {
			cmd->sh_argv[1] = *at;
			execve(cmd->sh_argv[0], cmd->sh_argv, cmd->envp);
		}
		error = errno;
		denied = denied || error == EACCES;
		if (!try_next(error))
			break;
	}
	child_fail(cmd, STAGE_EXEC, denied && try_next(error) ? EACCES : error);
	_exit(127);
}

/* vfork's child borrows our stack: nothing but calls happens there, and the parent waits meanwhile.
 */
static pid_t __attribute__((noinline)) start(struct command *cmd)
{
	pid_t pid = vfork();

	if (pid == 0)
		child_run(cmd);
	return pid;
}

/* --- Watching it ---------------------------------------------------------------------------- */

static bool has_ended(pid_t pid)
{
	siginfo_t info = {.si_pid = 0};

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == pid;
}

/* Sleeps until a child ends, a stop is asked for, or the time is over. */
static void sleep_until(uint64_t until_us)
{
	uint64_t now = clock_mono_us(), left = until_us > now ? until_us - now : 0;
	struct timespec t = {
		.tv_sec = (time_t)(left / US_PER_S), .tv_nsec = (long)(left % US_PER_S * 1000)};
	sigset_t none;

	sigemptyset(&none);
	ppoll(NULL, 0, until_us == UINT64_MAX ? NULL : &t, &none);
}

/* Waits for the command, stopping it when asked to; then ends the rest of its group. */
static int wait_for(struct exec *e, pid_t pid, struct rusage *usage)
{
	uint64_t kill_at = UINT64_MAX;
	int status = 0;

	while (!has_ended(pid)) {
		if (*e->stop && kill_at == UINT64_MAX) {
			kill(-pid, SIGTERM);
			kill_at = clock_mono_us() + SLOT_GRACE_MS * US_PER_MS;
		} else if (kill_at != UINT64_MAX && clock_mono_us() >= kill_at) {
			kill(-pid, SIGKILL);
		}
		sleep_until(kill_at == UINT64_MAX || clock_mono_us() < kill_at
				    ? kill_at
				    : clock_mono_us() + 10 * US_PER_MS);
	}
	kill(-pid, SIGKILL);
	while (wait4(pid, &status, 0, usage) < 0 && errno == EINTR)
		;
	reap_children();
	return status;
}

/* --- What came of it ------------------------------------------------------------------------ */

static uint64_t timeval_us(struct timeval t)
{
	return (uint64_t)t.tv_sec * US_PER_S + (uint64_t)t.tv_usec;
}

static uint64_t file_size(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* Appends the last n bytes of a file; returns where they are in e->bytes. */
static size_t read_tail(struct exec *e, int fd, uint64_t size, size_t n)
{
	size_t at = e->bytes.n;
	uint8_t *to = buf_reserve(&e->bytes, n);
	ssize_t r = to && n ? pread(fd, to, n, (off_t)(size - n)) : 0;

	if (r > 0)
		buf_commit(&e->bytes, (size_t)r);
	return at;
}

static void empty_file(int fd, uint64_t size)
{
	if (size > 0 && ftruncate(fd, 0) != 0)
		panic("cannot empty a file of this slot: %s", strerror(errno));
	lseek(fd, 0, SEEK_SET);
}

static void collect(struct exec *e, struct slot_done *done)
{
	uint64_t out = file_size(e->out_fd), err = file_size(e->err_fd);
	/* Of a command that failed the end is kept: what it said last says most. */
	size_t out_most =
		done->end == SLOT_END_VALUE && out > LIMIT_INLINE_VALUE ? 0 : LIMIT_INLINE_VALUE;
	size_t out_n = out < out_most ? out : out_most;
	size_t err_n = err < LIMIT_STDERR_TAIL ? err : LIMIT_STDERR_TAIL;
	size_t out_at = read_tail(e, e->out_fd, out, out_n);
	size_t err_at = read_tail(e, e->err_fd, err, err_n);

	done->value = slice_of(e->bytes.p + out_at, out_n);
	done->stderr_tail = slice_of(e->bytes.p + err_at, err_n);
	empty_file(e->err_fd, err);
	if (done->end == SLOT_END_VALUE && out > LIMIT_INLINE_VALUE) {
		done->output_bytes = out;
		close(e->out_fd);
		e->out_fd = -1;
	} else {
		empty_file(e->out_fd, out);
	}
}

static void __attribute__((format(printf, 3, 4)))
cannot_start(struct exec *e, struct slot_done *done, const char *format, ...)
{
	char text[LIMIT_MESSAGE_BYTES + 1];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	buf_clear(&e->bytes);
	buf_append(&e->bytes, text, strlen(text));
	done->end = SLOT_END_SPEC;
	done->message = buf_slice(&e->bytes);
	done->value = done->stderr_tail = slice_empty();
}

static void judge(int status, const struct rusage *usage, struct slot_done *done)
{
	if (WIFSIGNALED(status)) {
		done->end = SLOT_END_SIGNAL;
		done->signal = WTERMSIG(status);
	} else {
		done->exit_status = WEXITSTATUS(status);
		done->end = done->exit_status ? SLOT_END_EXIT : SLOT_END_VALUE;
	}
	done->peak_bytes = (uint64_t)usage->ru_maxrss * 1024;
	done->user_us = timeval_us(usage->ru_utime);
	done->system_us = timeval_us(usage->ru_stime);
}

static void run(struct exec *e, struct command *cmd, struct slot_done *done)
{
	uint64_t began = clock_mono_us();
	struct rusage usage = {0};
	sigset_t block, before;
	int status;
	pid_t pid;

	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	sigaddset(&block, SIGTERM);
	sigprocmask(SIG_BLOCK, &block, &before);
	done->started_us = clock_wall_us();
	cmd->parent = getpid();
	pid = start(cmd);
	if (pid < 0) {
		cannot_start(e, done, "exec: %s: cannot start a process: %s", cmd->argv[0],
			strerror(errno));
	} else {
		status = wait_for(e, pid, &usage);
		judge(status, &usage, done);
		if (cmd->fault->stage == STAGE_NONE)
			collect(e, done);
	}
	done->run_us = clock_mono_us() - began;
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (cmd->fault->stage == STAGE_CWD)
		cannot_start(e, done, "cwd %s: %s", cmd->cwd, strerror(cmd->fault->error));
	else if (cmd->fault->stage != STAGE_NONE)
		cannot_start(e, done, "exec: %s: %s", cmd->argv[0], strerror(cmd->fault->error));
}

void exec_run(struct exec *e, struct slice payload, struct slot_done *done)
{
	struct command cmd = {.in_fd = -1, .fault = e->fault};
	struct cursor c;

	arena_reset(&e->memory);
	buf_clear(&e->bytes);
	*done = (struct slot_done){.type = slice_str("bytes")};
	*e->fault = (struct exec_fault){0};
	cursor_init(&c, payload);
	cursor_array_min(&c, 4);
	read_words(e, &c, &cmd);
	read_env(e, &c, &cmd);
	cmd.cwd = cursor_try_nil(&c) ? NULL : cstr(e, cursor_bin(&c));
	cmd.in_fd = input_fd(e, cursor_bin(&c));
	ensure(cursor_ok(&c) && cmd.argv[0]);
	find_programs(e, &cmd);
	if (e->out_fd < 0)
		e->out_fd = output_fd(e->out_path);
	if (e->err_fd < 0)
		e->err_fd = output_fd(e->err_path);
	cmd.out_fd = e->out_fd;
	cmd.err_fd = e->err_fd;
	if (cmd.in_fd < 0 || cmd.out_fd < 0 || cmd.err_fd < 0)
		cannot_start(e, done, "the files of the slot cannot be made: %s", strerror(errno));
	else
		run(e, &cmd, done);
	if (cmd.in_fd >= 0 && cmd.in_fd != e->null_fd)
		close(cmd.in_fd);
}
