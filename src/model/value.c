/*
 * Arguments with their futures filled in, and the words of commands (value.h). The worker calls
 * these once a task, before it runs; everything comes from clients and from other tasks, so all of
 * it is checked.
 *
 * Filling in keeps the number of elements of every array and map, so headers are copied as they
 * stand: the arguments go over in stretches, broken only where something is put in. No recursion,
 * no allocation but the output's.
 */
#include "model/value.h"

#include "codec/pack.h"
#include "model/block.h"
#include "model/decode.h"

#include <string.h>

bool future_index(struct slice ext, uint32_t *index)
{
	if (ext.n != 4)
		return false;
	*index = (uint32_t)ext.p[0] << 24 | (uint32_t)ext.p[1] << 16 | (uint32_t)ext.p[2] << 8 |
		 ext.p[3];
	return true;
}

static bool is_one_value(struct slice bytes)
{
	struct cursor c;

	cursor_init(&c, bytes);
	cursor_skip(&c);
	return cursor_at_end(&c);
}

/* What stands for an extension of ours. False: *why. */
static bool put_future(
	struct buf *out, struct slice ext, const struct value_source *from, const char **why)
{
	struct slice type, bytes;
	uint32_t index;

	if (!future_index(ext, &index)) {
		*why = "arguments: a malformed future";
		return false;
	}
	if (!from->value || !from->value(from->ctx, index, &type, &bytes)) {
		*why = "arguments: a future that is no dependency";
		return false;
	}
	if (slice_eq_str(type, VALUE_TYPE_NONE)) {
		pack_nil(out);
		return true;
	}
	if (!slice_eq_str(type, VALUE_TYPE_MSGPACK)) {
		pack_bin(out, bytes);
		return true;
	}
	if (!is_one_value(bytes)) {
		*why = "arguments: a dependency's value is not the msgpack that it says";
		return false;
	}
	pack_raw(out, bytes);
	return true;
}

static bool put_element(struct buf *out, const struct value_source *from, const char **why)
{
	if (from->element.n == 0) {
		pack_nil(out);
		return true;
	}
	if (!is_one_value(from->element)) {
		*why = "arguments: the element's input is not one value";
		return false;
	}
	pack_raw(out, from->element);
	return true;
}

static void put_index(struct buf *out, const struct value_source *from)
{
	if (from->index < 0)
		pack_nil(out);
	else
		pack_u64(out, (uint64_t)from->index);
}

static bool is_ours(int8_t type)
{
	return type >= EXT_FUTURE && type <= EXT_INDEX;
}

static bool put_ext(struct buf *out, int8_t type, struct slice ext, const struct value_source *from,
	const char **why)
{
	if (type == EXT_FUTURE)
		return put_future(out, ext, from, why);
	if (type == EXT_ELEMENT)
		return put_element(out, from, why);
	put_index(out, from);
	return true;
}

/* Walks the values flat, counting how many are still due. `args` is known to be well-formed. */
static bool substitute(
	struct buf *out, struct slice args, const struct value_source *from, const char **why)
{
	const uint8_t *copied = args.p;
	const uint8_t *at;
	uint64_t due = 1;
	struct cursor c;
	struct slice ext;
	int8_t type;

	cursor_init(&c, args);
	for (; due > 0; due--) {
		switch (cursor_type(&c)) {
		case CURSOR_ARRAY:
			due += cursor_array(&c);
			break;
		case CURSOR_MAP:
			due += 2 * (uint64_t)cursor_map(&c);
			break;
		case CURSOR_EXT:
			at = c.p;
			ext = cursor_ext(&c, &type);
			if (!is_ours(type))
				break;
			buf_append(out, copied, (size_t)(at - copied));
			copied = c.p;
			if (!put_ext(out, type, ext, from, why))
				return false;
			break;
		default:
			cursor_skip(&c);
		}
	}
	buf_append(out, copied, (size_t)(c.p - copied));
	return true;
}

bool args_substitute(
	struct buf *out, struct slice args, const struct value_source *from, const char **why)
{
	size_t start = out->n;
	bool ok = false;

	if (!is_one_value(args))
		*why = "arguments: not one well-formed value";
	else
		ok = substitute(out, args, from, why);
	if (ok && out->failed) {
		*why = "arguments: too large with their values";
		ok = false;
	}
	if (!ok)
		buf_truncate(out, start);
	return ok;
}

/* --- words --- */

static bool expand_element(struct buf *out, const struct value_source *from, const char **why)
{
	struct cursor c;
	struct slice text;

	cursor_init(&c, from->element);
	switch (cursor_type(&c)) {
	case CURSOR_STR:
	case CURSOR_BIN:
		text = cursor_str_or_bin(&c);
		buf_append_slice(out, text);
		break;
	case CURSOR_END:
		buf_append(out, "null", 4);
		return true;
	default:
		if (value_to_json(out, slice_str(VALUE_TYPE_MSGPACK), from->element, NULL, NULL))
			return true;
		*why = "word: the element's input is not one value";
		return false;
	}
	if (cursor_at_end(&c))
		return true;
	*why = "word: the element's input is not one value";
	return false;
}

static bool expand_path(
	struct buf *out, struct slice ext, const struct value_source *from, const char **why)
{
	struct slice path;
	uint32_t index;

	if (!future_index(ext, &index)) {
		*why = "word: a malformed future";
		return false;
	}
	if (!from->path || !from->path(from->ctx, index, &path)) {
		*why = "word: a future that is no dependency";
		return false;
	}
	buf_append_slice(out, path);
	return true;
}

static bool expand_part(
	struct buf *out, struct cursor *c, const struct value_source *from, const char **why)
{
	struct slice ext;
	int8_t type;

	if (cursor_type(c) != CURSOR_EXT) {
		buf_append_slice(out, cursor_str_or_bin(c));
		return true;
	}
	ext = cursor_ext(c, &type);
	switch (type) {
	case EXT_FUTURE:
		return expand_path(out, ext, from, why);
	case EXT_ELEMENT:
		return expand_element(out, from, why);
	case EXT_INDEX:
		if (from->index >= 0)
			buf_printf(out, "%lld", (long long)from->index);
		return true;
	default:
		*why = "word: a part of an unknown kind";
		return false;
	}
}

static bool expand(
	struct buf *out, struct cursor *word, const struct value_source *from, const char **why)
{
	uint32_t parts;

	if (cursor_type(word) != CURSOR_ARRAY) {
		buf_append_slice(out, cursor_str(word));
		return true;
	}
	parts = cursor_array(word);
	for (uint32_t i = 0; i < parts && cursor_ok(word); i++) {
		if (!expand_part(out, word, from, why))
			return false;
	}
	return true;
}

bool word_expand(
	struct buf *out, struct cursor *word, const struct value_source *from, const char **why)
{
	size_t start = out->n;
	bool ok = expand(out, word, from, why);

	if (ok && !cursor_ok(word)) {
		*why = cursor_error(word);
		ok = false;
	} else if (ok && out->failed) {
		*why = "word: too long";
		ok = false;
	} else if (ok && out->n > start && memchr(out->p + start, 0, out->n - start)) {
		*why = "word: has a zero byte";
		ok = false;
	}
	if (!ok)
		buf_truncate(out, start);
	return ok;
}
