/*
 * The outbox (outbox.h): its list of requests, and sending. Encoding them: outbox_seal.c; their
 * replies: outbox_reply.c.
 *
 * A request is encoded once, as a whole frame, and copied into the connection's buffer each time it
 * is sent.
 */
#include "client/client.h"
#include "client/outbox_private.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "model/limits.h"

/* Frames are copied into the connection's buffer while it has less than this unsent. */
#define PUMP_BYTES ((size_t)4 << 20)

void outbox_init(struct outbox *o)
{
	*o = (struct outbox){.next_seq = 1};
	list_init(&o->pending);
	buf_init(&o->open.body, LIMIT_SUBMIT_BYTES);
}

void request_free(struct outbox *o, struct request *r)
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

struct request *request_new(struct dq_client *c, enum message kind, size_t room, int *code)
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

int request_add(struct dq_client *c, struct request *r)
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
