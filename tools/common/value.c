/*
 * msgpack as the commands see it: through codec/cursor.h, which bounds every read.
 */
#include "common/value.h"

#include "base/buf.h"
#include "model/terms.h"
#include "model/value.h"

#define VALUE_TEXT_MAX ((size_t)1 << 32)

bool value_json(struct json *j, struct slice value)
{
	struct buf text;
	bool ok;

	buf_init(&text, VALUE_TEXT_MAX);
	ok = value_to_json(&text, slice_str(VALUE_TYPE_MSGPACK), value, NULL, NULL);
	if (ok)
		json_raw(j, buf_slice(&text));
	else
		json_put_null(j);
	buf_release(&text);
	return ok;
}

enum cursor_type value_type(struct slice value)
{
	struct cursor c;

	cursor_init(&c, value);
	return cursor_type(&c);
}

bool value_is_nil(struct slice value)
{
	enum cursor_type type = value_type(value);

	return type == CURSOR_NIL || type == CURSOR_END;
}

struct slice value_member(struct slice map, const char *key)
{
	struct slice name, value;

	if (value_type(map) != CURSOR_MAP)
		return slice_empty();
	for (struct values v = values_of(map); values_next(&v, &name) && values_next(&v, &value);)
		if (slice_eq_str(value_bytes(name), key))
			return value;
	return slice_empty();
}

struct slice value_bytes(struct slice value)
{
	enum cursor_type type = value_type(value);
	struct cursor c;

	cursor_init(&c, value);
	if (type == CURSOR_STR)
		return cursor_str(&c);
	return type == CURSOR_BIN ? cursor_bin(&c) : slice_empty();
}

uint64_t value_u64(struct slice value, uint64_t otherwise)
{
	struct cursor c;

	cursor_init(&c, value);
	return cursor_type(&c) == CURSOR_UINT ? cursor_u64(&c) : otherwise;
}

int64_t value_i64(struct slice value, int64_t otherwise)
{
	struct cursor c;
	int64_t v;

	cursor_init(&c, value);
	v = cursor_i64(&c);
	return cursor_ok(&c) ? v : otherwise;
}

double value_double(struct slice value, double otherwise)
{
	enum cursor_type type = value_type(value);
	struct cursor c;

	cursor_init(&c, value);
	if (type != CURSOR_DOUBLE && type != CURSOR_UINT && type != CURSOR_INT)
		return otherwise;
	return cursor_double(&c);
}

struct values values_of(struct slice value)
{
	struct values v = {.left = 0};
	enum cursor_type type = value_type(value);

	cursor_init(&v.c, value);
	if (type == CURSOR_ARRAY)
		v.left = cursor_array(&v.c);
	else if (type == CURSOR_MAP)
		v.left = (uint64_t)cursor_map(&v.c) * 2;
	return v;
}

bool values_next(struct values *v, struct slice *out)
{
	if (v->left == 0)
		return false;
	v->left--;
	*out = cursor_raw(&v->c);
	return cursor_ok(&v->c);
}

void value_put_amount(struct buf *out, struct slice value)
{
	char text[AMOUNT_TEXT_BYTES];

	amount_format(text, (uint64_t)(value_double(value, 0) * AMOUNT_UNIT + 0.5));
	buf_printf(out, "%s", text);
}
