/*
 * Inside of the transport between two loops of this process: the link, and what its ends
 * (inproc.c) and its listeners (inproc_listen.c) do for one another.
 */
#ifndef LOOP_INPROC_PRIVATE_H
#define LOOP_INPROC_PRIVATE_H

#include "loop/stream_private.h"

#include "base/list.h"

#include <pthread.h>

struct direction {
	struct list chunks;
	size_t bytes;
	bool writer_gone;  /* nothing will follow the chunks */
	bool reader_gone;  /* nobody will take them */
	bool writer_waits; /* wants to be woken when there is room */
};

struct link {
	pthread_mutex_t mutex;
	struct direction to[2]; /* to[i] is read by end i */
	struct wake *wakes[2];  /* of end i; NULL before it exists and after it went */
	unsigned ends;          /* alive; the link is freed at 0 */
	struct list node;       /* in a listener's queue */
};

/* One end goes, whether it ever had a stream or not. */
void link_leave(struct link *link, unsigned side);
/* Hands the link to the listener of that name. False: there is none. */
bool inproc_offer(const char *name, struct link *link);
/* The listener's end of the link, connected. NULL: out of memory, the end has left the link. */
struct stream *inproc_accept(struct loop *loop, struct link *link, const char *name);

#endif
