/*
 * The JSON writer: state is the nesting, whether a comma is due and whether a key waits for its
 * value. Misuse stops the program; data that cannot be written (too deep, no room) makes the
 * document not ok.
 */
#include "base/json.h"

#include "base/ensure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void json_init(struct json *j, struct buf *out)
{
	memset(j, 0, sizeof(*j));
	j->out = out;
}

static void put(struct json *j, const char *s, size_t n)
{
	buf_append(j->out, s, n);
}

/* Before any value: the comma, and the check that a member of an object has its key. */
static void before_value(struct json *j)
{
	if (j->depth > 0 && j->depth <= JSON_DEPTH_MAX && j->is_object[j->depth]) {
		ensure(j->has_key);
		j->has_key = false;
		return;
	}
	ensure(!j->has_key);
	if (j->not_first && j->depth > 0)
		put(j, ",", 1);
	j->not_first = true;
}

static void begin(struct json *j, bool object)
{
	before_value(j);
	put(j, object ? "{" : "[", 1);
	j->depth++;
	if (j->depth > JSON_DEPTH_MAX) {
		j->failed = true;
		object = false;
	} else {
		j->is_object[j->depth] = object;
	}
	j->not_first = false;
}

static void end(struct json *j, bool object)
{
	ensure(j->depth > 0);
	ensure(!j->has_key);
	ensure(j->depth > JSON_DEPTH_MAX || j->is_object[j->depth] == object);
	put(j, object ? "}" : "]", 1);
	j->depth--;
	j->not_first = true;
}

void json_open_object(struct json *j)
{
	begin(j, true);
}

void json_end_object(struct json *j)
{
	end(j, true);
}

void json_open_array(struct json *j)
{
	begin(j, false);
}

void json_end_array(struct json *j)
{
	end(j, false);
}

static void put_escape(struct json *j, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";
	char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
	const char *short_form;

	switch (c) {
	case '"':
		short_form = "\\\"";
		break;
	case '\\':
		short_form = "\\\\";
		break;
	case '\n':
		short_form = "\\n";
		break;
	case '\r':
		short_form = "\\r";
		break;
	case '\t':
		short_form = "\\t";
		break;
	default:
		put(j, text, sizeof(text));
		return;
	}
	put(j, short_form, 2);
}

/* Length of the well-formed UTF-8 sequence at p (n > 0 bytes left), 0 if there is none. */
static size_t utf8_length(const uint8_t *p, size_t n)
{
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = p[0] < 0x80   ? 1
		     : p[0] < 0xc2 ? 0
		     : p[0] < 0xe0 ? 2
		     : p[0] < 0xf0 ? 3
		     : p[0] < 0xf5 ? 4
				   : 0;
	uint32_t c;

	if (len <= 1 || len > n)
		return len > n ? 0 : len;
	c = p[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	return len;
}

bool utf8_is_valid(struct slice s)
{
	size_t len;

	for (size_t i = 0; i < s.n; i += len) {
		len = utf8_length(s.p + i, s.n - i);
		if (len == 0)
			return false;
	}
	return true;
}

static void put_string(struct json *j, struct slice s)
{
	size_t from = 0, i = 0;

	put(j, "\"", 1);
	while (i < s.n) {
		uint8_t c = s.p[i];
		size_t len = c >= 0x20 && c < 0x7f && c != '"' && c != '\\'
				     ? 1
				     : (c < 0x20 || c == '"' || c == '\\' || c == 0x7f
						       ? 0
						       : utf8_length(s.p + i, s.n - i));

		if (len > 0) {
			i += len;
			continue;
		}
		buf_append(j->out, s.p + from, i - from);
		if (c < 0x80)
			put_escape(j, c);
		else
			put(j, "\xef\xbf\xbd", 3);
		from = ++i;
	}
	if (i > from)
		buf_append(j->out, s.p + from, i - from);
	put(j, "\"", 1);
}

void json_key_slice(struct json *j, struct slice key)
{
	ensure(j->depth > 0 && !j->has_key);
	ensure(j->depth > JSON_DEPTH_MAX || j->is_object[j->depth]);
	if (j->not_first)
		put(j, ",", 1);
	put_string(j, key);
	put(j, ":", 1);
	j->not_first = true;
	/* Past the depth limit nothing is checked, nor will it be shown. */
	j->has_key = j->depth <= JSON_DEPTH_MAX;
}

void json_key(struct json *j, const char *key)
{
	json_key_slice(j, slice_str(key));
}

void json_str(struct json *j, struct slice s)
{
	before_value(j);
	put_string(j, s);
}

void json_cstr(struct json *j, const char *s)
{
	if (s)
		json_str(j, slice_str(s));
	else
		json_put_null(j);
}

void json_int(struct json *j, int64_t v)
{
	before_value(j);
	buf_printf(j->out, "%lld", (long long)v);
}

void json_uint(struct json *j, uint64_t v)
{
	before_value(j);
	buf_printf(j->out, "%llu", (unsigned long long)v);
}

void json_double(struct json *j, double v)
{
	char text[40];
	int n = 0;

	if (!isfinite(v)) {
		json_put_null(j);
		return;
	}
	before_value(j);
	for (int digits = 15; digits <= 17; digits++) {
		n = snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	/* A host program may have set a locale whose decimal point is a comma. */
	for (int i = 0; i < n; i++)
		if (text[i] == ',')
			text[i] = '.';
	put(j, text, (size_t)n);
}

void json_bool(struct json *j, bool v)
{
	before_value(j);
	put(j, v ? "true" : "false", v ? 4 : 5);
}

void json_put_null(struct json *j)
{
	before_value(j);
	put(j, "null", 4);
}

void json_base64(struct json *j, struct slice bytes)
{
	before_value(j);
	put(j, "\"", 1);
	base64_encode(j->out, bytes);
	put(j, "\"", 1);
}

void json_time_us(struct json *j, uint64_t us)
{
	before_value(j);
	buf_printf(j->out, "%llu.%06llu", (unsigned long long)(us / 1000000),
		(unsigned long long)(us % 1000000));
}

void json_raw(struct json *j, struct slice json)
{
	before_value(j);
	buf_append_slice(j->out, json);
}

void json_newline(struct json *j)
{
	ensure(j->depth == 0);
	put(j, "\n", 1);
	j->not_first = false;
}

bool json_ok(const struct json *j)
{
	return j->depth == 0 && !j->failed && !j->out->failed;
}
