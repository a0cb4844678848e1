/*
 * Queues: made, filled, purged, deleted, and loaded at a start. See queue.h.
 *
 * A purge is a floor for each priority, in the queue's record: what has a lower number is gone at
 * once where it waits, or is not due, and when it comes back; its records go in steps. A deleted
 * queue has no name any more and goes when the last of its items is gone.
 */
#include "core/queue.h"

#include "codec/pack.h"

struct queue *queue_new(void)
{
	struct queue *q = xcalloc(1, sizeof(*q));

	q->dead = xcalloc(1, 1);
	map64_init(&q->slots);
	map64_init(&q->specials);
	map64_init(&q->tasks);
	heap_init(&q->ready, rank_comes_first);
	list_init(&q->in_purging);
	list_init(&q->later);
	list_init(&q->never);
	return q;
}

/* With all that is known of its items. */
void queue_free(struct queue *q)
{
	struct map64_iter it = {0};
	uint64_t handle;
	void *p;

	while (map64_next_ptr(&q->specials, &it, &handle, &p)) {
		struct qspecial *sp = p;

		list_remove(&sp->in_owner);
		free(sp);
	}
	if (q->held)
		map64_release(q->held);
	free(q->held);
	map64_release(&q->specials);
	map64_release(&q->tasks);
	list_remove(&q->in_purging);
	ranks_free(q);
	free(q->dead);
	free(q);
}

void queue_record(struct core *c, const struct thing *t)
{
	struct record *rec = update_record(c->u, RECORD_THING, t->number, 0);
	const struct queue *q = t->queue;
	struct thing_record r;
	struct buf floors;
	uint32_t n = 0;

	thing_record_of(t, &r);
	r.queue.maxsize = q->maxsize;
	r.queue.max_deliveries = q->max_deliveries;
	r.queue.dead = slice_str(q->dead);
	r.queue.closing = q->closing;
	buf_init(&floors, SIZE_MAX / 2);
	for (uint32_t i = 0; i < q->nranks; i++)
		n += q->ranks[i]->floor > 1;
	if (n)
		pack_array(&floors, 2 * n);
	for (uint32_t i = 0; i < q->nranks; i++) {
		if (q->ranks[i]->floor <= 1)
			continue;
		pack_u64(&floors, q->ranks[i]->rank);
		pack_u64(&floors, q->ranks[i]->floor);
	}
	r.queue.floors = buf_slice(&floors);
	thing_record_encode(&c->u->bytes, &r);
	update_record_end(c->u, rec);
	buf_release(&floors);
	c->u->seal = true;
}

void queue_make(struct core *c, struct thing *t, struct user *owner)
{
	thing_make(c, t, owner);
	t->queue = queue_new();
	t->queue->thing = t;
	queue_record(c, t);
}

/* ---- items ---- */

void item_record(struct core *c, struct thing *t, uint64_t handle, enum record_kind kind, bool del)
{
	struct record *r = update_record(c->u, kind, t->number, handle_seq(handle));

	r->c = t->queue->ranks[handle_slot(handle)]->rank;
	r->del = del;
	c->u->seal = true;
}

bool item_is_purged(const struct thing *t, uint64_t handle)
{
	return t->queue->closing ||
	       handle_seq(handle) < t->queue->ranks[handle_slot(handle)]->floor;
}

void item_delete(struct core *c, struct thing *t, uint64_t handle)
{
	struct qspecial *sp = map64_get_ptr(&t->queue->specials, handle);
	uint64_t task;

	item_record(c, t, handle, RECORD_ITEM, true);
	if (sp && sp->deliveries)
		item_record(c, t, handle, RECORD_DELIVERY, true);
	if (sp)
		special_free(c, sp);
	if (map64_remove(&t->queue->tasks, handle, &task))
		deal_unpin(c, task);
}

static void put_one(struct dealing *d, struct thing *t, struct qrank *r, const struct deal_value *v,
	uint64_t due_us)
{
	struct core *c = d->c;
	struct queue *q = t->queue;
	uint64_t handle = handle_of(r->slot, rank_append(q, r, due_us == 0));
	struct record *rec = update_record(c->u, RECORD_ITEM, t->number, handle_seq(handle));
	struct item_record item = {.put_us = c->wall_us,
		.due_us = due_us,
		.task = deal_task(c, d->user, v),
		.content = v->content};

	rec->c = r->rank;
	item_record_encode(&c->u->bytes, &item);
	update_record_end(c->u, rec);
	c->u->seal = true;
	if (v->content.n > q->biggest)
		q->biggest = (uint32_t)v->content.n;
	if (item.task) {
		hold_pin(c, item.task);
		ensure(map64_put(&q->tasks, handle, item.task));
	}
	if (due_us) {
		struct qspecial *sp = special_new(t, handle, Q_DELAYED);

		sp->at_us = due_us;
		item_delay(c, sp);
	}
}

static void put(struct dealing *d, struct thing *t, const struct deal_op *op)
{
	uint64_t due_us = op->time_us ? d->c->wall_us + op->time_us : 0;
	struct qrank *r;
	struct cursor at;

	if (!t->number)
		queue_make(d->c, t, d->user);
	r = rank_get(t->queue, item_rank(op->priority));
	for (uint32_t n = deal_items(op, &at); n; n--) {
		struct deal_value v;

		deal_item_next(&at, &v);
		put_one(d, t, r, &v, due_us);
	}
	queue_serve(d->c, t);
}

/* ---- purging ---- */

static void purge(struct core *c, struct thing *t)
{
	struct queue *q = t->queue;

	for (uint32_t i = 0; i < q->nranks; i++) {
		q->ranks[i]->floor = q->ranks[i]->next_seq;
		rank_doom(q, q->ranks[i]);
	}
	list_splice_back(&q->never, &q->later);
	q->delayed = 0;
	if (!list_is_linked(&q->in_purging))
		list_push_back(&c->shared->purging, &q->in_purging);
	c->u->more = true;
}

/* What waits for it waits for another of its name. */
void queue_delete(struct core *c, struct thing *t)
{
	struct thing *heir;

	purge(c, t);
	t->queue->closing = true;
	queue_record(c, t);
	thing_loses_name(c, t);
	heir = thing_get(c, THING_QUEUE, slice_str(t->ns), slice_str(t->name));
	queue_serve(c, heir);
	thing_drop_if_dull(c, heir);
}

static bool purge_work(struct core *c, struct queue *q, struct thing *t, uint32_t *budget)
{
	while (q->doomed_at < q->ndoomed && *budget) {
		struct qdoomed *d = &q->doomed[q->doomed_at];

		(*budget)--;
		item_delete(c, t, handle_of(d->slot, d->run.first));
		if (d->run.first++ == d->run.last)
			q->doomed_at++;
	}
	if (q->doomed_at < q->ndoomed)
		return true;
	q->doomed_at = q->ndoomed = 0;
	for (; *budget && !list_is_empty(&q->never); (*budget)--)
		item_delete(c, t, container_of(q->never.next, struct qspecial, in_owner)->handle);
	return !list_is_empty(&q->never);
}

bool queues_work(struct core *c, uint32_t *budget)
{
	bool more = deliveries_work(c, budget);

	while (!list_is_empty(&c->shared->purging) && *budget) {
		struct queue *q = container_of(c->shared->purging.next, struct queue, in_purging);
		struct thing *t = q->thing;

		if (purge_work(c, q, t, budget))
			break;
		list_remove(&q->in_purging);
		if (q->closing && queue_len(q) == 0)
			thing_unmake(c, t);
	}
	deal_let_go(c);
	return more || !list_is_empty(&c->shared->purging);
}

/* ---- deals ---- */

static const char *put_refusal(
	struct dealing *d, struct thing *t, const struct deal_op *op, uint32_t *code)
{
	struct core *c = d->c;
	const struct queue *q = t->number ? t->queue : NULL;
	struct deal_value v;
	struct cursor at;
	uint32_t n = deal_items(op, &at);

	*code = DQ_E_STORE;
	if (d->no_room)
		return "the store is full";
	*code = DQ_E_LIMIT;
	if (!t->then_there && c->shared->then_things >= LIMIT_THINGS)
		return limit_text(LIMIT_INDEX_THINGS);
	if (q && op->time_us && map64_count(&q->specials) + n > LIMIT_DELAYED)
		return limit_text(LIMIT_INDEX_DELAYED);
	if (q && q->nranks == LIMIT_RANKS && !rank_find(q, item_rank(op->priority)))
		return limit_text(LIMIT_INDEX_RANKS);
	if (t->then_there && t->then_maxsize && t->then_version + n > t->then_maxsize) {
		d->version =
			t->then_maxsize > t->then_version ? t->then_maxsize - t->then_version : 0;
		return "the queue is full: ";
	}
	*code = DQ_E_NOT_FOUND;
	for (uint32_t i = 0; i < n; i++) {
		deal_item_next(&at, &v);
		if (!v.content.n && !deal_has_task(d, &v))
			return "there is no such task to hold in: ";
	}
	if (!t->then_there) {
		t->then_there = true;
		t->then_version = t->then_maxsize = 0;
		c->shared->then_things++;
	}
	t->then_version += n;
	return NULL;
}

/* What is there already must be like it. */
static const char *create_refusal(
	struct dealing *d, struct thing *t, const struct deal_op *op, uint32_t *code)
{
	const struct queue *q = t->number ? t->queue : NULL;

	*code = DQ_E_STORE;
	if (d->no_room)
		return "the store is full";
	*code = DQ_E_CONFLICT;
	if (t->then_there && (t->then_maxsize != op->maxsize ||
				     (q && (q->max_deliveries != op->deliveries ||
						   !slice_eq_str(op->dead, q->dead)))))
		return "it is there, with other limits: ";
	*code = DQ_E_LIMIT;
	if (!t->then_there && d->c->shared->then_things++ >= LIMIT_THINGS)
		return limit_text(LIMIT_INDEX_THINGS);
	if (!t->then_there) {
		t->then_version = 0;
		t->then_maxsize = op->maxsize;
	}
	t->then_there = true;
	return NULL;
}

/* then_version is the number of its items. */
bool queue_check(struct dealing *d, struct thing *t, const struct deal_op *op)
{
	const char *why = NULL;
	uint32_t code = 0;

	if (t->deal != d->c->shared->deal) {
		t->deal = d->c->shared->deal;
		t->then_there = t->number != 0;
		t->then_version = t->number ? queue_len(t->queue) : 0;
		t->then_maxsize = t->number ? t->queue->maxsize : 0;
	}
	if (op->kind == DEAL_PUT) {
		why = put_refusal(d, t, op, &code);
	} else if (op->kind == DEAL_CREATE) {
		why = create_refusal(d, t, op, &code);
	} else if (!t->then_there || !t->number) {
		code = DQ_E_NOT_FOUND;
		why = "no such queue: ";
	} else if (op->kind == DEAL_DELETE) {
		t->then_there = false;
		d->c->shared->then_things--;
	} else if (op->kind != DEAL_PURGE && op->kind != DEAL_KICK) {
		return delivery_check(d, t, op);
	}
	return !why ||
	       deal_refuse(d, code, why, why[strlen(why) - 1] == ' ' ? op->name : slice_empty());
}

static void create(struct dealing *d, struct thing *t, const struct deal_op *op)
{
	if (t->number)
		return;
	queue_make(d->c, t, d->user);
	t->queue->maxsize = op->maxsize;
	t->queue->max_deliveries = op->deliveries;
	free(t->queue->dead);
	t->queue->dead = thing_text(op->dead);
	queue_record(d->c, t);
	queue_serve(d->c, t);
}

void queue_do(struct dealing *d, struct thing *t, const struct deal_op *op, struct buf *results,
	bool *any)
{
	switch (op->kind) {
	case DEAL_PUT:
		put(d, t, op);
		break;
	case DEAL_CREATE:
		create(d, t, op);
		break;
	case DEAL_PURGE:
		purge(d->c, t);
		queue_record(d->c, t);
		queue_serve(d->c, t);
		break;
	case DEAL_DELETE:
		queue_delete(d->c, t);
		break;
	case DEAL_KICK:
		pack_u64(results, queue_kick(d->c, t));
		*any = true;
		return;
	default:
		delivery_do(d, t, op);
	}
	pack_nil(results);
}

/* ---- loading ---- */

bool queue_load(struct core *c, struct thing *t, const struct thing_record *r, const char **why)
{
	struct queue *q = queue_new();
	struct cursor at;
	uint32_t n;

	(void)c;
	q->thing = t;
	q->maxsize = r->queue.maxsize;
	q->max_deliveries = r->queue.max_deliveries;
	q->closing = r->queue.closing;
	free(q->dead);
	q->dead = thing_text(r->queue.dead);
	q->held = xcalloc(1, sizeof(*q->held));
	map64_init(q->held);
	t->queue = q;
	if (!r->queue.floors.n)
		return true;
	cursor_init(&at, r->queue.floors);
	n = cursor_array(&at);
	for (uint32_t i = 0; i + 1 < n; i += 2) {
		uint32_t rank = cursor_u32(&at);
		uint64_t floor = cursor_u64(&at);
		struct qrank *one = rank_get(q, rank);

		if (!one || floor >> HANDLE_SEQ_BITS || !cursor_ok(&at)) {
			*why = "a queue with floors that are none";
			return false;
		}
		one->floor = one->next_seq = floor;
	}
	return true;
}

/* One that was given back for later, and has been granted or purged since. */
static void not_due(struct qspecial *sp)
{
	if (sp)
		sp->at_us = 0;
}

bool core_load_item(struct core *c, uint64_t number, uint32_t rank, uint64_t seq,
	const struct item_record *r, const char **why)
{
	struct thing *t = map64_get_ptr(&c->shared->things, number);
	struct queue *q = t && t->kind == THING_QUEUE ? t->queue : NULL;
	struct qrank *one = q && seq >> HANDLE_SEQ_BITS == 0 && seq ? rank_get(q, rank) : NULL;
	struct qspecial *sp;
	uint64_t handle;
	struct place p;

	*why = "an item of no queue";
	if (!one)
		return false;
	*why = "an item with the future of no task";
	if (r->task && (!place_shown(c, r->task, &p) || block_state(p.block, p.idx) == TASK_GONE))
		return false;
	handle = handle_of(one->slot, seq);
	sp = map64_get_ptr(&q->specials, handle);
	if (one->next_seq <= seq)
		one->next_seq = seq + 1;
	if (r->content.n > q->biggest)
		q->biggest = (uint32_t)r->content.n;
	if (r->task) {
		hold_pin(c, r->task);
		ensure(map64_put(&q->tasks, handle, r->task));
	}
	if (sp)
		sp->found = true;
	if (map64_get(q->held, handle, NULL)) {
		not_due(sp);
		q->granted++;
	} else if (sp && sp->state == Q_OUT) {
		q->out++;
	} else if (item_is_purged(t, handle)) {
		not_due(sp);
		queue_doom(q, handle);
	} else if (sp && sp->at_us) {
		item_delay(c, sp);
	} else if (sp) {
		rank_return(q, one, seq);
	} else if (r->due_us) {
		sp = special_new(t, handle, Q_DELAYED);
		sp->found = true;
		sp->at_us = r->due_us;
		item_delay(c, sp);
	} else {
		rank_load(q, one, seq);
	}
	return true;
}

static bool drop_unfound(struct core *c, struct queue *q)
{
	struct map64_iter it = {0};
	uint64_t handle;
	void *p;

	while (map64_next_ptr(&q->specials, &it, &handle, &p)) {
		struct qspecial *sp = p;

		if (sp->found)
			continue;
		item_record(c, sp->t, handle, RECORD_DELIVERY, true);
		special_free(c, sp);
		return true;
	}
	return false;
}

void queues_load_end(struct core *c)
{
	for (struct list *l = c->shared->in_order.next; l != &c->shared->in_order; l = l->next) {
		struct thing *t = container_of(l, struct thing, in_order);
		struct queue *q = t->kind == THING_QUEUE ? t->queue : NULL;

		if (!q)
			continue;
		map64_release(q->held);
		free(q->held);
		q->held = NULL;
		while (drop_unfound(c, q))
			;
		if (q->ndoomed || q->closing)
			list_push_back(&c->shared->purging, &q->in_purging);
	}
}
