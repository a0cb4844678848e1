/*
 * The small records: lease bundles, sessions, workers, users, stored replies, holds, works,
 * counters (doc/disk-format.md). Readers borrow from the bytes. Nothing allocates. Any thread.
 */
#ifndef MODEL_RECORD_H
#define MODEL_RECORD_H

#include "base/buf.h"
#include "base/slice.h"
#include "model/ids.h"

#include <stdbool.h>
#include <stdint.h>

#define LEASE_REMAKE 1u  /* flag of an entry: makes a lost value again */
#define LEASE_REVOKED 2u /* flag of an entry: no longer a lease */

struct lease_entry {
	uint64_t id;
	uint32_t generation;
	uint32_t flags;
};

/* Key: the first entry's fence. The i-th entry has the fence (epoch, seq + i). */
struct lease_bundle {
	uint32_t worker;
	uint64_t issued_us; /* wall clock */
	uint32_t count;
	struct slice entries; /* packed; read with lease_bundle_entry() */
};

#define LEASE_ENTRY_BYTES 16
void lease_bundle_encode(struct buf *out, uint32_t worker, uint64_t issued_us,
	const struct lease_entry *entries, uint32_t count);
bool lease_bundle_decode(struct slice in, struct lease_bundle *out, const char **why);
struct lease_entry lease_bundle_entry(const struct lease_bundle *b, uint32_t i);

struct session_record {
	uint8_t token[TOKEN_BYTES];
	uint32_t incarnation;
	uint32_t user;
	struct slice name; /* empty: unnamed */
	uint64_t ttl_ms;
	uint64_t last_seq;
	bool closing;
	uint64_t created_us;
	uint32_t next_n; /* the first task number not used yet */
	/* of a client inside a task: the task, and the lease under which it ran; 0: of none */
	uint64_t parent;
	struct fence parent_fence;
};
void session_record_encode(struct buf *out, const struct session_record *r);
bool session_record_decode(struct slice in, struct session_record *out, const char **why);

struct worker_record {
	uint8_t uuid[WORKER_UUID_BYTES];
	struct slice name;
	uint32_t user;
	struct slice instance; /* random, of the process that joined last; at most
				  WORKER_INSTANCE_BYTES */
	struct slice address; /* of its data, as it last said: a start may need it before it is back
			       */
	struct slice offer;   /* model/offer.h, as it last said; empty: nothing */
};
#define WORKER_INSTANCE_BYTES 16
void worker_record_encode(struct buf *out, const struct worker_record *r);
bool worker_record_decode(struct slice in, struct worker_record *out, const char **why);

struct user_record {
	struct slice name;
	uint32_t uid;
};
void user_record_encode(struct buf *out, const struct user_record *r);
bool user_record_decode(struct slice in, struct user_record *out, const char **why);

struct reply_record {
	uint32_t code; /* enum dq_error */
	struct slice text;
	struct slice data; /* one msgpack value, or empty */
};
void reply_record_encode(struct buf *out, const struct reply_record *r);
bool reply_record_decode(struct slice in, struct reply_record *out, const char **why);

void hold_record_encode(struct buf *out);
bool hold_record_decode(struct slice in, const char **why);

/* What ACT asks for (doc/protocol.md). Numbers are for ever. */
enum act_kind { ACT_RETRY = 1, ACT_FORGET = 2, ACT_PRIORITY = 3 };
#define ACT_SKIP 1u /* flag: tasks that it does not suit are left as they are */

/* Stored: do not renumber. */
enum work_kind {
	WORK_CANCEL = 1,
	WORK_RELEASE = 2,
	WORK_RETRY = 3,
	WORK_FORGET = 4,
	WORK_PRIORITY = 5
};
#define WORK_ANY_USER UINT32_MAX
struct work_record {
	enum work_kind kind;
	uint32_t session;  /* who asked */
	struct slice runs; /* msgpack array: first, count, first, count, … */
	int64_t arg;       /* the priority */
	uint32_t user;     /* whose tasks it is about; WORK_ANY_USER: an older record, that does
			      not say */
};
void work_record_encode(struct buf *out, const struct work_record *r);
bool work_record_decode(struct slice in, struct work_record *out, const char **why);

/* Of a submit in parts: its head while it may still come to life, and one for each of its parts. */
struct stage_record {
	uint64_t number;       /* the session's request that began it */
	uint64_t tasks, bytes; /* head: of all parts taken so far; of a part: of that */
	struct slice detach;   /* of a part: u64 little-endian ids of tasks that were there already
				  and are to be kept without a session when it comes to life */
};
void stage_record_encode(struct buf *out, const struct stage_record *r);
bool stage_record_decode(struct slice in, struct stage_record *out, const char **why);

/* What was changed of a block as a whole since its submit. */
struct amend_record {
	bool has_priority;
	int32_t priority;
};
void amend_record_encode(struct buf *out, const struct amend_record *r);
bool amend_record_decode(struct slice in, struct amend_record *out, const char **why);

struct counters {
	uint64_t order;        /* the last one given to a block */
	uint64_t finish_seq;   /* the last one given to an end */
	uint32_t next_session; /* from 1 */
	uint32_t next_worker;  /* from 1 */
	uint32_t next_user;    /* from 1; 0 is the one who started the scheduler */
	uint64_t next_work;    /* from 1 */
	uint64_t next_thing;   /* from 1 */
	uint64_t versions;     /* the highest that a deleted variable had */
};
void counters_encode(struct buf *out, const struct counters *c);
bool counters_decode(struct slice in, struct counters *out, const char **why);

/* Of a chunk of ids. */
#define GONE_CHUNK 4096
struct gone_record {
	uint32_t bits;                      /* for the encoder: ids in the chunk */
	uint64_t gone[GONE_CHUNK / 64];     /* forgotten */
	uint64_t released[GONE_CHUNK / 64]; /* their submitter's session does not hold them */
	struct slice kept; /* runs of those that only their retention keeps, or that had one;
			      ascending; usually empty */
};
void gone_record_encode(struct buf *out, const struct gone_record *r);
bool gone_record_decode(struct slice in, struct gone_record *out, const char **why);

/* Consecutive ids of the chunk: from the at-th on, n of them. */
struct keep_run {
	uint32_t at, n;
	uint32_t since; /* wall clock, in seconds; UINT32_MAX: that is over */
};
#define KEEP_RUN_BYTES 8
void keep_run_put(struct buf *out, struct keep_run r);
/* Takes the next one off; false: there is none. */
bool keep_run_next(struct slice *in, struct keep_run *out);

/* Runs of ids as a msgpack array of first, count, … : at most LIMIT_RUNS runs, none empty, none
 * past its session. */
struct runs_reader {
	struct slice in;
	uint32_t left;
	const uint8_t *at;
};
bool runs_reader_init(struct runs_reader *r, struct slice in, const char **why);
bool runs_reader_next(struct runs_reader *r, struct run *out);
void runs_encode(struct buf *out, const struct run *runs, uint32_t n);

#endif
