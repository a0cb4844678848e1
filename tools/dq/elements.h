/*
 * The elements of an array, one after the other.
 */
#ifndef DQ_ELEMENTS_H
#define DQ_ELEMENTS_H

#include <dq/client.h>

#include <stdbool.h>
#include <stdint.h>

struct element {
	struct dq_future *future;
	uint64_t index;
	int error;             /* of dq_result() */
	struct dq_value value; /* where error is 0; released after the call */
};

/*
 * Calls fn for each in order, as soon as it and all before it have ended; false ends it. The time
 * is for waiting: what is there is fetched, within reason. 0, CLI_INTERRUPTED, or the error that
 * kept an element from being waited for: DQ_E_TIMEOUT, ...
 */
int elements_each(struct dq_client *client, struct dq_future *array, double timeout_s,
	bool (*fn)(struct dq_client *client, const struct element *e, void *arg), void *arg);

#endif
