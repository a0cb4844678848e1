/*
 * The table `meta`, but for `counters`, which is the model's: format, store id, epoch, applied.
 * Numbers are big-endian, 4 bytes for format and 8 for the others, sealed as every value is.
 * Neighbours: env.c (open), thread.c (applied, with each batch). Failures: a value that is missing,
 * of another length or not sealed means that the store is damaged; a format above ours is refused
 * by name.
 */
#include "store/env.h"
#include "store/error.h"
#include "store/seal.h"

#include "base/ensure.h"
#include "base/hash.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static void put_be(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
}

static uint64_t get_be(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v = v << 8 | p[i];
	return v;
}

static int meta_put(
	struct store *store, MDB_txn *txn, const char *name, const void *value, size_t n)
{
	uint8_t hashed[1 + KEY_MAX_BYTES + STORE_ID_BYTES + SEAL_BYTES];
	struct key key = key_meta(name);
	size_t at = 1u + key.n;
	MDB_val k = {.mv_size = key.n, .mv_data = key.b};
	MDB_val v = {.mv_size = n + SEAL_BYTES, .mv_data = hashed + at};

	ensure(n <= STORE_ID_BYTES);
	hashed[0] = TABLE_META;
	memcpy(hashed + 1, key.b, key.n);
	memcpy(hashed + at, value, n);
	seal_write(hashed + at + n, hash64(slice_of(hashed, at + n)));
	return mdb_put(txn, store->dbi[TABLE_META], &k, &v, 0);
}

static int meta_put_u64(struct store *store, MDB_txn *txn, const char *name, uint64_t value)
{
	uint8_t b[8];

	put_be(b, value, 8);
	return meta_put(store, txn, name, b, 8);
}

int store_meta_write_applied(struct store *store, MDB_txn *txn, uint64_t applied)
{
	return meta_put_u64(store, txn, META_APPLIED, applied);
}

int store_meta_write_epoch(struct store *store, MDB_txn *txn)
{
	time_t now = time(NULL);
	uint64_t seconds = now > 0 ? (uint64_t)now : 1;
	uint64_t stored = store->info.epoch, next;

	next = (stored > store->epoch_above ? stored : store->epoch_above) + 1;
	store->info.epoch = next > seconds ? next : seconds;
	return meta_put_u64(store, txn, META_EPOCH, store->info.epoch);
}

static int random_id(uint8_t id[STORE_ID_BYTES])
{
	size_t n = 0;

	while (n < STORE_ID_BYTES) {
		ssize_t got = getrandom(id + n, STORE_ID_BYTES - n, 0);

		if (got < 0 && errno != EINTR)
			return errno;
		if (got > 0)
			n += (size_t)got;
	}
	return 0;
}

int store_meta_create(struct store *store, MDB_txn *txn)
{
	uint8_t format[4];
	int rc;

	store->info = (struct store_info){.format = STORE_FORMAT};
	rc = random_id(store->info.store_id);
	if (rc != 0)
		return rc;
	put_be(format, STORE_FORMAT, 4);
	rc = meta_put(store, txn, META_FORMAT, format, 4);
	if (rc == 0)
		rc = meta_put(store, txn, META_STORE, store->info.store_id, STORE_ID_BYTES);
	if (rc == 0)
		rc = store_meta_write_applied(store, txn, 0);
	return rc;
}

/* A value of exactly n bytes. */
static enum store_code meta_get(struct store *store, MDB_txn *txn, const char *name, size_t n,
	uint8_t *out, struct store_error *err)
{
	struct key key = key_meta(name);
	MDB_val k = {.mv_size = key.n, .mv_data = key.b}, v;
	int rc = mdb_get(txn, store->dbi[TABLE_META], &k, &v);
	struct slice value;

	if (rc == MDB_NOTFOUND)
		return store_error_set(err, STORE_DAMAGED, 0,
			"%s: the store is damaged: meta %s is missing", store->dir.path, name);
	if (rc != 0)
		return store_error_lmdb(err, rc, store->dir.path, "cannot read meta");
	value = slice_of(v.mv_data, v.mv_size);
	if (!seal_open(TABLE_META, key_slice(&key), &value) || value.n != n)
		return store_error_set(err, STORE_DAMAGED, 0,
			"%s: the store is damaged: meta %s does not match its checksum",
			store->dir.path, name);
	memcpy(out, value.p, n);
	return STORE_OK;
}

static enum store_code meta_get_number(struct store *store, MDB_txn *txn, const char *name,
	unsigned n, uint64_t *out, struct store_error *err)
{
	uint8_t b[8] = {0};
	enum store_code code = meta_get(store, txn, name, n, b, err);

	if (code == STORE_OK)
		*out = get_be(b, n);
	return code;
}

enum store_code store_meta_read(struct store *store, MDB_txn *txn, struct store_error *err)
{
	uint64_t format = 0;
	enum store_code code = meta_get_number(store, txn, META_FORMAT, 4, &format, err);

	if (code != STORE_OK)
		return code;
	if (format > STORE_FORMAT)
		return store_error_set(err, STORE_NEWER_FORMAT, 0,
			"%s: the store has format %u, this version reads up to format %u: a newer "
			"dq wrote it",
			store->dir.path, (unsigned)format, STORE_FORMAT);
	if (format == 0)
		return store_error_set(err, STORE_DAMAGED, 0, "%s: the store is damaged: format 0",
			store->dir.path);
	store->info.format = (uint32_t)format;
	code = meta_get(store, txn, META_STORE, STORE_ID_BYTES, store->info.store_id, err);
	if (code == STORE_OK)
		code = meta_get_number(store, txn, META_EPOCH, 8, &store->info.epoch, err);
	if (code == STORE_OK)
		code = meta_get_number(store, txn, META_APPLIED, 8, &store->info.applied, err);
	return code;
}
