/*
 * The LMDB environment: made, opened, checked, closed.
 *
 * A new store is made under another name and renamed when its first commit, which holds the tables,
 * meta and the first epoch, is synced: so data.mdb is either absent or whole, whatever happens
 * meanwhile, and a fresh open costs one synced commit. An existing one is opened, its format
 * checked before anything is written, and the next epoch is committed. Neighbours: dir.c has locked
 * the directory; meta.c; open.c joins them. Failures: what LMDB says, in words; a file cut short.
 */
#define LOG_COMPONENT "store"
#include "store/env.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/log.h"
#include "store/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void lmdb_assert(MDB_env *env, const char *text)
{
	const char *path = "?";

	mdb_env_get_path(env, &path);
	panic("the store in %s is inconsistent: %s", path, text);
}

/* An environment handle, set up but for its file. */
static int env_create(uint64_t map_bytes, MDB_env **env)
{
	int rc = mdb_env_create(env);

	ensure(map_bytes > 0 && map_bytes <= SIZE_MAX);
	if (rc == 0)
		rc = mdb_env_set_mapsize(*env, (size_t)map_bytes);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(*env, TABLE_END + 16);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(*env, STORE_READERS);
	if (rc == 0)
		rc = mdb_env_set_assert(*env, lmdb_assert);
	return rc;
}

static unsigned sync_flags(const struct store *store)
{
	return store->durability == STORE_VOLATILE && !store->read_only ? MDB_NOSYNC : 0;
}

uint64_t store_env_pages(const struct store *store)
{
	MDB_envinfo info;

	mdb_env_info(store->env, &info);
	return (uint64_t)info.me_last_pgno + 1;
}

static int create_in_txn(struct store *store, MDB_txn *txn)
{
	int rc = 0;

	for (unsigned t = TABLE_META; t < TABLE_END && rc == 0; t++)
		rc = mdb_dbi_open(txn, table_name((enum table)t), MDB_CREATE, &store->dbi[t]);
	if (rc == 0)
		rc = store_meta_create(store, txn);
	if (rc == 0)
		rc = store_meta_write_epoch(store, txn);
	return rc;
}

/* Makes a whole store in the file of this path, synced. */
static int create_file(struct store *store, const char *path)
{
	MDB_env *env = NULL;
	MDB_txn *txn = NULL;
	int rc;

	if (unlink(path) != 0 && errno != ENOENT)
		return errno;
	rc = env_create(STORE_LIMIT_MIN, &env);
	if (rc == 0)
		rc = mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK | sync_flags(store), 0600);
	if (rc == 0)
		rc = mdb_txn_begin(env, NULL, 0, &txn);
	if (rc == 0) {
		rc = create_in_txn(store, txn);
		if (rc == 0)
			rc = mdb_txn_commit(txn);
		else
			mdb_txn_abort(txn);
	}
	if (env)
		mdb_env_close(env);
	return rc;
}

static enum store_code create_store(struct store *store, struct store_error *err)
{
	char *made = store_dir_path(&store->dir, DATA_NEW_NAME);
	char *path = store_dir_path(&store->dir, DATA_NAME);
	enum store_code code = STORE_OK;
	int rc = create_file(store, made);

	if (rc == 0 && rename(made, path) != 0)
		rc = errno;
	if (rc != 0)
		code = store_error_lmdb(err, rc, store->dir.path, "cannot make the store");
	else if (store->durability != STORE_VOLATILE)
		code = store_dir_sync(&store->dir, err);
	if (rc != 0)
		unlink(made);
	free(path);
	free(made);
	return code;
}

/* Is there a store? An error of the system is one of the open that follows. */
static bool is_present(const struct store *store)
{
	char *path = store_dir_path(&store->dir, DATA_NAME);
	struct stat st;
	bool present = stat(path, &st) == 0 || errno != ENOENT;

	free(path);
	return present;
}

static enum store_code open_tables(
	struct store *store, MDB_txn *txn, bool may_add, struct store_error *err)
{
	for (unsigned t = TABLE_META; t < TABLE_END; t++) {
		const char *name = table_name((enum table)t);
		bool add = may_add && t > TABLE_ORIGINAL_LAST;
		int rc = mdb_dbi_open(txn, name, add ? MDB_CREATE : 0, &store->dbi[t]);
		enum store_code code;

		if (rc == MDB_NOTFOUND)
			return store_error_set(err, STORE_DAMAGED, rc,
				"%s: the store is damaged, or not dq's: there is no table %s",
				store->dir.path, name);
		if (rc != 0)
			return store_error_lmdb(err, rc, store->dir.path, "cannot open a table");
		/* Before any other table is asked for: a newer format may not have it. */
		if (t == TABLE_META) {
			code = store_meta_read(store, txn, err);
			if (code != STORE_OK)
				return code;
		}
	}
	return STORE_OK;
}

/* Tables, meta and, where an epoch is due, its commit. */
static enum store_code open_in_txn(struct store *store, bool allot, struct store_error *err)
{
	MDB_txn *txn;
	enum store_code code = store_check_length(store, err);
	int rc;

	if (code != STORE_OK)
		return code;
	rc = mdb_txn_begin(store->env, NULL, allot ? 0 : MDB_RDONLY, &txn);
	if (rc != 0)
		return store_error_lmdb(err, rc, store->dir.path, "cannot begin a transaction");
	code = open_tables(store, txn, allot, err);
	if (code == STORE_OK && allot) {
		rc = store_meta_write_epoch(store, txn);
		if (rc != 0)
			code = store_error_lmdb(err, rc, store->dir.path, "cannot write the epoch");
	}
	if (code != STORE_OK) {
		mdb_txn_abort(txn);
		return code;
	}
	rc = mdb_txn_commit(txn);
	if (rc != 0)
		return store_error_lmdb(err, rc, store->dir.path, "cannot commit the epoch");
	return STORE_OK;
}

static unsigned open_flags(const struct store *store)
{
	if (!store->read_only)
		return MDB_NOTLS | sync_flags(store);
	return MDB_NOTLS | MDB_RDONLY | (store->dir.live ? 0 : (unsigned)MDB_NOLOCK);
}

/* The map: the limit, or the file where that is already larger. */
static uint64_t map_size(const struct store *store)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return store->limit_bytes / page * page;
}

static void clear_stale_readers(struct store *store)
{
	int dead = 0;

	if (!store->read_only && mdb_reader_check(store->env, &dead) == 0 && dead > 0)
		log_info("%d reader slots of processes that died were cleared", dead);
}

enum store_code store_env_open(struct store *store, bool may_create, struct store_error *err)
{
	bool create = may_create && !is_present(store);
	enum store_code code = create ? create_store(store, err) : STORE_OK;
	MDB_stat st;
	int rc;

	if (code != STORE_OK)
		return code;
	rc = env_create(map_size(store), &store->env);
	if (rc == 0)
		rc = mdb_env_open(store->env, store->dir.path, open_flags(store), 0600);
	if (rc != 0) {
		store_env_close(store);
		return store_error_lmdb(err, rc, store->dir.path, "cannot open the store");
	}
	ensure(mdb_env_stat(store->env, &st) == 0);
	store->page_bytes = st.ms_psize;
	clear_stale_readers(store);
	code = open_in_txn(store, !create && !store->read_only, err);
	if (code != STORE_OK)
		store_env_close(store);
	store->info.live = store->read_only && store->dir.live;
	return code;
}

void store_env_close(struct store *store)
{
	if (store->env)
		mdb_env_close(store->env);
	store->env = NULL;
}
