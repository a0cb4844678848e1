/*
 * Leases and their bundles. Leases granted to one worker between two seals are one record; it is
 * deleted when the last of them is over, and written again when one is revoked (D5). A task's lease
 * is its fence: whoever reports under another is refused.
 */
#include "core/impl.h"

struct bundle *bundle_new(struct core *c, struct worker *w, struct fence first, uint32_t n)
{
	struct bundle *b = xcalloc(1, sizeof(*b));

	b->first = first;
	b->worker = w;
	b->issued_us = c->wall_us;
	b->n = n;
	b->entries = xcalloc(n ? n : 1, sizeof(*b->entries));
	list_init(&b->in_dirty);
	return b;
}

void bundle_dirty(struct core *c, struct bundle *b)
{
	if (b->dirty)
		return;
	b->dirty = true;
	list_push_back(&c->dirty_bundles, &b->in_dirty);
	c->u->seal = true;
}

/* One of its leases is over. */
void bundle_put(struct core *c, struct bundle *b)
{
	ensure(b->live > 0);
	if (--b->live)
		return;
	/* one that is still being filled has no record yet; assign() sees that it is empty */
	update_delete(c->u, RECORD_LEASE, b->first.epoch, b->first.seq);
	if (b->dirty)
		list_remove(&b->in_dirty);
	free(b->entries);
	free(b);
}

void bundles_write(struct core *c)
{
	while (!list_is_empty(&c->dirty_bundles)) {
		struct bundle *b = container_of(c->dirty_bundles.next, struct bundle, in_dirty);
		struct record *r = update_record(c->u, RECORD_LEASE, b->first.epoch, b->first.seq);

		lease_bundle_encode(
			&c->u->bytes, b->worker->number, b->issued_us, b->entries, b->n);
		update_record_end(c->u, r);
		b->dirty = false;
		list_remove(&b->in_dirty);
	}
}

/* Ties the task to the idx-th lease of the bundle. */
void lease_adopt(struct core *c, struct task *t, struct bundle *bundle, uint32_t idx)
{
	ensure(!t->worker);
	t->worker = bundle->worker;
	t->fence = (struct fence){bundle->first.epoch, bundle->first.seq + idx};
	t->bundle = bundle;
	t->bundle_idx = idx;
	t->started = false;
	t->started_us = 0;
	bundle->live++;
	t->block->nleased++;
	list_push_back(&bundle->worker->leases, &t->in_worker);
	bundle->worker->nleases++;
	t->block->owner->nleases++;
	worker_use(bundle->worker, demand_of(c, t->block, t->idx));
	t->rank = 0;
	backlog_add(c, t);
}

/* The task must be READY; it gets the next fence, in the bundle that the worker has open in this
 * seal. */
void lease_grant(struct core *c, struct worker *w, struct block *b, uint32_t idx, int64_t rank)
{
	struct task *t = task_get(c, b, idx);
	struct bundle *o = w->open;
	uint32_t i = o->n++;

	if (i == w->open_cap) {
		w->open_cap *= 2;
		o->entries = xreallocarray(o->entries, w->open_cap, sizeof(*o->entries));
	}
	o->entries[i] = (struct lease_entry){.id = task_own_id(t),
		.generation = t->generation,
		.flags = t->remake ? LEASE_REMAKE : 0};
	c->fence_seq++;
	task_move(c, b, idx, TASK_LEASED);
	lease_adopt(c, t, o, i);
	t->rank = rank;
}

/* The lease is over. revoke: it did not end with a report, so that its record must say that it no
 * longer counts. */
void lease_drop(struct core *c, struct task *t, bool revoke)
{
	struct worker *w = t->worker;
	struct bundle *b = t->bundle;

	ensure(w && b);
	if (t->attended)
		attempt_end(c, t, DQ_E_GONE, "the task's lease is over");
	backlog_remove(c, t);
	list_remove(&t->in_worker);
	w->nleases--;
	t->block->owner->nleases--;
	worker_unuse(w, demand_of(c, t->block, t->idx));
	worker_touch(c, w);
	if (t->started)
		w->nrunning--;
	t->block->nleased--;
	ready_unpark(c, t->block);
	t->worker = NULL;
	t->bundle = NULL;
	t->fence = (struct fence){0, 0};
	t->started = false;
	c->ready_changed = true;
	if (revoke) {
		b->entries[t->bundle_idx].flags |= LEASE_REVOKED;
		bundle_dirty(c, b);
	}
	bundle_put(c, b);
}

/* LEASE for tasks that hold leases with consecutive fences from `first`. */
void lease_send(
	struct core *c, struct worker *w, struct fence first, struct task *const *tasks, uint32_t n)
{
	struct send *s = update_send(c->u, SEND_LEASE, w->conn);

	s->fence = first;
	s->worker = w->number;
	s->at = c->u->ngrants;
	s->n = n;
	for (uint32_t i = 0; i < n; i++) {
		struct task *t = tasks[i];
		struct grant *g = update_grant(c->u);
		uint32_t ndeps;
		const uint64_t *deps = block_deps(t->block, t->idx, &ndeps);

		g->id = task_own_id(t);
		g->generation = t->generation;
		g->attempt = t->attempts + 1;
		g->remake = t->remake;
		g->timeout_us = task_terms(c, t->block, t->idx)->timeout_us;
		g->ahead = w->ahead;
		g->suspect = t->suspect;
		g->store = task_terms(c, t->block, t->idx)->store;
		g->priority = task_priority(c, t->block, t->idx);
		g->lane = t->block->owner == w->user ? 0 : t->block->owner->number + 1;
		g->cpus = demand_of(c, t->block, t->idx)->cpus;
		g->ninputs = ndeps;
		for (uint32_t d = 0; d < ndeps; d++)
			update_input(c->u, deps[d]);
	}
}

/* It was forgotten while it was leased. */
static void doom_if_unwanted(struct core *c, struct task *t)
{
	if (task_is_held(t->block, t->idx) || t->users || t->remake)
		return;
	doom(c, task_own_id(t), TASK_CANCELLED, CAUSE_UNHELD, 0);
	c->u->more = true;
}

void lease_back(struct core *c, struct task *t)
{
	lease_drop(c, t, true);
	if ((t->attempts || t->deaths) && !t->remake)
		row_write(c, t, TASK_LEASED, 0, slice_empty());
	doom_if_unwanted(c, t);
	task_goes_on(c, t);
}

void lease_revoked(struct core *c, struct task *t)
{
	int64_t rank = t->rank;

	ensure(!t->remake);
	/* it was about to begin when that was told */
	if (t->started) {
		t->started = false;
		t->attempts--;
		t->worker->nrunning--;
	}
	ready_refund(c, t);
	lease_drop(c, t, true);
	doom_if_unwanted(c, t);
	task_move(c, t->block, t->idx, TASK_READY);
	ready_return(c, t->block, t->idx, rank);
}

void lease_lost(struct core *c, struct task *t)
{
	if (task_state(t) == TASK_CANCELLING) {
		finish_stopped(c, t, NULL);
		return;
	}
	if (!t->remake && block_option(t->block, t->idx) & OPTION_ONCE && t->started) {
		finish(c, t, TASK_FAILED, CAUSE_WORKER, 0);
		return;
	}
	if (t->deaths >= POISON_DEATHS) {
		if (t->remake)
			remake_end(c, t, false);
		else
			finish(c, t, TASK_FAILED, CAUSE_POISON, 0);
		return;
	}
	lease_back(c, t);
}
