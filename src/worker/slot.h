/*
 * Inside of the slots: one slot, and the ways it runs a lease. For slots.c and the files slot_*.c.
 */
#ifndef WORKER_SLOT_H
#define WORKER_SLOT_H

#include "model/block.h"
#include "model/row.h"
#include "worker/slot_proto.h"
#include "worker/slots.h"
#include "worker/task_api.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#define SLOT_BATCH_MAX 256

/* What all slots have in common beyond the options. */
struct slots_shared {
	pthread_mutex_t lock; /* of the key */
	uint8_t task_key[WIRE_TICKET_BYTES];
	bool has_task_key;
	struct states states; /* of functions in threads */
};

struct slot {
	const struct slots_options *options;
	struct slots_shared *shared;
	unsigned number;
	pthread_t thread;
	bool started; /* the thread */

	/* under the lock of all slots */
	pthread_cond_t work;
	bool idle;    /* sleeps on it */
	bool working; /* has leases: counts in slots.working */

	/* Taken leases: the owner and, under the lock of all slots, others claim by adding to
	 * `claim`. */
	struct lease *taken[SLOT_BATCH_MAX];
	atomic_uint ntaken, claim;
	uint64_t cpus; /* what it works on takes so much; under the lock of all slots */

	/* guarded by `lock`: ended ones that are not handed over, what runs, the helper's pid */
	pthread_mutex_t lock;
	struct batch *ended;
	struct lease *current;
	struct slot_progress progress; /* of current */
	uint64_t current_since_us;     /* monotonic */
	uint64_t kill_at_us;           /* when a stopped function's grace is over; 0: not stopped */
	pid_t helper;                  /* 0: none */
	bool kill_helper; /* what runs is a function: the grace ends with its process */
	bool quitting;

	/* of the thread alone */
	int fd; /* of the helper; -1: none */
	struct slot_frame frame;
	struct call call;
	struct call_host host;
	struct buf outcome;  /* the bytes of one */
	struct buf effects;  /* of the current task's transaction, where a helper told of them */
	struct buf text;     /* a message of the current outcome */
	struct arena memory; /* of the current task */
	struct slice last_name;
	dq_function *last_function;
	char last_name_bytes[256];
};

/* Runs it, in one of the two ways. False: it was not begun. */
bool slot_run(struct slot *s, struct lease *l, struct outcome *o);
/* Its entry for REPORT, into entries, or false: into lease->entry, since its value is stored first.
 */
bool slot_encode(struct slot *s, struct lease *l, const struct outcome *o, struct buf *entries);
/* Each fills the outcome (zeroed, state FAILED before) and lease->value. */
void slot_run_thread(struct slot *s, struct lease *l, const struct spec *spec, struct outcome *o);
void slot_run_helper(struct slot *s, struct lease *l, const struct spec *spec, struct outcome *o);

/* The bytes of the i-th input. False: errno. */
bool slot_input(const struct lease *l, uint32_t i, struct call_input *out);
/* Fails the outcome for a reason before it ran, or after; the text is cut at 1 KiB. */
void slot_fail(struct slot *s, struct outcome *o, enum cause cause, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* The attempt ends, and the task asks for another after the delay. */
void slot_reschedule(struct lease *l, struct outcome *o, uint64_t delay_us);
/* Puts a value of a function into the outcome: inline, or into lease->value (takes b over). */
void slot_value(
	struct slot *s, struct lease *l, struct outcome *o, struct slice type, struct blob *b);

/* ---- slot_ask.c: what a task asks of its slot while it runs ---- */
void slot_host_init(struct slot *s);
void slot_set_task_key(struct slots_shared *shared, struct slice key);
/* The token of a lease. False: this worker cannot make any. */
bool slot_token(struct slot *s, uint64_t id, struct fence fence, char out[WIRE_TOKEN_TEXT]);
/* A frame of the helper that is not the answer to its task. False: it is none that is known, or the
 * helper is gone. */
bool slot_asked(struct slot *s);

/* The helper process. helper_start: false, one line in error. */
bool helper_start(struct slot *s, char *error, size_t error_bytes);
void helper_end(struct slot *s);

#endif
