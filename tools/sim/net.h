/*
 * The simulator's network: links of two pipes, each a queue of whole frames and an end. A link that
 * breaks loses any suffix of what is under way, on each side its own, and each side hears of it in
 * its own time. One thread.
 */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "base/rng.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct packet {
	struct packet *next;
	uint32_t n;
	uint8_t bytes[]; /* one frame, header included */
};

struct pipe {
	struct packet *head, *tail;
	uint32_t n;
	bool broken;               /* after the packets left comes the end */
	bool deaf;                 /* the reader is gone: what is put in is lost */
	uint64_t stalled_until_us; /* monotonic: nothing comes out before */
};

struct peer;

struct link {
	struct link *next;
	uint64_t conn;
	struct peer *peer; /* NULL: the peer has left or died */
	struct pipe up;    /* peer to scheduler */
	struct pipe down;
	uint32_t session; /* opened on it; 0: none */
	uint32_t worker;  /* joined on it; 0: none */
	bool slow;        /* so the scheduler was told */
};

void pipe_put(struct pipe *p, struct slice frame);
/* The next packet, to be freed by the caller; NULL: none. */
struct packet *pipe_take(struct pipe *p);
/* Something to hear at this time: a packet, or the end. */
bool pipe_is_ready(const struct pipe *p, uint64_t mono_us);
/* Breaks it behind a random number of the packets under way. */
void pipe_break(struct pipe *p, struct rng *rng);
/* The reader closes it: what is under way is lost, its end is heard soon. */
void pipe_end(struct pipe *p);
/* The reader is gone. */
void pipe_deafen(struct pipe *p);

struct link *link_new(uint64_t conn, struct peer *peer);
void link_free(struct link **l);

#endif
