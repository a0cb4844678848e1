/*
 * Inside the server: what the files server*.c share.
 */
#ifndef SCHEDULER_SERVER_IMPL_H
#define SCHEDULER_SERVER_IMPL_H

#include "base/list.h"
#include "base/map64.h"
#include "loop/loop.h"
#include "loop/stream.h"
#include "scheduler/engine.h"
#include "scheduler/scheduler.h"
#include "scheduler/secret.h"
#include "store/store.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Reading pauses while this much waits for the store. */
#define BACKLOG_BYTES ((size_t)32 << 20)

struct peer {
	struct scheduler *s;
	struct stream *stream;
	uint64_t conn;
	bool admitted, paused, slow;
	struct list in_peers;
	struct list gifts; /* stored values that it waits for: server_values.c */
	uint32_t ngifts;
	struct list in_slow; /* linked: slow, and the engine does not know */
};

struct scheduler {
	struct loop *loop;
	struct engine *engine;
	struct store *store;
	struct store_snapshot snapshot;
	bool snapshot_fresh;
	struct engine_config config;
	enum store_durability durability;
	char *user, *secret_file;
	bool has_group; /* that unix sockets admit */
	gid_t group;
	struct user_weight *weights;
	struct secret secret;
	struct listener **listeners;
	size_t nlisteners;
	struct list peers, slow;
	struct map64 by_conn;
	uint64_t next_conn;
	struct timer *tick, *reopen;
	uint64_t reopen_ms;
	struct wake *committed;
	bool under_way, sick;
	uint64_t batch_shift; /* the store's numbers are the engine's plus this */
	/* set in the store's thread */
	pthread_mutex_t lock;
	uint64_t done_seq;
	bool done, failed;
	char failure[400];
	/* stopping */
	void (*on_stopped)(void *arg);
	void *on_stopped_arg;
	bool stopping;
};

void server_now(uint64_t *mono_us, uint64_t *wall_us);
/* A batch was stored, or not; in the store's thread. */
void server_stored(void *arg, uint64_t seq, const struct store_error *error);

/* ---- server_open.c; false: one line in error ---- */
/* The user, the weights, the durability; the store and the secret in it. */
bool server_open(
	struct scheduler *s, const struct scheduler_options *o, char *error, size_t error_bytes);
bool server_listen(
	struct scheduler *s, const struct scheduler_options *o, char *error, size_t error_bytes);

/* ---- server_peers.c ---- */
void peers_accept(struct listener *l, struct stream *stream, void *arg);
/* The engine's port: arg is the scheduler. */
void peers_send(void *arg, uint64_t conn, struct slice frames);
void peers_close_one(void *arg, uint64_t conn);
/* Those whose reading was paused for the backlog read on. */
void peers_resume(struct scheduler *s);
/* The engine hears of those that leave unread what they were sent. */
void peers_tell_slow(struct scheduler *s, uint64_t mono_us, uint64_t wall_us);
/* No more is read from any. */
void peers_pause(struct scheduler *s);
/* All are ended after what they were sent; at once. */
void peers_close(struct scheduler *s);
void peers_drop(struct scheduler *s);

/* ---- server_values.c ---- */
/* As much as the peer may have unread. */
void gifts_pump(struct peer *p);
void gifts_release(struct peer *p);
/* The engine's port: arg is the scheduler. */
void values_give(void *arg, uint64_t conn, const struct value_wanted *wanted);
bool values_write(void *arg, uint64_t upload, uint64_t offset, uint64_t total, struct slice bytes,
	const char **why);
bool values_there(void *arg, uint64_t id, uint32_t generation, uint64_t size);
void values_drop(void *arg, uint64_t upload);
/* Files that no record names are removed. */
void values_sweep(struct scheduler *s);

#endif
