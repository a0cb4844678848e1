/*
 * What clients write into a submit: bodies, specs, arguments, words, keys.
 */
#include "value_targets.h"
#include "targets.h"

#include "base/ensure.h"
#include "codec/pack.h"
#include "model/block.h"
#include "model/limits.h"
#include "model/value.h"

#include <stdlib.h>

#define MAX_BYTES (64 << 20)

static bool dep_value(void *ctx, uint32_t index, struct slice *type, struct slice *bytes)
{
	(void)ctx;
	*type = slice_str(index == 0 ? VALUE_TYPE_MSGPACK : VALUE_TYPE_BYTES);
	*bytes = slice_str(index == 0 ? "\xa3one" : "two");
	return index < 2;
}

static bool dep_path(void *ctx, uint32_t index, struct slice *path)
{
	(void)ctx;
	*path = slice_str("/tmp/in");
	return index < 2;
}

static const struct value_source source = {
	.value = dep_value,
	.path = dep_path,
	.element = {(const uint8_t *)"\x2a", 1},
	.index = 7,
};

static bool args_run(struct slice args)
{
	struct buf out;
	const char *why = NULL;
	bool ok;

	buf_init(&out, MAX_BYTES);
	ok = args_substitute(&out, args, &source, &why);
	ensure(ok || (why && *why && out.n == 0));
	if (ok) {
		struct cursor c;

		cursor_init(&c, buf_slice(&out));
		cursor_skip(&c);
		ensure(cursor_at_end(&c));
		buf_clear(&out);
		ensure(value_to_json(&out, slice_str(VALUE_TYPE_MSGPACK), args, NULL, NULL));
	}
	buf_release(&out);
	return ok;
}

bool run_value(struct slice in)
{
	struct buf out;
	bool ok;

	buf_init(&out, MAX_BYTES);
	ok = value_to_json(&out, slice_str(VALUE_TYPE_MSGPACK), in, NULL, NULL);
	ensure(ok == (out.n > 0));
	buf_release(&out);
	args_run(in);
	return ok;
}

static bool words_run(struct cursor *c, uint32_t n)
{
	struct buf out;
	const char *why = NULL;
	bool ok = true;

	buf_init(&out, MAX_BYTES);
	for (uint32_t i = 0; i < n && ok; i++) {
		size_t before = out.n;

		ok = word_expand(&out, c, &source, &why);
		ensure(ok || (why && *why && out.n == before));
	}
	buf_release(&out);
	return ok;
}

bool run_word(struct slice in)
{
	struct cursor c;

	cursor_init(&c, in);
	return words_run(&c, 1) && cursor_at_end(&c);
}

bool run_spec(struct slice in)
{
	struct spec s;
	const char *why = NULL;

	if (!spec_decode(in, &s, &why)) {
		ensure(why && *why);
		return false;
	}
	if (s.kind == SPEC_FUNC)
		args_run(s.args);
	else
		words_run(&s.argv, s.argc);
	for (uint32_t i = 0; i < 2 * s.nenv; i++)
		cursor_str(&s.env);
	ensure(cursor_ok(&s.env));
	return true;
}

/* Writes an entry again, with all that its readers give. */
static void entry_copy(struct buf *out, struct block_entry *e)
{
	struct dep_ref *deps = calloc(e->ndeps + 1, sizeof(*deps));
	struct slice labels[LIMIT_LABELS];

	ensure(deps != NULL);
	for (uint32_t i = 0; i < e->ndeps; i++)
		ensure(block_entry_dep(e, &deps[i]));
	for (uint32_t i = 0; i < e->nlabels; i++)
		ensure(block_entry_label(e, &labels[i]));
	block_entry_encode(out, e, deps, labels);
	free(deps);
}

static bool body_copy(struct buf *out, struct slice in)
{
	struct block_reader r;
	struct block_entry e;

	block_reader_init(&r, in);
	while (cursor_left(&r.c) > 0) {
		if (!block_reader_next(&r, &e)) {
			ensure(r.why && *r.why);
			return false;
		}
		entry_copy(out, &e);
	}
	return block_reader_end(&r);
}

static bool array_copy(struct buf *out, struct slice in)
{
	struct block_reader r;
	struct block_entry e;
	struct cursor inputs;
	uint64_t n;

	block_reader_init(&r, in);
	if (!block_reader_next(&r, &e) || !block_reader_inputs(&r, &n, &inputs) ||
		!block_reader_end(&r)) {
		ensure(r.why && *r.why);
		return false;
	}
	entry_copy(out, &e);
	if (n == 0)
		pack_nil(out);
	else
		pack_array(out, (uint32_t)n);
	for (uint64_t i = 0; i < n; i++)
		pack_raw(out, cursor_raw(&inputs));
	ensure(cursor_at_end(&inputs) || n == 0);
	return true;
}

static bool run_copy(struct slice in, bool (*copy)(struct buf *out, struct slice in))
{
	struct buf first, second;
	bool ok;

	buf_init(&first, MAX_BYTES);
	buf_init(&second, MAX_BYTES);
	ok = copy(&first, in);
	/* Shorter forms of what was near the limit may only make it smaller. */
	if (ok) {
		ensure(copy(&second, buf_slice(&first)));
		targets_same(&first, &second);
	}
	buf_release(&first);
	buf_release(&second);
	return ok;
}

bool run_body(struct slice in)
{
	return run_copy(in, body_copy);
}

bool run_array_body(struct slice in)
{
	return run_copy(in, array_copy);
}

bool run_key(struct slice in)
{
	struct slice ns, key;
	const char *why = NULL;
	char text[GENERATED_KEY_BYTES];
	int64_t element;
	uint64_t id = key_parse_generated(in);
	bool valid = key_is_valid(in, &why);

	ensure(valid || (why && *why));
	if (id) {
		ensure(!valid);
		ensure(slice_eq(slice_of(text, key_generate(text, id)), in));
	}
	if (valid)
		ensure(key_split(in, &ns, &key, &element) && slice_eq(key, in) && element == -1);
	return key_split(in, &ns, &key, &element);
}

/* --- samples --- */

static void exec_spec(struct buf *out)
{
	pack_array(out, 5);
	pack_u64(out, SPEC_EXEC);
	pack_array(out, 3);
	pack_cstr(out, "sort");
	pack_cstr(out, "-n");
	pack_array(out, 2);
	pack_cstr(out, "--out=");
	pack_ext(out, EXT_FUTURE, slice_of("\0\0\0\1", 4));
	pack_map(out, 1);
	pack_cstr(out, "LANG");
	pack_cstr(out, "C");
	pack_cstr(out, "/srv");
	pack_bin(out, slice_str("3\n1\n2\n"));
}

void sample_value(struct buf *out, unsigned i)
{
	if (i == 0) {
		pack_array(out, 3);
		pack_ext(out, EXT_FUTURE, slice_of("\0\0\0\0", 4));
		pack_ext(out, EXT_FUTURE, slice_of("\0\0\0\1", 4));
		pack_map(out, 2);
		pack_cstr(out, "element");
		pack_ext(out, EXT_ELEMENT, slice_empty());
		pack_u64(out, 300);
		pack_ext(out, EXT_INDEX, slice_empty());
		return;
	}
	pack_array(out, 7);
	pack_nil(out);
	pack_bool(out, i == 1);
	pack_i64(out, -70000);
	pack_double(out, 0.1);
	pack_cstr(out, "caf\xc3\xa9 \"\n");
	pack_bin(out, slice_of("\0\xff", 2));
	if (i == 1) {
		pack_u64(out, UINT64_MAX);
		return;
	}
	pack_map(out, 1);
	pack_array(out, 1);
	pack_map(out, 1);
	pack_array(out, 0);
	pack_map(out, 0);
	pack_array(out, 0);
}

void sample_spec(struct buf *out, unsigned i)
{
	struct buf args;

	if (i == 0) {
		exec_spec(out);
		return;
	}
	buf_init(&args, MAX_BYTES);
	sample_value(&args, i - 1);
	spec_encode_func(out, slice_str("twice"), buf_slice(&args));
	buf_release(&args);
}

static void entry(struct buf *out, const char *key, uint32_t ndeps, uint32_t nlabels, unsigned kind)
{
	static const struct dep_ref deps[2] = {
		{.id = 0x500000010},
		{.key = {(const uint8_t *)"bob/table[3]", 12}},
	};
	struct slice labels[2] = {slice_str("night"), slice_str("gpu")};
	struct buf spec;

	buf_init(&spec, MAX_BYTES);
	sample_spec(&spec, kind);
	block_entry_encode(out,
		&(struct block_entry){
			.key = slice_str(key),
			.ndeps = ndeps,
			.nlabels = nlabels,
			.detached = nlabels > 0,
			.once = ndeps > 1,
			.spec = buf_slice(&spec),
		},
		deps, labels);
	buf_release(&spec);
}

void sample_body(struct buf *out, unsigned i)
{
	entry(out, "report", 2, 2, 0);
	if (i == 0)
		return;
	entry(out, NULL, 0, 0, 1);
	entry(out, "caf\xc3\xa9", 1, 1, 2);
}

void sample_array_body(struct buf *out, unsigned i)
{
	entry(out, "squares", i, 0, 1);
	if (i == 0) {
		pack_nil(out);
		return;
	}
	pack_array(out, 3);
	pack_u64(out, 1);
	sample_value(out, 1);
	pack_cstr(out, "three");
}

void sample_word(struct buf *out, unsigned i)
{
	if (i == 0) {
		pack_cstr(out, "plain");
		return;
	}
	pack_array(out, 4);
	pack_cstr(out, "--in=");
	pack_ext(out, EXT_FUTURE, slice_of("\0\0\0\1", 4));
	pack_ext(out, EXT_ELEMENT, slice_empty());
	if (i == 1)
		pack_ext(out, EXT_INDEX, slice_empty());
	else
		pack_bin(out, slice_str("\xff\xfe"));
}

void sample_key(struct buf *out, unsigned i)
{
	static const char *const keys[] = {
		"report", "alice/report", "squares[17]", "dq-5-17", "caf\xc3\xa9", "a/dq-1-1[0]"};

	buf_append_slice(out, slice_str(keys[i]));
}
