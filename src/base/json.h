/*
 * Writes one JSON document (or several, one a line) into a struct buf.
 *
 *	json_init(&j, &out);
 *	json_open_object(&j); json_key(&j, "n"); json_uint(&j, 1); json_end_object(&j);
 *
 * The names keep clear of jansson's, which the commands link too.
 *
 * Commas are put by the writer. A value where a key is due, or an end that matches nothing, is a
 * bug: ensure() stops. Nesting past JSON_DEPTH_MAX, or a failed buffer, is data: it makes json_ok
 * false. Bytes that are not UTF-8 become U+FFFD each. NaN and infinities become null.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX 128

struct json {
	struct buf *out;
	unsigned depth;
	bool failed;    /* nested too deep */
	bool has_key;   /* a key was written, its value is due */
	bool not_first; /* a comma is due before the next member */
	bool is_object[JSON_DEPTH_MAX + 1];
};

void json_init(struct json *j, struct buf *out);

void json_open_object(struct json *j);
void json_end_object(struct json *j);
void json_open_array(struct json *j);
void json_end_array(struct json *j);
void json_key(struct json *j, const char *key);
void json_key_slice(struct json *j, struct slice key);
void json_str(struct json *j, struct slice s);
void json_cstr(struct json *j, const char *s); /* NULL gives null */
void json_int(struct json *j, int64_t v);
void json_uint(struct json *j, uint64_t v);
void json_double(struct json *j, double v); /* the shortest form that reads back the same */
void json_bool(struct json *j, bool v);
void json_put_null(struct json *j);
void json_base64(struct json *j, struct slice bytes); /* a string of base64 */
/* Microseconds since 1970 as seconds with a fraction: 1769860800.123456. */
void json_time_us(struct json *j, uint64_t us);
/* One value that is JSON already; not checked. */
void json_raw(struct json *j, struct slice json);

/* A newline between documents; all that was opened must be closed. */
void json_newline(struct json *j);
/* Everything closed, nothing failed. */
bool json_ok(const struct json *j);

/* Standard alphabet with padding. */
void base64_encode(struct buf *out, struct slice bytes);
/*
 * Appends the decoded bytes; false (and nothing appended) on anything that is not base64 with
 * padding.
 */
bool base64_decode(struct buf *out, struct slice text);
/* Lower-case hexadecimal. */
void hex_encode(struct buf *out, struct slice bytes);

/* Are the bytes well-formed UTF-8 (no surrogates, no overlong forms)? */
bool utf8_is_valid(struct slice s);

#endif
