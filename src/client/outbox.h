/*
 * The numbered requests of a session: gathered, numbered, kept encoded until answered, sent again
 * after a reconnect, in order.
 *
 * Submits gather in one open block, frees in a list of runs; both are sealed into requests by
 * outbox_seal(). What is sealed leaves by outbox_pump() while the connection stands and takes it.
 * Under the client's lock.
 */
#ifndef CLIENT_OUTBOX_H
#define CLIENT_OUTBOX_H

#include "base/buf.h"
#include "base/list.h"
#include "client/runs.h"
#include "wire/wire.h"

#include <dq/client.h>

#include <stdbool.h>
#include <stdint.h>

#define BLOCK_TASKS_MAX 8192u /* a block that gathers is sealed here */
#define BLOCK_BYTES_MAX ((size_t)1 << 20)
#define OUTBOX_BYTES_MAX ((uint64_t)8 << 30) /* of all requests kept */

struct dq_client;
struct dq_graph;

/* What somebody who waits for a reply gets. It must be taken out (outbox_forget) before it goes
 * away. */
struct reply_wait {
	bool done;
	bool no_memory; /* the reply could not be kept */
	int code;
	struct buf text, data;
};

struct request {
	struct list link;
	uint64_t seq;
	enum message kind;
	bool keyed;       /* SUBMIT: tasks have keys of the user; ids are settled by its reply */
	bool hold_orphan; /* HOLD whose asker has gone: its ids are released */
	uint32_t first_n; /* SUBMIT */
	uint64_t count;   /* SUBMIT */
	struct dq_graph *graph; /* SUBMIT: a part of it, or its end; a reference */
	bool graph_end;
	struct runs again; /* ACT that retries: once answered, these have not ended any more, */
	bool again_all;    /* also those that are done */
	struct reply_wait *wait;
	struct buf frame; /* a whole frame */
};

struct block {
	struct buf body;
	uint32_t first_n, count;
};

struct outbox {
	struct list pending;  /* struct request, by seq */
	struct request *next; /* the first one not sent on this connection; NULL: all are */
	uint64_t next_seq;
	uint64_t bytes;     /* of all frames kept */
	uint32_t parts_out; /* parts of graphs that were sent on this connection and not answered */
	struct block open;
	struct runs release;
	uint64_t ack_due;   /* highest reply that is to be acknowledged and was not; 0: none … */
	uint64_t ack_after; /* … once this request has been sent */
};

void outbox_init(struct outbox *o);
void outbox_release(struct outbox *o);

/* Seals the open block and the releases. 0, DQ_E_NO_MEMORY or DQ_E_LIMIT (what could not be sealed
 * stays). */
int outbox_seal(struct dq_client *c);
/* Seals only the open block. keyed: see struct request. */
int outbox_seal_block(struct dq_client *c, bool keyed);
/* An array's block, of one entry and its inputs. */
int outbox_submit_array(struct dq_client *c, struct slice ns, uint32_t first_n, uint64_t count,
	bool keyed, struct slice body);
/* A block of its own, already encoded, of tasks with keys. */
int outbox_submit_keyed(
	struct dq_client *c, struct slice ns, uint32_t first_n, uint32_t count, struct slice body);
/* A part of the graph, or its end (SUBMIT_COMMIT, SUBMIT_ABORT; no body). */
int outbox_submit_part(struct dq_client *c, struct dq_graph *g, uint32_t flags, struct slice ns,
	uint32_t first_n, uint64_t count, struct slice body);
/* The graph's requests are taken back, none of which has been sent. */
void outbox_take_back(struct outbox *o, const struct dq_graph *g);
/* [[n, id], ...] of a submit: tasks that were there already. False: out of memory or malformed. */
bool outbox_aliases(struct dq_client *c, struct slice data, const char **why);
/* CANCEL of all runs (in several requests past the limit); wait (may be NULL) is told of the last.
 */
int outbox_cancel(struct dq_client *c, const struct runs *runs, struct reply_wait *wait);
/* DETACH of all runs, which name few enough tasks for one request. */
int outbox_detach(struct dq_client *c, const struct runs *runs);
/* ACT of the runs from `at` on, as many as one request names: *took. arg counts for a priority. */
int outbox_act(struct dq_client *c, enum dq_act act, uint32_t flags, int32_t arg,
	const struct runs *runs, size_t at, struct reply_wait *wait, size_t *took);
/* HOLD of one key. */
int outbox_hold(struct dq_client *c, struct slice key, struct reply_wait *wait);
/* DO of an encoded list of operations. */
int outbox_do(struct dq_client *c, struct slice ops, struct reply_wait *wait);
/* CLOSE. */
int outbox_close(struct dq_client *c, struct reply_wait *wait);
/* Nobody waits with `wait` any more. */
void outbox_forget(struct outbox *o, struct reply_wait *wait);
void reply_wait_init(struct reply_wait *w);
void reply_wait_release(struct reply_wait *w);

/* Sends what is sealed as far as the connection takes it. */
void outbox_pump(struct dq_client *c);
/* A new connection: everything kept is to be sent again. last_seq: what the scheduler has. False:
 * it has less than it answered. */
bool outbox_restart(struct dq_client *c, uint64_t last_seq);
/* A REPLY came. False: it makes no sense, or out of memory; *why says what. */
bool outbox_reply(struct dq_client *c, uint64_t seq, bool not_taken, const struct msg_reply *m,
	const char **why);
bool outbox_is_empty(const struct outbox *o);
/* May the task with this number of the session still be refused? */
bool outbox_has_submit(const struct outbox *o, uint32_t n);

#endif
