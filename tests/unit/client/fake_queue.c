/*
 * The fake scheduler's queue, and transactions: a TAKE gets one item, under its number, again on a
 * new connection; a DO of several operations is checked for versions, then done.
 */
#include "fake.h"

#include "base/ensure.h"
#include "codec/pack.h"

#include <dq/error.h>

#include <string.h>

bool fake_is_deal_of_queue(const struct deal_op *op)
{
	return op->kind <= DEAL_WITHDRAW && op->kind != DEAL_DELETE;
}

static void grant(struct fake *f, uint64_t request, unsigned i)
{
	struct msg_grant m = {.request = request};
	struct buf items;

	f->items[i].request = request;
	buf_init(&items, 4096);
	pack_array(&items, 1);
	pack_array(&items, 8);
	pack_i64(&items, 0);
	pack_u64(&items, i + 1);
	pack_u64(&items, 7);
	pack_u64(&items, 100 + i);
	pack_u64(&items, 1);
	pack_bin(&items, slice_of(f->items[i].content, f->items[i].n));
	pack_u64(&items, 0);
	pack_nil(&items);
	m.items = buf_slice(&items);
	msg_grant_encode(stream_buf(f->peer), 0, &m);
	buf_release(&items);
}

/* What was granted under the number before, else the first that waits. */
static void serve(struct fake *f)
{
	unsigned i = 0;

	while (i < FAKE_ITEMS &&
		!(f->items[i].n && !f->items[i].out && f->items[i].request == f->take))
		i++;
	for (unsigned k = 0; k < FAKE_ITEMS && i == FAKE_ITEMS; k++)
		if (f->items[k].n && !f->items[k].request)
			i = k;
	if (!f->peer || !f->take || i == FAKE_ITEMS)
		return;
	grant(f, f->take, i);
	f->take = 0;
}

void fake_take_items(struct fake *f, const struct frame *frame)
{
	struct msg_take m;
	const char *why = "";

	ensure(msg_take_decode(frame->payload, &m, &why));
	ensure(slice_eq_str(m.name, "q") && m.count > 0 && !f->take);
	f->takes++;
	f->take = m.request;
	serve(f);
}

static void put(struct fake *f, const struct deal_op *op)
{
	struct cursor at;

	for (uint32_t n = deal_items(op, &at); n; n--) {
		struct deal_value v;
		unsigned i = 0;

		deal_item_next(&at, &v);
		while (f->items[i].n)
			ensure(++i < FAKE_ITEMS);
		ensure(v.content.n && v.content.n <= sizeof(f->items[i].content));
		memcpy(f->items[i].content, v.content.p, v.content.n);
		f->items[i].n = v.content.n;
	}
}

/* GRANTED and WITHDRAW. */
static void about_grant(struct fake *f, const struct deal_op *op)
{
	if (f->take == op->request)
		f->take = 0;
	for (unsigned i = 0; i < FAKE_ITEMS; i++) {
		if (f->items[i].request != op->request || f->items[i].out)
			continue;
		if (op->kind == DEAL_GRANTED)
			f->items[i].out = true;
		else
			f->items[i].request = 0;
	}
}

/* Returns the new version, or 0. */
static uint64_t done(struct fake *f, const struct deal_op *op)
{
	switch (op->kind) {
	case DEAL_PUT:
		put(f, op);
		return 0;
	case DEAL_GRANTED:
	case DEAL_WITHDRAW:
		about_grant(f, op);
		return 0;
	case DEAL_ACK:
		ensure(op->seq && op->seq <= FAKE_ITEMS && f->items[op->seq - 1].out &&
			op->fence.epoch == 7 && op->fence.seq == 99 + op->seq);
		f->items[op->seq - 1] = (struct fake_item){.n = 0};
		return 0;
	case DEAL_SET:
	case DEAL_SET_IF:
		fake_set(f, fake_variable_of(f, op->name), &op->value);
		return fake_variable_of(f, op->name)->version;
	case DEAL_SUBMIT:
		return task_id(1000, 1);
	default:
		return 0;
	}
}

/* How many can be done: all, or there is another version. */
static uint32_t check(struct fake *f, struct slice ops, uint64_t *version)
{
	struct deal_reader r;
	struct deal_op op;
	const char *why = "";
	uint32_t n = 0;

	ensure(deal_reader_init(&r, ops, &why));
	for (; deal_reader_next(&r, &op, &why); n++) {
		if (op.kind != DEAL_EXPECT && op.kind != DEAL_SET_IF)
			continue;
		*version = fake_variable_of(f, op.name)->version;
		if (*version != op.version)
			return n;
	}
	return n;
}

void fake_deals(struct fake *f, uint64_t seq, struct slice ops)
{
	struct fake_stored *r = &f->stored[seq];
	struct deal_reader reader;
	const char *why = "";
	uint64_t version = 0, number;
	struct buf data;
	uint32_t n = check(f, ops, &version);

	f->deals++;
	ensure(deal_reader_init(&reader, ops, &why));
	*r = (struct fake_stored){.kind = REPLY_STORED};
	buf_init(&data, sizeof(r->data));
	if (n < reader.left) {
		r->code = DQ_E_CONFLICT;
		memcpy(r->text, "another version", sizeof("another version"));
		pack_array(&data, 2);
		pack_u64(&data, n);
		pack_u64(&data, version);
	} else {
		pack_array(&data, n);
		while (deal_reader_next(&reader, &f->last, &why)) {
			number = done(f, &f->last);
			if (number)
				pack_u64(&data, number);
			else
				pack_nil(&data);
		}
		serve(f);
	}
	r->n = data.n;
	memcpy(r->data, data.p, data.n);
	buf_release(&data);
}
