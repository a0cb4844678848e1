/*
 * Bitmaps by whole words where possible; the last, partial word is masked.
 */
#include "base/bitmap.h"

#include "base/ensure.h"

/* Ones in the positions below n, n <= 64. */
static uint64_t low_mask(size_t n)
{
	return n >= 64 ? UINT64_MAX : ((uint64_t)1 << n) - 1;
}

size_t bitmap_count(const uint64_t *w, size_t bits)
{
	size_t n = 0, full = bits / 64;

	for (size_t i = 0; i < full; i++)
		n += (size_t)__builtin_popcountll(w[i]);
	if (bits % 64)
		n += (size_t)__builtin_popcountll(w[full] & low_mask(bits % 64));
	return n;
}

static size_t find(const uint64_t *w, size_t bits, size_t from, uint64_t flip)
{
	uint64_t word;
	size_t i;

	if (from >= bits)
		return BITMAP_NONE;
	i = from / 64;
	word = (w[i] ^ flip) & ~low_mask(from % 64);
	for (;;) {
		if (word) {
			size_t at = i * 64 + (size_t)__builtin_ctzll(word);

			return at < bits ? at : BITMAP_NONE;
		}
		if (++i * 64 >= bits)
			return BITMAP_NONE;
		word = w[i] ^ flip;
	}
}

size_t bitmap_find_set(const uint64_t *w, size_t bits, size_t from)
{
	return find(w, bits, from, 0);
}

size_t bitmap_find_clear(const uint64_t *w, size_t bits, size_t from)
{
	return find(w, bits, from, UINT64_MAX);
}

/* The part of word i that lies in lo .. hi-1. */
static uint64_t range_mask(size_t i, size_t lo, size_t hi)
{
	uint64_t mask = UINT64_MAX;

	if (i == lo / 64)
		mask &= ~low_mask(lo % 64);
	if (i == hi / 64)
		mask &= low_mask(hi % 64);
	return mask;
}

void bitmap_set_range(uint64_t *w, size_t lo, size_t hi)
{
	ensure(lo <= hi);
	for (size_t i = lo / 64; i * 64 < hi; i++)
		w[i] |= range_mask(i, lo, hi);
}

void bitmap_clear_range(uint64_t *w, size_t lo, size_t hi)
{
	ensure(lo <= hi);
	for (size_t i = lo / 64; i * 64 < hi; i++)
		w[i] &= ~range_mask(i, lo, hi);
}
