/*
 * The targets that model_targets.c lists and value_targets.c has: what clients write into a submit.
 */
#ifndef FUZZ_VALUE_TARGETS_H
#define FUZZ_VALUE_TARGETS_H

#include "base/buf.h"
#include "base/slice.h"

#include <stdbool.h>

bool run_spec(struct slice in);
void sample_spec(struct buf *out, unsigned i);
bool run_body(struct slice in);
void sample_body(struct buf *out, unsigned i);
bool run_array_body(struct slice in);
void sample_array_body(struct buf *out, unsigned i);
bool run_value(struct slice in);
void sample_value(struct buf *out, unsigned i);
bool run_word(struct slice in);
void sample_word(struct buf *out, unsigned i);
bool run_key(struct slice in);
void sample_key(struct buf *out, unsigned i);

#endif
