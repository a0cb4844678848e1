/*
 * Sweeps over a target: all its samples, each cut at every byte, and seeded random changes of them.
 * A bug stops the program by ensure() or a sanitizer.
 */
#ifndef FUZZ_SWEEP_H
#define FUZZ_SWEEP_H

#include "targets.h"

#include <stdint.h>

/* Each sample is accepted. */
void sweep_samples(const struct target *t);
/* No sample is accepted that lacks its end (of a list: none of its cuts crashes), nor one with a
 * byte too many. */
void sweep_cuts(const struct target *t);
/* `rounds` inputs made from `in` by changing, inserting, removing and repeating bytes. */
void sweep_mutations(const struct target *t, struct slice in, unsigned rounds, uint64_t seed);

#endif
