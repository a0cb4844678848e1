/*
 * Strict parsing of text: the whole slice must be the value (no spaces, no rest), out of range is
 * false. *out changes only on success.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

bool str_to_u64(struct slice s, uint64_t *out);  /* decimal digits only */
bool str_to_i64(struct slice s, int64_t *out);   /* with an optional '-' */
bool str_to_double(struct slice s, double *out); /* finite; C locale forms, no hexadecimal */
/* "0", "64K", "1.5G": bytes; K M G T are powers of 1024, an optional "iB" or "B" may follow. */
bool parse_size(struct slice s, uint64_t *out_bytes);
/*
 * Seconds, may be fractional, not negative: "30", "0.5". Also with a unit: ms, s, m, h, d. Result
 * in microseconds.
 */
bool parse_duration_us(struct slice s, uint64_t *out_us);

/* Copies s and a NUL into `to` (cap bytes, cap > 0); false, and a cut copy, if it does not fit. */
bool str_copy(char *to, size_t cap, struct slice s);

/* Splits at the first `sep`: true and both halves; false leaves *head the whole and *tail empty. */
bool str_split(struct slice s, char sep, struct slice *head, struct slice *tail);

#endif
