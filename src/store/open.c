/*
 * Open, close, reopen: the directory, then the environment, then the thread; let go in the opposite
 * order. Neighbours: dir.c, env.c, thread.c. Failures: each part's own; what was taken is let go
 * again.
 */
#include "store/env.h"

#include "base/alloc.h"
#include "base/ensure.h"

static struct store *store_new(const struct store_options *options)
{
	struct store *store = xcalloc(1, sizeof(*store));
	uint64_t limit = options->limit_bytes ? options->limit_bytes : STORE_LIMIT_DEFAULT;

	store->limit_bytes = limit < STORE_LIMIT_MIN ? STORE_LIMIT_MIN : limit;
	store->durability = options->durability;
	store->force_network_fs = options->force_network_fs;
	store->epoch_above = options->epoch_above;
	store->read_only = options->read_only;
	store->done = options->done;
	store->done_arg = options->done_arg;
	store->dir.lock_fd = -1;
	pthread_mutex_init(&store->lock, NULL);
	pthread_cond_init(&store->work, NULL);
	pthread_mutex_init(&store->figures_lock, NULL);
	hist_init(&store->sync_us);
	return store;
}

static void store_free(struct store **store)
{
	pthread_mutex_destroy(&(*store)->figures_lock);
	pthread_cond_destroy(&(*store)->work);
	pthread_mutex_destroy(&(*store)->lock);
	free(*store);
	*store = NULL;
}

enum store_code store_open(
	const struct store_options *options, struct store **out, struct store_error *err)
{
	struct store *store = store_new(options);
	enum store_code code;

	*out = NULL;
	code = options->read_only ? store_dir_open_read_only(&store->dir, options, err)
				  : store_dir_open(&store->dir, options, err);
	if (code != STORE_OK)
		goto fail_dir;
	code = store_env_open(store, !store->read_only, err);
	if (code != STORE_OK)
		goto fail_env;
	code = store->read_only ? STORE_OK : store_thread_start(store, err);
	if (code != STORE_OK)
		goto fail_thread;
	*out = store;
	return STORE_OK;

fail_thread:
	store_env_close(store);
fail_env:
	store_dir_close(&store->dir);
fail_dir:
	store_free(&store);
	return code;
}

void store_close(struct store **store)
{
	if (!*store)
		return;
	store_thread_stop(*store);
	store_env_close(*store);
	store_dir_close(&(*store)->dir);
	store_free(store);
}

enum store_code store_reopen(struct store *store, struct store_error *err)
{
	enum store_code code;

	ensure(!store->read_only);
	store_thread_stop(store);
	store_env_close(store);
	code = store_env_open(store, false, err);
	if (code != STORE_OK)
		return code;
	code = store_thread_start(store, err);
	if (code != STORE_OK)
		store_env_close(store);
	return code;
}

void store_info(const struct store *store, struct store_info *info)
{
	*info = store->info;
}
