/* Sets of labels, each distinct one kept once and counted. */
#ifndef CORE_LABELS_H
#define CORE_LABELS_H

#include "base/fp128.h"

#include <stdbool.h>
#include <stdint.h>

struct block_entry;
struct core;

struct label_set {
	char *text;       /* labels, each ended by a NUL; NULL: spare */
	uint32_t n, next; /* next: of a spare one */
	uint64_t refs;
	struct fp128 fp;
};

/* The number of the entry's set of labels, from 1, with a reference taken; 0: malformed. */
uint32_t labels_take(struct core *c, struct block_entry *e);
void labels_drop(struct core *c, uint32_t at);
/* For core_check(): what is counted is what blocks name. */
bool labels_check(const struct core *c);

#endif
