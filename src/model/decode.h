/*
 * Shared by the decoders of this folder and of wire/: the frame around a versioned record, and
 * reads with a limit. Inline, since submits and reports pass through them by the hundred thousand a
 * second. Any thread.
 */
#ifndef MODEL_DECODE_H
#define MODEL_DECODE_H

#include "base/buf.h"
#include "base/slice.h"
#include "codec/cursor.h"

#include <stdbool.h>
#include <stdint.h>

#define RECORD_VERSION 1

/* Opens a record of at least `min` elements, the version being the first. Returns how many it has.
 */
static inline uint32_t record_begin(struct cursor *c, struct slice in, uint32_t min)
{
	uint32_t n;

	cursor_init(c, in);
	n = cursor_array_min(c, min);
	if (cursor_u64(c) != RECORD_VERSION)
		cursor_fail(c, "unknown record version");
	return n;
}

/* Steps over what a newer writer added and closes: true when all bytes were read without a fault,
 * else *why. */
static inline bool record_end(struct cursor *c, uint32_t have, uint32_t read, const char **why)
{
	if (have > read)
		cursor_skip_rest(c, have, read);
	if (cursor_at_end(c))
		return true;
	cursor_fail(c, "bytes after the end");
	*why = cursor_error(c);
	return false;
}

/* A str of at most `max` bytes, else the fault `limit` (a literal). */
static inline struct slice cursor_str_limit(struct cursor *c, size_t max, const char *limit)
{
	struct slice s = cursor_str(c);

	if (__builtin_expect(s.n > max, 0)) {
		cursor_fail(c, limit);
		return slice_empty();
	}
	return s;
}

static inline struct slice cursor_bin_limit(struct cursor *c, size_t max, const char *limit)
{
	struct slice s = cursor_bin(c);

	if (__builtin_expect(s.n > max, 0)) {
		cursor_fail(c, limit);
		return slice_empty();
	}
	return s;
}

/* An array of at most `max` elements. */
static inline uint32_t cursor_array_limit(struct cursor *c, uint32_t max, const char *limit)
{
	uint32_t n = cursor_array(c);

	if (__builtin_expect(n > max, 0)) {
		cursor_fail(c, limit);
		return 0;
	}
	return n;
}

/* Nil, or one value of any kind: the empty slice for nil. */
static inline struct slice cursor_raw_or_nil(struct cursor *c)
{
	return cursor_try_nil(c) ? slice_empty() : cursor_raw(c);
}

/* An unsigned number in exactly `bytes` bytes, little-endian. */
static inline void le_put(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static inline uint64_t le_get(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = bytes; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

#endif
