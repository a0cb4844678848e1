/*
 * Ready tasks, as runs of consecutive tasks: a block of a thousand is one entry, an array of ten
 * million too. A run is of one class and one priority and has a rank, that of its coming: what a
 * finished dependency made ready goes in front of what was submitted, so that graphs finish
 * branches before they start new ones.
 *
 *	core.turns   users, by pass: stride scheduling, each lease adds to its user's pass
 *	  user.demands   classes that are not parked, by their first task
 *	    demand.queues    one a priority, the highest first
 *	      queue.runs        by rank
 *
 * Entries are not removed when a task stops being ready: they are checked when they come up.
 */
#include "core/impl.h"
#include "core/work.h"

#define STRIDE ((uint64_t)1 << 20) /* what a lease of one cpu costs a user of weight 1 */
#define WEIGHT_MAX ((uint64_t)AMOUNT_UNIT << 16)

void queue_init(struct ready_queue *q, struct demand *d, int32_t priority)
{
	q->demand = d;
	q->priority = priority;
	list_init(&q->runs);
	heap_node_init(&q->in_demand);
}

static void queue_free(struct ready_queue *q)
{
	map64_remove_ptr(&q->demand->by_priority, (uint32_t)q->priority);
	free(q);
}

/* ---- orders ---- */

static const struct ready_queue *top_queue(const struct demand *d)
{
	return container_of(heap_peek(&d->queues), struct ready_queue, in_demand);
}

static int64_t rank_of(const struct ready_queue *q)
{
	return container_of(q->runs.next, struct ready_run, in_queue)->rank;
}

bool queue_comes_first(const struct heap_node *a, const struct heap_node *b)
{
	return container_of(a, struct ready_queue, in_demand)->priority >
	       container_of(b, struct ready_queue, in_demand)->priority;
}

/* Of one user. */
static bool comes_first(const struct demand *a, const struct demand *b)
{
	const struct ready_queue *x = top_queue(a), *y = top_queue(b);

	return x->priority != y->priority ? x->priority > y->priority : rank_of(x) < rank_of(y);
}

bool demand_comes_first(const struct heap_node *a, const struct heap_node *b)
{
	return comes_first(
		container_of(a, struct demand, in_user), container_of(b, struct demand, in_user));
}

static bool has_turn_before(const struct user *a, const struct user *b)
{
	return a->pass != b->pass ? a->pass < b->pass : a->number < b->number;
}

bool turn_comes_first(const struct heap_node *a, const struct heap_node *b)
{
	return has_turn_before(
		container_of(a, struct user, turn), container_of(b, struct user, turn));
}

bool demand_before(const struct demand *a, const struct demand *b)
{
	if (heap_is_empty(&a->queues) || heap_is_empty(&b->queues))
		return !heap_is_empty(&a->queues);
	return a->user == b->user ? comes_first(a, b) : has_turn_before(a->user, b->user);
}

/* ---- places ---- */

static void place_user(struct core *c, struct user *user)
{
	bool waits = !heap_is_empty(&user->demands);

	if (waits && !heap_contains(&user->turn)) {
		/* who comes back starts level with the others, without credit for the time away */
		if (user->pass < c->pass)
			user->pass = c->pass;
		ensure(heap_push(&c->turns, &user->turn));
	} else if (!waits && heap_contains(&user->turn)) {
		heap_remove(&c->turns, &user->turn);
	}
}

/* After its first task changed, or whether it is parked. */
static void place_demand(struct core *c, struct demand *d)
{
	bool waits;

	if (heap_is_empty(&d->queues) && d->reserved)
		room_unreserve(c, d->reserved);
	waits = !heap_is_empty(&d->queues) && !demand_is_parked(d);
	if (waits && heap_contains(&d->in_user))
		heap_update(&d->user->demands, &d->in_user);
	else if (waits)
		ensure(heap_push(&d->user->demands, &d->in_user));
	else if (heap_contains(&d->in_user))
		heap_remove(&d->user->demands, &d->in_user);
	place_user(c, d->user);
}

/* After its first run changed. */
static void place_queue(struct core *c, struct ready_queue *q)
{
	struct demand *d = q->demand;
	bool has_runs = !list_is_empty(&q->runs);

	if (has_runs && !heap_contains(&q->in_demand))
		ensure(heap_push(&d->queues, &q->in_demand));
	else if (!has_runs && heap_contains(&q->in_demand))
		heap_remove(&d->queues, &q->in_demand);
	place_demand(c, d);
	if (!q->nruns && q != &d->common)
		queue_free(q);
}

void demand_park(struct core *c, struct demand *d)
{
	list_push_back(&c->parked, &d->in_parked);
	place_demand(c, d);
}

void demand_unpark(struct core *c, struct demand *d)
{
	list_remove(&d->in_parked);
	place_demand(c, d);
}

/* ---- runs ---- */

static struct ready_queue *queue_of(struct core *c, struct demand *d, int32_t priority)
{
	struct ready_queue *q;

	if (priority == 0)
		return &d->common;
	c->ranked = true;
	q = map64_get_ptr(&d->by_priority, (uint32_t)priority);
	if (!q) {
		q = xcalloc(1, sizeof(*q));
		queue_init(q, d, priority);
		ensure(map64_put_ptr(&d->by_priority, (uint32_t)priority, q));
	}
	return q;
}

static void run_put(struct core *c, struct ready_run *r, bool front)
{
	struct ready_queue *q = r->queue;
	bool first = front || list_is_empty(&q->runs);

	r->rank = front ? --c->rank_front : ++c->rank_back;
	if (front)
		list_push_front(&q->runs, &r->in_queue);
	else
		list_push_back(&q->runs, &r->in_queue);
	if (first)
		place_queue(c, q);
}

static void push_run(struct core *c, struct ready_queue *q, struct block *b, uint32_t at,
	uint32_t count, bool front)
{
	struct ready_run *r = xcalloc(1, sizeof(*r));

	*r = (struct ready_run){.queue = q, .block = b, .at = at, .count = count};
	list_push_back(&b->ready, &r->in_block);
	q->nruns++;
	run_put(c, r, front);
}

static struct ready_queue *queue_for(struct core *c, struct block *b, uint32_t idx)
{
	return queue_of(c, demand_of(c, b, idx), task_priority(c, b, idx));
}

void ready_push(struct core *c, struct block *b, uint32_t at, uint32_t count, bool front)
{
	uint32_t end = at + count;

	ensure(count > 0);
	c->ready_changed = true;
	if ((!b->terms || b->flags & BLOCK_ARRAY) && !b->priority) {
		push_run(c, queue_for(c, b, at), b, at, count, front);
		return;
	}
	while (at < end) {
		struct ready_queue *q = queue_for(c, b, at);
		uint32_t n = 1;

		while (at + n < end && queue_for(c, b, at + n) == q)
			n++;
		push_run(c, q, b, at, n, front);
		at += n;
	}
}

void ready_again(struct core *c, struct block *b, uint32_t at, uint32_t count)
{
	uint32_t end = at + count;

	while (at < end && block_state(b, at) != TASK_READY)
		at++;
	while (end > at && block_state(b, end - 1) != TASK_READY)
		end--;
	if (at < end)
		ready_push(c, b, at, end - at, false);
}

static void run_free(struct ready_run *r)
{
	r->queue->nruns--;
	list_remove(&r->in_queue);
	list_remove(&r->in_block);
	free(r);
}

void ready_forget_block(struct core *c, struct block *b)
{
	while (!list_is_empty(&b->ready)) {
		struct ready_run *r = container_of(b->ready.next, struct ready_run, in_block);
		struct ready_queue *q = r->queue;

		run_free(r);
		place_queue(c, q);
	}
}

void ready_unpark(struct core *c, struct block *b)
{
	while (!list_is_empty(&b->parked)) {
		struct ready_run *r = container_of(b->parked.prev, struct ready_run, in_queue);

		list_remove(&r->in_queue);
		run_put(c, r, true);
	}
}

/* Its tasks went into another queue when a user set their priority. */
static bool is_stale(const struct core *c, const struct ready_run *r)
{
	return (r->block->priority || r->block->has_priority) &&
	       r->queue->priority != task_priority(c, r->block, r->at);
}

/* Drops stale tasks from the front of the queue's first run, and parks one of an array that has as
 * many leases as it may. NULL: the first run is another one now, or none. */
static struct ready_run *first_run(struct core *c, struct ready_queue *q)
{
	struct ready_run *r = container_of(q->runs.next, struct ready_run, in_queue);

	/* without priorities of their own all its tasks are stale, or none is */
	if (is_stale(c, r) && !r->block->priority)
		r->count = 0;
	while (r->count && (block_state(r->block, r->at) != TASK_READY || is_stale(c, r))) {
		r->at++;
		r->count--;
	}
	if (r->count && (!r->block->at_once || r->block->nleased < r->block->at_once))
		return r;
	if (!r->count) {
		run_free(r);
	} else {
		list_remove(&r->in_queue);
		list_push_back(&r->block->parked, &r->in_queue);
	}
	place_queue(c, q);
	return NULL;
}

bool ready_first(struct core *c, struct demand *d, struct place *out)
{
	while (!heap_is_empty(&d->queues)) {
		struct ready_queue *q =
			container_of(heap_peek(&d->queues), struct ready_queue, in_demand);
		struct ready_run *r = first_run(c, q);

		if (!r)
			continue;
		*out = (struct place){r->block, r->at};
		return true;
	}
	return false;
}

struct demand *ready_next_of(struct core *c, struct user *user, struct place *out)
{
	struct heap_node *n;

	while ((n = heap_peek(&user->demands))) {
		struct demand *d = container_of(n, struct demand, in_user);
		struct ready_queue *q =
			container_of(heap_peek(&d->queues), struct ready_queue, in_demand);
		struct ready_run *r = first_run(c, q);

		if (!r)
			continue;
		*out = (struct place){r->block, r->at};
		return d;
	}
	return NULL;
}

struct demand *ready_next(struct core *c, struct place *out)
{
	struct heap_node *n;

	while ((n = heap_peek(&c->turns))) {
		struct demand *d = ready_next_of(c, container_of(n, struct user, turn), out);

		if (d)
			return d;
	}
	return NULL;
}

int32_t ready_first_priority(const struct demand *d)
{
	return top_queue(d)->priority;
}

uint32_t ready_first_count(const struct demand *d)
{
	const struct ready_queue *q = top_queue(d);
	const struct ready_run *r = container_of(q->runs.next, struct ready_run, in_queue);
	const struct block *b = r->block;
	uint32_t n = r->count;

	if (b->at_once && b->at_once - b->nleased < n)
		n = b->at_once - b->nleased;
	return q->nruns > n ? q->nruns : n;
}

/* What a lease of the class costs its user. */
static uint64_t cost_of(const struct demand *d)
{
	uint64_t weight = d->weight < WEIGHT_MAX ? d->weight : WEIGHT_MAX;

	return STRIDE / d->user->weight * weight / AMOUNT_UNIT;
}

int64_t ready_take(struct core *c, struct demand *d)
{
	struct ready_queue *q = container_of(heap_peek(&d->queues), struct ready_queue, in_demand);
	struct ready_run *r = container_of(q->runs.next, struct ready_run, in_queue);
	struct user *user = d->user;
	int64_t rank = r->rank;

	c->pass = user->pass;
	user->pass += cost_of(d);
	heap_update(&c->turns, &user->turn);
	r->at++;
	if (--r->count)
		return rank;
	run_free(r);
	place_queue(c, q);
	return rank;
}

/* ---- back ---- */

void ready_refund(struct core *c, const struct task *t)
{
	struct user *user = t->block->owner;
	uint64_t cost = cost_of(demand_of(c, t->block, t->idx));

	/* not charged by this start of the scheduler */
	if (t->fence.epoch != c->config.epoch || user->pass < cost)
		return;
	user->pass -= cost;
	if (heap_contains(&user->turn))
		heap_update(&c->turns, &user->turn);
}

/* Does the run come before a task of that rank? */
static bool run_before(const struct ready_run *r, int64_t rank, const struct block *b, uint32_t idx)
{
	if (r->rank != rank)
		return r->rank < rank;
	return r->block == b ? r->at < idx : r->block->order < b->order;
}

/* The task is next to the run, and of its rank. */
static bool run_extend(struct ready_run *r, int64_t rank, const struct block *b, uint32_t idx)
{
	if (r->block != b || r->rank != rank || (r->at != idx + 1 && r->at + r->count != idx))
		return false;
	if (r->at == idx + 1)
		r->at--;
	r->count++;
	return true;
}

/* What was leased was first, so its place is near the front. */
void ready_return(struct core *c, struct block *b, uint32_t idx, int64_t rank)
{
	struct ready_queue *q = queue_for(c, b, idx);
	struct list *at = q->runs.next;
	struct ready_run *r;

	c->ready_changed = true;
	if (b->at_once) {
		/* the rest of its array has gone to the front already */
		ready_push(c, b, idx, 1, true);
		return;
	}
	for (; at != &q->runs; at = at->next) {
		r = container_of(at, struct ready_run, in_queue);
		if (run_extend(r, rank, b, idx))
			return;
		if (!run_before(r, rank, b, idx))
			break;
	}
	r = xcalloc(1, sizeof(*r));
	*r = (struct ready_run){.queue = q, .block = b, .at = idx, .count = 1, .rank = rank};
	list_push_back(&b->ready, &r->in_block);
	list_insert_before(at, &r->in_queue);
	q->nruns++;
	if (q->runs.next == &r->in_queue)
		place_queue(c, q);
}
