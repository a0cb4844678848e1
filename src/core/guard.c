/*
 * Locks and who claims them. See guard.h. A claim's record is written when it is made and when it
 * is granted, and deleted with it; what waits in which order, and what is free, follows from the
 * records, so that a start grants what the end of a step before it had left to be granted.
 */
#include "core/guard.h"

#include "codec/pack.h"

static const char SESSION_OVER[] = "the session that asked for the lock has ended";

void guards_init(struct core *c)
{
	struct guards *g = xcalloc(1, sizeof(*g));

	map64_init(&g->claims);
	list_init(&g->in_order);
	list_init(&g->serve);
	list_init(&g->ending);
	list_init(&g->checked);
	heap_init(&g->due, claim_is_sooner);
	c->shared->guards = g;
}

static void guard_free(struct core *c, struct guard *g)
{
	g->t->guard = NULL;
	list_remove(&g->in_serve);
	list_remove(&g->in_checked);
	thing_drop_if_dull(c, g->t);
	free(g);
}

void guards_free(struct core *c)
{
	struct guards *gs = c->shared->guards;
	struct map64_iter it = {0};
	uint64_t number;
	void *p;

	/* it touches the claims that are in it */
	heap_release(&gs->due);
	while (map64_next_ptr(&gs->claims, &it, &number, &p)) {
		struct claim *cl = p;

		for (uint32_t i = 0; i < cl->n; i++)
			if (--cl->places[i].guard->nclaims == 0)
				guard_free(c, cl->places[i].guard);
		free(cl);
	}
	map64_release(&gs->claims);
	free(gs);
}

struct guard *guard_find(const struct core *c, struct slice ns, struct slice name)
{
	struct thing *t = thing_find(c, THING_LOCK, ns, name);

	return t ? t->guard : NULL;
}

struct guard *guard_get(struct core *c, struct slice ns, struct slice name)
{
	struct thing *t = thing_get(c, THING_LOCK, ns, name);
	struct guard *g = t->guard;

	if (g)
		return g;
	g = xcalloc(1, sizeof(*g));
	g->t = t;
	list_init(&g->waiting);
	list_init(&g->holders);
	list_init(&g->in_serve);
	list_init(&g->in_checked);
	t->guard = g;
	return g;
}

void guard_drop_if_dull(struct core *c, struct guard *g)
{
	if (g->nclaims == 0 && !list_is_linked(&g->in_checked))
		guard_free(c, g);
}

static void guard_to_serve(struct core *c, struct guard *g)
{
	if (!list_is_linked(&g->in_serve))
		list_push_back(&c->shared->guards->serve, &g->in_serve);
}

/* ---- claims ---- */

static void place_join(struct claim *cl, uint32_t i, struct guard *g, const struct claim_part *part)
{
	struct claim_place *place = &cl->places[i];
	struct list *before = &g->waiting;

	*place = (struct claim_place){.claim = cl, .guard = g, .units = part->units};
	list_init(&place->in_guard);
	if (g->nclaims++ == 0)
		g->count = part->count;
	/* a start may load them in another order */
	while (before->prev != &g->waiting &&
		container_of(before->prev, struct claim_place, in_guard)->claim->number >
			cl->number)
		before = before->prev;
	list_insert_before(before, &place->in_guard);
	g->nwaiting++;
}

struct claim *claim_new(struct core *c, uint64_t number, struct user *user, struct session *s,
	uint32_t flags, uint64_t lease_us, struct slice parts)
{
	struct guards *gs = c->shared->guards;
	struct claim_part part;
	struct cursor at;
	uint32_t n = claim_parts(parts, &at);
	struct claim *cl = xcalloc(1, sizeof(*cl) + n * sizeof(struct claim_place));

	cl->number = number;
	cl->user = user;
	cl->session = s;
	cl->flags = flags & ~(CLAIM_TRY | CLAIM_HELD);
	cl->created_us = c->wall_us;
	cl->lease_us = lease_us;
	cl->n = n;
	list_init(&cl->in_session);
	list_init(&cl->waiters);
	heap_node_init(&cl->due);
	list_push_back(&gs->in_order, &cl->in_order);
	if (s) {
		list_push_back(&s->claims, &cl->in_session);
		s->nclaims++;
	}
	ensure(map64_put_ptr(&gs->claims, number, cl));
	for (uint32_t i = 0; i < n; i++) {
		struct slice ns = slice_str(user->name), name;
		const char *why;
		uint32_t code;

		claim_part_next(&at, &part);
		ensure(name_split(c, user, part.name, &ns, &name, &code, &why));
		place_join(cl, i, guard_get(c, ns, name), &part);
	}
	return cl;
}

static void parts_write(struct buf *out, const struct claim *cl)
{
	struct buf name;

	buf_init(&name, LIMIT_NAMESPACE_BYTES + 1 + LIMIT_NAME_BYTES);
	pack_array(out, cl->n);
	for (uint32_t i = 0; i < cl->n; i++) {
		const struct claim_place *place = &cl->places[i];

		buf_clear(&name);
		buf_append_slice(&name, slice_str(place->guard->t->ns));
		buf_append_byte(&name, '/');
		buf_append_slice(&name, slice_str(place->guard->t->name));
		claim_part_encode(out, &(struct claim_part){.name = buf_slice(&name),
					       .count = place->guard->count,
					       .units = place->units});
	}
	buf_release(&name);
}

void claim_record(struct core *c, const struct claim *cl)
{
	struct record *rec = update_record(c->u, RECORD_THING, cl->number, 0);
	const struct thing *first = cl->places[0].guard->t;
	struct thing_record r = {.kind = THING_LOCK,
		.ns = slice_str(first->ns),
		.name = slice_str(first->name),
		.owner = cl->user->number,
		.created_us = cl->created_us};
	struct buf parts;

	buf_init(&parts, LIMIT_FRAME_BYTES);
	parts_write(&parts, cl);
	r.claim.flags = cl->flags;
	r.claim.session = cl->session ? cl->session->number : 0;
	r.claim.lease_us = cl->lease_us;
	r.claim.parts = buf_slice(&parts);
	thing_record_encode(&c->u->bytes, &r);
	update_record_end(c->u, rec);
	c->u->seal = true;
	buf_release(&parts);
}

static void tell_waiters(struct core *c, struct claim *cl, const char *gone)
{
	while (!list_is_empty(&cl->waiters)) {
		struct waiter *w = container_of(cl->waiters.next, struct waiter, in_thing);

		thing_tell(c, w->conn->number, w->request, gone ? 0 : cl->number, gone);
		waiter_free(c, w);
	}
}

static void leave_session(struct claim *cl)
{
	if (!cl->session)
		return;
	list_remove(&cl->in_session);
	cl->session->nclaims--;
	cl->session = NULL;
}

static void hold_places(struct claim *cl)
{
	for (uint32_t i = 0; i < cl->n; i++) {
		struct claim_place *place = &cl->places[i];

		list_remove(&place->in_guard);
		list_push_back(&place->guard->holders, &place->in_guard);
		place->guard->nwaiting--;
		place->guard->used += place->units;
	}
	cl->flags |= CLAIM_HELD;
	if (cl->flags & CLAIM_ALONE)
		leave_session(cl);
}

bool claim_try(struct core *c, struct claim *cl)
{
	for (uint32_t i = 0; i < cl->n; i++) {
		const struct guard *g = cl->places[i].guard;

		if (g->waiting.next != &cl->places[i].in_guard ||
			(g->count - g->used < cl->places[i].units && !MUTANT(NO_LOCK)))
			return false;
	}
	hold_places(cl);
	claim_arm(c, cl);
	/* who was behind it may be the next */
	for (uint32_t i = 0; i < cl->n; i++)
		guard_to_serve(c, cl->places[i].guard);
	return true;
}

void claim_end(struct core *c, struct claim *cl, const char *text)
{
	update_delete(c->u, RECORD_THING, cl->number, 0);
	c->u->seal = true;
	tell_waiters(c, cl, text);
	claim_disarm(c, cl);
	leave_session(cl);
	map64_remove_ptr(&c->shared->guards->claims, cl->number);
	list_remove(&cl->in_order);
	for (uint32_t i = 0; i < cl->n; i++) {
		struct guard *g = cl->places[i].guard;

		list_remove(&cl->places[i].in_guard);
		if (cl->flags & CLAIM_HELD)
			g->used -= cl->places[i].units;
		else
			g->nwaiting--;
		g->nclaims--;
		guard_to_serve(c, g);
		guard_drop_if_dull(c, g);
	}
	free(cl);
}

/* ---- works ---- */

/* True: the first that waits for it holds it now. */
static bool serve_first(struct core *c, struct guard *g)
{
	struct claim *cl;

	if (list_is_empty(&g->waiting))
		return false;
	cl = container_of(g->waiting.next, struct claim_place, in_guard)->claim;
	if ((cl->session && cl->session->closing) || !claim_try(c, cl))
		return false;
	claim_record(c, cl);
	tell_waiters(c, cl, NULL);
	return true;
}

bool guards_have_work(const struct core *c)
{
	const struct guards *gs = c->shared->guards;

	return !list_is_empty(&gs->serve) || !list_is_empty(&gs->ending);
}

/* Claims of sessions that end go before any other claim is granted. */
static void end_sessions(struct core *c, uint32_t *budget)
{
	struct guards *gs = c->shared->guards;

	while (!list_is_empty(&gs->ending) && *budget) {
		struct session *s = container_of(gs->ending.next, struct session, in_ending);

		for (; !list_is_empty(&s->claims) && *budget; --*budget)
			claim_end(c, container_of(s->claims.next, struct claim, in_session),
				SESSION_OVER);
		if (list_is_empty(&s->claims))
			list_remove(&s->in_ending);
	}
}

bool guards_work(struct core *c, uint32_t *budget)
{
	struct guards *gs = c->shared->guards;
	bool more;

	end_sessions(c, budget);
	more = leases_expire(c, budget);
	while (!list_is_empty(&gs->serve) && *budget) {
		struct guard *g = container_of(gs->serve.next, struct guard, in_serve);

		--*budget;
		if (!serve_first(c, g))
			list_remove(&g->in_serve);
	}
	return more || guards_have_work(c);
}

void session_drops_claims(struct core *c, struct session *s)
{
	while (!list_is_empty(&s->claims))
		claim_end(c, container_of(s->claims.next, struct claim, in_session), SESSION_OVER);
}

void session_ends_claims(struct core *c, struct session *s)
{
	if (!list_is_empty(&s->claims) && !list_is_linked(&s->in_ending))
		list_push_back(&c->shared->guards->ending, &s->in_ending);
}

/* ---- loading ---- */

/* The locks of a record, as far as they go with those of others. */
static bool parts_fit(const struct core *c, const struct user *u, const struct thing_record *r)
{
	struct claim_part part;
	struct cursor at;
	uint32_t n = claim_parts(r->claim.parts, &at), code;

	for (uint32_t i = 0; i < n; i++) {
		struct slice ns, name;
		const struct guard *g;
		const char *why;

		claim_part_next(&at, &part);
		if (!name_split(c, u, part.name, &ns, &name, &code, &why))
			return false;
		g = guard_find(c, ns, name);
		if (g && (g->count != part.count ||
				 (r->claim.flags & CLAIM_HELD && g->count - g->used < part.units)))
			return false;
	}
	return true;
}

bool claim_load(struct core *c, uint64_t number, const struct thing_record *r, const char **why)
{
	struct user *user = map64_get_ptr(&c->users, r->owner);
	struct session *s = map64_get_ptr(&c->sessions, r->claim.session);
	struct claim *cl;

	*why = "a lock's holder twice";
	if (number == 0 || map64_get_ptr(&c->shared->guards->claims, number))
		return false;
	*why = "a lock of a user or a session that is not there";
	if (!user || (r->claim.session && !s))
		return false;
	*why = "a lock that cannot be held beside others";
	if (!parts_fit(c, user, r))
		return false;
	cl = claim_new(c, number, user, s, r->claim.flags, r->claim.lease_us, r->claim.parts);
	cl->created_us = r->created_us;
	if (r->claim.flags & CLAIM_HELD)
		hold_places(cl);
	if (c->counters.next_thing <= number)
		c->counters.next_thing = number + 1;
	return true;
}

void guards_load_end(struct core *c)
{
	for (struct list *l = c->shared->guards->in_order.next; l != &c->shared->guards->in_order;
		l = l->next) {
		struct claim *cl = container_of(l, struct claim, in_order);

		if (cl->session && cl->session->closing)
			session_ends_claims(c, cl->session);
		claim_arm(c, cl);
		for (uint32_t i = 0; i < cl->n; i++)
			guard_to_serve(c, cl->places[i].guard);
	}
}
