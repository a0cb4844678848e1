/*
 * The one place where a task changes state: the byte, the counts, and the table of allowed moves
 * (model/state.h).
 */
#include "core/impl.h"
#include "core/timer.h"

static void count(struct core *c, struct block *b, uint32_t idx, enum task_state s, int by)
{
	c->counts[s] += (uint64_t)(int64_t)by;
	if (s == TASK_READY && by > 0)
		demand_of(c, b, idx)->ready++;
	else if (s == TASK_READY)
		demand_ready_less(c, demand_of(c, b, idx));
	if (s == TASK_GONE)
		b->live -= (uint64_t)(int64_t)by;
	else if (task_state_is_final(s))
		b->ended += (uint64_t)(int64_t)by;
}

void task_move(struct core *c, struct block *b, uint32_t idx, enum task_state to)
{
	enum task_state from = block_state(b, idx);

	ensure(task_move_allowed(from, to));
	b->state[idx] = (uint8_t)((b->state[idx] & ~TASK_STATE_MASK) | to);
	count(c, b, idx, from, -1);
	count(c, b, idx, to, 1);
	if (block_is_timed(b))
		timer_follow(c, b, idx);
}

void task_unborn(struct core *c, struct block *b, uint32_t idx)
{
	ensure(c->loading);
	count(c, b, idx, block_state(b, idx), -1);
	b->state[idx] &= (uint8_t)~TASK_STATE_MASK;
}

void task_born(struct core *c, struct block *b, uint32_t idx, enum task_state as, uint8_t flags)
{
	ensure(b->state[idx] == 0);
	b->state[idx] = (uint8_t)(as | flags);
	count(c, b, idx, as, 1);
	if (block_is_timed(b))
		timer_follow(c, b, idx);
}
