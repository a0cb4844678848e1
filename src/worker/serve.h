/*
 * The data listener: gives held values to whoever has a ticket for them (doc/protocol.md, Data).
 * Loop's thread.
 */
#ifndef WORKER_SERVE_H
#define WORKER_SERVE_H

#include "loop/loop.h"
#include "wire/wire.h"
#include "worker/results.h"

struct serve;

/* Listens. NULL: one line in error. */
struct serve *serve_new(struct loop *loop, const char *address, const struct results *results,
	char *error, size_t error_bytes);
void serve_free(struct serve **s);
/* The address that others can reach it by. */
const char *serve_address(const struct serve *s);
/* Tickets are checked against this key; without one nothing is given. */
void serve_set_key(struct serve *s, struct slice ticket_key);

#endif
