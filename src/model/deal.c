/*
 * The operations of a deal, both ways. See deal.h.
 */
#include "model/deal_more.h"

#include "base/ensure.h"
#include "codec/pack.h"
#include "model/claim.h"
#include "model/content.h"
#include "model/decode.h"
#include "model/limits.h"

bool deal_reader_init(struct deal_reader *r, struct slice ops, const char **why)
{
	cursor_init(&r->c, ops);
	r->left = cursor_array_limit(&r->c, LIMIT_DEAL_OPS, LIMIT_TEXT(DEAL_OPS));
	if (cursor_ok(&r->c) && r->left == 0)
		cursor_fail(&r->c, "a list of no operations");
	if (!cursor_ok(&r->c))
		*why = cursor_error(&r->c);
	return cursor_ok(&r->c);
}

struct slice deal_read_name(struct cursor *c)
{
	return cursor_str_limit(
		c, LIMIT_NAMESPACE_BYTES + 1 + LIMIT_NAME_BYTES, LIMIT_TEXT(NAME_BYTES));
}

/* A content or nil, a task (id or key) or nil. */
static void read_value(struct cursor *c, struct deal_value *v)
{
	struct content content;
	const char *why;

	v->content = cursor_try_nil(c) ? slice_empty() : cursor_bin(c);
	if (!cursor_try_nil(c)) {
		if (cursor_type(c) == CURSOR_STR)
			v->key = cursor_str(c);
		else
			v->task = cursor_u64(c);
	}
	if (!cursor_ok(c))
		return;
	if ((v->content.n != 0) == (v->task || v->key.n))
		cursor_fail(c, "an operation with a content and a task, or neither");
	else if (v->content.n && !content_decode(v->content, &content, &why))
		cursor_fail(c, why);
}

/* [content, task] each: all are looked at here, so that later reads cannot fail. */
static void read_items(struct cursor *c, struct deal_op *op)
{
	struct cursor at;
	struct deal_value v;
	uint32_t n;

	op->items = cursor_raw(c);
	if (!cursor_ok(c))
		return;
	cursor_init(&at, op->items);
	n = cursor_array_limit(&at, LIMIT_PUT_ITEMS, LIMIT_TEXT(PUT_ITEMS));
	for (uint32_t i = 0; i < n && cursor_ok(&at); i++)
		deal_item_next(&at, &v);
	if (cursor_ok(&at) && n == 0)
		cursor_fail(&at, "a put of nothing");
	if (!cursor_ok(&at))
		cursor_fail(c, cursor_error(&at));
}

uint32_t deal_items(const struct deal_op *op, struct cursor *at)
{
	cursor_init(at, op->items);
	return cursor_array(at);
}

void deal_item_next(struct cursor *at, struct deal_value *v)
{
	uint32_t have = cursor_array_min(at, 2);

	*v = (struct deal_value){.task = 0};
	read_value(at, v);
	cursor_skip_rest(at, have, 2);
}

static int32_t read_priority(struct cursor *c)
{
	int64_t v = cursor_i64(c);

	if (v < INT32_MIN || v > INT32_MAX)
		cursor_fail(c, "a priority out of range");
	return (int32_t)v;
}

/* The item of a delivery. */
static void read_delivery(struct cursor *c, struct deal_op *op)
{
	op->name = deal_read_name(c);
	op->priority = read_priority(c);
	op->seq = cursor_u64(c);
	op->fence.epoch = cursor_u64(c);
	op->fence.seq = cursor_u64(c);
}

/* How many elements were read. */
static uint32_t read_queue_op(struct cursor *c, struct deal_op *op)
{
	switch (op->kind) {
	case DEAL_PUT:
		op->name = deal_read_name(c);
		op->priority = read_priority(c);
		op->time_us = cursor_u64(c);
		read_items(c, op);
		return 5;
	case DEAL_ACK:
		read_delivery(c, op);
		return 6;
	case DEAL_NACK:
	case DEAL_EXTEND:
		read_delivery(c, op);
		op->time_us = cursor_u64(c);
		return 7;
	case DEAL_CREATE:
		op->name = deal_read_name(c);
		op->maxsize = cursor_u64(c);
		op->deliveries = cursor_u32(c);
		op->dead = cursor_str_limit(c, LIMIT_NAME_BYTES, LIMIT_TEXT(NAME_BYTES));
		return 5;
	case DEAL_PURGE:
	case DEAL_KICK:
		op->name = deal_read_name(c);
		return 2;
	case DEAL_GRANTED:
	case DEAL_WITHDRAW:
		op->request = cursor_u64(c);
		return 2;
	default:
		cursor_fail(c, "an unknown operation");
		return 1;
	}
}

static uint32_t read_op(struct cursor *c, struct deal_op *op)
{
	if (op->kind >= DEAL_PUBLISH)
		return deal_read_more(c, op);
	switch (op->kind) {
	case DEAL_DELETE:
		op->thing = (enum thing_kind)cursor_u64_max(c, THING_KINDS - 1);
		op->name = deal_read_name(c);
		return 3;
	case DEAL_SET:
		op->name = deal_read_name(c);
		read_value(c, &op->value);
		return 4;
	case DEAL_SET_IF:
		op->name = deal_read_name(c);
		op->version = cursor_u64(c);
		read_value(c, &op->value);
		return 5;
	case DEAL_EXPECT:
		op->name = deal_read_name(c);
		op->version = cursor_u64(c);
		return 3;
	default:
		if (deal_is_guard(op->kind))
			return guard_op_read(c, op);
		return read_queue_op(c, op);
	}
}

bool deal_reader_next(struct deal_reader *r, struct deal_op *op, const char **why)
{
	uint32_t have, kind, read;

	if (r->left == 0 && cursor_at_end(&r->c))
		return false;
	if (r->left == 0)
		cursor_fail(&r->c, "bytes after the last operation");
	have = cursor_array_min(&r->c, 2);
	kind = cursor_u32(&r->c);
	*op = (struct deal_op){.kind = (enum deal_kind)kind};
	read = read_op(&r->c, op);
	if (cursor_ok(&r->c) && have < read)
		cursor_fail(&r->c, "an operation that is cut");
	if (have > read)
		cursor_skip_rest(&r->c, have, read);
	if (cursor_ok(&r->c)) {
		r->left--;
		return true;
	}
	*why = cursor_error(&r->c);
	return false;
}

static void write_value(struct buf *out, const struct deal_value *v)
{
	if (v->content.n) {
		pack_bin(out, v->content);
		pack_nil(out);
		return;
	}
	pack_nil(out);
	if (v->task)
		pack_u64(out, v->task);
	else
		pack_str(out, v->key);
}

void deal_item_encode(struct buf *out, const struct deal_value *v)
{
	pack_array(out, 2);
	write_value(out, v);
}

static void write_delivery(struct buf *out, const struct deal_op *op)
{
	pack_i64(out, op->priority);
	pack_u64(out, op->seq);
	pack_u64(out, op->fence.epoch);
	pack_u64(out, op->fence.seq);
	if (op->kind != DEAL_ACK)
		pack_u64(out, op->time_us);
}

static void write_queue_op(struct buf *out, const struct deal_op *op)
{
	switch (op->kind) {
	case DEAL_PUT:
		pack_i64(out, op->priority);
		pack_u64(out, op->time_us);
		pack_raw(out, op->items);
		break;
	case DEAL_ACK:
	case DEAL_NACK:
	case DEAL_EXTEND:
		write_delivery(out, op);
		break;
	case DEAL_CREATE:
		pack_u64(out, op->maxsize);
		pack_u64(out, op->deliveries);
		pack_str(out, op->dead);
		break;
	default:
		break;
	}
}

void deal_op_encode(struct buf *out, const struct deal_op *op)
{
	static const uint32_t fields[] = {[DEAL_PUT] = 5,
		[DEAL_ACK] = 6,
		[DEAL_NACK] = 7,
		[DEAL_EXTEND] = 7,
		[DEAL_CREATE] = 5,
		[DEAL_PURGE] = 2,
		[DEAL_KICK] = 2,
		[DEAL_GRANTED] = 2,
		[DEAL_WITHDRAW] = 2,
		[DEAL_DELETE] = 3,
		[DEAL_SET] = 4,
		[DEAL_SET_IF] = 5,
		[DEAL_EXPECT] = 3};

	if (deal_is_guard(op->kind)) {
		guard_op_encode(out, op);
		return;
	}
	if (op->kind >= DEAL_PUBLISH) {
		deal_write_more(out, op);
		return;
	}
	ensure(op->kind < sizeof(fields) / sizeof(fields[0]) && fields[op->kind]);
	pack_array(out, fields[op->kind]);
	pack_u64(out, op->kind);
	if (op->kind == DEAL_GRANTED || op->kind == DEAL_WITHDRAW) {
		pack_u64(out, op->request);
		return;
	}
	if (op->kind == DEAL_DELETE)
		pack_u64(out, op->thing);
	pack_str(out, op->name);
	if (op->kind == DEAL_SET_IF || op->kind == DEAL_EXPECT)
		pack_u64(out, op->version);
	if (op->kind == DEAL_SET || op->kind == DEAL_SET_IF)
		write_value(out, &op->value);
	else
		write_queue_op(out, op);
}
