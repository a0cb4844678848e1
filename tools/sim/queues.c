/*
 * Simulated clients of queues: they put, alone and together with what they acknowledge, get and
 * take, withdraw, acknowledge, give back, hold for longer, purge, kick and delete; some under
 * fences that are old. What they are told is held against the book, which qbook.c keeps by the
 * records. Neighbours: client.c sends, hears.c hears.
 */
#include "sim/sim.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/ensure.h"
#include "codec/cursor.h"
#include "codec/pack.h"
#include "model/thing.h"

#include <dq/error.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PUT_MAX 4

void queues_init(struct sim *s, struct rng *rng)
{
	qbook_init(&s->queues);
	for (uint32_t i = 0; i < SIM_QUEUE_FREE; i++) {
		s->queues.q[i].maxsize = rng_chance(rng, 1, 2) ? rng_between(rng, 3, 20) : 0;
		s->queues.q[i].max_deliveries =
			rng_chance(rng, 1, 2) ? (uint32_t)rng_between(rng, 1, 4) : 0;
	}
	s->queues.q[SIM_QUEUE_FREE].created = true;
}

static struct slice name_of(char out[12], uint32_t name)
{
	return slice_of(out, (size_t)snprintf(out, 12, "q%u%s", name % SIM_QUEUES,
				     name < SIM_QUEUES ? "" : ".dead"));
}

/* ---- requests ---- */

/* A DO being made. */
struct making {
	struct sim *s;
	struct client *c;
	struct queue_deal *deal;
	struct buf ops;
};

static void make(struct making *m, struct sim *s, struct client *c)
{
	*m = (struct making){.s = s, .c = c, .deal = xcalloc(1, sizeof(struct queue_deal))};
	buf_init(&m->ops, 1 << 16);
}

static struct queue_op *add(struct making *m, const struct deal_op *op, uint32_t name)
{
	struct queue_op *o = &m->deal->ops[m->deal->nops++];
	struct deal_op named = *op;
	char text[12];

	ensure(m->deal->nops <= SIM_QUEUE_OPS);
	named.name = name_of(text, name);
	deal_op_encode(&m->ops, &named);
	*o = (struct queue_op){.kind = op->kind, .name = name};
	return o;
}

static struct request *made(struct making *m)
{
	struct request *r = client_request(m->s, m->c, REQUEST_QUEUE, NULL, 0);
	struct msg_do msg;
	struct buf all;

	r->queue = m->deal;
	for (uint64_t i = 0; i < m->deal->nitems; i++)
		m->s->queues.items[m->deal->first - 1 + i]->request = r->seq;
	buf_init(&all, 1 << 16);
	pack_array(&all, m->deal->nops);
	buf_append_slice(&all, buf_slice(&m->ops));
	msg.ops = buf_slice(&all);
	msg_do_encode(&r->frame, r->seq, &msg);
	client_request_send(m->s, m->c, r);
	buf_release(&all);
	buf_release(&m->ops);
	m->s->cover->events[SIM_QUEUE_DEAL]++;
	return r;
}

/* With the queue's making before it, where that has limits. */
static void add_put(struct making *m, uint32_t name)
{
	struct sim *s = m->s;
	const struct sim_queue *q = &s->queues.q[name];
	struct deal_op op = {
		.kind = DEAL_CREATE, .maxsize = q->maxsize, .deliveries = q->max_deliveries};
	uint32_t n = 1 + (uint32_t)rng_below(&s->rng, PUT_MAX);
	struct buf items, content;

	if (name != SIM_QUEUE_FREE)
		add(m, &op, name);
	op = (struct deal_op){.kind = DEAL_PUT,
		.priority = rng_chance(&s->rng, 1, 4) ? (int32_t)rng_below(&s->rng, 3) - 1 : 0,
		.time_us = rng_chance(&s->rng, 1, 8) ? rng_below(&s->rng, 2 * US_PER_S) : 0};
	buf_init(&items, 1 << 16);
	buf_init(&content, 4096);
	pack_array(&items, n);
	for (uint32_t k = 0; k < n; k++) {
		struct sim_item *i = qbook_add(&s->queues);

		i->queue = name;
		i->may_vanish = q->emptying != 0;
		i->session = m->c->session;
		i->priority = op.priority;
		if (!m->deal->first)
			m->deal->first = i->id;
		i->group = (uint32_t)m->deal->first;
		m->deal->nitems++;
		buf_clear(&content);
		qbook_item_content(&content, i->id);
		deal_item_encode(&items, &(struct deal_value){.content = buf_slice(&content)});
	}
	op.items = buf_slice(&items);
	add(m, &op, name);
	sim_trace(s, "%s puts items %" PRIu64 " to %" PRIu64 " into q%u", m->c->peer.name,
		s->queues.items[s->queues.n - n]->id, s->queues.items[s->queues.n - 1]->id, name);
	buf_release(&items);
	buf_release(&content);
}

static void put(struct sim *s, struct client *c)
{
	struct making m;

	make(&m, s, c);
	add_put(&m, (uint32_t)rng_below(&s->rng, SIM_QUEUES));
	if (rng_chance(&s->rng, 1, 6))
		add_put(&m, (uint32_t)rng_below(&s->rng, SIM_QUEUES));
	made(&m);
}

/* Under a fence that the client has, or had. */
static void add_settle(struct making *m, enum deal_kind kind, const struct sim_out *o)
{
	static const uint8_t bits[] = {
		[DEAL_ACK] = ASKED_ACK, [DEAL_NACK] = ASKED_NACK, [DEAL_EXTEND] = ASKED_EXTEND};
	struct sim *s = m->s;
	struct sim_item *i = o->item;
	struct deal_op op = {
		.kind = kind, .priority = i->priority, .seq = o->seq, .fence = o->fence};
	struct queue_op *q;
	uint64_t before = 0;

	if (kind == DEAL_NACK && rng_chance(&s->rng, 1, 3))
		op.time_us = rng_below(&s->rng, US_PER_S);
	if (kind == DEAL_EXTEND)
		op.time_us = rng_between(&s->rng, 10, 3000) * US_PER_MS;
	q = add(m, &op, o->name);
	q->item = i;
	q->fence = o->fence;
	q->out = *o;
	/* one that is not stored yet may be still, or is lost */
	q->stale = !i->there ||
		   (i->fence.epoch == o->fence.epoch ? i->fence.seq > o->fence.seq
						     : i->fence.epoch > o->fence.epoch) ||
		   (fence_eq(i->fence, o->fence) && !(i->out || i->granted));
	s->cover->events[SIM_STALE_ACK] += q->stale;
	map64_get(&s->queues.asked, qbook_fence(o->fence), &before);
	ensure(map64_put(&s->queues.asked, qbook_fence(o->fence), before | bits[kind]));
	if (kind == DEAL_EXTEND && !q->stale)
		i->extended_us = s->mono_us;
}

static void drop_out(struct client *c, uint32_t at)
{
	c->queues.outs[at] = c->queues.outs[--c->queues.nouts];
}

/* Acknowledges, gives back or holds on to something; at times together with a put. */
static void settle_one(struct sim *s, struct client *c, uint32_t at, bool ack)
{
	uint64_t dice = ack ? 0 : rng_below(&s->rng, 100);
	struct sim_out o = c->queues.outs[at];
	enum deal_kind kind = dice < 60 ? DEAL_ACK : dice < 80 ? DEAL_NACK : DEAL_EXTEND;
	struct making m;

	/* one that is to last, and one at a time, so that it is known since when */
	if (kind == DEAL_EXTEND && (o.owned || o.extended))
		return;
	if (kind == DEAL_EXTEND)
		c->queues.outs[at].extended = true;
	make(&m, s, c);
	add_settle(&m, kind, &o);
	if (!ack && rng_chance(&s->rng, 1, 4))
		add_put(&m, (uint32_t)rng_below(&s->rng, SIM_QUEUES));
	made(&m);
	/* some forget that they are done with it, and ask again under the old fence */
	if (kind != DEAL_EXTEND && (ack || !rng_chance(&s->rng, 1, 4)))
		drop_out(c, at);
}

static void about_queue(struct sim *s, struct client *c, enum deal_kind kind, uint32_t name)
{
	struct deal_op op = {.kind = kind, .thing = THING_QUEUE};
	struct sim_queues *q = &s->queues;
	struct making m;

	if (!q->q[name].created)
		return;
	make(&m, s, c);
	add(&m, &op, name)->made_step = s->step;
	for (uint32_t i = 0; i < q->n && kind != DEAL_KICK; i++)
		if (q->items[i]->queue == name)
			q->items[i]->may_vanish = true;
	if (kind == DEAL_KICK)
		q->q[name].kicked = true;
	else
		q->q[name].emptying++;
	made(&m);
}

/* ---- taking ---- */

static void send_take(struct sim *s, struct client *c, const struct sim_take *t)
{
	struct msg_take m = {
		.request = t->request, .count = t->count, .mode = t->mode, .lease_us = t->lease_us};
	char name[12];

	if (!c->opened)
		return;
	m.name = name_of(name, t->name);
	msg_take_encode(&s->scratch, 0, &m);
	peer_send(s, &c->peer);
}

static void take(struct sim *s, struct client *c, uint32_t name, bool get)
{
	struct sim_take *t;

	if (c->queues.ntakes == SIM_TAKES || c->queues.nouts > SIM_OUTS / 2 ||
		!s->queues.q[name % SIM_QUEUES].created)
		return;
	t = xcalloc(1, sizeof(*t));
	t->session = c->session;
	t->request = ++c->next_request;
	t->name = name;
	t->count = 1 + (uint32_t)rng_below(&s->rng, SIM_TAKE_MOST);
	t->mode = get || rng_chance(&s->rng, 1, 3) ? TAKE_GET : TAKE_LEASE;
	/* one of a session lasts as long, also where nobody can settle it any more */
	if (t->mode == TAKE_LEASE &&
		(c->named || name == SIM_QUEUE_FREE || rng_chance(&s->rng, 3, 4)))
		t->lease_us = rng_between(&s->rng, 20, 3000) * US_PER_MS;
	ensure(map64_put_ptr(&s->queues.takes, (uint64_t)t->session << 32 | t->request, t));
	c->queues.takes[c->queues.ntakes++] = t;
	send_take(s, c, t);
}

static void forget_take(struct client *c, struct sim_take *t)
{
	struct client_queues *q = &c->queues;

	t->closed = true;
	for (uint32_t i = 0; i < q->ntakes; i++)
		if (q->takes[i] == t)
			q->takes[i] = q->takes[--q->ntakes];
}

/* Acknowledges the grant, or withdraws the take, with a grant or without. */
static void answer_take(struct sim *s, struct client *c, struct sim_take *t, enum deal_kind kind)
{
	struct deal_op op = {.kind = kind, .request = t->request};
	struct making m;

	make(&m, s, c);
	add(&m, &op, t->name)->take = t;
	for (uint32_t k = 0; kind == DEAL_GRANTED && t->mode == TAKE_LEASE && k < t->ntold; k++) {
		ensure(c->queues.nouts < SIM_OUTS);
		c->queues.outs[c->queues.nouts++] = (struct sim_out){.item = t->tell[k].item,
			.name = t->name,
			.seq = t->tell[k].seq,
			.fence = t->tell[k].fence,
			.owned = t->lease_us == 0};
	}
	if (kind == DEAL_GRANTED)
		t->done_us = s->mono_us;
	else
		t->withdrawn = true;
	forget_take(c, t);
	made(&m);
}

void client_queues(struct sim *s, struct client *c)
{
	uint64_t dice = rng_below(&s->rng, 100);
	struct client_queues *q = &c->queues;

	if (dice < 35 || c->inside.parent)
		put(s, c);
	else if (dice < 65)
		take(s, c, (uint32_t)rng_below(&s->rng, SIM_QUEUE_NAMES), false);
	else if (dice < 70 && q->ntakes)
		answer_take(s, c, q->takes[rng_below(&s->rng, q->ntakes)], DEAL_WITHDRAW);
	else if (dice < 94 && q->nouts)
		settle_one(s, c, (uint32_t)rng_below(&s->rng, q->nouts), false);
	else if (dice < 96)
		about_queue(s, c, DEAL_KICK, (uint32_t)rng_below(&s->rng, SIM_QUEUE_FREE));
	else if (dice < 98)
		about_queue(
			s, c, rng_chance(&s->rng, 2, 3) ? DEAL_PURGE : DEAL_DELETE, SIM_QUEUE_FREE);
}

void queues_arrived(struct sim *s, const struct link *l, const struct frame *f)
{
	struct msg_take m;
	const char *why;
	struct sim_take *t;

	if (!msg_take_decode(f->payload, &m, &why))
		return;
	t = qbook_take(s, l->session, m.request);
	if (!t)
		return;
	t->arrival = ++s->queues.arrivals;
	t->may_be_refused = s->no_room;
	if (!t->first_arrival)
		t->first_arrival = t->arrival;
	t->conn = l->conn;
}

void queues_resend(struct sim *s, struct client *c)
{
	for (uint32_t i = 0; i < c->queues.ntakes; i++)
		if (!c->queues.takes[i]->told)
			send_take(s, c, c->queues.takes[i]);
}

void queues_forget(struct client *c, bool process)
{
	struct client_queues *q = &c->queues;

	while (q->ntakes)
		forget_take(c, q->takes[0]);
	for (uint32_t i = q->nouts; i--;)
		if (process || q->outs[i].owned)
			drop_out(c, i);
}

static void read_grant(struct sim *s, struct sim_take *t, struct slice items)
{
	struct cursor at;
	uint32_t n;

	cursor_init(&at, items);
	n = cursor_array(&at);
	if (n == 0 || n > t->count)
		sim_fail(s, "a grant of %u items, and %u were wanted", n, t->count);
	for (t->ntold = 0; t->ntold < n && !s->failed; t->ntold++) {
		struct sim_told *told = &t->tell[t->ntold];
		uint32_t have = cursor_array_min(&at, 8);

		cursor_i64(&at);
		told->seq = cursor_u64(&at);
		told->fence.epoch = cursor_u64(&at);
		told->fence.seq = cursor_u64(&at);
		cursor_u64(&at);
		told->item = qbook_item_of(s, cursor_bin(&at));
		if (!told->item || !told->item->stored || told->item->done)
			sim_fail(s, "an item is told that is none, or is done");
		cursor_skip_rest(&at, have, 6);
	}
	if (!cursor_at_end(&at))
		sim_fail(s, "the items of a grant: %s", cursor_error(&at));
}

void queues_granted(struct sim *s, struct client *c, const struct frame *f)
{
	struct sim_take *t;
	struct msg_grant m;
	const char *why;

	if (msg_grant_decode(f->payload, &m, &why) && foreign_heard(s, c, m.request, m.code))
		return;
	if (!msg_grant_decode(f->payload, &m, &why) || (m.code && m.code != DQ_E_STORE)) {
		sim_fail(s, "a GRANT that is none, or code %" PRIu64, m.code);
		return;
	}
	t = qbook_take(s, c->session, m.request);
	if (t && !t->granted && m.code && s->cover->events[SIM_FULL]) {
		forget_take(c, t);
		return;
	}
	if (!t) {
		sim_fail(s, "a grant that was not asked for");
		return;
	}
	if (t->closed)
		return; /* withdrawn meanwhile */
	if (t->told)
		sim_fail(s, "a grant is told twice");
	read_grant(s, t, m.items);
	t->told = true;
	if (t->granted)
		qbook_told(s, t);
	if (!s->failed && !c->sure_closed && !rng_chance(&s->rng, 1, 10))
		answer_take(s, c, t, rng_chance(&s->rng, 1, 12) ? DEAL_WITHDRAW : DEAL_GRANTED);
}

/* ---- answers ---- */

static bool is_live(const struct queue_op *o)
{
	return o->item->there && o->item->out && fence_eq(o->item->fence, o->fence);
}

static bool has_out(const struct client *c, const struct sim_out *o)
{
	for (uint32_t i = 0; i < c->queues.nouts; i++)
		if (fence_eq(c->queues.outs[i].fence, o->fence))
			return true;
	return false;
}

static void refused_op(
	struct sim *s, const struct client *c, const struct queue_op *o, const struct msg_reply *m)
{
	bool stale = o->item && (!is_live(o) || o->item->may_vanish);
	const struct sim_queue *q = &s->queues.q[o->name % SIM_QUEUES];

	(void)c;
	if ((m->code == DQ_E_LIMIT && o->kind == DEAL_PUT && q->maxsize) ||
		(m->code == DQ_E_CONFLICT && stale) ||
		(m->code == DQ_E_NOT_FOUND && o->name == SIM_QUEUE_FREE &&
			(o->kind == DEAL_PURGE || o->kind == DEAL_DELETE)) ||
		(m->code == DQ_E_NOT_FOUND && stale) ||
		/* told before it was stored, and lost */
		(m->code == DQ_E_GONE && o->kind == DEAL_GRANTED && !o->take->granted))
		return;
	sim_fail(s, "operation %u on q%u is refused with code %" PRIu64 ": %.*s", o->kind, o->name,
		m->code, SLICE_ARG(m->text));
}

static void refused(
	struct sim *s, struct client *c, const struct request *r, const struct msg_reply *m)
{
	const struct queue_deal *d = r->queue;
	struct cursor at;
	uint32_t i;

	for (uint64_t k = 0; k < d->nitems; k++) {
		struct sim_item *item = s->queues.items[d->first - 1 + k];

		item->refused = true;
		if (item->stored)
			sim_fail(s, "item %" PRIu64 " is refused, and was stored", item->id);
	}
	/* a delivery that was not settled is still the client's */
	for (uint32_t k = 0; k < d->nops && c->queues.nouts < SIM_OUTS / 2; k++)
		if (d->ops[k].item && is_live(&d->ops[k]) && !has_out(c, &d->ops[k].out))
			c->queues.outs[c->queues.nouts++] = d->ops[k].out;
	s->cover->events[SIM_QUEUE_REFUSED]++;
	if (m->code == DQ_E_STORE && s->cover->events[SIM_FULL])
		return;
	cursor_init(&at, m->data);
	cursor_array_min(&at, 1);
	i = cursor_u32(&at);
	if (!cursor_ok(&at) || i >= d->nops)
		sim_fail(s, "a DO on queues is refused with code %" PRIu64 ": %.*s", m->code,
			SLICE_ARG(m->text));
	else
		refused_op(s, c, &d->ops[i], m);
}

static void emptied(struct sim *s, const struct queue_op *o)
{
	for (uint32_t i = 0; i < s->queues.n; i++) {
		struct sim_item *item = s->queues.items[i];

		if (item->queue == o->name && item->acked && item->acked_step < o->made_step)
			item->purged = true;
	}
}

static void done(struct sim *s, const struct queue_op *o)
{
	struct sim_item *i = o->item;
	bool still = i && is_live(o);

	if (o->stale)
		sim_fail(s, "item %" PRIu64 ": operation %u is done under a fence that was over",
			i->id, o->kind);
	if ((o->kind == DEAL_ACK && i->there) || (o->kind == DEAL_NACK && still))
		sim_fail(
			s, "item %" PRIu64 ": operation %u is done, and it is out", i->id, o->kind);
	if (o->kind == DEAL_ACK && i->done)
		sim_fail(s, "item %" PRIu64 " is acknowledged twice", i->id);
	if (o->kind == DEAL_ACK)
		i->done = true;
	if (o->kind == DEAL_GRANTED && !o->take->granted)
		sim_fail(s, "take %" PRIu64 " is acknowledged, and was not granted",
			o->take->request);
	if (o->take && o->take->granted && !o->take->over)
		sim_fail(s, "take %" PRIu64 " is answered, and is there", o->take->request);
	for (uint32_t k = 0; o->kind == DEAL_GRANTED && o->take->mode == TAKE_GET && k < o->take->n;
		k++) {
		if (o->take->items[k]->there || o->take->items[k]->done)
			sim_fail(s, "item %" PRIu64 " was got, and is there, or was done",
				o->take->items[k]->id);
		o->take->items[k]->done = true;
	}
}

void queues_answered(
	struct sim *s, struct client *c, const struct request *r, const struct msg_reply *m)
{
	const struct queue_deal *d = r->queue;

	for (uint32_t i = 0; i < d->nops; i++)
		s->queues.q[d->ops[i].name % SIM_QUEUES].emptying -=
			d->ops[i].kind == DEAL_PURGE || d->ops[i].kind == DEAL_DELETE;
	if (m->code) {
		refused(s, c, r, m);
		return;
	}
	for (uint64_t k = 0; k < d->nitems; k++) {
		struct sim_item *item = s->queues.items[d->first - 1 + k];

		item->acked = true;
		item->acked_step = s->step;
		if (!item->stored)
			sim_fail(s, "item %" PRIu64 " is acknowledged, and not stored", item->id);
	}
	for (uint32_t i = 0; i < d->nops && !s->failed; i++) {
		done(s, &d->ops[i]);
		if (d->ops[i].kind == DEAL_PURGE || d->ops[i].kind == DEAL_DELETE)
			emptied(s, &d->ops[i]);
	}
}

/* ---- the end ---- */

static bool has_take(const struct client *c, uint32_t name)
{
	for (uint32_t i = 0; i < c->queues.ntakes; i++)
		if (c->queues.takes[i]->name == name)
			return true;
	return false;
}

void queues_settle(struct sim *s, struct client *c)
{
	struct client_queues *q = &c->queues;

	if (!c->opened || c->sure_closed || c->nrequests > 12)
		return;
	for (uint32_t i = 0; i < q->ntakes; i++)
		if (q->takes[i]->told || !qbook_has(s, q->takes[i]->name)) {
			answer_take(s, c, q->takes[i],
				q->takes[i]->told ? DEAL_GRANTED : DEAL_WITHDRAW);
			return;
		}
	if (q->nouts) {
		settle_one(s, c, 0, true);
		return;
	}
	for (uint32_t name = 0; name < SIM_QUEUE_NAMES; name++)
		if (qbook_has(s, name) && !has_take(c, name))
			take(s, c, name, true);
}

bool queues_settled(const struct sim *s, const struct client *c)
{
	return c->queues.ntakes == 0 && c->queues.nouts == 0 && s->queues.nlive == 0;
}
