/*
 * Backoff with jitter: half of the current step is fixed, half is drawn.
 */
#include "loop/reconnect.h"

#include "base/ensure.h"

void reconnect_init(struct reconnect *r, uint64_t base_ms, uint64_t max_ms, uint64_t seed)
{
	r->base_ms = base_ms ? base_ms : 50;
	r->max_ms = max_ms ? max_ms : 5000;
	if (r->max_ms < r->base_ms)
		r->max_ms = r->base_ms;
	r->attempt = 0;
	rng_init(&r->rng, seed);
}

void reconnect_limit(struct reconnect *r, uint64_t max_ms)
{
	if (r->max_ms > max_ms)
		r->max_ms = max_ms > r->base_ms ? max_ms : r->base_ms;
}

uint64_t reconnect_next_ms(struct reconnect *r)
{
	uint64_t step = r->base_ms;

	ensure(r->base_ms > 0);
	for (unsigned i = 0; i < r->attempt && step < r->max_ms; i++)
		step *= 2;
	if (step > r->max_ms)
		step = r->max_ms;
	r->attempt++;
	return step - rng_below(&r->rng, step / 2 + 1);
}

void reconnect_reset(struct reconnect *r)
{
	r->attempt = 0;
}
