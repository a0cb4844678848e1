/*
 * Shared by fetch.c (values: who wants them, which holder is next, what is kept) and fetch_holder.c
 * (connections to holders: asking, and what comes). Loop's thread.
 */
#ifndef WORKER_FETCH_PRIVATE_H
#define WORKER_FETCH_PRIVATE_H

#include "worker/fetch.h"

#include "base/hash.h"
#include "base/list.h"
#include "base/map64.h"
#include "loop/stream.h"
#include "worker/blob.h"

#define FETCH_TICK_MS 100

/* A connection to another worker, and what it was asked for. */
struct holder {
	struct list node;
	char *address;
	struct stream *stream;
	struct list asked; /* of fetches, in the order they were asked */
	unsigned nasked;
	uint64_t heard_us;
};

struct want {
	struct lease *lease;
	uint32_t index;
};

enum fetch_state { FETCH_WAITING, FETCH_ASKED, FETCH_PAUSED, FETCH_KEPT };

/* A value on its way, or kept. */
struct fetch {
	struct list node;   /* in waiting, paused or kept of the fetcher, or asked of a holder */
	struct fetch *next; /* others of the same task id */
	enum fetch_state state;
	uint64_t id, checksum, request;
	uint32_t generation;
	size_t size;
	struct buf where;    /* a copy */
	uint32_t nwhere, at; /* the next holder, counted over all rounds */
	uint64_t resume_us;
	struct want *wants;
	size_t nwants;
	struct blob *blob;
	uint8_t *room;
	size_t have;
	struct hasher hasher;
};

struct fetcher {
	struct loop *loop;
	char *dir;
	const struct fetch_handlers *handlers;
	void *arg;
	struct map64 by_id;
	struct list waiting, paused, kept, holders;
	struct holder own; /* the scheduler; its stream is the worker's link */
	size_t in_flight, kept_bytes;
	uint64_t next_request;
	struct timer *tick;
	bool pumping;
};

/* ---- fetch.c ---- */

/* Asks for what waits, as far as the bounds allow. */
void fetcher_pump(struct fetcher *f);
/* Of a value that is in no holder's list: the holder did not give it, the next one is asked. */
void fetch_try_next(struct fetcher *f, struct fetch *t);
/* Likewise: it waits for its turn again, for nothing that its holder did. */
void fetch_wait_again(struct fetcher *f, struct fetch *t);
/* Likewise: all of it is there. */
void fetch_complete(struct fetcher *f, struct fetch *t);
/* Likewise: it is not wanted. */
void fetch_free(struct fetcher *f, struct fetch *t);

/* ---- fetch_holder.c ---- */

enum holder_answer { HOLDER_ASKED, HOLDER_BUSY, HOLDER_UNREACHABLE };

/* Moves the value from the fetcher's waiting ones to those asked of the holder at the address. */
enum holder_answer holder_ask(
	struct fetcher *f, struct fetch *t, struct slice address, struct slice ticket);
/* Ends connections that are silent, or were idle for long. */
void holders_tend(struct fetcher *f, uint64_t now_us);
/* Frees all connections, and what was asked of them. */
void holders_free(struct fetcher *f);

#endif
