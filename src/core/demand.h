/*
 * Demand classes: what tasks ask of a worker (resources, names, hosts, labels), with the user whose
 * they are. Tasks of a class are alike to a worker, so that what is decided of one is decided of
 * all: who may run them, whether anybody can, how many wait. Each user has a plain class, which
 * asks for nothing; others live as long as some task's terms name them.
 *
 * Amounts are in parts of AMOUNT_UNIT. A task that names no cpus takes one. Only core/ includes
 * this.
 */
#ifndef CORE_DEMAND_H
#define CORE_DEMAND_H

#include "base/fp128.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/map64.h"
#include "model/offer.h"
#include "model/terms.h"

struct core;
struct user;
struct worker;

/* The ready tasks of a class and priority: runs (struct ready_run), by rank. */
struct ready_queue {
	struct demand *demand;
	int32_t priority;
	struct list runs;
	uint32_t nruns; /* with those that are parked at their blocks */
	struct heap_node in_demand;
};

struct demand {
	struct user *user;
	bool plain;
	struct terms t; /* what it asks for alone; slices of bytes */
	uint8_t *bytes;
	struct fp128 fp;
	uint32_t refs;   /* terms that name it */
	uint64_t weight; /* of a lease in its worker's load: its cpus, one at least */
	uint64_t cpus;   /* asked for by name; 0: one, of right */
	uint64_t ready;  /* tasks that are READY */
	/* workers that are here and could run it alone, with the restrictions and without */
	uint32_t strict, loose;
	struct heap queues;        /* those with runs, by priority */
	struct map64 by_priority;  /* all but that of priority 0 */
	struct ready_queue common; /* of priority 0 */
	struct heap_node in_user;  /* its turn: has runs and is not parked */
	struct list in_parked;     /* no worker has room: it waits for one */
	struct list in_all;
	struct worker *reserved; /* kept free for its first task; NULL: none */
};

/* The terms' classes, one for each user that submits them. */
struct demand_link {
	struct demand_link *next;
	struct demand *demand;
};

/* ---- user.c ---- */
struct user *user_new(struct core *c, uint32_t number, uint32_t uid, struct slice name);
void user_rename(struct core *c, struct user *u, uint32_t uid, struct slice name);
void user_free(struct core *c, struct user *u);

/* ---- demand.c ---- */
struct demand *demand_plain_new(struct core *c, struct user *user);
void demand_plain_free(struct core *c, struct user *user);
void demand_links_drop(struct core *c, struct demand_link *links);
/* A worker's offer counts for every class from now on, or no longer; each may be called twice. */
void demand_worker_in(struct core *c, struct worker *w);
void demand_worker_out(struct core *c, struct worker *w);
/* Nobody who is here could ever run it. */
static inline bool demand_is_stuck(const struct demand *d)
{
	return d->t.allow_other ? !d->loose : !d->strict;
}

/* ---- room.c ---- */
/* In total, whoever else is there; restricted: by its names, hosts and labels too. */
bool worker_suits(const struct worker *w, const struct demand *d, bool restricted);
/* Could run it alone, as things stand: where its wish can be met, it must be. */
static inline bool worker_fits(const struct worker *w, const struct demand *d)
{
	return worker_suits(w, d, !d->t.allow_other || d->strict);
}
/* May be leased a task of the class now, reservations aside. */
bool worker_has_room(const struct worker *w, const struct demand *d);
/* A lease of the class comes or goes, or gives back what it has while its task waits for others:
 * all of it, since those may need the same. Afterwards there may be more in use than there is. */
void worker_use(struct worker *w, const struct demand *d);
void worker_unuse(struct worker *w, const struct demand *d);
/* What its leases have of each of its resources. */
void worker_in_use(const struct worker *w, uint64_t used[OFFER_PLACES + 1]);
/* Something about it changed: assign() looks at it again. */
void worker_touch(struct core *c, struct worker *w);
/* What was touched takes its place again, and wakes who waits for it. */
void rooms_settle(struct core *c);
bool worker_is_open(const struct worker *w, const struct demand *d);
/* Keeps the best worker free for the class, if it needs that and there is one. */
void room_reserve(struct core *c, struct demand *d);
void room_unreserve(struct core *c, struct worker *w);

/* It is gone. */
void room_leave(struct core *c, struct worker *w);

/* ---- offer.c ---- */
/* As its record has it, which a reader has checked. */
void worker_offer_load(struct worker *w, struct slice bytes);
/* As it says now; NULL: nothing. True: that is another one. Its leases are counted again by it. */
bool worker_offer_take(struct core *c, struct worker *w, const struct offer *offer);

/* ---- ready.c ---- */
void queue_init(struct ready_queue *q, struct demand *d, int32_t priority);
/* Does a's first task come before b's? A class without one comes last. */
bool demand_before(const struct demand *a, const struct demand *b);
void demand_park(struct core *c, struct demand *d);
void demand_unpark(struct core *c, struct demand *d);
static inline bool demand_is_parked(const struct demand *d)
{
	return list_is_linked(&d->in_parked);
}
bool demand_comes_first(const struct heap_node *a, const struct heap_node *b);
bool queue_comes_first(const struct heap_node *a, const struct heap_node *b);
bool turn_comes_first(const struct heap_node *a, const struct heap_node *b);

#endif
