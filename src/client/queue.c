/*
 * dq_queue_*: what is said about deliveries and about queues, as deals of one operation; and
 * looking at queues. Putting: queue_put.c. Taking: queue_take.c.
 */
#include "client/client.h"
#include "client/things.h"

#include "base/alloc.h"
#include "base/str.h"
#include "codec/cursor.h"
#include "model/limits.h"

#include <stdlib.h>
#include <string.h>

static int change(struct dq_client *client, const char *name, struct deal_op *op, double timeout_s,
	uint64_t *result)
{
	int code = client_enter_blocking(client);
	struct cursor at;
	struct buf data;

	if (code)
		return code;
	buf_init(&data, LIMIT_FRAME_BYTES);
	code = client_check(client);
	if (code == 0)
		code = thing_name_check(client, name);
	if (code == 0) {
		op->name = slice_str(name);
		code = deal_do(client, op, 1, timeout_s, &data);
	}
	if (code == 0 && result) {
		cursor_init(&at, buf_slice(&data));
		(void)cursor_array(&at);
		*result = cursor_u64(&at);
	}
	buf_release(&data);
	client_leave(client);
	return code;
}

/* ---- deliveries ---- */

/* "A.B" */
static bool split(const char *text, bool is_signed, int64_t *a, uint64_t *b)
{
	struct slice left, right;
	uint64_t v;
	bool minus;

	if (!text || !str_split(slice_str(text), '.', &left, &right))
		return false;
	minus = is_signed && left.n > 1 && left.p[0] == '-';
	if (minus)
		left = slice_of(left.p + 1, left.n - 1);
	if (!str_to_u64(left, &v) || v > INT64_MAX || !str_to_u64(right, b))
		return false;
	*a = minus ? -(int64_t)v : (int64_t)v;
	return true;
}

/* Of what was taken, into the operation. */
int delivery_read(struct dq_client *c, const char *id, const char *fence, struct deal_op *op)
{
	int64_t priority, epoch;

	if (!split(id, true, &priority, &op->seq) || priority < INT32_MIN || priority > INT32_MAX)
		return client_error(c, DQ_E_USAGE, "no id of an item");
	if (!split(fence, false, &epoch, &op->fence.seq))
		return client_error(c, DQ_E_USAGE, "no fence of a delivery");
	op->priority = (int32_t)priority;
	op->fence.epoch = (uint64_t)epoch;
	return 0;
}

static int about_delivery(struct dq_client *client, enum deal_kind kind, const char *name,
	const char *id, const char *fence, double time_s, double timeout_s)
{
	struct deal_op op = {.kind = kind};
	int code = client_enter(client);

	if (code)
		return code;
	code = delivery_read(client, id, fence, &op);
	if (code == 0 && !(time_s >= 0 && time_s < 1e11))
		code = client_error(client, DQ_E_USAGE, "a time out of range");
	client_leave(client);
	if (code)
		return code;
	op.time_us = (uint64_t)(time_s * 1e6);
	return change(client, name, &op, timeout_s, NULL);
}

int dq_queue_ack(struct dq_client *client, const char *name, const char *id, const char *fence,
	double timeout_s)
{
	return about_delivery(client, DEAL_ACK, name, id, fence, 0, timeout_s);
}

/* All of them as one deal; *over as its refusal says. */
static int ack_all(struct dq_client *c, const char *name, const struct dq_item *items,
	struct deal_op *ops, size_t n, double timeout_s, size_t *over)
{
	struct cursor at;
	struct buf data;
	int code = 0;

	for (size_t i = 0; i < n && code == 0; i++) {
		ops[i] = (struct deal_op){.kind = DEAL_ACK, .name = slice_str(name)};
		code = delivery_read(c, items[i].id, items[i].fence, &ops[i]);
		*over = code ? i : 0;
	}
	buf_init(&data, LIMIT_FRAME_BYTES);
	if (code == 0)
		code = deal_do(c, ops, (uint32_t)n, timeout_s, &data);
	if (code == DQ_E_CONFLICT) {
		cursor_init(&at, buf_slice(&data));
		(void)cursor_array(&at);
		*over = (size_t)cursor_u64_max(&at, n - 1);
	}
	buf_release(&data);
	return code;
}

int dq_queue_ack_many(struct dq_client *client, const char *name, const struct dq_item *items,
	size_t n, double timeout_s, size_t *over)
{
	int code = client_enter_blocking(client);
	struct deal_op *ops;
	size_t first = 0;

	if (code)
		return code;
	code = client_check(client);
	if (code == 0)
		code = thing_name_check(client, name);
	if (code == 0 && (n == 0 || !items))
		code = client_error(client, DQ_E_USAGE, "no delivery");
	if (code == 0 && n > LIMIT_DEAL_OPS)
		code = client_error(client, DQ_E_LIMIT, "%s", LIMIT_TEXT(DEAL_OPS));
	ops = code == 0 ? try_calloc(n, sizeof *ops) : NULL;
	if (ops)
		code = ack_all(client, name, items, ops, n, timeout_s, &first);
	else if (code == 0)
		code = client_error_code(client, DQ_E_NO_MEMORY);
	free(ops);
	if (over)
		*over = first;
	client_leave(client);
	return code;
}

int dq_queue_nack(struct dq_client *client, const char *name, const char *id, const char *fence,
	double delay_s, double timeout_s)
{
	return about_delivery(client, DEAL_NACK, name, id, fence, delay_s, timeout_s);
}

int dq_queue_extend(struct dq_client *client, const char *name, const char *id, const char *fence,
	double lease_s, double timeout_s)
{
	return about_delivery(client, DEAL_EXTEND, name, id, fence, lease_s, timeout_s);
}

/* ---- queues ---- */

int dq_queue_create(struct dq_client *client, const char *name,
	const struct dq_queue_limits *limits, double timeout_s)
{
	struct dq_queue_limits l = {.size = sizeof(l)};
	struct deal_op op = {.kind = DEAL_CREATE};

	if (limits && limits->size >= sizeof(size_t))
		memcpy(&l, limits, limits->size < sizeof(l) ? limits->size : sizeof(l));
	op.maxsize = l.maxsize;
	op.deliveries = l.max_deliveries;
	op.dead = slice_str(l.dead_letter);
	return change(client, name, &op, timeout_s, NULL);
}

int dq_queue_purge(struct dq_client *client, const char *name, double timeout_s)
{
	struct deal_op op = {.kind = DEAL_PURGE};

	return change(client, name, &op, timeout_s, NULL);
}

int dq_queue_delete(struct dq_client *client, const char *name, double timeout_s)
{
	struct deal_op op = {.kind = DEAL_DELETE, .thing = THING_QUEUE};

	return change(client, name, &op, timeout_s, NULL);
}

int dq_queue_kick(struct dq_client *client, const char *name, double timeout_s, uint64_t *n)
{
	struct deal_op op = {.kind = DEAL_KICK};

	*n = 0;
	return change(client, name, &op, timeout_s, n);
}

/* ---- looking ---- */

static int len_read(const struct dq_value *answer, uint64_t *len)
{
	struct cursor at;

	cursor_init(&at, slice_of(answer->bytes, answer->n));
	for (uint32_t n = cursor_map(&at); n && cursor_ok(&at); n--) {
		struct slice key = cursor_str(&at);

		if (!slice_eq_str(key, "len")) {
			cursor_skip(&at);
			continue;
		}
		*len = cursor_u64(&at);
		return cursor_ok(&at) ? 0 : DQ_E_PROTOCOL;
	}
	return DQ_E_PROTOCOL;
}

int dq_queue_len(struct dq_client *client, const char *name, double timeout_s, uint64_t *len)
{
	struct dq_args *args = dq_args_new();
	struct dq_value answer;
	int code;

	*len = 0;
	if (!args)
		return DQ_E_NO_MEMORY;
	dq_args_str(args, name ? name : "");
	code = dq_query(client, DQ_QUERY_QUEUE, args, timeout_s, &answer);
	if (code == 0)
		code = len_read(&answer, len);
	dq_value_release(&answer);
	dq_args_free(&args);
	return code;
}

int dq_queue_list(struct dq_client *client, double timeout_s, struct dq_value *out)
{
	struct dq_args *kind = dq_args_new();
	int code;

	if (!kind)
		return DQ_E_NO_MEMORY;
	dq_args_uint(kind, THING_QUEUE);
	code = dq_query(client, DQ_QUERY_THINGS, kind, timeout_s, out);
	dq_args_free(&kind);
	return code;
}
