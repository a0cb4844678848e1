/*
 * Snapshots, gets and scans: LMDB read transactions that belong to no thread (MDB_NOTLS), so that
 * one can be parked and renewed without a system call. Every value is verified before it is shown.
 * Failures: no reader slot; a record that does not verify (named; a scan can go on); pages that
 * make no sense: keys that do not ascend, or more entries than the table has.
 */
#include "store/env.h"
#include "store/error.h"
#include "store/seal.h"

#include "base/ensure.h"

enum store_code store_snapshot_begin(
	struct store *store, struct store_snapshot *snapshot, struct store_error *err)
{
	MDB_txn *txn;
	int rc;

	*snapshot = (struct store_snapshot){.store = store};
	ensure(store->env != NULL);
	rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
	if (rc != 0)
		return store_error_lmdb(err, rc, store->dir.path, "cannot begin a snapshot");
	snapshot->txn = txn;
	return STORE_OK;
}

void store_snapshot_park(struct store_snapshot *snapshot)
{
	if (snapshot->parked)
		return;
	mdb_txn_reset(snapshot->txn);
	snapshot->parked = true;
}

enum store_code store_snapshot_renew(struct store_snapshot *snapshot, struct store_error *err)
{
	int rc;

	store_snapshot_park(snapshot);
	rc = mdb_txn_renew(snapshot->txn);
	if (rc != 0)
		return store_error_lmdb(
			err, rc, snapshot->store->dir.path, "cannot renew a snapshot");
	snapshot->parked = false;
	return STORE_OK;
}

void store_snapshot_end(struct store_snapshot *snapshot)
{
	if (snapshot->txn)
		mdb_txn_abort(snapshot->txn);
	snapshot->txn = NULL;
}

static enum store_code open_value(struct store *store, enum table table, struct slice key,
	const MDB_val *v, struct slice *value, struct store_error *err)
{
	struct slice whole = slice_of(v->mv_data, v->mv_size);

	if (!seal_open(table, key, &whole))
		return store_error_record(err, store->dir.path, table, key);
	*value = whole;
	return STORE_OK;
}

enum store_code store_get(struct store_snapshot *snapshot, enum table table, struct key key,
	struct slice *value, struct store_error *err)
{
	struct store *store = snapshot->store;
	MDB_val k = {.mv_size = key.n, .mv_data = key.b}, v;
	int rc;

	ensure(table_valid(table) && snapshot->txn && !snapshot->parked);
	rc = mdb_get(snapshot->txn, store->dbi[table], &k, &v);
	if (rc == MDB_NOTFOUND)
		return STORE_END;
	if (rc != 0)
		return store_error_lmdb(err, rc, store->dir.path, "cannot read");
	return open_value(store, table, key_slice(&key), &v, value, err);
}

enum store_code store_scan_begin(struct store_scan *scan, struct store_snapshot *snapshot,
	enum table table, const struct key *from, struct store_error *err)
{
	struct store *store = snapshot->store;
	MDB_cursor *cursor;
	MDB_stat st;
	int rc;

	ensure(table_valid(table) && snapshot->txn && !snapshot->parked);
	*scan = (struct store_scan){.snapshot = snapshot, .table = table};
	if (from)
		scan->from = *from;
	rc = mdb_stat(snapshot->txn, store->dbi[table], &st);
	if (rc == 0)
		rc = mdb_cursor_open(snapshot->txn, store->dbi[table], &cursor);
	if (rc != 0)
		return store_error_lmdb(err, rc, store->dir.path, "cannot begin a scan");
	scan->cursor = cursor;
	scan->left = st.ms_entries;
	return STORE_OK;
}

static int scan_move(struct store_scan *scan, MDB_val *k, MDB_val *v)
{
	if (scan->started)
		return mdb_cursor_get(scan->cursor, k, v, MDB_NEXT);
	scan->started = true;
	if (scan->from.n == 0)
		return mdb_cursor_get(scan->cursor, k, v, MDB_FIRST);
	*k = (MDB_val){.mv_size = scan->from.n, .mv_data = scan->from.b};
	return mdb_cursor_get(scan->cursor, k, v, MDB_SET_RANGE);
}

enum store_code store_scan_next(
	struct store_scan *scan, struct slice *key, struct slice *value, struct store_error *err)
{
	struct store *store = scan->snapshot->store;
	MDB_val k, v;
	int rc = scan_move(scan, &k, &v);

	if (rc == MDB_NOTFOUND)
		return STORE_END;
	if (rc != 0)
		return store_error_lmdb(err, rc, store->dir.path, "cannot read on");
	if (scan->left == 0)
		return store_error_set(err, STORE_DAMAGED, 0,
			"%s: the store is damaged: table %s has more entries than it counts",
			store->dir.path, table_name(scan->table));
	scan->left--;
	*key = slice_of(k.mv_data, k.mv_size);
	if (key->n == 0 || key->n > KEY_MAX_BYTES || slice_cmp(*key, key_slice(&scan->last)) <= 0)
		return store_error_set(err, STORE_DAMAGED, 0,
			"%s: the store is damaged: keys of table %s do not ascend", store->dir.path,
			table_name(scan->table));
	scan->last = key_of_slice(*key);
	return open_value(store, scan->table, *key, &v, value, err);
}

void store_scan_end(struct store_scan *scan)
{
	if (scan->cursor)
		mdb_cursor_close(scan->cursor);
	scan->cursor = NULL;
}
