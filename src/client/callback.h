/*
 * dq_future_on_done: a tap that calls a function of the user's.
 */
#ifndef CLIENT_CALLBACK_H
#define CLIENT_CALLBACK_H

#include "client/tap.h"

struct dq_client;
struct dq_future;

/* Registers; the future is kept alive until it was called. 0 or DQ_E_NO_MEMORY. Under the lock. */
int callback_new(struct dq_client *c, struct dq_future *f, void (*fn)(struct dq_future *, void *),
	void *arg);
/* Calls it, with the lock given up meanwhile, and frees it. */
void callback_run(struct dq_client *c, struct tap *t);
/* Frees those that were not called, at the client's end. */
void callbacks_release(struct dq_client *c);

#endif
