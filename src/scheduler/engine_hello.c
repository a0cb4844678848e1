/*
 * Before admission: HELLO, CHALLENGE, PROVE, ADMIT (doc/protocol.md). Nothing else is
 * accepted, and the core hears of nobody who has not proved who it is; but that a task's lease is
 * over is the core's to say.
 */
#include "scheduler/engine_impl.h"

#define AGENT "dq " PACKAGE_VERSION

static void reply(struct engine *e, struct engine_conn *c, struct buf *frame)
{
	e->port.send(e->port.arg, c->number, buf_slice(frame));
	buf_release(frame);
}

/* Why this peer cannot be who it says; NULL: it may go on. */
static const char *not_welcome(
	const struct engine *e, const struct engine_conn *c, const struct msg_hello *m)
{
	if (m->role != ROLE_CLIENT && m->role != ROLE_WORKER && m->role != ROLE_ADMIN)
		return "no such role";
	if (m->nonce.n != WIRE_NONCE_BYTES)
		return "a nonce of another length";
	if (c->peer.by_kernel && c->peer.uid != e->config.uid && c->peer.uid != 0 &&
		!c->peer.member)
		return "this scheduler serves another user";
	if (!c->peer.by_kernel && m->user.n && !slice_eq(m->user, e->config.user))
		return "no such user";
	if (!c->peer.by_kernel && slice_is_empty(e->config.secret))
		return "no secret to prove";
	return NULL;
}

/* What the proofs of the connection are made with. */
static struct slice secret_of(const struct engine *e, const struct engine_conn *c)
{
	return c->in_task ? slice_of(c->task_mac, sizeof(c->task_mac)) : e->config.secret;
}

static void hello(struct engine *e, struct engine_conn *c, const struct msg_hello *m,
	uint64_t mono_us, uint64_t wall_us)
{
	struct msg_challenge answer = {.version = WIRE_VERSION_MAX};
	uint8_t proof[WIRE_PROOF_BYTES];
	struct buf frame;
	const char *why = not_welcome(e, c, m);

	if (m->version_min > WIRE_VERSION_MAX || m->version_max < WIRE_VERSION_MIN) {
		engine_refuse(e, c, DQ_E_VERSION, "no common version of the protocol");
		return;
	}
	if (why) {
		engine_refuse(e, c, DQ_E_REFUSED, why);
		return;
	}
	if (m->task.n && !engine_task_hello(e, c, m, mono_us, wall_us))
		return;
	if (m->version_max < answer.version)
		answer.version = m->version_max;
	c->role = (unsigned)m->role;
	c->method = c->peer.by_kernel && !c->in_task ? METHOD_PEER : METHOD_SECRET;
	memcpy(c->nonce_peer, m->nonce.p, WIRE_NONCE_BYTES);
	e->port.random(e->port.arg, c->nonce_own, WIRE_NONCE_BYTES);
	c->user = xcalloc(1, m->user.n + 1);
	if (m->user.n)
		memcpy(c->user, m->user.p, m->user.n);
	answer.method = c->method;
	answer.nonce = slice_of(c->nonce_own, WIRE_NONCE_BYTES);
	if (c->method == METHOD_SECRET) {
		wire_proof(
			proof, secret_of(e, c), "server", m->nonce, answer.nonce, c->role, m->user);
		answer.proof = slice_of(proof, sizeof(proof));
	}
	c->stage = STAGE_PROVE;
	buf_init(&frame, LIMIT_HELLO_BYTES);
	msg_challenge_encode(&frame, 0, &answer);
	reply(e, c, &frame);
}

static bool proof_holds(const struct engine *e, const struct engine_conn *c, struct slice proof)
{
	uint8_t right[WIRE_PROOF_BYTES];

	if (c->method == METHOD_PEER)
		return true;
	wire_proof(right, secret_of(e, c), "client", slice_of(c->nonce_peer, WIRE_NONCE_BYTES),
		slice_of(c->nonce_own, WIRE_NONCE_BYTES), c->role, slice_str(c->user));
	return wire_equal(proof, slice_of(right, sizeof(right)));
}

static void admit(struct engine *e, struct engine_conn *c)
{
	struct msg_admit m = {.version = WIRE_VERSION_MAX,
		.epoch = e->config.epoch,
		.store = slice_of(e->config.store_id, sizeof(e->config.store_id)),
		.agent = slice_str(AGENT)};
	struct buf frame;

	c->stage = STAGE_ADMITTED;
	buf_init(&frame, LIMIT_HELLO_BYTES);
	msg_admit_encode(&frame, 0, &m);
	reply(e, c, &frame);
}

/* The core hears that the connection is another user's. */
static void enter(struct engine *e, struct engine_conn *c, uint64_t mono_us, uint64_t wall_us)
{
	struct event event = {.kind = EVENT_LOOK, .conn = c->number};

	event.open.user = c->peer.user;
	event.open.uid = c->peer.uid;
	engine_step(e, &event, mono_us, wall_us);
}

void engine_handshake(struct engine *e, struct engine_conn *c, const struct frame *f,
	uint64_t mono_us, uint64_t wall_us)
{
	const char *why = "not the message that is due";
	struct msg_hello m;
	struct msg_prove p;

	if (c->stage == STAGE_HELLO && f->type == MSG_HELLO &&
		msg_hello_decode(f->payload, &m, &why)) {
		hello(e, c, &m, mono_us, wall_us);
	} else if (c->stage == STAGE_PROVE && f->type == MSG_PROVE &&
		   msg_prove_decode(f->payload, &p, &why)) {
		if (!proof_holds(e, c, p.proof)) {
			engine_refuse(e, c, DQ_E_REFUSED, "the secret is not the right one");
			return;
		}
		admit(e, c);
		if (!c->in_task && c->peer.member)
			enter(e, c, mono_us, wall_us);
		if (c->in_task)
			engine_task_enter(e, c, mono_us, wall_us);
	} else {
		engine_refuse(e, c, DQ_E_PROTOCOL, why);
	}
}
