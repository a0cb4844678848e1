/*
 * Locks, inside the core. A *claim* asks for one or several locks (of which a semaphore is one with
 * more units), and gets all of them together or waits. A *guard* is what the core knows of a lock:
 * it is there as long as a claim names it. What a claim is, guard.c; how deals act on it,
 * guard_deal.c; how long it lasts, guard_lease.c.
 *
 *	claim ──> waits ──first in all its locks, and room──> held ──unlock──> gone
 *	            └── withdrawn, its session over, ──────────┴── its lease over ─^
 *
 * Claims are numbered as they come, and each lock serves those that wait in that order, so the
 * number of who holds it only grows: it is the fence. No two claims can wait for each other: the
 * first of all that wait is the first in each of its locks, and waits for holders alone.
 */
#ifndef CORE_GUARD_H
#define CORE_GUARD_H

#include "core/thing.h"
#include "model/claim.h"

struct guard {
	struct thing *t;
	uint32_t count, used; /* units */
	uint32_t nclaims, nwaiting;
	struct list waiting;  /* struct claim_place, by number */
	struct list holders;  /* likewise, in no order */
	struct list in_serve; /* guards.serve */
	struct list in_checked;
	/* as it would be after what was checked of the deal of this number */
	uint64_t deal;
	uint32_t then_count, then_used, then_claims, then_waiting;
	uint64_t stamp; /* the operation that named it last */
};

/* A claim in the list of one of its locks. */
struct claim_place {
	struct claim *claim;
	struct guard *guard;
	uint32_t units;
	struct list in_guard;
};

struct claim {
	uint64_t number;
	struct user *user;
	struct session *session; /* NULL: it is nobody's but its lease's */
	struct list in_session;
	struct list in_order; /* guards.in_order */
	uint32_t flags;       /* CLAIM_... */
	uint64_t created_us, lease_us;
	uint64_t expires_us;  /* listening time */
	struct heap_node due; /* guards.due: its lease runs */
	struct list waiters;  /* struct waiter: who is told once it is held */
	uint64_t deal;        /* the deal that ends it, as far as it was checked */
	uint32_t n;
	struct claim_place places[];
};

struct guards {
	struct map64 claims; /* number -> struct claim */
	struct list in_order;
	struct list serve;  /* guards where who waits may get it now */
	struct list ending; /* sessions that end, and have claims left */
	struct heap due;
	/* of the deal that is being checked */
	struct list checked; /* guards that it named */
	uint64_t stamp;
	uint32_t then_more; /* claims that it makes */
};

/* ---- guard.c ---- */
void guards_init(struct core *c);
/* When the core ends: connections and sessions are gone already. */
void guards_free(struct core *c);
/* NULL: nothing claims the lock. */
struct guard *guard_find(const struct core *c, struct slice ns, struct slice name);
struct guard *guard_get(struct core *c, struct slice ns, struct slice name);
void guard_drop_if_dull(struct core *c, struct guard *g);
/* The claim is at the end of the line of each of its locks. The parts have been checked. */
struct claim *claim_new(struct core *c, uint64_t number, struct user *user, struct session *s,
	uint32_t flags, uint64_t lease_us, struct slice parts);
/* Holds what it claims from now on, if it is the first everywhere and there is room. */
bool claim_try(struct core *c, struct claim *cl);
void claim_record(struct core *c, const struct claim *cl);
/* It is over. Who waits to hear that it is held hears `text` instead. */
void claim_end(struct core *c, struct claim *cl, const char *text);
/* Grants, leases and the ends of sessions; true: there is more. */
bool guards_work(struct core *c, uint32_t *budget);
bool guards_have_work(const struct core *c);
bool claim_load(struct core *c, uint64_t number, const struct thing_record *r, const char **why);
void guards_load_end(struct core *c);

/* ---- guard_lease.c ---- */
bool claim_is_sooner(const struct heap_node *a, const struct heap_node *b);
/* A full lease from now, where it runs at all. */
void claim_arm(struct core *c, struct claim *cl);
void claim_disarm(struct core *c, struct claim *cl);
/* Ends what is over; true: there is more. */
bool leases_expire(struct core *c, uint32_t *budget);
/* The listening time of the first end; UINT64_MAX: none. */
uint64_t guards_due_us(const struct core *c);

/* ---- guard_deal.c ---- */
void guards_deal_begin(struct core *c);
void guards_deal_end(struct core *c);
bool guard_check(struct dealing *d, const struct deal_op *op);
/* True: it has a result that is not nil. */
bool guard_do(struct dealing *d, const struct deal_op *op, struct buf *results);
void claim_await(struct core *c, struct conn *conn, const struct event *e);

/* ---- flag.c: events ---- */
bool flag_check(struct dealing *d, struct thing *t, const struct deal_op *op);
void flag_do(struct dealing *d, struct thing *t, const struct deal_op *op);
void flag_await(struct core *c, struct conn *conn, struct thing *t, const struct event *e);

/* Part of core_check(): NULL, or what is wrong. */
const char *guards_check(const struct core *c);
const char *guard_check_one(const struct guard *g);

#endif
