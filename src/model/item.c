/*
 * Items, deliveries and grants of queues, both ways. See item.h.
 */
#include "model/item.h"

#include "base/ensure.h"
#include "codec/pack.h"
#include "model/content.h"
#include "model/decode.h"
#include "model/limits.h"

enum { ITEM_FIELDS = 5, DELIVERY_FIELDS = 8, GRANT_FIELDS = 7 };

void item_record_encode(struct buf *out, const struct item_record *r)
{
	pack_array(out, ITEM_FIELDS);
	pack_u64(out, RECORD_VERSION);
	pack_u64(out, r->put_us);
	pack_u64(out, r->due_us);
	pack_u64(out, r->task);
	if (r->task)
		pack_nil(out);
	else
		pack_bin(out, r->content);
}

bool item_record_decode(struct slice in, struct item_record *out, const char **why)
{
	struct cursor c;
	uint32_t have = record_begin(&c, in, ITEM_FIELDS);
	struct content content;
	const char *wrong;

	*out = (struct item_record){.put_us = cursor_u64(&c)};
	out->due_us = cursor_u64(&c);
	out->task = cursor_u64(&c);
	out->content = cursor_try_nil(&c) ? slice_empty() : cursor_bin(&c);
	if (cursor_ok(&c) && (out->task != 0) == (out->content.n != 0))
		cursor_fail(&c, "item: a task and a content, or neither");
	else if (cursor_ok(&c) && !out->task && !content_decode(out->content, &content, &wrong))
		cursor_fail(&c, wrong);
	return record_end(&c, have, ITEM_FIELDS, why);
}

void delivery_record_encode(struct buf *out, const struct delivery_record *r)
{
	pack_array(out, DELIVERY_FIELDS);
	pack_u64(out, RECORD_VERSION);
	pack_u64(out, r->state);
	pack_u64(out, r->deliveries);
	pack_u64(out, r->fence.epoch);
	pack_u64(out, r->fence.seq);
	pack_u64(out, r->session);
	pack_u64(out, r->lease_us);
	pack_u64(out, r->due_us);
}

bool delivery_record_decode(struct slice in, struct delivery_record *out, const char **why)
{
	struct cursor c;
	uint32_t have = record_begin(&c, in, DELIVERY_FIELDS);

	*out = (struct delivery_record){.state = (enum delivery_state)cursor_u64_max(&c, 2)};
	out->deliveries = cursor_u32(&c);
	out->fence.epoch = cursor_u64(&c);
	out->fence.seq = cursor_u64(&c);
	out->session = cursor_u32(&c);
	out->lease_us = cursor_u64(&c);
	out->due_us = cursor_u64(&c);
	if (cursor_ok(&c) && (out->state == 0 || out->deliveries == 0))
		cursor_fail(&c, "delivery: it says nothing");
	return record_end(&c, have, DELIVERY_FIELDS, why);
}

static void put_le(uint8_t *p, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get_le(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

void grant_entry_pack(struct buf *out, const struct grant_entry *e)
{
	uint8_t b[GRANT_ENTRY_BYTES];

	put_le(b, e->rank, 4);
	put_le(b + 4, e->deliveries, 4);
	put_le(b + 8, e->seq, 8);
	put_le(b + 16, e->task, 8);
	buf_append(out, b, sizeof(b));
}

struct grant_entry grant_entry_at(struct slice entries, uint32_t i)
{
	const uint8_t *b = entries.p + (size_t)i * GRANT_ENTRY_BYTES;

	ensure(entries.n >= ((size_t)i + 1) * GRANT_ENTRY_BYTES);
	return (struct grant_entry){.rank = (uint32_t)get_le(b, 4),
		.deliveries = (uint32_t)get_le(b + 4, 4),
		.seq = get_le(b + 8, 8),
		.task = get_le(b + 16, 8)};
}

void grant_record_encode(struct buf *out, const struct grant_record *r)
{
	pack_array(out, GRANT_FIELDS);
	pack_u64(out, RECORD_VERSION);
	pack_u64(out, r->thing);
	pack_u64(out, r->mode);
	pack_u64(out, r->lease_us);
	pack_u64(out, r->first.epoch);
	pack_u64(out, r->first.seq);
	pack_bin(out, r->entries);
}

bool grant_record_decode(struct slice in, struct grant_record *out, const char **why)
{
	struct cursor c;
	uint32_t have = record_begin(&c, in, GRANT_FIELDS);

	*out = (struct grant_record){.thing = cursor_u64(&c)};
	out->mode = (enum take_mode)cursor_u64_max(&c, TAKE_LEASE);
	out->lease_us = cursor_u64(&c);
	out->first.epoch = cursor_u64(&c);
	out->first.seq = cursor_u64(&c);
	out->entries = cursor_bin(&c);
	out->count = (uint32_t)(out->entries.n / GRANT_ENTRY_BYTES);
	if (cursor_ok(&c) &&
		(out->mode == 0 || out->count == 0 || out->entries.n % GRANT_ENTRY_BYTES != 0))
		cursor_fail(&c, "grant: it says nothing");
	return record_end(&c, have, GRANT_FIELDS, why);
}
