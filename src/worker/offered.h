/*
 * What this worker offers the scheduler (model/offer.h), with what it was not told filled in as
 * found: a cpu for each slot, the memory it may use, the host's name.
 */
#ifndef WORKER_OFFERED_H
#define WORKER_OFFERED_H

#include "base/buf.h"
#include "model/offer.h"
#include "wire/wire.h"

struct offered {
	struct offer offer;
	char host[LIMIT_NAME_BYTES + 1];
	struct buf bytes; /* that the offer's slices point to */
	struct buf resources, labels, users;
};

/* Copies what `given` (NULL: nothing) has. False: it does not fit the limits, one line in error. */
bool offered_init(struct offered *o, const struct offer *given, unsigned slots, char *error,
	size_t error_bytes);
void offered_release(struct offered *o);
/* Its fields of JOIN; borrowed. */
void offered_join(const struct offered *o, struct msg_join *m);

uint64_t offered_cpus(const struct offered *o);

/* Bytes that this process may use: the least of the machine's and its control groups' limits. */
uint64_t memory_allowed(void);

#endif
