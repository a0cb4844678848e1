/*
 * Blocks and tasks as containers: finding a task by id, giving it a struct when something goes on
 * with it, taking it back when nothing does. Nothing here decides anything.
 */
#include "core/impl.h"
#include "core/past.h"
#include "core/timer.h"

static uint32_t chunks_of(const struct block *b)
{
	return (uint32_t)((b->count + TASKS_PER_CHUNK - 1) / TASKS_PER_CHUNK);
}

struct session_blocks *blocks_of_session(const struct core *c, uint32_t session)
{
	return map64_get_ptr(&c->blocks_of, session);
}

static struct session_blocks *home_of(struct core *c, uint32_t session)
{
	struct session_blocks *h = blocks_of_session(c, session);

	if (!h) {
		h = xcalloc(1, sizeof(*h));
		h->session = session;
		h->cap = 4;
		h->v = h->base = xcalloc(h->cap, sizeof(struct block *));
		ensure(map64_put_ptr(&c->blocks_of, session, h));
	}
	return h;
}

/* The first block at or after id's. */
static uint32_t home_search(const struct session_blocks *h, uint64_t id)
{
	uint32_t lo = 0, hi = h->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (h->v[mid]->first + h->v[mid]->count <= id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* A place at the end: what was left free in front is used first when it is much. */
static void home_make_room(struct session_blocks *h)
{
	size_t front = (size_t)(h->v - h->base);

	if (front > h->n) {
		memmove(h->base, h->v, h->n * sizeof(struct block *));
		front = 0;
	} else {
		h->cap *= 2;
		h->base = xreallocarray(h->base, h->cap, sizeof(struct block *));
	}
	h->v = h->base + front;
}

static void home_insert(struct session_blocks *h, struct block *b)
{
	uint32_t at = h->n;

	if (h->n && h->v[h->n - 1]->first > b->first)
		at = home_search(h, b->first);
	if (h->v + h->n == h->base + h->cap)
		home_make_room(h);
	memmove(h->v + at + 1, h->v + at, (h->n - at) * sizeof(struct block *));
	h->v[at] = b;
	h->n++;
	b->home = h;
}

static void home_remove(struct core *c, struct block *b)
{
	struct session_blocks *h = b->home;
	uint32_t at = home_search(h, b->first);

	ensure(at < h->n && h->v[at] == b);
	h->n--;
	if (at < h->n / 2) {
		/* the usual case: the oldest goes first */
		memmove(h->v + 1, h->v, at * sizeof(struct block *));
		h->v++;
	} else {
		memmove(h->v + at, h->v + at + 1, (h->n - at) * sizeof(struct block *));
	}
	if (h->n)
		return;
	map64_remove_ptr(&c->blocks_of, h->session);
	free(h->base);
	free(h);
}

struct block *block_new(struct core *c, const struct block_record *r)
{
	struct block *b = xcalloc(1, sizeof(*b));

	ensure(r->count > 0 && r->count <= LIMIT_ARRAY_ELEMENTS);
	b->first = r->first;
	b->count = r->count;
	b->flags = r->flags;
	b->user = r->user;
	b->owner = map64_get_ptr(&c->users, r->user);
	ensure(b->owner);
	b->session = r->session;
	b->order = r->order;
	b->submitted_us = r->submitted_us;
	b->live = r->count;
	b->state = xcalloc(r->count, 1);
	b->chunks = xcalloc(chunks_of(b), sizeof(*b->chunks));
	b->gone_stored = xcalloc((r->count / GONE_CHUNK + 64) / 64, sizeof(uint64_t));
	itree_init(&b->watches);
	list_init(&b->ready);
	list_init(&b->parked);
	list_init(&b->in_stage);
	home_insert(home_of(c, r->session), b);
	list_push_back(&c->blocks, &b->in_order);
	return b;
}

static void task_free(struct task *t)
{
	if (t)
		past_drop(t);
	while (t && t->getters) {
		struct getter *g = t->getters;

		t->getters = g->next;
		free(g);
	}
	free(t);
}

void block_free(struct core *c, struct block *b)
{
	for (uint32_t i = 0; i < chunks_of(b); i++) {
		struct task_chunk *k = b->chunks[i];

		for (uint32_t j = 0; k && j < TASKS_PER_CHUNK; j++)
			task_free(k->at[j]);
		free(k);
	}
	watches_drop_block(b);
	timer_drop_block(c, b);
	keep_drop_block(c, b);
	ready_forget_block(c, b);
	if (b->stage)
		stage_forget_block(b);
	home_remove(c, b);
	list_remove(&b->in_order);
	free(b->chunks);
	free(b->state);
	free(b->option);
	free(b->keys);
	free(b->deps);
	free(b->dep_at);
	for (uint32_t i = 0; b->terms && i < (b->flags & BLOCK_ARRAY ? 1 : b->count); i++)
		terms_drop(c, b->terms[i]);
	free(b->terms);
	for (uint32_t i = 0; b->label && i < (b->flags & BLOCK_ARRAY ? 1 : b->count); i++)
		labels_drop(c, b->label[i]);
	free(b->label);
	free(b->round);
	free(b->priority);
	free(b->gone_stored);
	free(b);
}

bool place_of(const struct core *c, uint64_t id, struct place *out)
{
	const struct session_blocks *h = blocks_of_session(c, task_id_session(id));
	uint32_t at;

	if (!h)
		return false;
	/* the usual question is about the newest block */
	at = id >= h->v[h->n - 1]->first ? h->n - 1 : home_search(h, id);
	if (at >= h->n || id < h->v[at]->first || id - h->v[at]->first >= h->v[at]->count)
		return false;
	*out = (struct place){h->v[at], (uint32_t)(id - h->v[at]->first)};
	return true;
}

bool place_shown(const struct core *c, uint64_t id, struct place *out)
{
	return place_of(c, id, out) && !block_is_hidden(out->block);
}

uint64_t place_gap(const struct core *c, uint64_t id)
{
	const struct session_blocks *h = blocks_of_session(c, task_id_session(id));
	uint32_t at = h ? home_search(h, id) : 0;

	return h && at < h->n && h->v[at]->first > id ? h->v[at]->first - id : UINT64_MAX;
}

struct task *task_peek(struct block *b, uint32_t idx)
{
	struct task_chunk *k = b->chunks[idx / TASKS_PER_CHUNK];

	return k ? k->at[idx % TASKS_PER_CHUNK] : NULL;
}

struct task *task_get(struct core *c, struct block *b, uint32_t idx)
{
	struct task_chunk **k = &b->chunks[idx / TASKS_PER_CHUNK];
	struct task *t = *k ? (*k)->at[idx % TASKS_PER_CHUNK] : NULL;

	if (t)
		return t;
	if (!*k)
		*k = xcalloc(1, sizeof(**k));
	t = c->task_free;
	if (t)
		c->task_free = (struct task *)(void *)t->block;
	else
		t = xmalloc(sizeof(*t));
	memset(t, 0, sizeof(*t));
	t->block = b;
	t->idx = idx;
	t->generation = block_generation(b, idx);
	list_init(&t->in_worker);
	list_init(&t->in_level);
	(*k)->at[idx % TASKS_PER_CHUNK] = t;
	(*k)->used++;
	return t;
}

/* Nothing to remember beyond the byte and the row. */
static bool task_is_dull(const struct task *t)
{
	enum task_state s = task_state(t);

	if (t->worker || t->users || t->lineage || t->dependents || t->holds || t->ncopies ||
		t->getters || t->remake || t->held_value || t->stored || t->keeps_deps ||
		t->waiting_on)
		return false;
	return s == TASK_GONE || task_state_is_final(s) ||
	       ((s == TASK_READY || s == TASK_SCHEDULED) && !t->attempts && !t->deaths &&
		       !t->failures && !t->conflicts && !t->suspect && !t->past);
}

void task_drop_if_dull(struct core *c, struct task *t)
{
	struct task_chunk **k = &t->block->chunks[t->idx / TASKS_PER_CHUNK];

	if (!task_is_dull(t))
		return;
	past_drop(t);
	(*k)->at[t->idx % TASKS_PER_CHUNK] = NULL;
	if (--(*k)->used == 0) {
		free(*k);
		*k = NULL;
	}
	t->block = (struct block *)(void *)c->task_free;
	c->task_free = t;
}

void edge_add(struct core *c, struct task *from, struct task *to)
{
	uint32_t e = c->edge_free;

	if (e) {
		c->edge_free = c->edges[e].next;
	} else {
		if (c->nedges == c->edges_cap) {
			c->edges_cap = c->edges_cap ? c->edges_cap * 2 : 1024;
			c->edges = xreallocarray(c->edges, c->edges_cap, sizeof(*c->edges));
		}
		if (c->nedges == 0)
			c->nedges = 1;
		e = c->nedges++;
	}
	c->edges[e] = (struct edge){.to = task_own_id(to), .next = from->dependents};
	from->dependents = e;
}

const uint64_t *block_deps(const struct block *b, uint32_t idx, uint32_t *n)
{
	if (!b->dep_at) {
		*n = 0;
		return NULL;
	}
	if (b->flags & BLOCK_ARRAY)
		idx = 0;
	*n = b->dep_at[idx + 1] - b->dep_at[idx];
	return b->deps + b->dep_at[idx];
}

void block_set_round(struct block *b, uint32_t idx, uint16_t round)
{
	if (!b->round)
		b->round = xcalloc(b->count, sizeof(*b->round));
	b->round[idx] = round;
}

uint8_t block_option(const struct block *b, uint32_t idx)
{
	return b->option ? b->option[b->flags & BLOCK_ARRAY ? 0 : idx] : 0;
}
