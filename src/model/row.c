/*
 * A task's row: what became of it, in the store (doc/disk-format.md, task). Written once a task at
 * its end, read at start and by whoever asks for a result. The outcome inside is outcome.c's.
 */
#include "model/row.h"

#include "base/ensure.h"
#include "codec/pack.h"
#include "model/decode.h"
#include "model/limits.h"
#include "model/past.h"

/* Of the fields, so many were there in the first scheduler that wrote rows; more is there only
 * where it says something. */
enum { ROW_FIELDS_MIN = 9, ROW_FIELDS = 11 };

/* Keys of what few rows have. Never renumbered. */
enum {
	MORE_PAST = 1,
	MORE_PRIORITY = 2,
	MORE_FAILURES = 3,
	MORE_DUE = 4,
	MORE_STOP = 5,
	MORE_CONFLICTS = 6
};

static uint32_t count_more(const struct task_row *r)
{
	return (uint32_t)(r->past.n > 0) + r->has_priority + (r->failures != 0) + (r->due_us != 0) +
	       (r->stop != CAUSE_NONE) + (r->conflicts != 0);
}

static void put_number(struct buf *out, unsigned key, uint64_t v)
{
	if (!v)
		return;
	pack_u64(out, key);
	pack_u64(out, v);
}

static void put_more(struct buf *out, const struct task_row *r)
{
	pack_map(out, count_more(r));
	if (r->past.n) {
		pack_u64(out, MORE_PAST);
		pack_bin(out, r->past);
	}
	if (r->has_priority) {
		pack_u64(out, MORE_PRIORITY);
		pack_i64(out, r->priority);
	}
	put_number(out, MORE_FAILURES, r->failures);
	put_number(out, MORE_DUE, r->due_us);
	put_number(out, MORE_STOP, r->stop);
	put_number(out, MORE_CONFLICTS, r->conflicts);
}

void task_row_encode(struct buf *out, const struct task_row *r)
{
	bool more = count_more(r) > 0;

	ensure(r->nholders <= ROW_HOLDERS);
	pack_array(out, more ? ROW_FIELDS : ROW_FIELDS - 1);
	pack_u64(out, RECORD_VERSION);
	pack_u64(out, r->state);
	pack_u64(out, r->generation);
	pack_u64(out, r->attempts);
	pack_u64(out, r->deaths);
	pack_u64(out, r->finish_seq);
	pack_u64(out, r->finished_us);
	pack_array(out, r->nholders);
	for (uint32_t i = 0; i < r->nholders; i++)
		pack_u64(out, r->holders[i]);
	pack_bin(out, r->outcome);
	pack_str(out, r->worker);
	if (more)
		put_more(out, r);
}

static void read_holders(struct cursor *c, struct task_row *out)
{
	out->nholders = cursor_array_limit(c, ROW_HOLDERS, "row: too many holders");
	for (uint32_t i = 0; i < out->nholders; i++)
		out->holders[i] = cursor_u32(c);
}

static void read_priority(struct cursor *c, struct task_row *out)
{
	int64_t v = cursor_i64(c);

	if (v < INT32_MIN || v > INT32_MAX)
		cursor_fail(c, "row: a priority out of range");
	out->has_priority = true;
	out->priority = (int32_t)v;
}

static enum cause read_cause(struct cursor *c)
{
	uint64_t v = cursor_u64(c);

	if (v < CAUSE_END)
		return (enum cause)v;
	cursor_fail(c, "row: unknown cause");
	return CAUSE_NONE;
}

static void read_past(struct cursor *c, struct task_row *out)
{
	struct past_reader r;
	const char *why = "row: a malformed past";

	out->past = cursor_bin(c);
	if (cursor_ok(c) && !past_reader_init(&r, out->past, &why))
		cursor_fail(c, why);
}

static void read_more(struct cursor *c, struct task_row *out)
{
	uint32_t n = cursor_map(c);

	for (uint32_t i = 0; i < n && cursor_ok(c); i++)
		switch (cursor_u64(c)) {
		case MORE_PAST:
			read_past(c, out);
			break;
		case MORE_PRIORITY:
			read_priority(c, out);
			break;
		case MORE_FAILURES:
			out->failures = cursor_u32(c);
			break;
		case MORE_DUE:
			out->due_us = cursor_u64(c);
			break;
		case MORE_STOP:
			out->stop = read_cause(c);
			break;
		case MORE_CONFLICTS:
			out->conflicts = cursor_u32(c);
			break;
		default:
			cursor_skip(c);
		}
}

bool task_row_decode(struct slice in, struct task_row *out, const char **why)
{
	struct cursor c;
	uint32_t have = record_begin(&c, in, ROW_FIELDS_MIN), read = ROW_FIELDS_MIN;
	uint64_t state = cursor_u64(&c);

	if (state < TASK_LEASED || state > TASK_CANCELLED)
		cursor_fail(&c, "row: unknown state");
	out->state = (enum task_state)state;
	out->generation = cursor_u32(&c);
	out->attempts = cursor_u32(&c);
	out->deaths = cursor_u32(&c);
	out->finish_seq = cursor_u64(&c);
	out->finished_us = cursor_u64(&c);
	read_holders(&c, out);
	out->outcome = cursor_bin(&c);
	out->worker = out->past = slice_empty();
	out->has_priority = false;
	out->failures = out->conflicts = 0;
	out->due_us = 0;
	out->stop = CAUSE_NONE;
	if (have > read && ++read)
		out->worker = cursor_str_limit(&c, LIMIT_NAME_BYTES, LIMIT_TEXT(NAME_BYTES));
	if (have > read && ++read)
		read_more(&c, out);
	return record_end(&c, have, read, why);
}
