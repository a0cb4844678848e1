/*
 * What is known of the simulated queues: each item that a client ever put, by what clients asked
 * for and by the records that were stored. One thread.
 *
 *	queues.c   clients that put, get, take, acknowledge, give back
 *	qbook.c    the records of each batch, held against what was asked for
 */
#ifndef SIM_QUEUES_H
#define SIM_QUEUES_H

#include "base/map64.h"
#include "model/deal.h"
#include "model/item.h"
#include "store/batch.h"

#include <stdbool.h>
#include <stdint.h>

#define SIM_QUEUES 3
#define SIM_QUEUE_NAMES (2 * SIM_QUEUES) /* then their dead-letter queues, in the same order */
#define SIM_QUEUE_FREE 2                 /* without limits: purged and deleted */
#define SIM_TAKES 4
#define SIM_OUTS 64
#define SIM_QUEUE_OPS 6

/* What was asked for under a fence; bits. */
enum { ASKED_ACK = 1, ASKED_NACK = 2, ASKED_EXTEND = 4 };

struct sim_item {
	uint64_t id; /* in its content; from 1 */
	uint32_t queue, group, session;
	uint64_t request; /* which put it; `group` is the first item of that request */
	uint64_t acked_step;
	int32_t priority;
	bool refused, acked; /* the put was */
	bool stored;         /* at some time */
	bool done;           /* an ack of it was acknowledged */
	bool may_vanish;     /* a purge of its queue was asked for */
	bool purged;         /* and acknowledged, and it had been put before */
	/* by the records */
	bool there, out, granted;
	uint64_t thing, seq, due_us, record_due_us;
	uint32_t rank, deliveries, owner;
	struct fence fence; /* the last one */
	uint64_t lease_us;
	uint64_t armed_us;    /* the lease cannot have begun before */
	uint64_t extended_us; /* when that was asked for last */
};

#define SIM_TAKE_MOST 5

/* An item as a grant tells of it; that may be before the grant is stored. */
struct sim_told {
	struct sim_item *item;
	uint64_t seq;
	struct fence fence;
};

/* A TAKE that a client made. */
struct sim_take {
	uint32_t session, name, count;
	uint64_t request, lease_us;
	enum take_mode mode;
	uint64_t first_arrival, arrival; /* at the scheduler, counted; 0: it has not come */
	bool may_be_refused;             /* it came while the store was full */
	uint64_t conn;
	uint64_t done_us; /* its grant's acknowledgement was asked for; 0: not yet */
	bool withdrawn;   /* so it was asked */
	bool closed;      /* its client has forgotten it */
	bool told;        /* its client has the grant: */
	uint32_t ntold;
	struct sim_told tell[SIM_TAKE_MOST];
	/* by the records */
	bool granted, over;
	uint32_t n;
	struct sim_item **items;
	struct fence first;
};

/* A delivery that a client has, as it believes. */
struct sim_out {
	struct sim_item *item;
	uint32_t name;
	uint64_t seq;
	struct fence fence;
	bool owned; /* by its session */
	bool extended;
};

struct queue_op {
	enum deal_kind kind;
	uint32_t name;
	struct sim_item *item; /* ACK, NACK, EXTEND */
	struct fence fence;
	struct sim_out out; /* ACK, NACK: what the client is done with, if it is done */
	bool stale;         /* the delivery was over when it was made */
	struct sim_take *take;
	uint64_t made_step;
};

/* Of a request. */
struct queue_deal {
	struct queue_op ops[SIM_QUEUE_OPS];
	uint32_t nops;
	uint64_t first; /* item; 0: it puts none */
	uint32_t nitems;
};

/* Of a client. */
struct client_queues {
	struct sim_take *takes[SIM_TAKES];
	uint32_t ntakes;
	struct sim_out outs[SIM_OUTS];
	uint32_t nouts;
};

struct sim_queue {
	uint64_t maxsize;
	uint32_t max_deliveries;
	bool created;      /* it is stored */
	bool kicked;       /* somebody asked for it */
	uint32_t emptying; /* purges and deletes that were asked for, and not answered */
};

struct sim_queues {
	struct sim_queue q[SIM_QUEUES];
	struct sim_item **items; /* by id - 1 */
	uint32_t n, cap;
	struct sim_item **live; /* those that are stored, in no order */
	uint32_t nlive, live_cap;
	struct map64 things; /* number -> name */
	struct map64 places; /* thing, rank, seq -> struct sim_item */
	struct map64 takes;  /* session << 32 | request -> struct sim_take, owned */
	struct map64 asked;  /* fence -> ASKED_... */
	struct map64 last;   /* producer, queue, priority -> the last item stored */
	uint64_t arrivals;
};

struct sim;
struct client;
struct link;
struct frame;
struct request;
struct rng;
struct msg_reply;

/* ---- queues.c ---- */
void queues_init(struct sim *s, struct rng *rng);
void client_queues(struct sim *s, struct client *c);
/* A TAKE comes to the scheduler. */
void queues_arrived(struct sim *s, const struct link *l, const struct frame *f);
/* Takes that were not answered, on a new connection. */
void queues_resend(struct sim *s, struct client *c);
/* Its session is gone, or its process with all that it knew. */
void queues_forget(struct client *c, bool process);
void queues_granted(struct sim *s, struct client *c, const struct frame *f);
void queues_answered(
	struct sim *s, struct client *c, const struct request *r, const struct msg_reply *m);
/* Faults have stopped: everything is got and acknowledged. */
void queues_settle(struct sim *s, struct client *c);
bool queues_settled(const struct sim *s, const struct client *c);

/* ---- qbook.c ---- */
void qbook_init(struct sim_queues *q);
void qbook_release(struct sim_queues *q);
struct sim_item *qbook_add(struct sim_queues *q);
/* NULL: no client made one. */
struct sim_take *qbook_take(struct sim *s, uint32_t session, uint64_t request);
/* The bytes of an item; and whose they are, NULL: nobody's. */
void qbook_item_content(struct buf *out, uint64_t id);
struct sim_item *qbook_item_of(struct sim *s, struct slice bin);
/* Something is stored in the queue. */
bool qbook_has(struct sim *s, uint32_t name);
/* What was told of a grant is what its record says. */
void qbook_told(struct sim *s, const struct sim_take *t);
/* A fence as a key. */
uint64_t qbook_fence(struct fence f);
void qbook_batch(struct sim *s, const struct batch *batch);
/* What is there still, to who reads the trace. */
void qbook_tell(struct sim *s);
/* The tables against the book. */
void qbook_audit(struct sim *s);

#endif
