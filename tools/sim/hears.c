/*
 * What simulated clients hear: OPENED, replies, outcomes, values, answers. Each is held against the
 * book. Neighbours: client.c keeps the requests that replies answer; watch.c has looked at the same
 * frames when they left.
 */
#include "sim/sim.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "codec/cursor.h"
#include "model/limits.h"

#include <dq/error.h>
#include <inttypes.h>

static void resend(struct sim *s, struct client *c)
{
	for (uint32_t i = 0; i < c->nrequests; i++)
		client_request_send(s, c, c->requests[i]);
}

/* Whose end it has not heard of. */
static void watch_again(struct sim *s, struct client *c)
{
	uint64_t *ids = xcalloc(c->nmine + 1, sizeof(*ids));
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->nmine; i++)
		if (!map64_get(&c->ended, c->mine[i], NULL))
			ids[n++] = c->mine[i];
	client_watch(s, c, ids, n);
	free(ids);
}

/* A new session, or one that a new process found by its name. */
static void take_session(struct sim *s, struct client *c, const struct msg_opened *m)
{
	if (c->reborn && c->session != m->session) {
		if (client_session_is_sure(s, c))
			sim_fail(s, "session %u was not found by its name", c->session);
		book_session_ended(&s->book, c->session);
	}
	if (!c->named && m->last_seq)
		sim_fail(s, "a new session that has done %" PRIu64 " requests", m->last_seq);
	if (c->reborn && c->session == m->session) {
		const struct book_task *t =
			book_forget(&s->book, task_id(c->session, (uint32_t)m->next_n));

		if (t)
			sim_fail(s,
				"the next task of session %u is %" PRIu64 ", and %" PRIx64
				" was acknowledged",
				c->session, m->next_n, t->id);
	}
	/* its numbers are free again */
	if (c->big_count && task_id_n(c->big_first) >= m->next_n)
		c->big_count = 0;
	c->session = (uint32_t)m->session;
	c->next_seq = m->last_seq + 1;
	c->answered = 0;
	c->next_n = m->next_n;
	c->reborn = false;
	c->sure_closed = false;
}

static void resumed(struct sim *s, struct client *c, const struct msg_opened *m)
{
	if (m->session != c->session)
		sim_fail(s, "session %" PRIu64 " was opened, %u was asked for", m->session,
			c->session);
	if (m->incarnation <= c->incarnation)
		sim_fail(s, "incarnation %" PRIu64 " after %u", m->incarnation, c->incarnation);
	if (m->last_seq < c->answered)
		sim_fail(s,
			"session %u: request %" PRIu64 " was answered, now %" PRIu64
			" is the last that counts",
			c->session, c->answered, m->last_seq);
	if (m->last_seq >= c->next_seq)
		sim_fail(s, "session %u: request %" PRIu64 " is done and was never made",
			c->session, m->last_seq);
	s->cover->events[SIM_RESUME]++;
}

static void opened(struct sim *s, struct client *c, const struct frame *f)
{
	struct msg_opened m;
	const char *why;

	if (!msg_opened_decode(f->payload, &m, &why)) {
		sim_fail(s, "an OPENED that is none: %s", why);
		return;
	}
	if (c->session && !c->reborn)
		resumed(s, c, &m);
	else
		take_session(s, c, &m);
	if (m.token.n != TOKEN_BYTES) {
		sim_fail(s, "a token of %zu bytes", m.token.n);
		return;
	}
	memcpy(c->token, m.token.p, TOKEN_BYTES);
	c->incarnation = (uint32_t)m.incarnation;
	c->opened = true;
	resend(s, c);
	watch_again(s, c);
	queues_resend(s, c);
	locks_resend(s, c);
}

/* ---- replies ---- */

/* Did the client ask to release the task after this request? */
static bool released_since(const struct client *c, uint64_t seq, uint64_t id)
{
	for (uint32_t i = 0; i < c->nrequests; i++) {
		const struct request *r = c->requests[i];

		for (uint32_t k = 0; r->kind == REQUEST_RELEASE && r->seq > seq && k < r->n; k++)
			if (r->ids[k] == id)
				return true;
	}
	return false;
}

static void holds_too(struct client *c, struct book_task *t, uint64_t seq)
{
	if (t->detached && t->session == c->session)
		return;
	book_hold_add(t, c->session);
	if (released_since(c, seq, t->id))
		book_hold(t, c->session)->releasing = true;
}

/* One task of the block is another's: both have the key, and the spec. */
static void same_as(
	struct sim *s, struct client *c, const struct request *r, struct book_task *t, uint64_t id)
{
	struct book_task *o = book_find(&s->book, id);
	struct client *other;

	if (!o) {
		sim_fail(s, "%" PRIx64 " is said to be %" PRIx64 ", which nobody submitted", t->id,
			id);
		return;
	}
	if (strcmp(o->key, t->key) != 0 || o->fn != t->fn || o->exec != t->exec ||
		o->salt != t->salt)
		sim_fail(s, "%" PRIx64 " is said to be %" PRIx64 ", which is another", t->id, id);
	t->submit = SUBMIT_SAME;
	t->same_as = id;
	/* it is there, whether its own submitter has heard so or not */
	other = client_of_session(s, o->session);
	if (o->submit == SUBMIT_REFUSED ||
		(!other && o->submit == SUBMIT_SENT && o->session == c->session))
		sim_fail(s, "%" PRIx64 " is said to be %" PRIx64 ", which was refused", t->id, id);
	if (t->detached && t->part)
		return; /* only with the commit */
	if (t->detached)
		o->detached = true;
	else
		holds_too(c, o, r->seq);
	for (uint32_t i = 0; i < c->nmine; i++)
		if (c->mine[i] == t->id)
			c->mine[i] = id;
	client_watch(s, c, &id, 1);
}

static void submit_same(struct sim *s, struct client *c, const struct request *r, struct slice data)
{
	struct cursor at;
	uint32_t n;

	cursor_init(&at, data);
	n = cursor_array(&at);
	for (uint32_t i = 0; i < n && cursor_ok(&at); i++) {
		uint32_t have = cursor_array_min(&at, 2);
		uint64_t k = cursor_u64(&at), id = cursor_u64(&at);
		struct book_task *t = book_find(&s->book, task_id(c->session, (uint32_t)k));

		cursor_skip_rest(&at, have, 2);
		if (!t || k < task_id_n(r->ids[0]) || k >= task_id_n(r->ids[0]) + r->n ||
			!t->key[0]) {
			sim_fail(s, "a reply to a submit names number %" PRIu64, k);
			return;
		}
		if (t->element < 0) {
			same_as(s, c, r, t, id);
			continue;
		}
		for (uint32_t e = 0; e < r->n; e++)
			same_as(s, c, r, book_find(&s->book, r->ids[e]), id + e);
	}
	if (!cursor_at_end(&at))
		sim_fail(s, "a reply to a submit: %s", cursor_error(&at));
}

static void submit_refused(struct sim *s, const struct request *r, uint64_t code, struct slice text)
{
	bool keyed = false, deps = false;

	for (uint32_t i = 0; i < r->n; i++) {
		struct book_task *t = book_find(&s->book, r->ids[i]);

		keyed = keyed || t->key[0];
		deps = deps || t->ndeps || t->dep_by_key;
		t->submit = SUBMIT_REFUSED;
	}
	if ((code == DQ_E_CONFLICT && keyed) || (code == DQ_E_NOT_FOUND && deps) ||
		(code == DQ_E_STORE && s->cover->events[SIM_FULL]) ||
		(code == DQ_E_REFUSED && r->part && !r->begin))
		return;
	sim_fail(s, "a submit is refused with code %" PRIu64 ": %.*s", code, SLICE_ARG(text));
}

static void submit_answered(
	struct sim *s, struct client *c, const struct request *r, const struct msg_reply *m)
{
	if (r->begin)
		c->part_refused = false;
	if (r->part && m->code)
		c->part_refused = true;
	if (m->code) {
		submit_refused(s, r, m->code, m->text);
		return;
	}
	if (m->data.n)
		submit_same(s, c, r, m->data);
	for (uint32_t i = 0; i < r->n; i++) {
		struct book_task *t = book_find(&s->book, r->ids[i]);

		for (uint32_t k = 0; k < t->ndeps; k++)
			if (book_find(&s->book, t->deps[k])->user != t->user)
				sim_fail(s, "%" PRIx64 " may depend on another user's task", t->id);
		if (t->submit == SUBMIT_SENT && !r->part)
			t->submit = SUBMIT_TAKEN;
	}
}

/* It is held and was all the time. */
static bool is_still_held(struct sim *s, uint64_t id)
{
	const struct book_task *t = book_find(&s->book, id);

	return t && t->element < 0 && !t->ever_unheld && task_is_held_for_sure(s, t);
}

static void hold_answered(
	struct sim *s, struct client *c, const struct request *r, const struct msg_reply *m)
{
	struct cursor at;
	uint64_t id, count;

	if (m->code == DQ_E_STORE && s->cover->events[SIM_FULL])
		return;
	cursor_init(&at, m->data);
	if (m->code || cursor_array(&at) != 1) {
		sim_fail(s, "a hold is answered with code %" PRIu64 ": %.*s", m->code,
			SLICE_ARG(m->text));
		return;
	}
	if (cursor_try_nil(&at)) {
		struct book_task *t = book_find(&s->book, r->held);

		if (t && task_is_held_for_sure(s, t) && !t->ever_unheld)
			sim_fail(s, "%" PRIx64 " is held, and was not found by its key", r->held);
		return;
	}
	cursor_array_min(&at, 3);
	id = cursor_u64(&at);
	count = cursor_u64(&at);
	if (r->held && id != r->held && is_still_held(s, r->held))
		sim_fail(s, "the key of %" PRIx64 " means %" PRIx64, r->held, id);
	for (uint64_t i = 0; i < count && cursor_ok(&at); i++) {
		struct book_task *t = book_find(&s->book, id + i);

		if (!t) {
			sim_fail(s, "a key means %" PRIx64 ", which nobody submitted", id + i);
			return;
		}
		if (t->user != c->user)
			sim_fail(s, "%" PRIx64 " is another user's, and was found by its key",
				t->id);
		holds_too(c, t, r->seq);
		client_mine(c, id + i);
		client_watch(s, c, &t->id, 1);
	}
}

static void cancel_answered(struct sim *s, const struct request *r)
{
	for (uint32_t i = 0; i < r->n; i++) {
		struct book_task *t = book_find(&s->book, r->ids[i]);

		if (!t)
			continue;
		t->cancel_shown = true;
		t->cancel_step = s->step;
	}
}

static void release_answered(struct sim *s, struct client *c, const struct request *r)
{
	if (c->big_count && r->ids[0] == c->big_first) {
		c->big_count = 0;
		c->big_asked = false;
	}
	for (uint32_t i = 0; i < r->n; i++) {
		struct book_task *t = book_find(&s->book, r->ids[i]);
		struct book_hold *h = t ? book_hold(t, c->session) : NULL;

		if (h && h->releasing)
			h->released = true;
	}
}

static void answered(
	struct sim *s, struct client *c, const struct request *r, const struct msg_reply *m)
{
	s->cover->replies[m->code & 31]++;
	if (r->seq > c->answered)
		c->answered = r->seq;
	if (m->code && m->code != DQ_E_STORE && r->kind != REQUEST_SUBMIT &&
		r->kind != REQUEST_COMMIT && r->kind != REQUEST_ACT && r->kind != REQUEST_DO &&
		r->kind != REQUEST_QUEUE && r->kind != REQUEST_LOCK && r->kind != REQUEST_FOREIGN)
		sim_fail(s, "request %" PRIu64 " is refused with code %" PRIu64 ": %.*s", r->seq,
			m->code, SLICE_ARG(m->text));
	switch (r->kind) {
	case REQUEST_SUBMIT:
		submit_answered(s, c, r, m);
		break;
	case REQUEST_CANCEL:
		if (!m->code)
			cancel_answered(s, r);
		break;
	case REQUEST_RELEASE:
		release_answered(s, c, r);
		break;
	case REQUEST_HOLD:
		hold_answered(s, c, r, m);
		break;
	case REQUEST_COMMIT:
	case REQUEST_ABORT:
		graph_end_answered(s, c, r, m);
		break;
	case REQUEST_DO:
		vars_answered(s, c, r, m);
		break;
	case REQUEST_QUEUE:
		queues_answered(s, c, r, m);
		break;
	case REQUEST_LOCK:
		locks_answered(s, c, r, m);
		break;
	case REQUEST_FOREIGN:
		foreign_answered(s, r, m);
		break;
	case REQUEST_ACT:
		act_answered(s, c, r, m);
		break;
	case REQUEST_CLOSE:
		break;
	}
}

/* The reply is its, and the request is over. */
static void take_reply(struct sim *s, struct client *c, uint32_t i, const struct msg_reply *m)
{
	struct request *r = c->requests[i];

	memmove(c->requests + i, c->requests + i + 1,
		(c->nrequests - i - 1) * sizeof(struct request *));
	c->nrequests--;
	answered(s, c, r, m);
	client_request_free(r);
}

static void acknowledge(struct sim *s, struct client *c, uint64_t seq)
{
	struct msg_acked m = {.upto = seq};

	msg_acked_encode(&s->scratch, seq, &m);
	peer_send(s, &c->peer);
}

static bool is_plain(const struct msg_reply *m)
{
	return m->code == 0 && m->data.n == 0;
}

static void replied(struct sim *s, struct client *c, const struct frame *f)
{
	struct msg_reply m;
	const char *why;
	bool closed = false;
	uint32_t i = 0;

	if (!msg_reply_decode(f->payload, &m, &why)) {
		sim_fail(s, "a REPLY that is none: %s", why);
		return;
	}
	if (f->flags & WIRE_NOT_TAKEN) {
		s->cover->events[SIM_NOT_TAKEN]++;
		return;
	}
	if (f->seq >= c->next_seq) {
		sim_fail(s, "a reply to request %" PRIu64 ", which was never made", f->seq);
		return;
	}
	while (i < c->nrequests && c->requests[i]->seq <= f->seq) {
		if (c->requests[i]->seq < f->seq && !is_plain(&m)) {
			i++;
			continue;
		}
		closed = closed || c->requests[i]->kind == REQUEST_CLOSE;
		take_reply(s, c, i, &m);
	}
	/* up to this one: not while an earlier one is still to come */
	if (!is_plain(&m) && (c->nrequests == 0 || c->requests[0]->seq > f->seq))
		acknowledge(s, c, f->seq);
	if (closed) {
		client_session_gone(s, c);
		peer_hang_up(s, &c->peer);
	}
}

/* ---- outcomes and values ---- */

static void outcome(struct sim *s, struct client *c, const struct outcomes_entry *e, uint64_t id)
{
	uint64_t after;

	if (e->state != TASK_GONE && map64_get(&c->after, id, &after) &&
		ROUND_OF(e->generation) < after)
		sim_fail(s, "%" PRIx64 " was retried, and the end of round %u is told after that",
			id, ROUND_OF(e->generation));
	ensure(map64_put(&c->ended, id, e->state == TASK_GONE ? ENDED_GONE : e->generation));
}

static void outcomes(struct sim *s, struct client *c, const struct frame *f)
{
	struct msg_outcomes m;
	struct outcomes_entry e;
	struct cursor at;
	const char *why;
	uint32_t n;

	if (!msg_outcomes_decode(f->payload, &m, &why) ||
		!list_read_begin(&at, m.entries, UINT32_MAX, &n)) {
		sim_fail(s, "an OUTCOMES that is none");
		return;
	}
	while (n-- && outcomes_read(&at, &e))
		for (uint64_t i = 0; i < e.count; i++)
			outcome(s, c, &e, e.first + i);
}

static void check_value(struct sim *s, const struct msg_value *m, const struct outcome *o)
{
	struct book_task *t = book_find(&s->book, m->id);
	uint8_t bytes[BOOK_LARGE_BYTES + 128];
	uint32_t n;

	if (!t || !o->has_value || t->fn == FN_STAMP)
		return;
	n = book_value_bytes(t);
	if (o->size != n || o->checksum != book_checksum(t->id, n)) {
		sim_fail(s, "%" PRIx64 " has another task's value", t->id);
		return;
	}
	book_value(t->id, n, bytes);
	if (o->is_inline && !slice_eq(o->bytes, slice_of(bytes, n)))
		sim_fail(s, "%" PRIx64 ": the value's bytes are wrong", t->id);
	if (!o->is_inline && m->where.n == 0 && !t->again)
		sim_fail(s, "%" PRIx64 ": a value that is nowhere, and not lost", t->id);
}

static void value(struct sim *s, struct client *c, const struct frame *f)
{
	struct msg_value m;
	struct outcome o;
	const char *why;
	uint64_t id;
	struct book_task *t;

	if (!msg_value_decode(f->payload, &m, &why)) {
		sim_fail(s, "a VALUE that is none: %s", why);
		return;
	}
	if (!map64_remove(&c->gets, m.request, &id) || id != m.id) {
		sim_fail(s, "a value that was not asked for, or a second time");
		return;
	}
	t = book_find(&s->book, id);
	if (m.code == DQ_E_GONE && task_is_held_for_sure(s, t))
		sim_fail(s, "%" PRIx64 " is held, and its value is said to be gone", id);
	/* nothing but its retention holds what is detached: its value may be dropped before its row
	 */
	if (m.code == DQ_E_LOST && s->flavor.calm && !t->ever_unheld && !t->detached)
		sim_fail(s, "%" PRIx64 " is lost, and no worker ever was", id);
	if (m.code || m.outcome.n == 0)
		return;
	if (!outcome_decode(m.outcome, &o, &why)) {
		sim_fail(s, "the outcome in a VALUE: %s", why);
		return;
	}
	check_value(s, &m, &o);
	if (o.stored && rng_chance(&s->rng, 1, 2))
		value_ask(s, c, &m, &o);
}

static void answer(struct sim *s, const struct frame *f)
{
	struct msg_answer m;
	const char *why;

	if (!msg_answer_decode(f->payload, &m, &why))
		sim_fail(s, "an ANSWER that is none: %s", why);
	else if (m.code)
		sim_fail(s, "a query is refused with code %" PRIu64 ": %.*s", m.code,
			SLICE_ARG(m.text));
}

void client_frame(struct sim *s, struct client *c, const struct frame *f)
{
	switch (f->type) {
	case MSG_OPENED:
		opened(s, c, f);
		break;
	case MSG_REPLY:
		replied(s, c, f);
		break;
	case MSG_OUTCOMES:
		outcomes(s, c, f);
		break;
	case MSG_VALUE:
		value(s, c, f);
		break;
	case MSG_DATA:
	case MSG_NODATA:
		value_data(s, c, f);
		break;
	case MSG_ANSWER:
		answer(s, f);
		break;
	case MSG_IS:
		vars_heard(s, c, f);
		break;
	case MSG_GRANT:
		queues_granted(s, c, f);
		break;
	default:
		sim_fail(s, "%s came to a client", message_name(f->type));
	}
}
