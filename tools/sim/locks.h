/*
 * What is known of simulated locks and events: claims by what clients asked for and by the records
 * that were stored. locks.c makes requests and hears, claims.c keeps the book. One thread.
 */
#ifndef SIM_LOCKS_H
#define SIM_LOCKS_H

#include "base/map64.h"
#include "model/claim.h"
#include "model/deal.h"
#include "store/batch.h"

#include <stdbool.h>
#include <stdint.h>

#define SIM_LOCKS 3 /* the last is a semaphore */
#define SIM_LOCK_UNITS(i) ((i) + 1 < SIM_LOCKS ? 1u : 3u)
#define SIM_EVENTS_SHARED 2
#define SIM_CLAIMS_MINE 32
#define SIM_LOCK_OPS 3

struct sim_claim {
	uint64_t number;
	uint32_t session, units[SIM_LOCKS]; /* 0: not claimed */
	bool beat, alone;
	uint64_t lease_us;
	uint64_t armed_us; /* its lease cannot have begun before */
	uint64_t extended_us;
	bool there, held, was_held;
	bool unlocking; /* somebody asked for it */
};

struct lock_op {
	enum deal_kind kind;
	uint64_t number;
	uint32_t event;
	uint32_t sets; /* EVENT_CLEAR: how many sets had been asked for, all answered: */
	bool sure;
	bool gone;    /* when it was made, the claim was over */
	bool held;    /* or was held */
	bool at_once; /* CLAIM: or not at all */
	uint32_t units[SIM_LOCKS];
};

/* Of a request. */
struct lock_deal {
	struct lock_op ops[SIM_LOCK_OPS];
	uint32_t nops;
	uint64_t made_us;
};

/* Of a client. */
struct client_locks {
	uint64_t mine[SIM_CLAIMS_MINE]; /* claims, some of them over */
	uint32_t nmine;
	struct map64 awaits; /* request -> claim, or event */
};

struct sim_event_state {
	uint32_t sets, sets_open; /* asked for; not answered */
	bool clear;               /* for sure */
};

struct sim_locks {
	struct map64 claims; /* number -> struct sim_claim, owned */
	struct sim_claim **live;
	uint32_t nlive, live_cap;
	uint64_t last[SIM_LOCKS]; /* the claim that was granted last */
	struct sim_event_state event[SIM_EVENTS_SHARED];
};

struct sim;
struct client;
struct frame;
struct request;
struct msg_reply;
struct msg_is;

/* ---- locks.c ---- */
void client_locks(struct sim *s, struct client *c);
void locks_answered(
	struct sim *s, struct client *c, const struct request *r, const struct msg_reply *m);
/* False: it is no answer to a wait of this kind. */
bool locks_heard(struct sim *s, struct client *c, const struct msg_is *m);
/* On a new connection: who waits asks again. */
void locks_resend(struct sim *s, struct client *c);
void locks_forget(struct client *c);
/* Faults have stopped: all is given back. */
void locks_settle(struct sim *s, struct client *c);
bool locks_settled(const struct client *c);

/* ---- claims.c ---- */
void claims_release(struct sim_locks *l);
/* NULL: it was never stored. */
struct sim_claim *claim_find(struct sim *s, uint64_t number);
void claims_batch(struct sim *s, const struct batch *batch);
void claims_audit(struct sim *s);
void claims_tell(struct sim *s);

#endif
