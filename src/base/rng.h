/*
 * Random numbers: a small seeded generator (xoshiro256**, same seed, same numbers, not for secrets)
 * and the system's random bytes (for secrets, nonces and seeds).
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rng {
	uint64_t s[4];
};

void rng_init(struct rng *r, uint64_t seed);
uint64_t rng_u64(struct rng *r);
/* Even over 0 .. bound-1; bound > 0. */
uint64_t rng_below(struct rng *r, uint64_t bound);
/* Even over lo .. hi, both included. */
uint64_t rng_between(struct rng *r, uint64_t lo, uint64_t hi);
/* True `num` times of `den` on average. */
bool rng_chance(struct rng *r, uint64_t num, uint64_t den);
/* 0 <= x < 1. */
double rng_double(struct rng *r);

/* getrandom(2); aborts if the system has none. */
void rng_os_bytes(void *p, size_t n);
uint64_t rng_os_u64(void);

#endif
