/*
 * From updates to batches and messages. Records go into the open batch; messages are encoded at
 * once and held in the open flight, or kept as *deferred* where they need what the store will have:
 * those are made when the flight is released, after its commit.
 */
#include "scheduler/engine_impl.h"

#include "codec/pack.h"
#include "model/row.h"
#include "store/keys.h"

/* ---- records ---- */

static enum table table_of(enum record_kind kind)
{
	static const enum table of[] = {
		[RECORD_COUNTERS] = TABLE_META,
		[RECORD_BLOCK] = TABLE_BLOCK,
		[RECORD_TASK] = TABLE_TASK,
		[RECORD_GONE] = TABLE_GONE,
		[RECORD_LEASE] = TABLE_LEASE,
		[RECORD_SESSION] = TABLE_SESSION,
		[RECORD_REPLY] = TABLE_REPLY,
		[RECORD_HOLD] = TABLE_HOLD,
		[RECORD_WORKER] = TABLE_WORKER,
		[RECORD_USER] = TABLE_USER,
		[RECORD_WORK] = TABLE_WORK,
		[RECORD_STAGE] = TABLE_STAGE,
		[RECORD_THING] = TABLE_THING,
		[RECORD_AMEND] = TABLE_AMEND,
		[RECORD_ENTRY] = TABLE_ENTRY,
		[RECORD_ITEM] = TABLE_ITEM,
		[RECORD_DELIVERY] = TABLE_DELIVERY,
		[RECORD_GRANT] = TABLE_GRANT,
	};

	return of[kind];
}

static struct key key_of(const struct record *r)
{
	switch (r->kind) {
	case RECORD_COUNTERS:
		return key_meta(META_COUNTERS);
	case RECORD_BLOCK:
		return key_block(r->a);
	case RECORD_TASK:
		return key_task(r->a, (uint16_t)r->b);
	case RECORD_GONE:
		return key_gone(r->a);
	case RECORD_LEASE:
		return key_lease(r->a, r->b);
	case RECORD_SESSION:
		return key_session((uint32_t)r->a);
	case RECORD_REPLY:
		return key_reply((uint32_t)r->a, r->b);
	case RECORD_HOLD:
		return key_hold((uint32_t)r->a, r->b);
	case RECORD_WORKER:
		return key_worker((uint32_t)r->a);
	case RECORD_USER:
		return key_user((uint32_t)r->a);
	case RECORD_WORK:
		return key_work(r->a);
	case RECORD_THING:
		return key_thing(r->a);
	case RECORD_AMEND:
		return key_amend(r->a);
	case RECORD_ENTRY:
		return key_entry(r->a, r->b);
	case RECORD_STAGE:
		return key_stage((uint32_t)r->a, r->b);
	case RECORD_ITEM:
		return key_item(r->a, r->c, r->b);
	case RECORD_DELIVERY:
		return key_delivery(r->a, r->c, r->b);
	case RECORD_GRANT:
		return key_grant((uint32_t)r->a, r->b);
	case RECORD_VALUE:
		break;
	}
	unreachable();
}

static void store_records(struct engine *e)
{
	struct batch *batch = &e->batches[e->open];
	const struct update *u = &e->update;

	for (uint32_t i = 0; i < u->nrecords; i++) {
		const struct record *r = &u->records[i];

		if (r->kind == RECORD_VALUE) {
			engine_value_record(e, batch, r);
		} else if (r->move) {
			batch_move(batch, table_of(r->kind), key_of(r),
				key_item(r->to_a, r->to_c, r->to_b));
		} else if (r->del) {
			batch_del(batch, table_of(r->kind), key_of(r));
			if (r->kind == RECORD_BLOCK)
				block_cache_drop(e->blocks, r->a);
		} else {
			batch_put(
				batch, table_of(r->kind), key_of(r), update_bytes(u, r->at, r->n));
		}
	}
}

/* ---- flights ---- */

static struct flight_item *item_new(struct flight *f, enum item_kind kind, uint64_t conn)
{
	struct flight_item *i;

	if (f->n == f->cap) {
		f->cap = f->cap ? f->cap * 2 : 64;
		f->items = xreallocarray(f->items, f->cap, sizeof(*f->items));
	}
	i = &f->items[f->n++];
	*i = (struct flight_item){.kind = kind, .conn = conn};
	return i;
}

static struct flight_item *item_view(struct engine *e, enum item_kind kind, uint64_t conn,
	uint64_t request, const struct core_task_view *view)
{
	struct flight *f = engine_flight(e);
	struct flight_item *it = item_new(f, kind, conn);

	it->at = request;
	it->view = xmemdup(view, sizeof(*view));
	f->views = xreallocarray(f->views, f->shown + 1, sizeof(*f->views));
	f->views[f->shown++] = it->view;
	return it;
}

void flight_show(
	struct engine *e, uint64_t conn, uint64_t request, const struct core_task_view *view)
{
	item_view(e, ITEM_SHOW, conn, request, view);
}

void flight_history(struct engine *e, uint64_t conn, uint64_t request, struct run run, uint64_t at)
{
	struct core_task_view view = {.id = run.first, .count = run.count};

	item_view(e, ITEM_HISTORY, conn, request, &view)->n = at;
}

struct buf *flight_begin(struct engine *e)
{
	return &engine_flight(e)->bytes;
}

void flight_end(struct engine *e, uint64_t conn, size_t at)
{
	struct flight *f = engine_flight(e);
	struct flight_item *last = f->n ? &f->items[f->n - 1] : NULL;

	ensure(!f->bytes.failed);
	if (last && last->kind == ITEM_BYTES && last->conn == conn && last->at + last->n == at) {
		last->n = f->bytes.n - last->at;
		return;
	}
	last = item_new(f, ITEM_BYTES, conn);
	last->at = at;
	last->n = f->bytes.n - at;
}

void flight_clear(struct flight *f)
{
	for (size_t i = 0; i < f->shown; i++)
		free(f->views[i]);
	f->shown = 0;
	f->scanned = 0;
	f->n = f->ndeferred = f->ngrants = f->ninputs = 0;
	buf_clear(&f->bytes);
}

void flight_free(struct flight *f)
{
	flight_clear(f);
	free(f->views);
	free(f->items);
	free(f->deferred);
	free(f->grants);
	free(f->inputs);
	buf_release(&f->bytes);
}

/* ---- OUTCOMES ---- */

/* The frame of what was gathered for the connection, at the end of out. */
void outcomes_frame(struct engine_conn *c, struct buf *out)
{
	struct buf list;

	buf_init(&list, LIMIT_FRAME_BYTES);
	pack_array(&list, c->noutcomes);
	buf_append_slice(&list, buf_slice(&c->outcomes));
	msg_outcomes_encode(out, 0, &(struct msg_outcomes){.entries = buf_slice(&list)});
	buf_release(&list);
	buf_clear(&c->outcomes);
	c->noutcomes = 0;
	c->last.count = 0;
	list_remove(&c->in_telling);
}

static void flush_outcomes(struct engine *e, struct engine_conn *c)
{
	size_t at = engine_flight(e)->bytes.n;

	outcomes_frame(c, flight_begin(e));
	flight_end(e, c->number, at);
}

void engine_flush_told(struct engine *e, struct engine_conn *c)
{
	if (list_is_linked(&c->in_telling))
		flush_outcomes(e, c);
}

void engine_flush_outcomes(struct engine *e)
{
	while (!list_is_empty(&e->telling))
		flush_outcomes(e, container_of(e->telling.next, struct engine_conn, in_telling));
}

/* What a watcher needs of an outcome: without the times where that makes it plain, without a value
 * that is too long to push. */
struct slice outcome_for_watchers(struct engine *e, struct slice in)
{
	struct outcome o;
	const char *why;

	if (slice_is_empty(in) || !outcome_decode(in, &o, &why))
		return in;
	o.started_us = o.run_us = 0;
	o.peak_bytes = o.user_us = o.system_us = 0;
	if (o.is_inline && o.bytes.n > WIRE_PUSH_VALUE) {
		o.is_inline = false;
		o.bytes = slice_empty();
	}
	buf_clear(&e->list);
	outcome_encode(&e->list, &o);
	return buf_slice(&e->list);
}

static bool follows(const struct engine_conn *c, const struct outcomes_entry *n)
{
	const struct outcomes_entry *l = &c->last;

	return l->count && n->first == l->first + l->count && n->generation == l->generation &&
	       n->state == l->state && n->attempts == l->attempts &&
	       slice_eq(n->outcome, l->outcome);
}

/* Adds an end to what the connection will be told; equal ends of consecutive tasks are one entry.
 */
void outcome_tell(struct engine *e, struct engine_conn *c, const struct outcomes_entry *entry)
{
	if (follows(c, entry)) {
		c->last.count += entry->count;
		buf_truncate(&c->outcomes, c->last_at);
		outcomes_write(&c->outcomes, &c->last);
		return;
	}
	c->last_at = c->outcomes.n;
	outcomes_write(&c->outcomes, entry);
	c->noutcomes++;
	c->last.count = 0;
	if (entry->outcome.n <= sizeof(c->last_bytes)) {
		c->last = *entry;
		if (entry->outcome.n)
			memcpy(c->last_bytes, entry->outcome.p, entry->outcome.n);
		c->last.outcome = slice_of(c->last_bytes, entry->outcome.n);
	}
	if (!list_is_linked(&c->in_telling))
		list_push_back(&e->telling, &c->in_telling);
}

static void tell(struct engine *e, struct engine_conn *c, const struct outcomes_entry *entry)
{
	if (!c || c->stage == STAGE_CLOSED)
		return;
	outcome_tell(e, c, entry);
	if (c->outcomes.n > OUTCOMES_BYTES)
		flush_outcomes(e, c);
}

/* To all who watch; the outcome is made once. */
static void tell_all(struct engine *e, const struct send *s)
{
	const struct update *u = &e->update;
	struct outcomes_entry entry = {.first = s->id,
		.count = s->count,
		.generation = s->generation,
		.state = s->state,
		.attempts = s->attempts,
		.outcome =
			outcome_for_watchers(e, s->n ? update_bytes(u, s->at, s->n) : s->outcome)};

	if (s->to_n == 0)
		tell(e, engine_conn(e, s->conn), &entry);
	for (uint32_t i = 0; i < s->to_n; i++)
		tell(e, engine_conn(e, u->to[s->to_at + i]), &entry);
}

/* ---- messages that are complete ---- */

static void send_opened(struct engine *e, const struct send *s, struct buf *out)
{
	struct msg_opened m = {.session = s->session,
		.token = update_bytes(&e->update, s->at, s->n),
		.incarnation = s->incarnation,
		.last_seq = s->seq,
		.next_n = s->next_n,
		.ns = core_user_name(e->core, core_conn_user(e->core, s->conn))};

	msg_opened_encode(out, 0, &m);
}

static void send_reply(struct engine *e, const struct send *s, struct buf *out)
{
	struct msg_reply m = {.code = s->code,
		.text = update_bytes(&e->update, s->text_at, s->text_n),
		.data = update_bytes(&e->update, s->at, s->n)};

	msg_reply_encode(out, s->seq, &m);
}

static void send_joined(struct engine *e, const struct send *s, struct buf *out)
{
	uint8_t key[WIRE_TICKET_BYTES], task_key[WIRE_TICKET_BYTES];
	struct msg_joined m = {.worker = s->worker, .lease_ttl_ms = e->config.lease_ttl_ms};
	struct core_worker_view w;

	ensure(core_view_worker(e->core, s->worker, &w));
	wire_ticket_key(key, e->config.secret, w.uuid);
	m.ticket_key = slice_of(key, sizeof(key));
	engine_task_key(e, s->worker, task_key);
	m.task_key = slice_of(task_key, sizeof(task_key));
	msg_joined_encode(out, 0, &m);
}

/* STOP, SECEDED and FREE, one entry each. */
static void send_one(struct engine *e, const struct send *s, struct buf *out)
{
	buf_clear(&e->list);
	pack_array(&e->list, 1);
	if (s->kind == SEND_STOP) {
		fenced_write(&e->list,
			&(struct fenced){.id = s->id, .fence = s->fence, .extra = s->cause});
		msg_stop_encode(out, 0, &(struct msg_stop){.entries = buf_slice(&e->list)});
	} else if (s->kind == SEND_SECEDED) {
		fenced_write(&e->list,
			&(struct fenced){.id = s->id, .fence = s->fence, .extra = s->count});
		msg_seceded_encode(out, 0, &(struct msg_seceded){.entries = buf_slice(&e->list)});
	} else {
		copy_write(&e->list, &(struct copy){.id = s->id, .generation = s->generation});
		msg_free_encode(out, 0, &(struct msg_free){.entries = buf_slice(&e->list)});
	}
}

static void send_now(struct engine *e, const struct send *s)
{
	size_t at = engine_flight(e)->bytes.n;
	struct buf *out = flight_begin(e);

	switch (s->kind) {
	case SEND_OPENED:
		send_opened(e, s, out);
		break;
	case SEND_REPLY:
		send_reply(e, s, out);
		break;
	case SEND_JOINED:
		send_joined(e, s, out);
		break;
	case SEND_REPORTED:
		msg_reported_encode(out, s->seq, &(struct msg_reported){0});
		break;
	case SEND_STOP:
	case SEND_SECEDED:
	case SEND_FREE:
		send_one(e, s, out);
		break;
	default:
		unreachable();
	}
	flight_end(e, s->conn, at);
}

static void send_close(struct engine *e, struct engine_conn *c, const struct send *s)
{
	size_t at = engine_flight(e)->bytes.n;

	msg_refuse_encode(flight_begin(e), 0,
		&(struct msg_refuse){.code = s->code, .text = slice_str(s->text)});
	flight_end(e, s->conn, at);
	item_new(engine_flight(e), ITEM_CLOSE, s->conn);
	c->stage = STAGE_CLOSED;
}

/* ---- messages that wait for the store ---- */

static void defer(struct engine *e, const struct send *s)
{
	struct flight *f = engine_flight(e);
	struct deferred *d;

	if (f->ndeferred == f->deferred_cap) {
		f->deferred_cap = f->deferred_cap ? f->deferred_cap * 2 : 64;
		f->deferred = xreallocarray(f->deferred, f->deferred_cap, sizeof(*f->deferred));
	}
	d = &f->deferred[f->ndeferred];
	*d = (struct deferred){.send = *s};
	d->send.outcome = slice_empty();
	item_new(f, ITEM_DEFERRED, s->conn)->at = f->ndeferred++;
	f->scanned += s->kind == SEND_STORED_OUTCOME;
	if (s->kind != SEND_LEASE)
		return;
	if (f->ngrants + s->n > f->grants_cap) {
		f->grants_cap = (f->ngrants + s->n) * 2;
		f->grants = xreallocarray(f->grants, f->grants_cap, sizeof(*f->grants));
	}
	d->grants_at = (uint32_t)f->ngrants;
	memcpy(f->grants + f->ngrants, e->update.grants + s->at, s->n * sizeof(*f->grants));
	for (uint32_t i = 0; i < s->n; i++) {
		struct grant *g = &f->grants[f->ngrants + i];

		if (f->ninputs + g->ninputs > f->inputs_cap) {
			f->inputs_cap = (f->ninputs + g->ninputs) * 2;
			f->inputs = xreallocarray(f->inputs, f->inputs_cap, sizeof(*f->inputs));
		}
		if (g->ninputs)
			memcpy(f->inputs + f->ninputs, e->update.inputs + g->at,
				g->ninputs * sizeof(uint64_t));
		g->at = (uint32_t)f->ninputs;
		f->ninputs += g->ninputs;
	}
	f->ngrants += s->n;
}

/* Returns how many grants were told early. */
static uint32_t send_messages(struct engine *e)
{
	uint32_t early = 0;

	for (uint32_t i = 0; i < e->update.nsends; i++) {
		const struct send *s = &e->update.sends[i];
		struct engine_conn *c;

		if (s->kind == SEND_OUTCOME) {
			tell_all(e, s);
			continue;
		}
		c = engine_conn(e, s->conn);
		if (!c || c->stage == STAGE_CLOSED)
			continue;
		switch (s->kind) {
		case SEND_CLOSE:
			send_close(e, c, s);
			break;
		case SEND_STORED_REPLY:
		case SEND_STORED_OUTCOME:
		case SEND_VALUE:
		case SEND_THING:
		case SEND_LEASE:
			defer(e, s);
			break;
		case SEND_GRANT:
			if (engine_grant_early(e, s))
				early++;
			else
				defer(e, s);
			break;
		default:
			send_now(e, s);
		}
	}
	return early;
}

void engine_translate(struct engine *e)
{
	const struct update *u = &e->update;

	store_records(e);
	if (engine_is_lazy(u, send_messages(e)))
		e->lazy += u->nrecords;
	else
		e->seal_wanted = e->seal_wanted || u->seal;
	e->more = u->more;
	e->scans = u->scans;
	if (u->next_tick_us && (!e->next_tick_us || u->next_tick_us < e->next_tick_us))
		e->next_tick_us = u->next_tick_us;
}
