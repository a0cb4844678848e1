/*
 * Runs of task ids, gathered: what RELEASE, CANCEL, WATCH and UNWATCH name. Not thread-safe.
 */
#ifndef CLIENT_RUNS_H
#define CLIENT_RUNS_H

#include "base/buf.h"
#include "model/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct runs {
	struct run *v; /* owned */
	size_t n, cap;
};

/* Adds ids; merged with the last run where they follow or precede it. False: out of memory, nothing
 * changed. */
bool runs_add(struct runs *r, uint64_t first, uint64_t count) __attribute__((warn_unused_result));
/* Sorts and merges runs that touch or overlap, within a session. */
void runs_tidy(struct runs *r);
/* Forgets the first n runs. */
void runs_drop(struct runs *r, size_t n);
void runs_clear(struct runs *r);
void runs_release(struct runs *r);
/* Appends the runs from `at` on, at most LIMIT_RUNS of them, as msgpack; returns how many. */
size_t runs_pack(struct buf *out, const struct runs *r, size_t at);

#endif
