/*
 * What the machine can do, measured beside a benchmark: a durable figure means nothing without it.
 */
#ifndef BENCH_LIMITS_H
#define BENCH_LIMITS_H

#include <stddef.h>
#include <stdint.h>

/* The median time of writing 4 KiB and fdatasync() in a directory, of `rounds`; 0 on failure. */
double limit_sync_ms(const char *dir, unsigned rounds);
/* Spawning and waiting for /bin/true, n times, `parallel` at a time: so many a second. */
double limit_spawn_per_s(uint64_t n, unsigned parallel);

/* The value below which `percent` of n lie; sorts them. 0 if there are none. */
double percentile(double *values, size_t n, double percent);

#endif
