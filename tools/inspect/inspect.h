/*
 * dq-inspect: what its commands share. One file a command, cmd-NAME.c, with an entry in CMDS.
 *
 * The work is done in a child process, so that pages so damaged that reading them kills the reader
 * end in a message (main.c). Commands that read get an open store and a snapshot; each prints to
 * stdout and returns an exit code. Errors are one line on stderr, `dq-inspect: what failed: why`.
 */
#ifndef INSPECT_INSPECT_H
#define INSPECT_INSPECT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/json.h"
#include "common/options.h"
#include "store/store.h"

/* Exit codes, as all of dq's programs have them. */
#define EXIT_VIOLATED 1
#define EXIT_USAGE 2
#define EXIT_TIMEOUT 3
#define EXIT_NOT_FOUND 4
#define EXIT_CONFLICT 6
#define EXIT_REFUSED 7
#define EXIT_BUG 70

struct inspect {
	const char *dir;
	bool json;
	double timeout_s; /* how long a snapshot of a live store may stand; 0: no limit */
	int argc;         /* the words after the command */
	char **argv;

	struct store *store; /* commands with `reads` */
	struct store_snapshot snapshot;
	struct store_info info;
	uint64_t until_us; /* monotonic; 0: no limit */

	struct buf out; /* what is not on stdout yet */
	struct json j;  /* writes into out */
};

struct cmd {
	const char *name;
	const char *words; /* what follows it, as --help shows it */
	const char *about; /* one line */
	int words_min, words_max;
	bool reads;             /* wants the store open */
	const struct opt *opts; /* of its own; NULL: none */
	int (*run)(struct inspect *in);
};

/* X(the name as a C name), in the order of --help */
#define CMDS(X)                                                                                    \
	X(summary)                                                                                 \
	X(tasks)                                                                                   \
	X(task)                                                                                    \
	X(history)                                                                                 \
	X(graph)                                                                                   \
	X(leases)                                                                                  \
	X(sessions)                                                                                \
	X(workers)                                                                                 \
	X(users)                                                                                   \
	X(queues)                                                                                  \
	X(queue)                                                                                   \
	X(variables)                                                                               \
	X(locks)                                                                                   \
	X(events)                                                                                  \
	X(topics)                                                                                  \
	X(datasets)                                                                                \
	X(holds)                                                                                   \
	X(check)                                                                                   \
	X(dump)                                                                                    \
	X(load)                                                                                    \
	X(stat)

#define CMD_DECLARE(name) extern const struct cmd cmd_##name;
CMDS(CMD_DECLARE)
#undef CMD_DECLARE

/* --- output.c --- */
/* One line on stderr; returns code. */
int fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for an error of the store: its text, and the exit code that belongs to it. */
int fail_store(const struct store_error *err);
/* Formatted text to the output. */
void put(struct inspect *in, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Control characters escaped, so that a name cannot play with the terminal. */
void put_safe(struct inspect *in, struct slice text);
/* Writes what has gathered to stdout; out_maybe_flush only when it is much. False: stdout failed.
 */
bool out_flush(struct inspect *in);
void out_maybe_flush(struct inspect *in);
/* A line, or a JSON document, is complete: a newline. */
void out_line(struct inspect *in);
/* Has the snapshot stood for too long? Then says so; looked at every few thousand calls. */
bool out_of_time(struct inspect *in);

/* "3.17", as dq shows it */
#define ID_TEXT_BYTES 24
char *id_text(uint64_t id, char out[ID_TEXT_BYTES]);
void json_id(struct json *j, uint64_t id);
/* A fence as "EPOCH.SEQ". */
void json_fence(struct json *j, struct fence fence);
void json_hex(struct json *j, struct slice bytes);

#endif
