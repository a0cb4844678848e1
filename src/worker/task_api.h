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
#include "wire/wire.h"
#include "worker/states.h"

#include <dq/task.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct call_input {
	struct slice type;
	struct slice bytes;
};

/* What a call needs of where it runs; NULL in tests of the rest. */
struct call_host {
	const char *scheduler, *worker; /* $DQ_SCHEDULER, $DQ_WORKER */
	struct states *states;
	/* The token of the call's lease. False: there is none. */
	bool (*token)(void *arg, uint64_t id, struct fence fence, char out[WIRE_TOKEN_TEXT]);
	/* millionths past WIRE_MILLIONTHS: not known. */
	void (*progress)(void *arg, uint32_t millionths, struct slice text);
	void *arg;
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
	const struct call_host *host;

	/* what came of it */
	bool returned, failed, rescheduled;
	uint64_t delay_us; /* rescheduled */
	char type[LIMIT_TYPE_BYTES + 1];
	struct buf value;
	struct buf message;
	struct buf effects; /* of its transaction: model/deal.h; empty: none */

	/* its own; kept from call to call */
	struct buf filled;    /* arguments with their futures replaced */
	struct arena strings; /* C strings handed out */
	bool used_strings;
	char fence_text[40];
	char token[WIRE_TOKEN_TEXT];
	/* what ends with the call, the last first, and how */
	void *attached[DQ_TASK_PLACES];
	void (*attached_end[DQ_TASK_PLACES])(struct dq_task *task, void *thing);
	uint64_t progress_since_us; /* told so often since then */
	unsigned progress_told;
};

/* Once; then call_begin before each call. */
void call_init(struct call *c);
void call_release(struct call *c);
/* Forgets the call before. The caller then fills in what it is given. */
void call_begin(struct call *c);
/* Puts dependencies and the element's input into the arguments. False: one line in *why. */
bool call_fill_args(struct call *c, const char **why);
/* Runs it; what came of it is in returned, failed, rescheduled, type, value, message. */
void call_run(struct call *c, dq_function *function, struct slice name);
/* "epoch.seq" in hexadecimal. */
void fence_text(char *to, size_t n, struct fence fence);

#endif
