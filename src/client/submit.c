/*
 * Submitting: dq_submit, dq_submit_many, dq_map.
 *
 * Tasks without keys gather in the outbox's open block, which is sealed when full or when something
 * waits. Tasks with keys of the user go in a block of their own call, since a conflict refuses a
 * whole block, and their futures are unsettled until the reply says which task each one is.
 * Whatever fails leaves no trace: entries are cut off, futures undone.
 */
#include "client/client.h"
#include "client/array.h"
#include "client/submit.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "model/block.h"
#include "model/limits.h"

#include <string.h>

int submit_check(struct dq_client *c)
{
	int code = client_check(c);

	if (code == 0 && c->session.look_only)
		code = client_error(c, DQ_E_USAGE, "this client only looks: it cannot submit");
	return code;
}

/* "key" or "ns/key" as a user may give it. */
static int key_take(struct dq_client *c, const char *text, struct slice *ns, struct slice *key)
{
	const char *why = "";
	const char *slash = strchr(text, '/');

	*ns = slash ? slice_of(text, (size_t)(slash - text)) : slice_empty();
	*key = slice_str(slash ? slash + 1 : text);
	if ((slash && !namespace_is_valid(*ns, &why)) || !key_is_valid(*key, &why))
		return client_error(c, key->n > LIMIT_KEY_BYTES ? DQ_E_LIMIT : DQ_E_USAGE,
			text[0] ? "%s: %.80s" : "%s", why, text);
	return 0;
}

bool spec_at(struct dq_spec *out, const struct dq_spec *specs, size_t i)
{
	const struct dq_spec *spec =
		(const struct dq_spec *)(const void *)((const char *)specs + i * specs->size);

	return specs->size >= sizeof(size_t) && spec->size == specs->size && spec_load(out, spec);
}

static void spec_apply(struct dq_future *f, const struct dq_spec *spec)
{
	if (spec->detached)
		f->flags &= (uint16_t)~FUTURE_HELD;
}

void submit_flow(struct dq_client *c)
{
	outbox_pump(c);
	if (c->session.stream)
		stream_flush(c->session.stream);
	client_turn(c);
}

/* One task without a key into the open block. */
static int submit_gather(struct dq_client *c, const struct dq_spec *spec, struct dq_future **out)
{
	struct block *b = &c->outbox.open;
	size_t before = b->body.n;
	uint32_t n = (uint32_t)c->futures.next_n;
	int code;

	if (!futures_left(c, 1))
		return client_error(c, DQ_E_LIMIT, "tasks: at most 4294967295 a session");
	code = spec_encode(c, &b->body, spec, slice_empty());
	if (code)
		return code;
	*out = future_new_task(c);
	if (!*out) {
		buf_truncate(&b->body, before);
		return client_error_code(c, DQ_E_NO_MEMORY);
	}
	spec_apply(*out, spec);
	if (b->count++ == 0)
		b->first_n = n;
	return 0;
}

static bool block_is_full(const struct block *b)
{
	return b->count >= BLOCK_TASKS_MAX || b->body.n >= BLOCK_BYTES_MAX;
}

/* Takes the newest n futures back. */
static void submit_undo(struct dq_future **out, size_t n)
{
	while (n-- > 0) {
		future_undo(out[n]);
		out[n] = NULL;
	}
}

/* n tasks without keys: all into one block. */
static int gather_many(
	struct dq_client *c, const struct dq_spec *specs, size_t n, struct dq_future **out)
{
	struct block *b = &c->outbox.open;
	size_t before, i;
	int code = 0;

	if (n > 1 && b->count + n > BLOCK_TASKS_MAX)
		code = outbox_seal_block(c, false);
	before = b->body.n;
	for (i = 0; i < n && code == 0; i++) {
		struct dq_spec spec;

		ensure(spec_at(&spec, specs, i));
		code = submit_gather(c, &spec, &out[i]);
		if (code)
			break;
	}
	if (code) {
		submit_undo(out, i);
		b->count -= (uint32_t)i;
		buf_truncate(&b->body, before);
		return code;
	}
	/* Out of memory here is tried again by the next push. */
	if (block_is_full(b) && outbox_seal_block(c, false) == 0)
		submit_flow(c);
	return 0;
}

/* ---- with keys ---- */

static int future_name(struct dq_client *c, struct dq_future *f, const char *key)
{
	if (!future_more(f))
		return client_error_code(c, DQ_E_NO_MEMORY);
	f->more->key = try_strdup(key);
	if (!f->more->key)
		return client_error_code(c, DQ_E_NO_MEMORY);
	f->flags |= FUTURE_UNSETTLED | FUTURE_KEYED;
	return 0;
}

int submit_task(struct dq_client *c, const struct dq_spec *spec, struct buf *body, struct slice *ns,
	bool *has_ns, struct dq_future **out)
{
	struct slice key = slice_empty(), own = slice_empty();
	int code = spec->key ? key_take(c, spec->key, &own, &key) : 0;

	if (code)
		return code;
	if (spec->key && *has_ns && !slice_eq(own, *ns))
		return client_error(c, DQ_E_USAGE, "keys of several namespaces in one submit");
	if (spec->key) {
		*ns = own;
		*has_ns = true;
	}
	code = spec_encode(c, body, spec, key);
	if (code)
		return code;
	*out = future_new_task(c);
	if (!*out)
		return client_error_code(c, DQ_E_NO_MEMORY);
	spec_apply(*out, spec);
	code = spec->key ? future_name(c, *out, spec->key) : 0;
	if (code) {
		future_undo(*out);
		*out = NULL;
	}
	return code;
}

static int submit_keyed(
	struct dq_client *c, const struct dq_spec *specs, size_t n, struct dq_future **out)
{
	uint32_t first_n = (uint32_t)c->futures.next_n;
	struct slice ns = slice_empty();
	bool has_ns = false;
	struct buf body;
	size_t i = 0;
	int code = outbox_seal_block(c, false);

	if (code == 0 && !futures_left(c, n))
		code = client_error(c, DQ_E_LIMIT, "tasks: at most 4294967295 a session");
	if (code)
		return code;
	buf_init(&body, LIMIT_SUBMIT_BYTES);
	for (; i < n && code == 0; i++) {
		struct dq_spec spec;

		ensure(spec_at(&spec, specs, i));
		code = submit_task(c, &spec, &body, &ns, &has_ns, &out[i]);
		if (code)
			break;
	}
	if (code == 0)
		code = outbox_submit_keyed(c, ns, first_n, (uint32_t)n, buf_slice(&body));
	buf_release(&body);
	if (code)
		submit_undo(out, i);
	else
		submit_flow(c);
	return code;
}

/* ---- the calls ---- */

static int submit_any(
	struct dq_client *c, const struct dq_spec *specs, size_t n, struct dq_future **out)
{
	bool keyed = false;
	int code = submit_check(c);

	if (code)
		return code;
	for (size_t i = 0; i < n; i++) {
		struct dq_spec spec;

		if (!spec_at(&spec, specs, i))
			return client_error(c, DQ_E_USAGE, "dq_spec: size is not set");
		keyed |= spec.key != NULL;
	}
	if (n > LIMIT_SUBMIT_TASKS)
		return graph_submit(c, specs, n, out);
	code = graph_flush(c);
	if (code == 0)
		code = keyed ? submit_keyed(c, specs, n, out) : gather_many(c, specs, n, out);
	/* together they are too large for one request */
	return code == DQ_E_LIMIT && n > 1 ? graph_submit(c, specs, n, out) : code;
}

int dq_submit_many(
	struct dq_client *client, const struct dq_spec *specs, size_t n, struct dq_future **out)
{
	int code = client_enter(client);

	if (code)
		return code;
	for (size_t i = 0; i < n; i++)
		out[i] = NULL;
	code = submit_any(client, specs, n, out);
	client_leave(client);
	return code;
}

int dq_submit(struct dq_client *client, const struct dq_spec *spec, struct dq_future **out)
{
	return dq_submit_many(client, spec, 1, out);
}

/* An array's inputs: one array of n values. */
static int inputs_check(struct dq_client *c, const struct dq_args *inputs, uint64_t n)
{
	const char *why = "";
	int code = args_check(inputs, &why);

	if (code)
		return client_error(c, code, "%s", why);
	if (!inputs)
		return 0;
	if (inputs->ndeps > 0)
		return client_error(c, DQ_E_USAGE, "inputs of an array must not be futures");
	if (inputs->values != 1 || !inputs->first_is_array || inputs->first_array != n)
		return client_error(
			c, DQ_E_USAGE, "inputs: not an array of as many values as elements");
	return 0;
}

static int array_future(
	struct dq_client *c, const struct dq_spec *spec, uint64_t n, struct dq_future **out)
{
	struct dq_future *f;
	int code;

	if (!futures_left(c, n))
		return client_error(c, DQ_E_LIMIT, "tasks: at most 4294967295 a session");
	f = future_new_array(c, n);
	if (!f)
		return client_error_code(c, DQ_E_NO_MEMORY);
	spec_apply(f, spec);
	f->more->array->first_index = spec->first_index;
	code = spec->key ? future_name(c, f, spec->key) : 0;
	if (code)
		future_undo(f);
	else
		*out = f;
	return code;
}

int submit_array(struct dq_client *c, const struct dq_spec *spec, uint64_t n,
	const struct dq_args *inputs, struct buf *body, struct slice *ns, struct dq_future **out)
{
	struct slice key = slice_empty();
	size_t before;
	int code = 0;

	if (n == 0 || n > LIMIT_ARRAY_ELEMENTS)
		code = client_error(c, n ? DQ_E_LIMIT : DQ_E_USAGE, "%s",
			n ? LIMIT_TEXT(ARRAY_ELEMENTS) : "an array has at least one element");
	if (code == 0)
		code = inputs_check(c, inputs, n);
	if (code == 0 && spec->key)
		code = key_take(c, spec->key, ns, &key);
	if (code == 0)
		code = spec_encode(c, body, spec, key);
	if (code)
		return code;
	before = body->n;
	args_pack(body, inputs);
	if (body->failed)
		return client_error(c,
			before + (inputs ? inputs->bytes.n : 0) > LIMIT_SUBMIT_BYTES
				? DQ_E_LIMIT
				: DQ_E_NO_MEMORY,
			"inputs: %s", LIMIT_TEXT(SUBMIT_BYTES));
	return array_future(c, spec, n, out);
}

static int map_whole(struct dq_client *c, const struct dq_spec *spec, uint64_t n,
	const struct dq_args *inputs, struct dq_future **out)
{
	uint32_t first_n = (uint32_t)c->futures.next_n;
	struct slice ns = slice_empty();
	struct buf body;
	int code = submit_check(c);

	if (code == 0)
		code = graph_flush(c);
	if (code == 0)
		code = outbox_seal_block(c, false);
	if (code)
		return code;
	buf_init(&body, LIMIT_SUBMIT_BYTES);
	code = submit_array(c, spec, n, inputs, &body, &ns, out);
	if (code == 0)
		code = outbox_submit_array(c, ns, first_n, n, spec->key != NULL, buf_slice(&body));
	buf_release(&body);
	if (code && *out) {
		future_undo(*out);
		*out = NULL;
	}
	return code;
}

int dq_map(struct dq_client *client, const struct dq_spec *spec, uint64_t n,
	const struct dq_args *inputs, struct dq_future **out)
{
	struct dq_spec whole;
	int code = client_enter(client);

	if (code)
		return code;
	*out = NULL;
	if (spec_load(&whole, spec))
		code = map_whole(client, &whole, n, inputs, out);
	else
		code = client_error(client, DQ_E_USAGE, "dq_spec: size is not set");
	if (code == 0)
		submit_flow(client);
	client_leave(client);
	return code;
}
