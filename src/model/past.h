/*
 * The past of a task: what happened to it besides its last end, oldest first, as its row keeps it
 * (doc/disk-format.md, task). Bounded: the oldest events go, and their number stays. Most tasks
 * have none. Readers borrow; only `past_append` and `past_release` touch memory. Any thread.
 */
#ifndef MODEL_PAST_H
#define MODEL_PAST_H

#include "base/buf.h"
#include "base/slice.h"
#include "codec/cursor.h"
#include "model/state.h"

#include <stdbool.h>
#include <stdint.h>

#define PAST_EVENTS 64
#define PAST_BYTES (8 << 10)
#define PAST_MESSAGE_BYTES 160
#define PAST_WORKER_BYTES 64 /* a longer name is cut */

/* Stored and sent: do not renumber, only append. X(name, number, word shown to users) */
#define PAST_KINDS(X)                                                                              \
	X(FAILED, 1, "failed")           /* an attempt that was tried again */                     \
	X(LOST, 2, "lost")               /* its worker was lost with the attempt */                \
	X(BACK, 3, "given back")         /* started, and given back without an end */              \
	X(RESCHEDULED, 4, "rescheduled") /* it asked to be run again, later */                     \
	X(RETRIED, 5, "retried")         /* by a user: arg is how often that had been done */      \
	X(PRIORITY, 6, "priority")       /* set by a user: arg */                                  \
	X(DONE, 7, "done")               /* an end whose value was lost later */                   \
	X(VALUE_LOST, 8, "value lost")   /* wanted, and made again from here on */                 \
	X(NOT_MADE, 9, "not made")       /* an attempt to make it again that failed */             \
	X(CONFLICT, 10, "conflict")      /* an attempt whose transaction was refused */

enum past_kind {
#define PAST_KIND_ENUM(name, number, word) PAST_##name = (number),
	PAST_KINDS(PAST_KIND_ENUM)
#undef PAST_KIND_ENUM
};

/* "?" for a number that is no kind. */
const char *past_word(enum past_kind kind);

/* What does not apply is zero or empty. */
struct past_event {
	enum past_kind kind;
	uint64_t time_us;    /* wall clock, as all times here */
	struct slice worker; /* name */
	uint64_t started_us; /* of the attempt, where that was told */
	enum cause cause;
	bool has_exit;
	int32_t exit_status, signal;
	uint64_t peak_bytes;
	struct slice message; /* its beginning */
	int64_t arg;
};

/* Events as they are stored; the bytes may be empty: none. */
struct past {
	struct buf bytes;
	uint32_t n, dropped;
};

void past_init(struct past *p);
void past_release(struct past *p);
/* Long texts are cut; what was oldest goes when there would be too much. */
void past_append(struct past *p, const struct past_event *e);
/* Takes over what a row has; false: malformed, p is empty. */
bool past_take(struct past *p, struct slice in, const char **why);

struct past_reader {
	struct cursor c;
	uint32_t left;
	uint32_t dropped; /* events older than the first */
};
/* Checks all of it. Empty bytes have no events. */
bool past_reader_init(struct past_reader *r, struct slice in, const char **why);
/* False: there are no more. */
bool past_reader_next(struct past_reader *r, struct past_event *e);

#endif
