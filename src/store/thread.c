/*
 * The store's thread: takes batches off a queue in order and commits each. It is the only writer of
 * the environment.
 *
 * Happy path: begin, apply, write `applied`, commit (synced), tell. A batch at or below `applied`
 * is told as done and touches nothing. Failures: the first one fails its batch and every later one,
 * since who made those has stepped past a change that is not there; the way on is store_reopen. A
 * failure after the commit leaves the new state behind, any other the old one. Neighbours: apply.c,
 * meta.c, room.c.
 */
#define LOG_COMPONENT "store"
#include "store/env.h"

#include "base/clock.h"
#include "base/ensure.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/thread.h"
#include "store/error.h"

#include <string.h>

/* One transaction: 0, or what failed and *what. */
static int commit_batch(
	struct store *store, const struct batch *batch, const char **what, uint64_t *txn_id)
{
	MDB_txn *txn = NULL;
	int rc;

	*what = "cannot keep a value";
	rc = batch->nfiles ? store_values_keep(store, batch) : 0;
	if (rc != 0)
		return rc;
	*what = "cannot begin a transaction";
	rc = fault_point("store.begin");
	if (rc == 0)
		rc = mdb_txn_begin(store->env, NULL, 0, &txn);
	if (rc != 0)
		return rc;
	*txn_id = mdb_txn_id(txn);
	*what = "cannot write";
	rc = store_apply(store, txn, batch);
	if (rc == 0)
		rc = store_meta_write_applied(store, txn, batch->seq);
	if (rc == 0) {
		*what = "cannot commit";
		rc = fault_point("store.commit.before");
	}
	if (rc != 0) {
		mdb_txn_abort(txn);
		return rc;
	}
	rc = mdb_txn_commit(txn);
	if (rc == 0)
		rc = fault_point("store.commit.after");
	return rc;
}

static void fail_store(struct store *store, int rc, const char *what)
{
	store_error_lmdb(&store->failure, rc, store->dir.path, what);
	store_error_set(&store->refusal, STORE_FAILED, rc, "an earlier commit failed: %s",
		store->failure.text);
	store->failed = true;
	log_error("%s", store->failure.text);
}

/* NULL, or why the batch is not stored. */
static const struct store_error *run_batch(struct store *store, const struct batch *batch)
{
	const char *what = "";
	uint64_t from_us, txn_id = 0;
	int rc;

	if (store->failed)
		return &store->refusal;
	if (batch->seq <= store->applied)
		return NULL;
	from_us = clock_mono_us();
	rc = commit_batch(store, batch, &what, &txn_id);
	if (rc != 0) {
		fail_store(store, rc, what);
		return &store->failure;
	}
	store->applied = batch->seq;
	if (batch->nfiles)
		store_values_drop(store, batch);
	store_note_commit(store, txn_id, clock_mono_us() - from_us);
	return NULL;
}

/* Who waits in store_commit(). */
struct batch_waiter {
	bool done;
	struct store_error error;
	pthread_cond_t told;
};

static void complete(struct store *store, struct batch *batch, const struct store_error *error)
{
	struct batch_waiter *waiter = batch->waiter;

	if (!waiter) {
		if (store->done)
			store->done(store->done_arg, batch->seq, error);
		return;
	}
	pthread_mutex_lock(&store->lock);
	if (error)
		waiter->error = *error;
	waiter->done = true;
	pthread_cond_signal(&waiter->told);
	pthread_mutex_unlock(&store->lock);
}

static struct batch *take(struct store *store)
{
	struct batch *batch;

	pthread_mutex_lock(&store->lock);
	while (!store->head && !store->stop)
		pthread_cond_wait(&store->work, &store->lock);
	batch = store->head;
	if (batch) {
		store->head = batch->next;
		if (!store->head)
			store->tail = NULL;
		batch->next = NULL;
	}
	pthread_mutex_unlock(&store->lock);
	return batch;
}

static void *run(void *arg)
{
	struct store *store = arg;
	struct batch *batch;

	while ((batch = take(store)) != NULL) {
		ensure_note_ids("batch", batch->seq, batch->count);
		complete(store, batch, run_batch(store, batch));
	}
	return NULL;
}

enum store_code store_thread_start(struct store *store, struct store_error *err)
{
	int rc;

	ensure(!store->running && !store->head);
	store->stop = false;
	store->failed = false;
	store->applied = store->info.applied;
	memset(store->last_known, 0, sizeof(store->last_known));
	store->reserved_to = 0;
	rc = thread_start(&store->thread, "dq-store", run, store);
	if (rc != 0)
		return store_error_lmdb(
			err, rc, store->dir.path, "cannot start the store's thread");
	store->running = true;
	return STORE_OK;
}

void store_thread_stop(struct store *store)
{
	if (!store->running)
		return;
	pthread_mutex_lock(&store->lock);
	store->stop = true;
	pthread_cond_signal(&store->work);
	pthread_mutex_unlock(&store->lock);
	pthread_join(store->thread, NULL);
	store->running = false;
	ensure(!store->head);
}

static void enqueue(struct store *store, struct batch *batch, uint64_t seq)
{
	ensure(store->running && !batch->next);
	ensure(batch->open_at == SIZE_MAX && !batch->ops.failed);
	batch->seq = seq;
	pthread_mutex_lock(&store->lock);
	if (store->tail)
		store->tail->next = batch;
	else
		store->head = batch;
	store->tail = batch;
	pthread_cond_signal(&store->work);
	pthread_mutex_unlock(&store->lock);
}

void store_append(struct store *store, struct batch *batch, uint64_t seq)
{
	batch->waiter = NULL;
	enqueue(store, batch, seq);
}

enum store_code store_commit(
	struct store *store, struct batch *batch, uint64_t seq, struct store_error *err)
{
	struct batch_waiter waiter = {.done = false};

	pthread_cond_init(&waiter.told, NULL);
	batch->waiter = &waiter;
	enqueue(store, batch, seq);
	pthread_mutex_lock(&store->lock);
	while (!waiter.done)
		pthread_cond_wait(&waiter.told, &store->lock);
	pthread_mutex_unlock(&store->lock);
	pthread_cond_destroy(&waiter.told);
	batch->waiter = NULL;
	if (waiter.error.code != STORE_OK && err)
		*err = waiter.error;
	return waiter.error.code;
}
