/*
 * Claims and the operations on locks and events, both ways. See claim.h.
 */
#include "model/claim.h"

#include "base/ensure.h"
#include "codec/pack.h"
#include "model/deal.h"
#include "model/decode.h"
#include "model/limits.h"

enum { PART_FIELDS = 3, CLAIM_FIELDS = 4, EXTEND_FIELDS = 3, NUMBER_FIELDS = 2, EVENT_FIELDS = 2 };

#define NAME_MAX_BYTES (LIMIT_NAMESPACE_BYTES + 1 + LIMIT_NAME_BYTES)

uint32_t claim_parts(struct slice parts, struct cursor *at)
{
	cursor_init(at, parts);
	return cursor_array_limit(at, LIMIT_CLAIM_PARTS, LIMIT_TEXT(CLAIM_PARTS));
}

void claim_part_next(struct cursor *at, struct claim_part *out)
{
	uint32_t have = cursor_array_min(at, PART_FIELDS);

	out->name = cursor_str_limit(at, NAME_MAX_BYTES, LIMIT_TEXT(NAME_BYTES));
	out->count = cursor_u32(at);
	out->units = cursor_u32(at);
	cursor_skip_rest(at, have, PART_FIELDS);
	if (!cursor_ok(at))
		return;
	if (out->name.n == 0)
		cursor_fail(at, "claim: a lock without a name");
	else if (out->units == 0)
		cursor_fail(at, "claim: of no unit");
	else if (out->units > out->count)
		cursor_fail(at, "claim: of more units than there are");
}

bool claim_parts_check(struct slice parts, const char **why)
{
	struct claim_part part;
	struct cursor at;
	uint32_t n = claim_parts(parts, &at);

	if (cursor_ok(&at) && n == 0)
		cursor_fail(&at, "claim: of nothing");
	for (uint32_t i = 0; i < n && cursor_ok(&at); i++)
		claim_part_next(&at, &part);
	if (cursor_at_end(&at))
		return true;
	cursor_fail(&at, "claim: bytes after its end");
	*why = cursor_error(&at);
	return false;
}

void claim_part_encode(struct buf *out, const struct claim_part *p)
{
	pack_array(out, PART_FIELDS);
	pack_str(out, p->name);
	pack_u64(out, p->count);
	pack_u64(out, p->units);
}

static uint32_t read_claim(struct cursor *c, struct deal_op *op)
{
	const char *why;

	op->flags = (uint32_t)cursor_u64_max(c, CLAIM_BEAT | CLAIM_ALONE | CLAIM_TRY);
	op->lease_us = cursor_u64(c);
	op->parts = cursor_raw(c);
	if (!cursor_ok(c))
		return CLAIM_FIELDS;
	if (op->flags & CLAIM_HELD)
		cursor_fail(c, "claim: an unknown flag");
	else if (op->lease_us == 0)
		cursor_fail(c, "claim: without a lease");
	else if (!claim_parts_check(op->parts, &why))
		cursor_fail(c, why);
	return CLAIM_FIELDS;
}

uint32_t guard_op_read(struct cursor *c, struct deal_op *op)
{
	switch (op->kind) {
	case DEAL_CLAIM:
		return read_claim(c, op);
	case DEAL_UNLOCK:
	case DEAL_EXPECT_HELD:
		op->claim = cursor_u64(c);
		return NUMBER_FIELDS;
	case DEAL_EXTEND_LOCK:
		op->claim = cursor_u64(c);
		op->lease_us = cursor_u64(c);
		return EXTEND_FIELDS;
	case DEAL_EVENT_SET:
	case DEAL_EVENT_CLEAR:
		op->name = cursor_str_limit(c, NAME_MAX_BYTES, LIMIT_TEXT(NAME_BYTES));
		return EVENT_FIELDS;
	default:
		unreachable();
	}
}

void guard_op_encode(struct buf *out, const struct deal_op *op)
{
	switch (op->kind) {
	case DEAL_CLAIM:
		pack_array(out, CLAIM_FIELDS);
		pack_u64(out, op->kind);
		pack_u64(out, op->flags);
		pack_u64(out, op->lease_us);
		pack_raw(out, op->parts);
		return;
	case DEAL_EXTEND_LOCK:
		pack_array(out, EXTEND_FIELDS);
		pack_u64(out, op->kind);
		pack_u64(out, op->claim);
		pack_u64(out, op->lease_us);
		return;
	case DEAL_UNLOCK:
	case DEAL_EXPECT_HELD:
		pack_array(out, NUMBER_FIELDS);
		pack_u64(out, op->kind);
		pack_u64(out, op->claim);
		return;
	case DEAL_EVENT_SET:
	case DEAL_EVENT_CLEAR:
		pack_array(out, EVENT_FIELDS);
		pack_u64(out, op->kind);
		pack_str(out, op->name);
		return;
	default:
		unreachable();
	}
}
