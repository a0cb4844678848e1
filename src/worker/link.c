/*
 * The worker's connection (doc/protocol.md, Who speaks first). HELLO, CHALLENGE, PROVE, ADMIT; over
 * a unix socket the kernel says who we are and the proofs are empty, over TCP both sides prove that
 * they know the secret.
 *
 * Anything that goes wrong ends the stream and starts a timer for the next try; only REFUSE with a
 * code that another try cannot mend is given to the owner. Silence is counted while this process
 * listens: a tick that comes late (the machine slept, the loop was stuck) moves the deadline (D10).
 */
#define LOG_COMPONENT "worker"
#include "worker/link.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/ensure.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/str.h"
#include "loop/reconnect.h"
#include "model/limits.h"
#include "wire/wire.h"
#include "worker/hex.h"

#include <dq/error.h>

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HANDSHAKE_MS ((uint64_t)10000)
#define LATE_US US_PER_S
#define SECRET_BYTES 32

enum link_state { LINK_WAITING, LINK_HELLO, LINK_PROVE, LINK_UP, LINK_CLOSING, LINK_ENDED };

struct link {
	struct loop *loop;
	char *address, *secret_file;
	const struct link_handlers *handlers;
	void *arg;
	enum link_state state;
	struct stream *stream;
	struct reconnect backoff;
	struct timer *retry, *tick;
	uint8_t nonce[WIRE_NONCE_BYTES];
	char user[LIMIT_NAME_BYTES + 1];
	uint8_t secret[SECRET_BYTES];
	bool has_secret;
	uint64_t ttl_us;
	uint64_t heard_us, ticked_us;
	uint64_t bytes_in, bytes_out; /* at the last tick */
	bool complained;              /* the state of being without a scheduler was logged */
	int refused;
	char refused_text[LIMIT_MESSAGE_BYTES + 1];
};

static void connect_now(struct link *k);

/* --- Times ---------------------------------------------------------------------------------- */

static void start_tick(struct link *k, uint64_t ttl_ms)
{
	uint64_t interval = ttl_ms / 3;

	k->ttl_us = ttl_ms * US_PER_MS;
	k->heard_us = k->ticked_us = clock_mono_us();
	timer_start(k->tick, interval ? interval : 1, interval ? interval : 1);
}

static void retry_later(struct link *k)
{
	k->state = LINK_WAITING;
	timer_stop(k->tick);
	timer_start(k->retry, reconnect_next_ms(&k->backoff), 0);
}

static void on_retry(struct timer *t, void *arg)
{
	(void)t;
	connect_now(arg);
}

static void send_ping(struct link *k)
{
	struct msg_ping m = {.stamp = clock_mono_us()};

	msg_ping_encode(stream_buf(k->stream), 0, &m);
}

static void on_tick(struct timer *t, void *arg)
{
	struct link *k = arg;
	uint64_t now = clock_mono_us(), in, out;

	(void)t;
	if (!k->stream)
		return;
	in = stream_bytes_in(k->stream);
	out = stream_bytes_out(k->stream);
	if (now - k->ticked_us > k->ttl_us / 3 + LATE_US)
		k->heard_us = now;
	if (in != k->bytes_in)
		k->heard_us = now;
	k->ticked_us = now;
	if (now - k->heard_us > k->ttl_us) {
		log_warn("%s is silent: closing the connection", k->address);
		stream_abort(k->stream);
		return;
	}
	if (k->state == LINK_UP && out == k->bytes_out)
		send_ping(k);
	k->bytes_in = in;
	k->bytes_out = out;
}

/* --- The handshake -------------------------------------------------------------------------- */

static bool is_final(int code)
{
	return code == DQ_E_CONFLICT || code == DQ_E_REFUSED || code == DQ_E_VERSION;
}

static void handle_refuse(struct link *k, const struct frame *frame)
{
	struct msg_refuse m;
	const char *why;

	if (!msg_refuse_decode(frame->payload, &m, &why))
		return;
	if (!is_final((int)m.code)) {
		log_warn("%s refuses: %" SLICE_FMT, k->address, SLICE_ARG(m.text));
		return;
	}
	k->refused = (int)m.code;
	str_copy(k->refused_text, sizeof(k->refused_text), m.text);
	/* The owner hears of it when the stream has ended. */
}

static bool handle_challenge(struct link *k, const struct frame *frame, const char **why)
{
	uint8_t theirs[WIRE_PROOF_BYTES], ours[WIRE_PROOF_BYTES];
	struct slice secret = slice_of(k->secret, sizeof(k->secret));
	struct slice nonce = slice_of(k->nonce, sizeof(k->nonce)), user = slice_str(k->user);
	struct msg_prove prove = {0};
	struct msg_challenge m;

	if (!msg_challenge_decode(frame->payload, &m, why))
		return false;
	if (m.method == METHOD_SECRET) {
		if (!k->has_secret) {
			k->refused = DQ_E_REFUSED;
			snprintf(k->refused_text, sizeof(k->refused_text),
				"%s asks for a secret, and there is none", k->address);
			*why = "no secret";
			return false;
		}
		wire_proof(theirs, secret, "server", nonce, m.nonce, ROLE_WORKER, user);
		if (!wire_equal(m.proof, slice_of(theirs, sizeof(theirs)))) {
			k->refused = DQ_E_REFUSED;
			snprintf(k->refused_text, sizeof(k->refused_text),
				"%s does not know the secret", k->address);
			*why = "the scheduler does not know the secret";
			return false;
		}
		wire_proof(ours, secret, "client", nonce, m.nonce, ROLE_WORKER, user);
		prove.proof = slice_of(ours, sizeof(ours));
	}
	msg_prove_encode(stream_buf(k->stream), 0, &prove);
	k->state = LINK_PROVE;
	return true;
}

static bool handle_admit(struct link *k, const struct frame *frame, const char **why)
{
	struct msg_admit m;

	if (!msg_admit_decode(frame->payload, &m, why))
		return false;
	ensure(k->stream);
	k->state = LINK_UP;
	k->complained = false;
	log_info("connected to %s", k->address);
	k->handlers->on_admitted(k, m.epoch, k->arg);
	return true;
}

static bool handle_ping(struct link *k, const struct frame *frame, const char **why)
{
	struct msg_ping m;
	struct msg_pong answer;

	if (!msg_ping_decode(frame->payload, &m, why))
		return false;
	answer.stamp = m.stamp;
	msg_pong_encode(stream_buf(k->stream), 0, &answer);
	return true;
}

static bool handle(struct link *k, const struct frame *frame, const char **why)
{
	switch (frame->type) {
	case MSG_REFUSE:
		handle_refuse(k, frame);
		return true;
	case MSG_CHALLENGE:
		*why = "a challenge that is not due";
		return k->state == LINK_HELLO && handle_challenge(k, frame, why);
	case MSG_ADMIT:
		*why = "an admission that is not due";
		return k->state == LINK_PROVE && handle_admit(k, frame, why);
	case MSG_PING:
		return handle_ping(k, frame, why);
	case MSG_PONG:
		return true;
	default:
		*why = "a frame before the admission";
		return k->state >= LINK_UP && k->handlers->on_frame(k, frame, why, k->arg);
	}
}

static void on_frame(struct stream *s, const struct frame *frame, void *arg)
{
	struct link *k = arg;
	const char *why = "malformed";

	if (handle(k, frame, &why))
		return;
	log_warn("%s: %s: %s", k->address, message_name(frame->type), why);
	if (k->stream)
		stream_abort(s);
}

/* --- The stream ----------------------------------------------------------------------------- */

static void on_close(struct stream *s, const char *reason, int err, void *arg)
{
	struct link *k = arg;
	enum link_state was = k->state;

	(void)s;
	(void)err;
	k->stream = NULL;
	if (k->refused || was == LINK_CLOSING) {
		k->state = LINK_ENDED;
		timer_stop(k->tick);
	} else {
		if (!k->complained)
			log_warn("%s: %s; trying again", k->address, reason);
		k->complained = true;
		retry_later(k);
	}
	if (k->refused)
		k->handlers->on_refused(k, k->refused, k->refused_text, k->arg);
	else if (was >= LINK_UP)
		k->handlers->on_lost(k, reason, k->arg);
}

static const struct stream_handlers handlers = {.on_frame = on_frame, .on_close = on_close};

static void connect_now(struct link *k)
{
	struct msg_hello m = {.version_min = WIRE_VERSION_MIN,
		.version_max = WIRE_VERSION_MAX,
		.role = ROLE_WORKER,
		.user = slice_str(k->user),
		.nonce = slice_of(k->nonce, sizeof(k->nonce))};

	ensure(!k->stream);
	k->stream = stream_connect(k->loop, k->address, &handlers, k);
	if (!k->stream) {
		log_warn("%s: %s", k->address, strerror(errno));
		retry_later(k);
		return;
	}
	stream_set_frame_limit(k->stream, LIMIT_FRAME_BYTES);
	rng_os_bytes(k->nonce, sizeof(k->nonce));
	msg_hello_encode(stream_buf(k->stream), 0, &m);
	k->state = LINK_HELLO;
	k->bytes_in = k->bytes_out = 0;
	start_tick(k, HANDSHAKE_MS);
}

/* --- The owner's side ----------------------------------------------------------------------- */

/* 64 hexadecimal digits, as the scheduler made them. */
static bool read_secret(struct link *k, char *error, size_t error_bytes)
{
	int fd = open(k->secret_file, O_RDONLY | O_CLOEXEC);
	char text[2 * SECRET_BYTES];
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;

	if (n < 0)
		snprintf(error, error_bytes, "%s: %s", k->secret_file, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return false;
	k->has_secret = n == sizeof(text) && hex_decode(text, k->secret, sizeof(k->secret));
	explicit_bzero(text, sizeof(text));
	if (!k->has_secret)
		snprintf(error, error_bytes, "%s: not a secret: 64 hex digits", k->secret_file);
	return k->has_secret;
}

static void read_user(struct link *k)
{
	struct passwd pw, *found = NULL;
	char room[4096];

	if (getpwuid_r(geteuid(), &pw, room, sizeof(room), &found) == 0 && found &&
		strlen(found->pw_name) < sizeof(k->user))
		str_copy(k->user, sizeof(k->user), slice_str(found->pw_name));
	else
		snprintf(k->user, sizeof(k->user), "uid-%u", (unsigned)geteuid());
}

struct link *link_new(struct loop *loop, const char *address, const char *secret_file,
	const struct link_handlers *h, void *arg, char *error, size_t error_bytes)
{
	struct link *k;

	if (!stream_address_is_valid(address)) {
		snprintf(error, error_bytes, "%s: not an address", address);
		return NULL;
	}
	k = xcalloc(1, sizeof(*k));
	k->loop = loop;
	k->address = xstrdup(address);
	k->secret_file = secret_file ? xstrdup(secret_file) : NULL;
	k->handlers = h;
	k->arg = arg;
	k->retry = timer_new(loop, on_retry, k);
	k->tick = timer_new(loop, on_tick, k);
	ensure(k->retry && k->tick);
	reconnect_init(&k->backoff, 0, 0, rng_os_u64());
	read_user(k);
	if (k->secret_file && !read_secret(k, error, error_bytes)) {
		link_free(&k);
		return NULL;
	}
	/* From the loop, so that no callback comes before the owner has the pointer. */
	timer_start(k->retry, 0, 0);
	return k;
}

void link_free(struct link **at)
{
	struct link *k = *at;

	*at = NULL;
	if (!k)
		return;
	stream_free(&k->stream);
	timer_free(&k->retry);
	timer_free(&k->tick);
	explicit_bzero(k->secret, sizeof(k->secret));
	free(k->address);
	free(k->secret_file);
	free(k);
}

struct stream *link_stream(struct link *k)
{
	return k->state == LINK_UP ? k->stream : NULL;
}

void link_set_ttl(struct link *k, uint64_t ttl_ms)
{
	/* A scheduler that is back is found while the leases are still honoured. */
	reconnect_limit(&k->backoff, ttl_ms / 4);
	start_tick(k, ttl_ms);
}

void link_settled(struct link *k)
{
	reconnect_reset(&k->backoff);
}

void link_close(struct link *k)
{
	timer_stop(k->retry);
	k->state = k->stream ? LINK_CLOSING : LINK_ENDED;
	if (k->stream)
		stream_close(k->stream);
}
