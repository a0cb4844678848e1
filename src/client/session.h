/*
 * The connection of a client: made, proved, opened, watched, and made again when lost.
 *
 *	IDLE -> CONNECTING -> GREETING (HELLO sent) -> PROVING (PROVE sent)
 *	     -> OPENING (OPEN sent) -> READY
 *
 * From any of them: to BACKOFF when the connection ends, and then again; to ENDED when it was
 * refused for a reason that trying again cannot mend, which client.fatal tells.
 *
 * A client that only looks is READY after PROVING. Under the client's lock.
 */
#ifndef CLIENT_SESSION_H
#define CLIENT_SESSION_H

#include "base/buf.h"
#include "loop/loop.h"
#include "loop/reconnect.h"
#include "loop/stream.h"
#include "model/ids.h"
#include "wire/wire.h"

#include <stdbool.h>
#include <stdint.h>

struct dq_client;

enum session_state {
	SESSION_IDLE,
	SESSION_CONNECTING,
	SESSION_GREETING,
	SESSION_PROVING,
	SESSION_OPENING,
	SESSION_READY,
	SESSION_BACKOFF,
	SESSION_ENDED
};

struct session {
	enum session_state state;
	/* from the options */
	char *address;
	char *name; /* NULL: unnamed */
	uint64_t ttl_ms;
	bool look_only;
	struct buf secret;
	char user[256];
	/* the connection */
	struct stream *stream;
	struct timer *retry, *beat;
	struct reconnect reconnect;
	uint8_t nonce[WIRE_NONCE_BYTES];
	uint64_t heard_us, beat_us;   /* monotonic */
	char trouble[256];            /* why there is no connection, one line */
	uint64_t down_us, down_at_us; /* how long there was none; since when there is none, or 0 */
	/* the session */
	bool opened; /* once at least */
	uint32_t number;
	uint8_t token[64];
	size_t token_n;
};

/* Copies what it needs. 0, or a code; the client's error says more. */
int session_init(struct dq_client *c, const char *address, const char *name, double ttl_s,
	const char *secret_file, bool look_only, bool in_task);
/* Starts to connect. */
void session_start(struct dq_client *c);
void session_release(struct dq_client *c);
/* Drops the connection and makes another after a while. */
void session_drop(struct dq_client *c, const char *why);
/* Ends it for good. */
void session_fail(struct dq_client *c, int code, const char *why);
/* READY? */
bool session_is_up(const struct dq_client *c);
/* How long it has not been, since it was for the first time; µs. */
uint64_t session_down_us(const struct dq_client *c);
/* The buffer for frames, which leave at the end of the turn; only while READY. Asking for it makes
 * the loop take a turn. */
struct buf *session_out(struct dq_client *c);

#endif
