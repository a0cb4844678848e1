/*
 * Simulated clients of locks and events: they claim one lock or several, at once or in turn, wait,
 * hold on, check and give back, some of it twice; they set, clear and await events. What they are
 * told is held against the book, which claims.c keeps by the records. Neighbours: client.c sends,
 * hears.c hears.
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

/* A wait for an event: how many sets had been asked for; sure: and it was clear. */
#define WAIT_EVENT (1ull << 63)
#define WAIT_SURE (1ull << 62)
#define WAIT_EVENT_OF(e, sets) (WAIT_EVENT | (uint64_t)(e) << 32 | (sets))

/* ---- requests ---- */

static void add(struct lock_deal *d, struct buf *ops, const struct deal_op *op)
{
	struct lock_op *o = &d->ops[d->nops++];

	ensure(d->nops <= SIM_LOCK_OPS);
	deal_op_encode(ops, op);
	o->kind = op->kind;
	o->number = op->claim;
	o->at_once = op->kind == DEAL_CLAIM && op->flags & CLAIM_TRY;
}

static void add_claim(struct sim *s, struct lock_deal *d, struct buf *ops)
{
	struct deal_op op = {.kind = DEAL_CLAIM,
		.lease_us = rng_chance(&s->rng, 1, 2) ? 600 * US_PER_S
						      : rng_between(&s->rng, 50, 3000) * US_PER_MS};
	struct lock_op *o = &d->ops[d->nops];
	uint32_t at = (uint32_t)rng_below(&s->rng, SIM_LOCKS),
		 n = 1 + (uint32_t)rng_below(&s->rng, SIM_LOCKS);
	struct buf parts;
	char name[8];

	if (rng_chance(&s->rng, 1, 4))
		op.flags |= CLAIM_BEAT;
	if (rng_chance(&s->rng, 1, 6)) {
		op.flags |= CLAIM_ALONE;
		op.lease_us = rng_between(&s->rng, 50, 3000) * US_PER_MS;
	}
	if (rng_chance(&s->rng, 1, 4))
		op.flags |= CLAIM_TRY;
	buf_init(&parts, 4096);
	pack_array(&parts, n);
	for (uint32_t k = 0; k < n; k++) {
		uint32_t i = (at + k) % SIM_LOCKS;

		o->units[i] = 1 + (uint32_t)rng_below(&s->rng, SIM_LOCK_UNITS(i));
		claim_part_encode(
			&parts, &(struct claim_part){
					.name = slice_of(name, (size_t)snprintf(name, 8, "l%u", i)),
					.count = SIM_LOCK_UNITS(i),
					.units = o->units[i]});
	}
	op.parts = buf_slice(&parts);
	add(d, ops, &op);
	buf_release(&parts);
}

static void add_about(
	struct sim *s, struct lock_deal *d, struct buf *ops, enum deal_kind kind, uint64_t number)
{
	struct deal_op op = {.kind = kind, .claim = number};
	struct sim_claim *cl = claim_find(s, number);
	struct lock_op *o = &d->ops[d->nops];

	if (kind == DEAL_EXTEND_LOCK && rng_chance(&s->rng, 1, 2))
		op.lease_us = rng_between(&s->rng, 50, 3000) * US_PER_MS;
	o->gone = cl && !cl->there;
	o->held = cl && cl->held;
	s->cover->events[SIM_STALE_LOCK] += o->gone;
	if (cl && kind == DEAL_UNLOCK)
		cl->unlocking = true;
	/* also where the length stays, which leaves no record: then it is over later than is known
	 */
	if (cl && kind == DEAL_EXTEND_LOCK && cl->extended_us < cl->armed_us)
		cl->extended_us = s->mono_us;
	add(d, ops, &op);
}

static void add_event(
	struct sim *s, struct lock_deal *d, struct buf *ops, enum deal_kind kind, uint32_t which)
{
	struct sim_event_state *e = &s->locks.event[which];
	char name[8];
	struct deal_op op = {.kind = kind,
		.name = slice_of(name, (size_t)snprintf(name, sizeof(name), "e%u", which))};

	d->ops[d->nops].event = which;
	if (kind == DEAL_EVENT_SET) {
		e->sets++;
		e->sets_open++;
		e->clear = false;
	} else {
		d->ops[d->nops].sets = e->sets;
		d->ops[d->nops].sure = e->sets_open == 0;
	}
	add(d, ops, &op);
}

static void make(struct sim *s, struct client *c, const struct lock_deal *d, struct buf *ops)
{
	struct request *r = client_request(s, c, REQUEST_LOCK, NULL, 0);
	struct msg_do msg;
	struct buf all;

	r->lock = xmemdup(d, sizeof(*d));
	r->lock->made_us = s->mono_us;
	buf_init(&all, 1 << 16);
	pack_array(&all, d->nops);
	buf_append_slice(&all, buf_slice(ops));
	msg.ops = buf_slice(&all);
	msg_do_encode(&r->frame, r->seq, &msg);
	client_request_send(s, c, r);
	buf_release(&all);
	buf_release(ops);
	s->cover->events[SIM_LOCK_DEAL]++;
}

/* ---- waits ---- */

static void await(struct sim *s, struct client *c, uint64_t what)
{
	struct msg_await m = {.request = ++c->next_request,
		.kind = what & WAIT_EVENT ? THING_EVENT : THING_LOCK,
		.after = what & WAIT_EVENT ? 0 : what};
	char name[8];

	if (!c->opened)
		return;
	m.name = what & WAIT_EVENT ? slice_of(name, (size_t)snprintf(name, sizeof(name), "e%u",
							    (unsigned)(what >> 32 & 0xff)))
				   : slice_empty();
	ensure(map64_put(&c->locks.awaits, m.request, what));
	msg_await_encode(&s->scratch, 0, &m);
	peer_send(s, &c->peer);
}

static void await_event(struct sim *s, struct client *c)
{
	uint32_t e = (uint32_t)rng_below(&s->rng, SIM_EVENTS_SHARED);
	const struct sim_event_state *state = &s->locks.event[e];

	if (map64_count(&c->locks.awaits) < 8)
		await(s, c, WAIT_EVENT_OF(e, state->sets) | (state->clear ? WAIT_SURE : 0));
}

void locks_resend(struct sim *s, struct client *c)
{
	struct map64 before = c->locks.awaits;
	struct map64_iter it = {0};
	uint64_t request, what;

	map64_init(&c->locks.awaits);
	while (map64_next(&before, &it, &request, &what))
		await(s, c, what);
	map64_release(&before);
}

static void forget_claim(struct client *c, uint64_t number)
{
	struct client_locks *l = &c->locks;

	for (uint32_t i = 0; i < l->nmine; i++)
		if (l->mine[i] == number)
			l->mine[i--] = l->mine[--l->nmine];
}

bool locks_heard(struct sim *s, struct client *c, const struct msg_is *m)
{
	const struct sim_claim *cl;
	uint64_t what;

	if (!map64_remove(&c->locks.awaits, m->request, &what))
		return false;
	if (what & WAIT_EVENT) {
		if (m->code || !m->version)
			sim_fail(s, "a wait for an event is answered with code %" PRIu64, m->code);
		if (what & WAIT_SURE && s->locks.event[what >> 32 & 0xff].sets == (uint32_t)what)
			sim_fail(s, "an event is said to be set, and nobody set it");
		s->cover->events[SIM_EVENT_TOLD]++;
		return true;
	}
	cl = claim_find(s, what);
	if (!cl || (m->code && m->code != DQ_E_CONFLICT) ||
		(m->code ? cl->there : m->version != what || !cl->was_held))
		sim_fail(s, "claim %" PRIu64 " is told with code %" PRIu64 ", version %" PRIu64,
			what, m->code, m->version);
	if (m->code)
		forget_claim(c, what);
	s->cover->events[SIM_LOCK_TOLD]++;
	return true;
}

void locks_forget(struct client *c)
{
	map64_clear(&c->locks.awaits);
	c->locks.nmine = 0;
}

/* ---- what they do ---- */

static void about_mine(struct sim *s, struct client *c)
{
	static const enum deal_kind kinds[] = {
		DEAL_UNLOCK, DEAL_UNLOCK, DEAL_EXTEND_LOCK, DEAL_EXPECT_HELD};
	uint64_t number = c->locks.mine[rng_below(&s->rng, c->locks.nmine)];
	enum deal_kind kind = kinds[rng_below(&s->rng, sizeof(kinds) / sizeof(kinds[0]))];
	struct lock_deal d = {.nops = 0};
	struct buf ops;

	buf_init(&ops, 1 << 16);
	add_about(s, &d, &ops, kind, number);
	if (kind == DEAL_EXPECT_HELD && rng_chance(&s->rng, 1, 2))
		add_event(s, &d, &ops, DEAL_EVENT_SET,
			(uint32_t)rng_below(&s->rng, SIM_EVENTS_SHARED));
	if (kind == DEAL_UNLOCK && rng_chance(&s->rng, 1, 4))
		add_claim(s, &d, &ops);
	/* some try again what is over */
	if (kind == DEAL_UNLOCK && !rng_chance(&s->rng, 1, 4))
		forget_claim(c, number);
	make(s, c, &d, &ops);
}

void client_locks(struct sim *s, struct client *c)
{
	struct lock_deal d = {.nops = 0};
	uint64_t dice = rng_below(&s->rng, 100);
	struct buf ops;

	if (dice < 45 && c->locks.nmine) {
		about_mine(s, c);
		return;
	}
	if (dice < 55) {
		await_event(s, c);
		return;
	}
	if (dice >= 70 && c->locks.nmine > SIM_CLAIMS_MINE / 4)
		return;
	buf_init(&ops, 1 << 16);
	if (dice < 70)
		add_event(s, &d, &ops,
			rng_chance(&s->rng, 1, 2) ? DEAL_EVENT_SET : DEAL_EVENT_CLEAR,
			(uint32_t)rng_below(&s->rng, SIM_EVENTS_SHARED));
	else
		add_claim(s, &d, &ops);
	make(s, c, &d, &ops);
}

/* ---- answers ---- */

static void refused_op(struct sim *s, const struct lock_op *o, const struct msg_reply *m)
{
	const struct sim_claim *cl = o->number ? claim_find(s, o->number) : NULL;
	bool lives = cl && cl->there && (o->kind != DEAL_EXPECT_HELD || o->held);

	if ((m->code == DQ_E_TIMEOUT && o->at_once) ||
		(m->code == DQ_E_CONFLICT && o->number && !lives))
		return;
	sim_fail(s, "operation %u on claim %" PRIu64 " is refused with code %" PRIu64 ": %.*s",
		o->kind, o->number, m->code, SLICE_ARG(m->text));
}

static void remember(struct client *c, uint64_t number)
{
	forget_claim(c, number);
	ensure(c->locks.nmine < SIM_CLAIMS_MINE);
	c->locks.mine[c->locks.nmine++] = number;
}

static void refused(
	struct sim *s, struct client *c, const struct lock_deal *d, const struct msg_reply *m)
{
	struct cursor at;
	uint32_t i;

	for (i = 0; i < d->nops; i++) {
		const struct sim_claim *cl = claim_find(s, d->ops[i].number);

		if (d->ops[i].kind == DEAL_UNLOCK && cl && cl->there)
			remember(c, cl->number);
	}
	s->cover->events[SIM_LOCK_REFUSED]++;
	if (m->code == DQ_E_STORE && s->cover->events[SIM_FULL])
		return;
	cursor_init(&at, m->data);
	cursor_array_min(&at, 1);
	i = cursor_u32(&at);
	if (!cursor_ok(&at) || i >= d->nops)
		sim_fail(s, "a DO on locks is refused with code %" PRIu64 ": %.*s", m->code,
			SLICE_ARG(m->text));
	else
		refused_op(s, &d->ops[i], m);
}

static void claimed(struct sim *s, struct client *c, const struct lock_op *o, struct cursor *at)
{
	uint32_t have = cursor_array_min(at, 2);
	uint64_t number = cursor_u64(at);
	bool held = cursor_bool(at);
	const struct sim_claim *cl = claim_find(s, number);

	cursor_skip_rest(at, have, 2);
	if (!cl || (held && !cl->was_held) || (o->at_once && !held) ||
		memcmp(cl->units, o->units, sizeof(o->units)) != 0) {
		sim_fail(s, "claim %" PRIu64 " is told, and is not stored so", number);
		return;
	}
	remember(c, number);
	if (!held)
		await(s, c, number);
}

static void done(struct sim *s, const struct lock_op *o)
{
	const struct sim_claim *cl = o->number ? claim_find(s, o->number) : NULL;

	if (o->gone)
		sim_fail(s, "claim %" PRIu64 " was over, and operation %u on it is done", o->number,
			o->kind);
	if (o->kind == DEAL_UNLOCK && cl && cl->there)
		sim_fail(s, "claim %" PRIu64 " was given back, and is there", o->number);
	if (o->kind == DEAL_EVENT_CLEAR) {
		struct sim_event_state *e = &s->locks.event[o->event];

		e->clear = o->sure && e->sets == o->sets;
	}
}

void locks_answered(
	struct sim *s, struct client *c, const struct request *r, const struct msg_reply *m)
{
	const struct lock_deal *d = r->lock;
	struct cursor at;

	for (uint32_t i = 0; i < d->nops; i++)
		if (d->ops[i].kind == DEAL_EVENT_SET)
			s->locks.event[d->ops[i].event].sets_open--;
	if (m->code) {
		refused(s, c, d, m);
		return;
	}
	cursor_init(&at, m->data);
	if (m->data.n && cursor_array(&at) != d->nops)
		sim_fail(s, "a DO on locks is answered without its results");
	for (uint32_t i = 0; i < d->nops && !s->failed; i++) {
		if (d->ops[i].kind == DEAL_CLAIM) {
			claimed(s, c, &d->ops[i], &at);
			continue;
		}
		done(s, &d->ops[i]);
		if (m->data.n && !cursor_try_nil(&at))
			sim_fail(s, "a result of an operation that has none");
	}
}

/* ---- the end ---- */

void locks_settle(struct sim *s, struct client *c)
{
	struct lock_deal d = {.nops = 0};
	struct buf ops;

	if (!c->opened || c->sure_closed || c->nrequests > 12)
		return;
	buf_init(&ops, 1 << 16);
	if (c->locks.nmine) {
		add_about(s, &d, &ops, DEAL_UNLOCK, c->locks.mine[0]);
		forget_claim(c, c->locks.mine[0]);
	} else if (map64_count(&c->locks.awaits) && !c->nrequests) {
		for (uint32_t e = 0; e < SIM_EVENTS_SHARED; e++)
			add_event(s, &d, &ops, DEAL_EVENT_SET, e);
	}
	if (d.nops)
		make(s, c, &d, &ops);
	else
		buf_release(&ops);
}

bool locks_settled(const struct client *c)
{
	return c->locks.nmine == 0 && map64_count(&c->locks.awaits) == 0;
}
