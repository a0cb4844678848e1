/*
 * JSON to msgpack, by jansson and dq_args. Numbers with a fraction or an exponent are doubles, the
 * others integers of 64 bits; a larger one is an error rather than a rounded one.
 */
#include "argjson.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/slice.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define ARG_DEPTH_MAX 60 /* the protocol's 64, less what a spec wraps around its arguments */
#define ARG_BYTES_MAX ((size_t)1 << 30)

/* {"$bytes":...} and {"$key":...} stand for what JSON has not. */
static const char *special(json_t *j, const char *name)
{
	json_t *value = json_object_size(j) == 1 ? json_object_get(j, name) : NULL;

	return value && json_is_string(value) ? json_string_value(value) : NULL;
}

static bool check(json_t *j, unsigned depth, const char **why)
{
	const char *text;
	struct buf bytes;
	const char *key;
	json_t *value;
	size_t i;

	if (depth > ARG_DEPTH_MAX) {
		*why = "nested too deep";
		return false;
	}
	text = special(j, "$bytes");
	if (text) {
		bool ok;

		buf_init(&bytes, ARG_BYTES_MAX);
		ok = base64_decode(&bytes, slice_str(text));
		buf_release(&bytes);
		if (!ok)
			*why = "$bytes is not base64";
		return ok;
	}
	json_array_foreach(j, i, value) if (!check(value, depth + 1, why)) return false;
	json_object_foreach(j, key, value) if (!check(value, depth + 1, why)) return false;
	return true;
}

static void append(struct dq_args *args, json_t *j);

static void append_bytes(struct dq_args *args, const char *base64)
{
	struct buf bytes;

	buf_init(&bytes, ARG_BYTES_MAX);
	if (base64_decode(&bytes, slice_str(base64)))
		dq_args_bytes(args, bytes.n ? (const void *)bytes.p : "", bytes.n);
	buf_release(&bytes);
}

static void append_object(struct dq_args *args, json_t *j)
{
	const char *bytes = special(j, "$bytes"), *future = special(j, "$key"), *key;
	json_t *value;

	if (bytes) {
		append_bytes(args, bytes);
		return;
	}
	if (future) {
		dq_args_key(args, future);
		return;
	}
	dq_args_map(args, (uint32_t)json_object_size(j));
	json_object_foreach(j, key, value)
	{
		dq_args_str(args, key);
		append(args, value);
	}
}

static void append(struct dq_args *args, json_t *j)
{
	json_t *value;
	size_t i;

	switch (json_typeof(j)) {
	case JSON_OBJECT:
		append_object(args, j);
		break;
	case JSON_ARRAY:
		dq_args_array(args, (uint32_t)json_array_size(j));
		json_array_foreach(j, i, value) append(args, value);
		break;
	case JSON_STRING:
		dq_args_strn(args, json_string_value(j), json_string_length(j));
		break;
	case JSON_INTEGER:
		dq_args_int(args, json_integer_value(j));
		break;
	case JSON_REAL:
		dq_args_double(args, json_real_value(j));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		dq_args_bool(args, json_is_true(j));
		break;
	case JSON_NULL:
		dq_args_nil(args);
		break;
	}
}

bool args_json(struct dq_args *args, const char *text, char *why, size_t why_bytes)
{
	const char *wrong = NULL;
	json_error_t error;
	json_t *j = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

	if (!j) {
		snprintf(why, why_bytes, "not JSON: %s", error.text);
		return false;
	}
	if (!check(j, 1, &wrong)) {
		snprintf(why, why_bytes, "%s", wrong);
		json_decref(j);
		return false;
	}
	append(args, j);
	json_decref(j);
	return true;
}
