/*
 * How long claims last: until they are given back, or their session ends, or their lease does. A
 * lease runs in listening time (D10), a full one from each start. That of a session's claim runs
 * while the session has no connection, and with CLAIM_BEAT, once it is held, always: its holder
 * then says again and again that it is there.
 */
#include "core/guard.h"

static const char LEASE_OVER[] = "the lock's lease is over";

bool claim_is_sooner(const struct heap_node *a, const struct heap_node *b)
{
	const struct claim *x = container_of(a, struct claim, due);
	const struct claim *y = container_of(b, struct claim, due);

	return x->expires_us != y->expires_us ? x->expires_us < y->expires_us
					      : x->number < y->number;
}

static bool lease_runs(const struct claim *cl)
{
	return !cl->session || !cl->session->conn ||
	       (cl->flags & CLAIM_HELD && cl->flags & CLAIM_BEAT);
}

void claim_disarm(struct core *c, struct claim *cl)
{
	if (heap_contains(&cl->due))
		heap_remove(&c->shared->guards->due, &cl->due);
}

void claim_arm(struct core *c, struct claim *cl)
{
	claim_disarm(c, cl);
	if (!lease_runs(cl))
		return;
	cl->expires_us =
		cl->lease_us < UINT64_MAX - c->now_us ? c->now_us + cl->lease_us : UINT64_MAX - 1;
	ensure(heap_push(&c->shared->guards->due, &cl->due));
}

void session_claims_connected(struct core *c, struct session *s)
{
	for (struct list *l = s->claims.next; l != &s->claims; l = l->next) {
		struct claim *cl = container_of(l, struct claim, in_session);

		if (!lease_runs(cl))
			claim_disarm(c, cl);
	}
}

void session_claims_disconnected(struct core *c, struct session *s)
{
	for (struct list *l = s->claims.next; l != &s->claims; l = l->next) {
		struct claim *cl = container_of(l, struct claim, in_session);

		if (!heap_contains(&cl->due))
			claim_arm(c, cl);
	}
}

bool leases_expire(struct core *c, uint32_t *budget)
{
	struct heap *due = &c->shared->guards->due;

	for (; guards_due_us(c) <= c->now_us; --*budget) {
		if (!*budget)
			return true;
		claim_end(c, container_of(heap_peek(due), struct claim, due), LEASE_OVER);
	}
	return false;
}

uint64_t guards_due_us(const struct core *c)
{
	const struct heap_node *first = heap_peek(&c->shared->guards->due);

	return first ? container_of(first, struct claim, due)->expires_us : UINT64_MAX;
}
