/* The scripted scheduler (fake.h). */
#include "fake.h"

#include "base/ensure.h"
#include "base/hash.h"
#include "codec/pack.h"
#include "model/limits.h"
#include "model/row.h"

#include <dq/error.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct stream_handlers peer_handlers, data_handlers;

void fake_lock(struct fake *f)
{
	pthread_mutex_lock(&f->lock);
}

void fake_unlock(struct fake *f)
{
	pthread_mutex_unlock(&f->lock);
}

/* The fake's tickets are one letter over and over. */
static struct slice ticket_of(char letter)
{
	static char tickets[26][WIRE_TICKET_BYTES];
	char *t = tickets[letter - 'a'];

	memset(t, letter, WIRE_TICKET_BYTES);
	return slice_of(t, WIRE_TICKET_BYTES);
}

/* ---- outcomes ---- */

/* A task's value is its number within the session, times three; held ones are long. */
static size_t value_bytes(const struct fake *f, uint64_t id, uint8_t *out, size_t room)
{
	struct buf b;
	size_t n;

	buf_init(&b, room);
	if (f->script.held_values) {
		pack_bin_header(&b, 100000);
		for (unsigned i = 0; i < 100000; i++)
			buf_append_byte(&b, (uint8_t)(i * 7 + id));
	} else {
		pack_u64(&b, (id & 0xffffffff) * 3);
	}
	ensure(!b.failed);
	n = b.n;
	memcpy(out, b.p, n);
	buf_release(&b);
	return n;
}

static void outcome_of(const struct fake *f, uint64_t id, bool whole, struct buf *out)
{
	static uint8_t bytes[100016];
	bool fails = f->script.fail_n && (id & 0xffffffff) == f->script.fail_n;
	struct outcome o = {.state = fails ? TASK_FAILED : TASK_DONE, .started_us = 1, .run_us = 2};

	if (fails) {
		o.cause = CAUSE_ERROR;
		o.message = slice_str("it broke");
		o.blame = id;
	} else {
		o.has_value = true;
		o.type = slice_str("msgpack");
		o.size = value_bytes(f, id, bytes, sizeof(bytes));
		o.checksum = hash64(slice_of(bytes, o.size));
		o.is_inline = !f->script.held_values;
		if (o.is_inline)
			o.bytes = slice_of(bytes, o.size);
	}
	if (whole || !f->script.big_values) {
		outcome_encode(out, &o);
	} else {
		struct buf full;

		buf_init(&full, OUTCOME_MAX_BYTES);
		outcome_encode(&full, &o);
		ensure(outcome_copy_short(out, buf_slice(&full), 0));
		buf_release(&full);
	}
}

static bool task_exists(const struct fake *f, uint64_t id)
{
	for (size_t i = 0; i < f->tasks.n; i++)
		if (id >= f->tasks.v[i].first && id - f->tasks.v[i].first < f->tasks.v[i].count)
			return true;
	return f->script.alias_id && id == f->script.alias_id;
}

/* Tells of the ends of runs; alike: a large one is told as one, with the first one's outcome. */
static void tell_runs(struct fake *f, const struct runs *runs)
{
	struct buf list, outcome;
	uint32_t n = 0;

	buf_init(&outcome, OUTCOME_MAX_BYTES);
	for (size_t i = 0; i < runs->n; i++)
		n += runs->v[i].count > 100000 ? 1 : (uint32_t)runs->v[i].count;
	buf_init(&list, LIMIT_FRAME_BYTES);
	pack_array(&list, n);
	for (size_t i = 0; i < runs->n; i++) {
		struct run run = runs->v[i];

		for (uint64_t j = 0; j < run.count; j++) {
			struct outcomes_entry e = {.first = run.first + j,
				.count = run.count > 100000 ? run.count : 1,
				.generation = 1,
				.attempts = 1};

			buf_clear(&outcome);
			outcome_of(f, e.first, false, &outcome);
			e.state = f->script.fail_n == (uint32_t)e.first ? TASK_FAILED : TASK_DONE;
			e.outcome = buf_slice(&outcome);
			if (!task_exists(f, e.first)) {
				e.state = TASK_GONE;
				e.outcome = slice_empty();
			}
			outcomes_write(&list, &e);
			if (e.count > 1)
				break;
		}
	}
	msg_outcomes_encode(
		stream_buf(f->peer), 0, &(struct msg_outcomes){.entries = buf_slice(&list)});
	buf_release(&list);
	buf_release(&outcome);
}

void fake_tell_end(struct fake *f, uint32_t n)
{
	struct runs runs = {0};

	ensure(runs_add(&runs, task_id(FAKE_SESSION, n), 1));
	tell_runs(f, &runs);
	runs_release(&runs);
}

/* Tells of all that is watched. */
static void tell_outcomes(struct fake *f)
{
	if (!f->peer || f->script.hold_outcomes || f->watched.n == 0)
		return;
	tell_runs(f, &f->watched);
	runs_clear(&f->watched);
}

/* ---- replies ---- */

static void send_reply(struct fake *f, uint64_t seq, const struct fake_stored *r)
{
	struct msg_reply m = {
		.code = r->code, .text = slice_str(r->text), .data = slice_of(r->data, r->n)};

	msg_reply_encode(stream_buf(f->peer), seq, &m);
}

static void send_plain(struct fake *f)
{
	struct fake_stored none = {.kind = REPLY_PLAIN};
	uint64_t upto = f->last_seq;

	if (!f->peer || f->script.hold_replies || upto == f->replied)
		return;
	if (f->script.slow_plain && upto - f->replied < 64)
		return;
	/* The last one that has no news of its own. */
	while (upto > f->replied && f->stored[upto].kind == REPLY_STORED)
		upto--;
	if (upto > f->replied)
		send_reply(f, upto, &none);
	f->replied = f->last_seq;
}

/* What lives with a connection. */
static void forget_registered(struct fake *f)
{
	runs_clear(&f->watched);
	memset(f->awaits, 0, sizeof(f->awaits));
	f->take = 0;
}

static void lose(struct fake *f)
{
	stream_free(&f->peer);
	forget_registered(f);
}

/* REFUSE and the end of the connection, in place of what a bad frame would have been. */
static void refuse_frame(struct fake *f)
{
	struct msg_refuse m = {.code = DQ_E_LIMIT, .text = slice_str(LIMIT_TEXT(FRAME_BYTES))};

	msg_refuse_encode(stream_buf(f->peer), 0, &m);
	stream_close(f->peer);
	f->peer = NULL;
	forget_registered(f);
}

/* A numbered request. */
static void on_request(struct fake *f, const struct frame *frame)
{
	ensure(frame->seq > 0 && frame->seq < FAKE_SEQS);
	if (frame->seq <= f->last_seq) {
		f->resent++;
		send_reply(f, frame->seq, &f->stored[frame->seq]);
		return;
	}
	ensure(frame->seq == f->last_seq + 1); /* none is left out */
	if (frame->seq == f->script.lose_after_seq) {
		f->script.lose_after_seq = 0;
		lose(f);
		return;
	}
	if (frame->seq == f->script.too_large_seq) {
		refuse_frame(f);
		return;
	}
	if (frame->seq == f->script.not_taken_seq) {
		struct fake_stored r = {.code = DQ_E_STORE, .text = "no room"};
		size_t mark = stream_buf(f->peer)->n;

		f->script.not_taken_seq = 0;
		send_reply(f, frame->seq, &r);
		stream_buf(f->peer)->p[mark + 5] = WIRE_NOT_TAKEN;
		stream_close(f->peer);
		f->peer = NULL;
		forget_registered(f);
		return;
	}
	fake_take(f, frame);
	if (frame->seq == f->script.lose_taken_seq) {
		f->script.lose_taken_seq = 0;
		lose(f);
		return;
	}
	if (f->stored[frame->seq].kind == REPLY_STORED && !f->script.hold_replies) {
		send_reply(f, frame->seq, &f->stored[frame->seq]);
		if (f->replied == frame->seq - 1)
			f->replied = frame->seq;
	}
	send_plain(f);
}

/* ---- the rest ---- */

static void on_open_session(struct fake *f)
{
	struct msg_opened m = {.session = FAKE_SESSION,
		.token = slice_of("0123456789abcdef", 16),
		.incarnation = f->connections,
		.last_seq = f->last_seq,
		.next_n = f->next_n,
		.ns = slice_str("me")};

	f->replied = f->last_seq;
	msg_opened_encode(stream_buf(f->peer), 0, &m);
}

static void on_watch(struct fake *f, const struct frame *frame)
{
	struct msg_watch m;
	const char *why = "";
	struct cursor at;
	uint32_t n;

	ensure(msg_watch_decode(frame->payload, &m, &why));
	cursor_init(&at, m.runs);
	n = cursor_array(&at);
	for (uint32_t i = 0; i < n; i += 2) {
		uint64_t first = cursor_u64(&at), count = cursor_u64(&at);

		f->watched_ids += count;
		ensure(runs_add(&f->watched, first, count));
	}
	ensure(cursor_at_end(&at));
	tell_outcomes(f);
}

static void on_get(struct fake *f, const struct frame *frame)
{
	struct msg_value v = {.generation = 1};
	struct msg_get m;
	struct buf outcome, where;
	const char *why = "";

	ensure(msg_get_decode(frame->payload, &m, &why));
	f->gets++;
	v.request = m.request;
	v.id = m.id;
	buf_init(&outcome, OUTCOME_MAX_BYTES);
	buf_init(&where, LIMIT_FRAME_BYTES);
	if (f->script.not_ended) {
		f->script.not_ended = false;
		v.code = DQ_E_USAGE;
		v.text = slice_str("the task has not ended");
	} else if (task_exists(f, m.id)) {
		outcome_of(f, m.id, true, &outcome);
		if (f->script.held_values) {
			pack_array(&where, 3);
			where_write(&where, slice_str("unix:/nonexistent/dq"), ticket_of('t'));
			where_write(&where, slice_str(f->data_address), ticket_of('a'));
			where_write(&where, slice_str(f->data_address), ticket_of('b'));
		}
	} else {
		v.code = DQ_E_LOST;
		v.text = slice_str("it is lost");
	}
	v.outcome = buf_slice(&outcome);
	v.where = buf_slice(&where);
	msg_value_encode(stream_buf(f->peer), 0, &v);
	buf_release(&outcome);
	buf_release(&where);
}

static void on_query(struct fake *f, const struct frame *frame)
{
	struct msg_query m;
	struct msg_answer a = {.code = 0};
	const char *why = "";

	ensure(msg_query_decode(frame->payload, &m, &why));
	f->queries++;
	if (f->script.silent_queries) {
		f->script.silent_queries--;
		return;
	}
	a.request = m.request;
	if (m.what == QUERY_SHOW) {
		a.code = DQ_E_NOT_FOUND;
		a.text = slice_str("no such task");
		msg_answer_encode(stream_buf(f->peer), 0, &a);
		return;
	}
	/* A list in two parts, the second asked for with where the first ended. */
	a.more = m.what == QUERY_STATE && m.order == 0;
	a.order = 1;
	a.given = 2;
	ensure(m.order == 0 || m.given == 2);
	a.data = m.order ? slice_of("\x91\x03", 2) : slice_of("\x92\x01\x02", 3);
	msg_answer_encode(stream_buf(f->peer), 0, &a);
}

static void on_hello(struct fake *f)
{
	struct msg_challenge m = {.version = 1, .method = METHOD_PEER};

	f->hellos++;
	if (f->script.refuse_code)
		msg_refuse_encode(stream_buf(f->peer), 0,
			&(struct msg_refuse){
				.code = f->script.refuse_code, .text = slice_str("go away")});
	else
		msg_challenge_encode(stream_buf(f->peer), 0, &m);
}

static void on_frame(struct stream *s, const struct frame *frame, void *arg)
{
	struct fake *f = arg;
	struct msg_acked acked;
	const char *why = "";

	fake_lock(f);
	ensure(s == f->peer);
	switch (frame->type) {
	case MSG_HELLO:
		on_hello(f);
		break;
	case MSG_PROVE:
		msg_admit_encode(stream_buf(s), 0, &(struct msg_admit){.version = 1, .epoch = 1});
		break;
	case MSG_OPEN:
		on_open_session(f);
		break;
	case MSG_SUBMIT:
	case MSG_CANCEL:
	case MSG_RELEASE:
	case MSG_HOLD:
	case MSG_CLOSE:
	case MSG_DO:
	case MSG_ACT:
		on_request(f, frame);
		break;
	case MSG_ACKED:
		ensure(msg_acked_decode(frame->payload, &acked, &why));
		f->acked++;
		f->acked_upto = acked.upto;
		break;
	case MSG_WATCH:
		on_watch(f, frame);
		break;
	case MSG_UNWATCH:
		break;
	case MSG_GET:
		on_get(f, frame);
		break;
	case MSG_QUERY:
		on_query(f, frame);
		break;
	case MSG_AWAIT:
		fake_await(f, frame);
		break;
	case MSG_DROP:
		fake_drop_await(f, frame);
		break;
	case MSG_TAKE:
		fake_take_items(f, frame);
		break;
	default:
		ensure(frame->type == MSG_PING || frame->type == MSG_PONG);
	}
	fake_unlock(f);
}

static void on_close(struct stream *s, const char *reason, int err, void *arg)
{
	struct fake *f = arg;

	(void)reason;
	(void)err;
	fake_lock(f);
	if (f->peer == s) {
		f->peer = NULL;
		forget_registered(f);
	}
	fake_unlock(f);
}

static const struct stream_handlers peer_handlers = {.on_frame = on_frame, .on_close = on_close};

static void on_accept(struct listener *l, struct stream *s, void *arg)
{
	struct fake *f = arg;

	(void)l;
	fake_lock(f);
	stream_free(&f->peer);
	forget_registered(f);
	f->peer = s;
	f->connections++;
	stream_set_handlers(s, &peer_handlers, f);
	fake_unlock(f);
}

/* ---- data ---- */

static void on_fetch(struct stream *s, const struct frame *frame, void *arg)
{
	static uint8_t bytes[100016];
	struct fake *f = arg;
	struct msg_fetch m;
	struct msg_data d;
	const char *why = "";
	size_t n;
	bool bad;

	ensure(msg_fetch_decode(frame->payload, &m, &why));
	fake_lock(f);
	f->fetches++;
	bad = f->script.bad_holders && slice_eq(m.ticket, ticket_of('a'));
	if (bad && f->script.bad_holders == 1) {
		msg_nodata_encode(stream_buf(s), 0,
			&(struct msg_nodata){.request = m.request,
				.code = DQ_E_GONE,
				.text = slice_str("gone")});
		fake_unlock(f);
		return;
	}
	n = value_bytes(f, m.id, bytes, sizeof(bytes));
	if (bad)
		bytes[n / 2] ^= 1;
	d = (struct msg_data){.request = m.request, .total = n};
	for (size_t at = 0; at < n; at += 30000) {
		size_t left = n - at < 30000 ? n - at : 30000;

		d.offset = at;
		d.bytes = slice_of(bytes + at, left);
		d.last = at + left == n;
		msg_data_encode(stream_buf(s), 0, &d);
	}
	fake_unlock(f);
}

static const struct stream_handlers data_handlers = {.on_frame = on_fetch};

static void on_accept_data(struct listener *l, struct stream *s, void *arg)
{
	(void)l;
	stream_set_handlers(s, &data_handlers, arg);
}

/* ---- the thread ---- */

static void on_wake(struct wake *w, void *arg)
{
	struct fake *f = arg;

	(void)w;
	fake_lock(f);
	if (f->release) {
		f->release = false;
		f->script.hold_replies = f->script.hold_outcomes = f->script.slow_plain = false;
		if (f->peer) {
			for (uint64_t seq = f->replied + 1; seq <= f->last_seq; seq++)
				if (f->stored[seq].kind == REPLY_STORED)
					send_reply(f, seq, &f->stored[seq]);
			send_plain(f);
			tell_outcomes(f);
		}
	}
	if (f->ending.n && f->peer)
		tell_runs(f, &f->ending);
	runs_clear(&f->ending);
	if (f->drop) {
		f->drop = false;
		lose(f);
	}
	if (f->stop)
		loop_stop(f->loop);
	fake_unlock(f);
}

static void *fake_main(void *arg)
{
	struct fake *f = arg;

	loop_run(f->loop);
	return NULL;
}

void fake_start(struct fake *f)
{
	static unsigned number;
	char name[40];

	snprintf(name, sizeof(name), "inproc:fake-%u", ++number);
	fake_start_at(f, name);
}

void fake_start_at(struct fake *f, const char *address)
{
	char why[200];

	*f = (struct fake){.next_n = 1};
	pthread_mutex_init(&f->lock, NULL);
	snprintf(f->address, sizeof(f->address), "%s", address);
	snprintf(f->data_address, sizeof(f->data_address), "%.50s-data", address);
	f->stored = calloc(FAKE_SEQS, sizeof(*f->stored));
	f->loop = loop_new();
	ensure(f->stored && f->loop);
	f->wake = wake_new(f->loop, on_wake, f);
	f->listener = listener_new(f->loop, f->address, on_accept, f, why, sizeof(why));
	f->data_listener =
		listener_new(f->loop, f->data_address, on_accept_data, f, why, sizeof(why));
	ensure(f->wake && f->listener && f->data_listener);
	ensure(thread_start(&f->thread, "fake", fake_main, f) == 0);
}

static void fake_tell(struct fake *f, bool *what)
{
	fake_lock(f);
	*what = true;
	wake_send(f->wake);
	fake_unlock(f);
}

void fake_release(struct fake *f)
{
	fake_tell(f, &f->release);
}

void fake_end(struct fake *f, uint32_t first_n, uint64_t count)
{
	fake_lock(f);
	ensure(runs_add(&f->ending, task_id(FAKE_SESSION, first_n), count));
	wake_send(f->wake);
	fake_unlock(f);
}

void fake_drop(struct fake *f)
{
	fake_tell(f, &f->drop);
}

void fake_stop(struct fake *f)
{
	fake_tell(f, &f->stop);
	pthread_join(f->thread, NULL);
	stream_free(&f->peer);
	listener_free(&f->listener);
	listener_free(&f->data_listener);
	wake_free(&f->wake);
	loop_free(&f->loop);
	runs_release(&f->staged);
	runs_release(&f->tasks);
	runs_release(&f->watched);
	runs_release(&f->ending);
	free(f->stored);
	pthread_mutex_destroy(&f->lock);
}
