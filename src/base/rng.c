/*
 * xoshiro256** seeded through splitmix64, as their authors (Blackman, Vigna) advise; and
 * getrandom(2).
 */
#include "base/rng.h"

#include "base/ensure.h"

#include <errno.h>
#include <sys/random.h>

static uint64_t splitmix64(uint64_t *x)
{
	uint64_t z = (*x += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void rng_init(struct rng *r, uint64_t seed)
{
	for (int i = 0; i < 4; i++)
		r->s[i] = splitmix64(&seed);
}

static uint64_t rotl(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

uint64_t rng_u64(struct rng *r)
{
	uint64_t result = rotl(r->s[1] * 5, 7) * 9;
	uint64_t t = r->s[1] << 17;

	r->s[2] ^= r->s[0];
	r->s[3] ^= r->s[1];
	r->s[1] ^= r->s[2];
	r->s[0] ^= r->s[3];
	r->s[2] ^= t;
	r->s[3] = rotl(r->s[3], 45);
	return result;
}

uint64_t rng_below(struct rng *r, uint64_t bound)
{
	uint64_t x, floor;

	ensure(bound > 0);
	/* Numbers below `floor` would make the first remainders likelier: they are drawn again. */
	floor = (0 - bound) % bound;
	do
		x = rng_u64(r);
	while (x < floor);
	return x % bound;
}

uint64_t rng_between(struct rng *r, uint64_t lo, uint64_t hi)
{
	ensure(lo <= hi);
	return hi - lo == UINT64_MAX ? rng_u64(r) : lo + rng_below(r, hi - lo + 1);
}

bool rng_chance(struct rng *r, uint64_t num, uint64_t den)
{
	return rng_below(r, den) < num;
}

double rng_double(struct rng *r)
{
	return (double)(rng_u64(r) >> 11) * 0x1.0p-53;
}

void rng_os_bytes(void *p, size_t n)
{
	unsigned char *to = p;

	while (n > 0) {
		ssize_t got = getrandom(to, n, 0);

		if (got < 0) {
			ensure(errno == EINTR);
			continue;
		}
		to += got;
		n -= (size_t)got;
	}
}

uint64_t rng_os_u64(void)
{
	uint64_t x;

	rng_os_bytes(&x, sizeof(x));
	return x;
}
