/*
 * The log-linear histogram. Values below 2 * HIST_SUB have a bucket each; above, the bucket is the
 * position of the highest bit and the next five bits.
 */
#include "base/hist.h"

#include "base/ensure.h"

#include <string.h>

#define SUB_BITS 5

_Static_assert(HIST_SUB == 1 << SUB_BITS, "HIST_SUB and SUB_BITS differ");

static unsigned bucket_of(uint64_t v)
{
	unsigned shift;

	if (v < HIST_SUB)
		return (unsigned)v;
	shift = 63 - (unsigned)__builtin_clzll(v) - SUB_BITS;
	return (shift + 1) * HIST_SUB + (unsigned)(v >> shift) - HIST_SUB;
}

/* The largest value of a bucket. */
static uint64_t bucket_top(unsigned i)
{
	unsigned shift;
	uint64_t base;

	if (i < HIST_SUB)
		return i;
	shift = i / HIST_SUB - 1;
	base = (uint64_t)(i % HIST_SUB + HIST_SUB) << shift;
	return base + (((uint64_t)1 << shift) - 1);
}

void hist_init(struct hist *h)
{
	memset(h, 0, sizeof(*h));
	h->min = UINT64_MAX;
}

void hist_record(struct hist *h, uint64_t value)
{
	hist_record_n(h, value, 1);
}

void hist_record_n(struct hist *h, uint64_t value, uint64_t times)
{
	unsigned i = bucket_of(value);

	if (times == 0)
		return;
	ensure(i < HIST_BUCKETS);
	h->bucket[i] += times;
	h->count += times;
	h->sum += value * times;
	if (value < h->min)
		h->min = value;
	if (value > h->max)
		h->max = value;
}

uint64_t hist_percentile(const struct hist *h, double percent)
{
	uint64_t seen = 0, want;

	if (h->count == 0)
		return 0;
	want = (uint64_t)((double)h->count * percent / 100.0 + 0.9999999);
	if (want < 1)
		want = 1;
	if (want > h->count)
		want = h->count;
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen >= want) {
			uint64_t top = bucket_top(i);

			return top < h->max ? top : h->max;
		}
	}
	return h->max;
}

double hist_mean(const struct hist *h)
{
	return h->count ? (double)h->sum / (double)h->count : 0;
}

uint64_t hist_count_to(const struct hist *h, uint64_t value)
{
	unsigned last = bucket_of(value);
	uint64_t n = 0;

	for (unsigned i = 0; i <= last; i++)
		n += h->bucket[i];
	return n;
}

void hist_merge(struct hist *into, const struct hist *from)
{
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		into->bucket[i] += from->bucket[i];
	into->count += from->count;
	into->sum += from->sum;
	if (from->min < into->min)
		into->min = from->min;
	if (from->max > into->max)
		into->max = from->max;
}
