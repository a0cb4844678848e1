/*
 * The core's own structures; only core/ includes this. Who may change what:
 *  - a task's state: move.c alone (counts and state byte together)
 *  - hidden blocks: stage.c (their tasks wait, and are in no count)
 *  - leases and bundles: lease.c; ready queues: ready.c; what workers have room for: room.c; holds
 *    and forgetting: hold.c; copies of values: copy.c; timers: timer.c
 * Times here are *listening time* in µs (struct core, now_us): monotonic time less
 * the gaps in which the scheduler could not hear (D10); due times of tasks are wall clock.
 */
#ifndef CORE_IMPL_H
#define CORE_IMPL_H

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/fpmap.h"
#include "base/hash.h"
#include "base/heap.h"
#include "base/itree.h"
#include "base/list.h"
#include "base/map64.h"
#include "core/attempt.h"
#include "core/core.h"
#include "core/demand.h"
#include "core/labels.h"
#include "core/replies.h"
#include "model/limits.h"
#include "model/offer.h"
#include "model/past.h"
#include "model/terms.h"

#include <dq/error.h>

/* A task's byte in its block: the state in the low half, these in the high one. */
#define TASK_STATE_MASK 0x0f
#define TASK_HELD 0x10     /* its submitter's session holds it */
#define TASK_DETACHED 0x20 /* held without a session */
#define TASK_WATCHED 0x40  /* some connection wants to hear of its end */
#define TASK_ROW 0x80      /* the store has a row for it */

/* A task's option byte, in a block that has them. */
#define OPTION_ONCE 1
#define OPTION_RECOMPUTE 2
#define OPTION_EXEC 4

#define TASKS_PER_CHUNK 64
#define PRIORITY_OF_BLOCK INT32_MIN
#define POISON_DEATHS 3      /* workers that may die of a task */
#define STEP_BUDGET 4096     /* tasks that one step of a long work touches */
#define HOLD_TASKS_MAX 65536 /* holds that one request takes: a record each */
#define HOLD_TASKS_TEXT "hold: at most 65536 tasks a request"
#define DETACH_TASKS_TEXT "detach: at most 65536 tasks a request"

struct task;
struct stage;
struct timer;

struct task_chunk {
	uint32_t used;
	struct task *at[TASKS_PER_CHUNK];
};

struct task_key {
	struct fp128 key; /* of (namespace, key); zero: generated */
	struct fp128 spec;
};

/* The tasks of one submit. About 200 bytes, plus a byte and an eighth of a pointer a task, plus
 * what its tasks use. */
struct block {
	uint64_t first;
	uint64_t count;
	uint32_t flags; /* BLOCK_ARRAY */
	uint32_t user;
	struct user *owner;
	uint32_t session;
	uint64_t order, submitted_us;
	uint64_t live;   /* tasks that are not gone */
	uint64_t ended;  /* of those, the ones that have ended */
	uint8_t *state;  /* count bytes */
	uint8_t *option; /* count bytes, or one for an array; NULL: all zero */
	struct task_chunk **chunks;
	struct task_key *keys; /* count of them (one for an array), or NULL: no task was given a key
				*/
	uint64_t *deps;        /* resolved, task after task */
	uint32_t *dep_at; /* count + 1 indexes into deps, or NULL: none (an array's deps are every
			     element's) */
	uint32_t *label; /* index into core.labels of each task's set (one for an array), or NULL */
	bool has_due;    /* some task of it has a due time that its terms do not give */
	uint32_t *terms; /* index into core.terms of each task's (one for an array), or NULL: none
			  */
	struct timer *timer; /* of an array: looks at its elements; NULL: none */
	uint16_t *round;     /* of each task, or NULL: all zero */
	/* set since the submit: of each task, PRIORITY_OF_BLOCK where it has none of its own, or
	 * NULL: none has; and of all of them */
	int32_t *priority;
	bool has_priority;
	int32_t block_priority;
	uint64_t *gone_stored; /* bit a chunk of GONE_CHUNK ids: its bitmap is in the store */
	struct itree watches;  /* struct block_watch, by index */
	struct list ready;     /* struct ready_run */
	uint32_t at_once;      /* of an array: most leases at a time; 0: no bound */
	uint32_t first_index;  /* of an array: that of its first element */
	uint32_t nleased;
	struct list parked; /* ready_run.in_queue: runs that wait for one of those leases to end */
	struct list in_order; /* core.blocks */
	struct session_blocks *home;
	struct stage *stage; /* NULL: an ordinary submit */
	struct list in_stage;
};

enum stage_state {
	STAGE_OPEN, /* parts come */
	STAGE_LIVE, /* its tasks are there, and are being looked at */
	STAGE_DEAD  /* its parts are being taken away */
};

/* A graph in parts. */
struct stage {
	struct session *of; /* NULL: gone */
	uint32_t session;
	enum stage_state state;
	uint64_t number;       /* the request that began it */
	uint64_t tasks, bytes; /* taken so far */
	uint32_t nparts;
	uint32_t at; /* how many tasks of the part in turn are done with: the first one if live,
			the last, from its end, if dead */
	bool stored; /* its head has a record */
	bool broken; /* a start found something of it damaged */
	struct list parts; /* struct block.in_stage */
	uint64_t *detach;  /* tasks that were there already, to be detached by the commit */
	uint32_t ndetach, detach_cap, told; /* told: those that are in records */
	uint64_t *bare;                     /* parts with a record and no block: first ids */
	uint32_t nbare, bare_cap;
	struct list in_stages; /* core.stages: live or dead */
};

/* The blocks of one session, in order of their first ids. */
struct session_blocks {
	uint32_t session;
	uint32_t n, cap;
	struct block **v;    /* n of them, somewhere in base */
	struct block **base; /* cap places */
};

/* What is kept of a task beyond its byte, while something is going on with it. */
struct task {
	struct block *block;
	uint32_t idx;
	uint32_t waiting_on; /* dependencies that have not ended, or are being made again */
	uint32_t users;      /* unfinished dependents */
	uint32_t lineage; /* done dependents whose value could only be made again from this one's */
	uint32_t dependents; /* edge list: who waits on this one; 0: none */
	uint32_t holds;      /* rows of other sessions */
	uint32_t attempts, deaths, generation;
	uint32_t failures; /* attempts that it reported as failed itself */
	enum cause stop;   /* CANCELLING: for its deadline, or because it was cancelled */
	uint64_t due_us;   /* not tried again before; 0: it was not */
	bool remake;       /* done, and being made again */
	bool started;      /* under the current lease */
	bool attended;     /* there is a struct attempt of the current lease */
	bool suspect;    /* a worker died with it: leased alone, so that its start is told before it
			    runs (D13) */
	bool hopeless;   /* a remake: some dependency's value cannot be had; it ends when none is
			    awaited any more */
	bool unwanted;   /* a user had it forgotten: it goes with its last dependent */
	bool held_value; /* done with a value that is not inline */
	bool keeps_deps; /* its dependencies count it in users or lineage */
	/* the lease; worker NULL: none */
	struct worker *worker;
	struct fence fence;
	struct bundle *bundle;
	uint32_t bundle_idx;
	struct list in_worker;
	uint64_t started_us;  /* wall clock: when the worker was heard to have started it; 0: not */
	uint64_t finished_us; /* wall clock: of an end whose value is not inline */
	struct past *past;    /* NULL: nothing is known, or it is only in the row */
	/* the value's copies */
	uint64_t size, checksum;
	uint32_t ncopies;
	struct worker *copies[ROW_HOLDERS];
	struct getter *getters; /* who asked for the value while it was not there */
};

struct getter {
	struct getter *next;
	uint64_t conn, request;
};

/* By id, since who waits may be gone before what it waited for ends. */
struct edge {
	uint64_t to;
	uint32_t next;
};

/* One lease record: leases granted together to one worker. */
struct bundle {
	struct fence first;
	struct worker *worker;
	uint64_t issued_us;
	uint32_t n, live;
	bool dirty; /* to be written at the seal */
	struct list in_dirty;
	struct lease_entry *entries;
};

struct user {
	uint32_t number;
	uint32_t uid;
	char *name;
	uint32_t nleases;      /* of its tasks */
	uint64_t weight;       /* its share, beside the others' */
	uint64_t pass;         /* stride scheduling: the least goes first */
	struct demand *plain;  /* its tasks that ask for nothing */
	struct heap demands;   /* those with ready tasks, not parked */
	struct heap_node turn; /* core.turns: it has such demands */
};

/* Consecutive tasks of a block that are ready; stale entries are skipped when they come up. */
struct ready_run {
	struct list in_queue, in_block;
	struct ready_queue *queue;
	struct block *block;
	uint32_t at, count;
	int64_t rank;
};

struct session {
	uint32_t number;
	uint8_t token[TOKEN_BYTES];
	uint32_t incarnation;
	struct user *user;
	char *name;
	uint64_t ttl_us;
	uint64_t last_seq;
	uint64_t created_us;
	uint32_t next_n; /* the first task number not used yet */
	bool closing;
	bool end_stored; /* closing, and a seal has passed since: its replies may go */
	bool dirty;
	struct list in_dirty;
	struct list in_closing;
	uint32_t close_block, close_at; /* where the dropping of holds stands */
	uint64_t conn;                  /* 0: none */
	struct heap_node deadline;
	uint64_t expires_us;
	struct stage *stage;     /* that its parts go to; NULL: none */
	uint32_t ndying;         /* dead ones that have parts left */
	struct attempt *attempt; /* of a client inside a task, while that lease lasts */
	struct list in_attempt;
	uint64_t parent; /* that task; 0: none */
	struct fence parent_fence;
	struct map64 holds; /* tasks of other sessions */
	struct replies replies;
};

struct worker {
	uint32_t number;
	uint8_t uuid[WORKER_UUID_BYTES];
	char *name, *address;
	uint8_t instance[WORKER_INSTANCE_BYTES];
	uint32_t ninstance;
	struct user *user;
	uint32_t slots, limit, nleases, nrunning;
	/* what it offers, and what its leases use of that (room.c), in parts of AMOUNT_UNIT */
	struct offer offer; /* slices of offer_bytes; names its cpus */
	uint8_t *offer_bytes;
	size_t noffer_bytes;
	bool counted;                    /* by the demands */
	uint64_t cpus;                   /* in total */
	uint64_t used[OFFER_PLACES + 1]; /* of offer.resources, by who asks for them by name */
	uint32_t nplain;                 /* leases that name no cpus, and have one each */
	uint64_t load;                   /* the weights of its leases */
	uint64_t room;                   /* its part of core.room, as of when it was settled */
	uint64_t placed_load, placed_slots;
	struct heap_node by_load;
	struct list in_touched;
	struct demand *reserved; /* what it is kept free for */
	uint32_t nseceded;       /* of the leases: their tasks wait, without a slot */
	uint64_t conn;
	struct list leases; /* tasks */
	struct map64 held;  /* task ids with a copy here */
	uint64_t held_bytes;
	struct heap_node deadline;
	uint64_t expires_us;
	struct list in_workers; /* by number */
	bool ahead;             /* what it is being leased passes what has not begun there */
	/* during a seal: the bundle being filled */
	struct bundle *open;
	uint32_t open_cap;
};

enum conn_kind { CONN_LOOK, CONN_CLIENT, CONN_WORKER };

struct conn {
	uint64_t number;
	enum conn_kind kind;
	struct user *user; /* whose it is, where that was told; NULL: user 0's */
	struct session *session;
	struct worker *worker;
	struct attempt *attempt; /* in which it entered */
	struct list in_attempt;
	bool seceded;
	struct list watches;
	struct list scans;    /* watches that still have tasks to tell of */
	struct list in_scans; /* core.scans: it has such, and reads what it is sent */
	bool slow;            /* it does not: its scans rest */
	bool leaving;         /* gone; its watches are freed in steps */
	uint32_t nwatches, ngetters;
	struct map64 waiters; /* request -> struct waiter */
};

/* A run of a block that a connection watches. */
struct block_watch {
	struct block *block;
	struct conn *conn;
	struct itree_node in_block; /* its indexes */
	struct list in_conn;
	/* telling of those that had ended when it was asked for: all before `scan` are looked at */
	struct list in_scan; /* linked: not all are */
	uint32_t scan, told;
};

/* Terms that tasks have, kept once. The slices of t are in bytes. */
struct terms_kept {
	struct terms t;
	struct fp128 bytes_fp, resources_fp; /* resources_fp: zero for none */
	uint64_t refs;
	uint8_t *bytes;
	struct demand_link *demands;
};

struct terms_slot {
	struct terms_kept *kept; /* NULL: free */
	uint32_t next;           /* free slot; 0: none */
};

struct core {
	struct core_config config;
	struct counters counters;
	bool counters_dirty;
	uint64_t fence_seq;
	uint64_t mono_us, wall_us; /* of the current event */
	uint64_t now_us;           /* listening time */
	bool loading;
	struct update *u; /* of the current step */

	struct map64 sessions;   /* number -> struct session */
	struct map64 blocks_of;  /* session number -> struct session_blocks */
	struct list blocks;      /* in order */
	struct fpmap keys;       /* (namespace, key) -> task id (an array's first) */
	struct fpmap named;      /* (user, name) -> session that is open and of no task */
	struct map64 users;      /* number -> struct user */
	struct map64 workers;    /* number -> struct worker */
	struct list worker_list; /* by number */
	struct map64 conns;      /* number -> struct conn */
	struct map64 attempts;   /* task id -> struct attempt */
	struct heap deadlines_s; /* sessions */
	struct heap deadlines_w; /* workers */
	struct list dirty_sessions, dirty_bundles;
	struct list closing; /* sessions */
	struct list works;
	uint32_t nretries;         /* of the works: retries */
	struct list scans;         /* conn.in_scans, each in its turn */
	struct list leaving;       /* conn.in_scans */
	struct block_watch **hits; /* scratch of watch_tell */
	uint32_t nhits, hits_cap;
	struct list stages;      /* struct stage: live or dead */
	struct map64 detached;   /* tasks with a hold record of no session */
	struct map64 dirty_gone; /* first id of a chunk -> struct block */
	struct fpmap label_ids;  /* fingerprint of a label set -> index */
	struct label_set *labels;
	uint32_t nlabels, labels_cap, labels_spare; /* spare: the first; 0: none */
	struct fpmap terms_ids;                     /* fingerprint of terms' bytes -> index */
	struct terms_slot *terms;                   /* from 1 */
	uint32_t nterms, terms_cap, terms_spare;

	/* who runs what where */
	struct list demands;     /* all */
	struct fpmap demand_ids; /* of (user, what is asked for) -> struct demand; not plain ones */
	struct list parked;      /* demands that wait for room */
	struct heap turns;       /* users */
	uint64_t pass;           /* of the user who was served last, before that */
	int64_t rank_front, rank_back;
	struct heap by_load; /* workers with room */
	uint64_t room;       /* the sum of theirs */
	struct list touched; /* workers to be settled */

	struct heap timer_heap;
	struct map64 timers; /* task id -> struct timer; those of arrays are in their block */
	/* of tasks that ended for another's sake: id -> the first that ended badly */
	struct map64 roots;

	/* tasks whose dependency ended badly, or that nothing wants any more: ids, worked off in
	 * steps */
	struct doom *doomed;
	uint32_t doom_at, ndoomed, doomed_cap;

	struct edge *edges; /* 0 is no edge */
	uint32_t nedges, edges_cap, edge_free;
	struct task *task_free; /* linked through block */

	struct bundle **loaded; /* while loading */
	uint32_t nloaded, loaded_cap;
	uint64_t last_mono_us;
	uint64_t counts[TASK_STATE_END];
	bool ready_changed; /* the seal should look for leases */
	/* scratch of a submit */
	uint64_t *scratch_deps;
	uint32_t scratch_cap;
	struct shared *shared; /* by name: core/thing.h */
};

/* Why a doomed task ends. State DONE: it does not, but is a remake that is to look for its inputs.
 */
struct doom {
	uint64_t id;
	uint64_t blame; /* 0: unheld or cancelled */
	enum task_state state;
	enum cause cause;
};

/* A task by its place, before or without a struct task. */
struct place {
	struct block *block;
	uint32_t idx;
};

/* ---- block.c: containers ---- */
struct block *block_new(struct core *c, const struct block_record *r);
void block_free(struct core *c, struct block *b);
bool place_of(const struct core *c, uint64_t id, struct place *out); /* false: never was, or its
									block is gone */
/* How many ids from this one on, at least one, have no block. */
uint64_t place_gap(const struct core *c, uint64_t id);
struct task *task_peek(struct block *b, uint32_t idx);
struct task *task_get(struct core *c, struct block *b, uint32_t idx);
void task_drop_if_dull(struct core *c, struct task *t);
struct session_blocks *blocks_of_session(const struct core *c, uint32_t session);
void edge_add(struct core *c, struct task *from, struct task *to);
/* Its tasks may have times. */
static inline bool block_is_timed(const struct block *b)
{
	return b->terms || b->has_due;
}
static inline uint64_t block_id(const struct block *b, uint32_t idx)
{
	return b->first + idx;
}
static inline uint64_t task_own_id(const struct task *t)
{
	return t->block->first + t->idx;
}
static inline enum task_state block_state(const struct block *b, uint32_t idx)
{
	return (enum task_state)(b->state[idx] & TASK_STATE_MASK);
}
static inline enum task_state task_state(const struct task *t)
{
	return block_state(t->block, t->idx);
}
/* Of a graph that is not there yet, or never will be: nobody may be shown its tasks. */
static inline bool block_is_hidden(const struct block *b)
{
	return b->stage && b->stage->state != STAGE_LIVE;
}
/* place_of() of what may be shown. */
bool place_shown(const struct core *c, uint64_t id, struct place *out);
/* core_resolve(), hidden tasks too. */
bool resolve_any(const struct core *c, uint32_t user, struct slice text, struct run *out);
/* The dependencies of a task. */
const uint64_t *block_deps(const struct block *b, uint32_t idx, uint32_t *n);
uint8_t block_option(const struct block *b, uint32_t idx);

/* ---- move.c ---- */
void task_move(struct core *c, struct block *b, uint32_t idx, enum task_state to);
void task_born(struct core *c, struct block *b, uint32_t idx, enum task_state as, uint8_t flags);
/* At a start: the record that said so was followed by a later one. */
void task_unborn(struct core *c, struct block *b, uint32_t idx);

/* ---- ready.c ---- */
void ready_push(struct core *c, struct block *b, uint32_t at, uint32_t count, bool front);
void ready_forget_block(struct core *c, struct block *b);
/* The class of the next ready task, in order, and the task, not taken; NULL: none but of parked
 * classes. */
struct demand *ready_next(struct core *c, struct place *out);
/* The first ready task of a class that is in its turn; false: it has none. */
bool ready_first(struct core *c, struct demand *d, struct place *out);
/* Takes that task off its queue: its user is charged. */
void ready_take(struct core *c, struct demand *d);
/* A lease of the block is over: its parked runs may go on. */
void ready_unpark(struct core *c, struct block *b);

/* ---- lease.c, assign.c ---- */
void lease_grant(struct core *c, struct worker *w, struct block *b, uint32_t idx);
void lease_drop(struct core *c, struct task *t, bool revoke);
/* The lease ended without a report: the task goes back, or ends where it may not be tried again. */
void lease_lost(struct core *c, struct task *t);
/* The lease is over, the task is not: it goes on when its time comes. */
void lease_back(struct core *c, struct task *t);
void lease_adopt(struct core *c, struct task *t, struct bundle *bundle, uint32_t idx);
struct bundle *bundle_new(struct core *c, struct worker *w, struct fence first, uint32_t n);
void bundle_put(struct core *c, struct bundle *bundle);
void bundle_dirty(struct core *c, struct bundle *bundle);
void bundles_write(struct core *c);
void assign(struct core *c);
void lease_send(struct core *c, struct worker *w, struct fence first, struct task *const *tasks,
	uint32_t n);

/* ---- finish.c ---- */
/* The end of a task that no worker reported. */
void finish(
	struct core *c, struct task *t, enum task_state state, enum cause cause, uint64_t blame);
void finish_report(struct core *c, struct task *t, struct worker *w, struct slice outcome);
void row_write(struct core *c, struct task *t, enum task_state state, uint64_t finish_seq,
	struct slice outcome);
void doom(struct core *c, uint64_t id, enum task_state state, enum cause cause, uint64_t blame);
bool doom_work(struct core *c, uint32_t *budget);
void task_unblock(struct core *c, struct task *t);
/* Nothing keeps it but its time: READY, or SCHEDULED until then. */
void task_goes_on(struct core *c, struct task *t);
void dependents_wake(struct core *c, struct task *t, uint64_t root);
/* Whom to blame where this one ended badly: itself, or whoever it ended for. */
uint64_t root_of(const struct core *c, uint64_t id);
/* Its code is gone: it ends as what it was stopped for says. `report`: the worker's, or NULL. */
void finish_stopped(struct core *c, struct task *t, const struct outcome *report);

/* ---- hold.c ---- */
void gone_mark(struct core *c, struct block *b, uint32_t idx);
void users_drop(struct core *c, struct task *t);
void maybe_forget(struct core *c, struct block *b, uint32_t idx);
void forget(struct core *c, struct block *b, uint32_t idx);
void lineage_drop(struct core *c, struct task *t);
bool task_is_held(const struct block *b, uint32_t idx);
void gone_write(struct core *c);
void hold_take(struct core *c, struct session *s, struct block *b, uint32_t idx);
void hold_detach(struct core *c, struct block *b, uint32_t idx);
void hold_release(struct core *c, struct session *s, struct block *b, uint32_t idx);

/* The key names its task, or array, no more. */
void key_free(struct core *c, const struct block *b, uint32_t idx);
/* The block goes, with its records; its tasks hold on to nothing any more. */
void block_erase(struct core *c, struct block *b);

/* ---- stage.c: graphs in parts ---- */
/* The stage that the part goes to, begun with the first one. False: it may not, *code and *why. */
bool stage_for_part(struct core *c, struct session *s, const struct event *e, struct stage **out,
	uint32_t *code, const char **why);
void stage_add(struct stage *st, struct block *b);
void stage_born(struct core *c, struct block *b, uint32_t idx, enum task_state as, uint8_t flags);
/* A detached task of the part is there already, under its key: held for the session until the
 * commit detaches it. */
bool stage_may_detach(const struct stage *st, uint64_t more);
void stage_detach(struct core *c, struct stage *st, struct block *b, uint32_t idx);
/* The part was taken; made: a block. */
void stage_took(struct core *c, struct stage *st, const struct event *e, uint64_t first, bool made);
/* The commit or the abort. */
void stage_end(struct core *c, struct session *s, const struct event *e);
void stage_kill(struct core *c, struct stage *st);
void stage_forget_block(struct block *b);
void stage_free(struct stage *st);
bool stages_work(struct core *c, uint32_t *budget);
/* A start: a task of a hidden block; broken: what it depends on is not there. */
void stage_settle(struct core *c, struct block *b, uint32_t idx, bool broken);
void stages_load_end(struct core *c);

/* ---- copy.c: values on workers, their loss, and making them again ---- */
void copy_add(struct core *c, struct task *t, struct worker *w);
void copy_remove(struct core *c, struct task *t, struct worker *w);
void copies_free(struct core *c, struct task *t);
bool value_is_lost(const struct task *t);
/* The lost value may be made again, and what it was made from is known. */
bool remake_possible(const struct task *t);
/* Makes a lost value again if it may be, and says whether it will be there. */
bool remake(struct core *c, struct task *t);
bool remake_allowed(const struct task *t);
void remake_inputs(struct core *c, struct task *t);
void remake_end(struct core *c, struct task *t, bool ok);
/* The values of a task's dependencies are there, or it waits for them now, or is doomed: true only
 * for the first. */
bool inputs_there(struct core *c, struct block *b, uint32_t idx);
void getters_answer(struct core *c, struct task *t, uint32_t code, const char *text);

/* ---- session.c ---- */
void session_dirty(struct core *c, struct session *s);
void session_end(struct core *c, struct session *s);
bool sessions_work(struct core *c, uint32_t *budget);
void sessions_write(struct core *c);
void sessions_sealed(struct core *c);
void session_disconnect(struct core *c, struct session *s);
struct user *user_of(struct core *c, struct slice name, uint32_t uid);
/* Numbering: true when the request is the session's next one and is to be done. */
bool request_begin(struct core *c, const struct event *e, struct session **s);
void session_open(struct core *c, const struct event *e);
struct session *session_load(struct core *c, uint32_t number, const struct session_record *r);
void session_free(struct core *c, struct session *s);
void deadlines_init(struct core *c);

/* ---- the events ---- */
void submit(struct core *c, const struct event *e);
void task_start(struct core *c, struct block *b, uint32_t idx);
/* front: before what else is ready, in order. */
void block_push_ready(struct core *c, struct block *b, bool front);
void cancel(struct core *c, const struct event *e);
void cancel_again(struct core *c, struct task *t);
/* Its code is stopped; the task ends when that is done. */
void stop_leased(struct core *c, struct task *t, enum cause cause);
void cancel_one(struct core *c, struct block *b, uint32_t idx, enum cause cause);
void release(struct core *c, const struct event *e);
void hold(struct core *c, const struct event *e);
void detach(struct core *c, const struct event *e);

/* As its terms say, or as a user set it since. */
int32_t task_priority(const struct core *c, const struct block *b, uint32_t idx);
void act(struct core *c, const struct event *e);
void watch(struct core *c, const struct event *e);
void unwatch(struct core *c, const struct event *e);
void flow(struct core *c, const struct event *e);
/* True while watches of those that left are to be freed. no_scan: does that alone. */
bool watch_work(struct core *c, bool no_scan, uint32_t *budget);
/* made: the outcome is the core's own, and does not outlive the call. */
void watch_tell(struct core *c, struct task *t, uint64_t id, enum task_state state,
	struct slice outcome, bool made);
/* The connection is over, and freed with the last of its watches. */
void watches_drop_conn(struct core *c, struct conn *conn);
void watches_drop_block(struct block *b);
/* The block is gone: who was not told yet what had become of its tasks hears it now. */
void watches_end_block(struct core *c, struct block *b);
void get(struct core *c, const struct event *e);
void worker_join(struct core *c, const struct event *e);
void worker_credit(struct core *c, const struct event *e);
void worker_started(struct core *c, const struct event *e);
void worker_report(struct core *c, const struct event *e);
void worker_missing(struct core *c, const struct event *e);
void worker_leave(struct core *c, const struct event *e);
void worker_disconnect(struct core *c, struct worker *w);
void worker_lost(struct core *c, struct worker *w);
struct worker *worker_load(struct core *c, uint32_t number, const struct worker_record *r);
void core_worker_free(struct core *c, struct worker *w);

/* May whoever has the connection see the block's tasks? */
bool conn_may_see(const struct core *c, const struct conn *conn, const struct block *b);
struct conn *conn_get(struct core *c, uint64_t number);
struct conn *conn_new(struct core *c, uint64_t number, enum conn_kind kind);
void conn_refuse(struct core *c, uint64_t number, uint32_t code, const char *text);
void conn_free(struct core *c, struct conn *conn);

/* ---- keys ---- */
struct fp128 key_fingerprint(struct slice ns, struct slice key);
/* An array's part of its spec; 0: not of an array. */
static inline uint64_t array_shape(uint64_t count, uint32_t first_index)
{
	return (uint64_t)first_index << 32 | count;
}
struct fp128 spec_fingerprint(uint64_t shape, struct slice spec, const uint64_t *deps,
	uint32_t ndeps, struct slice inputs, struct fp128 resources);

/* ---- terms.c ---- */
/* The index of these terms, with a reference taken; 0 for empty ones, and with *why set for
 * malformed ones. */
uint32_t terms_take(struct core *c, struct slice bytes, const char **why);
void terms_drop(struct core *c, uint32_t at);
void terms_free(struct core *c);
/* Never NULL: what says nothing is all zero. */
const struct terms *task_terms(const struct core *c, const struct block *b, uint32_t idx);
struct fp128 terms_resources(const struct core *c, uint32_t at);

/* ---- demand.c, room.c: see core/demand.h ---- */
struct demand *demand_of_terms(struct core *c, struct user *user, uint32_t at);
/* The class of a task. */
static inline struct demand *demand_of(struct core *c, const struct block *b, uint32_t idx)
{
	uint32_t at = b->terms ? b->terms[b->flags & BLOCK_ARRAY ? 0 : idx] : 0;

	return at ? demand_of_terms(c, b->owner, at) : b->owner->plain;
}
/* n tasks became READY, or one no longer is. */
void demand_born(struct core *c, struct block *b, uint32_t at, uint32_t n);
void demand_ready_less(struct core *c, struct demand *d);
bool slice_in(struct slice s, const struct slice *names, uint32_t n);
/* Part of core_check(). */
bool demands_check(const struct core *c, char *why, size_t why_bytes);
/* The class of a READY task, found without making it. */
const struct demand *demand_peek(const struct core *c, const struct block *b, uint32_t idx);
bool worker_serves(const struct worker *w, const struct user *user);
bool worker_names(const struct worker *w, struct slice resource);
uint64_t worker_total(const struct worker *w, struct slice name);
bool load_comes_first(const struct heap_node *a, const struct heap_node *b);

#endif
