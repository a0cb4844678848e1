/*
 * The recount of locks: units in use, the order of who waits, leases, and that nobody waits who
 * could hold.
 */
#include "core/guard.h"

static bool holds(const struct claim *cl)
{
	return cl->flags & CLAIM_HELD;
}

static bool could_hold(const struct claim *cl)
{
	for (uint32_t i = 0; i < cl->n; i++) {
		const struct guard *g = cl->places[i].guard;

		if (g->waiting.next != &cl->places[i].in_guard || list_is_linked(&g->in_serve) ||
			g->count - g->used < cl->places[i].units)
			return false;
	}
	return !cl->session || !cl->session->closing;
}

const char *guard_check_one(const struct guard *g)
{
	uint64_t used = 0, last = 0;
	uint32_t n = 0, waiting = 0;

	for (struct list *l = g->holders.next; l != &g->holders; l = l->next, n++) {
		const struct claim_place *p = container_of(l, struct claim_place, in_guard);

		used += p->units;
		if (p->guard != g || !holds(p->claim))
			return "a holder that does not hold it";
	}
	for (struct list *l = g->waiting.next; l != &g->waiting; l = l->next, n++) {
		const struct claim_place *p = container_of(l, struct claim_place, in_guard);

		if (p->guard != g || holds(p->claim) || p->claim->number <= last)
			return "who waits is not in order";
		last = p->claim->number;
		waiting++;
	}
	if (waiting != g->nwaiting)
		return "who waits is counted wrongly";
	if (used != g->used || used > g->count)
		return "units that are counted wrongly";
	return n == g->nclaims && n ? NULL : "claims that are counted wrongly";
}

static const char *check_claim(const struct core *c, const struct claim *cl)
{
	const struct session *s = cl->session;
	bool runs = !s || !s->conn || (holds(cl) && cl->flags & CLAIM_BEAT);

	if (s && map64_get_ptr(&c->sessions, s->number) != s)
		return "a lock of a session that is not there";
	if (!s && !holds(cl))
		return "nobody waits for a lock";
	/* those of a session that is over go with it */
	if (heap_contains(&cl->due) != runs && !(s && s->closing))
		return "a lock whose lease does not run as it should";
	if (holds(cl) && !list_is_empty(&cl->waiters))
		return "who waits for a lock that is held was not told";
	if (!holds(cl) && could_hold(cl))
		return "who waits for a lock could hold it";
	if (s && s->closing && !list_is_linked(&s->in_ending))
		return "a session that is over keeps its locks";
	return NULL;
}

const char *guards_check(const struct core *c)
{
	const struct guards *gs = c->shared->guards;
	struct map64_iter it = {0};
	uint64_t number, nclaims = 0, of_sessions = 0;
	const char *why = NULL;
	void *p;

	for (struct list *l = gs->in_order.next; l != &gs->in_order && !why; l = l->next) {
		const struct claim *cl = container_of(l, struct claim, in_order);

		why = check_claim(c, cl);
		nclaims++;
		of_sessions += cl->session != NULL;
	}
	while (map64_next_ptr(&c->sessions, &it, &number, &p))
		of_sessions -= ((struct session *)p)->nclaims;
	if (why)
		return why;
	if (nclaims != map64_count(&gs->claims) || of_sessions || !list_is_empty(&gs->checked))
		return "claims of locks that are counted wrongly";
	return NULL;
}
