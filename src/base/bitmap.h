/*
 * Bits in an array of uint64_t that the caller owns: bit i is in word i / 64. No bounds are kept
 * here but those given.
 */
#ifndef BASE_BITMAP_H
#define BASE_BITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BITMAP_NONE SIZE_MAX

/* Words for so many bits. */
static inline size_t bitmap_words(size_t bits)
{
	return bits / 64 + (bits % 64 != 0);
}

static inline bool bitmap_test(const uint64_t *w, size_t bit)
{
	return (w[bit / 64] >> (bit % 64)) & 1;
}

static inline void bitmap_set(uint64_t *w, size_t bit)
{
	w[bit / 64] |= (uint64_t)1 << (bit % 64);
}

static inline void bitmap_clear(uint64_t *w, size_t bit)
{
	w[bit / 64] &= ~((uint64_t)1 << (bit % 64));
}

/* Ones among the first `bits` bits. */
size_t bitmap_count(const uint64_t *w, size_t bits);
/* The first one (or zero) at or after `from`, below `bits`; BITMAP_NONE if there is none. */
size_t bitmap_find_set(const uint64_t *w, size_t bits, size_t from);
size_t bitmap_find_clear(const uint64_t *w, size_t bits, size_t from);
/* Sets or clears the bits lo .. hi-1. */
void bitmap_set_range(uint64_t *w, size_t lo, size_t hi);
void bitmap_clear_range(uint64_t *w, size_t lo, size_t hi);

#endif
