/*
 * The connection (session.h): the handshake, the session's opening and resuming, heartbeats, and
 * trying again.
 *
 * Happy path: stream_connect, HELLO on open, CHALLENGE -> PROVE, ADMIT -> OPEN, OPENED -> ready:
 * what the outbox keeps is sent again, what is watched, got and queried is asked again. Every end
 * of the connection leads to BACKOFF and another try, but for refusals that would only repeat:
 * those end the client (session_fail).
 *
 * Silence is measured while the loop is driven: a gap between two beats shifts what was heard last.
 */
#include "client/client.h"
#include "client/secret.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/ensure.h"
#include "base/rng.h"
#include "base/str.h"
#include "model/limits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BEAT_MS 5000u
#define QUIET_US ((uint64_t)10000000)   /* then PING */
#define SILENCE_US ((uint64_t)30000000) /* then the connection is given up */
#define HANDSHAKE_US ((uint64_t)10000000)

static const struct stream_handlers session_handlers;

bool session_is_up(const struct dq_client *c)
{
	return c->session.state == SESSION_READY;
}

uint64_t session_down_us(const struct dq_client *c)
{
	const struct session *s = &c->session;

	return s->down_us + (s->down_at_us ? clock_mono_us() - s->down_at_us : 0);
}

struct buf *session_out(struct dq_client *c)
{
	ensure(session_is_up(c) && c->session.stream);
	return stream_buf(c->session.stream);
}

/* ---- ends ---- */

static void session_disconnect(struct dq_client *c)
{
	struct session *s = &c->session;

	stream_free(&s->stream);
	if (s->beat)
		timer_stop(s->beat);
}

void session_drop(struct dq_client *c, const char *why)
{
	struct session *s = &c->session;

	if (s->state == SESSION_ENDED || s->state == SESSION_BACKOFF || s->state == SESSION_IDLE)
		return;
	str_copy(s->trouble, sizeof(s->trouble), slice_str(why));
	if (s->state == SESSION_READY)
		s->down_at_us = clock_mono_us();
	session_disconnect(c);
	s->state = SESSION_BACKOFF;
	timer_start(s->retry, reconnect_next_ms(&s->reconnect), 0);
}

void session_fail(struct dq_client *c, int code, const char *why)
{
	struct session *s = &c->session;

	if (s->state == SESSION_ENDED)
		return;
	session_disconnect(c);
	if (s->retry)
		timer_stop(s->retry);
	s->state = SESSION_ENDED;
	c->fatal = code ? code : DQ_E_CLOSED;
	str_copy(c->fatal_text, sizeof(c->fatal_text), slice_str(why));
}

/* A REFUSE that another try would only get again? Once the session stands, a limit is that of
 * something which would be sent again. */
static bool refusal_is_final(enum session_state state, uint64_t code)
{
	if (code == DQ_E_LIMIT)
		return state == SESSION_READY;
	switch (code) {
	case DQ_E_OK:
	case DQ_E_STORE:
	case DQ_E_CLOSED:
	case DQ_E_IO:
	case DQ_E_TIMEOUT:
	case DQ_E_NO_MEMORY:
	case DQ_E_NO_SCHEDULER:
		return false;
	default:
		return true;
	}
}

static void on_refuse(struct dq_client *c, struct slice payload)
{
	struct msg_refuse m;
	const char *why = "";
	char text[256];

	if (!msg_refuse_decode(payload, &m, &why)) {
		session_drop(c, why);
		return;
	}
	snprintf(text, sizeof(text), "%s: refused: %" SLICE_FMT, c->session.address,
		SLICE_ARG(m.text));
	if (m.code <= INT32_MAX && refusal_is_final(c->session.state, m.code))
		session_fail(c, (int)m.code, text);
	else
		session_drop(c, text);
}

/* ---- the handshake ---- */

static void say_hello(struct dq_client *c)
{
	struct session *s = &c->session;
	struct msg_hello m = {.version_min = WIRE_VERSION_MIN,
		.version_max = WIRE_VERSION_MAX,
		.role = ROLE_CLIENT,
		.user = c->inside.is ? slice_empty() : slice_str(s->user),
		.nonce = slice_of(s->nonce, sizeof(s->nonce)),
		.task = slice_str(c->inside.head)};

	rng_os_bytes(s->nonce, sizeof(s->nonce));
	msg_hello_encode(stream_buf(s->stream), 0, &m);
	s->state = SESSION_GREETING;
}

static bool is_tcp(const struct session *s)
{
	return strncmp(s->address, "tcp:", 4) == 0;
}

/* The scheduler proves that it knows the secret; then so do we. */
static void on_challenge(struct dq_client *c, struct slice payload)
{
	struct session *s = &c->session;
	struct slice secret = buf_slice(&s->secret), user = slice_str(s->user);
	struct slice nonce = slice_of(s->nonce, sizeof(s->nonce));
	uint8_t proof[WIRE_PROOF_BYTES];
	struct msg_challenge m;
	struct msg_prove prove = {.proof = slice_empty()};
	const char *why = "";

	if (c->inside.is) {
		secret = slice_of(c->inside.mac, sizeof(c->inside.mac));
		user = slice_empty();
	}
	if (!msg_challenge_decode(payload, &m, &why)) {
		session_fail(c, DQ_E_PROTOCOL, why);
		return;
	}
	if (m.version < WIRE_VERSION_MIN || m.version > WIRE_VERSION_MAX) {
		session_fail(
			c, DQ_E_VERSION, "the scheduler speaks another version of the protocol");
		return;
	}
	if (m.method != METHOD_SECRET && (m.method != METHOD_PEER || is_tcp(s) || c->inside.is)) {
		session_fail(
			c, DQ_E_PROTOCOL, "the scheduler asks for no proof, or an unknown one");
		return;
	}
	if (m.method == METHOD_SECRET) {
		if (m.nonce.n != WIRE_NONCE_BYTES) {
			session_fail(c, DQ_E_PROTOCOL, "CHALLENGE: a nonce of another length");
			return;
		}
		if (secret.n == 0) {
			session_fail(c, DQ_E_REFUSED,
				"no secret is known: name its file, or set DQ_SECRET_FILE");
			return;
		}
		wire_proof(proof, secret, "server", nonce, m.nonce, ROLE_CLIENT, user);
		if (!wire_equal(m.proof, slice_of(proof, sizeof(proof)))) {
			session_fail(c, DQ_E_REFUSED,
				"the secret is another than the scheduler's, or the user is "
				"unknown there");
			return;
		}
		wire_proof(proof, secret, "client", nonce, m.nonce, ROLE_CLIENT, user);
		prove.proof = slice_of(proof, sizeof(proof));
	}
	msg_prove_encode(stream_buf(s->stream), 0, &prove);
	s->state = SESSION_PROVING;
}

static void session_ready(struct dq_client *c)
{
	struct session *s = &c->session;

	s->down_us = session_down_us(c);
	s->down_at_us = 0;
	s->state = SESSION_READY;
	s->opened = true;
	s->trouble[0] = 0;
	reconnect_reset(&s->reconnect);
	inside_restart(c);
	gets_restart(c);
	queries_restart(c);
	awaits_restart(c);
	takings_restart(c);
	watch_restart(c);
	outbox_pump(c);
	watch_push(c);
}

static void on_admit(struct dq_client *c, struct slice payload)
{
	struct session *s = &c->session;
	struct msg_admit m;
	const char *why = "";
	struct msg_open open = {.session = s->number,
		.token = slice_of(s->token, s->token_n),
		.name = slice_str(s->name),
		.ttl_ms = s->ttl_ms};

	if (!msg_admit_decode(payload, &m, &why)) {
		session_fail(c, DQ_E_PROTOCOL, why);
		return;
	}
	stream_set_frame_limit(s->stream, LIMIT_FRAME_BYTES);
	if (s->look_only) {
		session_ready(c);
		return;
	}
	msg_open_encode(stream_buf(s->stream), 0, &open);
	s->state = SESSION_OPENING;
}

/* The first time: takes the session as it is. False: it is nothing one could work with. */
static bool session_take(struct dq_client *c, const struct msg_opened *m)
{
	struct session *s = &c->session;

	if (m->session == 0 || m->session > UINT32_MAX || m->token.n > sizeof(s->token) ||
		m->next_n == 0 || m->next_n > (uint64_t)UINT32_MAX + 1 ||
		m->last_seq >= UINT64_MAX - 1)
		return false;
	s->number = (uint32_t)m->session;
	if (m->token.n)
		memcpy(s->token, m->token.p, m->token.n);
	s->token_n = m->token.n;
	c->futures.next_n = m->next_n;
	c->outbox.next_seq = m->last_seq + 1;
	c->outbox.ack_due = m->last_seq; /* replies that nobody waits for any more */
	return true;
}

static void on_opened(struct dq_client *c, struct slice payload)
{
	struct session *s = &c->session;
	struct msg_opened m;
	const char *why = "";

	if (!msg_opened_decode(payload, &m, &why)) {
		session_fail(c, DQ_E_PROTOCOL, why);
		return;
	}
	if (!s->opened && !session_take(c, &m)) {
		session_fail(c, DQ_E_PROTOCOL, "OPENED: numbers out of range");
		return;
	}
	if (m.session != s->number) {
		session_fail(c, DQ_E_PROTOCOL, "OPENED: another session");
		return;
	}
	if (!outbox_restart(c, m.last_seq)) {
		session_fail(
			c, DQ_E_GONE, "the scheduler has lost requests that it had acknowledged");
		return;
	}
	session_ready(c);
}

/* ---- frames ---- */

/* What comes once the session stands. False: drop the connection; *why. */
static bool on_message(struct dq_client *c, const struct frame *f, const char **why)
{
	struct msg_reply reply;
	struct msg_outcomes outcomes;
	struct msg_value value;
	struct msg_answer answer;
	struct msg_is is;
	struct msg_grant grant;

	switch (f->type) {
	case MSG_REPLY:
		if (!msg_reply_decode(f->payload, &reply, why) ||
			!outbox_reply(c, f->seq, f->flags & WIRE_NOT_TAKEN, &reply, why))
			return false;
		outbox_pump(c); /* what waited for it */
		return true;
	case MSG_OUTCOMES:
		return msg_outcomes_decode(f->payload, &outcomes, why) &&
		       watch_outcomes(c, &outcomes, why);
	case MSG_VALUE:
		return msg_value_decode(f->payload, &value, why) && get_value(c, &value, why);
	case MSG_DATA:
	case MSG_NODATA:
		return fetch_own_frame(c, f, why);
	case MSG_ANSWER:
		return msg_answer_decode(f->payload, &answer, why) && query_answer(c, &answer, why);
	case MSG_IS:
		return msg_is_decode(f->payload, &is, why) && await_is(c, &is, why);
	case MSG_GRANT:
		return msg_grant_decode(f->payload, &grant, why) && taking_granted(c, &grant, why);
	default:
		*why = "a message that clients do not take";
		return false;
	}
}

static bool on_ping(struct dq_client *c, const struct frame *f, const char **why)
{
	struct msg_ping ping;

	if (!msg_ping_decode(f->payload, &ping, why))
		return false;
	msg_pong_encode(stream_buf(c->session.stream), 0, &(struct msg_pong){.stamp = ping.stamp});
	return true;
}

static void on_frame(struct stream *stream, const struct frame *f, void *arg)
{
	struct dq_client *c = arg;
	struct session *s = &c->session;
	const char *why = "";

	ensure(stream == s->stream);
	s->heard_us = loop_now_us(c->loop);
	if (f->type == MSG_REFUSE) {
		on_refuse(c, f->payload);
	} else if (f->type == MSG_PONG) {
		return;
	} else if (f->type == MSG_PING) {
		if (!on_ping(c, f, &why))
			session_drop(c, why);
	} else if (s->state == SESSION_READY) {
		if (!on_message(c, f, &why))
			session_drop(c, why);
	} else if (s->state == SESSION_GREETING && f->type == MSG_CHALLENGE) {
		on_challenge(c, f->payload);
	} else if (s->state == SESSION_PROVING && f->type == MSG_ADMIT) {
		on_admit(c, f->payload);
	} else if (s->state == SESSION_OPENING && f->type == MSG_OPENED) {
		on_opened(c, f->payload);
	} else {
		session_drop(c, "an unexpected message");
	}
}

static void on_open(struct stream *stream, void *arg)
{
	struct dq_client *c = arg;

	(void)stream;
	c->session.heard_us = loop_now_us(c->loop);
}

static void on_drain(struct stream *stream, void *arg)
{
	(void)stream;
	outbox_pump(arg);
	watch_push(arg);
}

static void on_close(struct stream *stream, const char *reason, int err, void *arg)
{
	struct dq_client *c = arg;
	char text[256];

	(void)err;
	ensure(stream == c->session.stream);
	c->session.stream = NULL; /* its memory goes when this returns */
	snprintf(text, sizeof(text), "%s: %s", c->session.address, reason);
	session_drop(c, text);
}

static const struct stream_handlers session_handlers = {
	.on_open = on_open, .on_frame = on_frame, .on_drain = on_drain, .on_close = on_close};

/* ---- time ---- */

static void on_beat(struct timer *timer, void *arg)
{
	struct dq_client *c = arg;
	struct session *s = &c->session;
	uint64_t now = loop_now_us(c->loop);
	uint64_t gap = now - s->beat_us;

	(void)timer;
	/* Nobody drove the loop: what came meanwhile is only being read now. */
	if (gap > 2 * BEAT_MS * (uint64_t)1000)
		s->heard_us = now;
	s->beat_us = now;
	if (!s->stream)
		return;
	if (now - s->heard_us > (s->state == SESSION_READY ? SILENCE_US : HANDSHAKE_US))
		session_drop(c, "the scheduler does not answer");
	else if (s->state == SESSION_READY && now - s->heard_us > QUIET_US)
		msg_ping_encode(session_out(c), 0, &(struct msg_ping){.stamp = now});
}

static void session_connect(struct dq_client *c)
{
	struct session *s = &c->session;

	s->state = SESSION_CONNECTING;
	s->stream = stream_connect(c->loop, s->address, &session_handlers, c);
	if (!s->stream) {
		if (errno == EINVAL)
			session_fail(c, DQ_E_USAGE, "an address is unix:PATH or tcp://HOST:PORT");
		else
			session_drop(c, strerror(errno));
		return;
	}
	stream_set_frame_limit(s->stream, LIMIT_HELLO_BYTES);
	stream_set_pending_max(s->stream, (size_t)256 << 20);
	s->heard_us = s->beat_us = loop_now_us(c->loop);
	timer_start(s->beat, BEAT_MS, BEAT_MS);
	say_hello(c);
}

static void on_retry(struct timer *timer, void *arg)
{
	(void)timer;
	session_connect(arg);
}

/* ---- from start to end ---- */

void session_start(struct dq_client *c)
{
	ensure(c->session.state == SESSION_IDLE);
	session_connect(c);
}

int session_init(struct dq_client *c, const char *address, const char *name, double ttl_s,
	const char *secret_file, bool look_only, bool in_task)
{
	struct session *s = &c->session;
	char why[200];
	int code;

	s->state = SESSION_IDLE;
	s->look_only = look_only;
	buf_init(&s->secret, LIMIT_HELLO_BYTES);
	if (!stream_address_is_valid(address))
		return client_error(
			c, DQ_E_USAGE, "%s: an address is unix:PATH or tcp://HOST:PORT", address);
	if (!(ttl_s >= 0 && ttl_s < 1e12))
		return client_error(c, DQ_E_USAGE, "session_ttl_s is out of range");
	if (name && strlen(name) > LIMIT_NAME_BYTES)
		return client_error(c, DQ_E_LIMIT, "session: %s", LIMIT_TEXT(NAME_BYTES));
	s->ttl_ms = (uint64_t)(ttl_s * 1000);
	s->address = try_strdup(address);
	s->name = name ? try_strdup(name) : NULL;
	s->retry = timer_new(c->loop, on_retry, c);
	s->beat = timer_new(c->loop, on_beat, c);
	if (!s->address || (name && !s->name) || !s->retry || !s->beat)
		return client_error_code(c, DQ_E_NO_MEMORY);
	reconnect_init(&s->reconnect, 20, 2000, rng_os_u64());
	user_name(s->user, sizeof(s->user));
	if (!is_tcp(s) || in_task)
		return 0;
	code = secret_read(secret_file, &s->secret, why, sizeof(why));
	return code ? client_error(c, code, "%s", why) : 0;
}

void session_release(struct dq_client *c)
{
	struct session *s = &c->session;

	stream_free(&s->stream);
	timer_free(&s->retry);
	timer_free(&s->beat);
	if (s->secret.p)
		explicit_bzero(s->secret.p, s->secret.cap);
	buf_release(&s->secret);
	free(s->address);
	free(s->name);
	s->address = s->name = NULL;
}
