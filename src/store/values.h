/*
 * Values in files (doc/disk-format.md, Values): results that the scheduler keeps itself, in
 * `values/` of the state directory. A file grows as an upload, NUMBER.part; the batch that names
 * the value (batch_keep) makes it whole, synced and called ID.GENERATION before its commit; the
 * batch that forgets it (batch_drop) removes it after its commit. What a crash leaves beside that
 * is named by no record, and removed by who started (store_values_each, store_value_remove).
 *
 * Threads: reading and listing any; the others the store's owner.
 */
#ifndef STORE_VALUES_H
#define STORE_VALUES_H

#include "store/store.h"

#include <sys/types.h>

/*
 * Writes bytes of an upload; at offset 0 it begins anew. STORE_NO_SPACE: there is no room for
 * `total` bytes above low water.
 */
enum store_code store_upload_write(struct store *store, uint64_t number, uint64_t offset,
	uint64_t total, struct slice bytes, struct store_error *err);
/* Nobody wants it. */
void store_upload_drop(struct store *store, uint64_t number);

/* The value's file, for reading, and its size; -1: errno. */
int store_value_open(const struct store *store, uint64_t id, uint32_t generation, uint64_t *size);

/* A file in values/. */
struct store_value_file {
	uint64_t id;
	uint32_t generation;
	bool is_value; /* false: an upload, or of another's making */
	uint64_t size;
	const char *name;
};
/* Calls fn for each; false: it cannot be listed, *err. No directory: none. */
bool store_values_each(const struct store *store,
	void (*fn)(const struct store_value_file *file, void *arg), void *arg,
	struct store_error *err);
/* Removes one, by its name. */
void store_value_remove(const struct store *store, const char *name);

#endif
