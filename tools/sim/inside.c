/*
 * Clients inside tasks. A task of the kind PARENT begins one at its worker: it enters under its
 * lease's token, submits tasks of its own, gives its slot back and waits for them. Its sessions
 * live as long as the lease and no longer; some processes outlive the lease, and must be turned
 * away. Neighbours: client.c, whose clients these are; runner.c, where their tasks start and end.
 */
#include "sim/sim.h"

#include "base/clock.h"
#include "base/ensure.h"
#include "core/core.h"

#include <dq/error.h>
#include <inttypes.h>

#define REQUESTS_MAX 6

static struct client *client_inside(struct sim *s, uint64_t id, struct fence fence)
{
	for (uint32_t i = 0; i < SIM_INSIDE; i++) {
		struct client *c = &s->clients[s->flavor.clients + i];

		if (c->inside.parent == id && id && fence_eq(c->inside.fence, fence))
			return c;
	}
	return NULL;
}

void inside_start(struct sim *s, const struct sworker *w, const struct run_lease *l)
{
	struct client *c = NULL;
	char token[WIRE_TOKEN_TEXT];
	struct slice head;

	for (uint32_t i = 0; i < SIM_INSIDE && !c; i++)
		if (!s->clients[s->flavor.clients + i].inside.parent)
			c = &s->clients[s->flavor.clients + i];
	/* no more than so many: this one has nothing to ask */
	if (!c || client_inside(s, l->id, l->fence))
		return;
	c->named = rng_chance(&s->rng, 1, 2);
	c->user = book_find(&s->book, l->id)->user;
	c->peer.retry_us = 0;
	c->inside = (struct inside){.parent = l->id,
		.fence = l->fence,
		.depth = book_find(&s->book, l->id)->depth + 1,
		.left = (uint32_t)rng_below(&s->rng, REQUESTS_MAX)};
	wire_token_write(token, slice_of(w->task_key, sizeof(w->task_key)), l->id, l->fence);
	ensure(wire_token_split(slice_str(token), &head, c->inside.mac));
	ensure(head.n < sizeof(c->inside.head));
	memcpy(c->inside.head, head.p, head.n);
	s->cover->events[SIM_INSIDE_CLIENT]++;
	sim_trace(s, "%s is inside %" PRIx64, c->peer.name, l->id);
}

bool inside_keeps(struct sim *s, const struct run_lease *l)
{
	const struct client *c = client_inside(s, l->id, l->fence);

	return c && !c->inside.done && !c->inside.stray;
}

static void leave(struct sim *s, struct client *c)
{
	sim_trace(s, "%s is no longer inside %" PRIx64, c->peer.name, c->inside.parent);
	c->named = false;
	client_stop(s, c);
	c->inside.parent = 0;
}

void inside_over(struct sim *s, uint64_t id, struct fence fence)
{
	struct client *c = client_inside(s, id, fence);

	if (!c)
		return;
	if (!c->inside.done && rng_chance(&s->rng, 1, 4)) {
		s->cover->events[SIM_INSIDE_STRAY]++;
		c->inside.stray = true;
		return;
	}
	leave(s, c);
}

bool inside_lease_is_live(struct sim *s, const struct client *c)
{
	const struct inside *in = &c->inside;
	struct core_task_view v;
	uint32_t worker;

	return s->engine && core_view_task(engine_core(s->engine), in->parent, &v) &&
	       v.state == TASK_LEASED &&
	       core_lease_worker(engine_core(s->engine), in->parent, in->fence) &&
	       lookup_lease(s, in->parent, in->fence, &worker);
}

bool inside_may_wait(const struct client *c, const struct book_task *t)
{
	/* one with a key depends on nothing, and submits nothing */
	return !c->inside.parent || t->depth >= c->inside.depth || t->key[0];
}

void inside_refused(struct sim *s, struct client *c, uint64_t code)
{
	if (code != DQ_E_GONE && code != DQ_E_CANCELLED)
		return;
	if (inside_lease_is_live(s, c) && code == DQ_E_GONE && c->session)
		return; /* its session has run out: client_session_gone() looks at that */
	if (inside_lease_is_live(s, c))
		sim_fail(s, "the lease of %" PRIx64 " is live, and its client is sent away",
			c->inside.parent);
	c->inside.refused = c->inside.done = true;
}

static void say_secede(struct sim *s, struct client *c, bool on)
{
	struct msg_secede m = {.on = on};

	msg_secede_encode(&s->scratch, 0, &m);
	peer_send(s, &c->peer);
	c->inside.seceded = on;
	s->cover->events[SIM_SECEDE] += on;
}

static void wait_for_all(struct sim *s, struct client *c)
{
	bool all = client_is_satisfied(c);

	if (!c->inside.seceded && !all) {
		say_secede(s, c, true);
		return;
	}
	if (!all && (s->settling || !rng_chance(&s->rng, 1, 60)))
		return;
	if (c->inside.seceded && rng_chance(&s->rng, 1, 2))
		say_secede(s, c, false);
	c->inside.done = true;
	if (rng_chance(&s->rng, 1, 3))
		client_close(s, c);
}

void inside_act(struct sim *s, struct client *c)
{
	struct inside *in = &c->inside;

	if (in->parent && s->closing_down)
		in->done = true;
	if (!in->parent || (in->stray && (s->settling || rng_chance(&s->rng, 1, 30)))) {
		if (in->parent)
			leave(s, c);
		return;
	}
	if (!c->peer.link) {
		if (!in->done && !in->refused && s->mono_us >= c->peer.retry_us)
			peer_connect(s, &c->peer);
		return;
	}
	peer_ping(s, &c->peer);
	if (!c->opened || !c->session || c->sure_closed || c->reborn || in->done ||
		c->nrequests > 12)
		return;
	if (in->left == 0) {
		wait_for_all(s, c);
		return;
	}
	in->left--;
	client_request_some(s, c);
}

void inside_secedes(struct sim *s, struct sworker *w, const struct frame *f)
{
	struct msg_seceded m;
	struct cursor at;
	struct fenced e;
	const char *why;
	uint32_t n;

	if (!msg_seceded_decode(f->payload, &m, &why) ||
		!list_read_begin(&at, m.entries, UINT32_MAX, &n)) {
		sim_fail(s, "a SECEDED that is none");
		return;
	}
	while (n-- && fenced_read(&at, &e)) {
		for (uint32_t i = 0; i < w->nleases; i++)
			if (w->leases[i].id == e.id && fence_eq(w->leases[i].fence, e.fence))
				w->leases[i].seceded = e.extra != 0;
	}
}

void inside_progress(struct sim *s, struct sworker *w)
{
	struct msg_progress m = {.millionths = rng_below(&s->rng, 2 * WIRE_MILLIONTHS),
		.text = slice_str("on its way")};
	const struct run_lease *l;

	if (!w->nleases || !rng_chance(&s->rng, s->flavor.inside, 400))
		return;
	l = &w->leases[rng_below(&s->rng, w->nleases)];
	m.id = l->id;
	m.epoch = l->fence.epoch;
	m.seq = l->fence.seq + rng_chance(&s->rng, 1, 10);
	msg_progress_encode(&s->scratch, 0, &m);
	peer_send(s, &w->peer);
}
