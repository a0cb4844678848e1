/* beamline: what the two halves of the module have in common. */
#ifndef BEAMLINE_H
#define BEAMLINE_H

#include <dq/task.h>

#include <limits.h>
#include <msgpack.h>

/* The task's arguments, an array of n: to be destroyed. False: they are another thing. */
bool beamline_args(struct dq_task *task, msgpack_unpacked *args, uint32_t n);
bool beamline_path(const msgpack_object *from, char path[PATH_MAX]);

dq_function beamline_detector;

#endif
