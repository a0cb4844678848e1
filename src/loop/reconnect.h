/*
 * When to try again: delays that double from base to max, each drawn from its upper half, so that
 * many peers that lost the same scheduler do not come back at once. Pure state: the caller owns
 * timer and stream.
 */
#ifndef LOOP_RECONNECT_H
#define LOOP_RECONNECT_H

#include "base/rng.h"

#include <stdint.h>

struct reconnect {
	uint64_t base_ms, max_ms;
	unsigned attempt; /* failures in a row */
	struct rng rng;
};

/* base_ms 0 means 50, max_ms 0 means 5000. */
void reconnect_init(struct reconnect *r, uint64_t base_ms, uint64_t max_ms, uint64_t seed);
/* From now on no delay is longer: where who stays away for long loses something. */
void reconnect_limit(struct reconnect *r, uint64_t max_ms);
/* After a failure: how long to wait before the next try. */
uint64_t reconnect_next_ms(struct reconnect *r);
/* After a success (a finished handshake, not a bare connection). */
void reconnect_reset(struct reconnect *r);

#endif
