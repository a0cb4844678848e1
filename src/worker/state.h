/*
 * The worker's parts in one place. For worker.c (life), session.c (what is said with the scheduler)
 * and tasks.c (leases); loop's thread only.
 */
#ifndef WORKER_STATE_H
#define WORKER_STATE_H

#include "base/map64.h"
#include "worker/credit.h"
#include "worker/dir.h"
#include "worker/fetch.h"
#include "worker/link.h"
#include "worker/modules.h"
#include "worker/offered.h"
#include "worker/puts.h"
#include "worker/reports.h"
#include "worker/results.h"
#include "worker/serve.h"
#include "worker/slots.h"
#include "worker/worker.h"

struct worker {
	struct loop *loop;
	struct worker_options options; /* strings are ours */
	char *name, *scheduler, *secret_file, *helper, *dq_scheduler, *data_address;
	char **modules_paths;

	struct offered offered;
	struct worker_dir dir;
	struct modules modules;
	struct results results;
	struct slots *slots;
	struct fetcher *fetcher;
	struct serve *serve;
	struct link *link;
	struct reports reports;
	struct puts puts;
	struct credit credit;
	struct wake *wake;
	struct timer *tick;    /* while leases are with slots */
	struct timer *give_up; /* a drain without a scheduler */

	struct map64 leases; /* by task id: the newest lease */
	struct list frames;  /* of lease_frame: all leases lie in these */
	struct list ready;   /* to be given to the slots this turn */
	uint32_t nready;
	size_t with_slots;  /* queued and running ones */
	struct buf started; /* entries of the next STARTED */
	uint32_t nstarted;

	bool joined;    /* JOINED came on this connection */
	bool was_ready; /* on_ready was called */
	bool draining;
	bool left;  /* LEAVE was said */
	bool ended; /* on_end was called */
};

#define TICK_BUSY_MS 5 /* while something was just begun, or is to end */

/* ---- tasks.c, for tasks_*.c ---- */
/* The newest lease of a task; NULL: none is here. */
struct lease *tasks_find(struct worker *w, uint64_t id);
/* One that no slot has begun is taken from wherever it waits. False: it runs, or has ended. */
bool tasks_withdraw(struct worker *w, struct lease *l);
/* It was withdrawn. */
void tasks_report_cancelled(struct worker *w, struct lease *l);
/* Of a lease that is not here, or no more. */
void tasks_report_unknown(struct worker *w, uint64_t id, struct fence fence, enum cause cause);
void tasks_stop_running(struct worker *w, struct lease *l);
void tasks_started_add(struct worker *w, struct lease *l);
/* Asks for the inputs that are not here; ready when none is missing. */
void tasks_get_inputs(struct worker *w, struct lease *l);
void tasks_release_inputs(struct lease *l);
/* ---- tasks_asked.c, for tasks.c ---- */
void tasks_revoke(struct worker *w, struct lease *l);
void tasks_set_seceded(struct worker *w, struct lease *l, bool on);

/* session.c */
extern const struct link_handlers session_handlers;
/* The stream to append to; NULL while not joined. */
struct stream *session_stream(struct worker *w);
/* Sends what the turn has gathered: STARTED, REPORT, CREDIT, LEAVE. */
void session_flush(struct worker *w);
void session_send_missing(
	struct worker *w, uint64_t id, uint32_t generation, struct lease *const *leases, size_t n);

/* tasks.c */
extern const struct fetch_handlers tasks_fetch_handlers;
bool tasks_take(struct worker *w, const struct frame *frame, const char **why);
bool tasks_stop(struct worker *w, struct slice entries, const char **why);
bool tasks_free_values(struct worker *w, struct slice entries, const char **why);
/* Which tasks have given their slots back, or have them again. */
bool tasks_seceded(struct worker *w, struct slice entries, const char **why);
/* A new connection: the scheduler tells again who has seceded, and is told of progress again. */
void tasks_joined(struct worker *w);
/* Gives the ready ones to the slots. */
void tasks_push(struct worker *w);
/* Takes what ended from the slots. */
void tasks_collect(struct worker *w);
void tasks_tick(struct worker *w);
/* Acknowledged leases: frees them (the list is empty after). */
void tasks_free(struct worker *w, struct list *leases);
/* Gives back what no slot has begun; without a connection it is forgotten, and the next JOIN lacks
 * it. */
void tasks_give_back(struct worker *w);
/* Frees everything; the slots are gone. */
void tasks_release(struct worker *w);

/* worker.c: ends the worker by itself, once; code 0: as it should. */
void worker_end(struct worker *w, int code, const char *error);

#endif
