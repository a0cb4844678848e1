/*
 * Frames of admitted connections: decoded, checked, and made events for the core. A malformed one
 * closes its connection and touches nothing else.
 */
#include "scheduler/engine_impl.h"

#include "base/fault.h"

struct intake {
	struct engine *e;
	struct engine_conn *c;
	const struct frame *f;
	uint64_t mono_us, wall_us;
	const char *why;
};

static struct event *event_of(struct intake *in, enum event_kind kind)
{
	struct event *ev = &in->e->event;

	memset(ev, 0, sizeof(*ev));
	ev->kind = kind;
	ev->conn = in->c->number;
	ev->seq = in->f->seq;
	return ev;
}

static bool step(struct intake *in)
{
	engine_step(in->e, &in->e->event, in->mono_us, in->wall_us);
	return true;
}

static bool bad(struct intake *in, const char *why)
{
	in->why = why;
	return false;
}

static bool on_open(struct intake *in)
{
	struct event *ev = event_of(in, EVENT_OPEN);
	struct msg_open m;

	if (!msg_open_decode(in->f->payload, &m, &in->why))
		return false;
	if (in->c->opened)
		return bad(in, "a second OPEN");
	if (m.name.n > LIMIT_NAME_BYTES)
		return bad(in, limit_text(LIMIT_INDEX_NAME_BYTES));
	in->c->opened = true;
	ev->open.session = (uint32_t)m.session;
	ev->open.token = m.token;
	ev->open.name = m.name;
	ev->open.ttl_ms = m.ttl_ms;
	ev->open.user = engine_user_of(in->e, in->c);
	ev->open.uid = in->c->peer.member ? in->c->peer.uid : in->e->config.uid;
	in->e->port.random(in->e->port.arg, ev->open.new_token, TOKEN_BYTES);
	return step(in);
}

static bool on_submit(struct intake *in)
{
	struct event *ev = event_of(in, EVENT_SUBMIT);
	struct msg_submit m;

	if (!msg_submit_decode(in->f->payload, &m, &in->why))
		return false;
	if (m.first_n == 0 || m.first_n > UINT32_MAX || m.flags > UINT32_MAX)
		return bad(in, "SUBMIT: a task number out of range");
	ev->submit.first_n = (uint32_t)m.first_n;
	ev->submit.count = m.count;
	ev->submit.flags = (uint32_t)m.flags;
	ev->submit.ns = m.ns;
	ev->submit.body = m.body;
	return step(in);
}

/* The messages that are runs of ids, all alike. */
static bool on_runs(struct intake *in, enum event_kind kind)
{
	struct event *ev = event_of(in, kind);
	struct msg_cancel m; /* RELEASE, DETACH, WATCH and UNWATCH have the same shape */

	if (!msg_cancel_decode(in->f->payload, &m, &in->why))
		return false;
	ev->runs = m.runs;
	return step(in);
}

static bool on_hold(struct intake *in)
{
	struct event *ev = event_of(in, EVENT_HOLD);
	struct msg_hold m;

	if (!msg_hold_decode(in->f->payload, &m, &in->why))
		return false;
	ev->keys = m.keys;
	return step(in);
}

/* What was told before of these tasks is told before the reply: their watchers know by that which
 * end is an old one. */
static bool on_act(struct intake *in)
{
	struct event *ev = event_of(in, EVENT_ACT);
	struct cursor arg;
	struct msg_act m;

	if (!msg_act_decode(in->f->payload, &m, &in->why))
		return false;
	if (m.kind > UINT32_MAX || m.flags > UINT32_MAX)
		return bad(in, "ACT: a number out of range");
	ev->act.kind = (uint32_t)m.kind;
	ev->act.flags = (uint32_t)m.flags;
	ev->act.runs = m.runs;
	if (m.arg.n) {
		cursor_init(&arg, m.arg);
		ev->act.arg = cursor_i64(&arg);
		if (!cursor_at_end(&arg))
			return bad(in, "ACT: an argument that is no number");
	}
	engine_flush_told(in->e, in->c);
	return step(in);
}

static bool on_do(struct intake *in)
{
	struct event *ev = event_of(in, EVENT_DEAL);
	struct msg_do m;

	if (!msg_do_decode(in->f->payload, &m, &in->why))
		return false;
	ev->ops = m.ops;
	return step(in);
}

static bool on_await(struct intake *in)
{
	struct event *ev = event_of(in, EVENT_AWAIT);
	struct msg_await m;

	if (!msg_await_decode(in->f->payload, &m, &in->why))
		return false;
	ev->seq = m.request;
	ev->await.kind = m.kind < THING_KINDS ? (uint32_t)m.kind : 0;
	ev->await.name = m.name;
	ev->await.after = m.after;
	return step(in);
}

static bool on_drop(struct intake *in)
{
	struct event *ev = event_of(in, EVENT_DROP);
	struct msg_drop m;

	if (!msg_drop_decode(in->f->payload, &m, &in->why))
		return false;
	ev->seq = m.request;
	return step(in);
}

static bool on_take(struct intake *in)
{
	struct event *ev = event_of(in, EVENT_TAKE);
	struct msg_take m;

	if (!msg_take_decode(in->f->payload, &m, &in->why))
		return false;
	ev->seq = m.request;
	ev->take.name = m.name;
	ev->take.count = m.count;
	ev->take.mode = m.mode < UINT32_MAX ? (uint32_t)m.mode : 0;
	ev->take.lease_us = m.lease_us;
	return step(in);
}

static bool on_acked(struct intake *in)
{
	struct event *ev = event_of(in, EVENT_ACKED);
	struct msg_acked m;

	if (!msg_acked_decode(in->f->payload, &m, &in->why))
		return false;
	ev->seq = m.upto;
	return step(in);
}

static bool on_get(struct intake *in)
{
	struct event *ev = event_of(in, EVENT_GET);
	struct msg_get m;

	if (!msg_get_decode(in->f->payload, &m, &in->why))
		return false;
	ev->seq = m.request;
	ev->get.request = m.request;
	ev->get.id = m.id;
	return step(in);
}

static bool on_query(struct intake *in)
{
	struct msg_query m;

	if (!msg_query_decode(in->f->payload, &m, &in->why))
		return false;
	engine_query(in->e, in->c, &m);
	return true;
}

/* Entries of STARTED, REPORT and JOIN.running into the engine's scratch. */
static bool read_leases(struct intake *in, struct slice field, uint32_t *n)
{
	struct engine *e = in->e;
	struct cursor c;

	if (!list_read_begin(&c, field, UINT32_MAX, n))
		return bad(in, "a malformed list of leases");
	if (*n > LIMIT_CREDIT)
		return bad(in, limit_text(LIMIT_INDEX_CREDIT));
	if (*n > e->leases_cap) {
		e->leases_cap = *n;
		e->leases = xreallocarray(e->leases, *n, sizeof(*e->leases));
	}
	for (uint32_t i = 0; i < *n; i++) {
		struct fenced f;

		if (!fenced_read(&c, &f))
			return bad(in, "a malformed lease in a list");
		e->leases[i] = (struct event_lease){.id = f.id,
			.fence = f.fence,
			.started = f.extra,
			.outcome = f.outcome,
			.effects = f.effects};
	}
	return true;
}

static bool read_copies(struct intake *in, struct slice field, uint32_t max, uint32_t *n)
{
	struct engine *e = in->e;
	struct cursor c;

	if (!list_read_begin(&c, field, max, n))
		return bad(in, "a malformed list of values");
	if (*n > e->copies_cap) {
		e->copies_cap = *n;
		e->copies = xreallocarray(e->copies, *n, sizeof(*e->copies));
	}
	for (uint32_t i = 0; i < *n; i++) {
		struct copy p;

		if (!copy_read(&c, &p))
			return bad(in, "a malformed value in a list");
		e->copies[i] = (struct event_copy){.id = p.id,
			.generation = p.generation,
			.checksum = p.checksum,
			.size = p.size};
	}
	return true;
}

static bool join_is_sound(struct intake *in, const struct msg_join *m)
{
	if (in->c->role != ROLE_WORKER)
		return bad(in, "JOIN of a peer that is no worker");
	if (m->uuid.n != WORKER_UUID_BYTES || m->instance.n > WORKER_INSTANCE_BYTES)
		return bad(in, "JOIN: an identity of another length");
	if (m->name.n == 0 || m->name.n > LIMIT_NAME_BYTES || m->address.n > LIMIT_NAME_BYTES)
		return bad(in, limit_text(LIMIT_INDEX_NAME_BYTES));
	if (m->slots > LIMIT_SLOTS)
		return bad(in, limit_text(LIMIT_INDEX_SLOTS));
	in->e->offer.slots = (uint32_t)m->slots;
	return offer_read(&in->e->offer, m->host, m->resources, m->labels, m->users, &in->why);
}

/* To see the tasks of others, and to say what became of them, is for the user who runs the
 * scheduler. */
static bool may_serve(const struct intake *in)
{
	return !in->c->peer.member || (!in->e->offer.any_user && !in->e->offer.nusers);
}

static bool on_join(struct intake *in)
{
	struct event *ev = event_of(in, EVENT_JOIN);
	struct msg_join m;

	if (!msg_join_decode(in->f->payload, &m, &in->why) || !join_is_sound(in, &m) ||
		!read_leases(in, m.running, &ev->join.nrunning) ||
		!read_copies(in, m.copies, LIMIT_FRAME_BYTES / 4, &ev->join.ncopies))
		return false;
	if (!may_serve(in)) {
		engine_refuse(in->e, in->c, DQ_E_REFUSED,
			"only workers of the scheduler's own user may run tasks of others");
		return true;
	}
	in->c->joined = true;
	ev->join.uuid = m.uuid;
	ev->join.name = m.name;
	ev->join.address = m.address;
	ev->join.instance = m.instance;
	ev->join.user = engine_user_of(in->e, in->c);
	ev->join.uid = in->c->peer.member ? in->c->peer.uid : in->e->config.uid;
	ev->join.offer = &in->e->offer;
	ev->join.running = in->e->leases;
	ev->join.copies = in->e->copies;
	return step(in);
}

static bool on_credit(struct intake *in)
{
	struct event *ev = event_of(in, EVENT_CREDIT);
	struct msg_credit m;

	if (!msg_credit_decode(in->f->payload, &m, &in->why))
		return false;
	ev->credit = m.limit < LIMIT_CREDIT ? (uint32_t)m.limit : LIMIT_CREDIT;
	return step(in);
}

static bool on_leases(struct intake *in, enum event_kind kind)
{
	struct event *ev = event_of(in, kind);
	struct msg_report m; /* STARTED has the same shape */

	if (!msg_report_decode(in->f->payload, &m, &in->why) ||
		!read_leases(in, m.entries, &ev->leases.n))
		return false;
	for (uint32_t i = 0; kind == EVENT_REPORT && i < ev->leases.n; i++) {
		struct outcome o;

		if (!outcome_decode(in->e->leases[i].outcome, &o, &in->why))
			return false;
		if (o.stored && !engine_put_is_whole(in->e, in->c, &in->e->leases[i], &o))
			return bad(in, "REPORT: a stored value that has not come");
	}
	ev->leases.items = in->e->leases;
	if (kind == EVENT_REPORT)
		(void)fault_point("scheduler.report");
	step(in);
	for (uint32_t i = 0; map64_count(&in->e->uploads) && i < ev->leases.n; i++)
		engine_put_over(in->e, in->c, &in->e->leases[i]);
	return true;
}

static bool on_put(struct intake *in)
{
	const char *why;
	struct msg_put m;

	if (!msg_put_decode(in->f->payload, &m, &in->why))
		return false;
	why = engine_put(in->e, in->c, &m);
	return why ? bad(in, why) : true;
}

static bool on_fetch(struct intake *in)
{
	struct msg_fetch m;

	if (!msg_fetch_decode(in->f->payload, &m, &in->why))
		return false;
	engine_fetch(in->e, in->c, &m);
	return true;
}

static bool on_missing(struct intake *in)
{
	struct event *ev = event_of(in, EVENT_MISSING);
	struct msg_missing m;

	if (!msg_missing_decode(in->f->payload, &m, &in->why) ||
		!read_copies(in, m.entries, LIMIT_DEPS_PER_TASK, &ev->missing.ncopies) ||
		!read_leases(in, m.leases, &ev->missing.nleases))
		return false;
	ev->missing.copies = in->e->copies;
	ev->missing.leases = in->e->leases;
	return step(in);
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
	struct event *ev = event_of(in, EVENT_SECEDE);
	struct msg_secede m;

	if (!msg_secede_decode(in->f->payload, &m, &in->why))
		return false;
	ev->secede = m.on;
	return step(in);
}

static bool on_progress(struct intake *in)
{
	struct event *ev = event_of(in, EVENT_PROGRESS);
	struct msg_progress m;

	if (!msg_progress_decode(in->f->payload, &m, &in->why))
		return false;
	ev->progress.id = m.id;
	ev->progress.fence = (struct fence){m.epoch, m.seq};
	ev->progress.millionths =
		m.millionths <= WIRE_MILLIONTHS ? (uint32_t)m.millionths : UINT32_MAX;
	ev->progress.text = m.text;
	return step(in);
}

static bool plain(struct intake *in, enum event_kind kind)
{
	event_of(in, kind);
	return step(in);
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
	case MSG_JOIN:
		return on_join(in);
	case MSG_CREDIT:
		return on_credit(in);
	case MSG_STARTED:
		return on_leases(in, EVENT_STARTED);
	case MSG_REPORT:
		return on_leases(in, EVENT_REPORT);
	case MSG_MISSING:
		return on_missing(in);
	case MSG_PROGRESS:
		return on_progress(in);
	case MSG_PUT:
		return on_put(in);
	case MSG_FETCH:
		return on_fetch(in);
	case MSG_LEAVE:
		return plain(in, EVENT_LEAVE);
	default:
		return bad(in, "a message that a scheduler does not take");
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
