/*
 * What a step decided: records to write and messages to send, and the only way out of the core. No
 * message may leave before the records of all steps up to its own are on stable storage (D4); the
 * shell sees to that.
 *
 * An update is owned by the caller and filled by core_step(), which appends; update_clear() empties
 * it and keeps the memory. Offsets point into `bytes`. Borrowed slices (send.outcome) live as long
 * as the event.
 */
#ifndef CORE_UPDATE_H
#define CORE_UPDATE_H

#include "base/buf.h"
#include "base/slice.h"
#include "model/ids.h"
#include "model/state.h"

#include <stdbool.h>
#include <stdint.h>

/* One a table of doc/disk-format.md. */
enum record_kind {
	RECORD_COUNTERS,
	RECORD_BLOCK,
	RECORD_TASK,
	RECORD_GONE,
	RECORD_LEASE,
	RECORD_SESSION,
	RECORD_REPLY,
	RECORD_HOLD,
	RECORD_WORKER,
	RECORD_USER,
	RECORD_WORK,
	RECORD_STAGE,
	RECORD_THING,
	RECORD_AMEND,
	RECORD_ENTRY,
	RECORD_ITEM,
	RECORD_DELIVERY,
	RECORD_GRANT,
	RECORD_VALUE /* no table's: the file of a stored value, of task a and generation b; no
			bytes: it came before the report */
};

struct record {
	enum record_kind kind;
	bool del;
	bool move;     /* of an item: to the key to_a, to_c, to_b */
	uint64_t a, b; /* the key's numbers, in the key's order; b where it has two */
	uint32_t c;    /* of an item and a delivery: the rank, between the two */
	uint64_t to_a, to_b;
	uint32_t to_c;
	uint32_t at, n; /* the value in update.bytes */
};

enum send_kind {
	/* Complete as they are: */
	SEND_OPENED,   /* session, token, incarnation, last_seq, next_n */
	SEND_REPLY,    /* seq, code, text, data */
	SEND_OUTCOME,  /* id, generation, state, attempts, outcome (borrowed; n > 0: in bytes), or
			  empty for TASK_GONE; to_n > 0: to the connections to[to_at ..] */
	SEND_JOINED,   /* worker */
	SEND_REPORTED, /* seq */
	SEND_STOP,     /* id, fence, cause */
	SEND_SECEDED,  /* id, fence, count: 1 where the slot is given back, 0 where it is not */
	SEND_FREE,     /* id, generation */
	SEND_CLOSE,    /* code, text: refuse and close the connection */
	/* To be completed from the store, after the commit: */
	SEND_STORED_REPLY, /* seq of session: the stored reply (n: there is one), or a plain one */
	SEND_STORED_OUTCOME, /* id: what its row says, of the generation's round */
	SEND_VALUE, /* seq (the request), id, generation likewise: its value, or who holds it; code
		       and text when it cannot be had */
	SEND_GRANT, /* seq (the request) of session: what its grant record says; code and text:
		       refused */
	SEND_THING, /* seq (the registration), id: what the thing is now, and of a topic what came
		       after the cursor; or count: its version, and nothing of the store; code and
		       text: refused */
	SEND_LEASE  /* grants[at .. at + n): one bundle; fence: of the first */
};

struct send {
	enum send_kind kind;
	uint64_t conn;
	uint64_t seq;
	uint64_t id;
	uint64_t count;        /* OUTCOME: of ids from id on */
	uint64_t after, until; /* THING, of a topic: the entries between these cursors are stored */
	uint32_t to_at, to_n;
	struct fence fence;
	uint32_t session, worker, incarnation, next_n;
	uint32_t generation, attempts;
	enum task_state state;
	enum cause cause;
	uint32_t code;
	const char *text;         /* static; or NULL: text_at */
	uint32_t text_at, text_n; /* in bytes */
	uint32_t at, n; /* REPLY: data in bytes; OPENED: token in bytes; LEASE: grants; OUTCOME */
	struct slice outcome;
};

/* A lease that was granted. Its inputs are the task's dependencies, in order: inputs[at .. at +
 * ninputs). */
struct grant {
	uint64_t id;
	uint32_t generation, attempt;
	bool remake;
	bool ahead;    /* before what has not begun at its worker */
	bool suspect;  /* workers died with it */
	bool store;    /* its result is to be stored */
	uint64_t cpus; /* asked for, in parts; 0: none by name */
	int32_t priority;
	uint32_t lane; /* whose it is, among those that the worker has: 0: the worker's own user */
	uint32_t at, ninputs;
	uint64_t timeout_us; /* how long it may run; 0: no limit */
};

struct update {
	struct record *records;
	uint32_t nrecords, records_cap;
	struct send *sends;
	uint32_t nsends, sends_cap;
	struct grant *grants;
	uint32_t ngrants, grants_cap;
	uint64_t *inputs;
	uint32_t ninputs, inputs_cap;
	uint64_t *to;
	uint32_t nto, to_cap;
	struct buf bytes;
	bool more;  /* there is work left: send EVENT_CONTINUE after this batch went out */
	bool scans; /* likewise, for a step without no_scan */
	bool seal;  /* something waits for the next EVENT_SEAL */
	uint64_t next_tick_us; /* monotonic time of the next deadline; 0: none */
};

void update_init(struct update *u);
void update_clear(struct update *u);
void update_release(struct update *u);

/* For core/ alone: append one, zeroed but for what is given. */
struct record *update_record(struct update *u, enum record_kind kind, uint64_t a, uint64_t b);
struct record *update_delete(struct update *u, enum record_kind kind, uint64_t a, uint64_t b);
/* The value of a record is what is appended to u->bytes between update_record() and this. */
void update_record_end(struct update *u, struct record *r);
struct send *update_send(struct update *u, enum send_kind kind, uint64_t conn);
struct grant *update_grant(struct update *u);
void update_input(struct update *u, uint64_t id);
void update_to(struct update *u, uint64_t conn);

static inline struct slice update_bytes(const struct update *u, uint32_t at, uint32_t n)
{
	return slice_of(n ? u->bytes.p + at : NULL, n);
}

#endif
