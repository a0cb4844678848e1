/*
 * Specs: what a task runs, as the client wrote it (doc/protocol.md, submit body). Read when a
 * submit comes in (block.c) and again by the worker that runs it; the scheduler keeps the bytes and
 * does not look inside.
 *
 * A function's arguments are only checked to be one well-formed value. Of a command each word is
 * checked to be a str or an array of parts, so that whoever submits hears of it, not the worker an
 * hour later.
 */
#include "model/block.h"

#include "codec/pack.h"
#include "model/decode.h"
#include "model/limits.h"

static void read_func(struct cursor *c, struct spec *out)
{
	out->function = cursor_str_limit(c, LIMIT_FUNCTION_BYTES, LIMIT_TEXT(FUNCTION_BYTES));
	if (out->function.n == 0)
		cursor_fail(c, "spec: no function named");
	out->args = cursor_raw(c);
}

/* A word: a str, or an array of parts: str, bin, or an extension type of ours. */
static void check_word(struct cursor *c)
{
	uint32_t parts;
	int8_t type;

	if (cursor_type(c) != CURSOR_ARRAY) {
		cursor_str(c);
		return;
	}
	parts = cursor_array(c);
	for (uint32_t i = 0; i < parts && cursor_ok(c); i++) {
		switch (cursor_type(c)) {
		case CURSOR_STR:
		case CURSOR_BIN:
			cursor_str_or_bin(c);
			break;
		case CURSOR_EXT:
			cursor_ext(c, &type);
			if (type < EXT_FUTURE || type > EXT_INDEX)
				cursor_fail(c, "argv: a part of an unknown kind");
			break;
		default:
			cursor_fail(c, "argv: a part is neither text nor a future");
		}
	}
}

static void read_env(struct cursor *c, struct spec *out)
{
	out->nenv = cursor_try_nil(c) ? 0 : cursor_map(c);
	out->env = *c;
	if (out->nenv > LIMIT_ENV_ENTRIES)
		cursor_fail(c, LIMIT_TEXT(ENV_ENTRIES));
	for (uint32_t i = 0; i < out->nenv && cursor_ok(c); i++) {
		if (cursor_str(c).n == 0)
			cursor_fail(c, "env: an empty name");
		cursor_str(c);
	}
}

static void read_exec(struct cursor *c, struct spec *out)
{
	out->argc = cursor_array_limit(c, LIMIT_ARGV_WORDS, LIMIT_TEXT(ARGV_WORDS));
	if (out->argc == 0)
		cursor_fail(c, "argv: no words");
	out->argv = *c;
	for (uint32_t i = 0; i < out->argc && cursor_ok(c); i++)
		check_word(c);
	read_env(c, out);
	out->cwd = cursor_try_nil(c) ? slice_empty() : cursor_str(c);
	out->has_input = !cursor_try_nil(c);
	if (out->has_input)
		out->input = cursor_bin(c);
}

bool spec_decode(struct slice in, struct spec *out, const char **why)
{
	struct cursor c;
	uint32_t have, read;
	uint64_t kind;

	*out = (struct spec){.kind = SPEC_FUNC};
	cursor_init(&c, in);
	if (in.n > LIMIT_SPEC_BYTES)
		cursor_fail(&c, LIMIT_TEXT(SPEC_BYTES));
	have = cursor_array_min(&c, 3);
	kind = cursor_u64(&c);
	if (__builtin_expect(kind == SPEC_FUNC, 1)) {
		read = 3;
		read_func(&c, out);
	} else {
		read = 5;
		out->kind = SPEC_EXEC;
		if (kind != SPEC_EXEC)
			cursor_fail(&c, "spec: unknown kind");
		else if (have < read)
			cursor_fail(&c, "spec: too short");
		read_exec(&c, out);
	}
	return record_end(&c, have, read, why);
}

void spec_encode_func(struct buf *out, struct slice function, struct slice args)
{
	pack_array(out, 3);
	pack_u64(out, SPEC_FUNC);
	pack_str(out, function);
	if (args.n)
		pack_raw(out, args);
	else
		pack_nil(out);
}
