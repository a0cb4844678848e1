/*
 * Inside of the outbox, for the files outbox*.c: its list of requests.
 */
#ifndef CLIENT_OUTBOX_PRIVATE_H
#define CLIENT_OUTBOX_PRIVATE_H

#include "client/outbox.h"

#include <stddef.h>

/* A request without its frame yet. NULL: out of memory, or too much is kept (*code). */
struct request *request_new(struct dq_client *c, enum message kind, size_t room, int *code);
/* Takes the encoded request into the list. 0 or DQ_E_NO_MEMORY, the request gone. */
int request_add(struct dq_client *c, struct request *r);
/* Takes it out of the list. */
void request_free(struct outbox *o, struct request *r);

#endif
