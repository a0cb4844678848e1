/*
 * Errors of the store: one place turns errno and LMDB's codes into what an operator can act on.
 * Internal to store/. Any thread.
 */
#ifndef STORE_ERROR_H
#define STORE_ERROR_H

#include "store/store.h"

/* Describes a failure in *err (may be NULL) and returns code. */
enum store_code store_error_set(struct store_error *err, enum store_code code, int sys,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* rc: an errno value or one of LMDB's. what: what was being done. The text is "DIR: what: why". */
enum store_code store_error_lmdb(
	struct store_error *err, int rc, const char *dir, const char *what);

/* A record that fails its checksum. */
enum store_code store_error_record(
	struct store_error *err, const char *dir, enum table table, struct slice key);

#endif
