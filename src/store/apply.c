/*
 * A batch, carried out: one cursor a table, kept where the last op left it, since ops that follow
 * one another are mostly neighbours. A key above all others of its table is appended, which leaves
 * full pages behind instead of half-full ones. Neighbours: thread.c owns the transaction. Failure:
 * LMDB's first error ends it; the transaction is then aborted, never committed.
 */
#include "store/env.h"
#include "store/seal.h"

#include "base/ensure.h"
#include "base/fault.h"
#include "base/hash.h"

#include <string.h>

struct cursors {
	MDB_txn *txn;
	MDB_cursor *of[TABLE_END];
};

static int cursor_of(
	struct store *store, struct cursors *cursors, enum table table, MDB_cursor **cursor)
{
	int rc = 0;

	if (!cursors->of[table])
		rc = mdb_cursor_open(cursors->txn, store->dbi[table], &cursors->of[table]);
	*cursor = cursors->of[table];
	return rc;
}

static void cursors_close(struct cursors *cursors)
{
	for (unsigned t = 0; t < TABLE_END; t++)
		if (cursors->of[t])
			mdb_cursor_close(cursors->of[t]);
}

/* Learns the table's last key, the first time a batch puts into it. */
static int learn_last(struct store *store, MDB_cursor *cursor, enum table table)
{
	MDB_val k, v;
	int rc = mdb_cursor_get(cursor, &k, &v, MDB_LAST);

	if (rc != 0 && rc != MDB_NOTFOUND)
		return rc;
	store->last_key[table].n = 0;
	if (rc == 0 && k.mv_size <= KEY_MAX_BYTES)
		store->last_key[table] = key_of_slice(slice_of(k.mv_data, k.mv_size));
	store->last_known[table] = true;
	return 0;
}

/* True when no key of the table is as high: the put may append. */
static bool is_last(struct store *store, const struct batch_op *op)
{
	struct key *last = &store->last_key[op->table];

	if (slice_cmp(op->key, key_slice(last)) <= 0)
		return false;
	*last = key_of_slice(op->key);
	return true;
}

static int put(struct store *store, struct cursors *cursors, const struct batch_op *op)
{
	MDB_val k = {.mv_size = op->key.n, .mv_data = (void *)(uintptr_t)op->key.p};
	MDB_val v = {.mv_size = op->value.n + SEAL_BYTES};
	MDB_cursor *cursor;
	int rc = cursor_of(store, cursors, op->table, &cursor);

	if (rc == 0 && !store->last_known[op->table])
		rc = learn_last(store, cursor, op->table);
	if (rc == 0)
		rc = mdb_cursor_put(
			cursor, &k, &v, MDB_RESERVE | (is_last(store, op) ? MDB_APPEND : 0u));
	if (rc != 0)
		return rc;
	if (op->value.n > 0)
		memcpy(v.mv_data, op->value.p, op->value.n);
	seal_write((uint8_t *)v.mv_data + op->value.n, hash64(op->hashed));
	return 0;
}

/* A delete of what is not there is no error: batches are carried out again after a restart
 * elsewhere. */
static int del(struct store *store, struct cursors *cursors, const struct batch_op *op)
{
	MDB_val k = {.mv_size = op->key.n, .mv_data = (void *)(uintptr_t)op->key.p}, v;
	MDB_cursor *cursor;
	int rc = cursor_of(store, cursors, op->table, &cursor);

	if (rc == 0)
		rc = mdb_cursor_get(cursor, &k, &v, MDB_SET);
	if (rc == 0)
		rc = mdb_cursor_del(cursor, 0);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* What its checksum covers is made in one piece, with the record's new key. */
static int move(struct store *store, struct cursors *cursors, const struct batch_op *op)
{
	MDB_val k = {.mv_size = op->key.n, .mv_data = (void *)(uintptr_t)op->key.p}, v;
	struct batch_op moved = {.is_put = true, .table = op->table};
	MDB_cursor *cursor;
	struct buf piece;
	int rc = cursor_of(store, cursors, op->table, &cursor);

	if (rc == 0)
		rc = mdb_cursor_get(cursor, &k, &v, MDB_SET);
	if (rc != 0 || v.mv_size < SEAL_BYTES)
		return rc == MDB_NOTFOUND ? 0 : rc;
	buf_init(&piece, SIZE_MAX / 2);
	buf_append_byte(&piece, (uint8_t)op->table);
	buf_append_slice(&piece, op->value);
	buf_append(&piece, v.mv_data, v.mv_size - SEAL_BYTES);
	ensure(!piece.failed);
	moved.hashed = buf_slice(&piece);
	moved.key = slice_of(piece.p + 1, op->value.n);
	moved.value = slice_of(piece.p + 1 + op->value.n, v.mv_size - SEAL_BYTES);
	rc = del(store, cursors, op);
	if (rc == 0)
		rc = put(store, cursors, &moved);
	buf_release(&piece);
	return rc;
}

int store_apply(struct store *store, MDB_txn *txn, const struct batch *batch)
{
	struct cursors cursors = {.txn = txn};
	struct batch_op op;
	size_t pos = 0;
	int rc = 0;

	while (rc == 0 && batch_next(batch, &pos, &op)) {
		ensure(op.table != TABLE_META || slice_eq_str(op.key, META_COUNTERS));
		rc = fault_point("store.put");
		if (rc == 0)
			rc = op.is_put    ? put(store, &cursors, &op)
			     : op.is_move ? move(store, &cursors, &op)
					  : del(store, &cursors, &op);
	}
	cursors_close(&cursors);
	return rc;
}
