/*
 * The operations on datasets and topics, both ways. See deal.h.
 */
#include "model/deal_more.h"

#include "base/ensure.h"
#include "codec/pack.h"
#include "model/content.h"
#include "model/decode.h"
#include "model/limits.h"

uint32_t deal_members(const struct deal_op *op, struct cursor *at)
{
	cursor_init(at, op->members);
	return cursor_array(at);
}

static void read_member(struct cursor *at, struct deal_member *m)
{
	uint32_t have;

	*m = (struct deal_member){.run.count = 0};
	if (cursor_type(at) == CURSOR_STR) {
		m->key = cursor_str(at);
		return;
	}
	have = cursor_array_min(at, 2);
	m->run.first = cursor_u64(at);
	m->run.count = cursor_u64(at);
	cursor_skip_rest(at, have, 2);
	if (cursor_ok(at) && m->run.count == 0)
		cursor_fail(at, "a run of no tasks");
}

void deal_member_next(struct cursor *at, struct deal_member *m)
{
	read_member(at, m);
	ensure(cursor_ok(at));
}

void deal_member_encode(struct buf *out, const struct deal_member *m)
{
	if (m->run.count == 0) {
		pack_str(out, m->key);
		return;
	}
	pack_array(out, 2);
	pack_u64(out, m->run.first);
	pack_u64(out, m->run.count);
}

/* All are looked at here, so that later reads cannot fail. */
static void read_members(struct cursor *c, struct deal_op *op)
{
	struct deal_member m;
	struct cursor at;
	uint32_t n;

	op->members = cursor_raw(c);
	if (!cursor_ok(c))
		return;
	cursor_init(&at, op->members);
	n = cursor_array_limit(&at, LIMIT_DATASET_TASKS, LIMIT_TEXT(DATASET_TASKS));
	for (uint32_t i = 0; i < n && cursor_ok(&at); i++)
		read_member(&at, &m);
	if (cursor_ok(&at) && n == 0)
		cursor_fail(&at, "a dataset of nothing");
	if (!cursor_ok(&at))
		cursor_fail(c, cursor_error(&at));
}

static void read_entry(struct cursor *c, struct deal_op *op)
{
	struct content content;
	const char *why;

	op->value.content = cursor_bin(c);
	if (cursor_ok(c) && !content_decode(op->value.content, &content, &why))
		cursor_fail(c, why);
}

uint32_t deal_read_more(struct cursor *c, struct deal_op *op)
{
	switch (op->kind) {
	case DEAL_PUBLISH:
		op->name = deal_read_name(c);
		read_members(c, op);
		return 3;
	case DEAL_APPEND:
		op->name = deal_read_name(c);
		read_entry(c, op);
		return 3;
	case DEAL_BOUND:
		op->name = deal_read_name(c);
		op->max_entries = cursor_u64(c);
		op->max_age_us = cursor_u64_max(c, UINT64_MAX / 4);
		return 4;
	case DEAL_SUBMIT:
		op->flags = cursor_u32(c);
		op->count = cursor_u64(c);
		op->body = cursor_bin(c);
		return 4;
	default:
		cursor_fail(c, "an unknown operation");
		return 1;
	}
}

void deal_write_more(struct buf *out, const struct deal_op *op)
{
	pack_array(out, op->kind == DEAL_BOUND || op->kind == DEAL_SUBMIT ? 4 : 3);
	pack_u64(out, op->kind);
	if (op->kind == DEAL_SUBMIT) {
		pack_u64(out, op->flags);
		pack_u64(out, op->count);
		pack_bin(out, op->body);
		return;
	}
	pack_str(out, op->name);
	if (op->kind == DEAL_PUBLISH)
		pack_raw(out, op->members);
	if (op->kind == DEAL_APPEND)
		pack_bin(out, op->value.content);
	if (op->kind != DEAL_BOUND)
		return;
	pack_u64(out, op->max_entries);
	pack_u64(out, op->max_age_us);
}
