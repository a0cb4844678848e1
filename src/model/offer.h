/*
 * What a worker offers: where it is, how much of what it has, and for whom it works. As it says
 * when it joins (doc/protocol.md, JOIN) and as its record keeps it. Readers borrow; nothing
 * allocates. Any thread.
 */
#ifndef MODEL_OFFER_H
#define MODEL_OFFER_H

#include "base/buf.h"
#include "base/slice.h"
#include "model/limits.h"
#include "model/terms.h"

#include <stdbool.h>
#include <stdint.h>

#define OFFER_PLACES LIMIT_TERMS_NAMES

struct offer {
	uint32_t slots;    /* tasks at a time */
	struct slice host; /* empty: not said */
	uint32_t nresources, nlabels, nusers;
	bool any_user;
	struct amount resources[OFFER_PLACES + 1]; /* room for what the reader adds */
	struct slice labels[OFFER_PLACES];         /* NAME=VALUE */
	struct slice users[OFFER_PLACES];          /* besides its own */
};

/* The fields of JOIN; empty ones are none. False: *why. Leaves slots as they are. */
bool offer_read(struct offer *o, struct slice host, struct slice resources, struct slice labels,
	struct slice users, const char **why);
/* Their values, one msgpack value each; nothing is appended for none. */
void offer_put_resources(struct buf *out, const struct offer *o);
void offer_put_labels(struct buf *out, const struct offer *o);
void offer_put_users(struct buf *out, const struct offer *o);

/* All of it as one msgpack array, and back: nothing for nothing. */
void offer_encode(struct buf *out, const struct offer *o);
bool offer_decode(struct slice in, struct offer *out, const char **why);

#endif
