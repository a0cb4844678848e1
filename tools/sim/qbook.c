/*
 * The book of queues: the records of each batch, in their order, held against what clients asked
 * for. What comes in was put, once; nothing goes out that was not acknowledged under the fence of
 * its last delivery, got, or purged; nothing comes back before its lease or its session is over; a
 * grant has what comes first, and goes to who came first; fences grow; no queue is over its limits.
 * Neighbours: queues.c, whose clients ask; watch.c, which calls this for each batch.
 */
#include "sim/sim.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/ensure.h"
#include "codec/cursor.h"
#include "model/content.h"
#include "model/decode.h"
#include "model/thing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ITEM_TYPE "sim/item"

uint64_t qbook_fence(struct fence f)
{
	ensure(f.seq < 1u << 24);
	return f.epoch << 24 | f.seq;
}

static uint64_t place_key(uint64_t thing, uint32_t rank, uint64_t seq)
{
	ensure(thing < 1u << 30 && seq < 1u << 24);
	return thing << 32 | (uint64_t)(rank & 0xff) << 24 | seq;
}

static struct sim_item *item_at(struct sim *s, uint64_t thing, uint32_t rank, uint64_t seq)
{
	return map64_get_ptr(&s->queues.places, place_key(thing, rank, seq));
}

void qbook_init(struct sim_queues *q)
{
	map64_init(&q->things);
	map64_init(&q->places);
	map64_init(&q->takes);
	map64_init(&q->asked);
	map64_init(&q->last);
}

void qbook_release(struct sim_queues *q)
{
	struct map64_iter it = {0};
	uint64_t key;
	void *p;

	for (uint32_t i = 0; i < q->n; i++)
		free(q->items[i]);
	free(q->items);
	free(q->live);
	while (map64_next_ptr(&q->takes, &it, &key, &p)) {
		free(((struct sim_take *)p)->items);
		free(p);
	}
	map64_release(&q->things);
	map64_release(&q->places);
	map64_release(&q->takes);
	map64_release(&q->asked);
	map64_release(&q->last);
}

struct sim_item *qbook_add(struct sim_queues *q)
{
	struct sim_item *i = xcalloc(1, sizeof(*i));

	if (q->n == q->cap) {
		q->cap = q->cap ? q->cap * 2 : 64;
		q->items = xreallocarray(q->items, q->cap, sizeof(*q->items));
	}
	q->items[q->n++] = i;
	i->id = q->n;
	return i;
}

struct sim_take *qbook_take(struct sim *s, uint32_t session, uint64_t request)
{
	return map64_get_ptr(&s->queues.takes, (uint64_t)session << 32 | request);
}

void qbook_item_content(struct buf *out, uint64_t id)
{
	uint8_t bytes[8];
	struct content content = {.type = slice_str(ITEM_TYPE), .bytes = slice_of(bytes, 8)};

	le_put(bytes, id, 8);
	content_encode(out, &content);
}

struct sim_item *qbook_item_of(struct sim *s, struct slice bin)
{
	struct content content;
	const char *why;
	uint64_t id;

	if (!content_decode(bin, &content, &why) || !slice_eq_str(content.type, ITEM_TYPE) ||
		content.bytes.n != 8)
		return NULL;
	id = le_get(content.bytes.p, 8);
	return id && id <= s->queues.n ? s->queues.items[id - 1] : NULL;
}

/* ---- what may happen ---- */

static bool is_over(struct sim *s, uint32_t session)
{
	const struct client *c = client_of_session(s, session);

	return !c || c->reborn || !client_session_is_sure(s, c);
}

static uint64_t asked(struct sim *s, struct fence f)
{
	uint64_t bits = 0;

	map64_get(&s->queues.asked, qbook_fence(f), &bits);
	return bits;
}

/* The delivery is over without an ack: was it given back, or is its time over? */
static void came_back(struct sim *s, const struct sim_item *i)
{
	uint64_t from = i->armed_us > s->started_us ? i->armed_us : s->started_us;

	if (asked(s, i->fence) & ASKED_NACK)
		return;
	if (i->lease_us ? s->mono_us - from < i->lease_us : !is_over(s, i->owner))
		sim_fail(s,
			"item %" PRIu64 " comes back, and nobody gave it back: lease %" PRIu64
			", out for %" PRIu64,
			i->id, i->lease_us, s->mono_us - from);
	s->cover->events[SIM_LEASE_OVER]++;
}

static bool waits(const struct sim_item *i)
{
	return i->there && !i->out && !i->granted;
}

/* Nothing waits that comes before it. */
static void comes_first(struct sim *s, const struct sim_item *i)
{
	for (uint32_t k = 0; k < s->queues.nlive; k++) {
		const struct sim_item *o = s->queues.live[k];

		if (o->thing == i->thing && o != i && waits(o) && !o->due_us && !o->may_vanish &&
			(o->rank < i->rank || (o->rank == i->rank && o->seq < i->seq)))
			sim_fail(s, "item %" PRIu64 " is granted before item %" PRIu64, i->id,
				o->id);
	}
}

/* Its session has come by another connection, as it was told, and what this one said later counts
 * for nothing. */
static bool was_left(struct sim *s, const struct link *l, uint32_t session)
{
	for (const struct link *k = s->links; k; k = k->next)
		if (k->session == session && k->conn > l->conn)
			return true;
	return false;
}

static bool is_waiting(struct sim *s, const struct sim_take *t)
{
	const struct link *l = link_of(s, t->conn);
	const struct client *c = client_of_session(s, t->session);

	return t->arrival && !t->granted && !t->withdrawn && !t->closed && l && !l->up.deaf &&
	       !was_left(s, l, t->session) && c && !c->sure_closed;
}

/* Nobody waits in the queue who came before. */
static void came_first(struct sim *s, const struct sim_take *t)
{
	struct map64_iter it = {0};
	uint64_t key;
	void *p;

	while (map64_next_ptr(&s->queues.takes, &it, &key, &p)) {
		const struct sim_take *o = p;

		if (o->name == t->name && o->arrival < t->first_arrival && !o->may_be_refused &&
			is_waiting(s, o))
			sim_fail(s,
				"take %" PRIu64 " of session %u is served before take %" PRIu64
				" of session %u, which came first",
				t->request, t->session, o->request, o->session);
	}
}

/* ---- records ---- */

static uint64_t name_of(struct sim *s, uint64_t thing)
{
	uint64_t name = SIM_QUEUE_NAMES;

	map64_get(&s->queues.things, thing, &name);
	return name;
}

bool qbook_has(struct sim *s, uint32_t name)
{
	for (uint32_t k = 0; k < s->queues.nlive; k++)
		if (name_of(s, s->queues.live[k]->thing) == name)
			return true;
	return false;
}

static void place(struct sim *s, struct sim_item *i, uint64_t thing, uint32_t rank, uint64_t seq)
{
	if (item_at(s, thing, rank, seq))
		sim_fail(s, "item %" PRIu64 " takes the place of another", i->id);
	i->thing = thing;
	i->rank = rank;
	i->seq = seq;
	ensure(map64_put_ptr(&s->queues.places, place_key(thing, rank, seq), i));
}

/* A producer's items of a priority stand in the order in which it put them. */
static void in_order(struct sim *s, const struct sim_item *i)
{
	uint64_t key = (uint64_t)i->session << 32 | i->queue << 8 | (uint8_t)(i->priority + 1);
	const struct sim_item *last = map64_get_ptr(&s->queues.last, key);

	if (last && (last->id > i->id ||
			    (last->thing == i->thing && last->seq >= i->seq && last->there)))
		sim_fail(s, "item %" PRIu64 " is put behind item %" PRIu64, last->id, i->id);
	ensure(map64_put(&s->queues.last, key, (uint64_t)(uintptr_t)i));
}

static void item_put(struct sim *s, uint64_t thing, uint32_t rank, uint64_t seq, struct slice value)
{
	struct sim_queues *q = &s->queues;
	struct item_record r;
	struct sim_item *i;
	const char *why = "";

	i = item_record_decode(value, &r, &why) ? qbook_item_of(s, r.content) : NULL;
	if (!i || i->stored || i->refused || name_of(s, thing) != i->queue ||
		item_priority(rank) != i->priority) {
		sim_fail(s, "an item is stored that nobody put, or twice: %" PRIu64 " %s",
			i ? i->id : 0, why);
		return;
	}
	i->stored = i->there = true;
	i->due_us = i->record_due_us = r.due_us;
	place(s, i, thing, rank, seq);
	in_order(s, i);
	if (q->nlive == q->live_cap) {
		q->live_cap = q->live_cap ? q->live_cap * 2 : 64;
		q->live = xreallocarray(q->live, q->live_cap, sizeof(*q->live));
	}
	q->live[q->nlive++] = i;
}

static const struct sim_take *take_with(struct sim *s, const struct sim_item *i)
{
	struct map64_iter it = {0};
	uint64_t key;
	void *p;

	while (map64_next_ptr(&s->queues.takes, &it, &key, &p)) {
		const struct sim_take *t = p;

		for (uint32_t k = 0; t->granted && !t->over && k < t->n; k++)
			if (t->items[k] == i)
				return t;
	}
	return NULL;
}

static void item_gone(struct sim *s, uint64_t thing, uint32_t rank, uint64_t seq)
{
	struct sim_queues *q = &s->queues;
	struct sim_item *i = item_at(s, thing, rank, seq);
	const struct sim_take *t;
	uint32_t k = 0;

	if (!i) {
		sim_fail(s, "an item goes that is not there");
		return;
	}
	t = i->granted ? take_with(s, i) : NULL;
	if (!(i->out && asked(s, i->fence) & ASKED_ACK) &&
		!(t && t->mode == TAKE_GET && t->done_us) && !i->may_vanish)
		sim_fail(s, "item %" PRIu64 " goes, and nobody acknowledged it under its fence",
			i->id);
	i->there = i->out = i->granted = false;
	map64_remove_ptr(&q->places, place_key(thing, rank, seq));
	while (q->live[k] != i)
		k++;
	q->live[k] = q->live[--q->nlive];
}

static void item_moved(struct sim *s, const struct batch_op *op)
{
	uint64_t thing = 0, seq = 0, to_thing = 0, to_seq = 0, from, to;
	uint32_t rank = 0, to_rank = 0;
	struct sim_item *i = NULL;

	if (key_read_item(op->key, &thing, &rank, &seq) &&
		key_read_item(op->value, &to_thing, &to_rank, &to_seq))
		i = item_at(s, thing, rank, seq);
	if (!i) {
		sim_fail(s, "an item moves that is not there");
		return;
	}
	from = name_of(s, thing);
	to = name_of(s, to_thing);
	if (from < SIM_QUEUES && to == from + SIM_QUEUES && i->out &&
		s->queues.q[from].max_deliveries &&
		i->deliveries >= s->queues.q[from].max_deliveries) {
		came_back(s, i);
		s->cover->events[SIM_DEAD_LETTER]++;
	} else if (from < SIM_QUEUES || to != from - SIM_QUEUES || !s->queues.q[to].kicked ||
		   !waits(i)) {
		sim_fail(s, "item %" PRIu64 " moves after %u deliveries", i->id, i->deliveries);
	}
	i->out = false;
	i->deliveries = 0;
	/* its record moves as it is: after a step back of the clock and a start it is early again
	 */
	i->due_us = i->record_due_us;
	map64_remove_ptr(&s->queues.places, place_key(thing, rank, seq));
	place(s, i, to_thing, to_rank, to_seq);
}

static void went_out(struct sim *s, struct sim_item *i, const struct delivery_record *r)
{
	const struct sim_take *t = i->granted ? take_with(s, i) : NULL;

	if (!fence_eq(r->fence, i->fence)) {
		sim_fail(s, "item %" PRIu64 " is out under a fence that was not granted", i->id);
	} else if (i->out) {
		if (!(asked(s, i->fence) & ASKED_EXTEND) || r->deliveries != i->deliveries)
			sim_fail(s, "item %" PRIu64 " is out again", i->id);
		i->armed_us = i->extended_us;
	} else {
		if (!t || t->mode != TAKE_LEASE || !t->done_us ||
			r->deliveries != i->deliveries + 1)
			sim_fail(s, "item %" PRIu64 " is out, and nobody took it", i->id);
		i->armed_us = t ? t->done_us : 0;
	}
	i->out = true;
	i->granted = false;
	i->due_us = 0;
	i->deliveries = r->deliveries;
	i->owner = r->session;
	i->lease_us = r->lease_us;
}

static void delivery_put(
	struct sim *s, uint64_t thing, uint32_t rank, uint64_t seq, struct slice value)
{
	struct sim_item *i = item_at(s, thing, rank, seq);
	struct delivery_record r;
	const char *why = "";
	uint64_t name = name_of(s, thing);

	if (!delivery_record_decode(value, &r, &why) || !i) {
		sim_fail(s, "a delivery of no item: %s", why);
		return;
	}
	if (r.state == DELIVERY_OUT) {
		went_out(s, i, &r);
		return;
	}
	if (!i->out || r.deliveries != i->deliveries)
		sim_fail(s, "item %" PRIu64 " comes back, and was not out", i->id);
	came_back(s, i);
	if (name < SIM_QUEUES && s->queues.q[name].max_deliveries &&
		r.deliveries >= s->queues.q[name].max_deliveries)
		sim_fail(s, "item %" PRIu64 " waits after %u deliveries", i->id, r.deliveries);
	i->out = false;
	i->due_us = r.due_us;
}

static void granted_one(struct sim *s, struct sim_take *t, uint32_t k, struct grant_entry e)
{
	struct fence f = {t->first.epoch, t->first.seq + k};
	struct sim_item *i = t->items[k];

	if (!waits(i) || i->purged || i->done || i->due_us > s->wall_most_us)
		sim_fail(s, "item %" PRIu64 " is granted, and does not wait", i->id);
	if (f.epoch < i->fence.epoch || (f.epoch == i->fence.epoch && f.seq <= i->fence.seq))
		sim_fail(s, "item %" PRIu64 ": its fence does not grow", i->id);
	if (e.deliveries != i->deliveries + 1)
		sim_fail(s, "item %" PRIu64 " is said to be delivered %u times, not %u", i->id,
			e.deliveries, i->deliveries + 1);
	comes_first(s, i);
	i->granted = true;
	i->fence = f;
	s->cover->events[e.deliveries > 1 ? SIM_AGAIN : SIM_TAKEN]++;
}

void qbook_told(struct sim *s, const struct sim_take *t)
{
	if (t->n != t->ntold)
		sim_fail(s, "a grant of %u items is told as %u", t->n, t->ntold);
	for (uint32_t k = 0; k < t->n && !s->failed; k++)
		if (t->tell[k].item != t->items[k] ||
			!fence_eq(
				t->tell[k].fence, (struct fence){t->first.epoch, t->first.seq + k}))
			sim_fail(s, "item %" PRIu64 " is told as another, or with another fence",
				t->items[k]->id);
}

static void grant_put(struct sim *s, uint32_t session, uint64_t request, struct slice value)
{
	struct sim_take *t = qbook_take(s, session, request);
	struct grant_record r;
	const char *why = "";

	if (!grant_record_decode(value, &r, &why) || !t || t->granted || !t->arrival ||
		r.count > t->count || r.mode != t->mode || name_of(s, r.thing) != t->name ||
		r.count == 0) {
		sim_fail(s, "take %" PRIu64 " of session %u is granted, and is not wanted: %s",
			request, session, why);
		return;
	}
	came_first(s, t);
	t->granted = true;
	t->first = r.first;
	t->items = xcalloc(r.count, sizeof(*t->items));
	for (uint32_t k = 0; k < r.count && !s->failed; k++) {
		struct grant_entry e = grant_entry_at(r.entries, k);

		t->items[k] = item_at(s, r.thing, e.rank, e.seq);
		if (!t->items[k])
			sim_fail(s, "an item is granted that is not there");
		else
			granted_one(s, t, k, e);
		t->n = k + 1;
	}
	if (t->told && !s->failed)
		qbook_told(s, t);
}

/* What was not taken waits again. */
static void grant_gone(struct sim *s, uint32_t session, uint64_t request)
{
	struct sim_take *t = qbook_take(s, session, request);

	if (!t || !t->granted || t->over) {
		sim_fail(s, "a grant goes that is not there");
		return;
	}
	t->over = true;
	for (uint32_t k = 0; k < t->n; k++) {
		if (!t->items[k]->granted)
			continue;
		if (!t->withdrawn && !is_over(s, session))
			sim_fail(s, "take %" PRIu64 " of session %u is over, and nobody wants that",
				request, session);
		t->items[k]->granted = false;
		s->cover->events[SIM_WITHDRAWN]++;
	}
}

static void thing_put(struct sim *s, uint64_t number, struct slice value)
{
	struct thing_record r;
	const char *why;
	uint64_t name;

	if (!thing_record_decode(value, &r, &why) || r.kind != THING_QUEUE)
		return;
	name = (uint64_t)(r.name.n > 1 ? r.name.p[1] - '0' : SIM_QUEUE_NAMES);
	if (r.name.n > 2)
		name += SIM_QUEUES;
	if (name >= SIM_QUEUE_NAMES)
		sim_fail(s, "a queue that nobody made: %.*s", SLICE_ARG(r.name));
	else if (name < SIM_QUEUES)
		s->queues.q[name].created = true;
	ensure(map64_put(&s->queues.things, number, name));
}

static void one(struct sim *s, const struct batch_op *op)
{
	uint64_t a = 0, b = 0;
	uint32_t c = 0;

	switch (op->table) {
	case TABLE_THING:
		if (op->is_put && key_read_thing(op->key, &a))
			thing_put(s, a, op->value);
		break;
	case TABLE_ITEM:
		key_read_item(op->key, &a, &c, &b);
		if (op->is_move)
			item_moved(s, op);
		else if (op->is_put)
			item_put(s, a, c, b, op->value);
		else
			item_gone(s, a, c, b);
		break;
	case TABLE_DELIVERY:
		key_read_delivery(op->key, &a, &c, &b);
		if (op->is_put)
			delivery_put(s, a, c, b, op->value);
		break;
	case TABLE_GRANT:
		key_read_grant(op->key, &c, &a);
		if (op->is_put)
			grant_put(s, c, a, op->value);
		else
			grant_gone(s, c, a);
		break;
	default:
		break;
	}
}

/* What one request put is there as a whole, and no queue has too much. */
static void whole(struct sim *s)
{
	uint32_t n[SIM_QUEUES] = {0};

	for (uint32_t k = 0; k < s->queues.nlive; k++) {
		const struct sim_item *i = s->queues.live[k];
		uint64_t name = name_of(s, i->thing);

		if (!(i->id == s->queues.n || s->queues.items[i->id]->group != i->group ||
			    s->queues.items[i->id]->stored) ||
			!(i->id == 1 || s->queues.items[i->id - 2]->group != i->group ||
				s->queues.items[i->id - 2]->stored))
			sim_fail(s, "item %" PRIu64 " is stored without those put with it", i->id);
		if (name < SIM_QUEUES)
			n[name]++;
	}
	for (uint32_t k = 0; k < SIM_QUEUES; k++)
		if (s->queues.q[k].maxsize && n[k] > s->queues.q[k].maxsize &&
			!s->queues.q[k].kicked)
			sim_fail(s, "q%u has %u items, and has room for %" PRIu64, k, n[k],
				s->queues.q[k].maxsize);
}

void qbook_batch(struct sim *s, const struct batch *batch)
{
	struct batch_op op;
	size_t pos = 0;

	if (!s->flavor.queues)
		return;
	while (!s->failed && batch_next(batch, &pos, &op))
		one(s, &op);
	if (!s->failed)
		whole(s);
}

void qbook_tell(struct sim *s)
{
	for (uint32_t k = 0; k < s->queues.nlive; k++) {
		const struct sim_item *i = s->queues.live[k];

		sim_trace(s,
			"item %" PRIu64 " is in queue %" PRIu64 " (thing %" PRIu64
			")%s%s%s, fence %" PRIu64 ".%" PRIu64 ", lease %" PRIu64 ", due %" PRIu64,
			i->id, name_of(s, i->thing), i->thing, i->out ? ", out" : "",
			i->granted ? ", granted" : "", i->may_vanish ? ", purged" : "",
			i->fence.epoch, i->fence.seq, i->lease_us, i->due_us);
	}
}

/* ---- recounts ---- */

void qbook_audit(struct sim *s)
{
	uint32_t out = 0, grants = 0;
	struct map64_iter it = {0};
	uint64_t key;
	void *p;

	for (uint32_t k = 0; k < s->queues.nlive; k++)
		out += s->queues.live[k]->deliveries != 0;
	while (map64_next_ptr(&s->queues.takes, &it, &key, &p))
		grants += ((struct sim_take *)p)->granted && !((struct sim_take *)p)->over;
	if (s->store.table[TABLE_ITEM].n != s->queues.nlive ||
		s->store.table[TABLE_DELIVERY].n != out || s->store.table[TABLE_GRANT].n != grants)
		sim_fail(s,
			"%u items, %u deliveries and %u grants are stored; %u, %u and %u are due",
			s->store.table[TABLE_ITEM].n, s->store.table[TABLE_DELIVERY].n,
			s->store.table[TABLE_GRANT].n, s->queues.nlive, out, grants);
}
