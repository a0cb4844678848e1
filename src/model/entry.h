/*
 * Entries of topics: their records (doc/disk-format.md, entry). Readers borrow from the bytes.
 * Nothing allocates. Any thread.
 */
#ifndef MODEL_ENTRY_H
#define MODEL_ENTRY_H

#include "base/buf.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* So many entries are kept of a topic for which nothing else is said. */
#define TOPIC_ENTRIES 100000

struct entry_record {
	uint64_t published_us; /* wall clock */
	struct slice content;  /* model/content.h */
};
void entry_record_encode(struct buf *out, const struct entry_record *r);
bool entry_record_decode(struct slice in, struct entry_record *out, const char **why);

#endif
