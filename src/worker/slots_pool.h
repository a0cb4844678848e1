/*
 * The pool of slots from inside: slots.c has the life of it and of its threads, slots_queue.c the
 * queue and what slots take from it.
 */
#ifndef WORKER_SLOTS_POOL_H
#define WORKER_SLOTS_POOL_H

#include "worker/slot.h"

struct slots {
	struct slots_options options;
	struct slots_shared shared;
	pthread_mutex_t lock;
	struct list queue;
	size_t queued;
	int32_t least;      /* no priority was lower since slots had nothing to do */
	uint64_t cpus;      /* what slots work on takes so much … */
	bool short_of_cpus; /* … and some slot wants more than is left */
	unsigned idle;      /* slots that sleep */
	unsigned working;   /* that have leases */
	unsigned allowed;   /* to have: options.n, and those that seceded */
	bool quit;
	struct list ended;   /* batches handed over */
	atomic_uint batch;   /* how many to take at once */
	atomic_bool batched; /* hand over in batches too */
	struct slot **all;   /* written by the loop's thread, under the lock */
	unsigned nall;
};

/* ---- slots.c ---- */
/* The slot's lock is held, or the caller is its only user. Returns what was open; NULL: nothing. */
struct batch *batch_close(struct slot *s);
/* Ended leases for slots_collect(); NULL: none. */
void hand_over(struct slots *p, struct batch *b);

/* ---- slots_queue.c ---- */
/* The next of what the slot has taken; NULL: there is none. */
struct lease *slot_claim(struct slot *s);
/* The next lease for the slot; NULL: the end. Hands over what is open before it sleeps. */
struct lease *slot_next(struct slots *p, struct slot *s);
/* Wakes n slots that sleep, or all of them. The lock is held. */
void slots_wake(struct slots *p, size_t n);
/* The cpus of the slot that is at the lease are others' meanwhile. The lock is held. */
void slots_lend_cpus(struct slots *p, const struct lease *l, bool on);

#endif
