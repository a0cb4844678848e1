/*
 * Commands in a helper process. The inputs that argv names become files, gone when the command has
 * ended. What it printed lies in a file of the slot and is taken from there.
 */
#include "worker/slot_helper.h"
#include "worker/strays.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "codec/pack.h"
#include "model/block.h"
#include "model/limits.h"
#include "model/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
		helper_value_inline(s, o, slice_str(VALUE_TYPE_BYTES), done->value);
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
	helper_value_inline(s, o, slice_str(VALUE_TYPE_BYTES), done->value);
	o->state = TASK_FAILED;
}

static void judge(struct slot *s, struct lease *l, struct outcome *o, const struct slot_done *done)
{
	o->peak_bytes = done->peak_bytes;
	o->user_us = done->user_us;
	o->system_us = done->system_us;
	o->stderr_tail = helper_keep(s, done->stderr_tail);
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

/* The helper died, by whatever hand, and with it who knew of the command's children. */
static void end_strays(struct slot *s, const struct lease *l)
{
	char token[WIRE_TOKEN_TEXT] = "";

	if (slot_token(s, l->id, l->fence, token) && token[0])
		strays_end("DQ_TOKEN", token);
}

void helper_run_exec(struct slot *s, struct lease *l, const struct spec *spec, struct outcome *o)
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
	else if (helper_ask(s, SLOT_EXEC, &part, 1, o, &done))
		judge(s, l, o, &done);
	else
		end_strays(s, l);
release:
	words_release(&words);
	buf_release(&b);
}
