/*
 * Where the outcomes of tasks that this session did not submit find their futures: single tasks by
 * id, arrays by the ids they span. Under the client's lock.
 */
#ifndef CLIENT_FOREIGN_H
#define CLIENT_FOREIGN_H

#include "base/map64.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dq_future;

/* A foreign array, from `first` on. */
struct foreign_array {
	uint64_t first;
	uint64_t reach;      /* the highest end of this one and of all before */
	struct dq_future *f; /* NULL: removed */
};

struct foreign {
	struct map64 by_id;      /* id -> first future of a chain (more.next_same), single tasks */
	struct foreign_array *v; /* by `first`, once sorted */
	size_t n, cap, removed;
	bool sorted;
};

void foreign_init(struct foreign *fs);
void foreign_release(struct foreign *fs);
/* Sets FUTURE_FOREIGN. False: out of memory. */
bool foreign_add(struct foreign *fs, struct dq_future *f);
void foreign_remove(struct foreign *fs, struct dq_future *f);
bool foreign_is_empty(const struct foreign *fs);
/* Calls fn for each array that has a task of first .. first+count-1, until it returns false; then
 * false. fn must neither add nor remove. */
bool foreign_each_array(struct foreign *fs, uint64_t first, uint64_t count,
	bool (*fn)(struct dq_future *f, void *arg), void *arg);

/* Takes f out of the chain that starts at the key's value. */
void chain_remove(struct map64 *m, uint64_t key, struct dq_future *f);

#endif
