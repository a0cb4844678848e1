/*
 * The outbox (outbox.h): sealing what gathered, sending, and taking replies.
 *
 * A request is encoded once, as a whole frame, and copied into the connection's buffer each time it
 * is sent. A plain REPLY frees all requests up to its number; one with news (a refusal, ids)
 * answers its own and is acknowledged by ACKED, once nothing before it is unanswered. "Not taken"
 * takes a request out and renumbers those behind it: the connection ends with it, so none of them
 * has been seen under its old number.
 */
#include "client/client.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/str.h"
#include "codec/cursor.h"
#include "codec/pack.h"
#include "model/block.h"
#include "model/decode.h"
#include "model/limits.h"
#include "model/record.h"

/* Frames are copied into the connection's buffer while it has less than this unsent. */
#define PUMP_BYTES ((size_t)4 << 20)
#define FRAME_SEQ_OFFSET 8

void outbox_init(struct outbox *o)
{
	*o = (struct outbox){.next_seq = 1};
	list_init(&o->pending);
	buf_init(&o->open.body, LIMIT_SUBMIT_BYTES);
}

static void request_free(struct outbox *o, struct request *r)
{
	if (o->next == r)
		o->next = list_is_linked(&r->link) && r->link.next != &o->pending
				  ? list_entry(r->link.next, struct request, link)
				  : NULL;
	list_remove(&r->link);
	o->bytes -= r->frame.n;
	buf_release(&r->frame);
	runs_release(&r->again);
	if (r->graph)
		graph_unref(r->graph);
	free(r);
}

void outbox_release(struct outbox *o)
{
	while (!list_is_empty(&o->pending))
		request_free(o, list_entry(o->pending.next, struct request, link));
	buf_release(&o->open.body);
	runs_release(&o->release);
}

void reply_wait_init(struct reply_wait *w)
{
	*w = (struct reply_wait){0};
	buf_init(&w->text, LIMIT_FRAME_BYTES);
	buf_init(&w->data, LIMIT_FRAME_BYTES);
}

void reply_wait_release(struct reply_wait *w)
{
	buf_release(&w->text);
	buf_release(&w->data);
}

void outbox_forget(struct outbox *o, struct reply_wait *wait)
{
	list_for_each_entry(r, &o->pending, struct request, link) {
		if (r->wait != wait)
			continue;
		r->wait = NULL;
		r->hold_orphan = r->kind == MSG_HOLD;
	}
}

bool outbox_is_empty(const struct outbox *o)
{
	return list_is_empty(&o->pending) && o->open.count == 0 && o->release.n == 0;
}

bool outbox_has_submit(const struct outbox *o, uint32_t n)
{
	list_for_each_entry(r, &o->pending, struct request, link)
		if (r->kind == MSG_SUBMIT)
			return n >= r->first_n;
	return o->open.count > 0 && n >= o->open.first_n;
}

/* ---- sealing ---- */

/* A request without its frame yet. NULL: out of memory, or too much is kept (*code). */
static struct request *request_new(struct dq_client *c, enum message kind, size_t room, int *code)
{
	struct request *r;

	if (c->outbox.bytes > OUTBOX_BYTES_MAX) {
		*code = client_error(c, DQ_E_LIMIT, "unanswered requests: at most 8 GiB");
		return NULL;
	}
	*code = DQ_E_NO_MEMORY;
	r = try_calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->kind = kind;
	list_init(&r->link);
	buf_init(&r->frame, LIMIT_FRAME_BYTES + FRAME_HEADER_BYTES);
	if (!buf_reserve(&r->frame, room)) {
		free(r);
		return NULL;
	}
	return r;
}

/* Takes the encoded request into the list. 0 or DQ_E_NO_MEMORY, the request gone. */
static int request_add(struct dq_client *c, struct request *r)
{
	struct outbox *o = &c->outbox;

	if (r->frame.failed) {
		buf_release(&r->frame);
		runs_release(&r->again);
		free(r);
		return client_error_code(c, DQ_E_NO_MEMORY);
	}
	r->seq = o->next_seq++;
	o->bytes += r->frame.n;
	list_push_back(&o->pending, &r->link);
	if (!o->next)
		o->next = r;
	return 0;
}

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

void outbox_take_back(struct outbox *o, const struct dq_graph *g)
{
	while (!list_is_empty(&o->pending)) {
		struct request *r = list_entry(o->pending.prev, struct request, link);

		if (r->graph != g)
			return;
		ensure(r->seq == o->next_seq - 1);
		o->next_seq--;
		request_free(o, r);
	}
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

/* ---- sending ---- */

/* Not before what was written when the reply was not known: until then the scheduler knows that a
 * key which that names may have been refused. */
static void ack_send(struct dq_client *c)
{
	struct outbox *o = &c->outbox;
	struct request *head = list_is_empty(&o->pending)
				       ? NULL
				       : list_entry(o->pending.next, struct request, link);

	if (o->ack_due == 0 || (head && head->seq <= o->ack_due) ||
		o->ack_after >= (o->next ? o->next->seq : o->next_seq))
		return;
	msg_acked_encode(session_out(c), 0, &(struct msg_acked){.upto = o->ack_due});
	o->ack_due = 0;
}

void outbox_pump(struct dq_client *c)
{
	struct outbox *o = &c->outbox;

	if (!session_is_up(c))
		return;
	ack_send(c);
	while (o->next && stream_pending_bytes(c->session.stream) < PUMP_BYTES) {
		bool part = o->next->graph && !o->next->graph_end;

		if (part && o->parts_out >= PARTS_IN_FLIGHT)
			return;
		o->parts_out += part;
		buf_append_slice(session_out(c), buf_slice(&o->next->frame));
		o->next = o->next->link.next == &o->pending
				  ? NULL
				  : list_entry(o->next->link.next, struct request, link);
	}
	ack_send(c);
}

bool outbox_restart(struct dq_client *c, uint64_t last_seq)
{
	struct outbox *o = &c->outbox;
	struct request *head = list_is_empty(&o->pending)
				       ? NULL
				       : list_entry(o->pending.next, struct request, link);
	uint64_t answered = head ? head->seq - 1 : o->next_seq - 1;

	o->next = head;
	o->parts_out = 0;
	return last_seq >= answered;
}

/* ---- replies ---- */

/* [id, count, state], or nil. */
static bool hold_read(struct slice data, uint64_t *id, uint64_t *count)
{
	struct cursor at;

	cursor_init(&at, data);
	if (cursor_array(&at) < 1 || cursor_type(&at) != CURSOR_ARRAY)
		return false;
	if (cursor_array(&at) < 2)
		return false;
	*id = cursor_u64(&at);
	*count = cursor_u64(&at);
	return cursor_ok(&at) && *count > 0;
}

bool outbox_aliases(struct dq_client *c, struct slice data, const char **why)
{
	struct cursor at;
	uint32_t pairs;

	if (data.n == 0)
		return true;
	cursor_init(&at, data);
	pairs = cursor_array(&at);
	for (uint32_t i = 0; i < pairs && cursor_ok(&at); i++) {
		uint32_t have = cursor_array_min(&at, 2);
		uint32_t n = cursor_u32(&at);
		uint64_t id = cursor_u64(&at);

		cursor_skip_rest(&at, have, 2);
		if (cursor_ok(&at) && !future_alias(c, n, id)) {
			*why = "out of memory";
			return false;
		}
	}
	if (cursor_at_end(&at))
		return true;
	*why = "REPLY: malformed data";
	return false;
}

static void refusal_note(struct dq_client *c, int code, struct slice text)
{
	if (c->refusal)
		return;
	c->refusal = code;
	str_copy(c->refusal_text, sizeof(c->refusal_text),
		text.n ? text : slice_str(dq_strerror(code)));
}

/* What the reply means for the submit's futures. */
static bool submit_answered(struct dq_client *c, const struct request *r, int code,
	struct slice text, struct slice data, const char **why)
{
	if (code) {
		if (!futures_refuse(c, r->first_n, r->count, code, text)) {
			*why = "out of memory";
			return false;
		}
	} else if (r->keyed && !outbox_aliases(c, data, why)) {
		return false;
	}
	if (r->keyed && !futures_settle(c, r->first_n, r->count)) {
		*why = "out of memory";
		return false;
	}
	return true;
}

static void wait_answered(struct reply_wait *w, int code, struct slice text, struct slice data)
{
	w->done = true;
	w->code = code;
	buf_append_slice(&w->text, text);
	buf_append_slice(&w->data, data);
	w->no_memory = w->text.failed || w->data.failed;
}

/* Takes the reply for one request, and the request out. False: nothing happened; *why. */
static bool request_answered(struct dq_client *c, struct request *r, int code, struct slice text,
	struct slice data, const char **why)
{
	uint64_t id, count;

	if (r->graph && !graph_answered(c, r, code, text, data, why))
		return false;
	if (r->kind == MSG_SUBMIT && !r->graph && !submit_answered(c, r, code, text, data, why))
		return false;
	if (code == 0 && !futures_again(c, &r->again, r->again_all)) {
		*why = "out of memory";
		return false;
	}
	if (r->wait)
		wait_answered(r->wait, code, text, data);
	else if (code && (!r->graph || !r->graph->noted))
		refusal_note(c, code, text);
	if (r->graph && code)
		r->graph->noted = true;
	if (r->graph && !r->graph_end && c->outbox.parts_out)
		c->outbox.parts_out--;
	if (r->hold_orphan && code == 0 && hold_read(data, &id, &count))
		(void)!runs_add(&c->outbox.release, id, count);
	request_free(&c->outbox, r);
	return true;
}

/* Gives the request the next lower number. */
static void request_renumber(struct request *r)
{
	r->seq--;
	le_put(r->frame.p + FRAME_SEQ_OFFSET, r->seq, 8);
}

static bool not_taken(
	struct dq_client *c, uint64_t seq, const struct msg_reply *m, const char **why)
{
	struct outbox *o = &c->outbox;

	list_for_each_entry_safe(r, next, &o->pending, struct request, link) {
		if (r->seq < seq)
			continue;
		if (r->seq > seq) {
			request_renumber(r);
			continue;
		}
		if (!request_answered(
			    c, r, m->code ? (int)m->code : DQ_E_STORE, m->text, slice_empty(), why))
			return false;
	}
	o->next_seq--;
	*why = "a request could not be taken";
	return false; /* the scheduler closes the connection */
}

static bool plain(struct dq_client *c, uint64_t seq, const char **why)
{
	struct list *pending = &c->outbox.pending;

	while (!list_is_empty(pending)) {
		struct request *r = list_entry(pending->next, struct request, link);

		if (r->seq > seq)
			break;
		if (!request_answered(c, r, 0, slice_empty(), slice_empty(), why))
			return false;
	}
	return true;
}

bool outbox_reply(struct dq_client *c, uint64_t seq, bool taken_not, const struct msg_reply *m,
	const char **why)
{
	struct outbox *o = &c->outbox;
	struct request *found = NULL;

	if (seq == 0 || seq >= o->next_seq || m->code > INT32_MAX) {
		*why = "REPLY: to nothing that was asked";
		return false;
	}
	if (!taken_not && m->code == 0 && m->data.n == 0)
		return plain(c, seq, why);
	list_for_each_entry(r, &o->pending, struct request, link) {
		if (r->seq < seq)
			continue;
		if (r->seq == seq)
			found = r;
		break;
	}
	if (taken_not) {
		if (found)
			return not_taken(c, seq, m, why);
		*why = "REPLY: not taken, and answered before";
		return false;
	}
	if (found && !request_answered(c, found, (int)m->code, m->text, m->data, why))
		return false;
	if (seq > o->ack_due)
		o->ack_due = seq;
	o->ack_after = o->next_seq - 1 + (o->open.count > 0);
	return true;
}
