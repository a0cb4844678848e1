/*
 * A log-linear histogram of uint64_t: 32 buckets for each power of two, so that a percentile is at
 * most 3.2 % above the true value. Fixed size (15 KiB), no allocation, exact count, sum, minimum
 * and maximum. Not thread-safe.
 */
#ifndef BASE_HIST_H
#define BASE_HIST_H

#include <stdint.h>

#define HIST_SUB 32
#define HIST_BUCKETS (HIST_SUB * 60)

struct hist {
	uint64_t count, sum, min, max;
	uint64_t bucket[HIST_BUCKETS];
};

void hist_init(struct hist *h);
void hist_record(struct hist *h, uint64_t value);
void hist_record_n(struct hist *h, uint64_t value, uint64_t times);
/*
 * 0 <= percent <= 100; the smallest value that covers so many, 0 if empty, never above the maximum.
 */
uint64_t hist_percentile(const struct hist *h, double percent);
double hist_mean(const struct hist *h);
/* How many recorded values are <= value, up to the bucket's precision. */
uint64_t hist_count_to(const struct hist *h, uint64_t value);
void hist_merge(struct hist *into, const struct hist *from);

#endif
