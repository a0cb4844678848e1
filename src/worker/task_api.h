/*
 * One call of a module's function: what it finds behind struct dq_task, and what came of it. Thread
 * slots and the slot helper use the same. A call belongs to one thread; only `cancelled` is written
 * by others.
 */
#ifndef WORKER_TASK_API_H
#define WORKER_TASK_API_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"
#include "model/ids.h"
#include "model/limits.h"

#include <dq/task.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct call_input {
	struct slice type;
	struct slice bytes;
};

struct call {
	struct dq_task task; /* what the function sees */

	/* what it is given; slices live as long as the call */
	uint64_t id;
	struct fence fence;
	uint32_t attempt;
	int64_t element; /* -1 outside arrays */
	struct slice key;
	struct slice args; /* as in the spec */
	struct slice element_input;
	const struct call_input *inputs;
	uint32_t ninputs;
	const atomic_int *cancelled;

	/* what came of it */
	bool returned, failed;
	char type[LIMIT_TYPE_BYTES + 1];
	struct buf value;
	struct buf message;

	/* its own; kept from call to call */
	struct buf filled;    /* arguments with their futures replaced */
	struct arena strings; /* C strings handed out */
	bool used_strings;
	char fence_text[40];
};

/* Once; then call_begin before each call. */
void call_init(struct call *c);
void call_release(struct call *c);
/* Forgets the call before. The caller then fills in what it is given. */
void call_begin(struct call *c);
/* Puts dependencies and the element's input into the arguments. False: one line in *why. */
bool call_fill_args(struct call *c, const char **why);
/* Runs it; what came of it is in returned, failed, type, value, message. */
void call_run(struct call *c, dq_function *function, struct slice name);
/* "epoch.seq" in hexadecimal. */
void fence_text(char *to, size_t n, struct fence fence);

#endif
