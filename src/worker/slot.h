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

struct slot {
	const struct slots_options *options;
	unsigned number;
	pthread_t thread;
	bool started; /* the thread */

	/* Taken leases: the owner and, under the lock of all slots, others claim by adding to
	 * `claim`. */
	struct lease *taken[SLOT_BATCH_MAX];
	atomic_uint ntaken, claim;
	uint64_t cpus; /* what it works on takes so much; under the lock of all slots */

	/* guarded by `lock`: ended ones that are not handed over, what runs, the helper's pid */
	pthread_mutex_t lock;
	struct batch *ended;
	struct lease *current;
	uint64_t current_since_us; /* monotonic */
	uint64_t kill_at_us;       /* when a stopped function's grace is over; 0: not stopped */
	pid_t helper;              /* 0: none */
	bool kill_helper;          /* what runs is a function: the grace ends with its process */
	bool quitting;

	/* of the thread alone */
	int fd; /* of the helper; -1: none */
	struct slot_frame frame;
	struct call call;
	struct buf outcome;  /* the bytes of one */
	struct buf text;     /* a message of the current outcome */
	struct arena memory; /* of the current task */
	struct slice last_name;
	dq_function *last_function;
	char last_name_bytes[256];
};

/* Each fills the outcome (zeroed, state FAILED before) and lease->value. */
void slot_run_thread(struct slot *s, struct lease *l, const struct spec *spec, struct outcome *o);
void slot_run_helper(struct slot *s, struct lease *l, const struct spec *spec, struct outcome *o);

/* The bytes of the i-th input. False: errno. */
bool slot_input(const struct lease *l, uint32_t i, struct call_input *out);
/* Fails the outcome for a reason before it ran, or after; the text is cut at 1 KiB. */
void slot_fail(struct slot *s, struct outcome *o, enum cause cause, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Puts a value of a function into the outcome: inline, or into lease->value (takes b over). */
void slot_value(
	struct slot *s, struct lease *l, struct outcome *o, struct slice type, struct blob *b);

/* The helper process. helper_start: false, one line in error. */
bool helper_start(struct slot *s, char *error, size_t error_bytes);
void helper_end(struct slot *s);

#endif
