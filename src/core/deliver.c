/*
 * What becomes of items that were taken, or are not due: leases and their ends, what is given back,
 * delays, dead letters. See queue.h.
 *
 * A lease counts time in which the scheduler listens, and begins anew with each start; a delay is
 * a time of the wall clock.
 */
#include "core/queue.h"

#define KICK_ITEMS 1000
#define DEAD_SUFFIX ".dead"

static bool lease_ends_first(const struct heap_node *a, const struct heap_node *b)
{
	return container_of(a, struct qspecial, node)->at_us <
	       container_of(b, struct qspecial, node)->at_us;
}

void deliveries_init(struct shared *s)
{
	heap_init(&s->leases, lease_ends_first);
	heap_init(&s->due, lease_ends_first);
	list_init(&s->purging);
}

void deliveries_free(struct core *c)
{
	heap_release(&c->shared->leases);
	heap_release(&c->shared->due);
}

struct qspecial *special_new(struct thing *t, uint64_t handle, enum qstate state)
{
	struct qspecial *sp = xcalloc(1, sizeof(*sp));

	sp->t = t;
	sp->handle = handle;
	sp->state = state;
	list_init(&sp->in_owner);
	heap_node_init(&sp->node);
	ensure(map64_put_ptr(&t->queue->specials, handle, sp));
	return sp;
}

static void leave_heap(struct core *c, struct qspecial *sp)
{
	if (heap_contains(&sp->node))
		heap_remove(sp->state == Q_OUT ? &c->shared->leases : &c->shared->due, &sp->node);
}

void special_free(struct core *c, struct qspecial *sp)
{
	leave_heap(c, sp);
	list_remove(&sp->in_owner);
	map64_remove_ptr(&sp->t->queue->specials, sp->handle);
	free(sp);
}

void special_record(struct core *c, const struct qspecial *sp)
{
	struct record *rec =
		update_record(c->u, RECORD_DELIVERY, sp->t->number, handle_seq(sp->handle));
	struct delivery_record r = {.state = sp->state == Q_OUT ? DELIVERY_OUT : DELIVERY_BACK,
		.deliveries = sp->deliveries};

	rec->c = sp->t->queue->ranks[handle_slot(sp->handle)]->rank;
	if (sp->state == Q_OUT) {
		r.fence = sp->fence;
		r.session = sp->owner ? sp->owner->number : 0;
		r.lease_us = sp->lease_us;
	} else {
		r.due_us = sp->at_us;
	}
	delivery_record_encode(&c->u->bytes, &r);
	update_record_end(c->u, rec);
	c->u->seal = true;
}

void special_out(struct core *c, struct qspecial *sp, struct session *owner, uint64_t lease_us)
{
	leave_heap(c, sp);
	sp->state = Q_OUT;
	sp->owner = lease_us ? NULL : owner;
	sp->lease_us = lease_us;
	list_remove(&sp->in_owner);
	if (sp->owner)
		list_push_back(&sp->owner->takes, &sp->in_owner);
	if (lease_us) {
		sp->at_us = c->now_us + lease_us;
		ensure(heap_push(&c->shared->leases, &sp->node));
	}
}

/* It is not out any more, and a record of how often it was stays. */
static void special_back(struct core *c, struct qspecial *sp, uint64_t due_us)
{
	leave_heap(c, sp);
	sp->state = Q_BACK;
	sp->owner = NULL;
	list_remove(&sp->in_owner);
	sp->at_us = due_us;
	if (sp->deliveries)
		special_record(c, sp);
}

void item_delay(struct core *c, struct qspecial *sp)
{
	sp->t->queue->delayed++;
	list_push_back(&sp->t->queue->later, &sp->in_owner);
	ensure(heap_push(&c->shared->due, &sp->node));
}

void item_back(struct core *c, struct thing *t, uint64_t handle, uint64_t due_us)
{
	struct queue *q = t->queue;
	struct qspecial *sp = map64_get_ptr(&q->specials, handle);

	if (item_is_purged(t, handle)) {
		queue_doom(q, handle);
		if (!list_is_linked(&q->in_purging))
			list_push_back(&c->shared->purging, &q->in_purging);
		c->u->more = true;
		return;
	}
	if (due_us && sp) {
		item_delay(c, sp);
		return;
	}
	rank_return(q, q->ranks[handle_slot(handle)], handle_seq(handle));
}

/* ---- dead letters ---- */

/* NULL: it cannot be made. */
static struct thing *dead_queue(struct core *c, struct thing *t, bool make)
{
	const char *given = t->queue->dead;
	struct thing *dead;
	struct buf name;

	buf_init(&name, LIMIT_NAME_BYTES + sizeof(DEAD_SUFFIX));
	buf_append_slice(&name, slice_str(given[0] ? given : t->name));
	if (!given[0])
		buf_append_slice(&name, slice_str(DEAD_SUFFIX));
	dead = name.n <= LIMIT_NAME_BYTES
		       ? thing_get(c, THING_QUEUE, slice_str(t->ns), buf_slice(&name))
		       : NULL;
	buf_release(&name);
	if (dead && !dead->number && make && map64_count(&c->shared->things) < LIMIT_THINGS)
		queue_make(c, dead, t->owner);
	if (dead && !dead->number) {
		thing_drop_if_dull(c, dead);
		dead = NULL;
	}
	return dead;
}

/* An item that neither waits nor is out stands in the other queue from now on. False: it cannot. */
static bool move_item(struct core *c, struct thing *t, uint64_t handle, struct thing *to)
{
	struct qspecial *sp = map64_get_ptr(&t->queue->specials, handle);
	uint32_t rank = t->queue->ranks[handle_slot(handle)]->rank;
	struct qrank *r = rank_get(to->queue, rank);
	struct record *rec;
	uint64_t seq, task;

	if (!r)
		return false;
	seq = rank_append(to->queue, r, true);
	if (sp && sp->deliveries)
		item_record(c, t, handle, RECORD_DELIVERY, true);
	rec = update_record(c->u, RECORD_ITEM, t->number, handle_seq(handle));
	rec->move = true;
	rec->c = rec->to_c = rank;
	rec->to_a = to->number;
	rec->to_b = seq;
	c->u->seal = true;
	if (sp)
		special_free(c, sp);
	if (map64_remove(&t->queue->tasks, handle, &task))
		ensure(map64_put(&to->queue->tasks, handle_of(r->slot, seq), task));
	if (to->queue->biggest < t->queue->biggest)
		to->queue->biggest = t->queue->biggest;
	return true;
}

static bool to_dead_letters(struct core *c, struct qspecial *sp)
{
	struct thing *t = sp->t, *dead;

	if (!t->queue->max_deliveries || sp->deliveries < t->queue->max_deliveries ||
		item_is_purged(t, sp->handle))
		return false;
	dead = dead_queue(c, t, true);
	if (!dead || dead == t || !move_item(c, t, sp->handle, dead))
		return false;
	queue_serve(c, dead);
	return true;
}

void item_failed(struct core *c, struct qspecial *sp, uint64_t delay_us)
{
	struct thing *t = sp->t;
	uint64_t handle = sp->handle;

	t->queue->out--;
	if (!to_dead_letters(c, sp)) {
		special_back(c, sp, delay_us ? c->wall_us + delay_us : 0);
		item_back(c, t, handle, sp->at_us);
	}
	queue_serve(c, t);
}

uint32_t queue_kick(struct core *c, struct thing *t)
{
	struct thing *dead = dead_queue(c, t, false);
	uint32_t n = 0;

	for (; dead && dead != t && n < KICK_ITEMS && dead->queue->waiting; n++) {
		uint64_t handle = queue_pop(dead->queue);

		if (!move_item(c, dead, handle, t)) {
			item_back(c, dead, handle, 0);
			break;
		}
	}
	queue_serve(c, t);
	return n;
}

/* ---- acknowledged, given back, held for longer ---- */

static struct qspecial *delivery_of(struct thing *t, const struct deal_op *op)
{
	const struct qrank *r = rank_find(t->queue, item_rank(op->priority));
	struct qspecial *sp = NULL;

	if (r && op->seq >> HANDLE_SEQ_BITS == 0)
		sp = map64_get_ptr(&t->queue->specials, handle_of(r->slot, op->seq));
	if (!sp || sp->state != Q_OUT || (!fence_eq(sp->fence, op->fence) && !MUTANT(NO_DELIVERY)))
		return NULL;
	return sp;
}

bool delivery_check(struct dealing *d, struct thing *t, const struct deal_op *op)
{
	struct qspecial *sp = delivery_of(t, op);

	if (!sp || sp->deal == d->c->shared->deal)
		return deal_refuse(d, DQ_E_CONFLICT,
			"the delivery is over: it was acknowledged, given back, or its lease has "
			"ended",
			slice_empty());
	/* it would be out for ever */
	if (op->kind == DEAL_EXTEND && op->time_us == 0 && !sp->owner)
		return deal_refuse(d, DQ_E_USAGE, "a lease of no time", slice_empty());
	if (op->kind != DEAL_EXTEND)
		sp->deal = d->c->shared->deal;
	if (op->kind == DEAL_ACK)
		t->then_version--;
	return true;
}

void delivery_do(struct dealing *d, struct thing *t, const struct deal_op *op)
{
	struct qspecial *sp = delivery_of(t, op);

	ensure(sp);
	if (op->kind == DEAL_ACK) {
		t->queue->out--;
		item_delete(d->c, t, sp->handle);
		queue_serve(d->c, t);
	} else if (op->kind == DEAL_NACK) {
		item_failed(d->c, sp, op->time_us);
	} else {
		special_out(d->c, sp, sp->owner, op->time_us);
		special_record(d->c, sp);
	}
}

/* ---- time ---- */

static void come_due(struct core *c, struct qspecial *sp)
{
	struct thing *t = sp->t;
	uint64_t handle = sp->handle;

	if (!item_is_purged(t, handle))
		t->queue->delayed--;
	list_remove(&sp->in_owner);
	sp->at_us = 0;
	if (!sp->deliveries)
		special_free(c, sp);
	item_back(c, t, handle, 0);
	queue_serve(c, t);
}

bool deliveries_work(struct core *c, uint32_t *budget)
{
	struct heap_node *n;

	while (*budget && (n = heap_peek(&c->shared->due)) &&
		container_of(n, struct qspecial, node)->at_us <= c->wall_us) {
		(*budget)--;
		heap_pop(&c->shared->due);
		come_due(c, container_of(n, struct qspecial, node));
	}
	while (*budget && (n = heap_peek(&c->shared->leases)) &&
		container_of(n, struct qspecial, node)->at_us <= c->now_us) {
		(*budget)--;
		item_failed(c, container_of(n, struct qspecial, node), 0);
	}
	return *budget == 0;
}

uint64_t queues_next_us(const struct core *c)
{
	const struct heap_node *due = heap_peek(&c->shared->due),
			       *lease = heap_peek(&c->shared->leases);
	uint64_t at = UINT64_MAX, then;

	if (due) {
		then = container_of(due, struct qspecial, node)->at_us;
		at = then > c->wall_us ? then - c->wall_us : 0;
	}
	if (lease) {
		then = container_of(lease, struct qspecial, node)->at_us;
		then = then > c->now_us ? then - c->now_us : 0;
		at = then < at ? then : at;
	}
	return at;
}

/* ---- loading ---- */

bool core_load_delivery(struct core *c, uint64_t number, uint32_t rank, uint64_t seq,
	const struct delivery_record *r, const char **why)
{
	struct thing *t = map64_get_ptr(&c->shared->things, number);
	struct qrank *one = t && t->kind == THING_QUEUE && seq >> HANDLE_SEQ_BITS == 0
				    ? rank_get(t->queue, rank)
				    : NULL;
	struct session *owner = map64_get_ptr(&c->sessions, r->session);
	struct qspecial *sp;

	*why = "a delivery of no queue";
	if (!one)
		return false;
	sp = special_new(t, handle_of(one->slot, seq), Q_BACK);
	sp->deliveries = r->deliveries;
	sp->at_us = r->state == DELIVERY_BACK ? r->due_us : 0;
	if (r->state == DELIVERY_OUT) {
		sp->fence = r->fence;
		/* its session is gone: the lease is over at once */
		special_out(c, sp, owner, r->lease_us ? r->lease_us : owner ? 0 : 1);
	}
	return true;
}
