/*
 * Values as JSON, for the commands and for elements in words (value.h). JSON has fewer kinds than
 * msgpack: bytes and futures become small objects, keys that are not strings become their JSON
 * text.
 *
 * Depth is bounded before the walk begins: the whole value is stepped over once, which refuses what
 * is nested too deep or not well-formed. The recursion here is as deep as that at most.
 */
#include "base/json.h"
#include "codec/cursor.h"
#include "model/block.h"
#include "model/value.h"

struct json_walk {
	struct json json;
	struct cursor c;
	bool (*key_of)(void *ctx, uint32_t index, struct slice *key);
	void *ctx;
	bool in_key;
};

static void walk_value(struct json_walk *w);

static void write_bytes(struct json *j, struct slice bytes)
{
	json_open_object(j);
	json_key(j, "$bytes");
	json_base64(j, bytes);
	json_end_object(j);
}

static void write_future(struct json_walk *w, struct slice ext)
{
	struct slice key;
	uint32_t index;

	json_open_object(&w->json);
	if (!future_index(ext, &index)) {
		json_key(&w->json, "$future");
		json_put_null(&w->json);
	} else if (w->key_of && w->key_of(w->ctx, index, &key)) {
		json_key(&w->json, "$key");
		json_str(&w->json, key);
	} else {
		json_key(&w->json, "$future");
		json_uint(&w->json, index);
	}
	json_end_object(&w->json);
}

static void write_mark(struct json *j, const char *name)
{
	json_open_object(j);
	json_key(j, name);
	json_bool(j, true);
	json_end_object(j);
}

static void walk_ext(struct json_walk *w)
{
	int8_t type;
	struct slice ext = cursor_ext(&w->c, &type);

	switch (type) {
	case EXT_FUTURE:
		write_future(w, ext);
		break;
	case EXT_ELEMENT:
		write_mark(&w->json, "$element");
		break;
	case EXT_INDEX:
		write_mark(&w->json, "$index");
		break;
	default:
		json_open_object(&w->json);
		json_key(&w->json, "$ext");
		json_int(&w->json, type);
		json_key(&w->json, "$bytes");
		json_base64(&w->json, ext);
		json_end_object(&w->json);
	}
}

/*
 * A key that is no string: its JSON text, made apart. A map in such a key has base64 of the msgpack
 * for its own odd keys: text inside text inside text would double in size with each level.
 */
static void walk_odd_key(struct json_walk *w)
{
	struct json_walk inner = {.c = w->c, .key_of = w->key_of, .ctx = w->ctx, .in_key = true};
	struct buf text;

	buf_init(&text, w->json.out->max);
	json_init(&inner.json, &text);
	if (w->in_key)
		base64_encode(&text, cursor_raw(&inner.c));
	else
		walk_value(&inner);
	w->c = inner.c;
	json_key_slice(&w->json, buf_slice(&text));
	if (text.failed || !json_ok(&inner.json))
		w->json.failed = true;
	buf_release(&text);
}

static void walk_map(struct json_walk *w)
{
	uint32_t n = cursor_map(&w->c);

	json_open_object(&w->json);
	for (uint32_t i = 0; i < n && cursor_ok(&w->c); i++) {
		if (cursor_type(&w->c) == CURSOR_STR)
			json_key_slice(&w->json, cursor_str(&w->c));
		else
			walk_odd_key(w);
		walk_value(w);
	}
	json_end_object(&w->json);
}

static void walk_array(struct json_walk *w)
{
	uint32_t n = cursor_array(&w->c);

	json_open_array(&w->json);
	for (uint32_t i = 0; i < n && cursor_ok(&w->c); i++)
		walk_value(w);
	json_end_array(&w->json);
}

static void walk_value(struct json_walk *w)
{
	switch (cursor_type(&w->c)) {
	case CURSOR_BOOL:
		json_bool(&w->json, cursor_bool(&w->c));
		break;
	case CURSOR_UINT:
		json_uint(&w->json, cursor_u64(&w->c));
		break;
	case CURSOR_INT:
		json_int(&w->json, cursor_i64(&w->c));
		break;
	case CURSOR_DOUBLE:
		json_double(&w->json, cursor_double(&w->c));
		break;
	case CURSOR_STR:
		json_str(&w->json, cursor_str(&w->c));
		break;
	case CURSOR_BIN:
		write_bytes(&w->json, cursor_bin(&w->c));
		break;
	case CURSOR_ARRAY:
		walk_array(w);
		break;
	case CURSOR_MAP:
		walk_map(w);
		break;
	case CURSOR_EXT:
		walk_ext(w);
		break;
	case CURSOR_NIL:
	case CURSOR_END:
	case CURSOR_INVALID:
		cursor_nil(&w->c);
		json_put_null(&w->json);
		break;
	}
}

bool value_to_json(struct buf *out, struct slice type, struct slice bytes,
	bool (*key_of)(void *ctx, uint32_t index, struct slice *key), void *ctx)
{
	struct json_walk w = {.key_of = key_of, .ctx = ctx};
	struct cursor whole;
	size_t start = out->n;

	json_init(&w.json, out);
	if (!slice_eq_str(type, VALUE_TYPE_MSGPACK)) {
		write_bytes(&w.json, bytes);
	} else {
		cursor_init(&whole, bytes);
		cursor_skip(&whole);
		if (!cursor_at_end(&whole))
			return false;
		cursor_init(&w.c, bytes);
		walk_value(&w);
	}
	if (json_ok(&w.json) && !out->failed)
		return true;
	buf_truncate(out, start);
	return false;
}
