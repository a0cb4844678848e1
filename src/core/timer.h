/*
 * When tasks run: their times and timers (timer.c), and what is tried again (retry.c). For core/
 * alone.
 */
#ifndef CORE_TIMER_H
#define CORE_TIMER_H

#include "core/impl.h"

void timers_init(struct core *c);
void timers_free(struct core *c);
/* Wall clock: not before this; 0: at any time. */
uint64_t task_start_us(const struct core *c, struct block *b, uint32_t idx);
/* Wall clock; 0: none. */
uint64_t task_deadline_us(const struct core *c, const struct block *b, uint32_t idx);
/* Terms, by index, that give a task a time at which there is something to do. */
bool terms_are_timed(const struct core *c, uint32_t at);
/* Its time has not come. */
bool task_is_early(const struct core *c, struct block *b, uint32_t idx);
/* READY, or SCHEDULED: what a task is that nothing keeps but its time. */
enum task_state start_state(const struct core *c, struct block *b, uint32_t idx);
/* The task moved, or was born: its timer is what it needs now. Only where its block has terms. */
void timer_follow(struct core *c, struct block *b, uint32_t idx);
void timer_drop_block(struct core *c, struct block *b);
/* Does what is due; true: there is more. */
bool timers_work(struct core *c, uint32_t *budget);
/* From now to the next that is due; UINT64_MAX: there is none. */
uint64_t timers_next_us(const struct core *c);
bool timer_check(const struct core *c, struct block *b, uint32_t idx);
bool timers_check(const struct core *c, uint64_t arrays_with_timer);

/* ---- retry.c ---- */
bool may_retry(const struct core *c, const struct task *t, enum cause cause);
/* The attempt has failed, and is not the last. */
void retry_later(struct core *c, struct task *t, const struct outcome *report);

#endif
