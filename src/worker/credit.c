/*
 * Credit. The mean of run times falls slowly, batch by batch, and rises quickly: fetching too
 * little costs some idle time, fetching too much keeps tasks from workers that are free.
 */
#include "worker/credit.h"

#include "base/ensure.h"
#include "model/limits.h"

#define FALL 0.2
#define RISE 0.7

void credit_init(struct credit *c, unsigned slots)
{
	ensure(slots > 0);
	*c = (struct credit){.slots = slots};
}

static void learn(struct credit *c, double us)
{
	if (us < 1)
		us = 1;
	if (c->mean_us <= 0)
		c->mean_us = us;
	else
		c->mean_us += (us - c->mean_us) * (us > c->mean_us ? RISE : FALL);
}

void credit_ended(struct credit *c, uint32_t count, uint64_t run_us)
{
	if (count)
		learn(c, (double)run_us / count);
}

void credit_running(struct credit *c, uint64_t run_us)
{
	if ((double)run_us > CREDIT_AHEAD_US && (double)run_us > c->mean_us)
		learn(c, (double)run_us);
}

uint64_t credit_limit(const struct credit *c)
{
	double ahead = c->mean_us > 0 ? c->slots * CREDIT_AHEAD_US / c->mean_us : 0;
	uint64_t limit;

	ensure(c->slots > 0);
	if (c->closed)
		return c->waiting;
	if (ahead > CREDIT_AHEAD_MAX)
		ahead = CREDIT_AHEAD_MAX;
	limit = c->slots + (uint64_t)ahead;
	return limit < LIMIT_CREDIT ? limit : LIMIT_CREDIT;
}

bool credit_is_due(const struct credit *c)
{
	uint64_t limit = credit_limit(c);
	uint64_t apart = limit > c->sent ? limit - c->sent : c->sent - limit;

	return apart > c->sent / 8 || (apart && (limit == c->slots || limit == 0));
}
