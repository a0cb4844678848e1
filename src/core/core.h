/*
 * The scheduler's core: pure. core_step(core, event) -> update. No clock, no file, no network, no
 * random numbers: the same events give the same updates, byte for byte. It holds what scheduling
 * needs in memory (blocks, tasks that live, leases, sessions, workers) and can be rebuilt from the
 * store's records at any time with core_load_*.
 *
 * One thread at a time. Aborts when out of memory: a crash is a restart.
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include "core/event.h"
#include "core/update.h"
#include "model/block.h"
#include "model/item.h"
#include "model/offer.h"
#include "model/record.h"
#include "model/row.h"
#include "model/thing.h"

struct core;

/* Of what a task says of its progress, so much is kept. */
#define PROGRESS_TEXT_BYTES 256

/* Turns of a user where another has one. */
#define USER_WEIGHT_MAX 1000
#define USER_WEIGHT_TEXT "1000"
struct user_weight {
	struct slice name;
	uint64_t weight;
};

/* How long the outcome of what is detached stays, where nothing says otherwise. */
#define RETENTION_US (7 * 86400ull * 1000000)
#define RETENTION_NONE UINT64_MAX

struct core_config {
	uint64_t epoch;          /* allotted by the store for this start */
	uint64_t lease_ttl_ms;   /* from a worker's disconnection to the loss of its leases */
	uint64_t session_ttl_ms; /* the default for sessions */
	uint32_t max_sessions;   /* more are refused; 0: LIMIT_SESSIONS */
	uint32_t max_workers;    /* likewise; 0: LIMIT_WORKERS */
	uint64_t retention_us;   /* of what is detached; 0: RETENTION_US; RETENTION_NONE: none */
	uint32_t user0_uid;      /* user 0: who runs the scheduler */
	struct slice user0_name;
	const struct user_weight *weights; /* borrowed, as long as the core lives */
	size_t nweights;
};

struct core *core_new(const struct core_config *config);
void core_free(struct core **c);

/*
 * Loading, in this order, before the first step: counters, users, workers, sessions, blocks,
 * stages, amendments, gone bitmaps, rows, leases, replies, holds, works, things, deliveries,
 * grants, items, then
 * core_load_end(), whose update may hold records (it may run long works on later steps). False: the
 * record contradicts others, *why says how; the caller decides whether to go on without it.
 */
void core_load_counters(struct core *c, const struct counters *counters);
bool core_load_user(struct core *c, uint32_t number, const struct user_record *r, const char **why);
bool core_load_worker(
	struct core *c, uint32_t number, const struct worker_record *r, const char **why);
bool core_load_session(
	struct core *c, uint32_t number, const struct session_record *r, const char **why);
bool core_load_block(struct core *c, const struct block_record *r, const char **why);
/* first 0: the head. */
bool core_load_stage(struct core *c, uint32_t session, uint64_t first, const struct stage_record *r,
	const char **why);
bool core_load_amend(
	struct core *c, uint64_t first, const struct amend_record *r, const char **why);
bool core_load_gone(struct core *c, uint64_t first, const struct gone_record *r, const char **why);
/* A task's rounds one after the other: the last one counts. */
bool core_load_row(
	struct core *c, uint64_t id, uint16_t round, const struct task_row *r, const char **why);
bool core_load_lease(
	struct core *c, struct fence first, const struct lease_bundle *b, const char **why);
/* A stored reply; those of a session by number. */
bool core_load_reply(struct core *c, uint32_t session, uint64_t seq, const struct reply_record *r,
	const char **why);
bool core_load_hold(struct core *c, uint32_t session, uint64_t id, const char **why);
bool core_load_work(struct core *c, uint64_t seq, const struct work_record *r, const char **why);
bool core_load_thing(
	struct core *c, uint64_t number, const struct thing_record *r, const char **why);
/* Of queues: deliveries and grants, then items in the order of their keys. */
bool core_load_delivery(struct core *c, uint64_t thing, uint32_t rank, uint64_t seq,
	const struct delivery_record *r, const char **why);
bool core_load_grant(struct core *c, uint32_t session, uint64_t request,
	const struct grant_record *r, const char **why);
bool core_load_item(struct core *c, uint64_t thing, uint32_t rank, uint64_t seq,
	const struct item_record *r, const char **why);
void core_load_end(struct core *c, uint64_t mono_us, uint64_t wall_us, struct update *u);

/* One event. Appends to the update. */
void core_step(struct core *c, const struct event *e, struct update *u);

/* ---- looking, for queries and for completing messages; nothing changes ---- */

struct core_counts {
	uint64_t tasks[TASK_STATE_END]; /* by state; GONE unused */
	uint64_t running;               /* of the leased ones, those that started */
	uint64_t stuck;                 /* of the ready ones, those that no worker here fits */
	uint64_t sessions;
	uint32_t workers;             /* known and not lost */
	uint64_t things[THING_KINDS]; /* by kind */
};
void core_counts(const struct core *c, struct core_counts *out);

struct core_task_view {
	uint64_t id;
	uint64_t block_first;
	uint64_t count; /* of the block */
	bool array;
	enum task_state state; /* the state users see: a remake is DONE */
	bool started;
	bool lost;   /* done, and no copy of its value is known */
	bool stored; /* done, and the scheduler has its value, of this size and checksum */
	uint64_t value_size, value_checksum;
	uint32_t attempts, generation, deaths, failures;
	uint64_t start_us;    /* SCHEDULED: when it may run */
	uint64_t deadline_us; /* wall clock; 0: none */
	uint16_t round;       /* how often a user began it anew */
	uint32_t user;
	uint32_t session;
	uint64_t submitted_us;
	uint32_t waiting_on;            /* dependencies that have not ended */
	uint64_t waits_for;             /* one of those */
	uint32_t lease_worker;          /* 0: none */
	uint64_t leased_us, started_us; /* of that lease, wall clock; 0: not, or not known */
	bool detached;
	uint64_t kept_until_us; /* wall clock: it is there for its retention alone; 0: it is not */
	bool stuck;             /* ready, but no worker that is here could ever run it */
	int32_t priority;
	uint32_t at_once; /* ready, but its array has as many leases as it may; 0: no */
};
/* False: there is no such task. */
bool core_view_task(const struct core *c, uint64_t id, struct core_task_view *out);

/* Appends why a ready task is not leased: what nobody here has, or what is taken. Nothing for
 * another. */
void core_why_ready(const struct core *c, uint64_t id, struct buf *out);

struct core_worker_view {
	uint32_t number;
	struct slice uuid, name, address;
	uint32_t slots, limit, leases, running;
	uint64_t held_bytes;
	bool connected;
	uint32_t user;
	const struct offer *offer;
	uint64_t used[OFFER_PLACES + 1]; /* of offer->resources; a task that names no cpus has one
					  */
};
bool core_view_worker(const struct core *c, uint32_t number, struct core_worker_view *out);
/* The worker with the task's current lease if that has the fence, else 0. */
uint32_t core_lease_worker(const struct core *c, uint64_t id, struct fence fence);
/* The worker that joined over the connection; 0: none. */
uint32_t core_conn_worker(const struct core *c, uint64_t conn);
/* Is the task's result to be stored? */
bool core_task_stores(const struct core *c, uint64_t id);
/* What a running task said last of its progress: false if nothing. *millionths past a million: how
 * far it is, is not known. */
bool core_view_progress(
	const struct core *c, uint64_t id, uint32_t *millionths, struct slice *text);
/* The task inside which a session was opened; 0: none. */
uint64_t core_session_parent(const struct core *c, uint32_t session);

/* Calls fn for each worker that is not lost, in order of number. */
void core_each_worker(
	const struct core *c, void (*fn)(const struct core_worker_view *w, void *arg), void *arg);

/* What is shared by name. */
struct core_thing_view {
	uint64_t number;
	enum thing_kind kind;
	struct slice ns, name;
	uint32_t owner;
	uint64_t created_us;
	struct {
		uint64_t version, task;
		uint32_t bytes; /* of its content */
	} variable;
	struct {
		uint64_t len, waiting, delayed; /* items: not acknowledged, to be had now, not due
						 */
		uint64_t maxsize;
		uint32_t max_deliveries;
		struct slice dead;
	} queue;
	struct {
		uint64_t first, next; /* cursors of the oldest entry that is kept, of the next one
				       */
		uint64_t max_entries, max_age_us;
	} topic;
	struct {
		const struct run *runs; /* in the order given; borrowed until the next step */
		uint32_t nruns;
		uint64_t ntasks;
	} dataset;
};
bool core_view_thing(const struct core *c, uint64_t number, struct core_thing_view *out);
/* By its name as the user writes it. False: *code and *why (static). */
bool core_find_thing(const struct core *c, uint32_t user, enum thing_kind kind, struct slice name,
	struct core_thing_view *out, uint32_t *code, const char **why);
/* The items of a queue that would be taken next, in order: at most max. Returns how many. */
struct core_item_view {
	uint32_t rank, deliveries; /* deliveries: so far */
	uint64_t seq;
};
uint32_t core_peek_queue(
	const struct core *c, uint64_t number, struct core_item_view *out, uint32_t max);
/* Those of a kind, by number, above this one; fn returns false to end. */
void core_each_thing(const struct core *c, enum thing_kind kind, uint64_t above,
	bool (*fn)(const struct core_thing_view *v, void *arg), void *arg);

/* Workers that hold a done task's value now: at most max. */
uint32_t core_holders(const struct core *c, uint64_t id, uint32_t *workers, uint32_t max);

/* What a key as a user writes it ("key", "ns/key", "key[3]", generated) names, for the user: false
 * if nothing. count: elements. */
bool core_resolve(const struct core *c, uint32_t user, struct slice key, struct run *out);
/* The text of a session's or user's own namespace. */
struct slice core_user_name(const struct core *c, uint32_t user);
/* The user of a connection's session; 0 for one without. */
uint32_t core_conn_user(const struct core *c, uint64_t conn);

/* Blocks in the order of their submits; fn returns false to end. Only blocks with tasks that are
 * not gone. */
struct core_block_view {
	uint64_t first, count, order;
	bool array;
	uint32_t first_index; /* of an array's first element */
	uint32_t user;
	uint64_t ended, live;  /* of its tasks */
	bool stuck;            /* an array, whose ready elements are stuck */
	const uint8_t *states; /* low four bits: enum task_state */
};
/* The block that a task is in; false: it is gone. */
bool core_view_block(const struct core *c, uint64_t id, struct core_block_view *out);
void core_each_block(
	const struct core *c, bool (*fn)(const struct core_block_view *b, void *arg), void *arg);
/* True when the session of the connection holds the task. */
bool core_holds(const struct core *c, uint64_t conn, uint64_t id);
/* True when the task carries the label. */
bool core_task_has_label(const struct core *c, uint64_t id, struct slice label);
/* The task's labels: at most max; returns how many. */
uint32_t core_task_labels(const struct core *c, uint64_t id, struct slice *out, uint32_t max);

/* ---- the invariants, recounted from scratch (tests, the simulator) ---- */
bool core_check(const struct core *c, const char **why);

#endif
