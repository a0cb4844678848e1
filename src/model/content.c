/*
 * Contents of variables and items: see content.h.
 */
#include "model/content.h"

#include "codec/pack.h"
#include "model/decode.h"
#include "model/limits.h"

void content_encode(struct buf *out, const struct content *c)
{
	pack_array(out, c->nframes ? 3 : 2);
	pack_str(out, c->type);
	pack_bin(out, c->bytes);
	if (c->nframes)
		pack_raw(out, c->frames);
}

/* Sizes that add up to the bytes. */
static void check_frames(struct content *c, struct cursor *in)
{
	struct cursor at;
	uint64_t sum = 0;

	c->frames = cursor_raw(in);
	cursor_init(&at, c->frames);
	c->nframes = cursor_array_limit(&at, LIMIT_VALUE_FRAMES, LIMIT_TEXT(VALUE_FRAMES));
	for (uint32_t i = 0; i < c->nframes; i++)
		sum += cursor_u64_max(&at, c->bytes.n);
	if (!cursor_ok(&at))
		cursor_fail(in, cursor_error(&at));
	else if (sum != c->bytes.n)
		cursor_fail(in, "content: its frames do not add up");
}

bool content_decode(struct slice in, struct content *out, const char **why)
{
	struct cursor c;
	uint32_t have;

	*out = (struct content){.nframes = 0};
	cursor_init(&c, in);
	if (in.n > LIMIT_CONTENT_BYTES)
		cursor_fail(&c, LIMIT_TEXT(CONTENT_BYTES));
	have = cursor_array_min(&c, 2);
	out->type = cursor_str_limit(&c, LIMIT_TYPE_BYTES, LIMIT_TEXT(TYPE_BYTES));
	if (cursor_ok(&c) && out->type.n == 0)
		cursor_fail(&c, "content: its type has no name");
	out->bytes = cursor_bin(&c);
	if (have > 2)
		check_frames(out, &c);
	return record_end(&c, have, have > 2 ? 3 : 2, why);
}
