/*
 * What the fuzz programs, their replay in `make check` and the sweeps of the unit tests share: each
 * decoder that reads bytes from outside, as a function of those bytes, with samples that it
 * accepts.
 */
#ifndef FUZZ_TARGETS_H
#define FUZZ_TARGETS_H

#include "base/buf.h"
#include "base/slice.h"

#include <stdbool.h>

struct target {
	const char *name; /* also the folder of its corpus */
	/* Decodes; what was accepted is encoded, decoded and encoded again, and must come out the
	 * same (ensure() stops otherwise). True when the bytes were accepted. */
	bool (*run)(struct slice in);
	/* Appends the i-th sample, i < samples. Always the same bytes. */
	void (*sample)(struct buf *out, unsigned i);
	unsigned samples;
	bool is_list; /* a part of a sample may be accepted */
};

extern const struct target model_targets[];
extern const unsigned model_target_count;
extern const struct target wire_targets[];
extern const unsigned wire_target_count;

/* Both encodings of what was accepted are the same. */
void targets_same(const struct buf *first, const struct buf *second);

#endif
