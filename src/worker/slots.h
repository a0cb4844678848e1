/*
 * Slots: what runs tasks. Each is a thread that takes leases from one queue, runs a function itself
 * or has a helper process (dq-slot) run a function or a command, and encodes the outcome. Short
 * tasks are taken and handed back in batches; what a slot has taken and not begun, an idle one may
 * take over. Leases begin in the order of the queue, as the cpus that they take come free.
 *
 * All functions are called on the loop's thread; `wake` is called from slot threads when
 * slots_collect() has something.
 */
#ifndef WORKER_SLOTS_H
#define WORKER_SLOTS_H

#include "base/buf.h"
#include "base/list.h"
#include "worker/lease.h"
#include "worker/modules.h"
#include "worker/results.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slots;

struct slots_options {
	unsigned n;
	uint64_t cpus;                /* parts of AMOUNT_UNIT that what runs may take together */
	bool in_process;              /* functions run in the helper */
	const char *helper;           /* path of dq-slot; NULL: none */
	const char *const *modules;   /* for the helper */
	const struct modules *loaded; /* for threads */
	struct results *results;
	const char *slots_dir, *inputs_dir;
	const char *scheduler, *worker; /* $DQ_SCHEDULER, $DQ_WORKER of commands and functions */
	void (*wake)(void *arg);
	void *arg;
};

/* Leases that ended, in order, with their entries for REPORT one after the other. */
struct batch {
	struct list node;
	struct list leases;
	uint32_t count;     /* entries */
	uint32_t nstored;   /* leases besides those, whose values are to be stored */
	uint64_t run_us;    /* of all together */
	struct buf entries; /* fenced_write() with outcomes */
};

/* Everything of the options must live as long. With helper and in_process, the first helper is
 * started, and what it says about the modules is known on return. NULL: one line in error. */
struct slots *slots_new(const struct slots_options *options, char *error, size_t error_bytes);
/* Stops everything: helpers with all they started are killed; waits for functions that run in
 * threads. */
void slots_free(struct slots **s);

/* Appends leases (the list is empty after) and wakes slots. */
void slots_push(struct slots *s, struct list *leases);
/* Removes a lease that no slot has taken yet. False: one has. */
bool slots_take_back(struct slots *s, struct lease *l);
/* Asks the slot that has it to stop it (lease->stop is set already): a command or a function in a
 * process gets SIGTERM, later SIGKILL; a function in a thread finds its flag set, more cannot be
 * done. */
void slots_stop(struct slots *s, struct lease *l);
/* Batches that ended since, in order, moved to `to`; the caller frees each. */
void slots_collect(struct slots *s, struct list *to);
void batch_free(struct batch **b);
/* The key of the tokens of tasks; empty: there are none. */
void slots_set_task_key(struct slots *s, struct slice key);
/*
 * A task that a slot is at waits for others and gives its slot back (on), or has it again. As many
 * slots more run leases as there are such tasks.
 */
void slots_secede(struct slots *s, const struct lease *l, bool on);
/* What a running task said of its progress last. */
struct slot_progress {
	uint64_t told; /* how often; 0: never */
	uint32_t millionths, text_n;
	char text[256];
};
/*
 * Now and then (each few ms) while anything runs: hands over what a slot has kept while a long task
 * runs, wakes idle slots for what a busy one took, kills functions whose grace is over. Calls
 * `running` for each lease a slot is at, with the time it has run.
 */
void slots_tick(struct slots *s,
	void (*running)(struct lease *l, uint64_t run_us, const struct slot_progress *p, void *arg),
	void *arg);
/* How many a slot may take at once, from the mean run time. */
void slots_set_mean(struct slots *s, double mean_us);

#endif
