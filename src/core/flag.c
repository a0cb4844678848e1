/*
 * Events: one is set as long as it is there. Who awaits it is told when it is set, also where it is
 * cleared again at once.
 */
#include "core/guard.h"

bool flag_check(struct dealing *d, struct thing *t, const struct deal_op *op)
{
	struct core *c = d->c;

	if (t->deal != c->shared->deal) {
		t->deal = c->shared->deal;
		t->then_there = t->number != 0;
	}
	if (op->kind == DEAL_EVENT_CLEAR) {
		c->shared->then_things -= t->then_there;
		t->then_there = false;
		return true;
	}
	if (t->then_there)
		return true;
	if (d->no_room)
		return deal_refuse(d, DQ_E_STORE, "the store is full", slice_empty());
	if (c->shared->then_things >= LIMIT_THINGS)
		return deal_refuse(d, DQ_E_LIMIT, limit_text(LIMIT_INDEX_THINGS), slice_empty());
	c->shared->then_things++;
	t->then_there = true;
	return true;
}

static void set(struct dealing *d, struct thing *t)
{
	struct core *c = d->c;
	struct thing_record r;
	struct record *rec;

	thing_make(c, t, d->user);
	rec = update_record(c->u, RECORD_THING, t->number, 0);
	thing_record_of(t, &r);
	thing_record_encode(&c->u->bytes, &r);
	update_record_end(c->u, rec);
	c->u->seal = true;
	while (!list_is_empty(&t->waiters)) {
		struct waiter *w = container_of(t->waiters.next, struct waiter, in_thing);

		thing_tell(c, w->conn->number, w->request, t->number, NULL);
		waiter_free(c, w);
	}
}

void flag_do(struct dealing *d, struct thing *t, const struct deal_op *op)
{
	if (op->kind == DEAL_EVENT_SET && !t->number)
		set(d, t);
	else if (op->kind == DEAL_EVENT_CLEAR && t->number)
		thing_unmake(d->c, t);
}

void flag_await(struct core *c, struct conn *conn, struct thing *t, const struct event *e)
{
	if (t->number)
		thing_tell(c, e->conn, e->seq, t->number, NULL);
	else
		waiter_new(conn, e->seq, t);
}
