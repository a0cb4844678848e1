/*
 * Who gets what: at each seal, ready tasks go to workers with credit. A task with large inputs goes
 * where most of their bytes are, the others to the least loaded. Leases decided here share the
 * commit of what made them possible (D4).
 */
#include "core/impl.h"

#define OPEN_BUNDLE_CAP 64

static bool has_credit(const struct worker *w)
{
	return w->conn && w->nleases < w->limit;
}

/* Bytes of the task's inputs that are only on workers, and the worker with credit that has most of
 * them. */
static struct worker *by_bytes(struct core *c, struct block *b, uint32_t idx)
{
	uint64_t best_bytes = 0;
	struct worker *best = NULL;
	uint32_t n;
	const uint64_t *deps = block_deps(b, idx, &n);

	for (uint32_t i = 0; i < n && i < 64; i++) {
		struct place p;
		struct task *t = place_of(c, deps[i], &p) ? task_peek(p.block, p.idx) : NULL;

		for (uint32_t k = 0; t && k < t->ncopies; k++) {
			struct worker *w = t->copies[k];
			uint64_t bytes = 0;

			if (w == best || !has_credit(w))
				continue;
			for (uint32_t j = 0; j < n && j < 64; j++) {
				struct place q;
				struct task *o =
					place_of(c, deps[j], &q) ? task_peek(q.block, q.idx) : NULL;

				for (uint32_t m = 0; o && m < o->ncopies; m++)
					if (o->copies[m] == w)
						bytes += o->size;
			}
			if (bytes > best_bytes) {
				best_bytes = bytes;
				best = w;
			}
		}
	}
	return best;
}

/* The worker with credit whose slots are least taken; *free is the credit of all. */
static struct worker *least_loaded(struct core *c, uint64_t *credit)
{
	struct worker *best = NULL;
	struct list *l;

	*credit = 0;
	for (l = c->worker_list.next; l != &c->worker_list; l = l->next) {
		struct worker *w = container_of(l, struct worker, in_workers);

		if (!has_credit(w))
			continue;
		*credit += w->limit - w->nleases;
		if (!best ||
			(uint64_t)w->nleases * best->slots < (uint64_t)best->nleases * w->slots)
			best = w;
	}
	return best;
}

static void bundle_open(struct core *c, struct worker *w)
{
	w->open_cap = OPEN_BUNDLE_CAP;
	w->open = bundle_new(c, w, (struct fence){c->config.epoch, c->fence_seq + 1}, w->open_cap);
	w->open->n = 0;
}

/* Writes and sends what the worker was given. */
static void bundle_seal(struct core *c, struct worker *w)
{
	struct bundle *b = w->open;
	struct task **tasks = xcalloc(b->n, sizeof(struct task *));

	w->open = NULL;
	for (uint32_t i = 0; i < b->n; i++) {
		struct place p;

		ensure(place_of(c, b->entries[i].id, &p));
		tasks[i] = task_peek(p.block, p.idx);
	}
	bundle_dirty(c, b);
	lease_send(c, w, b->first, tasks, b->n);
	free(tasks);
}

/* Gives w up to `share` of the user's ready tasks from the front; fences of a bundle are
 * consecutive, so it is sealed at once. */
static void give(struct core *c, struct worker *w, uint64_t share)
{
	bundle_open(c, w);
	for (; share && has_credit(w); share--) {
		struct user *user;
		struct place p;
		struct task *t;
		bool suspect;

		if (!ready_next(c, &p, &user))
			break;
		t = task_peek(p.block, p.idx);
		suspect = t && t->suspect;
		if (suspect && w->open->n)
			break;
		if (w->open->n && p.block->dep_at && by_bytes(c, p.block, p.idx) != NULL &&
			by_bytes(c, p.block, p.idx) != w)
			break;
		ready_take(c, user);
		if (!p.block->dep_at || inputs_there(c, p.block, p.idx))
			lease_grant(c, w, p.block, p.idx);
		if (suspect)
			break;
	}
	if (w->open->n) {
		bundle_seal(c, w);
	} else {
		free(w->open->entries);
		free(w->open);
		w->open = NULL;
	}
}

void assign(struct core *c)
{
	struct user *user;
	struct place p;

	if (!c->ready_changed)
		return;
	c->ready_changed = false;
	while (ready_next(c, &p, &user)) {
		uint64_t credit, share;
		struct worker *w = least_loaded(c, &credit), *near;

		if (!w)
			return;
		near = p.block->dep_at ? by_bytes(c, p.block, p.idx) : NULL;
		/* a few tasks at a time, so that the ready ones spread over the workers by their
		 * credit */
		share = (w->limit - w->nleases) * c->counts[TASK_READY] / credit;
		if (share > w->limit - w->nleases)
			share = w->limit - w->nleases;
		if (share == 0 || near)
			share = 1;
		give(c, near ? near : w, share);
	}
}
