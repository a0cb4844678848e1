/*
 * Looking into the core: counts, tasks, workers, keys. Nothing changes here.
 */
#include "core/impl.h"
#include "core/past.h"
#include "core/thing.h"
#include "core/timer.h"

void core_counts(const struct core *c, struct core_counts *out)
{
	*out = (struct core_counts){.sessions = map64_count(&c->sessions)};
	memcpy(out->tasks, c->counts, sizeof(out->tasks));
	memcpy(out->things, c->shared->n, sizeof(out->things));
	out->tasks[TASK_GONE] = 0;
	for (struct list *l = c->worker_list.next; l != &c->worker_list; l = l->next) {
		const struct worker *w = container_of(l, struct worker, in_workers);

		out->running += w->nrunning;
		out->workers++;
	}
	for (struct list *l = c->demands.next; l != &c->demands; l = l->next) {
		const struct demand *d = container_of(l, struct demand, in_all);

		if (demand_is_stuck(d))
			out->stuck += d->ready;
	}
}

/* One dependency that has not ended. */
static uint64_t waits_for(const struct core *c, const struct block *b, uint32_t idx)
{
	uint32_t n;
	const uint64_t *deps = block_deps(b, idx, &n);

	for (uint32_t i = 0; i < n; i++) {
		struct place p;

		if (place_of(c, deps[i], &p) && !task_state_is_final(block_state(p.block, p.idx)))
			return deps[i];
	}
	return 0;
}

bool core_view_task(const struct core *c, uint64_t id, struct core_task_view *out)
{
	struct place p;
	const struct task *t;

	if (!place_shown(c, id, &p) || block_state(p.block, p.idx) == TASK_GONE)
		return false;
	t = task_peek(p.block, p.idx);
	*out = (struct core_task_view){.id = id,
		.block_first = p.block->first,
		.count = p.block->count,
		.array = p.block->flags & BLOCK_ARRAY,
		.state = block_state(p.block, p.idx),
		.user = p.block->user,
		.session = p.block->session,
		.submitted_us = p.block->submitted_us,
		.priority = task_priority(c, p.block, p.idx),
		.detached = p.block->state[p.idx] & TASK_DETACHED,
		.kept_until_us = keep_until_us(c, p.block, p.idx),
		.deadline_us = task_deadline_us(c, p.block, p.idx),
		.round = block_round(p.block, p.idx),
		.generation = block_generation(p.block, p.idx)};
	if (t) {
		if (t->remake)
			out->state = TASK_DONE;
		out->started = t->started;
		out->lost = value_is_lost(t);
		out->stored = t->stored;
		out->value_size = t->size;
		out->value_checksum = t->checksum;
		out->attempts = t->attempts;
		out->generation = t->generation;
		out->deaths = t->deaths;
		out->failures = t->failures;
		out->waiting_on = t->waiting_on;
		if (t->worker) {
			out->lease_worker = t->worker->number;
			out->leased_us = t->bundle->issued_us;
			out->started_us = t->started_us;
		}
	}
	if (out->state == TASK_READY)
		out->stuck = demand_is_stuck(demand_peek(c, p.block, p.idx));
	if (out->state == TASK_READY && p.block->at_once && p.block->nleased >= p.block->at_once)
		out->at_once = p.block->at_once;
	if (out->state == TASK_SCHEDULED)
		out->start_us = task_start_us(c, p.block, p.idx);
	if (out->state == TASK_WAITING)
		out->waits_for = waits_for(c, p.block, p.idx);
	return true;
}

static void view_worker(const struct worker *w, struct core_worker_view *out)
{
	*out = (struct core_worker_view){.number = w->number,
		.uuid = slice_of(w->uuid, sizeof(w->uuid)),
		.name = slice_str(w->name),
		.address = slice_str(w->address),
		.slots = w->slots,
		.limit = w->limit,
		.leases = w->nleases,
		.running = w->nrunning,
		.held_bytes = w->held_bytes,
		.connected = w->conn != 0,
		.user = w->user->number,
		.offer = &w->offer};
	worker_in_use(w, out->used);
}

bool core_view_worker(const struct core *c, uint32_t number, struct core_worker_view *out)
{
	const struct worker *w = map64_get_ptr(&c->workers, number);

	if (w)
		view_worker(w, out);
	return w != NULL;
}

void core_each_worker(
	const struct core *c, void (*fn)(const struct core_worker_view *w, void *arg), void *arg)
{
	for (struct list *l = c->worker_list.next; l != &c->worker_list; l = l->next) {
		struct core_worker_view v;

		view_worker(container_of(l, struct worker, in_workers), &v);
		fn(&v, arg);
	}
}

uint32_t core_holders(const struct core *c, uint64_t id, uint32_t *workers, uint32_t max)
{
	struct place p;
	const struct task *t = place_of(c, id, &p) ? task_peek(p.block, p.idx) : NULL;
	uint32_t n = 0;

	for (uint32_t i = 0; t && i < t->ncopies && n < max; i++)
		workers[n++] = t->copies[i]->number;
	return n;
}

struct slice core_user_name(const struct core *c, uint32_t user)
{
	const struct user *u = map64_get_ptr(&c->users, user);

	return u ? slice_str(u->name) : slice_empty();
}

uint32_t core_conn_user(const struct core *c, uint64_t conn)
{
	const struct conn *k = map64_get_ptr(&c->conns, conn);

	if (k && k->session)
		return k->session->user->number;
	if (k && k->attempt)
		return attempt_user(c, k->attempt)->number;
	return k && k->user ? k->user->number : 0;
}

uint32_t core_conn_worker(const struct core *c, uint64_t conn)
{
	const struct conn *k = map64_get_ptr(&c->conns, conn);

	return k && k->worker ? k->worker->number : 0;
}

bool core_task_stores(const struct core *c, uint64_t id)
{
	struct place p;

	return place_shown(c, id, &p) && task_terms(c, p.block, p.idx)->store;
}

bool conn_may_see(const struct core *c, const struct conn *conn, const struct block *b)
{
	return b->user == core_conn_user(c, conn->number);
}

bool core_holds(const struct core *c, uint64_t conn, uint64_t id)
{
	const struct conn *k = map64_get_ptr(&c->conns, conn);
	struct place p;

	if (!k || !k->session || !place_of(c, id, &p))
		return false;
	return p.block->session == k->session->number ? p.block->state[p.idx] & TASK_HELD
						      : map64_get(&k->session->holds, id, NULL);
}

/* A generated key, in the user's own namespace: it is the id, and names the task also where it was
 * given another. */
static bool resolve_generated(
	const struct core *c, uint32_t user, struct slice key, struct run *out)
{
	uint64_t id = key_parse_generated(key);
	struct place p;

	if (!id || !place_of(c, id, &p) || block_state(p.block, p.idx) == TASK_GONE ||
		p.block->user != user)
		return false;
	*out = (struct run){id, p.block->flags & BLOCK_ARRAY && !p.idx ? p.block->count : 1};
	return true;
}

bool core_resolve(const struct core *c, uint32_t user, struct slice text, struct run *out)
{
	struct place p;

	return resolve_any(c, user, text, out) && place_shown(c, out->first, &p);
}

bool resolve_any(const struct core *c, uint32_t user, struct slice text, struct run *out)
{
	struct slice ns, key;
	struct place p;
	int64_t element;
	uint64_t id;

	if (!key_split(text, &ns, &key, &element))
		return false;
	if (slice_is_empty(ns))
		ns = core_user_name(c, user);
	else if (!slice_eq(ns, core_user_name(c, user)))
		return false;
	if (!resolve_generated(c, user, key, out)) {
		if (!fpmap_get(&c->keys, key_fingerprint(ns, key), &id) || !place_of(c, id, &p))
			return false;
		*out = (struct run){id, p.block->flags & BLOCK_ARRAY ? p.block->count : 1};
	}
	if (element < 0)
		return true;
	if (!place_of(c, out->first, &p) || !(p.block->flags & BLOCK_ARRAY) ||
		element < p.block->first_index ||
		(uint64_t)(element - p.block->first_index) >= out->count)
		return false;
	element -= p.block->first_index;
	if (block_state(p.block, (uint32_t)element) == TASK_GONE)
		return false;
	*out = (struct run){out->first + (uint64_t)element, 1};
	return true;
}

static struct core_block_view view_block(const struct core *c, const struct block *b)
{
	bool array = b->flags & BLOCK_ARRAY;

	return (struct core_block_view){.first = b->first,
		.count = b->count,
		.order = b->order,
		.array = array,
		.first_index = b->first_index,
		.stuck = array && demand_is_stuck(demand_peek(c, b, 0)),
		.user = b->user,
		.ended = b->ended,
		.live = b->live,
		.states = b->state};
}

bool core_view_block(const struct core *c, uint64_t id, struct core_block_view *out)
{
	struct place p;

	if (!place_shown(c, id, &p))
		return false;
	*out = view_block(c, p.block);
	return true;
}

void core_each_block(
	const struct core *c, bool (*fn)(const struct core_block_view *b, void *arg), void *arg)
{
	for (struct list *l = c->blocks.next; l != &c->blocks; l = l->next) {
		const struct block *b = container_of(l, struct block, in_order);
		struct core_block_view v = view_block(c, b);

		if (!block_is_hidden(b) && !fn(&v, arg))
			return;
	}
}
