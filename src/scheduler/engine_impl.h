/*
 * Inside the engine: its connections, the messages held with a batch, and the cache of blocks. Only
 * scheduler/engine*.c include this.
 */
#ifndef SCHEDULER_ENGINE_IMPL_H
#define SCHEDULER_ENGINE_IMPL_H

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/list.h"
#include "base/map64.h"
#include "core/core.h"
#include "model/limits.h"
#include "model/offer.h"
#include "model/row.h"
#include "scheduler/blocks.h"
#include "scheduler/engine.h"
#include "wire/wire.h"

#include <dq/error.h>

enum conn_stage { STAGE_HELLO, STAGE_PROVE, STAGE_ADMITTED, STAGE_CLOSED };

struct engine_conn {
	uint64_t number;
	enum conn_stage stage;
	struct engine_peer peer; /* user owned */
	unsigned role, method;
	char *user; /* as its HELLO says */
	uint8_t nonce_peer[WIRE_NONCE_BYTES], nonce_own[WIRE_NONCE_BYTES];
	bool joined, opened;
	/* a client inside a task (engine_task.c): its task's lease, and what proves it */
	bool in_task;
	uint64_t task;
	struct fence fence;
	uint8_t task_mac[WIRE_TASK_MAC_BYTES];
	uint64_t heard_us; /* monotonic */
	struct list in_conns;
	/* outcomes gathered for one OUTCOMES frame */
	struct buf outcomes;
	uint32_t noutcomes;
	size_t last_at;             /* where the last entry stands */
	struct outcomes_entry last; /* its outcome: last_bytes */
	uint8_t last_bytes[512];
	struct list in_telling; /* linked: outcomes is not empty */
};

/* A message that is made after the commit, from the store. */
struct deferred {
	struct send send;
	uint32_t grants_at; /* of LEASE: in the flight's grants */
};

/* A lease that no message can carry: its task ends with that. */
struct unfit {
	uint64_t conn, id;
	struct fence fence;
};

/* A stored value that cannot be read. */
struct spoilt {
	uint64_t id;
	uint32_t generation;
};

enum item_kind { ITEM_BYTES, ITEM_CLOSE, ITEM_DEFERRED, ITEM_SHOW, ITEM_HISTORY };

struct flight_item {
	enum item_kind kind;
	uint64_t conn;
	/* BYTES: in flight.bytes; DEFERRED: index; SHOW, HISTORY: at is the request, n the first
	 * element to be told of */
	size_t at, n;
	/* SHOW: of the task when it was asked for; HISTORY: its id and count are the run; owned */
	struct core_task_view *view;
};

/* What leaves once a batch is stored. */
struct flight {
	struct flight_item *items;
	size_t n, cap;
	struct buf bytes;
	struct deferred *deferred;
	size_t ndeferred, deferred_cap;
	struct grant *grants;
	size_t ngrants, grants_cap;
	uint64_t *inputs;
	size_t ninputs, inputs_cap;
	struct core_task_view **views; /* what items of SHOW point to */
	size_t shown;
	uint32_t scanned; /* stored outcomes among `deferred` */
};

struct engine {
	struct engine_config config;
	uint8_t *secret;
	char *user;
	struct engine_port port;
	struct core *core;
	struct update update;
	struct map64 conns;
	struct list conn_list;
	struct list telling;
	struct batch batches[2];
	struct flight flights[2];
	int open;       /* which of the two gathers */
	bool under_way; /* the other one is with the store */
	uint64_t seq;   /* of the last batch sealed */
	bool seal_wanted, more, scans, no_room;
	uint32_t lazy;                    /* operations of the open batch that nobody waits for */
	uint64_t wall_us;                 /* of the last message */
	uint64_t next_tick_us, ticked_us; /* the next deadline; the last tick */
	uint64_t skipped;                 /* records left out while loading */
	struct block_cache *blocks;
	struct event event; /* of the current step */
	struct offer offer; /* of a JOIN */
	struct unfit *unfit;
	uint32_t nunfit, unfit_cap;
	/* scratch for decoded lists */
	struct event_lease *leases;
	uint32_t leases_cap;
	struct event_copy *copies;
	uint32_t copies_cap;
	struct buf list;
	struct map64 uploads; /* task id -> struct upload: engine_values.c */
	uint64_t next_upload;
	struct spoilt *spoilt;
	uint32_t nspoilt, spoilt_cap;
};

/* The user that a connection is of. */
static inline struct slice engine_user_of(const struct engine *e, const struct engine_conn *c)
{
	return c->peer.member ? c->peer.user : e->config.user;
}

static inline struct flight *engine_flight(struct engine *e)
{
	return &e->flights[e->open];
}

/* ---- engine.c ---- */
struct engine_conn *engine_conn(struct engine *e, uint64_t number);
/* One event through the core, and its update into the open batch. */
void engine_step(struct engine *e, struct event *event, uint64_t mono_us, uint64_t wall_us);
/* REFUSE with code and text, then close; at once, since it tells of nothing stored. */
void engine_refuse(struct engine *e, struct engine_conn *c, uint32_t code, const char *text);

/* The lease does not fit a message: the task fails by the next engine_continue(). */
void engine_unfit(struct engine *e, uint64_t conn, uint64_t id, struct fence fence);

/* ---- engine_in.c: frames of admitted connections ---- */
void engine_handle(struct engine *e, struct engine_conn *c, const struct frame *f, uint64_t mono_us,
	uint64_t wall_us);

/* ---- engine_hello.c: frames before admission ---- */
void engine_handshake(struct engine *e, struct engine_conn *c, const struct frame *f,
	uint64_t mono_us, uint64_t wall_us);

/* ---- engine_task.c: clients inside tasks ---- */
/* Notes the task that the HELLO names. False: it is refused, or will be once what that rests on is
 * stored. */
bool engine_task_hello(struct engine *e, struct engine_conn *c, const struct msg_hello *m,
	uint64_t mono_us, uint64_t wall_us);
/* It has proved its task. */
void engine_task_enter(struct engine *e, struct engine_conn *c, uint64_t mono_us, uint64_t wall_us);
/* Of `show`: the task that submitted this one, and how far it says it is: two entries of a map. */
void engine_show_inside(struct engine *e, struct buf *out, uint64_t id, uint32_t session);
void engine_task_key(const struct engine *e, uint32_t worker, uint8_t key[WIRE_TICKET_BYTES]);

/* ---- engine_out.c ---- */
void engine_translate(struct engine *e);
void engine_flush_outcomes(struct engine *e);
/* Those of one connection, into the open flight. */
void engine_flush_told(struct engine *e, struct engine_conn *c);
void flight_release(struct engine *e, struct flight *f);
void flight_clear(struct flight *f);
void flight_free(struct flight *f);
/* A `show` to be answered when the flight is released. */
void flight_show(
	struct engine *e, uint64_t conn, uint64_t request, const struct core_task_view *view);
/* A `history`, likewise, from the element `at` on. */
void flight_history(struct engine *e, uint64_t conn, uint64_t request, struct run run, uint64_t at);
/* Bytes for a connection, appended to the open flight: begin, append to the buf, end. */
struct buf *flight_begin(struct engine *e);
void flight_end(struct engine *e, uint64_t conn, size_t at);
/* A frame of OUTCOMES is sent when it reaches this. */
#define OUTCOMES_BYTES ((size_t)256 << 10)
void outcomes_frame(struct engine_conn *c, struct buf *out);
struct slice outcome_for_watchers(struct engine *e, struct slice in);
void outcome_tell(struct engine *e, struct engine_conn *c, const struct outcomes_entry *entry);
uint32_t where_encode(
	struct engine *e, struct buf *out, uint64_t id, uint32_t generation, uint64_t checksum);

/* ---- engine_things.c: what is shared by name ---- */
struct asking;
void engine_send_thing(struct engine *e, const struct send *s);
/* engine_queues.c */
void engine_send_grant(struct engine *e, const struct send *s);
/* Told before its commit. False: it must wait for that. */
bool engine_grant_early(struct engine *e, const struct send *s);
/* Nothing but grants, so many of which were told early: nobody waits for their commit. */
bool engine_is_lazy(const struct update *u, uint32_t early);
void engine_list_things(struct asking *a);
/* ---- engine_topics.c: datasets and topics ---- */
void engine_send_topic(struct engine *e, const struct send *s, const struct core_thing_view *v);
void engine_send_is(struct engine *e, uint64_t conn, const struct msg_is *m);
void engine_dataset(struct asking *a);
void engine_topic(struct asking *a);
void engine_show_queue(struct asking *a);
void engine_peek(struct asking *a);
/* ---- engine_values.c: values that the scheduler stores ---- */
/* A part of one comes from a worker. NULL, or what is wrong with the message. */
const char *engine_put(struct engine *e, struct engine_conn *c, const struct msg_put *m);
/* All of the value that a report tells of has come before it. */
bool engine_put_is_whole(const struct engine *e, const struct engine_conn *c,
	const struct event_lease *l, const struct outcome *o);
/* The report was handled: what it did not need is dropped. */
void engine_put_over(struct engine *e, const struct engine_conn *c, const struct event_lease *l);
void engine_put_disconnect(struct engine *e, uint64_t conn);
/* Into the batch: RECORD_VALUE. */
void engine_value_record(struct engine *e, struct batch *batch, const struct record *r);
/* [["", ticket]]: ask the scheduler itself. */
void engine_where_own(
	struct engine *e, struct buf *out, uint64_t id, uint32_t generation, uint64_t checksum);
void engine_fetch(struct engine *e, struct engine_conn *c, const struct msg_fetch *m);
/* Tells the core of spoilt values. */
void engine_tell_spoilt(struct engine *e, uint64_t mono_us, uint64_t wall_us);
void engine_values_free(struct engine *e);

/* ---- engine_late.c: what the store has, as of the last commit; borrowed until the next read ---- */
bool engine_row(struct engine *e, uint64_t id, uint16_t round, struct task_row *row);
/* How the task ended last, in this round or before. */
bool engine_end_of(struct engine *e, uint64_t id, uint16_t round, struct task_row *row);

/* ---- engine_query.c, engine_list.c, engine_show.c ---- */
/* A query being answered. */
struct asking {
	struct engine *e;
	struct engine_conn *c;
	const struct msg_query *q;
	uint32_t user;
	uint64_t looked; /* at elements of arrays */
	struct buf out;
};
/* Data of an answer: what fits a frame with the rest of it. */
#define ANSWER_BYTES (LIMIT_FRAME_BYTES - LIMIT_HELLO_BYTES)
void asking_answer(struct asking *a, uint32_t code, const char *text, struct slice data);
/* One part of several: next tells whether and where it goes on; NULL: it is the last. */
void asking_answer_part(struct asking *a, uint32_t code, const char *text, struct slice data,
	const struct msg_answer *next);
void engine_list(struct asking *a);
void engine_list_unfinished(struct asking *a);
void engine_select(struct asking *a);
void engine_pack_count(struct buf *out, const char *name, uint64_t v);
/* A worker's map in `status`. */
void engine_pack_worker(struct engine *e, struct buf *out, const struct core_worker_view *w);
void engine_query(struct engine *e, struct engine_conn *c, const struct msg_query *q);
/* Answers `show` of a task, as it was when it was asked for. */
void engine_show(
	struct engine *e, uint64_t conn, uint64_t request, const struct core_task_view *view);
/* ---- engine_history.c ---- */
/* Answers `history` of the tasks of the run from `at` on. */
void engine_history(struct engine *e, uint64_t conn, uint64_t request, struct run run, uint64_t at);
/* `show` of an array into out; false: it is not stored yet. */
bool engine_show_array(struct engine *e, uint64_t first, struct buf *out);
const char *engine_state_shown(const struct core_task_view *v);
/* The word for a whole array, as its future's state; sets counts by state. */
const char *engine_array_state(const struct core_block_view *b, uint64_t counts[TASK_STATE_END]);
void engine_pack_labels(struct engine *e, struct buf *out, uint64_t id);
/* stuck: so are its ready tasks. */
void engine_pack_counts(struct buf *out, const uint64_t counts[TASK_STATE_END], bool stuck);
/* The key of a task as users write it, into a buffer of KEY_TEXT bytes or more. */
#define TASK_KEY_TEXT (LIMIT_KEY_BYTES + 32)
struct slice engine_array_key(struct engine *e, uint64_t first, char out[TASK_KEY_TEXT]);
struct slice engine_key(struct engine *e, uint64_t id, char out[TASK_KEY_TEXT]);

/* ---- engine_when.c ---- */
/* Appends why a scheduled task is not running. */
void engine_why_scheduled(struct engine *e, const struct core_task_view *v, struct buf *out);

#endif
