/*
 * The verbs of `dq`: one file each, cmd-VERB.c, with one entry here.
 */
#ifndef DQ_CMD_H
#define DQ_CMD_H

#include "common/options.h"

#include <stdbool.h>

#define CMD_TABLES_MAX 5

struct cmd {
	const char *name;
	const char *words;                        /* what follows the options, as --help shows it */
	const char *about;                        /* one line */
	const struct opt *tables[CMD_TABLES_MAX]; /* its options besides the global ones; NULL: none
						   */
	bool words_end; /* its first word ends the options, since a command line follows */
	/* Gets the words; returns the exit code. */
	int (*run)(int argc, char **argv);
	/* Instead: verbs of its own, the first of its words; the last has no name. */
	const struct cmd *subs;
};

/* X(the name as a C name), in the order of --help */
#define CMDS(X)                                                                                    \
	X(submit)                                                                                  \
	X(call)                                                                                    \
	X(run)                                                                                     \
	X(map)                                                                                     \
	X(graph)                                                                                   \
	X(wait)                                                                                    \
	X(result)                                                                                  \
	X(status)                                                                                  \
	X(list)                                                                                    \
	X(show)                                                                                    \
	X(history)                                                                                 \
	X(state)                                                                                   \
	X(cancel)                                                                                  \
	X(retry)                                                                                   \
	X(forget)                                                                                  \
	X(priority)                                                                                \
	X(queue)                                                                                   \
	X(var)                                                                                     \
	X(lock)                                                                                    \
	X(semaphore)                                                                               \
	X(event)                                                                                   \
	X(topic)                                                                                   \
	X(dataset)                                                                                 \
	X(workers)

#define CMD_DECLARE(name) extern const struct cmd cmd_##name;
CMDS(CMD_DECLARE)
#undef CMD_DECLARE

#endif
