/*
 * Retention: the outcome of a detached task, or of one whose terms ask for it, stays for a time
 * after its end and its last hold. What is kept so is held by that alone: anything else that holds
 * it stops the clock, and when that goes the time begins again.
 *
 * Times are wall clock, since they outlive the scheduler. The end of a task is in its row; a later
 * release is written with the chunk of its block (gone). In memory a task has 4 bytes, in arrays
 * made for a chunk of 4,096 ids when its first task needs one; a heap has the chunks, not the
 * tasks, and a chunk is looked at again after a second, or a 128th of the least retention in it: so
 * much longer may a task stay.
 */
#include "core/keep.h"
#include "core/impl.h"

#include "model/decode.h"

#define US_PER_SECOND 1000000ull
#define LOOK_PARTS 128
#define LOOKS_PER_BUDGET 64 /* entries that cost as much as one task that is let go */

static bool sooner(const struct heap_node *a, const struct heap_node *b)
{
	const struct keep *x = container_of(a, struct keep, node),
			  *y = container_of(b, struct keep, node);

	if (x->at_us != y->at_us)
		return x->at_us < y->at_us;
	return x->block->first + x->from < y->block->first + y->from;
}

void keeps_init(struct core *c)
{
	heap_init(&c->keeps, sooner);
	map64_init(&c->keep_loaded);
}

void keeps_free(struct core *c)
{
	heap_release(&c->keeps);
	map64_release(&c->keep_loaded);
}

void keeps_load_end(struct core *c)
{
	map64_release(&c->keep_loaded);
	map64_init(&c->keep_loaded);
}

uint64_t keep_retention_us(const struct core *c, const struct block *b, uint32_t idx)
{
	const struct terms *t = task_terms(c, b, idx);

	if (t->has_retention)
		return t->retention_us;
	return b->state[idx] & TASK_DETACHED ? c->config.retention_us : 0;
}

static uint64_t due_us(const struct core *c, const struct block *b, uint32_t idx, uint32_t since)
{
	return since * US_PER_SECOND + keep_retention_us(c, b, idx);
}

uint64_t keep_until_us(const struct core *c, const struct block *b, uint32_t idx)
{
	return keep_is_on(b, idx) ? due_us(c, b, idx, keep_since(b, idx)) : 0;
}

/* Rounded up, so that nothing goes too early. */
static uint32_t seconds(uint64_t us)
{
	uint64_t s = us / US_PER_SECOND + (us % US_PER_SECOND != 0);

	return s == 0 ? 1 : s < KEEP_OVER ? (uint32_t)s : KEEP_OVER - 1;
}

/* Does anything but its retention keep it? */
static bool is_in_use(const struct block *b, uint32_t idx)
{
	const struct task *t = task_peek((struct block *)b, idx);

	return b->state[idx] & TASK_HELD || (t && (t->holds || t->users));
}

/* ---- chunks ---- */

static uint32_t chunks_of(const struct block *b)
{
	return (uint32_t)((b->count + GONE_CHUNK - 1) / GONE_CHUNK);
}

static uint32_t chunk_size(const struct block *b, uint32_t from)
{
	uint64_t n = b->count - from;

	return n < GONE_CHUNK ? (uint32_t)n : GONE_CHUNK;
}

static struct keep *chunk_get(struct block *b, uint32_t idx)
{
	struct keep **k;

	if (!b->keep)
		b->keep = xcalloc(chunks_of(b), sizeof(struct keep *));
	k = &b->keep[idx / GONE_CHUNK];
	if (!*k) {
		uint32_t from = idx / GONE_CHUNK * GONE_CHUNK;

		*k = xcalloc(1, sizeof(**k) + chunk_size(b, from) * sizeof(uint32_t));
		(*k)->block = b;
		(*k)->from = from;
		heap_node_init(&(*k)->node);
	}
	return *k;
}

static void chunk_free(struct core *c, struct keep *k)
{
	k->block->keep[k->from / GONE_CHUNK] = NULL;
	if (heap_contains(&k->node))
		heap_remove(&c->keeps, &k->node);
	free(k);
}

void keep_drop_block(struct core *c, struct block *b)
{
	for (uint32_t i = 0; b->keep && i < chunks_of(b); i++)
		if (b->keep[i])
			chunk_free(c, b->keep[i]);
	free(b->keep);
	b->keep = NULL;
}

/* It is to be looked at then, or sooner. */
static void look_by(struct core *c, struct keep *k, uint64_t at_us)
{
	if (k->scan) {
		k->later_us = at_us < k->later_us ? at_us : k->later_us;
	} else if (!heap_contains(&k->node)) {
		k->at_us = at_us;
		ensure(heap_push(&c->keeps, &k->node));
	} else if (at_us < k->at_us) {
		k->at_us = at_us;
		heap_update(&c->keeps, &k->node);
	}
}

static void set(struct core *c, struct block *b, uint32_t idx, uint32_t since)
{
	struct keep *k = chunk_get(b, idx);
	uint32_t *to = &k->since[idx % GONE_CHUNK];

	k->n += (*to == 0);
	*to = since;
	if (since != KEEP_OVER)
		look_by(c, k, due_us(c, b, idx, since));
}

void keep_clear(struct core *c, struct block *b, uint32_t idx)
{
	struct keep *k = b->keep ? b->keep[idx / GONE_CHUNK] : NULL;

	if (!k || !k->since[idx % GONE_CHUNK])
		return;
	k->since[idx % GONE_CHUNK] = 0;
	if (--k->n == 0 && !k->scan)
		chunk_free(c, k);
}

/* ---- what happens to a task ---- */

void keep_begin(struct core *c, struct block *b, uint32_t idx, bool end)
{
	if (!task_state_is_final(block_state(b, idx)) || is_in_use(b, idx) || keep_since(b, idx))
		return;
	if (!keep_retention_us(c, b, idx)) {
		detached_drop(c, b, idx);
		return;
	}
	set(c, b, idx, seconds(c->wall_us));
	/* its row says when it ended; that it was detached later is read after that */
	if (!end || (map64_count(&c->detached) && map64_get(&c->detached, block_id(b, idx), NULL)))
		gone_mark(c, b, idx);
}

void keep_pause(struct core *c, struct block *b, uint32_t idx)
{
	if (keep_is_on(b, idx))
		keep_clear(c, b, idx);
}

void keep_anew(struct core *c, struct block *b, uint32_t idx)
{
	uint32_t chunk = idx / GONE_CHUNK;

	keep_pause(c, b, idx);
	/* a time that is in its chunk's record was that of an earlier end */
	if (b->gone_stored[chunk / 64] >> (chunk % 64) & 1)
		gone_mark(c, b, idx);
}

void keep_over(struct core *c, struct block *b, uint32_t idx)
{
	set(c, b, idx, KEEP_OVER);
	gone_mark(c, b, idx);
}

void keep_detached(struct core *c, struct block *b, uint32_t idx)
{
	if (c->loading)
		return;
	if (keep_since(b, idx) == KEEP_OVER) {
		gone_mark(c, b, idx);
		keep_clear(c, b, idx);
	}
	if (keep_is_on(b, idx))
		look_by(c, chunk_get(b, idx), keep_until_us(c, b, idx));
	else
		keep_begin(c, b, idx, false);
}

/* ---- what is due ---- */

/* Its time is over. False: the block is gone. */
static bool let_go(struct core *c, struct block *b, uint32_t idx)
{
	bool last = b->live == 1;
	uint64_t id = block_id(b, idx);
	struct place p;

	set(c, b, idx, KEEP_OVER);
	detached_drop(c, b, idx);
	gone_mark(c, b, idx);
	maybe_forget(c, b, idx);
	return !last || place_of(c, id, &p);
}

/* The chunk was looked at as a whole: when it is to be looked at again. */
static void look_again(struct core *c, struct keep *k)
{
	uint64_t pause = k->least_us / LOOK_PARTS;

	k->scan = 0;
	if (k->n == 0) {
		chunk_free(c, k);
		return;
	}
	if (k->later_us == UINT64_MAX) {
		heap_remove(&c->keeps, &k->node);
		return;
	}
	pause = c->wall_us + (pause > US_PER_SECOND ? pause : US_PER_SECOND);
	k->at_us = k->later_us > pause ? k->later_us : pause;
	heap_update(&c->keeps, &k->node);
}

static void look_at(struct core *c, struct keep *k, uint32_t *budget)
{
	uint32_t size = chunk_size(k->block, k->from);

	if (!k->scan)
		k->later_us = k->least_us = UINT64_MAX;
	while (k->scan < size && *budget) {
		uint32_t idx = k->from + k->scan, since = k->since[k->scan];
		const struct task *t;
		uint64_t due, least;

		*budget -= k->scan++ % LOOKS_PER_BUDGET == 0;
		if (!since || since == KEEP_OVER)
			continue;
		t = task_peek(k->block, idx);
		due = due_us(c, k->block, idx, since);
		if (due <= c->wall_us && !(t && t->remake)) {
			*budget -= *budget > 0;
			if (!let_go(c, k->block, idx))
				return;
			continue;
		}
		least = keep_retention_us(c, k->block, idx);
		k->least_us = least < k->least_us ? least : k->least_us;
		k->later_us = due < k->later_us ? due : k->later_us;
	}
	if (k->scan == size)
		look_again(c, k);
}

static struct keep *due(const struct core *c)
{
	struct heap_node *n = heap_peek(&c->keeps);
	struct keep *k = n ? container_of(n, struct keep, node) : NULL;

	return k && k->at_us <= c->wall_us ? k : NULL;
}

bool keeps_work(struct core *c, uint32_t *budget)
{
	struct keep *k;

	while (*budget && (k = due(c))) {
		look_at(c, k, budget);
		c->u->seal = true;
	}
	return due(c) != NULL;
}

uint64_t keeps_next_us(const struct core *c)
{
	struct heap_node *n = heap_peek(&c->keeps);
	uint64_t at = n ? container_of(n, struct keep, node)->at_us : UINT64_MAX;

	return !n ? UINT64_MAX : at > c->wall_us ? at - c->wall_us : 0;
}

/* ---- records ---- */

void keep_write(struct buf *out, const struct block *b, uint32_t from, uint32_t n)
{
	const struct keep *k = b->keep ? b->keep[from / GONE_CHUNK] : NULL;

	for (uint32_t i = 0, run; k && i < n; i += run) {
		for (run = 1; i + run < n && k->since[i + run] == k->since[i];)
			run++;
		if (k->since[i])
			keep_run_put(out, (struct keep_run){i, run, k->since[i]});
	}
}

void keep_load(struct core *c, struct block *b, uint32_t from, struct slice runs)
{
	uint32_t size = chunk_size(b, from);
	struct keep_run r;

	while (keep_run_next(&runs, &r))
		for (uint32_t i = r.at; i < r.at + r.n && i < size; i++) {
			if (block_state(b, from + i) == TASK_GONE)
				continue;
			if (r.since == KEEP_OVER)
				b->state[from + i] &= (uint8_t)~TASK_DETACHED;
			set(c, b, from + i, r.since);
			ensure(map64_put(&c->keep_loaded, block_id(b, from + i), 1));
		}
}

/* What a chunk's record says is of the last round, and later than the end that its row has. */
void keep_load_row(struct core *c, struct block *b, uint32_t idx, uint64_t finished_us)
{
	if (map64_count(&c->keep_loaded) && map64_get(&c->keep_loaded, block_id(b, idx), NULL))
		return;
	keep_clear(c, b, idx);
	if (task_state_is_final(block_state(b, idx)) && keep_retention_us(c, b, idx))
		set(c, b, idx, seconds(finished_us));
}

/* Whatever else keeps it is known now. A task without a retention that was detached is so no more.
 */
void keep_settle(struct core *c, struct block *b, uint32_t idx)
{
	if (is_in_use(b, idx) || !task_state_is_final(block_state(b, idx)))
		keep_pause(c, b, idx);
	else if (!keep_since(b, idx))
		keep_begin(c, b, idx, false);
}

/* ---- the invariant ---- */

const char *keep_check(const struct block *b, uint32_t idx)
{
	enum task_state s = block_state(b, idx);
	const struct task *t = task_peek((struct block *)b, idx);
	bool ended = task_state_is_final(s) || (t && t->remake), on = keep_is_on(b, idx);

	if (on && (!ended || is_in_use(b, idx)))
		return "its retention runs, and something else keeps it";
	if (keep_since(b, idx) && s == TASK_GONE)
		return "gone, and its retention is not";
	if (!on && task_state_is_final(s) && b->state[idx] & TASK_DETACHED && !is_in_use(b, idx))
		return "detached, ended, and kept for ever";
	return NULL;
}

const char *keep_check_block(const struct block *b)
{
	for (uint32_t i = 0; b->keep && i < chunks_of(b); i++) {
		const struct keep *k = b->keep[i];
		uint32_t n = 0, on = 0;

		for (uint32_t at = 0; k && at < chunk_size(b, k->from); at++) {
			n += k->since[at] != 0;
			on += keep_is_on(b, k->from + at);
		}
		if (!k)
			continue;
		if (n != k->n || (n == 0 && !k->scan))
			return "tasks that are kept are counted wrongly";
		if (on && !heap_contains(&k->node))
			return "tasks are kept, and nobody looks";
	}
	return NULL;
}
