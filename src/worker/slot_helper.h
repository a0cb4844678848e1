/*
 * Inside of a slot's helper: the process (slot_process.c), what is asked of it and functions
 * (slot_helper.c), commands (slot_exec.c). Only the slot's own thread calls these.
 */
#ifndef WORKER_SLOT_HELPER_H
#define WORKER_SLOT_HELPER_H

#include "worker/slot.h"

#define FRAME_HEAD_BYTES ((size_t)64 << 20)

/* There is a helper; it is started where there was none. A start that fails (no memory, no
 * processes) is tried again a little later. False: none can be had, and o is filled. */
bool helper_need(struct slot *s, struct lease *l, struct outcome *o);
/* Ends the helper if there is one, with its group; returns how it ended (as waitpid). */
int helper_reap(struct slot *s, bool by_itself);

/* Sends the task and waits for DONE. False: the helper is gone, o is filled. */
bool helper_ask(struct slot *s, enum slot_message type, const struct slice *parts, size_t nparts,
	struct outcome *o, struct slot_done *done);
/* A copy that lives as long as the outcome. */
struct slice helper_keep(struct slot *s, struct slice bytes);
/* The task is DONE with a small value, copied. */
void helper_value_inline(struct slot *s, struct outcome *o, struct slice type, struct slice bytes);

void helper_run_exec(struct slot *s, struct lease *l, const struct spec *spec, struct outcome *o);

#endif
