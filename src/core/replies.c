/* Stored replies: made, found again, acknowledged (replies.h). */
#include "core/impl.h"

void replies_init(struct replies *q)
{
	*q = (struct replies){0};
	map64_init(&q->conflicts);
}

void replies_release(struct replies *q)
{
	map64_release(&q->conflicts);
	free(q->v);
}

static struct stored_reply *find(const struct session *s, uint64_t seq)
{
	const struct replies *q = &s->replies;
	uint32_t lo = q->at, hi = q->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (q->v[mid].seq < seq)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < q->n && q->v[lo].seq == seq ? &q->v[lo] : NULL;
}

bool reply_is_stored(const struct session *s, uint64_t seq)
{
	return find(s, seq) != NULL;
}

void reply_names(struct session *s, uint64_t seq, uint64_t live)
{
	struct stored_reply *r = find(s, seq);

	ensure(r && live);
	r->live = live;
	ensure(map64_put(&s->replies.conflicts, live, seq));
}

void reply_load(struct session *s, uint64_t seq, uint64_t live)
{
	struct replies *q = &s->replies;

	ensure(q->at == q->n || q->v[q->n - 1].seq < seq);
	if (q->at && q->at >= q->n / 2) {
		q->n -= q->at;
		memmove(q->v, q->v + q->at, q->n * sizeof(*q->v));
		q->at = 0;
	}
	if (q->n == q->cap) {
		q->cap = q->cap ? q->cap * 2 : 8;
		q->v = xreallocarray(q->v, q->cap, sizeof(*q->v));
	}
	q->v[q->n++] = (struct stored_reply){.seq = seq};
	if (live)
		reply_names(s, seq, live);
}

/* The oldest is deleted. */
static void reply_drop(struct core *c, struct session *s)
{
	struct replies *q = &s->replies;
	const struct stored_reply *r = &q->v[q->at++];
	uint64_t newest;

	if (r->live && map64_get(&q->conflicts, r->live, &newest) && newest == r->seq)
		map64_remove(&q->conflicts, r->live, NULL);
	update_delete(c->u, RECORD_REPLY, s->number, r->seq);
	c->u->seal = true;
}

void reply_plain(struct core *c, struct session *s, uint64_t conn)
{
	struct send *send = update_send(c->u, SEND_REPLY, conn);

	send->session = s->number;
	send->seq = s->last_seq;
}

void reply_stored(struct core *c, struct session *s, uint64_t conn, uint32_t code, const char *text,
	struct slice more, struct slice data)
{
	struct record *r = update_record(c->u, RECORD_REPLY, s->number, s->last_seq);
	struct send *send;
	struct buf full;

	buf_init(&full, 4096);
	buf_append_slice(&full, slice_str(text));
	buf_append_slice(&full, more);
	reply_record_encode(&c->u->bytes,
		&(struct reply_record){.code = code, .text = buf_slice(&full), .data = data});
	update_record_end(c->u, r);
	send = update_send(c->u, SEND_REPLY, conn);
	send->session = s->number;
	send->seq = s->last_seq;
	send->code = code;
	send->text_at = (uint32_t)c->u->bytes.n;
	send->text_n = (uint32_t)full.n;
	buf_append_slice(&c->u->bytes, buf_slice(&full));
	send->at = (uint32_t)c->u->bytes.n;
	send->n = (uint32_t)data.n;
	buf_append_slice(&c->u->bytes, data);
	buf_release(&full);
	reply_load(s, s->last_seq, 0);
}

void session_acked(struct core *c, const struct event *e)
{
	struct conn *conn = conn_get(c, e->conn);
	struct session *s = conn ? conn->session : NULL;

	if (!s)
		return;
	/* what one step does not get to, the next acknowledgement or the session's end does */
	for (uint32_t n = 0; n < STEP_BUDGET && s->replies.at < s->replies.n &&
			     s->replies.v[s->replies.at].seq <= e->seq;
		n++)
		reply_drop(c, s);
}

bool replies_drop(struct core *c, struct session *s, uint32_t *budget)
{
	for (; *budget && s->replies.at < s->replies.n; --*budget)
		reply_drop(c, s);
	return s->replies.at < s->replies.n;
}
