/*
 * The values this worker holds, by task and generation. Small results of functions stay in memory
 * up to a budget; all else is a synced file DIR/results/ID.GENERATION.CHECKSUM, found again after a
 * restart.
 *
 * results_save_* and results_take_file are called by slots, on their threads; everything else on
 * the loop's thread.
 */
#ifndef WORKER_RESULTS_H
#define WORKER_RESULTS_H

#include "base/map64.h"
#include "worker/blob.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct held {
	struct held *next; /* another generation of the same task */
	uint64_t id;
	uint32_t generation;
	struct blob *blob;
};

struct results {
	char *dir;
	size_t budget_bytes;
	atomic_size_t memory_bytes; /* of results held in memory, wherever they are on their way */
	struct map64 by_id;         /* id -> struct held, the first of a chain */
	size_t count;
	uint64_t bytes;
};

/* Reads the directory: what is there is held again; what was half written is removed. False: errno.
 */
bool results_init(struct results *r, const char *dir, size_t budget_bytes);
void results_release(struct results *r);

/*
 * Makes a blob of a function's result (takes it over): as it is while the budget allows, else a
 * synced file. NULL: errno, and the blob is gone.
 */
struct blob *results_save(struct results *r, uint64_t id, uint32_t generation, struct blob *b);
/* Makes a blob of a finished output file: hashed, synced, moved into the directory. NULL: errno;
 * the file stays. */
struct blob *results_take_file(
	struct results *r, uint64_t id, uint32_t generation, const char *path);

/* Holds it from now on (takes the reference over), instead of an older value of the same
 * generation. */
void results_put(struct results *r, uint64_t id, uint32_t generation, struct blob *b);
/* Borrowed; NULL: not held. */
struct blob *results_find(const struct results *r, uint64_t id, uint32_t generation);
void results_drop(struct results *r, uint64_t id, uint32_t generation);
/* Writes what is only in memory into files: for a worker that leaves. Best effort. */
void results_save_all(struct results *r);

/* All of them: struct results_iter it = {0}; while ((h = results_next(r, &it))) … without changes
 * meanwhile. */
struct results_iter {
	struct map64_iter at;
	struct held *next;
};
const struct held *results_next(const struct results *r, struct results_iter *it);

#endif
