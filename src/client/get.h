/*
 * Values that are not at hand: GET asks the scheduler, whose VALUE carries the bytes or names
 * workers that hold them; those are fetched from one after the other until one gives bytes with the
 * right checksum. When none does, GET again after a pause, until the scheduler says `lost` or
 * GET_PATIENCE_US have passed. Under the client's lock.
 */
#ifndef CLIENT_GET_H
#define CLIENT_GET_H

#include "base/buf.h"
#include "base/list.h"
#include "base/map64.h"
#include "client/value.h"
#include "model/row.h"
#include "wire/wire.h"

#include <dq/client.h>

#include <stdbool.h>
#include <stdint.h>

#define GET_PATIENCE_US ((uint64_t)90000000)
#define HOLDER_SILENCE_US ((uint64_t)15000000)

struct dq_client;

enum get_state { GET_ASKED, GET_FETCHING, GET_PAUSED, GET_DONE };

struct get {
	bool failed_too; /* also what a command that failed had printed */
	enum get_state state;
	struct list link; /* gets.active */
	uint64_t request, id;
	int code; /* GET_DONE: 0, or what went wrong */
	char text[160];
	struct dq_value value; /* GET_DONE and code 0: take it out (value.owner NULL) or get_free
				  releases it */
	/* fetching */
	uint64_t since_us, again_us;
	unsigned rounds;
	uint32_t generation;
	uint64_t size, checksum;
	struct buf where; /* msgpack of [address, ticket]s, copied */
	unsigned tried;   /* of where */
	struct buf shape; /* the outcome's type and frames, for the value: the encoded outcome,
			     copied */
	uint8_t *bytes;   /* aligned; of `size` and the shape */
	uint64_t got;
	struct holder *holder; /* NULL: none now */
	struct list in_holder;
};

/* A connection to a worker's data address. */
struct holder {
	struct list link; /* gets.holders */
	struct dq_client *client;
	char *address;
	struct stream *stream;
	struct list gets; /* struct get, in the order asked */
	uint64_t heard_us;
};

struct gets {
	struct map64 by_request;
	struct list active;
	struct list holders;
	struct holder own;   /* the scheduler, over the session's connection */
	struct timer *timer; /* pauses and silences */
	uint64_t next_request;
	size_t n;
};

int gets_init(struct dq_client *c);
void gets_release(struct dq_client *c);
/* Asks for the value of a done task. NULL: out of memory. It tells of its end by state alone: wait
 * for GET_DONE. */
struct get *get_start(struct dq_client *c, uint64_t id);
/* Gives it up, or frees it when done. */
void get_free(struct dq_client *c, struct get **g);
/* VALUE came. False: malformed; *why. */
bool get_value(struct dq_client *c, const struct msg_value *m, const char **why);
/* A new connection: what was asked is asked again. */
void gets_restart(struct dq_client *c);

/* Between get.c and fetch.c: fetches from the next holder of g->where. False: no further one. */
bool fetch_next(struct dq_client *c, struct get *g);
/* The fetch ended: the bytes are there (ok), or this holder could not give them. */
void get_fetched(struct dq_client *c, struct get *g, bool ok, const char *why);
/* Takes it off its holder. */
void fetch_stop(struct get *g);
void fetch_tick(struct dq_client *c, uint64_t now_us);
/* DATA and NODATA of the session's connection. False: malformed; *why. */
bool fetch_own_frame(struct dq_client *c, const struct frame *f, const char **why);
void fetch_release(struct dq_client *c);

#endif
