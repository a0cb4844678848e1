/*
 * A 128-bit fingerprint: XXH3-128 of some bytes (base/hash.h makes them). Equal fingerprints are
 * taken for equal bytes.
 */
#ifndef BASE_FP128_H
#define BASE_FP128_H

#include <stdbool.h>
#include <stdint.h>

struct fp128 {
	uint64_t hi, lo;
};

static inline bool fp128_eq(struct fp128 a, struct fp128 b)
{
	return a.hi == b.hi && a.lo == b.lo;
}

static inline bool fp128_is_zero(struct fp128 a)
{
	return (a.hi | a.lo) == 0;
}

#endif
