/*
 * Who wants to know when a future ends: a completed set, a wait, a callback. A tap hangs on its
 * future; when that ends it is also in its set's queue, in the order of the ends. It leaves both
 * when it is taken out, or when the future goes away. Nothing here allocates. Under the client's
 * lock.
 */
#ifndef CLIENT_TAP_H
#define CLIENT_TAP_H

#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>

struct dq_future;

enum tap_state { TAP_OFF, TAP_WAITING, TAP_READY };

struct tap {
	struct tap *next, **link; /* of the future's taps */
	struct list in_queue;     /* of the set's: READY */
	struct dq_future *future;
	struct tapset *set;
	enum tap_state state;
	bool at_bad; /* of an array: ready with the first element that ended, and not well */
};

struct tapset {
	struct list queue; /* those whose future ended, oldest end first */
	size_t waiting, ready;
};

void tapset_init(struct tapset *s);
/* Hangs the tap on the future; if that has ended already, into the queue too. */
void tap_on(struct tap *t, struct dq_future *f, struct tapset *s, bool at_bad);
/* Takes it off. */
void tap_off(struct tap *t);
/* The next in the queue, taken off; NULL: none. */
struct tap *tapset_pop(struct tapset *s);
/* The future ended: its taps go to their queues. */
void taps_fire(struct dq_future *f);
/* An element of it ended, and not well. */
void taps_fire_bad(struct dq_future *f);
/* The future has not ended any more: those that nobody has taken wait again. */
void taps_again(struct dq_future *f);
/* The future goes away: its taps come off. */
void taps_drop(struct dq_future *f);

#endif
