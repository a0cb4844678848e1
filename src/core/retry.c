/*
 * A failure that the task reported, and may be tried again: the attempt is over, the task waits for
 * its backoff and goes on. Its row says how often it failed and when it is due, so that a start
 * knows both.
 */
#include "core/past.h"
#include "core/timer.h"

#define BACKOFF_US 100000ull         /* where the terms say nothing */
#define BACKOFF_MAX_US 2880000000ull /* 48 minutes: with a quarter more, an hour */

bool may_retry(const struct core *c, const struct task *t, enum cause cause)
{
	const struct terms *terms = task_terms(c, t->block, t->idx);

	return t->failures < terms->retries && cause != CAUSE_SPEC && cause != CAUSE_LIMIT &&
	       !t->remake && !(block_option(t->block, t->idx) & OPTION_ONCE);
}

/* Doubled with each failure. The quarter more is by chance, but always the same for this failure of
 * this task: the core has no other chance. */
static uint64_t backoff_us(const struct core *c, const struct task *t)
{
	uint64_t us = task_terms(c, t->block, t->idx)->backoff_us;
	uint64_t chance = hash_mix64(hash_mix64(task_own_id(t)) + t->failures) >> 44;

	if (!us)
		us = BACKOFF_US;
	for (uint32_t k = 1; k < t->failures && us < BACKOFF_MAX_US; k++)
		us *= 2;
	if (us > BACKOFF_MAX_US)
		us = BACKOFF_MAX_US;
	return us + (us / 4 * chance >> 20);
}

void retry_later(struct core *c, struct task *t, const struct outcome *report)
{
	past_attempt(c, t, PAST_FAILED, report);
	t->failures++;
	t->due_us = c->wall_us + backoff_us(c, t);
	lease_back(c, t);
	c->u->seal = true;
}
