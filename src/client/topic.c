/*
 * dq_topic_*: what changes a topic is a deal of one operation. A read that does not wait is a
 * query; one that does is an AWAIT, whose answer brings a page of entries with it. See things.h.
 */
#include "client/client.h"
#include "client/things.h"

#include "base/alloc.h"
#include "codec/cursor.h"
#include "model/decode.h"
#include "model/limits.h"

#include <math.h>
#include <stdlib.h>

/* How long the scheduler may take to say where to go on. */
#define LOOK_S 10.0
#define MAX_AGE_S 1e12

/* ---- changing ---- */

static int change(struct dq_client *c, const struct deal_op *op, double timeout_s, uint64_t *cursor)
{
	struct buf data;
	struct cursor at;
	int code;

	buf_init(&data, LIMIT_FRAME_BYTES);
	code = deal_do(c, op, 1, timeout_s, &data);
	if (code == 0 && cursor) {
		cursor_init(&at, buf_slice(&data));
		if (cursor_array(&at) == 1)
			*cursor = cursor_u64(&at);
		if (!cursor_at_end(&at))
			code = client_error(c, DQ_E_PROTOCOL, "REPLY: malformed data");
	}
	buf_release(&data);
	return code;
}

static int publish(struct dq_client *c, const char *name, const struct dq_content *content,
	double timeout_s, uint64_t *cursor)
{
	struct deal_op op = {.kind = DEAL_APPEND, .name = slice_str(name)};
	struct thing_content value;
	int code = thing_content_init(c, &value, content, timeout_s);

	if (code == 0 && !value.value.content.n)
		code = client_error(c, DQ_E_USAGE, "a topic has values, and no futures");
	op.value = value.value;
	if (code == 0)
		code = change(c, &op, timeout_s, cursor);
	thing_content_release(&value);
	return code;
}

int dq_topic_publish(struct dq_client *client, const char *name, const struct dq_content *content,
	double timeout_s, uint64_t *cursor)
{
	int code = client_enter_blocking(client);
	uint64_t ignored;

	if (!cursor)
		cursor = &ignored;
	*cursor = 0;
	if (code)
		return code;
	code = client_check(client);
	if (code == 0)
		code = thing_name_check(client, name);
	if (code == 0)
		code = publish(client, name, content, timeout_s, cursor);
	client_leave(client);
	return code;
}

int dq_topic_bound(struct dq_client *client, const char *name, uint64_t max_entries,
	double max_age_s, double timeout_s)
{
	struct deal_op op = {.kind = DEAL_BOUND, .max_entries = max_entries};
	int code = client_enter_blocking(client);

	if (code)
		return code;
	code = client_check(client);
	if (code == 0)
		code = thing_name_check(client, name);
	if (code == 0 && !(max_age_s >= 0 && max_age_s <= MAX_AGE_S))
		code = client_error(client, DQ_E_USAGE, "an age that is none");
	if (code == 0) {
		op.name = slice_str(name);
		op.max_age_us = (uint64_t)ceil(max_age_s * 1e6);
		code = change(client, &op, timeout_s, NULL);
	}
	client_leave(client);
	return code;
}

int dq_topic_delete(struct dq_client *client, const char *name, double timeout_s)
{
	return thing_delete(client, THING_TOPIC, name, timeout_s);
}

int dq_topic_list(struct dq_client *client, double timeout_s, struct dq_value *out)
{
	return things_list(client, THING_TOPIC, timeout_s, out);
}

/* ---- reading ---- */

void dq_entries_release(struct dq_entries *entries)
{
	if (!entries)
		return;
	for (size_t i = 0; i < entries->n; i++)
		dq_value_release(&entries->entries[i].value);
	free(entries->entries);
	entries->entries = NULL;
	entries->n = 0;
}

static int entry_take(struct dq_client *c, struct cursor *at, struct dq_entry *out)
{
	uint32_t have = cursor_array_min(at, 3);
	struct slice content;

	out->cursor = cursor_u64(at);
	out->published = (double)cursor_u64(at) / 1e6;
	content = cursor_bin(at);
	cursor_skip_rest(at, have, 3);
	if (!cursor_ok(at))
		return client_error(c, DQ_E_PROTOCOL, "a malformed page of a topic");
	return thing_value(c, content, &out->value);
}

/* The first of a page, at most max. */
static int page_take(struct dq_client *c, struct slice page, size_t max, struct dq_entries *out)
{
	struct cursor at;
	uint32_t n;
	int code = 0;

	cursor_init(&at, page);
	n = cursor_array_limit(&at, LIMIT_QUERY_ROWS, LIMIT_TEXT(QUERY_ROWS));
	if (!cursor_ok(&at))
		return client_error(c, DQ_E_PROTOCOL, "a malformed page of a topic");
	if (n > max)
		n = (uint32_t)max;
	out->entries = try_calloc(n ? n : 1, sizeof(*out->entries));
	if (!out->entries)
		return client_error_code(c, DQ_E_NO_MEMORY);
	while (out->n < n && code == 0) {
		code = entry_take(c, &at, &out->entries[out->n]);
		if (code == 0)
			out->cursor = out->entries[out->n++].cursor;
	}
	return code;
}

static bool await_is_done(void *arg)
{
	const struct await *a = arg;

	return a->done;
}

static int read_waiting(
	struct dq_client *c, const char *name, size_t max, double timeout_s, struct dq_entries *out)
{
	struct await a;
	int code = await_init(c, &a, name, out->cursor);

	a.kind = THING_TOPIC;
	if (code == 0) {
		await_begin(c, &a);
		code = things_wait(c, await_is_done, &a, timeout_s);
		if (code == DQ_E_TIMEOUT && things_ask(c) == 0)
			code = a.done ? 0 : client_error_code(c, DQ_E_TIMEOUT);
	}
	if (code == 0 && a.code && a.version)
		out->cursor = a.version;
	if (code == 0 && a.code)
		code = client_error(
			c, a.code, "%s", a.text.n ? buf_cstr(&a.text) : dq_strerror(a.code));
	else if (code == 0)
		code = page_take(c, buf_slice(&a.content), max, out);
	await_release(c, &a);
	return code;
}

/* What is there now. Where to go on, if that is not kept, an AWAIT says, which then is answered at
 * once. */
static int read_now(struct dq_client *c, const char *name, size_t max, struct dq_entries *out)
{
	struct dq_args *args = dq_args_new();
	struct dq_value answer = {0};
	int code;

	if (!args)
		return client_error_code(c, DQ_E_NO_MEMORY);
	dq_args_array(args, 3);
	dq_args_str(args, name);
	dq_args_uint(args, out->cursor);
	dq_args_uint(args, max);
	code = query_run(c, DQ_QUERY_TOPIC, args, -1, &answer);
	dq_args_free(&args);
	if (code == DQ_E_GONE)
		code = read_waiting(c, name, max, LOOK_S, out);
	else if (code == 0)
		code = page_take(c, slice_of(answer.bytes, answer.n), max, out);
	dq_value_release(&answer);
	return code;
}

int dq_topic_read(struct dq_client *client, const char *name, uint64_t after, size_t max,
	double timeout_s, struct dq_entries *out)
{
	int code = client_enter_blocking(client);

	*out = (struct dq_entries){.cursor = after};
	if (code)
		return code;
	code = client_check(client);
	if (code == 0)
		code = thing_name_check(client, name);
	if (code == 0 && max == 0)
		code = client_error(client, DQ_E_USAGE, "a read of no entries");
	if (code == 0 && timeout_s == 0)
		code = read_now(client, name, max, out);
	else if (code == 0)
		code = read_waiting(client, name, max, timeout_s, out);
	client_leave(client);
	if (code)
		dq_entries_release(out);
	return code;
}
