/*
 * dq_queue_get and dq_queue_take: TAKE is a registration under a number of the client's, answered
 * by GRANT; on a new connection it is made again under its number, which then has the same grant.
 * Its futures are held, then the grant is acknowledged by a deal; where the scheduler was lost
 * before that was stored there is no such grant any more, and it begins anew. When the time is up,
 * what was there is still told before the answer to a request that asks for nothing; then the TAKE
 * is withdrawn, without waiting for more.
 */
#include "client/client.h"
#include "client/things.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"
#include "codec/cursor.h"
#include "model/item.h"
#include "model/limits.h"

#include <inttypes.h>
#include <stdio.h>

#define LOOK_S 10.0

struct taking {
	struct list link; /* awaits.takings */
	struct msg_take m;
	bool done;
	bool lost; /* the scheduler was lost between its grant and our acknowledgement */
	int code;
	struct buf text, items;
};

static void taking_send(struct dq_client *c, const struct taking *t)
{
	if (session_is_up(c))
		msg_take_encode(session_out(c), 0, &t->m);
}

void takings_restart(struct dq_client *c)
{
	list_for_each_entry(t, &c->awaits.takings, struct taking, link)
		if (!t->done)
			taking_send(c, t);
}

bool taking_granted(struct dq_client *c, const struct msg_grant *m, const char **why)
{
	struct taking *t = NULL;

	(void)why;
	list_for_each_entry(at, &c->awaits.takings, struct taking, link)
		if (at->m.request == m->request)
			t = at;
	if (!t || t->done)
		return true; /* it was withdrawn */
	t->done = true;
	t->code = m->code <= INT32_MAX ? (int)m->code : DQ_E_PROTOCOL;
	buf_append_slice(&t->text, m->text);
	buf_append_slice(&t->items, m->items);
	if (t->text.failed || t->items.failed)
		t->code = DQ_E_NO_MEMORY;
	return true;
}

static bool taking_is_done(void *arg)
{
	return ((const struct taking *)arg)->done;
}

/* ---- items ---- */

static int item_future(struct dq_client *c, struct slice key, uint64_t task, struct dq_item *out)
{
	char text[LIMIT_NAMESPACE_BYTES + LIMIT_KEY_BYTES + 32];
	int code;

	if (key.n >= sizeof(text))
		return client_error(c, DQ_E_PROTOCOL, "GRANT: malformed key");
	memcpy(text, key.p, key.n);
	text[key.n] = '\0';
	code = future_hold(c, text, UINT64_MAX, &out->future);
	if (code == 0 && future_id(out->future) != task)
		code = client_error(c, DQ_E_GONE, "%s: another task by now", text);
	return code;
}

static int item_read(struct dq_client *c, struct cursor *at, struct dq_item *out)
{
	uint32_t have = cursor_array_min(at, 8);
	int64_t priority = cursor_i64(at);
	uint64_t seq = cursor_u64(at), epoch = cursor_u64(at), fence = cursor_u64(at), task;
	struct slice content, key;

	*out = (struct dq_item){.deliveries = cursor_u32(at)};
	content = cursor_try_nil(at) ? slice_empty() : cursor_bin(at);
	task = cursor_u64(at);
	key = cursor_try_nil(at) ? slice_empty() : cursor_str(at);
	cursor_skip_rest(at, have, 8);
	if (!cursor_ok(at))
		return client_error(c, DQ_E_PROTOCOL, "GRANT: a malformed item");
	snprintf(out->id, sizeof(out->id), "%" PRId64 ".%" PRIu64, priority, seq);
	snprintf(out->fence, sizeof(out->fence), "%" PRIu64 ".%" PRIu64, epoch, fence);
	return task ? item_future(c, key, task, out) : thing_value(c, content, &out->value);
}

static void item_clear(struct dq_item *item)
{
	dq_value_release(&item->value);
	if (item->future)
		future_unref(item->future);
	*item = (struct dq_item){.deliveries = 0};
}

void dq_item_release(struct dq_item *item)
{
	if (!item)
		return;
	dq_value_release(&item->value);
	dq_future_free(&item->future);
	*item = (struct dq_item){.deliveries = 0};
}

static int items_read(
	struct dq_client *c, struct slice items, struct dq_item *out, size_t max, size_t *n)
{
	struct cursor at;
	uint32_t count;
	int code = 0;

	cursor_init(&at, items);
	count = cursor_array(&at);
	if (count == 0 || count > max)
		return client_error(c, DQ_E_PROTOCOL, "GRANT: not what was asked for");
	for (uint32_t i = 0; i < count && code == 0; i++, ++*n)
		code = item_read(c, &at, &out[i]);
	return code;
}

/* ---- looking ---- */

/* [priority, seq, deliveries, content or nil, task, key or nil] */
static int peeked_read(struct dq_client *c, struct cursor *at, struct dq_item *out)
{
	uint32_t have = cursor_array_min(at, 6);
	int64_t priority = cursor_i64(at);
	uint64_t seq = cursor_u64(at), task;
	char text[LIMIT_NAMESPACE_BYTES + LIMIT_KEY_BYTES + 32];
	struct slice content, key;

	*out = (struct dq_item){.deliveries = cursor_u32(at)};
	content = cursor_try_nil(at) ? slice_empty() : cursor_bin(at);
	task = cursor_u64(at);
	key = cursor_try_nil(at) ? slice_empty() : cursor_str(at);
	cursor_skip_rest(at, have, 6);
	if (!cursor_ok(at) || key.n >= sizeof(text))
		return client_error(c, DQ_E_PROTOCOL, "ANSWER: a malformed item");
	snprintf(out->id, sizeof(out->id), "%" PRId64 ".%" PRIu64, priority, seq);
	if (!task)
		return thing_value(c, content, &out->value);
	str_copy(text, sizeof(text), key);
	out->future = future_new_foreign(c, task, 1, false, text);
	return out->future ? 0 : client_error_code(c, DQ_E_NO_MEMORY);
}

static int peek(struct dq_client *c, const char *name, size_t max, double timeout_s,
	struct dq_item *out, size_t *n)
{
	struct dq_args *args = dq_args_new();
	struct dq_value answer = {0};
	struct cursor at;
	uint32_t count = 0;
	int code;

	if (!args)
		return client_error_code(c, DQ_E_NO_MEMORY);
	dq_args_array(args, 2);
	dq_args_str(args, name);
	dq_args_uint(args, max);
	code = query_run(c, DQ_QUERY_PEEK, args, timeout_s, &answer);
	dq_args_free(&args);
	if (code == 0) {
		cursor_init(&at, slice_of(answer.bytes, answer.n));
		count = cursor_array(&at);
		if (!cursor_ok(&at) || count > max)
			code = client_error(c, DQ_E_PROTOCOL, "ANSWER: not what was asked for");
	}
	for (; code == 0 && *n < count; ++*n)
		code = peeked_read(c, &at, &out[*n]);
	dq_value_release(&answer);
	if (code == 0)
		return 0;
	for (size_t i = 0; i < *n; i++)
		item_clear(&out[i]);
	*n = 0;
	return code;
}

int dq_queue_peek(struct dq_client *client, const char *name, size_t max, double timeout_s,
	struct dq_item *out, size_t *n)
{
	int code = client_enter_blocking(client);

	*n = 0;
	if (code)
		return code;
	code = client_check(client);
	if (code == 0)
		code = thing_name_check(client, name);
	if (code == 0)
		code = peek(client, name, max, timeout_s, out, n);
	client_leave(client);
	return code;
}

/* ---- the call ---- */

/* GRANTED or WITHDRAW; not waited for where wait is false. */
static int say(
	struct dq_client *c, enum deal_kind kind, uint64_t request, bool wait, double timeout_s)
{
	struct deal_op op = {.kind = kind, .request = request};
	struct buf data;
	int code;

	buf_init(&data, LIMIT_FRAME_BYTES);
	if (wait) {
		code = deal_do(c, &op, 1, timeout_s, &data);
	} else {
		pack_array(&data, 1);
		deal_op_encode(&data, &op);
		code = data.failed ? DQ_E_NO_MEMORY : outbox_do(c, buf_slice(&data), NULL);
		if (code == 0)
			code = client_push(c);
	}
	buf_release(&data);
	return code;
}

static int await_grant(struct dq_client *c, struct taking *t, double timeout_s)
{
	int code = things_wait(c, taking_is_done, t, timeout_s);

	if (code == DQ_E_TIMEOUT && session_is_up(c)) {
		code = say(c, DEAL_WITHDRAW, c->awaits.next_request++, true, LOOK_S);
		if (t->done)
			code = 0;
		else if (code == 0)
			code = client_error_code(c, DQ_E_TIMEOUT);
	}
	if (code == 0 && t->code)
		code = client_error(
			c, t->code, "%s", t->text.n ? buf_cstr(&t->text) : dq_strerror(t->code));
	return code;
}

static void items_clear(struct dq_item *out, size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		item_clear(&out[i]);
	*n = 0;
}

static int take_once(struct dq_client *c, struct taking *t, double timeout_s, struct dq_item *out,
	size_t max, size_t *n)
{
	int code;

	t->m.request = c->awaits.next_request++;
	t->done = t->lost = false;
	list_push_back(&c->awaits.takings, &t->link);
	/* what was put before is to be seen */
	code = client_push(c);
	if (code == 0) {
		taking_send(c, t);
		code = await_grant(c, t, timeout_s);
	}
	if (code == 0)
		code = items_read(c, buf_slice(&t->items), out, max, n);
	if (code == 0) {
		code = say(c, DEAL_GRANTED, t->m.request, true, -1);
		t->lost = code == DQ_E_GONE && !c->fatal;
	}
	list_remove(&t->link);
	return code;
}

static int run(struct dq_client *c, struct taking *t, double timeout_s, struct dq_item *out,
	size_t max, size_t *n)
{
	uint64_t began_us = clock_mono_us();
	int code = take_once(c, t, timeout_s, out, max, n), kept;

	/* the items wait again */
	while (t->lost) {
		items_clear(out, n);
		buf_clear(&t->items);
		code = take_once(c, t, things_time_left(timeout_s, began_us), out, max, n);
	}
	if (code == 0)
		return 0;
	if (!t->code && !c->fatal) {
		char text[sizeof(c->error)];

		memcpy(text, c->error, sizeof(text));
		kept = say(c, DEAL_WITHDRAW, t->m.request, false, 0);
		if (kept == 0)
			memcpy(c->error, text, sizeof(text));
	}
	items_clear(out, n);
	return code;
}

static int taking_run(struct dq_client *client, struct taking *t, double timeout_s,
	struct dq_item *out, size_t max, size_t *n)
{
	int code = client_enter_blocking(client);

	*n = 0;
	if (code)
		return code;
	code = client_check(client);
	if (code == 0)
		code = thing_name_check(client, (const char *)t->m.name.p);
	if (code == 0 && client->session.look_only)
		code = client_error(client, DQ_E_USAGE, "this client only looks: it cannot take");
	if (code == 0 && max == 0)
		code = client_error(client, DQ_E_USAGE, "a take of nothing");
	if (code == 0) {
		buf_init(&t->text, LIMIT_FRAME_BYTES);
		buf_init(&t->items, LIMIT_FRAME_BYTES);
		list_init(&t->link);
		t->m.count = max;
		code = run(client, t, timeout_s, out, max, n);
		buf_release(&t->text);
		buf_release(&t->items);
	}
	client_leave(client);
	return code;
}

int dq_queue_get(struct dq_client *client, const char *name, size_t max, double timeout_s,
	struct dq_item *out, size_t *n)
{
	struct taking t = {.m.name = slice_str(name), .m.mode = TAKE_GET};

	return taking_run(client, &t, timeout_s, out, max, n);
}

int dq_queue_take(struct dq_client *client, const char *name, size_t max, double lease_s,
	double timeout_s, struct dq_item *out, size_t *n)
{
	struct taking t = {.m.name = slice_str(name),
		.m.mode = TAKE_LEASE,
		.m.lease_us = lease_s > 0 && lease_s < 1e11 ? (uint64_t)(lease_s * 1e6) : 0};

	if (lease_s > 0 && t.m.lease_us == 0)
		t.m.lease_us = 1;
	return taking_run(client, &t, timeout_s, out, max, n);
}
