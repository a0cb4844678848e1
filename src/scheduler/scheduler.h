/*
 * The scheduler as a thing that runs on a loop: it joins core, store and wire
 * (doc/architecture.md). dq-scheduler and local mode make one. Everything here is called on the
 * loop's thread; the store has a thread of its own inside.
 */
#ifndef SCHEDULER_SCHEDULER_H
#define SCHEDULER_SCHEDULER_H

#include "loop/loop.h"
#include "loop/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scheduler;

#define SCHEDULER_NO_RETENTION UINT64_MAX

struct scheduler_options {
	const char *state_dir;
	const char *durability;     /* "strict", "relaxed", "volatile"; NULL: strict */
	const char *const *listen;  /* NULL-ended addresses; "inproc:NAME" for local mode */
	uint64_t lease_ttl_ms;      /* 0: 30 s */
	uint64_t session_ttl_ms;    /* 0: 600 s */
	uint64_t retention_us;      /* of what is detached; 0: 7 days; SCHEDULER_NO_RETENTION */
	uint64_t store_limit_bytes; /* 0: 1 TiB */
	uint64_t value_limit_bytes; /* the largest result that is stored; 0: 1 GiB */
	bool force_network_fs;
	const char *socket_group;   /* whose members unix sockets admit; NULL: its own user alone */
	const char *const *weights; /* NULL-ended "USER=N", or NULL */
};

/* Can this be one of the weights? */
bool scheduler_weight_is_sound(const char *text);
/* Opens the store, rebuilds the state, listens. On failure NULL, and one line in error. */
struct scheduler *scheduler_new(struct loop *loop, const struct scheduler_options *options,
	char *error, size_t error_bytes);
/* Takes no more requests, commits what was taken, closes the connections, then calls done. */
void scheduler_stop(struct scheduler *s, void (*done)(void *arg), void *arg);
void scheduler_free(struct scheduler **s);
/* The i-th address it listens on, with the port it got; NULL past the last. */
const char *scheduler_address(const struct scheduler *s, size_t i);
/* The file with the first user's secret. */
const char *scheduler_secret_file(const struct scheduler *s);

#endif
