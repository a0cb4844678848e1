/*
 * How many leases a worker asks for: its slots, and beyond them what they will do in the next 10
 * ms. Tasks that take longer are not fetched ahead. Pure arithmetic.
 */
#ifndef WORKER_CREDIT_H
#define WORKER_CREDIT_H

#include <stdbool.h>
#include <stdint.h>

#define CREDIT_AHEAD_US 10000.0
#define CREDIT_AHEAD_MAX 8192.0

struct credit {
	unsigned slots;
	double mean_us;   /* of run times, the last ones counting most; 0: none yet */
	uint64_t sent;    /* the limit that the scheduler knows; 0 after a reconnect */
	bool closed;      /* wants nothing more … */
	unsigned waiting; /* … but what so many of its tasks wait for */
};

void credit_init(struct credit *c, unsigned slots);
/* Tasks ended, which took run_us together. */
void credit_ended(struct credit *c, uint32_t count, uint64_t run_us);
/* A task has run for so long and goes on. */
void credit_running(struct credit *c, uint64_t run_us);
uint64_t credit_limit(const struct credit *c);
/* Is the limit worth telling? Then the caller sends it and sets `sent`. */
bool credit_is_due(const struct credit *c);

#endif
