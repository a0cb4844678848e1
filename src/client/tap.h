/*
 * Who wants to know when a future ends: a completed set, a wait, a callback. A tap hangs on its
 * future until that ends, then in its set's queue, in the order of the ends. Nothing here
 * allocates. Under the client's lock.
 */
#ifndef CLIENT_TAP_H
#define CLIENT_TAP_H

#include <stdbool.h>
#include <stddef.h>

struct dq_future;

enum tap_state { TAP_OFF, TAP_WAITING, TAP_READY };

struct tap {
	struct tap *next; /* of the future's taps, or of the set's queue */
	struct dq_future *future;
	struct tapset *set;
	enum tap_state state;
};

struct tapset {
	struct tap *head, **tail; /* those whose future ended, oldest end first */
	size_t waiting, ready;
};

void tapset_init(struct tapset *s);
/* Hangs the tap on the future; if that has ended already, into the queue. */
void tap_on(struct tap *t, struct dq_future *f, struct tapset *s);
/* Takes it off the future or out of the queue. */
void tap_off(struct tap *t);
/* The next in the queue, taken out of it; NULL: none. */
struct tap *tapset_pop(struct tapset *s);
/* The future ended: its taps go to their queues. */
void taps_fire(struct dq_future *f);
/* The future goes away: its taps come off. */
void taps_drop(struct dq_future *f);

#endif
