/*
 * Inside of the store: its struct, and what its files call in each other. Internal to store/;
 * nothing outside includes it.
 */
#ifndef STORE_ENV_H
#define STORE_ENV_H

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hist.h"
#include "store/dir.h"
#include "store/store.h"

#define DATA_NAME "data.mdb"
#define DATA_NEW_NAME                                                                              \
	"data.mdb.new" /* a store being made; renamed when its first commit is synced */
#define STORE_READERS 126
#define STORE_AGES 256

/* When a commit was made: tells how old a reader's view is. */
struct commit_age {
	uint64_t txn;
	uint64_t mono_us;
};

struct store {
	/* Set at open, then read by any thread. */
	struct store_dir dir;
	uint64_t limit_bytes;
	enum store_durability durability;
	bool force_network_fs;
	uint64_t epoch_above;
	bool read_only;
	store_done_fn *done;
	void *done_arg;

	/* Set at open and reopen, then read by any thread. */
	MDB_env *env;
	MDB_dbi dbi[TABLE_END];
	uint32_t page_bytes;
	struct store_info info;

	/* Under lock: the queue and its thread. */
	pthread_mutex_t lock;
	pthread_cond_t work; /* told: a batch was queued, or stop */
	pthread_t thread;
	bool running; /* owner's */
	bool stop;
	struct batch *head, *tail;

	/* The store thread's alone, between its start and its end. */
	uint64_t applied;
	bool failed;
	struct store_error failure;     /* of the batch that failed */
	struct store_error refusal;     /* of those after it */
	struct key last_key[TABLE_END]; /* no key of the table is above it */
	bool last_known[TABLE_END];
	uint64_t readers_at_us; /* when dead readers were looked for last */
	uint64_t reserved_to;   /* bytes of the file for which the disk has blocks */

	/* Under figures_lock. */
	pthread_mutex_t figures_lock;
	uint64_t commits;
	struct hist sync_us;
	struct commit_age ages[STORE_AGES];
	unsigned ages_at; /* the next to be written */
	uint64_t room_at_us;
	struct store_room room;
};

/* --- env.c --- */
/*
 * Opens the environment in store->dir, checks it, allots the epoch. Where there is none, and it
 * may, makes it.
 */
enum store_code store_env_open(struct store *store, bool may_create, struct store_error *err);
void store_env_close(struct store *store);
/* The highest page ever used, plus one. */
uint64_t store_env_pages(const struct store *store);

/* --- length.c --- */
/* Refuses a data.mdb that was cut short. */
enum store_code store_check_length(struct store *store, struct store_error *err);

/* --- meta.c --- */
/* Writes what a new store starts with, but for its epoch. */
int store_meta_create(struct store *store, MDB_txn *txn);
/* Reads `meta` into store->info; refuses a newer format. The table `meta` must be open. */
enum store_code store_meta_read(struct store *store, MDB_txn *txn, struct store_error *err);
/* Writes info.epoch: one above the stored, or Unix seconds. */
int store_meta_write_epoch(struct store *store, MDB_txn *txn);
int store_meta_write_applied(struct store *store, MDB_txn *txn, uint64_t applied);

/* --- apply.c --- */
/* Carries a batch out in a transaction; returns 0 or LMDB's error. Store thread only. */
int store_apply(struct store *store, MDB_txn *txn, const struct batch *batch);

/* --- values.c --- */
/* Before the commit: the files that the batch names are whole and synced under their names. Store
 * thread only, as the next. */
int store_values_keep(const struct store *store, const struct batch *batch);
/* After it: those that it forgets are removed. */
void store_values_drop(const struct store *store, const struct batch *batch);

/* --- thread.c --- */
enum store_code store_thread_start(struct store *store, struct store_error *err);
/* Completes what is queued, then joins the thread. */
void store_thread_stop(struct store *store);

/* --- room.c --- */
/* After a commit: its age, the time it took, blocks on the disk for the next ones, dead readers.
 * Store thread only. */
void store_note_commit(struct store *store, uint64_t txn, uint64_t took_us);
/* Sums the free list as a read transaction sees it: all its pages, and those that a view as old as
 * `oldest` pins. */
int store_count_free(MDB_txn *txn, uint64_t oldest, uint64_t *free_pages, uint64_t *pinned);
/* The oldest view that a reader has; UINT64_MAX: none. Counts readers, names the oldest's process.
 */
uint64_t store_oldest_reader(struct store *store, uint32_t *readers, uint32_t *pid);

#endif
