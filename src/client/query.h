/*
 * QUERY and ANSWER: what looks and changes nothing, asked again on a new connection. Under the
 * client's lock.
 */
#ifndef CLIENT_QUERY_H
#define CLIENT_QUERY_H

#include "base/buf.h"
#include "base/list.h"
#include "wire/wire.h"

#include <dq/client.h>

#include <stdbool.h>
#include <stdint.h>

struct dq_client;

struct query {
	struct list link;
	uint64_t request;
	uint64_t what;
	struct slice args;            /* borrowed from the caller, who waits; empty: nil */
	uint64_t order, index, given; /* where the next part begins */
	bool done;
	int code;
	struct buf text;
	struct buf data; /* one part: its bytes; several: the elements of all */
	uint32_t parts;
	uint64_t elements; /* of several parts */
};

struct queries {
	struct list active;
	uint64_t next_request;
};

void queries_init(struct queries *qs);
void queries_restart(struct dq_client *c);
/* dq_query, under the lock. */
int query_run(struct dq_client *c, enum dq_query what, const struct dq_args *args, double timeout_s,
	struct dq_value *out);
bool query_answer(struct dq_client *c, const struct msg_answer *m, const char **why);

#endif
