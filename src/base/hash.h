/*
 * Hashes of bytes: XXH3, whose values are fixed for ever and may go to the disk and the wire. No
 * secrets, no protection against someone who chooses the bytes on purpose.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/fp128.h"
#include "base/slice.h"

#include <stddef.h>
#include <stdint.h>

uint64_t hash64(struct slice s);           /* XXH3_64bits */
struct fp128 fp128_of(struct slice bytes); /* XXH3_128bits */

/* The incremental form gives the same values. No allocation; about 600 bytes of state. */
struct hasher {
	_Alignas(64) uint8_t state[640];
};

void hasher_init(struct hasher *h);
void hasher_update(struct hasher *h, const void *p, size_t n);
/* May be called at any time, and more than once. */
uint64_t hasher_hash64(const struct hasher *h);
struct fp128 hasher_fp128(const struct hasher *h);

/* Mixes one word well (a bijection): for tables keyed by numbers. */
static inline uint64_t hash_mix64(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	x ^= x >> 32;
	return x;
}

#endif
