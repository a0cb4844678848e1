/*
 * The account of a task in memory: what happened to it, and its rounds (past.c, block.c). For core/
 * alone.
 */
#ifndef CORE_PAST_H
#define CORE_PAST_H

#include "core/impl.h"

/* Appends what happened; time_us 0: now. The caller writes the row. */
void past_add(struct core *c, struct task *t, const struct past_event *e);
/* An attempt of the task, which still has its lease, that did not end it. o: as reported; NULL: it
 * was not. */
void past_attempt(struct core *c, struct task *t, enum past_kind kind, const struct outcome *o);
void past_drop(struct task *t);
/* Of a row at start; the bytes have been checked. */
void past_load(struct task *t, struct slice past);

/* How often a user began the task anew. */
static inline uint16_t block_round(const struct block *b, uint32_t idx)
{
	return b->round ? b->round[idx] : 0;
}
/* The generation that a round begins with: its lower half counts values that were made again and
 * differ. */
static inline uint32_t block_generation(const struct block *b, uint32_t idx)
{
	return (uint32_t)block_round(b, idx) << 16;
}
static inline bool has_own_priority(const struct block *b, uint32_t idx)
{
	return b->priority && b->priority[idx] != PRIORITY_OF_BLOCK;
}
void block_set_round(struct block *b, uint32_t idx, uint16_t round);

#endif
