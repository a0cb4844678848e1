/*
 * Sweeps (sweep.h). Inputs are given in memory of exactly their size, so that a sanitizer sees a
 * read one byte past the end.
 */
#include "sweep.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/rng.h"

#include <stdlib.h>
#include <string.h>

#define INPUT_BYTES 65536

static bool run_exact(const struct target *t, const uint8_t *p, size_t n)
{
	uint8_t *copy = xmalloc(n ? n : 1);
	bool ok;

	if (n)
		memcpy(copy, p, n);
	ok = t->run(slice_of(copy, n));
	free(copy);
	return ok;
}

void sweep_samples(const struct target *t)
{
	struct buf b;

	buf_init(&b, INPUT_BYTES);
	for (unsigned i = 0; i < t->samples; i++) {
		buf_clear(&b);
		t->sample(&b, i);
		ensure_note("%s sample %u", t->name, i);
		ensure(!b.failed);
		ensure(run_exact(t, b.p, b.n));
	}
	buf_release(&b);
}

static void cut(const struct target *t, struct buf *b)
{
	bool frame = strcmp(t->name, "frame") == 0;

	for (size_t n = 0; n < b->n; n++) {
		bool ok = run_exact(t, b->p, n);

		ensure(!ok || t->is_list);
	}
	buf_append_byte(b, 0x01);
	ensure(!run_exact(t, b->p, b->n) || t->is_list || frame);
}

void sweep_cuts(const struct target *t)
{
	struct buf b;

	buf_init(&b, INPUT_BYTES);
	for (unsigned i = 0; i < t->samples; i++) {
		buf_clear(&b);
		t->sample(&b, i);
		ensure_note("%s sample %u, cut", t->name, i);
		cut(t, &b);
	}
	buf_release(&b);
}

/* Bytes that mean something in msgpack more often than chance would have it. */
static uint8_t odd_byte(struct rng *r)
{
	static const uint8_t odd[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1,
		0xc4, 0xc6, 0xc7, 0xca, 0xcb, 0xcf, 0xd3, 0xd4, 0xd9, 0xdb, 0xdc, 0xdd, 0xde, 0xdf,
		0xff};

	return rng_chance(r, 1, 2) ? odd[rng_below(r, sizeof(odd))] : (uint8_t)rng_u64(r);
}

static size_t change(uint8_t *p, size_t n, struct rng *r)
{
	size_t at = n ? rng_below(r, n) : 0, len;

	switch (rng_below(r, 5)) {
	case 0: /* insert */
		if (n == INPUT_BYTES)
			return n;
		memmove(p + at + 1, p + at, n - at);
		p[at] = odd_byte(r);
		return n + 1;
	case 1: /* remove */
		if (n == 0)
			return 0;
		len = 1 + rng_below(r, n - at < 8 ? n - at : 8);
		memmove(p + at, p + at + len, n - at - len);
		return n - len;
	case 2: /* repeat a stretch at the end */
		len = rng_below(r, n - at + 1);
		if (len > INPUT_BYTES - n)
			return n;
		memcpy(p + n, p + at, len);
		return n + len;
	default:
		if (n)
			p[at] = odd_byte(r);
		return n;
	}
}

void sweep_mutations(const struct target *t, struct slice in, unsigned rounds, uint64_t seed)
{
	uint8_t *p = xmalloc(INPUT_BYTES);
	struct rng r;

	rng_init(&r, seed);
	ensure(in.n <= INPUT_BYTES);
	for (unsigned i = 0; i < rounds; i++) {
		size_t n = in.n;

		if (n)
			memcpy(p, in.p, n);
		for (uint64_t k = rng_below(&r, 4) + 1; k > 0; k--)
			n = change(p, n, &r);
		ensure_note_ids(t->name, seed, i);
		run_exact(t, p, n);
	}
	free(p);
}
