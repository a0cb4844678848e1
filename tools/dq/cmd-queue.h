/*
 * The verbs of `dq queue`: those about items (cmd-queue-items.c) beside those about queues
 * (cmd-queue.c).
 */
#ifndef DQ_CMD_QUEUE_H
#define DQ_CMD_QUEUE_H

#include "common/options.h"

/* A command that takes something and is killed keeps it from others for so long. */
#define QUEUE_SESSION_S 30.0

extern const struct opt queue_put_opts[], queue_get_opts[], queue_take_opts[], queue_peek_opts[],
	queue_nack_opts[], queue_extend_opts[];
int queue_put(int argc, char **argv);
int queue_get(int argc, char **argv);
int queue_take(int argc, char **argv);
int queue_peek(int argc, char **argv);
int queue_ack(int argc, char **argv);
int queue_nack(int argc, char **argv);
int queue_extend(int argc, char **argv);

#endif
