/*
 * Records of things: a head, and a body by kind. See thing.h.
 */
#include "model/thing.h"

#include "base/ensure.h"
#include "codec/pack.h"
#include "model/claim.h"
#include "model/content.h"
#include "model/decode.h"
#include "model/limits.h"
#include "model/record.h"

enum {
	THING_FIELDS = 7,
	VARIABLE_FIELDS = 3,
	CLAIM_FIELDS = 4,
	TOPIC_FIELDS = 7,
	DATASET_FIELDS = 1,
	QUEUE_FIELDS = 5
};

const char *thing_kind_word(enum thing_kind kind)
{
	static const char *const words[THING_KINDS] = {[THING_QUEUE] = "queue",
		[THING_VARIABLE] = "variable",
		[THING_LOCK] = "lock",
		[THING_EVENT] = "event",
		[THING_TOPIC] = "topic",
		[THING_DATASET] = "dataset"};

	return (unsigned)kind < THING_KINDS && words[kind] ? words[kind] : "?";
}

static void variable_encode(struct buf *out, const struct thing_record *r)
{
	ensure(r->variable.version > 0);
	pack_array(out, VARIABLE_FIELDS);
	pack_u64(out, r->variable.version);
	pack_u64(out, r->variable.task);
	if (r->variable.task)
		pack_nil(out);
	else
		pack_bin(out, r->variable.content);
}

static void claim_encode(struct buf *out, const struct thing_record *r)
{
	pack_array(out, CLAIM_FIELDS);
	pack_u64(out, r->claim.flags);
	pack_u64(out, r->claim.session);
	pack_u64(out, r->claim.lease_us);
	pack_raw(out, r->claim.parts);
}

static void topic_encode(struct buf *out, const struct thing_record *r)
{
	pack_array(out, TOPIC_FIELDS);
	pack_u64(out, r->topic.max_entries);
	pack_u64(out, r->topic.max_age_us);
	pack_u64(out, r->topic.gone_to);
	pack_u64(out, r->topic.first);
	pack_u64(out, r->topic.next);
	pack_bool(out, r->topic.closing);
	if (r->topic.marks.n)
		pack_raw(out, r->topic.marks);
	else
		pack_array(out, 0);
}

static void dataset_encode(struct buf *out, const struct thing_record *r)
{
	pack_array(out, DATASET_FIELDS);
	pack_raw(out, r->dataset.runs);
}

static void queue_encode(struct buf *out, const struct thing_record *r)
{
	pack_array(out, QUEUE_FIELDS);
	pack_u64(out, r->queue.maxsize);
	pack_u64(out, r->queue.max_deliveries);
	pack_str(out, r->queue.dead);
	pack_bool(out, r->queue.closing);
	if (r->queue.floors.n)
		pack_raw(out, r->queue.floors);
	else
		pack_nil(out);
}

void thing_record_encode(struct buf *out, const struct thing_record *r)
{
	pack_array(out, THING_FIELDS);
	pack_u64(out, RECORD_VERSION);
	pack_u64(out, r->kind);
	pack_str(out, r->ns);
	pack_str(out, r->name);
	pack_u64(out, r->owner);
	pack_u64(out, r->created_us);
	switch (r->kind) {
	case THING_QUEUE:
		queue_encode(out, r);
		return;
	case THING_VARIABLE:
		variable_encode(out, r);
		return;
	case THING_LOCK:
		claim_encode(out, r);
		return;
	case THING_TOPIC:
		topic_encode(out, r);
		return;
	case THING_DATASET:
		dataset_encode(out, r);
		return;
	case THING_EVENT:
		pack_array(out, 0);
		return;
	}
	unreachable();
}

static void claim_decode(struct cursor *c, struct thing_record *r)
{
	uint32_t have = cursor_array_min(c, CLAIM_FIELDS);
	const char *why;

	r->claim.flags = cursor_u32(c);
	r->claim.session = cursor_u32(c);
	r->claim.lease_us = cursor_u64(c);
	r->claim.parts = cursor_raw(c);
	cursor_skip_rest(c, have, CLAIM_FIELDS);
	if (!cursor_ok(c))
		return;
	if (r->claim.lease_us == 0)
		cursor_fail(c, "claim: without a lease");
	else if (!r->claim.session && !(r->claim.flags & CLAIM_HELD))
		cursor_fail(c, "claim: nobody waits for it");
	else if (!claim_parts_check(r->claim.parts, &why))
		cursor_fail(c, why);
}

static void queue_decode(struct cursor *c, struct thing_record *r)
{
	uint32_t have = cursor_array_min(c, QUEUE_FIELDS), n;
	struct cursor at;

	r->queue.maxsize = cursor_u64(c);
	r->queue.max_deliveries = cursor_u32(c);
	r->queue.dead = cursor_str_limit(c, LIMIT_NAME_BYTES, LIMIT_TEXT(NAME_BYTES));
	r->queue.closing = cursor_bool(c);
	r->queue.floors = cursor_try_nil(c) ? slice_empty() : cursor_raw(c);
	cursor_skip_rest(c, have, QUEUE_FIELDS);
	if (!cursor_ok(c) || !r->queue.floors.n)
		return;
	cursor_init(&at, r->queue.floors);
	n = cursor_array(&at);
	for (uint32_t i = 0; i < n && cursor_ok(&at); i++)
		(void)cursor_u64(&at);
	if (!cursor_at_end(&at) || n % 2 || n == 0)
		cursor_fail(c, "queue: malformed floors");
}

static void variable_decode(struct cursor *c, struct thing_record *r)
{
	uint32_t have = cursor_array_min(c, VARIABLE_FIELDS);
	struct content content;
	const char *why;

	r->variable.version = cursor_u64(c);
	r->variable.task = cursor_u64(c);
	r->variable.content = cursor_try_nil(c) ? slice_empty() : cursor_bin(c);
	cursor_skip_rest(c, have, VARIABLE_FIELDS);
	if (!cursor_ok(c))
		return;
	if (r->variable.version == 0)
		cursor_fail(c, "variable: no version");
	else if ((r->variable.task != 0) == (r->variable.content.n != 0))
		cursor_fail(c, "variable: a task and a content, or neither");
	else if (!r->variable.task && !content_decode(r->variable.content, &content, &why))
		cursor_fail(c, why);
}

static void marks_check(struct cursor *c, const struct thing_record *r)
{
	uint64_t last = 0;
	struct cursor at;
	uint32_t n;

	cursor_init(&at, r->topic.marks);
	n = cursor_array_limit(&at, 2 * LIMIT_TOPIC_MARKS, "topic: too many marks");
	for (uint32_t i = 0; i < n / 2 && cursor_ok(&at); i++) {
		uint64_t cursor = cursor_u64(&at);

		(void)cursor_u64(&at);
		if (cursor <= last || cursor >= r->topic.next)
			cursor_fail(&at, "topic: marks out of order");
		last = cursor;
	}
	if (cursor_ok(&at) && n % 2)
		cursor_fail(&at, "topic: half a mark");
	if (!cursor_ok(&at))
		cursor_fail(c, cursor_error(&at));
}

static void topic_decode(struct cursor *c, struct thing_record *r)
{
	uint32_t have = cursor_array_min(c, TOPIC_FIELDS);

	r->topic.max_entries = cursor_u64(c);
	r->topic.max_age_us = cursor_u64_max(c, UINT64_MAX / 4);
	r->topic.gone_to = cursor_u64(c);
	r->topic.first = cursor_u64(c);
	r->topic.next = cursor_u64(c);
	r->topic.closing = cursor_bool(c);
	r->topic.marks = cursor_raw(c);
	cursor_skip_rest(c, have, TOPIC_FIELDS);
	if (!cursor_ok(c))
		return;
	if (r->topic.gone_to == 0 || r->topic.gone_to > r->topic.first ||
		r->topic.first > r->topic.next || r->topic.next == UINT64_MAX)
		cursor_fail(c, "topic: its cursors are out of order");
	else
		marks_check(c, r);
}

static void dataset_decode(struct cursor *c, struct thing_record *r)
{
	uint32_t have = cursor_array_min(c, DATASET_FIELDS);
	struct runs_reader rr;
	const char *why;

	r->dataset.runs = cursor_raw(c);
	cursor_skip_rest(c, have, DATASET_FIELDS);
	if (!cursor_ok(c))
		return;
	if (!runs_reader_init(&rr, r->dataset.runs, &why))
		cursor_fail(c, why);
	else if (rr.left == 0)
		cursor_fail(c, "dataset: of nothing");
}

bool thing_record_decode(struct slice in, struct thing_record *out, const char **why)
{
	struct cursor c;
	uint32_t have = record_begin(&c, in, THING_FIELDS), kind = cursor_u32(&c);

	*out = (struct thing_record){.kind = (enum thing_kind)kind};
	out->ns = cursor_str_limit(&c, LIMIT_NAMESPACE_BYTES, LIMIT_TEXT(NAMESPACE_BYTES));
	out->name = cursor_str_limit(&c, LIMIT_NAME_BYTES, LIMIT_TEXT(NAME_BYTES));
	out->owner = cursor_u32(&c);
	out->created_us = cursor_u64(&c);
	if (cursor_ok(&c) && out->name.n == 0)
		cursor_fail(&c, "thing: without a name");
	if (kind == THING_VARIABLE)
		variable_decode(&c, out);
	else if (kind == THING_QUEUE)
		queue_decode(&c, out);
	else if (kind == THING_LOCK)
		claim_decode(&c, out);
	else if (kind == THING_EVENT)
		cursor_skip_rest(&c, cursor_array(&c), 0);
	else if (kind == THING_TOPIC)
		topic_decode(&c, out);
	else if (kind == THING_DATASET)
		dataset_decode(&c, out);
	else
		cursor_fail(&c, "thing: unknown kind");
	return record_end(&c, have, THING_FIELDS, why);
}
