/*
 * What the core holds in memory: its structures; only core/ includes this. Who may change what:
 *  - a task's state: move.c alone (counts and state byte together)
 *  - hidden blocks: stage.c (their tasks wait, and are in no count)
 *  - leases and bundles: lease.c; what is asked back of them: backlog.c; ready queues: ready.c;
 * what workers have room for: room.c; holds and forgetting: hold.c; copies of values: copy.c;
 * timers: timer.c Times here are *listening time* in µs (struct core, now_us): monotonic time less
 * the gaps in which the scheduler could not hear (D10); due times of tasks are wall clock.
 */
#ifndef CORE_TABLES_H
#define CORE_TABLES_H

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/fpmap.h"
#include "base/hash.h"
#include "base/heap.h"
#include "base/itree.h"
#include "base/list.h"
#include "base/map64.h"
#include "core/attempt.h"
#include "core/backlog.h"
#include "core/core.h"
#include "core/demand.h"
#include "core/labels.h"
#include "core/replies.h"
#include "model/limits.h"
#include "model/offer.h"
#include "model/past.h"
#include "model/record.h"
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
	struct keep **keep;    /* of each such chunk, or NULL: none; or NULL for all of them */
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

/* Of a chunk of GONE_CHUNK ids of a block: which tasks only their retention keeps (keep.c). */
struct keep {
	struct heap_node node; /* core.keeps: one of them may be due */
	struct block *block;
	uint32_t from;     /* its first index in the block */
	uint32_t n;        /* entries that are not 0 */
	uint32_t scan;     /* the entry to look at next; not 0: a look is under way */
	uint64_t at_us;    /* wall clock: when to look */
	uint64_t later_us; /* of a look that is under way: the next one */
	uint64_t least_us; /* likewise: the least retention it met */
	uint32_t since[];  /* of each task: keep_since() */
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
	uint32_t failures;  /* attempts that it reported as failed itself */
	uint32_t conflicts; /* attempts whose transaction was refused */
	enum cause stop;    /* CANCELLING: for its deadline, or because it was cancelled */
	uint64_t due_us;    /* not tried again before; 0: it was not */
	bool remake;        /* done, and being made again */
	bool started;       /* under the current lease */
	bool attended;      /* there is a struct attempt of the current lease */
	bool suspect;    /* a worker died with it: leased alone, so that its start is told before it
			    runs (D13) */
	bool hopeless;   /* a remake: some dependency's value cannot be had; it ends when none is
			    awaited any more */
	bool held_value; /* done with a value that only workers hold */
	bool stored;     /* done with a value that is the scheduler's: it is not lost */
	bool keeps_deps; /* its dependencies count it in users or lineage */
	/* the lease; worker NULL: none */
	struct worker *worker;
	struct fence fence;
	struct bundle *bundle;
	uint32_t bundle_idx;
	struct list in_worker;
	struct list in_level; /* of its user's backlog: not heard to have begun, not asked back */
	int64_t rank;         /* of the run that it was leased from; 0: not known */
	bool revoking;        /* asked back; the worker has not said whether it had begun */
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
	struct backlog backlog;
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
	struct list claims; /* on locks: core/guard.h */
	uint32_t nclaims;
	struct list in_ending; /* guards.ending */
	struct map64 holds;    /* tasks of other sessions */
	struct replies replies;
	struct map64 grants; /* request -> struct qgrant that is not acknowledged */
	struct list takes;   /* qspecial.in_owner: items that are out as long as it lasts */
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
	uint64_t revoking;               /* of those that are asked back */
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
	bool ranked;             /* there was a task of another priority than 0 */
	struct heap turns;       /* users */
	uint64_t pass;           /* of the user who was served last, before that */
	int64_t rank_front, rank_back;
	struct heap by_load; /* workers with room */
	uint64_t room;       /* the sum of theirs */
	struct list touched; /* workers to be settled */

	struct heap keeps;        /* chunks in which tasks are kept for their retention */
	struct map64 keep_loaded; /* while loading: tasks whose time is in their chunk's record */
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

#endif
