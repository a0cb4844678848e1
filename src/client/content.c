/*
 * dq_content to what an operation carries, and back to values. See things.h.
 *
 * A future is named by its id. One under a key of the user's has it only when its submit was
 * answered, since the task may be an older one: that is waited for.
 */
#include "client/args.h"
#include "client/client.h"
#include "client/things.h"
#include "client/value.h"

#include "base/alloc.h"
#include "codec/pack.h"
#include "model/content.h"
#include "model/value.h"

#include <stdlib.h>
#include <string.h>

/* ---- futures ---- */

static bool is_settled(void *arg)
{
	const struct dq_future *f = arg;

	return !future_is_unsettled(f) || (f->client->graph && outbox_is_empty(&f->client->outbox));
}

int thing_future_settle(struct dq_client *c, const struct dq_future *f, double timeout_s)
{
	int code;

	if (f->client != c)
		return client_error(c, DQ_E_USAGE, "a future of another client");
	code = things_await(c, is_settled, (void *)f, timeout_s);
	if (code)
		return code;
	if (future_is_unsettled(f))
		return client_error(c, DQ_E_USAGE, "the future of a graph that is not committed");
	if (future_state(f) == DQ_STATE_REFUSED) {
		const struct ended *e = future_ended(f);

		return client_error(c, e->error, "%s", (const char *)e->bytes);
	}
	return 0;
}

static int take_future(
	struct dq_client *c, struct thing_content *out, const struct dq_future *f, double timeout_s)
{
	int code;

	if (f->client == c && f->kind == FUTURE_ARRAY)
		return client_error(c, DQ_E_USAGE,
			"the future of an array: only those of its elements can be put");
	code = thing_future_settle(c, f, timeout_s);
	if (code == 0)
		out->value.task = future_id(f);
	return code;
}

static int take_key(struct dq_client *c, struct thing_content *out, const char *key)
{
	out->key = try_strdup(key);
	if (!out->key)
		return client_error_code(c, DQ_E_NO_MEMORY);
	out->value.key = slice_str(out->key);
	return 0;
}

/* ---- bytes ---- */

static int seal(struct dq_client *c, struct thing_content *out, const struct content *content)
{
	struct content again;
	const char *why = "";

	content_encode(&out->bytes, content);
	if (out->bytes.failed)
		return content->bytes.n > LIMIT_CONTENT_BYTES / 2
			       ? client_error(c, DQ_E_LIMIT, "%s", LIMIT_TEXT(CONTENT_BYTES))
			       : client_error_code(c, DQ_E_NO_MEMORY);
	if (!content_decode(buf_slice(&out->bytes), &again, &why))
		return client_error(c, DQ_E_LIMIT, "%s", why);
	out->value.content = buf_slice(&out->bytes);
	return 0;
}

static int take_bytes(struct dq_client *c, struct thing_content *out, const struct dq_content *in)
{
	struct content content = {.type = slice_str(in->type), .bytes = slice_of(in->bytes, in->n)};
	struct buf frames;
	uint64_t sum = 0;
	int code;

	if (in->n && !in->bytes)
		return client_error(c, DQ_E_USAGE, "content: no bytes");
	if (in->nframes > LIMIT_VALUE_FRAMES)
		return client_error(c, DQ_E_LIMIT, "%s", LIMIT_TEXT(VALUE_FRAMES));
	buf_init(&frames, LIMIT_CONTENT_BYTES);
	if (in->frames && in->nframes > 0) {
		content.nframes = (uint32_t)in->nframes;
		pack_array(&frames, content.nframes);
		for (size_t i = 0; i < in->nframes; i++) {
			pack_u64(&frames, in->frames[i]);
			sum += in->frames[i];
		}
		content.frames = buf_slice(&frames);
	}
	if (content.nframes && sum != in->n)
		code = client_error(c, DQ_E_USAGE, "content: its frames do not add up");
	else
		code = seal(c, out, &content);
	buf_release(&frames);
	return code;
}

static int take_args(struct dq_client *c, struct thing_content *out, const struct dq_args *args,
	double timeout_s)
{
	struct content content = {.type = slice_str(VALUE_TYPE_MSGPACK)};
	const char *why = "";
	struct buf packed;
	int code = args_check(args, &why);

	if (code)
		return client_error(c, code, "%s", why);
	/* One future and nothing else: an extension of four bytes has six. */
	if (args && args->ndeps == 1 && args->values == 1 && args->bytes.n == 6) {
		const struct args_dep *dep = &args->deps[0];

		return dep->future ? take_future(c, out, dep->future, timeout_s)
				   : take_key(c, out, dep->key);
	}
	if (args && args->ndeps > 0)
		return client_error(c, DQ_E_USAGE, "a future within a value: it must stand alone");
	buf_init(&packed, LIMIT_CONTENT_BYTES);
	args_pack(&packed, args);
	content.bytes = buf_slice(&packed);
	if (packed.failed)
		code = client_error(c, DQ_E_LIMIT, "%s", LIMIT_TEXT(CONTENT_BYTES));
	else
		code = seal(c, out, &content);
	buf_release(&packed);
	return code;
}

int thing_content_init(struct dq_client *c, struct thing_content *out,
	const struct dq_content *content, double timeout_s)
{
	struct dq_content in = DQ_CONTENT_INIT;

	*out = (struct thing_content){.key = NULL};
	buf_init(&out->bytes, LIMIT_CONTENT_BYTES);
	if (content && content->size < sizeof(size_t))
		return client_error(c, DQ_E_USAGE, "dq_content: size is not set");
	if (content)
		memcpy(&in, content, content->size < sizeof(in) ? content->size : sizeof(in));
	if (in.future)
		return take_future(c, out, in.future, timeout_s);
	if (in.type)
		return take_bytes(c, out, &in);
	return take_args(c, out, in.args, timeout_s);
}

void thing_content_release(struct thing_content *t)
{
	buf_release(&t->bytes);
	free(t->key);
}

int thing_value(struct dq_client *c, struct slice bytes, struct dq_value *out)
{
	struct content content;
	const char *why = "";
	int code;

	if (!content_decode(bytes, &content, &why))
		return client_error(c, DQ_E_PROTOCOL, "%s", why);
	code = value_copy(out, content.bytes, content.type, content.nframes, content.frames);
	return code ? client_error_code(c, code) : 0;
}
