/*
 * Tasks in a helper process (dq-slot): one at a time, over a socket pair, the slot's thread waiting
 * for the answer. The helper is started when it is first needed, and again after it ended: by a
 * crash of a function, which fails that attempt with the signal, or because it had to be killed.
 *
 * Inputs of functions go along with the task. Inputs of commands become files, gone when the
 * command has ended. What a command printed lies in a file of the slot and is taken from there.
 */
#define LOG_COMPONENT "worker"
#include "base/alloc.h"
#include "base/ensure.h"
#include "base/hash.h"
#include "base/log.h"
#include "codec/pack.h"
#include "model/block.h"
#include "model/limits.h"
#include "model/value.h"
#include "worker/slot.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

#define FRAME_HEAD_BYTES ((size_t)64 << 20)
#define START_TRIES 8
#define END_LIMIT_MS 5000 /* for a helper to end by itself, with what it started */

/* --- The process ---------------------------------------------------------------------------- */

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

/* Ends the helper if there is one, with its group; returns how it ended (as waitpid). */
static int helper_reap(struct slot *s, bool by_itself)
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

/* A helper that cannot be started (no memory, no processes) may be had a little later. */
static bool helper_need(struct slot *s, struct lease *l, struct outcome *o)
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

/* --- What it answers ------------------------------------------------------------------------ */

static void fail_crashed(struct slot *s, struct outcome *o)
{
	int status = helper_reap(s, true);

	if (WIFSIGNALED(status)) {
		slot_fail(s, o, CAUSE_SIGNAL, "the slot's process was ended by signal %d (%s)",
			WTERMSIG(status), strsignal(WTERMSIG(status)));
		o->signal = WTERMSIG(status);
	} else {
		slot_fail(s, o, CAUSE_EXIT, "the function ended the slot's process with status %d",
			WEXITSTATUS(status));
		o->has_exit = true;
		o->exit_status = WEXITSTATUS(status);
	}
}

/* Sends the task and waits for DONE. False: the helper is gone, o is filled. */
static bool ask(struct slot *s, enum slot_message type, const struct slice *parts, size_t nparts,
	struct outcome *o, struct slot_done *done)
{
	bool ok;

	ensure(s->fd >= 0 && s->helper > 0);
	ok = slot_send(s->fd, type, parts, nparts);
	while (ok && (ok = slot_recv(s->fd, &s->frame)) && s->frame.type != SLOT_DONE)
		ok = slot_asked(s);
	if (ok && slot_done_decode(s->frame.payload, done)) {
		o->started_us = done->started_us;
		o->run_us = done->run_us;
		return true;
	}
	fail_crashed(s, o);
	return false;
}

static struct slice keep(struct slot *s, struct slice bytes)
{
	struct slice copy = arena_dup(&s->memory, bytes);

	ensure(copy.p);
	return copy;
}

static void value_inline(struct slot *s, struct outcome *o, struct slice type, struct slice bytes)
{
	o->state = TASK_DONE;
	o->has_value = true;
	o->is_inline = true;
	o->type = keep(s, type);
	o->bytes = keep(s, bytes);
	o->size = bytes.n;
	o->checksum = hash64(bytes);
}

/* A large value lies in the mapping that the frame came in: it is kept as it is. */
static struct blob *take_blob(struct slot *s, struct slice bytes)
{
	struct slot_frame *f = &s->frame;
	struct blob *b;

	if (!f->map)
		return blob_of_heap(xmemdup(bytes.p, bytes.n), bytes.n);
	b = blob_of_map(f->map, f->map_bytes, bytes);
	f->map = NULL;
	return b;
}

/* --- Functions ------------------------------------------------------------------------------ */

static void func_head(struct slot *s, struct lease *l, const struct spec *spec, struct buf *b)
{
	pack_array(b, 9 + 2 * l->ninputs);
	pack_u64(b, l->id);
	pack_u64(b, l->fence.epoch);
	pack_u64(b, l->fence.seq);
	pack_u64(b, l->attempt);
	pack_i64(b, l->element);
	pack_bin(b, l->key);
	pack_bin(b, spec->function);
	pack_bin(b, spec->args);
	pack_bin(b, l->element_input);
	(void)s;
}

/* The heads of the inputs are in b, one after the other; `cut` says where each ends. */
static bool func_inputs(
	struct slot *s, struct lease *l, struct buf *b, size_t *cut, struct slice *values)
{
	(void)s;
	cut[0] = b->n;
	for (uint32_t i = 0; i < l->ninputs; i++) {
		struct call_input in;

		if (!slot_input(l, i, &in))
			return false;
		if (in.bytes.n > UINT32_MAX) {
			errno = EFBIG;
			return false;
		}
		pack_bin(b, in.type);
		pack_bin_header(b, (uint32_t)in.bytes.n);
		cut[i + 1] = b->n;
		values[i] = in.bytes;
	}
	return !b->failed;
}

static void run_func(struct slot *s, struct lease *l, const struct spec *spec, struct outcome *o)
{
	size_t n = l->ninputs, *cut = xcalloc(n + 1, sizeof(*cut));
	struct slice *parts = xcalloc(2 * n + 1, sizeof(*parts));
	struct slice *values = xcalloc(n + 1, sizeof(*values));
	struct slot_done done;
	struct buf b;

	buf_init(&b, FRAME_HEAD_BYTES);
	func_head(s, l, spec, &b);
	if (!func_inputs(s, l, &b, cut, values)) {
		slot_fail(s, o, CAUSE_WORKER, "an input cannot be read: %s", strerror(errno));
		goto release;
	}
	parts[0] = slice_of(b.p, n ? cut[1] : b.n);
	for (size_t i = 0; i < n; i++) {
		parts[2 * i + 1] = values[i];
		if (i + 1 < n)
			parts[2 * i + 2] = slice_of(b.p + cut[i + 1], cut[i + 2] - cut[i + 1]);
	}
	if (!ask(s, SLOT_FUNC, parts, n ? 2 * n : 1, o, &done))
		goto release;
	if (done.end == SLOT_END_SPEC)
		slot_fail(s, o, CAUSE_SPEC, "%" SLICE_FMT, SLICE_ARG(done.message));
	else if (done.end == SLOT_END_RESCHEDULE)
		slot_reschedule(l, o, done.delay_us);
	else if (done.end != SLOT_END_VALUE)
		slot_fail(s, o, CAUSE_ERROR, "%" SLICE_FMT, SLICE_ARG(done.message));
	else if (done.value.n <= LIMIT_INLINE_VALUE)
		value_inline(s, o, done.type, done.value);
	else
		slot_value(s, l, o, keep(s, done.type), take_blob(s, done.value));
release:
	buf_release(&b);
	free(parts);
	free(values);
	free(cut);
}

/* --- Commands ------------------------------------------------------------------------------- */

struct words {
	struct slot *slot;
	struct lease *lease;
	char **paths; /* of inputs that have a file; as many as inputs */
	int error;
};

static bool word_value(void *ctx, uint32_t index, struct slice *type, struct slice *bytes)
{
	struct words *w = ctx;
	struct call_input in;

	if (index >= w->lease->ninputs || !slot_input(w->lease, index, &in))
		return false;
	*type = in.type;
	*bytes = in.bytes;
	return true;
}

/* Makes the input's file when it is first named. */
static bool word_path(void *ctx, uint32_t index, struct slice *path)
{
	struct words *w = ctx;
	struct lease_value *v;
	char *to;
	bool ok;

	if (index >= w->lease->ninputs)
		return false;
	if (!w->paths[index]) {
		v = &w->lease->inputs[index];
		to = xasprintf("%s/%" PRIu64 ".%" PRIx64 ".%" PRIx64 ".%" PRIu32,
			w->slot->options->inputs_dir, w->lease->id, w->lease->fence.epoch,
			w->lease->fence.seq, index);
		ok = v->blob ? blob_to_file(v->blob, to) : bytes_to_file(v->bytes, to, false);
		if (!ok) {
			w->error = errno;
			free(to);
			return false;
		}
		w->paths[index] = to;
	}
	*path = slice_str(w->paths[index]);
	return true;
}

static void words_release(struct words *w)
{
	for (uint32_t i = 0; i < w->lease->ninputs; i++) {
		if (w->paths[i])
			unlink(w->paths[i]);
		free(w->paths[i]);
	}
	free(w->paths);
}

static bool put_argv(struct words *w, const struct spec *spec, struct buf *b, const char **why)
{
	struct value_source from = {
		.ctx = w,
		.value = word_value,
		.path = word_path,
		.element = w->lease->element_input,
		.index = w->lease->element,
	};
	struct cursor c = spec->argv;
	struct buf word;
	bool ok = true;

	buf_init(&word, FRAME_HEAD_BYTES);
	pack_array(b, spec->argc);
	for (uint32_t i = 0; ok && i < spec->argc; i++) {
		buf_clear(&word);
		ok = word_expand(&word, &c, &from, why);
		pack_bin(b, buf_slice(&word));
	}
	buf_release(&word);
	return ok;
}

static void put_pair(struct buf *b, const char *name, const char *value)
{
	pack_bin(b, slice_str(name));
	pack_bin(b, slice_str(value));
}

static void __attribute__((format(printf, 3, 4)))
put_pair_f(struct buf *b, const char *name, const char *format, ...)
{
	char text[64];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	put_pair(b, name, text);
}

/* dq's own first: of two with one name the first counts. */
static void put_env(struct slot *s, struct lease *l, const struct spec *spec, struct buf *b)
{
	struct cursor c = spec->env;
	char fence[40], token[WIRE_TOKEN_TEXT] = "";

	fence_text(fence, sizeof(fence), l->fence);
	(void)!slot_token(s, l->id, l->fence, token);
	pack_array(b, 2 * (spec->nenv + 7 + (l->element >= 0)));
	pack_bin(b, slice_str("DQ_TASK_KEY"));
	pack_bin(b, l->key);
	put_pair_f(b, "DQ_TASK_ID", "%" PRIu64, l->id);
	put_pair_f(b, "DQ_ATTEMPT", "%" PRIu32, l->attempt);
	put_pair(b, "DQ_FENCE", fence);
	put_pair(b, "DQ_TOKEN", token);
	put_pair(b, "DQ_SCHEDULER", s->options->scheduler);
	put_pair(b, "DQ_WORKER", s->options->worker);
	if (l->element >= 0)
		put_pair_f(b, "DQ_INDEX", "%" PRId64, l->element);
	for (uint32_t i = 0; i < spec->nenv; i++) {
		struct slice name = cursor_str(&c), value = cursor_str(&c);

		pack_bin(b, name);
		pack_bin(b, value);
	}
}

static void take_output(
	struct slot *s, struct lease *l, struct outcome *o, const struct slot_done *done)
{
	char *path;

	if (done->output_bytes == 0) {
		value_inline(s, o, slice_str(VALUE_TYPE_BYTES), done->value);
		return;
	}
	path = xasprintf("%s/%u.out", s->options->slots_dir, s->number);
	l->value = results_take_file(s->options->results, l->id, l->generation, path);
	if (!l->value) {
		slot_fail(s, o, CAUSE_WORKER, "the output cannot be kept: %s", strerror(errno));
	} else {
		o->state = TASK_DONE;
		o->has_value = true;
		o->type = slice_str(VALUE_TYPE_BYTES);
		o->size = l->value->n;
		o->checksum = l->value->checksum;
	}
	free(path);
}

/* The end of what a command printed that failed: inline, since nothing else may be made of it. */
static void keep_output(struct slot *s, struct outcome *o, const struct slot_done *done)
{
	if (done->value.n == 0)
		return;
	ensure(done->value.n <= LIMIT_INLINE_VALUE);
	value_inline(s, o, slice_str(VALUE_TYPE_BYTES), done->value);
	o->state = TASK_FAILED;
}

static void judge(struct slot *s, struct lease *l, struct outcome *o, const struct slot_done *done)
{
	o->peak_bytes = done->peak_bytes;
	o->user_us = done->user_us;
	o->system_us = done->system_us;
	o->stderr_tail = keep(s, done->stderr_tail);
	switch (done->end) {
	case SLOT_END_VALUE:
		o->has_exit = true;
		take_output(s, l, o, done);
		return;
	case SLOT_END_EXIT:
		slot_fail(s, o, CAUSE_EXIT, "exit status %d", done->exit_status);
		keep_output(s, o, done);
		o->has_exit = true;
		o->exit_status = done->exit_status;
		return;
	case SLOT_END_SIGNAL:
		slot_fail(s, o, CAUSE_SIGNAL, "ended by signal %d (%s)", done->signal,
			strsignal(done->signal));
		keep_output(s, o, done);
		o->signal = done->signal;
		return;
	default:
		slot_fail(s, o, CAUSE_SPEC, "%" SLICE_FMT, SLICE_ARG(done->message));
	}
}

static void run_exec(struct slot *s, struct lease *l, const struct spec *spec, struct outcome *o)
{
	struct words words = {.slot = s, .lease = l};
	struct slot_done done;
	const char *why = NULL;
	struct slice part;
	struct buf b;

	words.paths = xcalloc(l->ninputs + 1, sizeof(char *));
	buf_init(&b, FRAME_HEAD_BYTES);
	pack_array(&b, 4);
	if (!put_argv(&words, spec, &b, &why)) {
		if (words.error)
			slot_fail(s, o, CAUSE_WORKER, "a file for an input cannot be made: %s",
				strerror(words.error));
		else
			slot_fail(s, o, CAUSE_SPEC, "argv: %s", why ? why : "malformed");
		goto release;
	}
	put_env(s, l, spec, &b);
	if (spec->cwd.n)
		pack_bin(&b, spec->cwd);
	else
		pack_nil(&b);
	pack_bin(&b, spec->input);
	part = buf_slice(&b);
	if (b.failed)
		slot_fail(s, o, CAUSE_SPEC, "argv and env: too long");
	else if (ask(s, SLOT_EXEC, &part, 1, o, &done))
		judge(s, l, o, &done);
release:
	words_release(&words);
	buf_release(&b);
}

void slot_run_helper(struct slot *s, struct lease *l, const struct spec *spec, struct outcome *o)
{
	bool is_exec = spec->kind == SPEC_EXEC;

	if (!helper_need(s, l, o) || l->stop)
		return;
	pthread_mutex_lock(&s->lock);
	s->kill_helper = !is_exec;
	pthread_mutex_unlock(&s->lock);
	if (is_exec)
		run_exec(s, l, spec, o);
	else
		run_func(s, l, spec, o);
	pthread_mutex_lock(&s->lock);
	s->kill_helper = false;
	pthread_mutex_unlock(&s->lock);
}
