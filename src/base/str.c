/*
 * Strict text parsing. Numbers are read by hand (no locale, no leading blanks, overflow seen);
 * doubles go through strtod after a check of every character.
 */
#include "base/str.h"

#include "base/ensure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DOUBLE_TEXT_MAX 64

bool str_to_u64(struct slice s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned digit = (unsigned)s.p[i] - '0';

		if (digit > 9 || __builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, digit, &v))
			return false;
	}
	*out = v;
	return true;
}

bool str_to_i64(struct slice s, int64_t *out)
{
	bool negative = s.n > 0 && s.p[0] == '-';
	uint64_t v;

	if (!str_to_u64(negative ? slice_drop(s, 1) : s, &v))
		return false;
	if (v > (uint64_t)INT64_MAX + negative)
		return false;
	*out = negative ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

bool str_to_double(struct slice s, double *out)
{
	char text[DOUBLE_TEXT_MAX + 1], *end;
	double v;

	if (s.n == 0 || s.n > DOUBLE_TEXT_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!memchr("0123456789+-.eE", s.p[i], 15))
			return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	v = strtod(text, &end);
	if (end != text + s.n || !isfinite(v))
		return false;
	*out = v;
	return true;
}

/* Length of the leading part made of digits and dots. */
static size_t number_length(struct slice s)
{
	size_t n = 0;

	while (n < s.n && ((s.p[n] >= '0' && s.p[n] <= '9') || s.p[n] == '.'))
		n++;
	return n;
}

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{"", 1},
	{"B", 1},
	{"K", (uint64_t)1 << 10},
	{"M", (uint64_t)1 << 20},
	{"G", (uint64_t)1 << 30},
	{"T", (uint64_t)1 << 40},
	{NULL, 0},
};

static const struct unit time_units[] = {
	{"", 1000000},
	{"us", 1},
	{"ms", 1000},
	{"s", 1000000},
	{"m", 60 * (uint64_t)1000000},
	{"h", 3600 * (uint64_t)1000000},
	{"d", 86400 * (uint64_t)1000000},
	{NULL, 0},
};

/* A number, whole or with a fraction, times the factor of its unit. */
static bool parse_scaled(struct slice s, const struct unit *units, uint64_t *out)
{
	size_t n = number_length(s);
	struct slice number = slice_of(s.p, n), unit = slice_drop(s, n);
	uint64_t whole, product;
	double v;

	while (units->name && !slice_eq_str(unit, units->name))
		units++;
	if (!units->name)
		return false;
	if (str_to_u64(number, &whole)) {
		if (__builtin_mul_overflow(whole, units->factor, &product))
			return false;
		*out = product;
		return true;
	}
	if (!str_to_double(number, &v))
		return false;
	v = v * (double)units->factor + 0.5;
	if (v >= 0x1p64)
		return false;
	*out = (uint64_t)v;
	return true;
}

bool parse_size(struct slice s, uint64_t *out_bytes)
{
	struct slice ib = slice_str("iB"), b = slice_str("B");

	/* KiB and KB are K. */
	if (s.n > 3 && memcmp(s.p + s.n - 2, ib.p, 2) == 0)
		s.n -= 2;
	else if (s.n > 2 && s.p[s.n - 1] == b.p[0] && memchr("KMGT", s.p[s.n - 2], 4))
		s.n -= 1;
	return parse_scaled(s, size_units, out_bytes);
}

bool parse_duration_us(struct slice s, uint64_t *out_us)
{
	return parse_scaled(s, time_units, out_us);
}

bool str_copy(char *to, size_t cap, struct slice s)
{
	size_t n = s.n < cap ? s.n : cap - 1;

	ensure(cap > 0);
	if (n > 0)
		memcpy(to, s.p, n);
	to[n] = '\0';
	return n == s.n;
}

bool str_split(struct slice s, char sep, struct slice *head, struct slice *tail)
{
	const uint8_t *at = s.n ? memchr(s.p, sep, s.n) : NULL;

	if (!at) {
		*head = s;
		*tail = slice_empty();
		return false;
	}
	*head = slice_of(s.p, (size_t)(at - s.p));
	*tail = slice_drop(s, head->n + 1);
	return true;
}
