/*
 * The end of loading: what the records do not say is derived from them. Who waits, who is ready,
 * who holds whom, the key index; and what should not be there any more is doomed.
 */
#include "core/guard.h"
#include "core/load.h"
#include "core/queue.h"
#include "core/timer.h"

static int by_order(const void *a, const void *b)
{
	const struct block *x = *(struct block *const *)a, *y = *(struct block *const *)b;

	return (x->order > y->order) - (x->order < y->order);
}

static struct block **sort_blocks(struct core *c, size_t *n)
{
	struct block **v;
	size_t i = 0;

	*n = 0;
	for (struct list *l = c->blocks.next; l != &c->blocks; l = l->next)
		(*n)++;
	v = xcalloc(*n ? *n : 1, sizeof(struct block *));
	while (!list_is_empty(&c->blocks)) {
		v[i] = container_of(c->blocks.next, struct block, in_order);
		list_remove(&v[i++]->in_order);
	}
	qsort(v, *n, sizeof(struct block *), by_order);
	for (i = 0; i < *n; i++)
		list_push_back(&c->blocks, &v[i]->in_order);
	return v;
}

/* The lineage of a value that is only on workers. */
static void keep_lineage(struct core *c, struct task *t)
{
	uint32_t n;
	const uint64_t *deps = block_deps(t->block, t->idx, &n);
	struct place p;

	for (uint32_t i = 0; i < n; i++)
		if (!place_of(c, deps[i], &p) || block_state(p.block, p.idx) == TASK_GONE)
			return;
	t->keeps_deps = n > 0;
	for (uint32_t i = 0; i < n; i++) {
		ensure(place_of(c, deps[i], &p));
		task_get(c, p.block, p.idx)->lineage++;
	}
}

/* The first dependency that is not there, though it is needed: its record was damaged. 0: none. */
static uint64_t missing_dep(struct core *c, const struct block *b, uint32_t idx)
{
	uint32_t n;
	const uint64_t *deps = block_deps(b, idx, &n);
	struct place p;

	for (uint32_t i = 0; i < n; i++)
		if (!place_of(c, deps[i], &p) || block_state(p.block, p.idx) == TASK_GONE)
			return deps[i];
	return 0;
}

/* A task that can never run: it ends by a later step. One that is being stopped ends with that. */
static void settle_orphan(struct core *c, struct block *b, uint32_t idx, uint64_t missing)
{
	struct task *t = task_get(c, b, idx);

	if (block_state(b, idx) == TASK_CANCELLING)
		return;
	if (t->worker)
		load_supersede(c, t);
	load_born(c, b, idx, TASK_WAITING, 0);
	t->waiting_on = 1;
	doom(c, block_id(b, idx), TASK_FAILED, CAUSE_LOST, missing);
}

static void settle_task(struct core *c, struct block *b, uint32_t idx)
{
	struct task *t = task_peek(b, idx);
	uint64_t missing;
	enum task_state s = block_state(b, idx);
	uint32_t n;

	if (task_state_is_final(s)) {
		if (t && t->held_value && remake_allowed(t))
			keep_lineage(c, t);
		return;
	}
	if (s == TASK_GONE)
		return;
	block_deps(b, idx, &n);
	missing = missing_dep(c, b, idx);
	if (block_is_hidden(b)) {
		stage_settle(c, b, idx, missing != 0);
		return;
	}
	if (missing) {
		settle_orphan(c, b, idx, missing);
		return;
	}
	if (s == 0)
		load_born(c, b, idx,
			t && t->worker ? TASK_LEASED
			: n            ? TASK_WAITING
				       : start_state(c, b, idx),
			0);
	if (!n)
		return;
	task_start(c, b, idx);
	t = task_peek(b, idx);
	if (block_state(b, idx) == TASK_WAITING && t->waiting_on == 0)
		task_move(c, b, idx, start_state(c, b, idx));
}

static void index_keys(struct core *c, struct block *b)
{
	uint32_t n = b->flags & BLOCK_ARRAY ? 1 : (uint32_t)b->count;

	/* those of a graph that is being taken away are free */
	if (b->stage && b->stage->state == STAGE_DEAD)
		return;
	for (uint32_t i = 0; b->keys && i < n; i++)
		if ((b->keys[i].key.hi || b->keys[i].key.lo) && b->live &&
			(b->flags & BLOCK_ARRAY || block_state(b, i) != TASK_GONE))
			ensure(fpmap_put(&c->keys, b->keys[i].key, b->first + i));
}

/* Tasks that should not be there any more, and a cancel whose worker is gone. */
static void sweep(struct core *c, struct block *b)
{
	for (uint32_t i = 0; i < b->count && !block_is_hidden(b); i++) {
		enum task_state s = block_state(b, i);
		struct task *t;

		if (s == TASK_GONE)
			continue;
		t = task_peek(b, i);
		if (keep_may(b, i))
			keep_settle(c, b, i);
		if (s == TASK_CANCELLING && !t->worker)
			doom(c, block_id(b, i), TASK_CANCELLED, CAUSE_CANCELLED, 0);
		else if (!task_is_held(b, i) && !(t && (t->users || t->lineage)))
			doom(c, block_id(b, i), TASK_CANCELLED, CAUSE_UNHELD, 0);
		else if (t)
			task_drop_if_dull(c, t);
	}
}

static void drop_dead_bundles(struct core *c)
{
	for (uint32_t i = 0; i < c->nloaded; i++) {
		struct bundle *b = c->loaded[i];

		if (b->live)
			continue;
		update_delete(c->u, RECORD_LEASE, b->first.epoch, b->first.seq);
		free(b->entries);
		free(b);
	}
	free(c->loaded);
	c->loaded = NULL;
	c->nloaded = c->loaded_cap = 0;
}

/* Sessions of leases that are over end: the scheduler stopped before it had ended them. */
static void rejoin_attempts(struct core *c)
{
	struct map64_iter it = {0};
	uint64_t number;
	void *p;

	while (map64_next_ptr(&c->sessions, &it, &number, &p)) {
		struct session *s = p;

		if (s->parent && !s->closing && !attempt_adopt(c, s))
			session_end(c, s);
	}
}

static void await_peers(struct core *c)
{
	struct map64_iter it = {0};
	uint64_t number;
	void *p;

	for (struct list *l = c->worker_list.next; l != &c->worker_list; l = l->next)
		worker_disconnect(c, container_of(l, struct worker, in_workers));
	while (map64_next_ptr(&c->sessions, &it, &number, &p))
		session_disconnect(c, p);
}

void core_load_end(struct core *c, uint64_t mono_us, uint64_t wall_us, struct update *u)
{
	struct block **v;
	size_t n;

	c->u = u;
	c->mono_us = c->last_mono_us = mono_us;
	c->wall_us = wall_us;
	v = sort_blocks(c, &n);
	for (size_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < v[i]->count; k++)
			settle_task(c, v[i], k);
	drop_dead_bundles(c);
	stages_load_end(c);
	for (size_t i = 0; i < n; i++) {
		index_keys(c, v[i]);
		block_push_ready(c, v[i], false);
		sweep(c, v[i]);
	}
	free(v);
	keeps_load_end(c);
	rejoin_attempts(c);
	await_peers(c);
	guards_load_end(c);
	queues_load_end(c);
	c->loading = false;
	c->counters_dirty = true;
	u->more = true;
	u->seal = true;
}
