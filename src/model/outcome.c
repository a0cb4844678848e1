/*
 * Outcomes: how a task ended, as its worker reported it (doc/protocol.md, Outcome). The scheduler
 * stores the bytes as they came.
 *
 * Bytes come from workers, that is from anyone with the secret: the reader refuses what is
 * malformed. An outcome is not versioned: elements and meta keys are only appended, and what is not
 * known is skipped.
 */
#include "model/row.h"

#include "base/ensure.h"
#include "codec/pack.h"
#include "model/decode.h"
#include "model/limits.h"

enum { OUTCOME_FIELDS = 5, VALUE_FIELDS = 5 };

/* Keys of the meta. Never renumbered. */
enum {
	META_CAUSE = 1,
	META_MESSAGE = 2,
	META_EXIT = 3,
	META_SIGNAL = 4,
	META_STDERR = 5,
	META_PEAK = 6,
	META_USER = 7,
	META_SYSTEM = 8,
	META_BLAME = 9,
	META_DELAY = 10,
};

static void encode_value(struct buf *out, const struct outcome *o)
{
	if (!o->has_value) {
		pack_nil(out);
		return;
	}
	pack_array(out, VALUE_FIELDS + o->stored);
	pack_str(out, o->type);
	pack_u64(out, o->size);
	pack_u64(out, o->checksum);
	if (o->is_inline)
		pack_bin(out, o->bytes);
	else
		pack_nil(out);
	if (o->nframes)
		pack_raw(out, o->frames);
	else
		pack_nil(out);
	if (o->stored)
		pack_bool(out, true);
}

static void put_number(struct buf *out, unsigned key, uint64_t v)
{
	if (!v)
		return;
	pack_u64(out, key);
	pack_u64(out, v);
}

static void encode_meta(struct buf *out, const struct outcome *o)
{
	uint32_t n = (uint32_t)(o->cause != CAUSE_NONE) + (o->message.n > 0) + o->has_exit +
		     (o->signal != 0) + (o->stderr_tail.n > 0) + (o->peak_bytes > 0) +
		     (o->user_us > 0) + (o->system_us > 0) + (o->blame != 0) + (o->delay_us > 0);

	if (n == 0) {
		pack_nil(out);
		return;
	}
	pack_map(out, n);
	put_number(out, META_CAUSE, o->cause);
	if (o->message.n) {
		pack_u64(out, META_MESSAGE);
		pack_str(out, o->message);
	}
	if (o->has_exit) {
		pack_u64(out, META_EXIT);
		pack_i64(out, o->exit_status);
	}
	if (o->signal) {
		pack_u64(out, META_SIGNAL);
		pack_i64(out, o->signal);
	}
	if (o->stderr_tail.n) {
		pack_u64(out, META_STDERR);
		pack_bin(out, o->stderr_tail);
	}
	put_number(out, META_PEAK, o->peak_bytes);
	put_number(out, META_USER, o->user_us);
	put_number(out, META_SYSTEM, o->system_us);
	put_number(out, META_BLAME, o->blame);
	put_number(out, META_DELAY, o->delay_us);
}

void outcome_encode(struct buf *out, const struct outcome *o)
{
	ensure(task_state_is_final(o->state));
	ensure(!o->is_inline || (o->bytes.n == o->size && !o->stored));
	pack_array(out, OUTCOME_FIELDS);
	pack_u64(out, o->state);
	pack_u64(out, o->started_us);
	pack_u64(out, o->run_us);
	encode_value(out, o);
	encode_meta(out, o);
}

static enum task_state read_state(struct cursor *c)
{
	uint64_t state = cursor_u64(c);

	if (state >= TASK_DONE && state <= TASK_CANCELLED)
		return (enum task_state)state;
	cursor_fail(c, "outcome: not a final state");
	return TASK_FAILED;
}

/* Sizes of frames that must add up to the value's size. */
static void read_frames(struct cursor *c, struct outcome *out)
{
	const uint8_t *from = c->p;
	uint64_t sum = 0, size;

	if (cursor_try_nil(c))
		return;
	out->nframes = cursor_array_limit(c, LIMIT_VALUE_FRAMES, LIMIT_TEXT(VALUE_FRAMES));
	if (out->nframes == 0)
		cursor_fail(c, "value: no frames");
	for (uint32_t i = 0; i < out->nframes; i++) {
		size = cursor_u64(c);
		if (__builtin_add_overflow(sum, size, &sum))
			cursor_fail(c, "value: frames overflow");
	}
	if (sum != out->size)
		cursor_fail(c, "value: its frames do not add up to its size");
	if (cursor_ok(c))
		out->frames = slice_of(from, (size_t)(c->p - from));
}

static void read_value(struct cursor *c, struct outcome *out)
{
	uint32_t have;

	if (cursor_try_nil(c))
		return;
	have = cursor_array_min(c, VALUE_FIELDS);
	out->has_value = true;
	out->type = cursor_str_limit(c, LIMIT_TYPE_BYTES, LIMIT_TEXT(TYPE_BYTES));
	out->size = cursor_u64(c);
	out->checksum = cursor_u64(c);
	if (!cursor_try_nil(c)) {
		out->is_inline = true;
		out->bytes = cursor_bin_limit(c, LIMIT_INLINE_VALUE, LIMIT_TEXT(INLINE_VALUE));
		if (out->bytes.n != out->size)
			cursor_fail(c, "value: its bytes are not as many as its size says");
	}
	read_frames(c, out);
	if (have > VALUE_FIELDS)
		out->stored = cursor_bool(c);
	if (out->stored && (out->is_inline || out->state != TASK_DONE))
		cursor_fail(c, "value: stored, and inline or of a task that is not done");
	if (have > VALUE_FIELDS + 1)
		cursor_skip_rest(c, have, VALUE_FIELDS + 1);
}

static int32_t read_i32(struct cursor *c)
{
	int64_t v = cursor_i64(c);

	if (v < INT32_MIN || v > INT32_MAX) {
		cursor_fail(c, "outcome: a status out of range");
		return 0;
	}
	return (int32_t)v;
}

static enum cause read_cause(struct cursor *c)
{
	uint64_t v = cursor_u64(c);

	if (v >= CAUSE_END) {
		cursor_fail(c, "outcome: unknown cause");
		return CAUSE_NONE;
	}
	return (enum cause)v;
}

static void read_meta_entry(struct cursor *c, struct outcome *out)
{
	switch (cursor_u64(c)) {
	case META_CAUSE:
		out->cause = read_cause(c);
		break;
	case META_MESSAGE:
		out->message = cursor_str_limit(c, LIMIT_MESSAGE_BYTES, LIMIT_TEXT(MESSAGE_BYTES));
		break;
	case META_EXIT:
		out->has_exit = true;
		out->exit_status = read_i32(c);
		break;
	case META_SIGNAL:
		out->signal = read_i32(c);
		break;
	case META_STDERR:
		out->stderr_tail = cursor_bin_limit(c, LIMIT_STDERR_TAIL, LIMIT_TEXT(STDERR_TAIL));
		break;
	case META_PEAK:
		out->peak_bytes = cursor_u64(c);
		break;
	case META_USER:
		out->user_us = cursor_u64(c);
		break;
	case META_SYSTEM:
		out->system_us = cursor_u64(c);
		break;
	case META_BLAME:
		out->blame = cursor_u64(c);
		break;
	case META_DELAY:
		out->delay_us = cursor_u64(c);
		break;
	default:
		cursor_skip(c);
	}
}

static void read_meta(struct cursor *c, struct outcome *out)
{
	uint32_t n = cursor_try_nil(c) ? 0 : cursor_map(c);

	for (uint32_t i = 0; i < n && cursor_ok(c); i++)
		read_meta_entry(c, out);
}

bool outcome_decode(struct slice in, struct outcome *out, const char **why)
{
	struct cursor c;
	uint32_t have;

	*out = (struct outcome){.state = TASK_FAILED};
	cursor_init(&c, in);
	have = cursor_array_min(&c, OUTCOME_FIELDS);
	out->state = read_state(&c);
	out->started_us = cursor_u64(&c);
	out->run_us = cursor_u64(&c);
	read_value(&c, out);
	read_meta(&c, out);
	return record_end(&c, have, OUTCOME_FIELDS, why);
}

bool outcome_copy_short(struct buf *out, struct slice in, size_t max_bytes)
{
	struct outcome o;
	const char *why;

	if (!outcome_decode(in, &o, &why))
		return false;
	if (!o.is_inline || o.bytes.n <= max_bytes) {
		buf_append_slice(out, in);
		return true;
	}
	o.is_inline = false;
	outcome_encode(out, &o);
	return true;
}
