/*
 * Frames of workers (engine_in.h).
 */
#include "scheduler/engine_in.h"

#include "base/fault.h"

/* Entries of STARTED, REPORT and JOIN.running into the engine's scratch. */
static bool read_leases(struct intake *in, struct slice field, uint32_t *n)
{
	struct engine *e = in->e;
	struct cursor c;

	if (!list_read_begin(&c, field, UINT32_MAX, n))
		return intake_bad(in, "a malformed list of leases");
	if (*n > LIMIT_CREDIT)
		return intake_bad(in, limit_text(LIMIT_INDEX_CREDIT));
	if (*n > e->leases_cap) {
		e->leases_cap = *n;
		e->leases = xreallocarray(e->leases, *n, sizeof(*e->leases));
	}
	for (uint32_t i = 0; i < *n; i++) {
		struct fenced f;

		if (!fenced_read(&c, &f))
			return intake_bad(in, "a malformed lease in a list");
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
		return intake_bad(in, "a malformed list of values");
	if (*n > e->copies_cap) {
		e->copies_cap = *n;
		e->copies = xreallocarray(e->copies, *n, sizeof(*e->copies));
	}
	for (uint32_t i = 0; i < *n; i++) {
		struct copy p;

		if (!copy_read(&c, &p))
			return intake_bad(in, "a malformed value in a list");
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
		return intake_bad(in, "JOIN of a peer that is no worker");
	if (m->uuid.n != WORKER_UUID_BYTES || m->instance.n > WORKER_INSTANCE_BYTES)
		return intake_bad(in, "JOIN: an identity of another length");
	if (m->name.n == 0 || m->name.n > LIMIT_NAME_BYTES || m->address.n > LIMIT_NAME_BYTES)
		return intake_bad(in, limit_text(LIMIT_INDEX_NAME_BYTES));
	if (m->slots > LIMIT_SLOTS)
		return intake_bad(in, limit_text(LIMIT_INDEX_SLOTS));
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
	struct event *ev = intake_event(in, EVENT_JOIN);
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
	return intake_step(in);
}

static bool on_credit(struct intake *in)
{
	struct event *ev = intake_event(in, EVENT_CREDIT);
	struct msg_credit m;

	if (!msg_credit_decode(in->f->payload, &m, &in->why))
		return false;
	ev->credit = m.limit < LIMIT_CREDIT ? (uint32_t)m.limit : LIMIT_CREDIT;
	return intake_step(in);
}

static bool on_leases(struct intake *in, enum event_kind kind)
{
	struct event *ev = intake_event(in, kind);
	struct msg_report m; /* STARTED has the same shape */

	if (!msg_report_decode(in->f->payload, &m, &in->why) ||
		!read_leases(in, m.entries, &ev->leases.n))
		return false;
	for (uint32_t i = 0; kind == EVENT_REPORT && i < ev->leases.n; i++) {
		struct outcome o;

		if (!outcome_decode(in->e->leases[i].outcome, &o, &in->why))
			return false;
		if (o.stored && !engine_put_is_whole(in->e, in->c, &in->e->leases[i], &o))
			return intake_bad(in, "REPORT: a stored value that has not come");
	}
	ev->leases.items = in->e->leases;
	if (kind == EVENT_REPORT)
		(void)fault_point("scheduler.report");
	intake_step(in);
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
	return why ? intake_bad(in, why) : true;
}

static bool on_missing(struct intake *in)
{
	struct event *ev = intake_event(in, EVENT_MISSING);
	struct msg_missing m;

	if (!msg_missing_decode(in->f->payload, &m, &in->why) ||
		!read_copies(in, m.entries, LIMIT_DEPS_PER_TASK, &ev->missing.ncopies) ||
		!read_leases(in, m.leases, &ev->missing.nleases))
		return false;
	ev->missing.copies = in->e->copies;
	ev->missing.leases = in->e->leases;
	return intake_step(in);
}

static bool on_progress(struct intake *in)
{
	struct event *ev = intake_event(in, EVENT_PROGRESS);
	struct msg_progress m;

	if (!msg_progress_decode(in->f->payload, &m, &in->why))
		return false;
	ev->progress.id = m.id;
	ev->progress.fence = (struct fence){m.epoch, m.seq};
	ev->progress.millionths =
		m.millionths <= WIRE_MILLIONTHS ? (uint32_t)m.millionths : UINT32_MAX;
	ev->progress.text = m.text;
	return intake_step(in);
}

bool engine_in_worker(struct intake *in)
{
	switch (in->f->type) {
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
	case MSG_LEAVE:
		intake_event(in, EVENT_LEAVE);
		return intake_step(in);
	default:
		return intake_bad(in, "a message that a scheduler does not take");
	}
}
