/*
 * What became of a task: its row in the store, and the outcome inside it, as the worker reported it
 * (doc/disk-format.md, task; doc/protocol.md, Outcome). Readers borrow; nothing allocates. Any
 * thread.
 */
#ifndef MODEL_ROW_H
#define MODEL_ROW_H

#include "base/buf.h"
#include "base/slice.h"
#include "model/ids.h"
#include "model/state.h"

#include <stdbool.h>
#include <stdint.h>

/* Longest encoded outcome that is accepted: an inline value, message and tail at their limits, and
 * room to grow. */
#define OUTCOME_MAX_BYTES (16 << 10)
#define ROW_HOLDERS 8 /* most workers that a row names */
#define ROUNDS_KEPT 8 /* rows of a task that was begun anew: its last rounds */

struct task_row {
	enum task_state state; /* LEASED: not ended, only counts */
	uint32_t generation;
	uint32_t attempts; /* starts that were reported */
	uint32_t deaths;   /* workers that died while it ran */
	uint64_t finish_seq;
	uint64_t finished_us; /* wall clock */
	uint32_t nholders;
	uint32_t holders[ROW_HOLDERS]; /* workers with the value; none for an inline one */
	struct slice outcome;          /* encoded outcome; empty while not ended */
	struct slice worker; /* name of the one that the end came from; empty: from none */
	/* what few tasks have: absent from the bytes where all of it is zero */
	uint32_t failures;  /* attempts that the task itself reported as failed */
	uint32_t conflicts; /* attempts whose transaction was refused */
	uint64_t due_us;    /* wall clock: it is not tried again before */
	enum cause stop;    /* CANCELLING: why it is being stopped; NONE: it was cancelled */
	struct slice past;  /* model/past.h */
	bool has_priority;  /* set since the submit */
	int32_t priority;
};

void task_row_encode(struct buf *out, const struct task_row *r);
bool task_row_decode(struct slice in, struct task_row *out, const char **why);

struct outcome {
	enum task_state state;
	uint64_t started_us; /* wall clock; 0: never started */
	uint64_t run_us;
	/* value, when has_value */
	bool has_value;
	bool is_inline;
	bool stored; /* not inline: the scheduler has it, and no worker need hold it */
	struct slice type;
	uint64_t size;
	uint64_t checksum;   /* XXH3-64 of the value's bytes */
	struct slice bytes;  /* inline only */
	uint32_t nframes;    /* 0: one frame */
	struct slice frames; /* msgpack array of sizes, or empty */
	/* meta; zero or empty where absent */
	enum cause cause;
	struct slice message;
	bool has_exit;
	int32_t exit_status;
	int32_t signal;
	struct slice stderr_tail;
	uint64_t peak_bytes, user_us, system_us;
	uint64_t blame;    /* id of the task to blame */
	uint64_t delay_us; /* CAUSE_RESCHEDULE: how long it is to wait */
};

void outcome_encode(struct buf *out, const struct outcome *o);
/* Checks every limit (inline value, type, message, tail, frames) and that state is final. */
bool outcome_decode(struct slice in, struct outcome *out, const char **why);
/* Appends a copy in which an inline value's bytes are left out when they are more than `max` (nil
 * in their place, the size stays). False, and nothing appended, for bytes that are no outcome. */
bool outcome_copy_short(struct buf *out, struct slice in, size_t max_bytes);

#endif
