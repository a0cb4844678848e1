/*
 * The outbox: what gathered, and what is asked at once, is encoded into requests.
 */
#include "client/client.h"
#include "client/outbox_private.h"

#include "base/ensure.h"
#include "codec/pack.h"
#include "model/block.h"
#include "model/limits.h"
#include "model/record.h"

static int submit_seal(struct dq_client *c, const struct msg_submit *m, bool keyed)
{
	int code;
	struct request *r = request_new(c, MSG_SUBMIT, m->body.n + m->ns.n + 64, &code);

	if (!r)
		return code;
	r->keyed = keyed;
	r->first_n = (uint32_t)m->first_n;
	r->count = m->count;
	msg_submit_encode(&r->frame, c->outbox.next_seq, m);
	return request_add(c, r);
}

int outbox_seal_block(struct dq_client *c, bool keyed)
{
	struct block *b = &c->outbox.open;
	struct msg_submit m = {
		.first_n = b->first_n, .count = b->count, .body = buf_slice(&b->body)};
	int code;

	if (b->count == 0)
		return 0;
	code = submit_seal(c, &m, keyed);
	if (code == 0) {
		buf_clear(&b->body);
		b->count = 0;
	}
	return code;
}

int outbox_submit_array(struct dq_client *c, struct slice ns, uint32_t first_n, uint64_t count,
	bool keyed, struct slice body)
{
	struct msg_submit m = {
		.first_n = first_n, .count = count, .flags = BLOCK_ARRAY, .ns = ns, .body = body};

	ensure(c->outbox.open.count == 0);
	return submit_seal(c, &m, keyed);
}

int outbox_submit_keyed(
	struct dq_client *c, struct slice ns, uint32_t first_n, uint32_t count, struct slice body)
{
	struct msg_submit m = {.first_n = first_n, .count = count, .ns = ns, .body = body};

	ensure(c->outbox.open.count == 0);
	return submit_seal(c, &m, true);
}

int outbox_submit_part(struct dq_client *c, struct dq_graph *g, uint32_t flags, struct slice ns,
	uint32_t first_n, uint64_t count, struct slice body)
{
	struct msg_submit m = {.first_n = first_n,
		.count = count,
		.flags = flags | SUBMIT_STAGED,
		.ns = ns,
		.body = body};
	int code;

	ensure(c->outbox.open.count == 0);
	code = submit_seal(c, &m, true);
	if (code == 0) {
		struct request *r = list_entry(c->outbox.pending.prev, struct request, link);

		r->graph = g;
		r->graph_end = flags & (SUBMIT_COMMIT | SUBMIT_ABORT);
		g->refs++;
	}
	return code;
}

/* One request that carries runs from `at` on; tells how many. */
static int runs_seal(struct dq_client *c, enum message kind, const struct runs *runs, size_t at,
	struct reply_wait *wait, size_t *took)
{
	struct buf list;
	struct request *r;
	int code;

	buf_init(&list, LIMIT_FRAME_BYTES);
	*took = runs_pack(&list, runs, at);
	r = request_new(c, kind, list.n + 64, &code);
	if (!r) {
		buf_release(&list);
		return code;
	}
	r->frame.failed |= list.failed;
	if (kind == MSG_CANCEL)
		msg_cancel_encode(&r->frame, c->outbox.next_seq,
			&(struct msg_cancel){.runs = buf_slice(&list)});
	else if (kind == MSG_DETACH)
		msg_detach_encode(&r->frame, c->outbox.next_seq,
			&(struct msg_detach){.runs = buf_slice(&list)});
	else
		msg_release_encode(&r->frame, c->outbox.next_seq,
			&(struct msg_release){.runs = buf_slice(&list)});
	buf_release(&list);
	if (at + *took == runs->n)
		r->wait = wait;
	return request_add(c, r);
}

int outbox_cancel(struct dq_client *c, const struct runs *runs, struct reply_wait *wait)
{
	int code = outbox_seal_block(c, false);
	size_t took;

	for (size_t at = 0; code == 0 && at < runs->n; at += took)
		code = runs_seal(c, MSG_CANCEL, runs, at, wait, &took);
	return code;
}

int outbox_detach(struct dq_client *c, const struct runs *runs)
{
	int code = outbox_seal_block(c, false);
	size_t took = 0;

	if (code == 0)
		code = runs_seal(c, MSG_DETACH, runs, 0, NULL, &took);
	ensure(code || took == runs->n);
	return code;
}

static bool runs_copy(struct runs *to, const struct runs *from, size_t at, size_t n)
{
	for (size_t i = at; i < at + n; i++)
		if (!runs_add(to, from->v[i].first, from->v[i].count))
			return false;
	return true;
}

int outbox_act(struct dq_client *c, enum dq_act act, uint32_t flags, int32_t arg,
	const struct runs *runs, size_t at, struct reply_wait *wait, size_t *took)
{
	struct msg_act m = {.kind = act, .flags = flags};
	int code = outbox_seal(c);
	struct buf list, number;
	struct request *r;

	if (code)
		return code;
	buf_init(&list, LIMIT_FRAME_BYTES);
	buf_init(&number, 16);
	*took = runs_pack(&list, runs, at);
	pack_i64(&number, arg);
	r = request_new(c, MSG_ACT, list.n + 64, &code);
	if (r) {
		m.runs = buf_slice(&list);
		m.arg = buf_slice(&number);
		msg_act_encode(&r->frame, c->outbox.next_seq, &m);
		r->wait = wait;
		r->again_all = !(flags & ACT_SKIP);
		r->frame.failed |= list.failed || number.failed ||
				   (act == DQ_ACT_RETRY && !runs_copy(&r->again, runs, at, *took));
		code = request_add(c, r);
	}
	buf_release(&list);
	buf_release(&number);
	return code;
}

int outbox_seal(struct dq_client *c)
{
	struct outbox *o = &c->outbox;
	int code = outbox_seal_block(c, false);
	size_t took;

	if (o->release.n > 1)
		runs_tidy(&o->release);
	while (code == 0 && o->release.n > 0) {
		code = runs_seal(c, MSG_RELEASE, &o->release, 0, NULL, &took);
		if (code == 0)
			runs_drop(&o->release, took);
	}
	return code;
}

/* Behind the releases that were gathered: one of the same task would undo the hold. */
int outbox_hold(struct dq_client *c, struct slice key, struct reply_wait *wait)
{
	int code = outbox_seal(c);
	struct request *r;
	struct buf list;

	if (code)
		return code;
	r = request_new(c, MSG_HOLD, key.n + 64, &code);
	if (!r)
		return code;
	buf_init(&list, LIMIT_FRAME_BYTES);
	pack_array(&list, 1);
	pack_str(&list, key);
	r->frame.failed |= list.failed;
	msg_hold_encode(
		&r->frame, c->outbox.next_seq, &(struct msg_hold){.keys = buf_slice(&list)});
	buf_release(&list);
	r->wait = wait;
	return request_add(c, r);
}

/* Behind what was submitted and let go of before, since it may name those tasks. */
int outbox_do(struct dq_client *c, struct slice ops, struct reply_wait *wait)
{
	int code = outbox_seal(c);
	struct request *r;

	if (code)
		return code;
	r = request_new(c, MSG_DO, ops.n + 64, &code);
	if (!r)
		return code;
	msg_do_encode(&r->frame, c->outbox.next_seq, &(struct msg_do){.ops = ops});
	r->wait = wait;
	return request_add(c, r);
}

int outbox_close(struct dq_client *c, struct reply_wait *wait)
{
	int code;
	struct request *r = request_new(c, MSG_CLOSE, 64, &code);

	if (!r)
		return code;
	msg_close_encode(&r->frame, c->outbox.next_seq, &(struct msg_close){0});
	r->wait = wait;
	return request_add(c, r);
}
