/* The test cases of loop/, one function a file, and what they share. */
#ifndef TESTS_UNIT_LOOP_CHECK_LOOP_H
#define TESTS_UNIT_LOOP_CHECK_LOOP_H

#include "loop/stream.h"

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

TCase *tcase_loop(void);
TCase *tcase_stream(void);
TCase *tcase_flow(void);
TCase *tcase_address(void);
TCase *tcase_trouble(void);
TCase *tcase_threads(void);
TCase *tcase_child(void);

/* One side of a connection, and what was seen of it. */
struct side {
	struct stream *s; /* NULL after on_close */
	unsigned opens, frames, drains, closes;
	uint64_t bytes;    /* of payloads */
	uint64_t next_seq; /* frames must come with sequence numbers 0, 1, 2 … */
	int err;
	char reason[160];
	/* What the test wants done; may be NULL. */
	void (*on_frame)(struct side *side, const struct frame *frame);
	void (*on_open)(struct side *side);
	void (*on_drain)(struct side *side);
	void (*on_close)(struct side *side);
	void *user;
};

extern const struct stream_handlers side_handlers;

/* A loop with a listener and two connected sides; made by wire_up. */
struct wires {
	struct loop *loop;
	struct listener *listener;
	struct side client, server;
};

enum { OVER_UNIX, OVER_TCP, OVER_INPROC, TRANSPORTS };

/* An address of the kind, new for each call within a process; the text lives until the next call.
 */
const char *fresh_address(int transport);
/* Removes the directory that a unix socket of fresh_address had; nothing for others. */
void remove_directory_of(const char *address);
/* Makes loop and listener; the first peer accepted becomes w->server. */
void wires_listen(struct wires *w, int transport);
void wires_connect(struct wires *w);
/* wires_listen, wires_connect, and turns until both sides are open. */
void wires_up(struct wires *w, int transport);
/* Ends all; every side that had a stream must have been closed exactly once, or freed. */
void wires_down(struct wires *w);

/* Turns until *what is at least `want`, or fails after 30 s. */
void turn_until(struct loop *loop, const unsigned *what, unsigned want);
void turns(struct loop *loop, int n);

/* Sends n frames of `size` bytes with the next sequence numbers of *seq. */
void send_frames(struct stream *s, uint64_t *seq, unsigned n, size_t size);

#endif
