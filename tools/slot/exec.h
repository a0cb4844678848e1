/*
 * Running a command for a slot (EXEC of worker/slot_proto.h). Main thread of the helper.
 */
#ifndef SLOT_EXEC_H
#define SLOT_EXEC_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"
#include "worker/slot_proto.h"

#include <stdatomic.h>
#include <stdbool.h>

struct exec_fault;

struct exec {
	char *out_path, *err_path;
	int null_fd, out_fd, err_fd; /* the two files; -1: to be made */
	struct exec_fault *fault;
	struct arena memory; /* of the current command */
	struct buf bytes;    /* output and tail of the current command */
	atomic_int *stop;    /* set by SIGTERM */
};

/* False: errno. */
bool exec_init(struct exec *e, struct slice dir, unsigned number, atomic_int *stop);
/* Runs one; returns when nothing of it is left. Slices of *done live until the next. */
void exec_run(struct exec *e, struct slice payload, struct slot_done *done);

#endif
