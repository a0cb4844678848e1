/*
 * The connection to the scheduler: made, proven, watched, and made again for ever. What is said on
 * it is the owner's. Loop's thread. Callbacks come from the loop, never inside a call.
 */
#ifndef WORKER_LINK_H
#define WORKER_LINK_H

#include "loop/loop.h"
#include "loop/stream.h"

#include <stdbool.h>
#include <stdint.h>

struct link;

struct link_handlers {
	/* The scheduler has admitted us: the owner says who it is (JOIN). */
	void (*on_admitted)(struct link *k, uint64_t epoch, void *arg);
	/* A frame after that, PING and PONG apart. False: it is malformed, *why; the connection is
	 * closed. */
	bool (*on_frame)(struct link *k, const struct frame *frame, const char **why, void *arg);
	/* An admitted connection is gone; the next one is being made. */
	void (*on_lost)(struct link *k, const char *reason, void *arg);
	/* Refused for a reason that another try cannot mend. No other try is made; link_free it
	 * later. */
	void (*on_refused)(struct link *k, int code, const char *text, void *arg);
};

/* Starts to connect. secret_file: NULL for unix and in-process addresses. NULL: the address cannot
 * be read (one line in error). */
struct link *link_new(struct loop *loop, const char *address, const char *secret_file,
	const struct link_handlers *handlers, void *arg, char *error, size_t error_bytes);
void link_free(struct link **k);
/* To append frames to; NULL while not admitted. */
struct stream *link_stream(struct link *k);
/* After JOINED: silence for so long closes the connection. */
void link_set_ttl(struct link *k, uint64_t ttl_ms);
/* The handshake and what followed it went well: the next reconnect is quick. */
void link_settled(struct link *k);
/* Ends the connection when what was sent has left; no other is made. on_lost comes then. */
void link_close(struct link *k);

#endif
