/*
 * A cache of block records, with where each task stands in them, so that a lease copies a task's
 * spec without reading the block from its start. Least recently used blocks go first past the
 * limit.
 */
#ifndef SCHEDULER_BLOCKS_H
#define SCHEDULER_BLOCKS_H

#include "model/block.h"

struct block_cache;

/* Reads the record of the block that begins at first: bytes valid until the next read. False: there
 * is none. */
typedef bool block_read_fn(void *arg, uint64_t first, struct slice *record);

struct block_cache *block_cache_new(size_t limit_bytes, block_read_fn *read, void *arg);
void block_cache_free(struct block_cache **cache);
/* A block is gone, or may be: forget it. */
void block_cache_drop(struct block_cache *cache, uint64_t first);

struct block_task {
	struct slice key; /* as given; empty: generated */
	struct slice spec;
	struct slice input; /* an array element's, one msgpack value; empty: none */
	struct slice ns;
	bool array;
	uint32_t index; /* of an array's element: in the array; else in the block */
	uint64_t submitted_us;
	enum spec_kind kind;
};

/* The task `id` of the block at `first`: valid until the next call. False: no such block or task,
 * or a damaged record. */
bool block_cache_get(
	struct block_cache *cache, uint64_t first, uint64_t id, struct block_task *out);

#endif
