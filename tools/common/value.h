/*
 * Looking into msgpack values, and showing them as JSON. A value is the slice of its bytes, which
 * nobody vouches for: what is not there, or is of another kind, reads as the default. Nothing
 * allocates but the JSON's buffer. Threads: any.
 */
#ifndef COMMON_VALUE_H
#define COMMON_VALUE_H

#include "base/json.h"
#include "base/slice.h"
#include "codec/cursor.h"

#include <stdbool.h>
#include <stdint.h>

/* Writes one value, as model/value.h shows values; false, with null written: it is not one. */
bool value_json(struct json *j, struct slice value);

enum cursor_type value_type(struct slice value);
/* The value of a map's string key; the empty slice where there is none. */
struct slice value_member(struct slice map, const char *key);
/* The bytes of a str or bin; the empty slice for other kinds. */
struct slice value_bytes(struct slice value);
uint64_t value_u64(struct slice value, uint64_t otherwise);
int64_t value_i64(struct slice value, int64_t otherwise);
double value_double(struct slice value, double otherwise);
/* Appends an amount of a resource as people write it: "0.5", "4G". */
void value_put_amount(struct buf *out, struct slice value);
bool value_is_nil(struct slice value); /* nil, or not there */

/*
 * The elements of an array, or the keys and values of a map one after the other:
 *	for (struct values v = values_of(array); values_next(&v, &one);)
 */
struct values {
	struct cursor c;
	uint64_t left;
};
struct values values_of(struct slice value);
bool values_next(struct values *v, struct slice *out);

#endif
