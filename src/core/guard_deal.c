/*
 * What deals do with locks: claim, unlock, extend, and expect one to be held. As with other things
 * a guard notes what it would be after the operations before (guard.then_...).
 */
#include "core/guard.h"

#include "codec/pack.h"

static const char STALE[] =
	"the lock is not held under that fence any more: its lease was over, or "
	"it was given back";

void guards_deal_begin(struct core *c)
{
	c->shared->guards->then_more = 0;
}

void guards_deal_end(struct core *c)
{
	struct list *checked = &c->shared->guards->checked;

	while (!list_is_empty(checked)) {
		struct guard *g = container_of(checked->next, struct guard, in_checked);

		list_remove(&g->in_checked);
		guard_drop_if_dull(c, g);
	}
}

static struct guard *then_of(struct core *c, struct guard *g)
{
	if (g->deal == c->shared->deal)
		return g;
	g->deal = c->shared->deal;
	g->then_count = g->count;
	g->then_used = g->used;
	g->then_claims = g->nclaims;
	g->then_waiting = g->nwaiting;
	if (!list_is_linked(&g->in_checked))
		list_push_back(&c->shared->guards->checked, &g->in_checked);
	return g;
}

/* The lock of a part, which may be claimed so; NULL: it may not. */
static struct guard *check_part(struct dealing *d, const struct claim_part *part)
{
	struct core *c = d->c;
	struct slice ns, name;
	struct guard *g;
	const char *why;
	uint32_t code;

	if (!name_split(c, d->user, part->name, &ns, &name, &code, &why)) {
		deal_refuse_name(d, code, part->name);
		return NULL;
	}
	g = then_of(c, guard_get(c, ns, name));
	if (g->stamp == c->shared->guards->stamp) {
		deal_refuse(d, DQ_E_USAGE, "a lock that is named twice: ", part->name);
		return NULL;
	}
	g->stamp = c->shared->guards->stamp;
	if (g->then_claims == 0)
		g->then_count = part->count;
	if (g->then_count == part->count)
		return g;
	deal_refuse(d, DQ_E_CONFLICT, "it is used with another count: ", part->name);
	return NULL;
}

static bool check_room(struct dealing *d)
{
	struct core *c = d->c;
	const struct guards *gs = c->shared->guards;

	if (d->no_room)
		return deal_refuse(d, DQ_E_STORE, "the store is full", slice_empty());
	if (d->s->nclaims + gs->then_more >= LIMIT_SESSION_CLAIMS)
		return deal_refuse(
			d, DQ_E_LIMIT, limit_text(LIMIT_INDEX_SESSION_CLAIMS), slice_empty());
	if (map64_count(&gs->claims) + gs->then_more >= LIMIT_CLAIMS)
		return deal_refuse(d, DQ_E_LIMIT, limit_text(LIMIT_INDEX_CLAIMS), slice_empty());
	return true;
}

static bool check_claim(struct dealing *d, const struct deal_op *op)
{
	struct guard *all[LIMIT_CLAIM_PARTS];
	struct claim_part parts[LIMIT_CLAIM_PARTS];
	struct cursor at;
	uint32_t n = claim_parts(op->parts, &at), busy = UINT32_MAX;

	if (!check_room(d))
		return false;
	d->c->shared->guards->stamp++;
	for (uint32_t i = 0; i < n; i++) {
		claim_part_next(&at, &parts[i]);
		all[i] = check_part(d, &parts[i]);
		if (!all[i])
			return false;
		if (all[i]->then_waiting || all[i]->then_count - all[i]->then_used < parts[i].units)
			busy = i;
	}
	if (busy != UINT32_MAX && op->flags & CLAIM_TRY)
		return deal_refuse(d, DQ_E_TIMEOUT, "it is held: ", parts[busy].name);
	for (uint32_t i = 0; i < n; i++) {
		all[i]->then_claims++;
		if (busy == UINT32_MAX)
			all[i]->then_used += parts[i].units;
		else
			all[i]->then_waiting++;
	}
	d->c->shared->guards->then_more++;
	return true;
}

/* The user's own claim that the operation names, and no operation before has ended. */
static struct claim *claim_of(struct dealing *d, const struct deal_op *op)
{
	struct claim *cl = map64_get_ptr(&d->c->shared->guards->claims, op->claim);

	if (cl && cl->user == d->user && cl->deal != d->c->shared->deal)
		return cl;
	deal_refuse(d, DQ_E_CONFLICT, STALE, slice_empty());
	return NULL;
}

bool guard_check(struct dealing *d, const struct deal_op *op)
{
	struct claim *cl;

	if (op->kind == DEAL_CLAIM)
		return check_claim(d, op);
	cl = claim_of(d, op);
	if (!cl)
		return false;
	if (op->kind == DEAL_EXPECT_HELD && !(cl->flags & CLAIM_HELD))
		return deal_refuse(d, DQ_E_CONFLICT, "the lock is not held yet", slice_empty());
	if (op->kind != DEAL_UNLOCK)
		return true;
	cl->deal = d->c->shared->deal;
	for (uint32_t i = 0; i < cl->n; i++) {
		struct guard *g = then_of(d->c, cl->places[i].guard);

		g->then_claims--;
		if (cl->flags & CLAIM_HELD)
			g->then_used -= cl->places[i].units;
		else
			g->then_waiting--;
	}
	return true;
}

static void do_claim(struct dealing *d, const struct deal_op *op, struct buf *results)
{
	struct core *c = d->c;
	struct claim *cl = claim_new(
		c, c->counters.next_thing++, d->user, d->s, op->flags, op->lease_us, op->parts);

	c->counters_dirty = true;
	claim_try(c, cl);
	claim_record(c, cl);
	pack_array(results, 2);
	pack_u64(results, cl->number);
	pack_bool(results, (cl->flags & CLAIM_HELD) != 0);
}

bool guard_do(struct dealing *d, const struct deal_op *op, struct buf *results)
{
	struct claim *cl = map64_get_ptr(&d->c->shared->guards->claims, op->claim);

	switch (op->kind) {
	case DEAL_CLAIM:
		do_claim(d, op, results);
		return true;
	case DEAL_UNLOCK:
		claim_end(d->c, cl, "the lock was given back");
		break;
	case DEAL_EXTEND_LOCK:
		if (op->lease_us && op->lease_us != cl->lease_us) {
			cl->lease_us = op->lease_us;
			claim_record(d->c, cl);
		}
		claim_arm(d->c, cl);
		break;
	default:
		break;
	}
	pack_nil(results);
	return false;
}

void claim_await(struct core *c, struct conn *conn, const struct event *e)
{
	struct claim *cl = map64_get_ptr(&c->shared->guards->claims, e->await.after);

	if (!cl || cl->user != map64_get_ptr(&c->users, core_conn_user(c, e->conn)))
		thing_tell(c, e->conn, e->seq, 0, STALE);
	else if (cl->flags & CLAIM_HELD)
		thing_tell(c, e->conn, e->seq, cl->number, NULL);
	else if (waiter_allowed(c, conn, e->seq))
		waiter_join(conn, e->seq, &cl->waiters);
}
