/*
 * What the parts of the recount share.
 */
#ifndef CORE_CHECK_H
#define CORE_CHECK_H

#include "core/impl.h"

struct tally {
	uint64_t counts[TASK_STATE_END];
	uint64_t arrays_with_timer;
	struct map64 users, lineage; /* task id -> how many name it */
	struct map64 holds;          /* likewise: holds that are not the submitter's own */
	uint64_t nrevoking;
	char *why;
	size_t why_bytes;
};

/* Notes what is wrong; returns false. */
bool wrong(struct tally *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void bump(struct map64 *m, uint64_t id);

/* check_things.c: what is shared by name, and the holds of it and of sessions, into y->holds. */
bool check_things(const struct core *c, struct tally *y);

#endif
