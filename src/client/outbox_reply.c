/*
 * The outbox: replies. A plain REPLY frees all requests up to its number; one with news (a refusal,
 * ids) answers its own and is acknowledged by ACKED, once nothing before it is unanswered. "Not
 * taken" takes a request out and renumbers those behind it: the connection ends with it, so none of
 * them has been seen under its old number.
 */
#include "client/client.h"
#include "client/outbox_private.h"

#include "base/str.h"
#include "codec/cursor.h"
#include "model/decode.h"

#define FRAME_SEQ_OFFSET 8

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
