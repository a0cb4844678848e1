/*
 * The targets that model_targets.c lists and thing_targets.c has: what is shared by name.
 */
#ifndef FUZZ_THING_TARGETS_H
#define FUZZ_THING_TARGETS_H

#include "base/buf.h"
#include "base/slice.h"

#include <stdbool.h>

bool run_content(struct slice in);
void sample_content(struct buf *out, unsigned i);
bool run_thing_record(struct slice in);
void sample_thing_record(struct buf *out, unsigned i);
bool run_entry_record(struct slice in);
void sample_entry_record(struct buf *out, unsigned i);
bool run_item_record(struct slice in);
void sample_item_record(struct buf *out, unsigned i);
bool run_delivery_record(struct slice in);
void sample_delivery_record(struct buf *out, unsigned i);
bool run_grant_record(struct slice in);
void sample_grant_record(struct buf *out, unsigned i);
bool run_deal(struct slice in);
void sample_deal(struct buf *out, unsigned i);

#endif
