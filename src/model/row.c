/*
 * A task's row: what became of it, in the store (doc/disk-format.md, task). Written once a task at
 * its end, read at start and by whoever asks for a result. The outcome inside is outcome.c's.
 */
#include "model/row.h"

#include "base/ensure.h"
#include "codec/pack.h"
#include "model/decode.h"

enum { ROW_FIELDS = 9, ROW_MORE_FIELDS = 3 };

void task_row_encode(struct buf *out, const struct task_row *r)
{
	bool more = r->failures || r->due_us || r->stop;

	ensure(r->nholders <= ROW_HOLDERS);
	pack_array(out, ROW_FIELDS + (more ? ROW_MORE_FIELDS : 0));
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
	if (!more)
		return;
	pack_u64(out, r->failures);
	pack_u64(out, r->due_us);
	pack_u64(out, r->stop);
}

static void read_holders(struct cursor *c, struct task_row *out)
{
	out->nholders = cursor_array_limit(c, ROW_HOLDERS, "row: too many holders");
	for (uint32_t i = 0; i < out->nholders; i++)
		out->holders[i] = cursor_u32(c);
}

static void read_more(struct cursor *c, struct task_row *out)
{
	uint64_t stop;

	out->failures = cursor_u32(c);
	out->due_us = cursor_u64(c);
	stop = cursor_u64(c);
	if (stop > CAUSE_UNHELD)
		cursor_fail(c, "row: unknown cause");
	out->stop = (enum cause)stop;
}

bool task_row_decode(struct slice in, struct task_row *out, const char **why)
{
	struct cursor c;
	uint32_t have = record_begin(&c, in, ROW_FIELDS);
	uint64_t state = cursor_u64(&c);
	bool more = have >= ROW_FIELDS + ROW_MORE_FIELDS;

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
	out->failures = 0;
	out->due_us = 0;
	out->stop = CAUSE_NONE;
	if (more)
		read_more(&c, out);
	return record_end(&c, have, ROW_FIELDS + (more ? ROW_MORE_FIELDS : 0), why);
}
