/*
 * Transactional tasks: what a task does through its own transaction comes with its report, and is
 * done in the step that ends the task, or not at all (effects.c). Only core/ includes this. One
 * thread.
 */
#ifndef CORE_EFFECTS_H
#define CORE_EFFECTS_H

#include "core/thing.h"
#include "model/row.h"

/* Why the effects of a task cannot be done. */
struct effects_refusal {
	struct dealing d;
	uint32_t index; /* of the operation */
};
/* Does them, for a task that is about to be done. False: nothing is done. */
bool effects_do(struct core *c, const struct task *t, const struct event_lease *item, bool no_room,
	struct effects_refusal *why);
/* The attempt is over: the task goes back, or fails. o: what its worker reported. */
void effects_refused(
	struct core *c, struct task *t, const struct outcome *o, const struct effects_refusal *why);

#endif
