/*
 * The decoders of what is shared by name: records of things, contents, deals.
 */
#include "targets.h"
#include "thing_targets.h"

#include "base/ensure.h"
#include "codec/pack.h"
#include "model/claim.h"
#include "model/content.h"
#include "model/deal.h"
#include "model/entry.h"
#include "model/item.h"
#include "model/limits.h"
#include "model/thing.h"

#define MAX_BYTES (64 << 20)

void sample_content(struct buf *out, unsigned i)
{
	struct content c = {.type = slice_str("numpy"), .bytes = slice_str("one and two")};

	if (i) {
		c.nframes = 2;
		c.frames = slice_of("\x92\x03\x08", 3);
	}
	content_encode(out, &c);
}

bool run_content(struct slice in)
{
	struct buf first, second;
	const char *why = NULL;
	struct content v;

	if (!content_decode(in, &v, &why)) {
		ensure(why && *why);
		return false;
	}
	buf_init(&first, MAX_BYTES);
	buf_init(&second, MAX_BYTES);
	content_encode(&first, &v);
	ensure(content_decode(buf_slice(&first), &v, &why));
	content_encode(&second, &v);
	targets_same(&first, &second);
	buf_release(&first);
	buf_release(&second);
	return true;
}

static void sample_parts(struct buf *out)
{
	pack_array(out, 2);
	claim_part_encode(
		out, &(struct claim_part){.name = slice_str("ann/disk"), .count = 1, .units = 1});
	claim_part_encode(
		out, &(struct claim_part){.name = slice_str("ann/pool"), .count = 9, .units = 3});
}

/* The third is a claim, the fourth an event. */
static void sample_claim(struct buf *parts, struct thing_record *r, unsigned i)
{
	if (i < 2)
		return;
	r->kind = i == 2 ? THING_LOCK : THING_EVENT;
	buf_clear(parts);
	sample_parts(parts);
	r->claim.flags = CLAIM_HELD | CLAIM_BEAT;
	r->claim.session = 5;
	r->claim.lease_us = 30000000;
	r->claim.parts = buf_slice(parts);
}

static void sample_topic(struct thing_record *r, unsigned i)
{
	if (i == 4) {
		r->kind = THING_TOPIC;
		r->topic.max_entries = 1000;
		r->topic.max_age_us = 60000000;
		r->topic.gone_to = 3;
		r->topic.first = 5;
		r->topic.next = 12;
		r->topic.closing = false;
		r->topic.marks = slice_of("\x94\x05\xcd\x10\x00\x09\xcd\x20\x00", 9);
	} else {
		r->kind = THING_DATASET;
		/* 5.17 and two more, 5.1 */
		r->dataset.runs = slice_of("\x94\xcf\0\0\0\x05\0\0\0\x11\x03"
					   "\xcf\0\0\0\x05\0\0\0\x01\x01",
			21);
	}
}

void sample_thing_record(struct buf *out, unsigned i)
{
	struct thing_record r = {.kind = THING_VARIABLE,
		.ns = slice_str("ann"),
		.name = slice_str("interval"),
		.owner = 1,
		.created_us = 1700000000000000};
	struct buf content;

	if (i == 6) {
		r.kind = THING_QUEUE;
		r.queue.maxsize = 100;
		r.queue.max_deliveries = 3;
		r.queue.dead = slice_str("lost");
		r.queue.floors = slice_of("\x92\xce\x7f\xff\xff\xff\x08", 7);
		thing_record_encode(out, &r);
		return;
	}
	buf_init(&content, MAX_BYTES);
	sample_content(&content, 0);
	r.variable.version = 7;
	if (i)
		r.variable.task = 0x500000011;
	else
		r.variable.content = buf_slice(&content);
	if (i < 4)
		sample_claim(&content, &r, i);
	else
		sample_topic(&r, i);
	thing_record_encode(out, &r);
	buf_release(&content);
}

bool run_thing_record(struct slice in)
{
	struct buf first, second;
	const char *why = NULL;
	struct thing_record v;

	if (!thing_record_decode(in, &v, &why)) {
		ensure(why && *why);
		return false;
	}
	buf_init(&first, MAX_BYTES);
	buf_init(&second, MAX_BYTES);
	thing_record_encode(&first, &v);
	ensure(thing_record_decode(buf_slice(&first), &v, &why));
	thing_record_encode(&second, &v);
	targets_same(&first, &second);
	buf_release(&first);
	buf_release(&second);
	return true;
}

void sample_entry_record(struct buf *out, unsigned i)
{
	struct entry_record r = {.published_us = 1700000000000000};
	struct buf content;

	buf_init(&content, MAX_BYTES);
	sample_content(&content, i);
	r.content = buf_slice(&content);
	entry_record_encode(out, &r);
	buf_release(&content);
}

bool run_entry_record(struct slice in)
{
	struct buf first, second;
	const char *why = NULL;
	struct entry_record v;

	if (!entry_record_decode(in, &v, &why)) {
		ensure(why && *why);
		return false;
	}
	buf_init(&first, MAX_BYTES);
	buf_init(&second, MAX_BYTES);
	entry_record_encode(&first, &v);
	ensure(entry_record_decode(buf_slice(&first), &v, &why));
	entry_record_encode(&second, &v);
	targets_same(&first, &second);
	buf_release(&first);
	buf_release(&second);
	return true;
}

static void sample_guards(struct buf *out)
{
	struct deal_op ops[] = {{.kind = DEAL_CLAIM, .flags = CLAIM_TRY, .lease_us = 30000000},
		{.kind = DEAL_UNLOCK, .claim = 7},
		{.kind = DEAL_EXTEND_LOCK, .claim = 8, .lease_us = 1},
		{.kind = DEAL_EXPECT_HELD, .claim = 9},
		{.kind = DEAL_EVENT_SET, .name = slice_str("go")},
		{.kind = DEAL_EVENT_CLEAR, .name = slice_str("go")}};
	struct buf parts;

	buf_init(&parts, MAX_BYTES);
	sample_parts(&parts);
	ops[0].parts = buf_slice(&parts);
	pack_array(out, sizeof(ops) / sizeof(ops[0]));
	for (uint32_t k = 0; k < sizeof(ops) / sizeof(ops[0]); k++)
		deal_op_encode(out, &ops[k]);
	buf_release(&parts);
}

#define RUN_RECORD(what)                                                                           \
	bool run_##what(struct slice in)                                                           \
	{                                                                                          \
		struct buf first, second;                                                          \
		const char *why = NULL;                                                            \
		struct what v;                                                                     \
                                                                                                   \
		if (!what##_decode(in, &v, &why)) {                                                \
			ensure(why &&*why);                                                        \
			return false;                                                              \
		}                                                                                  \
		buf_init(&first, MAX_BYTES);                                                       \
		buf_init(&second, MAX_BYTES);                                                      \
		what##_encode(&first, &v);                                                         \
		ensure(what##_decode(buf_slice(&first), &v, &why));                                \
		what##_encode(&second, &v);                                                        \
		targets_same(&first, &second);                                                     \
		buf_release(&first);                                                               \
		buf_release(&second);                                                              \
		return true;                                                                       \
	}
RUN_RECORD(item_record)
RUN_RECORD(delivery_record)
RUN_RECORD(grant_record)

void sample_item_record(struct buf *out, unsigned i)
{
	struct item_record r = {.put_us = 1700000000000000};
	struct buf content;

	buf_init(&content, MAX_BYTES);
	sample_content(&content, 0);
	if (i) {
		r.due_us = 1700000000000009;
		r.task = 0x500000011;
	} else {
		r.content = buf_slice(&content);
	}
	item_record_encode(out, &r);
	buf_release(&content);
}

void sample_delivery_record(struct buf *out, unsigned i)
{
	struct delivery_record r = {.state = DELIVERY_BACK, .deliveries = 2, .due_us = 17};

	if (i)
		r = (struct delivery_record){.state = DELIVERY_OUT,
			.deliveries = 1,
			.fence = {1700000000, 4},
			.session = 5,
			.lease_us = 60000000};
	delivery_record_encode(out, &r);
}

void sample_grant_record(struct buf *out, unsigned i)
{
	struct grant_record r = {.thing = 3,
		.mode = i ? TAKE_LEASE : TAKE_GET,
		.lease_us = i ? 60000000 : 0,
		.first = {1700000000, 4}};
	struct grant_entry e = {.rank = item_rank(-7), .deliveries = 1, .seq = 9};
	struct buf entries;

	buf_init(&entries, MAX_BYTES);
	grant_entry_pack(&entries, &e);
	e.task = 0x500000011;
	e.seq++;
	grant_entry_pack(&entries, &e);
	r.entries = buf_slice(&entries);
	grant_record_encode(out, &r);
	buf_release(&entries);
}

static void sample_queue_deal(struct buf *out)
{
	struct slice name = slice_str("interval");
	struct deal_op ops[] = {{.kind = DEAL_PUT, .name = name, .priority = -3, .time_us = 9},
		{.kind = DEAL_ACK,
			.name = name,
			.priority = 4,
			.seq = 17,
			.fence = {1700000000, 4}},
		{.kind = DEAL_NACK, .name = name, .seq = 18, .time_us = 5},
		{.kind = DEAL_EXTEND, .name = name, .seq = 19, .time_us = 60000000},
		{.kind = DEAL_CREATE,
			.name = name,
			.maxsize = 100,
			.deliveries = 3,
			.dead = slice_str("lost")},
		{.kind = DEAL_PURGE, .name = name}, {.kind = DEAL_KICK, .name = name},
		{.kind = DEAL_GRANTED, .request = 8}, {.kind = DEAL_WITHDRAW, .request = 9},
		{.kind = DEAL_DELETE, .name = name, .thing = THING_QUEUE}};
	uint32_t n = sizeof(ops) / sizeof(ops[0]);
	struct buf items;

	buf_init(&items, MAX_BYTES);
	pack_array(&items, 1);
	deal_item_encode(&items, &(struct deal_value){.task = 0x500000011});
	ops[0].items = buf_slice(&items);
	pack_array(out, n);
	for (uint32_t k = 0; k < n; k++)
		deal_op_encode(out, &ops[k]);
	buf_release(&items);
}

static void sample_submit_deal(struct buf *out)
{
	struct deal_op ops[] = {{.kind = DEAL_SUBMIT, .count = 3, .body = slice_str("body")},
		{.kind = DEAL_SET, .name = slice_str("v"), .value.key = slice_str("k")}};

	pack_array(out, 2);
	deal_op_encode(out, &ops[0]);
	deal_op_encode(out, &ops[1]);
}

void sample_deal(struct buf *out, unsigned i)
{
	struct slice name = slice_str("interval");
	struct deal_op ops[] = {{.kind = DEAL_SET, .name = name},
		{.kind = DEAL_SET_IF, .name = name, .version = 7, .value.task = 0x500000011},
		{.kind = DEAL_SET, .name = name, .value.key = slice_str("k[3]")},
		{.kind = DEAL_EXPECT, .name = name, .version = 1},
		{.kind = DEAL_DELETE, .name = name, .thing = THING_VARIABLE},
		{.kind = DEAL_PUBLISH,
			.name = name,
			.members = slice_of("\x92\xa1k\x92\xcf\0\0\0\x05\0\0\0\x11\x03", 14)},
		{.kind = DEAL_BOUND, .name = name, .max_entries = 10, .max_age_us = 1000000},
		{.kind = DEAL_APPEND, .name = name}};
	uint32_t n = i == 3 ? 8 : i ? 5 : 1;
	struct buf content;

	if (i == 2) {
		sample_guards(out);
		return;
	}
	if (i == 4) {
		sample_queue_deal(out);
		return;
	}
	if (i == 5) {
		sample_submit_deal(out);
		return;
	}
	buf_init(&content, MAX_BYTES);
	sample_content(&content, 1);
	ops[0].value.content = ops[7].value.content = buf_slice(&content);
	pack_array(out, n);
	for (uint32_t k = 0; k < n; k++)
		deal_op_encode(out, &ops[k]);
	buf_release(&content);
}

/* Reads the whole list; false: *why. */
static bool copy_deal(struct slice in, struct buf *out, const char **why)
{
	struct deal_reader r;
	struct deal_op op;

	*why = NULL;
	if (!deal_reader_init(&r, in, why))
		return false;
	pack_array(out, r.left);
	while (deal_reader_next(&r, &op, why))
		deal_op_encode(out, &op);
	return !*why;
}

bool run_deal(struct slice in)
{
	struct buf first, second;
	const char *why;
	bool ok;

	buf_init(&first, MAX_BYTES);
	buf_init(&second, MAX_BYTES);
	ok = copy_deal(in, &first, &why);
	if (ok) {
		ensure(copy_deal(buf_slice(&first), &second, &why));
		targets_same(&first, &second);
	} else {
		ensure(*why);
	}
	buf_release(&first);
	buf_release(&second);
	return ok;
}
