/*
 * Messages made after their commit, from what the store has: leases with specs and inputs, values,
 * outcomes of tasks that had ended, stored replies. And the release of a flight.
 */
#include "scheduler/engine_impl.h"

#include "base/fault.h"
#include "base/log.h"
#include "codec/pack.h"
#include "model/row.h"
#include "model/value.h"
#include "store/keys.h"

#define LEASE_FRAME_BYTES ((size_t)4 << 20) /* no further lease is added past this */
#define LEASES_MAX_BYTES (LIMIT_FRAME_BYTES - LIMIT_HELLO_BYTES)

static bool get(struct engine *e, enum table table, struct key key, struct slice *value)
{
	return e->port.get(e->port.arg, table, key_slice(&key), value);
}

bool engine_row(struct engine *e, uint64_t id, uint16_t round, struct task_row *row)
{
	struct slice value;
	const char *why;

	return get(e, TABLE_TASK, key_task(id, round), &value) && task_row_decode(value, row, &why);
}

bool engine_end_of(struct engine *e, uint64_t id, uint16_t round, struct task_row *row)
{
	for (uint16_t back = 0; back < ROUNDS_KEPT && back <= round; back++)
		if (engine_row(e, id, (uint16_t)(round - back), row) &&
			task_state_is_final(row->state))
			return true;
	return false;
}

static void send_frame(struct engine *e, uint64_t conn, struct buf *frame)
{
	if (!frame->failed)
		e->port.send(e->port.arg, conn, buf_slice(frame));
}

/* What the store must have cannot be read: rather than be told something else, the peer comes back
 * and asks again. */
static void unreadable(struct engine *e, uint64_t conn, const char *what, uint64_t id)
{
	struct engine_conn *c = engine_conn(e, conn);

	log_error("the store has no record of what it was given: %s %llx", what,
		(unsigned long long)id);
	if (c)
		engine_refuse(e, c, DQ_E_STORE, "a record of the store cannot be read");
}

/* Who holds a value, as [[address, ticket], ...]; returns how many. */
uint32_t where_encode(
	struct engine *e, struct buf *out, uint64_t id, uint32_t generation, uint64_t checksum)
{
	uint32_t workers[ROW_HOLDERS], n = core_holders(e->core, id, workers, ROW_HOLDERS),
				       found = 0;
	struct core_worker_view v[ROW_HOLDERS];
	struct core_task_view task;

	if (!n && core_view_task(e->core, id, &task) && task.stored) {
		engine_where_own(e, out, id, generation, checksum);
		return 1;
	}
	for (uint32_t i = 0; i < n; i++)
		if (core_view_worker(e->core, workers[i], &v[found]) && v[found].address.n)
			found++;
	pack_array(out, found);
	for (uint32_t i = 0; i < found; i++) {
		uint8_t key[WIRE_TICKET_BYTES], ticket[WIRE_TICKET_BYTES];

		wire_ticket_key(key, e->config.secret, v[i].uuid);
		wire_ticket(ticket, slice_of(key, sizeof(key)), id, generation, checksum);
		where_write(out, v[i].address, slice_of(ticket, sizeof(ticket)));
	}
	return found;
}

/* ---- LEASE ---- */

/* One input of a leased task, but for where it is; false: it cannot be read. */
static bool input_of(struct engine *e, uint64_t id, struct lease_input *in)
{
	static const uint8_t nil = 0xc0;
	struct core_task_view v = {0};
	struct task_row row;
	struct outcome o;
	const char *why;

	(void)core_view_task(e->core, id, &v);
	*in = (struct lease_input){.id = id,
		.is_inline = true,
		.type = slice_str("msgpack"),
		.bytes = slice_of(&nil, 1)};
	if (!engine_end_of(e, id, v.round, &row) || !outcome_decode(row.outcome, &o, &why))
		return false;
	if (o.state != TASK_DONE) {
		/* the task runs whatever became of this one */
		in->type = slice_str(VALUE_TYPE_NONE);
		in->bytes = slice_empty();
		return true;
	}
	if (!o.has_value)
		return true;
	in->generation = row.generation;
	in->type = o.type;
	in->size = o.size;
	in->checksum = o.checksum;
	in->is_inline = o.is_inline;
	in->bytes = o.bytes;
	in->frames = o.nframes ? o.frames : slice_empty();
	return true;
}

static bool write_inputs(
	struct engine *e, const uint64_t *ids, uint32_t n, struct lease_input *inputs)
{
	size_t *at = xcalloc(n + 1, sizeof(*at));
	bool ok = true;

	buf_clear(&e->list);
	for (uint32_t i = 0; i < n; i++) {
		ok = input_of(e, ids[i], &inputs[i]) && ok;
		at[i] = e->list.n;
		if (!inputs[i].is_inline)
			where_encode(e, &e->list, ids[i], inputs[i].generation, inputs[i].checksum);
	}
	at[n] = e->list.n;
	for (uint32_t i = 0; i < n; i++)
		inputs[i].where = slice_of(e->list.p + at[i], at[i + 1] - at[i]);
	free(at);
	return ok;
}

enum granted { GRANTED, GRANT_OVER, GRANT_UNREADABLE, GRANT_TOO_LONG };

/* One lease into list; what is left of one that is not GRANTED is the caller's to cut off. */
static enum granted write_grant(
	struct engine *e, const struct flight *f, const struct grant *g, struct buf *list)
{
	struct core_task_view view;
	struct block_task t;
	struct lease_input *inputs = NULL;
	bool readable = true;
	struct lease_item item = {.id = g->id,
		.generation = g->generation,
		.attempt = g->attempt,
		.flags = (g->remake ? LEASE_FLAG_REMAKE : 0) | (g->ahead ? LEASE_FLAG_AHEAD : 0) |
			 (g->suspect ? LEASE_FLAG_SUSPECT : 0) | (g->store ? LEASE_FLAG_STORE : 0),
		.element = -1,
		.timeout_us = g->timeout_us,
		.cpus = g->cpus,
		.priority = g->priority,
		.lane = g->lane,
		.ninputs = g->ninputs};
	char key[TASK_KEY_TEXT];

	if (!core_view_task(e->core, g->id, &view))
		return GRANT_OVER;
	if (!block_cache_get(e->blocks, view.block_first, g->id, &t))
		return GRANT_UNREADABLE;
	item.spec = t.spec;
	item.element_input = t.input;
	if (t.array)
		item.element = t.index;
	item.key = engine_key(e, g->id, key);
	if (g->ninputs) {
		inputs = xcalloc(g->ninputs, sizeof(*inputs));
		readable = write_inputs(e, f->inputs + g->at, g->ninputs, inputs);
	}
	if (readable)
		lease_item_write(list, &item, inputs);
	free(inputs);
	if (!readable)
		return GRANT_UNREADABLE;
	return list->failed || e->list.failed ? GRANT_TOO_LONG : GRANTED;
}

/* Leases from the i-th on, as many as fit a frame; returns how many. A task that was forgotten
 * meanwhile ends a frame, for fences count on; one that does not fit is tried again alone. *next:
 * where to go on. */
static uint32_t gather_leases(struct engine *e, const struct flight *f, const struct deferred *d,
	uint32_t i, struct buf *list, uint32_t *next)
{
	uint32_t n = 0;

	for (; i < d->send.n && list->n < LEASE_FRAME_BYTES; i++, n++) {
		const struct grant *g = &f->grants[d->grants_at + i];
		size_t before = list->n;
		enum granted end = write_grant(e, f, g, list);

		if (end == GRANTED)
			continue;
		buf_truncate(list, before);
		if (n)
			break;
		if (end == GRANT_UNREADABLE)
			unreadable(e, d->send.conn, "task", g->id);
		else if (end == GRANT_TOO_LONG)
			engine_unfit(e, d->send.conn, g->id,
				(struct fence){d->send.fence.epoch, d->send.fence.seq + i});
		i++;
		break;
	}
	*next = i;
	return n;
}

/* Frames of a bundle: one, unless it is very large. */
static void send_lease(struct engine *e, const struct flight *f, const struct deferred *d)
{
	uint32_t next;

	(void)fault_point("scheduler.lease");
	for (uint32_t i = 0; i < d->send.n; i = next) {
		struct msg_lease m = {
			.epoch = d->send.fence.epoch, .first_seq = d->send.fence.seq + i};
		struct buf list, whole, frame;
		uint32_t n;

		buf_init(&list, LEASES_MAX_BYTES);
		buf_init(&whole, FRAME_MAX_PAYLOAD);
		buf_init(&frame, FRAME_MAX_PAYLOAD);
		n = gather_leases(e, f, d, i, &list, &next);
		ensure(next > i);
		if (n) {
			pack_array(&whole, n);
			buf_append_slice(&whole, buf_slice(&list));
			m.entries = buf_slice(&whole);
			msg_lease_encode(&frame, 0, &m);
			send_frame(e, d->send.conn, &frame);
		}
		buf_release(&whole);
		buf_release(&frame);
		buf_release(&list);
	}
}

/* ---- VALUE, stored outcomes and replies ---- */

/* As it was when that was decided: since then it may have begun anew, or be gone. */
static uint16_t round_of(const struct send *s)
{
	return (uint16_t)(s->generation >> 16);
}

static void send_value(struct engine *e, const struct send *s)
{
	struct msg_value m = {
		.request = s->seq, .id = s->id, .code = s->code, .text = slice_str(s->text)};
	struct core_task_view v;
	struct task_row row;
	struct outcome o;
	struct buf frame;
	const char *why;

	if (m.code == DQ_E_OK && (!engine_end_of(e, s->id, round_of(s), &row) ||
					 !outcome_decode(row.outcome, &o, &why))) {
		if (core_view_task(e->core, s->id, &v)) {
			unreadable(e, s->conn, "task", s->id);
			return;
		}
		m.code = DQ_E_GONE;
		m.text = slice_str("there is no such task any more");
	}
	buf_clear(&e->list);
	if (m.code == DQ_E_OK) {
		m.generation = row.generation;
		m.outcome = row.outcome;
		if (o.has_value && !o.is_inline) {
			where_encode(e, &e->list, s->id, row.generation, o.checksum);
			m.where = buf_slice(&e->list);
		}
	}
	buf_init(&frame, FRAME_MAX_PAYLOAD);
	msg_value_encode(&frame, 0, &m);
	send_frame(e, s->conn, &frame);
	buf_release(&frame);
}

/* What tell_stored() gathered. */
static void send_told(struct engine *e, struct engine_conn *c)
{
	struct buf frame;

	buf_init(&frame, FRAME_MAX_PAYLOAD);
	outcomes_frame(c, &frame);
	send_frame(e, c->number, &frame);
	buf_release(&frame);
}

static void tell_stored(struct engine *e, const struct send *s)
{
	struct outcomes_entry entry = {.first = s->id, .count = 1, .state = TASK_GONE};
	struct engine_conn *c = engine_conn(e, s->conn);
	struct core_task_view v;
	struct task_row row;

	if (!c)
		return;
	if (engine_end_of(e, s->id, round_of(s), &row)) {
		entry.state = row.state;
		entry.generation = row.generation;
		entry.attempts = row.attempts;
		entry.outcome = outcome_for_watchers(e, row.outcome);
	} else if (core_view_task(e->core, s->id, &v)) {
		unreadable(e, s->conn, "task", s->id);
		return;
	}
	outcome_tell(e, c, &entry);
	if (c->outcomes.n > OUTCOMES_BYTES)
		send_told(e, c);
}

static void send_stored_reply(struct engine *e, const struct send *s)
{
	struct msg_reply m = {0};
	struct reply_record r;
	struct slice value;
	struct buf frame;
	const char *why;

	if (get(e, TABLE_REPLY, key_reply(s->session, s->seq), &value) &&
		reply_record_decode(value, &r, &why)) {
		m = (struct msg_reply){.code = r.code, .text = r.text, .data = r.data};
	} else if (s->n) {
		unreadable(e, s->conn, "reply", s->seq);
		return;
	}
	buf_init(&frame, FRAME_MAX_PAYLOAD);
	msg_reply_encode(&frame, s->seq, &m);
	send_frame(e, s->conn, &frame);
	buf_release(&frame);
}

static void release_deferred(struct engine *e, const struct flight *f, const struct deferred *d)
{
	switch (d->send.kind) {
	case SEND_LEASE:
		send_lease(e, f, d);
		break;
	case SEND_VALUE:
		send_value(e, &d->send);
		break;
	case SEND_STORED_OUTCOME:
		tell_stored(e, &d->send);
		break;
	case SEND_STORED_REPLY:
		send_stored_reply(e, &d->send);
		break;
	case SEND_THING:
		engine_send_thing(e, &d->send);
		break;
	case SEND_GRANT:
		engine_send_grant(e, &d->send);
		break;
	default:
		unreachable();
	}
}

void flight_release(struct engine *e, struct flight *f)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct flight_item *it = &f->items[i];
		struct engine_conn *c = engine_conn(e, it->conn);

		if (!c)
			continue;
		switch (it->kind) {
		case ITEM_BYTES:
			/* what was decided before it leaves before it */
			if (list_is_linked(&c->in_telling))
				send_told(e, c);
			e->port.send(e->port.arg, it->conn, slice_of(f->bytes.p + it->at, it->n));
			break;
		case ITEM_CLOSE:
			e->port.close(e->port.arg, it->conn);
			break;
		case ITEM_DEFERRED:
			release_deferred(e, f, &f->deferred[it->at]);
			break;
		case ITEM_SHOW:
			engine_show(e, it->conn, it->at, it->view);
			break;
		case ITEM_HISTORY:
			engine_history(e, it->conn, it->at,
				(struct run){it->view->id, it->view->count}, it->n);
			break;
		}
	}
	f->n = 0;
	/* the outcomes of the open flight were flushed before */
	while (!list_is_empty(&e->telling))
		send_told(e, container_of(e->telling.next, struct engine_conn, in_telling));
}
