/*
 * A hash map from a 128-bit fingerprint to uint64_t. As map64 in everything (a bounded step per
 * call, deterministic, any key, not thread-safe), with 24 bytes a slot. The fingerprint is used as
 * its own hash.
 */
#ifndef BASE_FPMAP_H
#define BASE_FPMAP_H

#include "base/fp128.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fpmap_slot {
	struct fp128 key;
	uint64_t value;
};

struct fpmap_table {
	struct fpmap_slot *slots;
	size_t mask;
	size_t used;
};

struct fpmap {
	struct fpmap_table cur;
	struct fpmap_table old; /* being emptied into cur */
	size_t moved;
	uint64_t odd_value[2]; /* the fingerprints of all zeros and all ones */
	bool odd_used[2];
};

struct fpmap_iter {
	size_t at;
};

void fpmap_init(struct fpmap *m);
void fpmap_release(struct fpmap *m);
void fpmap_clear(struct fpmap *m);
size_t fpmap_count(const struct fpmap *m);
bool fpmap_put(struct fpmap *m, struct fp128 key, uint64_t value)
	__attribute__((warn_unused_result));
bool fpmap_get(const struct fpmap *m, struct fp128 key, uint64_t *value);
uint64_t *fpmap_find(struct fpmap *m, struct fp128 key);
bool fpmap_remove(struct fpmap *m, struct fp128 key, uint64_t *value);
bool fpmap_next(const struct fpmap *m, struct fpmap_iter *it, struct fp128 *key, uint64_t *value);
size_t fpmap_memory_bytes(const struct fpmap *m);

#endif
