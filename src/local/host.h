/*
 * A thread with a loop of its own, on which something runs: a scheduler or a worker of a local
 * client.
 */
#ifndef LOCAL_HOST_H
#define LOCAL_HOST_H

#include "loop/loop.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct host;

struct host_kind {
	/* On the thread: makes the thing. False: one line in error. */
	bool (*begin)(struct host *h, struct loop *loop, char *error, size_t error_bytes);
	/* On the thread: ends it, then host_ended(), at once or later. */
	void (*end)(struct host *h);
	/* On the thread, after the loop ran for the last time, or after a begin that failed. */
	void (*release)(struct host *h);
};

struct host {
	/* set by the owner */
	const struct host_kind *kind;
	void *arg;
	/* the host's own */
	char name[16];
	pthread_t thread;
	bool running;      /* the thread has to be joined */
	struct loop *loop; /* the thread's, as is what is made on it */
	struct wake *stop;
	pthread_mutex_t lock;
	pthread_cond_t news;
	enum { HOST_STARTING, HOST_UP, HOST_FAILED } state; /* under the lock */
	char error[256];                                    /* under the lock until HOST_FAILED */
};

/* Starts the thread and returns; host_await() tells how it went. name: at most 15 bytes. False: no
 * thread; errno. */
bool host_start(struct host *h, const char *name, const struct host_kind *kind, void *arg);
/* Waits until it is up. False: h->error says why not. */
bool host_await(struct host *h);
/* Asks it to end; waits until its thread has. Also for one that failed or was never started
 * (zeroed). */
void host_stop(struct host *h);
/* From kind->end, on the thread: nothing is left to run. */
void host_ended(struct host *h);

#endif
