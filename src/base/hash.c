/*
 * XXH3, compiled in from the library's header, so that short keys cost no call and libdq exports
 * nothing of it.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/hash.h"

#include "base/ensure.h"

_Static_assert(
	sizeof(XXH3_state_t) <= sizeof(((struct hasher *)0)->state), "hasher state too small");
_Static_assert(_Alignof(XXH3_state_t) <= 64, "hasher state misaligned");

static struct fp128 from_xxh(XXH128_hash_t h)
{
	return (struct fp128){.hi = h.high64, .lo = h.low64};
}

uint64_t hash64(struct slice s)
{
	return XXH3_64bits(s.n ? s.p : (const uint8_t *)"", s.n);
}

struct fp128 fp128_of(struct slice bytes)
{
	return from_xxh(XXH3_128bits(bytes.n ? bytes.p : (const uint8_t *)"", bytes.n));
}

static XXH3_state_t *state_of(struct hasher *h)
{
	return (XXH3_state_t *)(void *)h->state;
}

void hasher_init(struct hasher *h)
{
	/* The 64 and the 128 bit forms share their reset and their state. */
	ensure(XXH3_128bits_reset(state_of(h)) == XXH_OK);
}

void hasher_update(struct hasher *h, const void *p, size_t n)
{
	if (n > 0)
		ensure(XXH3_128bits_update(state_of(h), p, n) == XXH_OK);
}

uint64_t hasher_hash64(const struct hasher *h)
{
	return XXH3_64bits_digest((const XXH3_state_t *)(const void *)h->state);
}

struct fp128 hasher_fp128(const struct hasher *h)
{
	return from_xxh(XXH3_128bits_digest((const XXH3_state_t *)(const void *)h->state));
}
