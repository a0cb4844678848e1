/*
 * A client: what all files of this folder share, its lock, and how it waits.
 *
 * Every function of <dq/client.h> that touches a client enters it (client_enter), works under its
 * lock, and leaves it. Who waits either drives the connection, one thread at a time, with the lock
 * given up while it sleeps in poll(), or sleeps on the condition until the driving thread has news.
 */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include "client/futures.h"
#include "client/get.h"
#include "client/graph.h"
#include "client/inside.h"
#include "client/outbox.h"
#include "client/query.h"
#include "client/session.h"
#include "client/spec.h"
#include "client/tap.h"
#include "client/things.h"
#include "client/watch.h"
#include "loop/loop.h"

#include <dq/client.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct dq_client {
	pthread_mutex_t lock;
	pthread_cond_t news; /* CLOCK_MONOTONIC */
	unsigned sleepers;   /* threads on the condition */
	bool driving;        /* a thread drives: it polls, turns the loop or runs callbacks */
	bool polling;        /* it sleeps in poll(), without the lock */
	bool in_callback;    /* it runs a callback, without the lock */
	pthread_t driver;
	uint64_t turned_us; /* when a thread last turned the loop */
	int wake_fd;        /* eventfd that ends the sleep in poll() */
	unsigned forks;     /* forks_seen() at open */

	struct loop *loop;
	struct session session;
	struct inside inside;
	struct outbox outbox;
	struct dq_graph *graph; /* that is open; NULL: none */
	struct futures futures;
	struct watch watch;
	struct gets gets;
	struct queries queries;
	struct awaits awaits;
	struct tapset callbacks;
	struct list callbacks_all;
	struct list completed; /* struct dq_completed */
	struct spec_scratch scratch;

	int fatal; /* not 0: the client is of no more use; the code */
	char fatal_text[320];
	char error[512]; /* the last failure */
	int refusal;     /* the first refusal since the last sync */
	char refusal_text[320];

	void (*after_close)(void *arg); /* a local client: ends what is inside */
	void *after_close_arg;
};

/* How often this process is the child of a fork. */
unsigned forks_seen(void);

/* Takes the lock. 0, or DQ_E_FORKED without it. c may be NULL: DQ_E_USAGE. */
int client_enter(struct dq_client *c);
void client_leave(struct dq_client *c);
/* client_enter for what may not be called in a callback. */
int client_enter_blocking(struct dq_client *c);
/* Sets the error's text, returns the code. */
int client_error(struct dq_client *c, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The code's own text. */
int client_error_code(struct dq_client *c, int code);
/* 0, or the fatal code with the error set. */
int client_check(struct dq_client *c);

/* The moment (monotonic, µs) in timeout_s seconds: UINT64_MAX for no limit. */
uint64_t client_deadline(double timeout_s);
/*
 * Waits until done(arg), tested under the lock. 0, DQ_E_TIMEOUT, or the fatal code; what is
 * gathered is sent first. client_await() is for what the scheduler answers by itself;
 * client_wait() for what takes a worker: inside a task, the task gives its slot back meanwhile.
 */
int client_await(struct dq_client *c, bool (*done)(void *arg), void *arg, uint64_t deadline_us);
int client_wait(struct dq_client *c, bool (*done)(void *arg), void *arg, uint64_t deadline_us);
/* Seals and sends what is gathered. 0, DQ_E_NO_MEMORY or DQ_E_LIMIT. */
int client_push(struct dq_client *c);
/* One turn without waiting and without callbacks, unless another thread drives. */
void client_turn(struct dq_client *c);
/* Turn, callbacks, and news for who sleeps. */
int client_process(struct dq_client *c);
/* For a thread that changed what the driving one sleeps on. */
void client_wake(struct dq_client *c);

/*
 * Connects to a remote scheduler, or to one on "inproc:NAME". *out is set in any case but out of
 * memory. dq_client_open (local/) is the caller.
 */
int client_connect(const char *address, const struct dq_options *options, struct dq_client **out);
/* A client that only carries an error. NULL: out of memory. */
struct dq_client *client_failed(int code, const char *text);
/* Frees the client and drops its connection: nothing is said or waited for. */
void client_drop(struct dq_client **client);
/* The options by their own size: those it has not are zero; NULL: all are. False: the size is none.
 */
bool options_load(struct dq_options *out, const struct dq_options *options);

#endif
