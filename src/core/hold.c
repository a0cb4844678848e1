/*
 * Holds: what keeps a task. Its submitter's session (a bit), `detached` (a bit), sessions that took
 * it by its key (rows), unfinished dependents and lineage (counts), and its retention (keep.c).
 * When the last goes, an ended task is forgotten and an unfinished one cancelled.
 */
#include "core/impl.h"
#include "core/past.h"
#include "core/work.h"
#include "core/thing.h"

bool task_is_held(const struct block *b, uint32_t idx)
{
	struct task_chunk *k = b->chunks[idx / TASKS_PER_CHUNK];
	const struct task *t = k ? k->at[idx % TASKS_PER_CHUNK] : NULL;

	return (b->state[idx] & (TASK_HELD | TASK_DETACHED)) || (t && t->holds) ||
	       keep_is_on(b, idx);
}

/* The task's value no longer needs those of its dependencies. What nothing else needs is forgotten
 * by a later step: a lineage may be long. */
void lineage_drop(struct core *c, struct task *t)
{
	uint32_t n;
	const uint64_t *deps = block_deps(t->block, t->idx, &n);

	t->keeps_deps = false;
	for (uint32_t i = 0; i < n; i++) {
		struct place p;
		struct task *d;

		ensure(place_of(c, deps[i], &p));
		d = task_peek(p.block, p.idx);
		ensure(d && d->lineage > 0);
		if (--d->lineage || d->users || d->remake || task_is_held(p.block, p.idx))
			continue;
		doom(c, deps[i], TASK_CANCELLED, CAUSE_UNHELD, 0);
		c->u->more = true;
	}
}

/* The chunk's record is to be written at the seal. */
void gone_mark(struct core *c, struct block *b, uint32_t idx)
{
	uint64_t first = b->first + idx / GONE_CHUNK * GONE_CHUNK;

	ensure(map64_put_ptr(&c->dirty_gone, first, b));
	c->u->seal = true;
}

void key_free(struct core *c, const struct block *b, uint32_t idx)
{
	uint64_t id;

	if (fpmap_get(&c->keys, b->keys[idx].key, &id) && id == block_id(b, idx))
		fpmap_remove(&c->keys, b->keys[idx].key, NULL);
}

void block_erase(struct core *c, struct block *b)
{
	for (uint64_t i = 0; i * GONE_CHUNK < b->count; i++) {
		map64_remove(&c->dirty_gone, b->first + i * GONE_CHUNK, NULL);
		if (b->gone_stored[i / 64] >> (i % 64) & 1)
			update_delete(c->u, RECORD_GONE, b->first + i * GONE_CHUNK, 0);
	}
	if (b->keys && b->flags & BLOCK_ARRAY)
		key_free(c, b, 0);
	update_delete(c->u, RECORD_BLOCK, b->first, 0);
	if (b->has_priority)
		update_delete(c->u, RECORD_AMEND, b->first, 0);
	watches_end_block(c, b);
	block_free(c, b);
}

void detached_drop(struct core *c, struct block *b, uint32_t idx)
{
	if (!(b->state[idx] & TASK_DETACHED))
		return;
	b->state[idx] &= (uint8_t)~TASK_DETACHED;
	if (map64_count(&c->detached) && map64_remove(&c->detached, block_id(b, idx), NULL))
		update_delete(c->u, RECORD_HOLD, 0, block_id(b, idx));
}

/* Those of the rounds that are kept. */
static void rows_delete(struct core *c, struct block *b, uint32_t idx)
{
	uint16_t round = block_round(b, idx);

	for (uint16_t back = 0; back < ROUNDS_KEPT && back <= round; back++)
		update_delete(c->u, RECORD_TASK, block_id(b, idx), (uint16_t)(round - back));
}

/* The task must have ended, and nothing hold it. The block may go with it. */
void forget(struct core *c, struct block *b, uint32_t idx)
{
	struct task *t = task_peek(b, idx);

	if (b->state[idx] & TASK_ROW)
		rows_delete(c, b, idx);
	if (t) {
		copies_free(c, t);
		t->held_value = false;
		if (t->stored)
			update_delete(c->u, RECORD_VALUE, block_id(b, idx), t->generation);
		t->stored = false;
		if (t->getters)
			getters_answer(c, t, DQ_E_GONE, "the task was released");
		if (t->keeps_deps)
			lineage_drop(c, t);
		t = task_peek(b, idx);
	}
	detached_drop(c, b, idx);
	keep_clear(c, b, idx);
	b->state[idx] &= TASK_STATE_MASK;
	task_move(c, b, idx, TASK_GONE);
	if (b->keys && !(b->flags & BLOCK_ARRAY))
		key_free(c, b, idx);
	if (t)
		task_drop_if_dull(c, t);
	map64_remove(&c->roots, block_id(b, idx), NULL);
	if (b->live)
		gone_mark(c, b, idx);
	else
		block_erase(c, b);
}

/* Something that held the task is gone: forget it, or free its value, if nothing is left. */
void maybe_forget(struct core *c, struct block *b, uint32_t idx)
{
	struct task *t = task_peek(b, idx);

	if (!task_state_is_final(block_state(b, idx)) || task_is_held(b, idx))
		return;
	if (t && (t->users || t->remake))
		return;
	if (t && t->lineage) {
		copies_free(c, t);
		return;
	}
	forget(c, b, idx);
}

/* One unfinished dependent more. */
void users_add(struct core *c, struct task *t)
{
	t->users++;
	keep_pause(c, t->block, t->idx);
}

/* One fewer. */
void users_drop(struct core *c, struct task *t)
{
	ensure(t->users > 0);
	if (--t->users)
		return;
	if (keep_may(t->block, t->idx))
		keep_begin(c, t->block, t->idx, false);
	if (task_state_is_final(task_state(t))) {
		if (task_is_held(t->block, t->idx))
			task_drop_if_dull(c, t);
		else
			maybe_forget(c, t->block, t->idx);
	} else if (!task_is_held(t->block, t->idx) && !t->remake) {
		doom(c, task_own_id(t), TASK_CANCELLED, CAUSE_UNHELD, 0);
		c->u->more = true;
	}
}

/* A hold is gone. */
static void unheld(struct core *c, struct block *b, uint32_t idx)
{
	struct task *t = task_peek(b, idx);

	if (keep_may(b, idx))
		keep_begin(c, b, idx, false);
	if (task_is_held(b, idx))
		return;
	if (task_state_is_final(block_state(b, idx))) {
		maybe_forget(c, b, idx);
	} else if (!t || (!t->users && !t->remake)) {
		doom(c, block_id(b, idx), TASK_CANCELLED, CAUSE_UNHELD, 0);
		c->u->more = true;
	}
}

void hold_take(struct core *c, struct session *s, struct block *b, uint32_t idx)
{
	uint64_t id = block_id(b, idx);
	struct record *r;

	if (b->session == s->number) {
		if (!(b->state[idx] & TASK_HELD))
			gone_mark(c, b, idx);
		b->state[idx] |= TASK_HELD;
		keep_pause(c, b, idx);
		return;
	}
	if (map64_get(&s->holds, id, NULL))
		return;
	ensure(map64_put(&s->holds, id, 1));
	task_get(c, b, idx)->holds++;
	keep_pause(c, b, idx);
	if (c->loading)
		return;
	r = update_record(c->u, RECORD_HOLD, s->number, id);
	hold_record_encode(&c->u->bytes);
	update_record_end(c->u, r);
}

/* A detached submit met the task under its key: it is kept without a session from now on. */
void hold_detach(struct core *c, struct block *b, uint32_t idx)
{
	struct record *r;

	if (b->state[idx] & TASK_DETACHED)
		return;
	b->state[idx] |= TASK_DETACHED;
	keep_detached(c, b, idx);
	ensure(map64_put(&c->detached, block_id(b, idx), 1));
	if (c->loading)
		return;
	r = update_record(c->u, RECORD_HOLD, 0, block_id(b, idx));
	hold_record_encode(&c->u->bytes);
	update_record_end(c->u, r);
}

void hold_release(struct core *c, struct session *s, struct block *b, uint32_t idx)
{
	if (b->session == s->number) {
		if (!(b->state[idx] & TASK_HELD))
			return;
		b->state[idx] &= (uint8_t)~TASK_HELD;
		gone_mark(c, b, idx);
	} else {
		if (!map64_remove(&s->holds, block_id(b, idx), NULL))
			return;
		task_peek(b, idx)->holds--;
		update_delete(c->u, RECORD_HOLD, s->number, block_id(b, idx));
	}
	unheld(c, b, idx);
}

void hold_pin(struct core *c, uint64_t id)
{
	struct place p;

	ensure(place_of(c, id, &p));
	task_get(c, p.block, p.idx)->holds++;
	keep_pause(c, p.block, p.idx);
}

void hold_unpin(struct core *c, uint64_t id)
{
	struct place p;

	ensure(place_of(c, id, &p));
	task_peek(p.block, p.idx)->holds--;
	unheld(c, p.block, p.idx);
}

/* Those of other sessions than the submitter's. */
static void drop_rows(struct core *c, struct task *t, uint32_t *budget)
{
	struct map64_iter it = {0};
	uint64_t number, id = task_own_id(t);
	void *p;

	while (t->holds && map64_next_ptr(&c->sessions, &it, &number, &p)) {
		struct session *s = p;

		*budget -= *budget > 0;
		if (!map64_remove(&s->holds, id, NULL))
			continue;
		t->holds--;
		update_delete(c->u, RECORD_HOLD, s->number, id);
	}
}

bool hold_drop_all(struct core *c, struct block *b, uint32_t idx, uint32_t *budget)
{
	struct task *t = task_peek(b, idx);
	bool needed, may_keep = keep_may(b, idx);

	if (b->state[idx] & TASK_HELD) {
		b->state[idx] &= (uint8_t)~TASK_HELD;
		gone_mark(c, b, idx);
	}
	detached_drop(c, b, idx);
	if (t && t->holds)
		drop_rows(c, t, budget);
	needed = t && (t->users || t->holds || t->lineage || t->remake);
	if (may_keep)
		keep_over(c, b, idx);
	maybe_forget(c, b, idx);
	return !needed;
}

/* What there is to say of the chunk. */
static void gone_record_of(
	const struct block *b, uint32_t from, struct gone_record *rec, struct buf *runs)
{
	uint64_t n = b->count - from;

	*rec = (struct gone_record){.bits = n < GONE_CHUNK ? (uint32_t)n : GONE_CHUNK};
	for (uint32_t i = 0; i < rec->bits; i++) {
		uint64_t bit = 1ull << (i % 64);

		if (block_state(b, from + i) == TASK_GONE)
			rec->gone[i / 64] |= bit;
		else if (!(b->state[from + i] & TASK_HELD))
			rec->released[i / 64] |= bit;
	}
	keep_write(runs, b, from, rec->bits);
	rec->kept = buf_slice(runs);
}

void gone_write(struct core *c)
{
	struct map64_iter it = {0};
	struct buf runs;
	uint64_t first;
	void *p;

	buf_init(&runs, GONE_CHUNK * KEEP_RUN_BYTES);
	while (map64_next_ptr(&c->dirty_gone, &it, &first, &p)) {
		struct block *b = p;
		uint64_t from = first - b->first;
		struct gone_record rec;
		struct record *r;

		buf_clear(&runs);
		gone_record_of(b, (uint32_t)from, &rec, &runs);
		r = update_record(c->u, RECORD_GONE, first, 0);
		gone_record_encode(&c->u->bytes, &rec);
		update_record_end(c->u, r);
		b->gone_stored[from / GONE_CHUNK / 64] |= 1ull << (from / GONE_CHUNK % 64);
	}
	buf_release(&runs);
	map64_clear(&c->dirty_gone);
}
