/*
 * A batch: a self-contained list of puts and deletes in one buffer, the unit in which the store
 * changes (D14). Made by one thread, handed to store_append(), read by the store's thread, and the
 * maker's again once its completion came. Ops apply in order: of two on one key the later wins.
 * Batches hold no pointers into anything else, so their bytes could as well travel. Values in files
 * go beside the ops (store/values.h).
 */
#ifndef STORE_BATCH_H
#define STORE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "store/keys.h"
#include "store/table.h"

/* A value in a file that the batch names, or forgets. */
struct batch_file {
	bool keep;
	uint64_t upload; /* keep: what it was until then */
	uint64_t id;
	uint32_t generation;
};

struct batch {
	struct buf ops;
	uint32_t count; /* ops */
	size_t open_at; /* where the put that batch_put_begin() began stands; SIZE_MAX: none */
	struct batch_file *files;
	uint32_t nfiles, files_cap;
	uint64_t seq;                /* set by store_append() */
	struct batch *next;          /* the store's queue */
	struct batch_waiter *waiter; /* likewise */
};

/* One op as batch_next() shows it; slices point into the batch and live as long as it is not
 * changed. */
struct batch_op {
	bool is_put;
	bool is_move; /* value: the key under which the record stands from now on */
	enum table table;
	struct slice key;
	struct slice value;  /* empty for a delete */
	struct slice hashed; /* table byte, key and value, contiguous: what the checksum covers */
};

void batch_init(struct batch *batch);
void batch_release(struct batch *batch);
/* Empty again, with the memory kept for the next one. */
void batch_clear(struct batch *batch);

void batch_put(struct batch *batch, enum table table, struct key key, struct slice value);
void batch_del(struct batch *batch, enum table table, struct key key);
/* The record under `from`, which may be one that an op before this has put, stands under `to`
 * instead. Nothing where there is none. */
void batch_move(struct batch *batch, enum table table, struct key from, struct key to);

/* With the record that names it: the upload becomes the file of this value before the commit. */
void batch_keep(struct batch *batch, uint64_t upload, uint64_t id, uint32_t generation);
/* With the record that forgets it: the file is removed after the commit. */
void batch_drop(struct batch *batch, uint64_t id, uint32_t generation);

/* A value encoded in place: append it to the buffer returned, then call batch_put_end(). Between
 * the two no other call on the batch. The buffer holds earlier ops as well: only append to it. */
struct buf *batch_put_begin(struct batch *batch, enum table table, struct key key);
void batch_put_end(struct batch *batch);

uint32_t batch_count(const struct batch *batch);
/* Bytes of keys, values and their headers: what admission counts against store_room(). */
size_t batch_bytes(const struct batch *batch);

/* Walks the ops: *pos starts at 0. False at the end. */
bool batch_next(const struct batch *batch, size_t *pos, struct batch_op *op);

#endif
