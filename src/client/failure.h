/*
 * Why a task failed, as texts that live as long as its future.
 */
#ifndef CLIENT_FAILURE_H
#define CLIENT_FAILURE_H

#include <dq/client.h>

struct dq_client;
struct ended;

/* 0 and *out, or a code. e: how it ended, not well. */
int failure_fill(
	struct dq_client *c, struct dq_future *f, const struct ended *e, struct dq_failure *out);

#endif
