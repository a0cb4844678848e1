/*
 * Errors of the store. Neighbours: everything here that fails. LMDB's own texts speak to
 * programmers, so the common ones are said anew.
 */
#include "store/error.h"

#include <errno.h>
#include <lmdb.h>
#include <stdarg.h>
#include <stdio.h>

enum store_code store_error_set(
	struct store_error *err, enum store_code code, int sys, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	*err = (struct store_error){.code = code, .sys = sys};
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}

static enum store_code code_of(int rc)
{
	switch (rc) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
	case MDB_MAP_FULL:
		return STORE_NO_SPACE;
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_CURSOR_FULL:
	case MDB_PANIC:
	case MDB_INCOMPATIBLE:
	case MDB_BAD_VALSIZE:
	case MDB_BAD_TXN:
		return STORE_DAMAGED;
	default:
		return STORE_IO;
	}
}

static const char *reason_of(int rc)
{
	switch (rc) {
	case ENOSPC:
		return "no space left on the disk";
	case EDQUOT:
		return "the disk quota is used up";
	case EFBIG:
		return "the file may not grow further (file size limit)";
	case MDB_MAP_FULL:
		return "the store's limit is reached (--store-limit)";
	case MDB_INVALID:
		return "the store is damaged: data.mdb is not an LMDB file";
	case MDB_VERSION_MISMATCH:
		return "the store is damaged, or of an LMDB version that this one does not read";
	case ENOMEM:
		return "out of memory or address space (a smaller --store-limit needs less)";
	default:
		break;
	}
	return mdb_strerror(rc);
}

enum store_code store_error_lmdb(struct store_error *err, int rc, const char *dir, const char *what)
{
	enum store_code code = code_of(rc);
	bool says_so = rc == MDB_INVALID || rc == MDB_VERSION_MISMATCH;

	if (code == STORE_DAMAGED && !says_so)
		return store_error_set(err, code, rc, "%s: %s: the store is damaged: %s", dir, what,
			reason_of(rc));
	return store_error_set(err, code, rc, "%s: %s: %s", dir, what, reason_of(rc));
}

enum store_code store_error_record(
	struct store_error *err, const char *dir, enum table table, struct slice key)
{
	char text[KEY_TEXT_BYTES];

	store_error_set(err, STORE_BAD_RECORD, 0,
		"%s: record %s: checksum does not match, the record is damaged", dir,
		key_text(table, key, text, sizeof(text)));
	if (err) {
		err->table = table;
		err->key = key.n <= KEY_MAX_BYTES ? key_of_slice(key) : (struct key){.n = 0};
	}
	return STORE_BAD_RECORD;
}
