/*
 * What the files of loop/ know of each other's structs. Nobody outside includes this.
 */
#ifndef LOOP_LOOP_PRIVATE_H
#define LOOP_LOOP_PRIVATE_H

#include "base/buf.h"
#include "base/list.h"
#include "loop/loop.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define LOOP_SCRATCH_BYTES ((size_t)256 << 10)

struct loop {
	uv_loop_t uv;
	uv_prepare_t prepare;  /* before the loop blocks: hooks and flush for what timers did */
	uv_check_t check;      /* after ready I/O: hooks and flush */
	uv_idle_t idle;        /* active: do not block this turn (loop_again) */
	uv_timer_t limit;      /* bounds one loop_run_once */
	uv_timer_t reaper;     /* ends what closes too slowly; runs only while there is such */
	struct list hooks;     /* struct hook */
	struct list objects;   /* struct object: timers, wakes, watches, listeners, children */
	struct list streams;   /* all streams */
	struct list work;      /* streams that need something at the end of this turn */
	struct list lingering; /* sockets whose stream has ended, reading to their end */
	struct buf sink;       /* takes what is sent on ended streams */
	uint8_t *scratch;      /* LOOP_SCRATCH_BYTES, shared by all reads */
	bool running;          /* inside loop_run_once */
	bool stopped;
	bool hooks_changed; /* a hook was removed while hooks ran */
	bool needs_turn;    /* a watcher was started that the poll descriptor does not know yet */
};

/* The head of whatever must be ended by loop_free(). */
struct object {
	struct list node; /* in loop->objects */
	void (*end)(struct object *o);
};

void object_add(struct loop *loop, struct object *o, void (*end)(struct object *o));
void object_remove(struct object *o);

/* The wake has an owner that frees it: loop_free() leaves it alone. */
void wake_own(struct wake *w);

/* Gives each stream in loop->work what it needs. In stream.c. */
void loop_work_streams(struct loop *loop);
/* One pass of the reaper; false when nothing is left to watch. In stream.c. */
bool loop_reap(struct loop *loop, uint64_t now_us);
/* Starts the reaper unless it runs. */
void loop_start_reaper(struct loop *loop);
/* Ends all streams, with on_close, and all lingering sockets. In stream.c. */
void loop_end_streams(struct loop *loop);

#endif
