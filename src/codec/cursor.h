/*
 * Reads msgpack from bytes that nobody vouches for. No allocation, no recursion, every read
 * bounded.
 *
 * The error is sticky: after the first one every getter returns 0, false or the empty slice, and
 * the cursor stands at its end; test cursor_ok once after reading a record. Slices point into the
 * input and live as long as it. Numbers: any integer form that holds the value is accepted. Counts
 * of arrays and maps are never larger than what the rest of the input could hold, so that a lying
 * header cannot make a caller allocate much: it still should cap them. Not thread-safe; copying the
 * struct saves the position.
 */
#ifndef CODEC_CURSOR_H
#define CODEC_CURSOR_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CURSOR_DEPTH_MAX 64

struct cursor {
	const uint8_t *p, *end;
	const char *error; /* NULL, or a literal: what was wrong first */
};

enum cursor_type {
	CURSOR_END, /* no more bytes, or an earlier error */
	CURSOR_NIL,
	CURSOR_BOOL,
	CURSOR_UINT, /* an integer >= 0 in an unsigned or positive fixed form, or a signed form */
	CURSOR_INT,  /* a signed form with a negative value */
	CURSOR_DOUBLE,
	CURSOR_STR,
	CURSOR_BIN,
	CURSOR_ARRAY,
	CURSOR_MAP,
	CURSOR_EXT,
	CURSOR_INVALID, /* the byte 0xc1, which msgpack never uses */
};

static inline void cursor_init(struct cursor *c, struct slice in)
{
	c->p = in.p;
	c->end = in.n ? in.p + in.n : in.p;
	c->error = NULL;
}

/* Makes the cursor fail for a reason of the caller's (a literal); keeps an earlier reason. */
void cursor_fail(struct cursor *c, const char *why);

static inline bool cursor_ok(const struct cursor *c)
{
	return c->error == NULL;
}

/* "" if there was none. */
static inline const char *cursor_error(const struct cursor *c)
{
	return c->error ? c->error : "";
}

static inline size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->p);
}

/* All bytes read and no error. */
static inline bool cursor_at_end(const struct cursor *c)
{
	return c->p == c->end && c->error == NULL;
}

/* What the next value is; reads nothing. */
enum cursor_type cursor_type(const struct cursor *c);

/* The forms out of line: any encoding. */
uint64_t cursor_u64_any(struct cursor *c);
struct slice cursor_str_any(struct cursor *c);
struct slice cursor_bin_any(struct cursor *c);
uint32_t cursor_array_any(struct cursor *c);
uint32_t cursor_map_any(struct cursor *c);

void cursor_nil(struct cursor *c);
bool cursor_bool(struct cursor *c);
int64_t cursor_i64(struct cursor *c);
double cursor_double(struct cursor *c); /* also takes float 32 and integers */

/* If the next value is nil, reads it and returns true; else reads nothing. For optional fields. */
static inline bool cursor_try_nil(struct cursor *c)
{
	if (c->p == c->end || *c->p != 0xc0)
		return false;
	c->p++;
	return true;
}

static inline uint64_t cursor_u64(struct cursor *c)
{
	if (__builtin_expect(c->p != c->end && *c->p < 0x80, 1))
		return *c->p++;
	return cursor_u64_any(c);
}

/* An integer up to max, else an error. */
static inline uint64_t cursor_u64_max(struct cursor *c, uint64_t max)
{
	uint64_t v = cursor_u64(c);

	if (__builtin_expect(v > max, 0)) {
		cursor_fail(c, "number out of range");
		return 0;
	}
	return v;
}

static inline uint32_t cursor_u32(struct cursor *c)
{
	return (uint32_t)cursor_u64_max(c, UINT32_MAX);
}

static inline struct slice cursor_str(struct cursor *c)
{
	if (__builtin_expect(c->p != c->end && (*c->p & 0xe0) == 0xa0, 1)) {
		size_t n = *c->p & 0x1f;

		if (__builtin_expect(cursor_left(c) > n, 1)) {
			struct slice s = {.p = c->p + 1, .n = n};

			c->p += 1 + n;
			return s;
		}
	}
	return cursor_str_any(c);
}

static inline struct slice cursor_bin(struct cursor *c)
{
	if (__builtin_expect(cursor_left(c) >= 2 && *c->p == 0xc4, 1)) {
		size_t n = c->p[1];

		if (__builtin_expect(cursor_left(c) - 2 >= n, 1)) {
			struct slice s = {.p = c->p + 2, .n = n};

			c->p += 2 + n;
			return s;
		}
	}
	return cursor_bin_any(c);
}

/* Either form: what other encoders may write for bytes. */
struct slice cursor_str_or_bin(struct cursor *c);

/* The count of elements; at most the bytes left. */
static inline uint32_t cursor_array(struct cursor *c)
{
	if (__builtin_expect(c->p != c->end && (*c->p & 0xf0) == 0x90, 1)) {
		uint32_t n = *c->p & 0x0f;

		if (__builtin_expect(cursor_left(c) > n, 1)) {
			c->p++;
			return n;
		}
	}
	return cursor_array_any(c);
}

/* The count of pairs; at most half the bytes left. */
static inline uint32_t cursor_map(struct cursor *c)
{
	if (__builtin_expect(c->p != c->end && (*c->p & 0xf0) == 0x80, 1)) {
		uint32_t n = *c->p & 0x0f;

		if (__builtin_expect(cursor_left(c) > (size_t)n * 2, 1)) {
			c->p++;
			return n;
		}
	}
	return cursor_map_any(c);
}

/*
 * An array of at least `min` elements, as records that grow at their end are; returns how many it
 * has.
 */
uint32_t cursor_array_min(struct cursor *c, uint32_t min);
/*
 * Skips the elements of an array that a newer writer added: `have` elements, `read` of which were
 * read.
 */
void cursor_skip_rest(struct cursor *c, uint32_t have, uint32_t read);

struct slice cursor_ext(struct cursor *c, int8_t *type);

/* Steps over one value of any kind, nested CURSOR_DEPTH_MAX deep at most. */
void cursor_skip(struct cursor *c);
/* Steps over one value and returns its bytes, header included. */
struct slice cursor_raw(struct cursor *c);

#endif
