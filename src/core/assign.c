/*
 * Who gets what: at each seal, ready tasks go to workers that have room. A task with large inputs
 * goes where most of their bytes are, the others to the least loaded. Leases decided here share the
 * commit of what made them possible (D4).
 *
 * A class for which no worker has room is parked, so that it holds up no other; room.c wakes it.
 * What was leased and has not begun is asked back for what comes before it (backlog.c). So a seal
 * costs what it leases, and a look at the parked classes for each worker that changed.
 */
#include "core/impl.h"

#define OPEN_BUNDLE_CAP 64

static bool may_have(const struct worker *w, const struct demand *d)
{
	return worker_has_room(w, d) && worker_is_open(w, d);
}

/* The worker that may have the task and has most of the bytes of its inputs, of those that are only
 * on workers. */
static struct worker *by_bytes(
	struct core *c, const struct demand *d, struct block *b, uint32_t idx)
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

			if (w == best || !may_have(w, d))
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

/* The worker with room for it whose slots are least taken. */
static struct worker *least_loaded(struct core *c, const struct demand *d)
{
	struct heap_node *n = heap_peek(&c->by_load);
	struct worker *best = n ? container_of(n, struct worker, by_load) : NULL;

	if (!best || may_have(best, d))
		return best;
	best = NULL;
	for (uint32_t i = 0; i < heap_count(&c->by_load); i++) {
		struct worker *w = container_of(c->by_load.v[i], struct worker, by_load);

		if (may_have(w, d) && (!best || load_comes_first(&w->by_load, &best->by_load)))
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

/* The task would rather be with another worker than go into w's bundle. */
static bool belongs_elsewhere(
	struct core *c, const struct worker *w, const struct demand *d, const struct place *p)
{
	struct worker *near = p->block->dep_at ? by_bytes(c, d, p->block, p->idx) : NULL;

	return near && near != w;
}

/* Takes the next task, of class d, and leases it to w unless it has to wait for its inputs. */
static void give_next(struct core *c, struct worker *w, struct demand *d, const struct place *p)
{
	int64_t rank = ready_take(c, d);

	if (d->reserved)
		room_unreserve(c, d->reserved);
	if (!p->block->dep_at || inputs_there(c, p->block, p->idx))
		lease_grant(c, w, p->block, p->idx, rank);
}

/* Gives w up to `share` of the ready tasks from the front; fences of a bundle are consecutive, so
 * it is sealed at once. */
static void give(struct core *c, struct worker *w, uint64_t share)
{
	struct demand *d;
	struct place p;

	bundle_open(c, w);
	for (; share && (d = ready_next(c, &p)) && may_have(w, d); share--) {
		struct task *t = task_peek(p.block, p.idx);
		bool suspect = t && t->suspect;

		if (w->open->n && (suspect || belongs_elsewhere(c, w, d, &p)))
			break;
		give_next(c, w, d, &p);
		if (suspect)
			break;
	}
	worker_touch(c, w);
	if (w->open->n) {
		bundle_seal(c, w);
	} else {
		free(w->open->entries);
		free(w->open);
		w->open = NULL;
	}
}

/* A few tasks at a time, so that the ready ones spread over the workers by their room. */
static uint64_t share_of(const struct core *c, const struct worker *w)
{
	uint64_t room = w->room / AMOUNT_UNIT;
	uint64_t share = room * c->counts[TASK_READY] / (c->room / AMOUNT_UNIT);

	return share == 0 ? 1 : share < room ? share : room;
}

/* A worker that could run it next, beyond its credit by a slot's worth each. */
static struct worker *next_to_run(struct core *c, const struct demand *d)
{
	struct worker *best = NULL;

	for (struct list *l = c->worker_list.next; l != &c->worker_list; l = l->next) {
		struct worker *w = container_of(l, struct worker, in_workers);
		uint64_t most = ((uint64_t)w->limit + w->slots) * AMOUNT_UNIT;

		if (w->conn && w->limit && w->load + AMOUNT_UNIT <= most && worker_fits(w, d) &&
			worker_is_open(w, d) &&
			(!best || w->load * best->slots < best->load * w->slots))
			best = w;
	}
	return best;
}

/*
 * All credit may be with what others have prefetched: a user who has no lease at all need not wait
 * for that. One task of his is leased beyond the credit, and begins before what has not begun.
 */
static void pass_the_queue(struct core *c, struct user *user)
{
	struct demand *d = container_of(heap_peek(&user->demands), struct demand, in_user);
	struct worker *w;
	struct place p;

	if (d->t.nresources || !ready_first(c, d, &p) || p.block->dep_at)
		return;
	w = next_to_run(c, d);
	if (!w) {
		backlog_pass(c, d);
		return;
	}
	w->ahead = true;
	bundle_open(c, w);
	give_next(c, w, d, &p);
	worker_touch(c, w);
	bundle_seal(c, w);
	w->ahead = false;
}

static void let_the_idle_pass(struct core *c)
{
	struct map64_iter it = {0};
	uint64_t number;
	void *p;

	if (heap_count(&c->turns) < 2 && c->room)
		return;
	while (map64_next_ptr(&c->users, &it, &number, &p)) {
		struct user *user = p;

		if (user->nleases == 0 && heap_contains(&user->turn))
			pass_the_queue(c, user);
	}
}

void assign(struct core *c)
{
	struct demand *d;
	struct place p;

	if (!c->ready_changed)
		return;
	c->ready_changed = false;
	while (rooms_settle(c), c->room && (d = ready_next(c, &p))) {
		struct worker *near = p.block->dep_at ? by_bytes(c, d, p.block, p.idx) : NULL;
		struct worker *w = near ? near : least_loaded(c, d);

		if (w) {
			give(c, w, near ? 1 : share_of(c, w));
		} else {
			demand_park(c, d);
			room_reserve(c, d);
		}
	}
	let_the_idle_pass(c);
	backlogs_revoke(c);
	rooms_settle(c);
	c->ready_changed = false;
}
