/*
 * A benchmark: what a workload is given, and what it measures.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "base/json.h"

#include <dq/client.h>

#include <stdbool.h>
#include <stdint.h>

struct bench {
	uint64_t n;
	struct dq_client *client; /* of all workloads but startup */
	const char *module, *durability;
	const char *address; /* "": local mode */
	const char *dir;     /* where to put files */
	unsigned slots;
	unsigned clients, window; /* of what is shared: how many, and items that a call carries */
	/* measured: */
	double seconds;
	struct json *line; /* figures are added to it */
};

struct workload {
	const char *name;
	const char *about;
	uint64_t n; /* unless --n says another */
	bool opens; /* it opens its own clients */
	bool users; /* two users: the servers serve another one too */
	/* Measures; adds its figures to the line. 0 or a code of <dq/error.h>, then the client's
	 * error or stderr says more. */
	int (*run)(struct bench *b);
};

/* NULL-ended. */
extern const struct workload *const workloads[];

extern const struct workload workload_noop, workload_array, workload_chain;
extern const struct workload workload_roundtrip, workload_exec, workload_startup, workload_fair;
extern const struct workload workload_queue, workload_variable, workload_lock;

/* "name": value */
void figure(struct bench *b, const char *name, double value);
/* Sets seconds since began_us, adds tasks_per_s. */
void figure_rate(struct bench *b, uint64_t began_us);
/* A task that ended otherwise than done: says why on stderr, returns its error; else 0. */
int check_done(struct dq_future *future);
void free_futures(struct dq_future **futures, uint64_t n);
/* store.commits of the scheduler's status; durability (a buffer of 16) may be NULL. */
uint64_t ask_commits(struct dq_client *client, char *durability);

#endif
