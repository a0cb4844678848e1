/*
 * The book of locks: the records of claims in each batch, in their order. No lock has more holders
 * than units; they come in the order of their claims; nobody passes who waits; a claim is over only
 * when it was given back, or its session or its lease is over. Neighbours: locks.c, whose clients
 * ask; watch.c, which calls this for each batch.
 */
#include "sim/sim.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "codec/cursor.h"
#include "model/thing.h"

#include <inttypes.h>
#include <stdlib.h>

void claims_release(struct sim_locks *l)
{
	struct map64_iter it = {0};
	uint64_t number;
	void *p;

	while (map64_next_ptr(&l->claims, &it, &number, &p))
		free(p);
	map64_release(&l->claims);
	free(l->live);
}

struct sim_claim *claim_find(struct sim *s, uint64_t number)
{
	return map64_get_ptr(&s->locks.claims, number);
}

static bool share(const struct sim_claim *a, const struct sim_claim *b)
{
	for (uint32_t i = 0; i < SIM_LOCKS; i++)
		if (a->units[i] && b->units[i])
			return true;
	return false;
}

/* Of all the locks that it names together, in turn, and no more than there is. */
static void held(struct sim *s, struct sim_claim *cl)
{
	struct sim_locks *l = &s->locks;
	uint32_t used[SIM_LOCKS] = {0};

	cl->held = cl->was_held = true;
	for (uint32_t k = 0; k < l->nlive; k++) {
		const struct sim_claim *o = l->live[k];

		if (!o->held && o->number < cl->number && share(o, cl))
			sim_fail(s, "claim %" PRIu64 " is held, and %" PRIu64 " waits before it",
				cl->number, o->number);
		for (uint32_t i = 0; i < SIM_LOCKS; i++)
			used[i] += o->held ? o->units[i] : 0;
	}
	for (uint32_t i = 0; i < SIM_LOCKS; i++) {
		if (used[i] > SIM_LOCK_UNITS(i))
			sim_fail(s, "lock %u: %u units are held of %u, with claim %" PRIu64, i,
				used[i], SIM_LOCK_UNITS(i), cl->number);
		if (cl->units[i] && cl->number <= l->last[i])
			sim_fail(s,
				"lock %u: claim %" PRIu64 " is held after claim %" PRIu64
				": the fence does not grow",
				i, cl->number, l->last[i]);
		if (cl->units[i])
			l->last[i] = cl->number;
	}
	s->cover->events[SIM_LOCKED]++;
}

/* The first that it can have been made by. */
static uint64_t made_us(struct sim *s, uint32_t session)
{
	const struct client *c = client_of_session(s, session);

	for (uint32_t i = 0; c && i < c->nrequests; i++)
		if (c->requests[i]->kind == REQUEST_LOCK)
			return c->requests[i]->lock->made_us;
	return 0;
}

static bool read_parts(struct sim_claim *cl, struct slice parts)
{
	struct cursor at;
	struct claim_part part;

	for (uint32_t n = claim_parts(parts, &at); n; n--) {
		uint32_t i;

		claim_part_next(&at, &part);
		i = part.name.n ? (uint32_t)(part.name.p[part.name.n - 1] - '0') : SIM_LOCKS;
		if (i >= SIM_LOCKS || cl->units[i] || part.count != SIM_LOCK_UNITS(i))
			return false;
		cl->units[i] = part.units;
	}
	return true;
}

static struct sim_claim *new_claim(struct sim *s, uint64_t number, const struct thing_record *r)
{
	struct sim_locks *l = &s->locks;
	struct sim_claim *cl = xcalloc(1, sizeof(*cl));

	cl->number = number;
	cl->session = r->claim.session;
	cl->there = true;
	cl->armed_us = made_us(s, cl->session);
	ensure(map64_put_ptr(&l->claims, number, cl));
	if (!read_parts(cl, r->claim.parts))
		sim_fail(s, "claim %" PRIu64 " is of locks that nobody claims", number);
	if (l->nlive == l->live_cap) {
		l->live_cap = l->live_cap ? l->live_cap * 2 : 16;
		l->live = xreallocarray(l->live, l->live_cap, sizeof(*l->live));
	}
	l->live[l->nlive++] = cl;
	return cl;
}

static void claim_put(struct sim *s, uint64_t number, struct slice value)
{
	struct sim_claim *cl = claim_find(s, number);
	struct thing_record r;
	const char *why;

	if (!thing_record_decode(value, &r, &why) || r.kind != THING_LOCK)
		return;
	if (cl && !cl->there) {
		sim_fail(s, "claim %" PRIu64 " is over, and is stored again", number);
		return;
	}
	if (!cl)
		cl = new_claim(s, number, &r);
	if (cl->lease_us && cl->lease_us != r.claim.lease_us)
		cl->armed_us = cl->extended_us;
	cl->lease_us = r.claim.lease_us;
	cl->beat = r.claim.flags & CLAIM_BEAT;
	cl->alone = r.claim.flags & CLAIM_ALONE;
	if (r.claim.flags & CLAIM_HELD && !cl->held)
		held(s, cl);
	else if (cl->held != ((r.claim.flags & CLAIM_HELD) != 0))
		sim_fail(s, "claim %" PRIu64 " was held, and waits", number);
}

static void claim_gone(struct sim *s, uint64_t number)
{
	struct sim_locks *l = &s->locks;
	struct sim_claim *cl = claim_find(s, number);
	const struct client *c;
	uint64_t from;
	uint32_t k = 0;
	bool over;

	if (!cl || !cl->there)
		return; /* another thing */
	c = client_of_session(s, cl->session);
	over = !c || c->reborn || !client_session_is_sure(s, c);
	from = cl->armed_us > s->started_us ? cl->armed_us : s->started_us;
	if (!cl->unlocking && !(over && !(cl->alone && cl->held)) &&
		s->mono_us - from < cl->lease_us)
		sim_fail(s,
			"claim %" PRIu64 " is over, and nobody gave it back: its lease is %" PRIu64
			", of %" PRIu64,
			number, s->mono_us - from, cl->lease_us);
	if (!cl->unlocking)
		s->cover->events[SIM_LOCK_OVER]++;
	cl->there = cl->held = false;
	while (l->live[k] != cl)
		k++;
	l->live[k] = l->live[--l->nlive];
}

void claims_batch(struct sim *s, const struct batch *batch)
{
	struct batch_op op;
	uint64_t number;
	size_t pos = 0;

	while (s->flavor.locks && !s->failed && batch_next(batch, &pos, &op)) {
		if (op.table != TABLE_THING || !key_read_thing(op.key, &number))
			continue;
		if (op.is_put)
			claim_put(s, number, op.value);
		else
			claim_gone(s, number);
	}
}

/* What is a session's is over with it. */
void claims_audit(struct sim *s)
{
	for (uint32_t k = 0; k < s->locks.nlive; k++) {
		const struct sim_claim *cl = s->locks.live[k];
		struct key key = key_session(cl->session), own = key_thing(cl->number);
		struct slice value;

		if (!fstore_get(&s->store, TABLE_THING, key_slice(&own), &value) ||
			(!(cl->alone && cl->held) &&
				!fstore_get(&s->store, TABLE_SESSION, key_slice(&key), &value)))
			sim_fail(s, "claim %" PRIu64 " is not there, or its session is not",
				cl->number);
	}
}

void claims_tell(struct sim *s)
{
	for (uint32_t k = 0; k < s->locks.nlive; k++)
		sim_trace(s, "claim %" PRIu64 " of session %u %s, lease %" PRIu64,
			s->locks.live[k]->number, s->locks.live[k]->session,
			s->locks.live[k]->held ? "is held" : "waits", s->locks.live[k]->lease_us);
}
