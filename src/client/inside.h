/*
 * A client inside a task: it proves the task's token instead of its user, acts for the task's user,
 * and what it submits belongs to the attempt. While it waits for other tasks, its own gives its
 * slot back, so that they can run even where there is one slot. Under the client's lock.
 */
#ifndef CLIENT_INSIDE_H
#define CLIENT_INSIDE_H

#include "base/slice.h"
#include "wire/wire.h"

#include <stdbool.h>

struct dq_client;
struct dq_task;

struct inside {
	bool is;                          /* inside a task */
	char head[WIRE_TOKEN_TEXT];       /* names it and its lease */
	uint8_t mac[WIRE_TASK_MAC_BYTES]; /* the secret of the proofs */
	unsigned seceded;                 /* waits, and calls of dq_client_secede */
	struct dq_task *task;             /* of a function: whose end its waits look for; or NULL */
};

/* token: NULL for a client that is in no task. 0, or a code; the client's error says more. */
int inside_init(struct dq_client *c, const char *token);
/* A new connection: the scheduler does not know that the task waits. */
void inside_restart(struct dq_client *c);

#endif
