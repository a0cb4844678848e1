/*
 * dq_dataset_*: publish and remove are deals of one operation; a get asks for the keys, then holds
 * them, with all requests on their way at once. See things.h.
 */
#include "client/client.h"
#include "client/things.h"

#include "base/alloc.h"
#include "codec/cursor.h"
#include "codec/pack.h"
#include "model/limits.h"

#include <stdlib.h>
#include <string.h>

/* How many holds are on their way at once. */
#define HOLDS_AT_ONCE 1024

/* ---- publishing ---- */

static int publish(struct dq_client *c, const char *name, struct buf *members, double timeout_s)
{
	struct deal_op op = {.kind = DEAL_PUBLISH, .name = slice_str(name)};
	struct buf data;
	int code;

	if (members->failed)
		return client_error(c, DQ_E_LIMIT, "%s", LIMIT_TEXT(FRAME_BYTES));
	op.members = buf_slice(members);
	buf_init(&data, LIMIT_FRAME_BYTES);
	code = deal_do(c, &op, 1, timeout_s, &data);
	buf_release(&data);
	return code;
}

static int check_count(struct dq_client *c, size_t n)
{
	if (n == 0)
		return client_error(c, DQ_E_USAGE, "a dataset of nothing");
	if (n > LIMIT_DATASET_TASKS)
		return client_error(c, DQ_E_LIMIT, "%s", LIMIT_TEXT(DATASET_TASKS));
	return 0;
}

static int begin(struct dq_client *c, const char *name, size_t n)
{
	int code = client_check(c);

	if (code == 0)
		code = thing_name_check(c, name);
	return code ? code : check_count(c, n);
}

static int pack_future(
	struct dq_client *c, struct buf *members, const struct dq_future *f, double timeout_s)
{
	struct deal_member m = {.run.count = 0};
	int code =
		f ? thing_future_settle(c, f, timeout_s) : client_error(c, DQ_E_USAGE, "no future");

	if (code)
		return code;
	m.run.first = future_id(f);
	m.run.count = future_count(f);
	deal_member_encode(members, &m);
	return 0;
}

int dq_dataset_publish(struct dq_client *client, const char *name, struct dq_future *const *futures,
	size_t n, double timeout_s)
{
	int code = client_enter_blocking(client);
	struct buf members;

	if (code)
		return code;
	buf_init(&members, LIMIT_FRAME_BYTES);
	code = begin(client, name, n);
	pack_array(&members, (uint32_t)n);
	for (size_t i = 0; i < n && code == 0; i++)
		code = pack_future(client, &members, futures[i], timeout_s);
	if (code == 0)
		code = publish(client, name, &members, timeout_s);
	buf_release(&members);
	client_leave(client);
	return code;
}

int dq_dataset_publish_keys(struct dq_client *client, const char *name, const char *const *keys,
	size_t n, double timeout_s)
{
	int code = client_enter_blocking(client);
	struct buf members;

	if (code)
		return code;
	buf_init(&members, LIMIT_FRAME_BYTES);
	code = begin(client, name, n);
	pack_array(&members, (uint32_t)n);
	for (size_t i = 0; i < n && code == 0; i++) {
		struct deal_member m = {.run.count = 0};

		if (!keys[i] || !*keys[i])
			code = client_error(client, DQ_E_USAGE, "no key");
		else
			m.key = slice_str(keys[i]);
		if (code == 0)
			deal_member_encode(&members, &m);
	}
	if (code == 0)
		code = publish(client, name, &members, timeout_s);
	buf_release(&members);
	client_leave(client);
	return code;
}

int dq_dataset_remove(struct dq_client *client, const char *name, double timeout_s)
{
	return thing_delete(client, THING_DATASET, name, timeout_s);
}

int dq_dataset_list(struct dq_client *client, double timeout_s, struct dq_value *out)
{
	return things_list(client, THING_DATASET, timeout_s, out);
}

/* ---- getting ---- */

void dq_dataset_release(struct dq_dataset *dataset)
{
	if (!dataset)
		return;
	for (size_t i = 0; i < dataset->n; i++)
		if (dataset->futures[i])
			dq_future_free(&dataset->futures[i]);
	free(dataset->futures);
	*dataset = (struct dq_dataset){.n = 0};
}

/* The next row of the answer: [id, count, key]. */
static char *next_key(struct cursor *at, uint64_t *id)
{
	uint32_t have = cursor_array_min(at, 3);
	struct slice key;
	char *text;

	*id = cursor_u64(at);
	cursor_skip(at);
	key = cursor_str(at);
	cursor_skip_rest(at, have, 3);
	if (!cursor_ok(at))
		return NULL;
	text = try_calloc(1, key.n + 1);
	if (text && key.n)
		memcpy(text, key.p, key.n);
	return text;
}

struct holding {
	struct future_holding hold;
	char *key;
	uint64_t id;
};

/* Holds the next of them, at most as many as have room in h. */
static int hold_some(struct dq_client *c, struct cursor *at, struct holding *h, size_t n,
	uint64_t deadline_us, struct dq_dataset *out)
{
	size_t begun = 0;
	int code = 0;

	for (; begun < n && code == 0; begun++) {
		h[begun].key = next_key(at, &h[begun].id);
		if (!h[begun].key)
			code = cursor_ok(at) ? client_error_code(c, DQ_E_NO_MEMORY)
					     : client_error(c, DQ_E_PROTOCOL, "ANSWER: no dataset");
		if (code)
			break;
		code = future_hold_begin(c, h[begun].key, &h[begun].hold);
	}
	for (size_t i = 0; i < begun; i++) {
		struct dq_future **f = &out->futures[out->n];

		if (code == 0)
			code = future_hold_end(c, &h[i].hold, h[i].key, deadline_us, f);
		if (*f && future_id(*f) != h[i].id)
			code = DQ_E_NOT_FOUND;
		if (code == DQ_E_NOT_FOUND)
			code = client_error(c, DQ_E_GONE, "the dataset was removed meanwhile");
		out->n += *f != NULL;
		future_hold_release(c, &h[i].hold);
		free(h[i].key);
	}
	if (begun < n)
		free(h[begun].key);
	return code;
}

static int hold_all(
	struct dq_client *c, struct slice rows, double timeout_s, struct dq_dataset *out)
{
	uint64_t deadline_us = client_deadline(timeout_s);
	struct holding *h;
	struct cursor at;
	uint32_t n;
	int code = 0;

	cursor_init(&at, rows);
	n = cursor_array(&at);
	out->futures = try_calloc(n ? n : 1, sizeof(*out->futures));
	h = try_calloc(HOLDS_AT_ONCE, sizeof(*h));
	if (!out->futures || !h)
		code = client_error_code(c, DQ_E_NO_MEMORY);
	while (n && code == 0) {
		size_t some = n < HOLDS_AT_ONCE ? n : HOLDS_AT_ONCE;

		memset(h, 0, some * sizeof(*h));
		code = hold_some(c, &at, h, some, deadline_us, out);
		n -= (uint32_t)some;
	}
	free(h);
	return code;
}

static int get(struct dq_client *c, const char *name, double timeout_s, struct dq_dataset *out)
{
	struct dq_args *args = dq_args_new();
	struct dq_value answer = {0};
	int code;

	if (!args)
		return client_error_code(c, DQ_E_NO_MEMORY);
	dq_args_str(args, name);
	code = query_run(c, DQ_QUERY_DATASET, args, timeout_s, &answer);
	dq_args_free(&args);
	if (code == 0)
		code = hold_all(c, slice_of(answer.bytes, answer.n), timeout_s, out);
	dq_value_release(&answer);
	return code;
}

int dq_dataset_get(
	struct dq_client *client, const char *name, double timeout_s, struct dq_dataset *out)
{
	int code = client_enter_blocking(client);

	*out = (struct dq_dataset){.n = 0};
	if (code)
		return code;
	code = client_check(client);
	if (code == 0)
		code = thing_name_check(client, name);
	if (code == 0)
		code = get(client, name, timeout_s, out);
	client_leave(client);
	if (code)
		dq_dataset_release(out);
	return code;
}
