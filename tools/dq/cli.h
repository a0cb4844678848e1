/*
 * What every verb shares: the global options, the client they lead to, and how failing is said.
 *
 * Errors are one line on stderr, `dq: what failed: why`, and an exit code (<dq/error.h>). Ctrl-C
 * ends a command as it does any other, until interrupt_catch(): from then on waits end with
 * CLI_INTERRUPTED and the command tidies up. A second one, a second later, ends it at once.
 */
#ifndef DQ_CLI_H
#define DQ_CLI_H

#include "common/options.h"

#include <dq/client.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXIT_RUN_FAILED 125 /* of `run`: dq failed, not the command */

struct globals {
	const char *scheduler, *contact, *secret;
	double connect_timeout_s;
	struct opt_maybe local;
	struct opt_list modules; /* of the worker inside */
	bool json, help, version;
};
extern struct globals globals;
extern const struct opt global_opts[];

/* Sets what errors begin with: the verb, and of a file the place in it (NULL: none). */
void cli_set_verb(const char *verb);
void cli_set_place(const char *place);

/*
 * Connects as the global options say, or starts a local scheduler. Returns 0 or an exit code, then
 * the error is printed. look_only: no session.
 */
int cli_open(bool look_only, struct dq_client **out);
/* Likewise, with a session that outlives a lost connection so long; 0: the scheduler's default. */
int cli_open_for(bool look_only, double session_ttl_s, struct dq_client **out);
/* Closes and returns exit_code. */
int cli_close(struct dq_client **client, int exit_code);
/* --local without a directory: what was submitted ends with this command, so it stays. */
bool cli_local_stays(void);

/* Print one line and return the exit code for `error`; cli_fail_client has the client's own words.
 */
int cli_fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));
int cli_fail_client(int error, const struct dq_client *client, const char *what);
/* Prints one line, returns 2. */
int cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define CLI_INTERRUPTED (-1)

/* From now on SIGINT, SIGTERM and SIGHUP are caught. */
void interrupt_catch(void);
/* The signal that came, or 0. */
int interrupt_signal(void);
/* Readable once a signal came; -1 before interrupt_catch(). */
int interrupt_fd(void);
/* Ends the process as the signal that came would have; returns the exit code if it cannot. */
int interrupt_end(void);

/*
 * Asks to be told of their ends, without waiting: once for an array saves asking for each element.
 */
void cli_watch(struct dq_client *client, struct dq_future *const *futures, size_t n);

/*
 * Waits until all futures (or any) have ended. 0, DQ_E_TIMEOUT, CLI_INTERRUPTED, or another error.
 * timeout_s < 0: no limit.
 */
int cli_wait(struct dq_client *client, struct dq_future *const *futures, size_t n, bool any,
	double timeout_s);

/*
 * Waits until what was sent is stored, however long the scheduler is away. 0, CLI_INTERRUPTED, or
 * an error.
 */
int cli_sync(struct dq_client *client);

/* The seconds left of a time that began then; -1 where there is no limit. */
double cli_time_left(double timeout_s, uint64_t began_us);

#endif
