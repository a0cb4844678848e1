/*
 * What clients and workers have in common: a connection, admission, pings. Happy path: HELLO,
 * CHALLENGE, PROVE, ADMIT, then the frames of its kind. A peer that loses its link, or is refused,
 * comes again after a while.
 */
#include "sim/sim.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/ensure.h"

#include <dq/error.h>
#include <stdio.h>
#include <stdlib.h>

void peer_init(struct peer *p, enum peer_kind kind, uint32_t index)
{
	*p = (struct peer){.kind = kind, .index = index};
	snprintf(p->name, sizeof(p->name), "%c%u", kind == PEER_CLIENT ? 'c' : 'w', index);
}

struct client *peer_client(struct sim *s, const struct peer *p)
{
	ensure(p->kind == PEER_CLIENT);
	return &s->clients[p->index];
}

struct sworker *peer_worker(struct sim *s, const struct peer *p)
{
	ensure(p->kind == PEER_WORKER);
	return &s->workers[p->index];
}

void peer_send(struct sim *s, struct peer *p)
{
	if (p->link)
		pipe_put(&p->link->up, buf_slice(&s->scratch));
	p->last_sent_us = s->mono_us;
	ensure(!s->scratch.failed);
	buf_clear(&s->scratch);
}

/* Inside a task a process is its worker's. */
uint32_t peer_user(struct sim *s, const struct peer *p)
{
	const struct client *c = p->kind == PEER_CLIENT ? peer_client(s, p) : NULL;

	return c && !c->inside.parent ? c->user : 0;
}

void peer_connect(struct sim *s, struct peer *p)
{
	struct msg_hello m = {.version_min = WIRE_VERSION_MIN, .version_max = WIRE_VERSION_MAX};

	ensure(!p->link);
	p->by_secret = rng_chance(&s->rng, 1, 4) && peer_user(s, p) == 0;
	p->link = driver_connect(s, p);
	if (!p->link)
		return;
	sim_trace(s, "%s connects", p->name);
	for (size_t i = 0; i < sizeof(p->nonce); i++)
		p->nonce[i] = (uint8_t)rng_u64(&s->rng);
	m.role = p->kind == PEER_CLIENT ? ROLE_CLIENT : ROLE_WORKER;
	m.user = user_name(peer_user(s, p));
	m.nonce = slice_of(p->nonce, sizeof(p->nonce));
	if (p->kind == PEER_CLIENT && peer_client(s, p)->inside.parent)
		m.task = slice_str(peer_client(s, p)->inside.head);
	msg_hello_encode(&s->scratch, 0, &m);
	peer_send(s, p);
	p->state = PEER_HELLO;
}

/* The link is of no use any more to this side. */
static void left(struct sim *s, struct peer *p)
{
	pipe_deafen(&p->link->down);
	p->link = NULL;
	p->state = PEER_AWAY;
	p->retry_us = s->mono_us + rng_below(&s->rng, s->flavor.lease_ttl_ms * US_PER_MS / 8);
	if (p->kind == PEER_CLIENT)
		client_away(s, peer_client(s, p));
	else
		worker_away(s, peer_worker(s, p));
}

void peer_hang_up(struct sim *s, struct peer *p)
{
	if (!p->link)
		return;
	p->link->up.broken = true;
	left(s, p);
}

static void challenged(struct sim *s, struct peer *p, const struct frame *f)
{
	struct msg_challenge m;
	struct msg_prove prove = {.proof = slice_empty()};
	uint8_t proof[WIRE_PROOF_BYTES];
	struct slice nonce = slice_of(p->nonce, sizeof(p->nonce));
	unsigned role = p->kind == PEER_CLIENT ? ROLE_CLIENT : ROLE_WORKER;
	struct client *c = p->kind == PEER_CLIENT ? peer_client(s, p) : NULL;
	bool inside = c && c->inside.parent;
	struct slice secret =
		inside ? slice_of(c->inside.mac, sizeof(c->inside.mac)) : slice_str(SIM_SECRET);
	const char *why;

	if (!msg_challenge_decode(f->payload, &m, &why)) {
		sim_fail(s, "a CHALLENGE that is none: %s", why);
		return;
	}
	if (m.method == METHOD_SECRET) {
		wire_proof(proof, secret, "server", nonce, m.nonce, role, slice_str(SIM_USER));
		if (!wire_equal(m.proof, slice_of(proof, sizeof(proof))))
			sim_fail(s, "the scheduler's proof is wrong");
		wire_proof(proof, secret, "client", nonce, m.nonce, role, slice_str(SIM_USER));
		prove.proof = slice_of(proof, sizeof(proof));
	}
	if ((m.method == METHOD_SECRET) != (p->by_secret || inside))
		sim_fail(s, "method %u on this kind of connection", (unsigned)m.method);
	msg_prove_encode(&s->scratch, 0, &prove);
	peer_send(s, p);
	p->state = PEER_PROVED;
}

static void refused(struct sim *s, struct peer *p, const struct frame *f)
{
	struct msg_refuse m;
	const char *why;

	if (!msg_refuse_decode(f->payload, &m, &why)) {
		sim_fail(s, "a REFUSE that is none: %s", why);
		return;
	}
	if (m.code == DQ_E_PROTOCOL || m.code == DQ_E_VERSION || m.code == DQ_E_REFUSED ||
		m.code == DQ_E_BUG)
		sim_fail(s, "%s is refused with code %u: %.*s", p->name, (unsigned)m.code,
			SLICE_ARG(m.text));
	if (p->kind == PEER_CLIENT && peer_client(s, p)->inside.parent)
		inside_refused(s, peer_client(s, p), m.code);
	if (p->kind == PEER_CLIENT && m.code == DQ_E_GONE && peer_client(s, p)->session)
		client_session_gone(s, peer_client(s, p));
	peer_hang_up(s, p);
}

static void admitted(struct sim *s, struct peer *p)
{
	p->state = PEER_ADMITTED;
	if (p->kind == PEER_CLIENT)
		client_admitted(s, peer_client(s, p));
	else
		worker_admitted(s, peer_worker(s, p));
}

static void ponged(struct sim *s, struct peer *p, const struct frame *f)
{
	struct msg_ping m;
	struct msg_pong pong;
	const char *why;

	if (!msg_ping_decode(f->payload, &m, &why)) {
		sim_fail(s, "a PING that is none: %s", why);
		return;
	}
	pong.stamp = m.stamp;
	msg_pong_encode(&s->scratch, 0, &pong);
	peer_send(s, p);
}

static void frame_in(struct sim *s, struct peer *p, const struct frame *f)
{
	switch (f->type) {
	case MSG_CHALLENGE:
		challenged(s, p, f);
		return;
	case MSG_ADMIT:
		admitted(s, p);
		return;
	case MSG_REFUSE:
		refused(s, p, f);
		return;
	case MSG_PING:
		ponged(s, p, f);
		return;
	case MSG_PONG:
		return;
	default:
		break;
	}
	if (p->state != PEER_ADMITTED)
		sim_fail(s, "%s before ADMIT", message_name(f->type));
	else if (p->kind == PEER_CLIENT)
		client_frame(s, peer_client(s, p), f);
	else
		worker_frame(s, peer_worker(s, p), f);
}

void peer_hear(struct sim *s, struct peer *p)
{
	struct packet *k;
	struct frame f;
	size_t used;

	if (!p->link || !pipe_is_ready(&p->link->down, s->mono_us))
		return;
	k = pipe_take(&p->link->down);
	if (!k) {
		sim_trace(s, "%s hears that the connection is gone", p->name);
		pipe_break(&p->link->up, &s->rng);
		left(s, p);
		return;
	}
	ensure(frame_parse(slice_of(k->bytes, k->n), FRAME_MAX_PAYLOAD, &f, &used) == FRAME_OK);
	frame_in(s, p, &f);
	free(k);
}

void peer_ping(struct sim *s, struct peer *p)
{
	struct msg_ping m = {.stamp = s->mono_us};

	if (p->state != PEER_ADMITTED ||
		s->mono_us < p->last_sent_us + s->flavor.lease_ttl_ms * US_PER_MS / 3)
		return;
	msg_ping_encode(&s->scratch, 0, &m);
	peer_send(s, p);
}
