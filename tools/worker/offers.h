/*
 * What the command line says of a worker's offer.
 */
#ifndef WORKER_TOOL_OFFERS_H
#define WORKER_TOOL_OFFERS_H

#include "common/options.h"
#include "model/offer.h"

/* --resource K=V, --label K=V, --users U,...: the slices point into the lists. False: one line in
 * why. */
bool read_offer(const struct opt_list *resources, const struct opt_list *labels,
	const struct opt_list *users, struct offer *out, char *why, size_t why_bytes);

#endif
