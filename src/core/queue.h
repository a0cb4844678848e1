/*
 * Queues, inside the core: the order of what waits (rank.c), the queue and what is put into it
 * (queue.c), who takes (take.c), and what becomes of what was taken (deliver.c).
 *
 * An item that waits costs store, not memory: of each priority the core knows the runs of numbers
 * that wait, and numbers are given out one after the other for each priority. Memory is for what is
 * delayed, out, or was given back, and for futures.
 *
 *	put ──> waits ──grant──> granted ──get, acknowledged──> gone
 *	  │       ^                 │ take, acknowledged
 *	delay     └── back <────── out ──ack──> gone
 *	                            └── the last delivery: to the dead-letter queue
 */
#ifndef CORE_QUEUE_H
#define CORE_QUEUE_H

#include "core/thing.h"
#include "model/item.h"

struct qrun {
	uint64_t first, last;
};

/* The items of one priority, by number. */
struct qrank {
	uint32_t rank, slot;
	uint64_t next_seq;
	uint64_t floor; /* lower numbers were purged: gone where they wait, and when they come back
			 */
	struct qrun *runs; /* those that wait and were never taken, ascending, from `at` on */
	uint32_t at, n, cap;
	uint64_t *back; /* those that wait again: a heap, the lowest first */
	uint32_t nback, back_cap;
	uint64_t waiting;
	struct heap_node in_ready;
};

enum qstate { Q_DELAYED = 1, Q_OUT, Q_BACK };

/* An item of which more is to be known than that it waits. */
struct qspecial {
	struct thing *t;
	uint64_t handle;
	enum qstate state;
	uint32_t deliveries; /* 0: there is no record of it */
	struct fence fence;
	struct session *owner; /* OUT: it is out as long as this lasts; NULL: for its lease */
	struct list in_owner;  /* likewise; of what is delayed: queue.later, or queue.never */
	uint64_t lease_us;
	uint64_t at_us; /* OUT: listening time; else wall clock, 0: it waits */
	struct heap_node node;
	uint64_t deal; /* the deal that has acted on it, as far as it was checked */
	bool found;    /* its item was loaded */
};

/* Of one TAKE, from the grant until it is acknowledged, or given back. */
struct qgrant {
	struct thing *t;
	uint64_t request;
	enum take_mode mode;
	uint64_t lease_us;
	struct fence first;
	uint64_t deal; /* as above */
	uint32_t n;
	uint64_t handles[];
};

struct qdoomed {
	uint32_t slot;
	struct qrun run;
};

struct queue {
	uint64_t maxsize;
	uint32_t max_deliveries;
	char *dead; /* "": NAME.dead */
	bool closing;
	struct thing *thing;
	struct qrank **ranks; /* by slot */
	uint32_t nranks, ranks_cap;
	struct map64 slots; /* rank -> slot */
	struct heap ready;  /* ranks of which something waits, the highest priority first */
	uint64_t waiting, out, granted, delayed;
	uint32_t biggest;       /* content so far, bytes */
	struct map64 specials;  /* handle -> struct qspecial */
	struct map64 tasks;     /* handle -> task whose future it is */
	struct qdoomed *doomed; /* what is to be deleted, from doomed_at on */
	uint32_t doomed_at, ndoomed, doomed_cap;
	struct list in_purging; /* shared.purging */
	struct list later;      /* struct qspecial: what is delayed, … */
	struct list never;      /* … and was purged, and is not counted any more */
	uint64_t then_len;
	struct map64 *held; /* while loading: handles of grants */
};

/* A slot and a number in one. */
#define HANDLE_SEQ_BITS 48
static inline uint64_t handle_of(uint32_t slot, uint64_t seq)
{
	return (uint64_t)slot << HANDLE_SEQ_BITS | seq;
}
static inline uint32_t handle_slot(uint64_t handle)
{
	return (uint32_t)(handle >> HANDLE_SEQ_BITS);
}
static inline uint64_t handle_seq(uint64_t handle)
{
	return handle & (((uint64_t)1 << HANDLE_SEQ_BITS) - 1);
}

/* ---- rank.c ---- */
/* NULL: there are too many. */
struct qrank *rank_get(struct queue *q, uint32_t rank);
struct qrank *rank_find(const struct queue *q, uint32_t rank);
/* The next number, which waits now or is the caller's to keep. */
uint64_t rank_append(struct queue *q, struct qrank *r, bool waits);
/* A number above all before it, found by a start. */
void rank_load(struct queue *q, struct qrank *r, uint64_t seq);
/* It waits again. */
void rank_return(struct queue *q, struct qrank *r, uint64_t seq);
/* The next that is to be taken; something waits. */
uint64_t queue_pop(struct queue *q);
/* Nothing of it waits any more: all that did is doomed. */
void rank_doom(struct queue *q, struct qrank *r);
void queue_doom(struct queue *q, uint64_t handle);
bool rank_check(const struct qrank *r);
void ranks_free(struct queue *q);
bool rank_comes_first(const struct heap_node *a, const struct heap_node *b);

/* ---- queue.c ---- */
/* How many are not acknowledged. */
static inline uint64_t queue_len(const struct queue *q)
{
	return q->waiting + q->out + q->granted + q->delayed;
}
struct queue *queue_new(void);
void queue_free(struct queue *q);
/* It is there from now on, with no limits. */
void queue_make(struct core *c, struct thing *t, struct user *owner);
void queue_record(struct core *c, const struct thing *t);
bool queue_check(struct dealing *d, struct thing *t, const struct deal_op *op);
void queue_do(struct dealing *d, struct thing *t, const struct deal_op *op, struct buf *results,
	bool *any);
void queue_delete(struct core *c, struct thing *t);
bool queue_load(struct core *c, struct thing *t, const struct thing_record *r, const char **why);
void queues_load_end(struct core *c);
/* Due items, expired leases, what was purged. True: there is more. */
bool queues_work(struct core *c, uint32_t *budget);
/* From now to the next that is due; UINT64_MAX: there is none. */
uint64_t queues_next_us(const struct core *c);
/* The record of an item goes, with all that is known of it. */
void item_delete(struct core *c, struct thing *t, uint64_t handle);
void item_record(struct core *c, struct thing *t, uint64_t handle, enum record_kind kind, bool del);
bool item_is_purged(const struct thing *t, uint64_t handle);

/* ---- take.c ---- */
void take(struct core *c, const struct event *e);
/* Who waits gets what waits now, in turn; or is told that there is room. */
void queue_serve(struct core *c, struct thing *t);
bool grant_check(struct dealing *d, const struct deal_op *op);
/* The grant is acknowledged; or withdrawn, which is no error where there is none. */
void grant_done(struct dealing *d, uint64_t request);
void grant_withdraw(struct dealing *d, uint64_t request);
/* Another process has taken the session over, and knows nothing of them. */
void grants_give_back(struct core *c, struct session *s);
/* Their memory alone. */
void grants_free(struct session *s);
/* The session ends. True: there is more. */
bool session_gives_back(struct core *c, struct session *s, uint32_t *budget);

/* ---- deliver.c ---- */
struct qspecial *special_new(struct thing *t, uint64_t handle, enum qstate state);
void special_free(struct core *c, struct qspecial *sp);
void special_record(struct core *c, const struct qspecial *sp);
/* It is out from now on. */
void special_out(struct core *c, struct qspecial *sp, struct session *owner, uint64_t lease_us);
/* It waits from now on, or once that time has come; or is gone if it was purged meanwhile. */
void item_back(struct core *c, struct thing *t, uint64_t handle, uint64_t due_us);
/* It waits for that time. */
void item_delay(struct core *c, struct qspecial *sp);
/* The delivery came to nothing. */
void item_failed(struct core *c, struct qspecial *sp, uint64_t delay_us);
bool delivery_check(struct dealing *d, struct thing *t, const struct deal_op *op);
void delivery_do(struct dealing *d, struct thing *t, const struct deal_op *op);
/* Items of the dead-letter queue go back; returns how many, of at most a thousand. */
uint32_t queue_kick(struct core *c, struct thing *t);
void deliveries_init(struct shared *s);
void deliveries_free(struct core *c);
bool deliveries_work(struct core *c, uint32_t *budget);

#endif
