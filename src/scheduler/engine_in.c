/*
 * Frames of admitted connections: decoded, checked, and made events for the core. A malformed one
 * closes its connection and touches nothing else. Those of workers: engine_in_worker.c.
 */
#include "scheduler/engine_in.h"

struct event *intake_event(struct intake *in, enum event_kind kind)
{
	struct event *ev = &in->e->event;

	memset(ev, 0, sizeof(*ev));
	ev->kind = kind;
	ev->conn = in->c->number;
	ev->seq = in->f->seq;
	return ev;
}

bool intake_step(struct intake *in)
{
	engine_step(in->e, &in->e->event, in->mono_us, in->wall_us);
	return true;
}

bool intake_bad(struct intake *in, const char *why)
{
	in->why = why;
	return false;
}

static bool on_open(struct intake *in)
{
	struct event *ev = intake_event(in, EVENT_OPEN);
	struct msg_open m;

	if (!msg_open_decode(in->f->payload, &m, &in->why))
		return false;
	if (in->c->opened)
		return intake_bad(in, "a second OPEN");
	if (m.name.n > LIMIT_NAME_BYTES)
		return intake_bad(in, limit_text(LIMIT_INDEX_NAME_BYTES));
	in->c->opened = true;
	ev->open.session = (uint32_t)m.session;
	ev->open.token = m.token;
	ev->open.name = m.name;
	ev->open.ttl_ms = m.ttl_ms;
	ev->open.user = engine_user_of(in->e, in->c);
	ev->open.uid = in->c->peer.member ? in->c->peer.uid : in->e->config.uid;
	in->e->port.random(in->e->port.arg, ev->open.new_token, TOKEN_BYTES);
	return intake_step(in);
}

static bool on_submit(struct intake *in)
{
	struct event *ev = intake_event(in, EVENT_SUBMIT);
	struct msg_submit m;

	if (!msg_submit_decode(in->f->payload, &m, &in->why))
		return false;
	if (m.first_n == 0 || m.first_n > UINT32_MAX || m.flags > UINT32_MAX)
		return intake_bad(in, "SUBMIT: a task number out of range");
	ev->submit.first_n = (uint32_t)m.first_n;
	ev->submit.count = m.count;
	ev->submit.flags = (uint32_t)m.flags;
	ev->submit.ns = m.ns;
	ev->submit.body = m.body;
	return intake_step(in);
}

/* The messages that are runs of ids, all alike. */
static bool on_runs(struct intake *in, enum event_kind kind)
{
	struct event *ev = intake_event(in, kind);
	struct msg_cancel m; /* RELEASE, DETACH, WATCH and UNWATCH have the same shape */

	if (!msg_cancel_decode(in->f->payload, &m, &in->why))
		return false;
	ev->runs = m.runs;
	return intake_step(in);
}

static bool on_hold(struct intake *in)
{
	struct event *ev = intake_event(in, EVENT_HOLD);
	struct msg_hold m;

	if (!msg_hold_decode(in->f->payload, &m, &in->why))
		return false;
	ev->keys = m.keys;
	return intake_step(in);
}

/* What was told before of these tasks is told before the reply: their watchers know by that which
 * end is an old one. */
static bool on_act(struct intake *in)
{
	struct event *ev = intake_event(in, EVENT_ACT);
	struct cursor arg;
	struct msg_act m;

	if (!msg_act_decode(in->f->payload, &m, &in->why))
		return false;
	if (m.kind > UINT32_MAX || m.flags > UINT32_MAX)
		return intake_bad(in, "ACT: a number out of range");
	ev->act.kind = (uint32_t)m.kind;
	ev->act.flags = (uint32_t)m.flags;
	ev->act.runs = m.runs;
	if (m.arg.n) {
		cursor_init(&arg, m.arg);
		ev->act.arg = cursor_i64(&arg);
		if (!cursor_at_end(&arg))
			return intake_bad(in, "ACT: an argument that is no number");
	}
	engine_flush_told(in->e, in->c);
	return intake_step(in);
}

static bool on_do(struct intake *in)
{
	struct event *ev = intake_event(in, EVENT_DEAL);
	struct msg_do m;

	if (!msg_do_decode(in->f->payload, &m, &in->why))
		return false;
	ev->ops = m.ops;
	return intake_step(in);
}

static bool on_await(struct intake *in)
{
	struct event *ev = intake_event(in, EVENT_AWAIT);
	struct msg_await m;

	if (!msg_await_decode(in->f->payload, &m, &in->why))
		return false;
	ev->seq = m.request;
	ev->await.kind = m.kind < THING_KINDS ? (uint32_t)m.kind : 0;
	ev->await.name = m.name;
	ev->await.after = m.after;
	return intake_step(in);
}

static bool on_drop(struct intake *in)
{
	struct event *ev = intake_event(in, EVENT_DROP);
	struct msg_drop m;

	if (!msg_drop_decode(in->f->payload, &m, &in->why))
		return false;
	ev->seq = m.request;
	return intake_step(in);
}

static bool on_take(struct intake *in)
{
	struct event *ev = intake_event(in, EVENT_TAKE);
	struct msg_take m;

	if (!msg_take_decode(in->f->payload, &m, &in->why))
		return false;
	ev->seq = m.request;
	ev->take.name = m.name;
	ev->take.count = m.count;
	ev->take.mode = m.mode < UINT32_MAX ? (uint32_t)m.mode : 0;
	ev->take.lease_us = m.lease_us;
	return intake_step(in);
}

static bool on_acked(struct intake *in)
{
	struct event *ev = intake_event(in, EVENT_ACKED);
	struct msg_acked m;

	if (!msg_acked_decode(in->f->payload, &m, &in->why))
		return false;
	ev->seq = m.upto;
	return intake_step(in);
}

static bool on_get(struct intake *in)
{
	struct event *ev = intake_event(in, EVENT_GET);
	struct msg_get m;

	if (!msg_get_decode(in->f->payload, &m, &in->why))
		return false;
	ev->seq = m.request;
	ev->get.request = m.request;
	ev->get.id = m.id;
	return intake_step(in);
}

static bool on_query(struct intake *in)
{
	struct msg_query m;

	if (!msg_query_decode(in->f->payload, &m, &in->why))
		return false;
	engine_query(in->e, in->c, &m);
	return true;
}

static bool on_fetch(struct intake *in)
{
	struct msg_fetch m;

	if (!msg_fetch_decode(in->f->payload, &m, &in->why))
		return false;
	engine_fetch(in->e, in->c, &m);
	return true;
}

static bool on_ping(struct intake *in)
{
	struct msg_ping m;
	struct buf frame;

	if (!msg_ping_decode(in->f->payload, &m, &in->why))
		return false;
	buf_init(&frame, LIMIT_HELLO_BYTES);
	msg_pong_encode(&frame, 0, &(struct msg_pong){.stamp = m.stamp});
	in->e->port.send(in->e->port.arg, in->c->number, buf_slice(&frame));
	buf_release(&frame);
	return true;
}

static bool on_secede(struct intake *in)
{
	struct event *ev = intake_event(in, EVENT_SECEDE);
	struct msg_secede m;

	if (!msg_secede_decode(in->f->payload, &m, &in->why))
		return false;
	ev->secede = m.on;
	return intake_step(in);
}

static bool plain(struct intake *in, enum event_kind kind)
{
	intake_event(in, kind);
	return intake_step(in);
}

static bool handle(struct intake *in)
{
	switch (in->f->type) {
	case MSG_PING:
		return on_ping(in);
	case MSG_PONG:
		return true;
	case MSG_OPEN:
		return on_open(in);
	case MSG_SUBMIT:
		return on_submit(in);
	case MSG_CANCEL:
		return on_runs(in, EVENT_CANCEL);
	case MSG_RELEASE:
		return on_runs(in, EVENT_RELEASE);
	case MSG_WATCH:
		return on_runs(in, EVENT_WATCH);
	case MSG_UNWATCH:
		return on_runs(in, EVENT_UNWATCH);
	case MSG_HOLD:
		return on_hold(in);
	case MSG_DETACH:
		return on_runs(in, EVENT_DETACH);
	case MSG_ACT:
		return on_act(in);
	case MSG_SECEDE:
		return on_secede(in);
	case MSG_CLOSE:
		return plain(in, EVENT_CLOSE);
	case MSG_DO:
		return on_do(in);
	case MSG_AWAIT:
		return on_await(in);
	case MSG_DROP:
		return on_drop(in);
	case MSG_TAKE:
		return on_take(in);
	case MSG_ACKED:
		return on_acked(in);
	case MSG_GET:
		return on_get(in);
	case MSG_QUERY:
		return on_query(in);
	case MSG_FETCH:
		return on_fetch(in);
	default:
		return engine_in_worker(in);
	}
}

void engine_handle(struct engine *e, struct engine_conn *c, const struct frame *f, uint64_t mono_us,
	uint64_t wall_us)
{
	struct intake in = {
		.e = e, .c = c, .f = f, .mono_us = mono_us, .wall_us = wall_us, .why = "malformed"};

	e->wall_us = wall_us;
	ensure_note_ids(message_name(f->type), c->number, f->seq);
	if (!handle(&in))
		engine_refuse(e, c, DQ_E_PROTOCOL, in.why);
	ensure_note_ids(NULL, 0, 0);
}
