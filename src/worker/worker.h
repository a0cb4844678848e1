/*
 * The worker as a thing that runs on a loop: leases in, reports out, results held and served.
 * dq-worker and local mode make one. Everything here is called on the loop's thread.
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "loop/loop.h"
#include "model/offer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct worker;

enum worker_isolation { WORKER_PROCESS, WORKER_THREAD };

struct worker_options {
	const char *scheduler;   /* address: unix:, tcp://, inproc: */
	const char *secret_file; /* for tcp; NULL: none */
	const char *name;
	const char *dir; /* identity and results; made if absent; one live worker a directory */
	unsigned slots;
	const struct offer *offer; /* what it has and for whom it works; copied. NULL: as found, for
				      its own user */
	const char *const *modules; /* NULL-ended paths, or NULL */
	enum worker_isolation isolation;
	const char *helper; /* path of dq-slot; NULL: only functions in threads can run */
	const char *listen; /* data address; NULL: unix socket in dir; "inproc:NAME" in local mode
			     */
	const char *dq_scheduler; /* what tasks find in $DQ_SCHEDULER; NULL: as scheduler */
	/* Called when registered for the first time, and when it ends by itself: after a drain
	 * (error NULL), or for a reason that trying again cannot mend (error is one line, code of
	 * <dq/error.h>). */
	void (*on_ready)(struct worker *w, void *arg);
	void (*on_end)(struct worker *w, int code, const char *error, void *arg);
	void *arg;
};

/* Loads the modules, takes the directory, starts to connect (again and again, with backoff). On
 * failure NULL and one line in error. */
struct worker *worker_new(
	struct loop *loop, const struct worker_options *options, char *error, size_t error_bytes);
/* Takes no more leases, hands back what has not started, finishes what runs, then on_end. */
void worker_drain(struct worker *w);
/* Stops everything at once, its task processes too. Accepts NULL, sets it NULL. */
void worker_free(struct worker **w);

#endif
