/*
 * The fake scheduler's store: what its numbered requests do to it, and the replies that it keeps.
 */
#include "fake.h"

#include "base/ensure.h"
#include "codec/pack.h"
#include "model/block.h"
#include "model/row.h"

#include <dq/error.h>

#include <stdio.h>
#include <string.h>

static void store_reply(
	struct fake *f, uint64_t seq, uint64_t code, const char *text, struct buf *data)
{
	struct fake_stored *r = &f->stored[seq];

	r->kind = code || data ? REPLY_STORED : REPLY_PLAIN;
	r->code = code;
	snprintf(r->text, sizeof(r->text), "%s", text);
	if (data) {
		ensure(data->n <= sizeof(r->data));
		memcpy(r->data, data->p, data->n);
		r->n = data->n;
		buf_release(data);
	}
}

static uint64_t count_runs(struct slice runs)
{
	struct cursor at;
	uint64_t sum = 0;
	uint32_t n;

	cursor_init(&at, runs);
	n = cursor_array(&at);
	for (uint32_t i = 0; i < n; i += 2) {
		cursor_u64(&at);
		sum += cursor_u64(&at);
	}
	ensure(cursor_at_end(&at));
	return sum;
}

/* The parts come to life, or go. */
static void end_graph(struct fake *f, uint64_t seq, const struct msg_submit *m)
{
	uint64_t n = 0;

	for (size_t i = 0; i < f->staged.n; i++)
		n += f->staged.v[i].count;
	if (m->flags & SUBMIT_COMMIT && (!f->staging || m->count != n)) {
		store_reply(f, seq, DQ_E_REFUSED, "another part was refused", NULL);
	} else {
		for (size_t i = 0; m->flags & SUBMIT_COMMIT && i < f->staged.n; i++)
			ensure(runs_add(&f->tasks, f->staged.v[i].first, f->staged.v[i].count));
		f->commits += m->flags & SUBMIT_COMMIT ? 1 : 0;
		f->aborts += m->flags & SUBMIT_ABORT ? 1 : 0;
		store_reply(f, seq, 0, "", NULL);
	}
	f->staging = false;
	runs_clear(&f->staged);
}

static void take_submit(struct fake *f, const struct frame *frame)
{
	struct msg_submit m;
	const char *why = "";
	struct buf data;

	ensure(msg_submit_decode(frame->payload, &m, &why));
	f->submits++;
	if (m.flags & (SUBMIT_COMMIT | SUBMIT_ABORT)) {
		end_graph(f, frame->seq, &m);
		return;
	}
	if (m.flags & SUBMIT_BEGIN)
		runs_clear(&f->staged);
	if (m.flags & SUBMIT_STAGED && !(m.flags & SUBMIT_BEGIN) && !f->staging) {
		store_reply(f, frame->seq, DQ_E_REFUSED, "another part was refused", NULL);
		return;
	}
	if (m.flags & SUBMIT_STAGED)
		f->staging = frame->seq != f->script.conflict_seq;
	if (frame->seq == f->script.conflict_seq) {
		store_reply(f, frame->seq, DQ_E_CONFLICT, "conflict: another spec under k", NULL);
		return;
	}
	f->ntasks += m.count;
	ensure(m.first_n >= f->next_n); /* never a number twice */
	f->next_n = m.first_n + m.count;
	if (m.flags & SUBMIT_STAGED) {
		f->parts++;
		ensure(runs_add(&f->staged, task_id(FAKE_SESSION, (uint32_t)m.first_n), m.count));
	}
	if (frame->seq == f->script.alias_seq) {
		buf_init(&data, 64);
		pack_array(&data, 1);
		pack_array(&data, 2);
		pack_u64(&data, m.first_n);
		pack_u64(&data, f->script.alias_id);
		store_reply(f, frame->seq, 0, "", &data);
		if (m.count > 1)
			ensure(runs_add(&f->tasks, task_id(FAKE_SESSION, (uint32_t)m.first_n + 1),
				m.count - 1));
		return;
	}
	if (!(m.flags & SUBMIT_STAGED))
		ensure(runs_add(&f->tasks, task_id(FAKE_SESSION, (uint32_t)m.first_n), m.count));
	store_reply(f, frame->seq, 0, "", NULL);
}

static void take_hold(struct fake *f, const struct frame *frame)
{
	struct msg_hold m;
	const char *why = "";
	struct cursor at;
	struct slice key;
	struct buf data;

	ensure(msg_hold_decode(frame->payload, &m, &why));
	cursor_init(&at, m.keys);
	ensure(cursor_array(&at) == 1);
	key = cursor_str(&at);
	buf_init(&data, 64);
	pack_array(&data, 1);
	if (slice_eq_str(key, "old")) {
		pack_array(&data, 4);
		pack_u64(&data, f->script.alias_id);
		pack_u64(&data, 1);
		pack_u64(&data, TASK_DONE);
		pack_u64(&data, 0);
	} else {
		pack_nil(&data);
	}
	store_reply(f, frame->seq, 0, "", &data);
}

static void take_do(struct fake *f, const struct frame *frame)
{
	struct deal_reader r;
	struct deal_op op;
	struct msg_do m;
	const char *why = "";

	ensure(msg_do_decode(frame->payload, &m, &why));
	ensure(deal_reader_init(&r, m.ops, &why) && deal_reader_next(&r, &op, &why));
	if (r.left || fake_is_deal_of_queue(&op)) {
		fake_deals(f, frame->seq, m.ops);
		return;
	}
	fake_deal(f, frame->seq, &op);
	ensure(!deal_reader_next(&r, &op, &why));
}

static void take_act(struct fake *f, const struct frame *frame)
{
	struct cursor arg;
	const char *why = "";
	struct buf data;

	ensure(msg_act_decode(frame->payload, &f->act, &why));
	cursor_init(&arg, f->act.arg);
	f->act_arg = cursor_i64(&arg);
	ensure(cursor_at_end(&arg) && count_runs(f->act.runs) > 0);
	f->acts++;
	if (f->script.late_end)
		fake_tell_end(f, f->script.fail_n);
	buf_init(&data, 64);
	if (f->script.refuse_act) {
		pack_u64(&data, f->script.refuse_act);
		store_reply(f, frame->seq, DQ_E_REFUSED, "it does not suit", &data);
	} else if (f->script.keeps) {
		pack_array(&data, 2);
		pack_u64(&data, 1);
		pack_u64(&data, task_id(FAKE_SESSION, 1));
		store_reply(f, frame->seq, 0, "", &data);
	} else {
		f->script.fail_n = 0;
		store_reply(f, frame->seq, 0, "", NULL);
	}
}

void fake_take(struct fake *f, const struct frame *frame)
{
	const char *why = "";
	struct msg_cancel cancel;
	struct msg_release release;

	switch (frame->type) {
	case MSG_SUBMIT:
		take_submit(f, frame);
		break;
	case MSG_HOLD:
		take_hold(f, frame);
		break;
	case MSG_DO:
		take_do(f, frame);
		break;
	case MSG_ACT:
		take_act(f, frame);
		break;
	case MSG_CANCEL:
		ensure(msg_cancel_decode(frame->payload, &cancel, &why));
		f->cancels++;
		f->cancelled_ids += count_runs(cancel.runs);
		store_reply(f, frame->seq, 0, "", NULL);
		break;
	case MSG_RELEASE:
		ensure(msg_release_decode(frame->payload, &release, &why));
		f->releases++;
		f->released_ids += count_runs(release.runs);
		store_reply(f, frame->seq, 0, "", NULL);
		break;
	default:
		ensure(frame->type == MSG_CLOSE);
		f->closes++;
		store_reply(f, frame->seq, 0, "", NULL);
	}
	f->last_seq = frame->seq;
}
