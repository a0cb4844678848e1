/*
 * What workers were leased and are not heard to have begun still counts as ready: where a task that
 * comes before it finds no room, it is asked back (STOP, cause revoked), from its end. The worker
 * says whether it had begun; only what had not is leased anew (lease_revoked), so that nothing runs
 * twice. The decision is not stored: a scheduler that dies has forgotten it, and the answer, which
 * names the fence, counts all the same.
 *
 * What comes before: a higher priority of the same user; the first task of a user who has no lease.
 * No more is asked back than makes room for those, and what a worker has beyond its credit. That
 * settles: a task that was given back is leased again after those that it made room for.
 */
#include "core/impl.h"

#define REVOKE_AT_ONCE 256 /* a user's, that are not answered */
#define REVOKE_LOOK 64     /* leases that are passed over in looking for one */

static bool is_lower(const struct heap_node *a, const struct heap_node *b)
{
	return container_of(a, struct lease_level, in_backlog)->priority <
	       container_of(b, struct lease_level, in_backlog)->priority;
}

static void level_init(struct lease_level *l, int32_t priority)
{
	l->priority = priority;
	list_init(&l->leases);
	heap_node_init(&l->in_backlog);
}

void backlog_init(struct backlog *b)
{
	heap_init(&b->levels, is_lower);
	map64_init(&b->by_priority);
	level_init(&b->common, 0);
}

static void level_drop(struct backlog *b, struct lease_level *l)
{
	heap_remove(&b->levels, &l->in_backlog);
	if (l == &b->common)
		return;
	map64_remove_ptr(&b->by_priority, (uint32_t)l->priority);
	free(l);
}

void backlog_release(struct backlog *b)
{
	while (!heap_is_empty(&b->levels))
		level_drop(b, container_of(heap_peek(&b->levels), struct lease_level, in_backlog));
	heap_release(&b->levels);
	map64_release(&b->by_priority);
}

static struct lease_level *level_of(struct backlog *b, int32_t priority)
{
	struct lease_level *l;

	if (priority == 0)
		return &b->common;
	l = map64_get_ptr(&b->by_priority, (uint32_t)priority);
	if (!l) {
		l = xcalloc(1, sizeof(*l));
		level_init(l, priority);
		ensure(map64_put_ptr(&b->by_priority, (uint32_t)priority, l));
	}
	return l;
}

/* The lowest that has leases; NULL: there is none. */
static struct lease_level *lowest(struct backlog *b)
{
	while (!heap_is_empty(&b->levels)) {
		struct lease_level *l =
			container_of(heap_peek(&b->levels), struct lease_level, in_backlog);

		if (!list_is_empty(&l->leases))
			return l;
		level_drop(b, l);
	}
	return NULL;
}

void backlog_add(struct core *c, struct task *t)
{
	struct backlog *b = &t->block->owner->backlog;
	struct lease_level *l;

	/* somebody waits for the value that it makes again; or it is to be stopped */
	if (t->remake || task_state(t) == TASK_CANCELLING)
		return;
	l = level_of(b, task_priority(c, t->block, t->idx));
	list_push_back(&l->leases, &t->in_level);
	if (!heap_contains(&l->in_backlog))
		ensure(heap_push(&b->levels, &l->in_backlog));
}

void backlog_answered(struct core *c, struct task *t)
{
	struct backlog *b = &t->block->owner->backlog;
	uint64_t weight = demand_of(c, t->block, t->idx)->weight;

	ensure(b->nrevoking > 0 && t->worker->revoking >= weight);
	t->revoking = false;
	b->nrevoking--;
	t->worker->revoking -= weight;
	c->ready_changed = true;
	c->u->seal = true;
}

static void revoke(struct core *c, struct task *t)
{
	struct send *s = update_send(c->u, SEND_STOP, t->worker->conn);

	s->id = task_own_id(t);
	s->fence = t->fence;
	s->cause = CAUSE_REVOKED;
	list_remove(&t->in_level);
	t->revoking = true;
	t->worker->revoking += demand_of(c, t->block, t->idx)->weight;
	t->block->owner->backlog.nrevoking++;
}

void backlog_move(struct core *c, struct task *t)
{
	if (!list_is_linked(&t->in_level))
		return;
	list_remove(&t->in_level);
	backlog_add(c, t);
	if (t->worker->conn && t->block->owner->backlog.nrevoking < REVOKE_AT_ONCE)
		revoke(c, t);
}

void backlog_forget_revokes(struct core *c, struct worker *w)
{
	for (struct list *l = w->leases.next; l != &w->leases && w->revoking; l = l->next) {
		struct task *t = container_of(l, struct task, in_worker);

		if (!t->revoking)
			continue;
		backlog_answered(c, t);
		backlog_add(c, t);
	}
}

/* ---- for what comes before ---- */

static bool may_give_way(const struct worker *w, const struct demand *d)
{
	return w->conn && worker_fits(w, d) && worker_is_open(w, d) &&
	       (!d->t.nresources || d->reserved == w);
}

/* Of the user's leases below the priority, the one that was given last where d's first task could
 * be. */
static struct task *last_of(struct user *of, const struct demand *d, int64_t below)
{
	struct lease_level *l = lowest(&of->backlog);
	uint32_t looks = REVOKE_LOOK;

	if (!l || l->priority >= below)
		return NULL;
	for (struct list *n = l->leases.prev; n != &l->leases && looks; n = n->prev, looks--) {
		struct task *t = container_of(n, struct task, in_level);

		if (may_give_way(t->worker, d))
			return t;
	}
	return NULL;
}

/* Room for one of the class, once all that was asked back has come back. */
static bool will_have_room(const struct worker *w, const struct demand *d)
{
	uint64_t most = (d->t.nresources ? (uint64_t)w->slots : w->limit) * AMOUNT_UNIT;

	return w->load - w->revoking + (d->t.nresources ? d->weight : AMOUNT_UNIT) <= most;
}

/* Makes room for n of d's first tasks. */
static void ask_back(
	struct core *c, struct user *of, const struct demand *d, int64_t below, uint32_t n)
{
	struct task *t;

	if (of->backlog.nrevoking >= n)
		return;
	for (n -= of->backlog.nrevoking; n && of->backlog.nrevoking < REVOKE_AT_ONCE;) {
		t = last_of(of, d, below);
		if (!t)
			return;
		revoke(c, t);
		n -= will_have_room(t->worker, d);
	}
}

static void revoke_for(struct core *c, const struct demand *d)
{
	ask_back(c, d->user, d, ready_first_priority(d), ready_first_count(d));
}

void backlogs_revoke(struct core *c)
{
	struct map64_iter it = {0};
	struct demand *d;
	struct place p;
	uint64_t number;
	void *u;

	if (!c->ranked)
		return;
	while (map64_next_ptr(&c->users, &it, &number, &u)) {
		struct user *user = u;

		if (lowest(&user->backlog) && (d = ready_next_of(c, user, &p)))
			revoke_for(c, d);
	}
	list_for_each_safe(l, next, &c->parked) {
		d = container_of(l, struct demand, in_parked);
		if (lowest(&d->user->backlog) && ready_first(c, d, &p))
			revoke_for(c, d);
	}
}

void backlog_pass(struct core *c, const struct demand *d)
{
	struct map64_iter it = {0};
	struct user *most = NULL;
	uint64_t number;
	void *u;

	while (map64_next_ptr(&c->users, &it, &number, &u)) {
		struct user *user = u;

		if (user->nleases > 1 && (!most || user->nleases > most->nleases))
			most = user;
	}
	if (most)
		ask_back(c, most, d, INT64_MAX, 1);
}
