/*
 * When simulated tasks may run: delays, times, deadlines, retries, and what a failed dependency
 * does to them. A lease that leaves before its task's time, by any clock that there was, is a
 * violation. Neighbours: ask.c, which makes the terms; world.c, where the clock steps.
 */
#include "sim/sim.h"

#include "base/clock.h"
#include "base/hash.h"
#include "core/core.h"
#include "model/terms.h"

#include <inttypes.h>

void times_pick(struct sim *s, struct book_task *t)
{
	struct book_times *m = &t->times;

	*m = (struct book_times){.on_dep_failure = DEP_FAIL,
		.store = hash_mix64(t->id ^ s->seed) % 100 < s->flavor.stores};
	if (!rng_chance(&s->rng, s->flavor.times, 100))
		return;
	if (rng_chance(&s->rng, 1, 3))
		m->delay_us = 1 + rng_below(&s->rng, 3 * US_PER_S);
	if (rng_chance(&s->rng, 1, 8))
		m->at_us = s->wall_us - US_PER_S + rng_below(&s->rng, 4 * US_PER_S);
	if (rng_chance(&s->rng, 1, 6))
		m->deadline_us = 1 + rng_below(&s->rng, 8 * US_PER_S);
	if (rng_chance(&s->rng, 1, 3)) {
		m->retries = 1 + (uint32_t)rng_below(&s->rng, 3);
		m->backoff_us = rng_below(&s->rng, US_PER_S / 2);
	}
	if (rng_chance(&s->rng, 1, 3))
		m->on_dep_failure = rng_chance(&s->rng, 1, 2) ? DEP_SKIP : DEP_RUN;
	m->retains = rng_chance(&s->rng, 1, 3);
	if (m->retains && rng_chance(&s->rng, 4, 5))
		m->retention_us = rng_below(&s->rng, 6 * US_PER_S);
}

void times_into(const struct book_times *m, struct terms *t)
{
	t->store = m->store;
	t->delay_us = m->delay_us;
	t->at_us = m->at_us;
	t->deadline_us = m->deadline_us;
	t->retries = m->retries;
	t->backoff_us = m->backoff_us;
	t->on_dep_failure = m->on_dep_failure;
	t->has_retention = m->retains;
	t->retention_us = m->retention_us;
}

/* No outcome goes before its time, however soon it was released. */
void times_gone(struct sim *s, const struct book_task *t)
{
	uint64_t stay = t->times.retains ? t->times.retention_us : t->detached ? RETENTION_US : 0;

	if (t->ended_us && t->ended_jumps == s->wall_jumps && t->ended_us + stay > s->wall_us)
		sim_fail(s, "%" PRIx64 " is gone %" PRIu64 " ms before its retention is over",
			t->id, (t->ended_us + stay - s->wall_us) / US_PER_MS);
}

void times_restart(struct sim *s)
{
	struct task_row row;

	for (uint32_t i = 0; i < s->book.n; i++) {
		struct book_task *t = s->book.v[i];

		if (t->ended_us && !(lookup_row(s, t->id, &row) && task_state_is_final(row.state)))
			t->ended_us = 0;
	}
}

void times_leased(struct sim *s, const struct book_task *t)
{
	struct block_record block;
	struct task_row row;
	uint64_t at = t->times.at_us;

	if (lookup_task(s, t->id, &block) && t->times.delay_us &&
		block.submitted_us + t->times.delay_us > at)
		at = block.submitted_us + t->times.delay_us;
	if (lookup_row(s, t->id, &row) && row.due_us > at)
		at = row.due_us;
	if (at > s->wall_most_us)
		sim_fail(s, "%" PRIx64 " is leased %" PRIu64 " ms before its time", t->id,
			(at - s->wall_most_us) / US_PER_MS);
}
