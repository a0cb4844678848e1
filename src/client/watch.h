/*
 * Outcomes: asked for by WATCH when somebody waits, told by OUTCOMES. A registration lives with its
 * connection; on a new one everything watched that has not been seen to end is registered again.
 * Under the client's lock.
 */
#ifndef CLIENT_WATCH_H
#define CLIENT_WATCH_H

#include "client/runs.h"
#include "wire/wire.h"

#include <stdbool.h>

struct dq_client;
struct dq_future;

struct watch {
	struct runs ask;  /* to be registered */
	struct runs drop; /* no longer of interest */
};

void watch_init(struct watch *w);
void watch_release(struct watch *w);
/* Asks for the future's outcome unless that was done or is known. False: out of memory. */
bool watch_future(struct dq_client *c, struct dq_future *f);
/* The future became settled: what it was watched for is asked now. */
bool watch_settled(struct dq_client *c, struct dq_future *f);
/* A watched future goes away before it ended. */
void watch_forget(struct dq_client *c, struct dq_future *f);
/* Sends what is to be asked, after the requests that made the tasks. */
void watch_push(struct dq_client *c);
/* A new connection. */
void watch_restart(struct dq_client *c);
/* OUTCOMES came. False: malformed or out of memory; *why. */
bool watch_outcomes(struct dq_client *c, const struct msg_outcomes *m, const char **why);

#endif
