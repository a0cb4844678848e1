/*
 * Inside of the engine's intake: one frame of an admitted connection, for engine_in*.c.
 */
#ifndef SCHEDULER_ENGINE_IN_H
#define SCHEDULER_ENGINE_IN_H

#include "scheduler/engine_impl.h"

struct intake {
	struct engine *e;
	struct engine_conn *c;
	const struct frame *f;
	uint64_t mono_us, wall_us;
	const char *why;
};

/* The engine's event, empty but for its kind and whose it is. */
struct event *intake_event(struct intake *in, enum event_kind kind);
/* That event goes through the core; true. */
bool intake_step(struct intake *in);
/* The frame is refused, for this; false. */
bool intake_bad(struct intake *in, const char *why);

/* engine_in_worker.c: the rest of the messages. False: malformed, or none that there is. */
bool engine_in_worker(struct intake *in);

#endif
