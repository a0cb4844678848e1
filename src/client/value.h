/*
 * Making a struct dq_value: one aligned allocation with the bytes, then the sizes of the frames,
 * then the type's name.
 */
#ifndef CLIENT_VALUE_H
#define CLIENT_VALUE_H

#include "base/slice.h"
#include "model/row.h"

#include <dq/client.h>

#include <stdbool.h>
#include <stdint.h>

/* Room for n bytes, a type and frames. NULL: out of memory, or no size that memory could have. Free
 * with free(). */
uint8_t *value_alloc(uint64_t n, size_t type_bytes, uint32_t nframes);
/* Turns memory of value_alloc, whose first n bytes are the value, into a value that owns it.
 * frames: as in an outcome. False when frames do not add up to n; the memory stays the caller's. */
bool value_finish(struct dq_value *out, uint8_t *memory, uint64_t n, struct slice type,
	uint32_t nframes, struct slice frames);
/* A value with a copy of the bytes. 0, DQ_E_NO_MEMORY or DQ_E_PROTOCOL. */
int value_copy(struct dq_value *out, struct slice bytes, struct slice type, uint32_t nframes,
	struct slice frames);

#endif
