/*
 * Priorities that users set after the submit. One that is set for a whole block is one record; one
 * for some of its tasks is in their rows, and is kept in memory for all of them once any has one.
 */
#include "core/impl.h"
#include "core/past.h"
#include "core/work.h"

int32_t task_priority_set(const struct core *c, const struct block *b, uint32_t idx)
{
	if (has_own_priority(b, idx))
		return b->priority[idx];
	if (b->has_priority)
		return b->block_priority;
	return b->terms ? task_terms(c, b, idx)->priority : 0;
}

static void own_priority(struct block *b, uint32_t idx, int32_t priority)
{
	if (!b->priority) {
		b->priority = xcalloc(b->count, sizeof(*b->priority));
		for (uint64_t i = 0; i < b->count; i++)
			b->priority[i] = PRIORITY_OF_BLOCK;
	}
	b->priority[idx] = priority;
}

void priority_load(struct block *b, uint32_t idx, int32_t priority)
{
	own_priority(b, idx, priority);
}

/* Of a task that has not ended. */
void priority_set(struct core *c, struct block *b, uint32_t idx, int32_t priority)
{
	struct task *t;
	enum task_state s = block_state(b, idx);

	if (task_priority(c, b, idx) == priority)
		return;
	own_priority(b, idx, priority);
	t = task_get(c, b, idx);
	past_add(c, t, &(struct past_event){.kind = PAST_PRIORITY, .arg = priority});
	/* the row of a value that is being made again has its outcome */
	if (!t->remake)
		row_write(c, t, s == TASK_CANCELLING ? s : TASK_LEASED, 0, slice_empty());
	if (s == TASK_READY)
		ready_again(c, b, idx, 1);
	else if (s == TASK_LEASED)
		backlog_move(c, t);
	c->u->seal = true;
}

/* Those that have not begun are asked back, and go by the new one. */
static void move_leased(struct core *c, struct block *b)
{
	uint64_t nchunks = (b->count + TASKS_PER_CHUNK - 1) / TASKS_PER_CHUNK;

	for (uint64_t k = 0; b->nleased && k < nchunks; k++)
		for (uint32_t i = 0; b->chunks[k] && i < TASKS_PER_CHUNK; i++)
			if (b->chunks[k]->at[i])
				backlog_move(c, b->chunks[k]->at[i]);
}

bool priority_set_all(struct core *c, struct block *b, int32_t priority)
{
	struct record *r;

	if (b->priority)
		return false;
	b->has_priority = true;
	b->block_priority = priority;
	r = update_record(c->u, RECORD_AMEND, b->first, 0);
	amend_record_encode(
		&c->u->bytes, &(struct amend_record){.has_priority = true, .priority = priority});
	update_record_end(c->u, r);
	ready_again(c, b, 0, (uint32_t)b->count);
	move_leased(c, b);
	c->u->seal = true;
	return true;
}
