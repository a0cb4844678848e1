/*
 * What submits and graphs share: from specs to entries of a body, with their futures. Under the
 * client's lock.
 */
#ifndef CLIENT_SUBMIT_H
#define CLIENT_SUBMIT_H

#include "base/buf.h"
#include "base/slice.h"

#include <dq/client.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 0, or the code of why this client may not submit. */
int submit_check(struct dq_client *c);
/* The i-th of specs, which are as large as their first says. False: sizes are missing, or differ.
 */
bool spec_at(struct dq_spec *out, const struct dq_spec *specs, size_t i);
/* One task: its entry appended to the body, and its future, unsettled if it has a key. ns: that of
 * the body's keys, if known. */
int submit_task(struct dq_client *c, const struct dq_spec *spec, struct buf *body, struct slice *ns,
	bool *has_ns, struct dq_future **out);
/* An array: its entry and inputs into the body, which must be empty, and its future. */
int submit_array(struct dq_client *c, const struct dq_spec *spec, uint64_t n,
	const struct dq_args *inputs, struct buf *body, struct slice *ns, struct dq_future **out);
/* Sends what is sealed while the caller goes on, without waiting for anything. */
void submit_flow(struct dq_client *c);

#endif
