/*
 * Tasks in a helper process (dq-slot): one at a time, over a socket pair, the slot's thread waiting
 * for the answer. Here what is asked and answered, and functions, whose inputs go along with the
 * task; commands: slot_exec.c.
 */
#include "worker/slot_helper.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/hash.h"
#include "codec/pack.h"
#include "model/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

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

bool helper_ask(struct slot *s, enum slot_message type, const struct slice *parts, size_t nparts,
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

struct slice helper_keep(struct slot *s, struct slice bytes)
{
	struct slice copy = arena_dup(&s->memory, bytes);

	ensure(copy.p);
	return copy;
}

void helper_value_inline(struct slot *s, struct outcome *o, struct slice type, struct slice bytes)
{
	o->state = TASK_DONE;
	o->has_value = true;
	o->is_inline = true;
	o->type = helper_keep(s, type);
	o->bytes = helper_keep(s, bytes);
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
	if (!helper_ask(s, SLOT_FUNC, parts, n ? 2 * n : 1, o, &done))
		goto release;
	if (done.end == SLOT_END_SPEC)
		slot_fail(s, o, CAUSE_SPEC, "%" SLICE_FMT, SLICE_ARG(done.message));
	else if (done.end == SLOT_END_RESCHEDULE)
		slot_reschedule(l, o, done.delay_us);
	else if (done.end != SLOT_END_VALUE)
		slot_fail(s, o, CAUSE_ERROR, "%" SLICE_FMT, SLICE_ARG(done.message));
	else if (done.value.n <= LIMIT_INLINE_VALUE)
		helper_value_inline(s, o, done.type, done.value);
	else
		slot_value(s, l, o, helper_keep(s, done.type), take_blob(s, done.value));
release:
	buf_release(&b);
	free(parts);
	free(values);
	free(cut);
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
		helper_run_exec(s, l, spec, o);
	else
		run_func(s, l, spec, o);
	pthread_mutex_lock(&s->lock);
	s->kill_helper = false;
	pthread_mutex_unlock(&s->lock);
}
