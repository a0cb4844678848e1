/*
 * The simulator's store: every table an ordered array of records in memory. What is applied is on
 * stable storage; the driver decides what a crash loses. One thread.
 */
#ifndef SIM_FSTORE_H
#define SIM_FSTORE_H

#include "base/slice.h"
#include "store/batch.h"
#include "store/keys.h"
#include "store/table.h"

#include <stdbool.h>
#include <stdint.h>

struct frecord {
	struct key key;
	uint32_t n;
	uint8_t bytes[];
};

struct ftable {
	struct frecord **v; /* in key order; owned */
	uint32_t n, cap;
};

struct fstore {
	struct ftable table[TABLE_END];
	uint64_t commits;
};

void fstore_init(struct fstore *f);
void fstore_release(struct fstore *f);
void fstore_apply(struct fstore *f, const struct batch *batch);
/* The value lives until the next apply. False: no such record. */
bool fstore_get(const struct fstore *f, enum table table, struct slice key, struct slice *value);
/* The position of the first record at or after the key; the table's count if there is none. */
uint32_t fstore_seek(const struct fstore *f, enum table table, struct slice key);
void fstore_at(const struct fstore *f, enum table table, uint32_t i, struct slice *key,
	struct slice *value);
uint64_t fstore_bytes(const struct fstore *f);

#endif
