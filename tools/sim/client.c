/*
 * Simulated clients: what a process that uses libdq does to its session, by the protocol and
 * nothing else. Requests are numbered, kept until their reply and sent again after a reconnect.
 * Neighbours: submit.c makes tasks, hears.c reads what comes.
 */
#include "sim/sim.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/ensure.h"
#include "codec/pack.h"
#include "model/block.h"
#include "model/record.h"

#include <stdio.h>
#include <stdlib.h>

void client_init(struct sim *s, struct client *c, uint32_t index)
{
	peer_init(&c->peer, PEER_CLIENT, index);
	c->next_seq = c->next_n = 1;
	c->named = rng_chance(&s->rng, 1, 2);
	map64_init(&c->gets);
	map64_init(&c->awaits);
	map64_init(&c->locks.awaits);
	map64_init(&c->foreign);
	c->user = index < s->flavor.clients ? index % s->flavor.users : 0;
	map64_init(&c->ended);
	map64_init(&c->after);
}

void client_request_free(struct request *r)
{
	buf_release(&r->frame);
	free(r->ids);
	free(r->queue);
	free(r->lock);
	free(r);
}

static void forget_requests(struct client *c)
{
	for (uint32_t i = 0; i < c->nrequests; i++)
		client_request_free(c->requests[i]);
	c->nrequests = 0;
	map64_clear(&c->gets);
	map64_clear(&c->awaits);
}

void client_release(struct client *c)
{
	forget_requests(c);
	free(c->requests);
	free(c->mine);
	free(c->graph.ids);
	map64_release(&c->gets);
	map64_release(&c->awaits);
	map64_release(&c->locks.awaits);
	map64_release(&c->foreign);
	map64_release(&c->ended);
	map64_release(&c->after);
}

void client_mine(struct client *c, uint64_t id)
{
	if (c->nmine == c->mine_cap) {
		c->mine_cap = c->mine_cap ? c->mine_cap * 2 : 64;
		c->mine = xreallocarray(c->mine, c->mine_cap, sizeof(uint64_t));
	}
	c->mine[c->nmine++] = id;
}

/* Without a session: its tasks are nobody's for it, its numbers start again. */
static void start_over(struct client *c)
{
	forget_requests(c);
	c->nmine = 0;
	map64_clear(&c->ended);
	map64_clear(&c->after);
	c->session = 0;
	c->incarnation = 0;
	c->answered = 0;
	c->next_seq = c->next_n = 1;
	c->sure_closed = false;
	c->opened = false;
	c->big_count = 0;
	c->big_asked = false;
	graph_forget(c);
	queues_forget(c, false);
	locks_forget(c);
}

void client_session_gone(struct sim *s, struct client *c)
{
	sim_trace(s, "%s: session %u is gone", c->peer.name, c->session);
	if (!c->sure_closed && s->mono_us - c->heard_us < s->flavor.session_ttl_ms * US_PER_MS &&
		(!c->inside.parent || inside_lease_is_live(s, c)))
		sim_fail(s, "session %u is gone, and its client was away for %llu ms only",
			c->session, (unsigned long long)((s->mono_us - c->heard_us) / US_PER_MS));
	s->cover->events[SIM_SESSION_LOST]++;
	book_session_ended(&s->book, c->session);
	start_over(c);
}

void client_away(struct sim *s, struct client *c)
{
	(void)s;
	c->opened = false;
	c->inside.seceded = false;
	map64_clear(&c->foreign);
	map64_clear(&c->gets);
	map64_clear(&c->awaits);
}

static void cut_off(struct sim *s, struct client *c)
{
	if (c->peer.link) {
		pipe_break(&c->peer.link->up, &s->rng);
		if (c->opened && !c->peer.link->up.deaf)
			c->heard_us = s->mono_us;
	}
	peer_hang_up(s, &c->peer);
}

void client_stop(struct sim *s, struct client *c)
{
	cut_off(s, c);
	if (c->session)
		book_session_ended(&s->book, c->session);
	start_over(c);
}

void client_die(struct sim *s, struct client *c)
{
	sim_trace(s, "%s dies", c->peer.name);
	s->cover->events[SIM_CLIENT_DEATH]++;
	if (!c->named || !c->session) {
		client_stop(s, c);
		return;
	}
	cut_off(s, c);
	forget_requests(c);
	graph_forget(c);
	queues_forget(c, true);
	locks_forget(c);
	c->nmine = 0;
	c->big_asked = false;
	map64_clear(&c->ended);
	map64_clear(&c->after);
	c->reborn = true;
}

struct client *client_of_session(struct sim *s, uint32_t session)
{
	for (uint32_t i = 0; i < s->flavor.clients + SIM_INSIDE; i++)
		if (s->clients[i].session == session && session)
			return &s->clients[i];
	return NULL;
}

bool client_session_is_sure(struct sim *s, const struct client *c)
{
	if (!c->session || c->sure_closed)
		return false;
	if (c->inside.parent && !inside_lease_is_live(s, c))
		return false;
	if (c->opened && c->peer.link && !c->peer.link->up.deaf)
		return true;
	return s->mono_us - c->heard_us < s->flavor.session_ttl_ms * US_PER_MS;
}

bool task_is_held_for_sure(struct sim *s, const struct book_task *t)
{
	if (t->submit != SUBMIT_TAKEN)
		return false;
	if (t->forgotten)
		return false;
	/* one with a short retention may have ended, unheard */
	if (t->detached && !t->times.retains)
		return true;
	for (uint32_t i = 0; i < t->nholds; i++) {
		const struct client *c = client_of_session(s, t->holds[i].session);

		if (c && !t->holds[i].releasing && client_session_is_sure(s, c))
			return true;
	}
	return false;
}

struct request *client_request(
	struct sim *s, struct client *c, enum request_kind kind, const uint64_t *ids, uint32_t n)
{
	struct request *r = xcalloc(1, sizeof(*r));

	ensure(c->session && !c->sure_closed);
	r->seq = c->next_seq++;
	r->kind = kind;
	r->n = n;
	r->ids = xmemdup(ids, n * sizeof(uint64_t));
	buf_init(&r->frame, 1 << 20);
	if (c->nrequests == c->requests_cap) {
		c->requests_cap = c->requests_cap ? c->requests_cap * 2 : 16;
		c->requests = xreallocarray(c->requests, c->requests_cap, sizeof(struct request *));
	}
	c->requests[c->nrequests++] = r;
	(void)s;
	return r;
}

void client_request_send(struct sim *s, struct client *c, struct request *r)
{
	if (!c->opened)
		return;
	if (r->sent)
		s->cover->events[SIM_RESENT]++;
	r->sent = true;
	buf_append_slice(&s->scratch, buf_slice(&r->frame));
	peer_send(s, &c->peer);
}

void client_admitted(struct sim *s, struct client *c)
{
	struct msg_open m = {.session = c->reborn ? 0 : c->session, .ttl_ms = 0};
	char name[24];

	if (m.session)
		m.token = slice_of(c->token, TOKEN_BYTES);
	if (c->named) {
		/* inside a task a name is of the task alone */
		snprintf(name, sizeof(name), "session-c%u", c->peer.index % s->flavor.clients);
		m.name = slice_str(name);
	}
	msg_open_encode(&s->scratch, 0, &m);
	peer_send(s, &c->peer);
	c->opens++;
}

void client_pack_ids(struct buf *out, const uint64_t *ids, uint32_t n)
{
	struct run *runs = xcalloc(n ? n : 1, sizeof(*runs));
	uint32_t k = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (k && runs[k - 1].first + runs[k - 1].count == ids[i])
			runs[k - 1].count++;
		else
			runs[k++] = (struct run){.first = ids[i], .count = 1};
	}
	runs_encode(out, runs, k);
	free(runs);
}

void client_watch(struct sim *s, struct client *c, const uint64_t *ids, uint32_t n)
{
	struct msg_watch m;
	struct buf runs;

	if (!c->opened || n == 0)
		return;
	buf_init(&runs, 1 << 20);
	client_pack_ids(&runs, ids, n);
	m.runs = buf_slice(&runs);
	msg_watch_encode(&s->scratch, 0, &m);
	peer_send(s, &c->peer);
	buf_release(&runs);
}

void client_get(struct sim *s, struct client *c, uint64_t id)
{
	struct msg_get m = {.request = ++c->next_request, .id = id};

	if (!c->opened)
		return;
	ensure(map64_put(&c->gets, m.request, id));
	msg_get_encode(&s->scratch, 0, &m);
	peer_send(s, &c->peer);
}

uint32_t client_pick(struct sim *s, const struct client *c, uint64_t *ids, uint32_t max)
{
	uint32_t n = 0, at;

	if (c->nmine == 0)
		return 0;
	at = (uint32_t)rng_below(&s->rng, c->nmine);
	max = 1 + (uint32_t)rng_below(&s->rng, max);
	for (; n < max && at < c->nmine; at++)
		ids[n++] = c->mine[at];
	return n;
}

static void cancel_ids(struct sim *s, struct client *c, const uint64_t *ids, uint32_t n)
{
	struct msg_cancel m;
	struct buf runs;
	struct request *r;

	for (uint32_t i = 0; i < n; i++) {
		struct book_task *t = book_find(&s->book, ids[i]);

		if (t)
			t->cancel_made = true;
	}
	buf_init(&runs, 1 << 20);
	client_pack_ids(&runs, ids, n);
	m.runs = buf_slice(&runs);
	r = client_request(s, c, REQUEST_CANCEL, ids, n);
	msg_cancel_encode(&r->frame, r->seq, &m);
	client_request_send(s, c, r);
	buf_release(&runs);
}

static void cancel_some(struct sim *s, struct client *c)
{
	uint64_t ids[8];
	uint32_t n = client_pick(s, c, ids, 8);

	if (n)
		cancel_ids(s, c, ids, n);
}

static void releasing(struct sim *s, struct client *c, uint64_t id)
{
	struct book_task *t = book_find(&s->book, id);
	struct book_hold *h = t ? book_hold(t, c->session) : NULL;

	if (!t)
		return;
	t->ever_unheld = true;
	if (h)
		h->releasing = true;
}

/* What it released it no longer names. */
static void names_no_more(struct client *c, const uint64_t *ids, uint32_t n)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < c->nmine; i++) {
		uint32_t j = 0;

		while (j < n && ids[j] != c->mine[i])
			j++;
		if (j == n)
			c->mine[k++] = c->mine[i];
	}
	c->nmine = k;
}

static void release_ids(struct sim *s, struct client *c, const uint64_t *ids, uint32_t n)
{
	struct msg_release m;
	struct buf runs;
	struct request *r;

	for (uint32_t i = 0; i < n; i++)
		releasing(s, c, ids[i]);
	buf_init(&runs, 1 << 20);
	client_pack_ids(&runs, ids, n);
	m.runs = buf_slice(&runs);
	r = client_request(s, c, REQUEST_RELEASE, ids, n);
	msg_release_encode(&r->frame, r->seq, &m);
	client_request_send(s, c, r);
	buf_release(&runs);
}

static void release_some(struct sim *s, struct client *c)
{
	uint64_t ids[8];
	uint32_t n = client_pick(s, c, ids, 8);

	if (n == 0)
		return;
	release_ids(s, c, ids, n);
	names_no_more(c, ids, n);
}

/* An array with more elements than one step works off: all of it is cancelled or released soon. */
void client_big(struct sim *s, struct client *c)
{
	uint64_t *ids;

	if (!c->big_count || c->big_asked || !c->session || c->sure_closed || c->reborn)
		return;
	if (!book_find(&s->book, c->big_first)) {
		/* an earlier process made it, and it never came to the scheduler */
		c->big_count = 0;
		return;
	}
	ids = xcalloc(c->big_count, sizeof(*ids));
	for (uint32_t i = 0; i < c->big_count; i++)
		ids[i] = c->big_first + i;
	if (rng_chance(&s->rng, 1, 2))
		cancel_ids(s, c, ids, c->big_count);
	release_ids(s, c, ids, c->big_count);
	c->big_asked = true;
	free(ids);
}

/* A hold on some task, by its key: shared, or generated. */
static void hold_some(struct sim *s, struct client *c)
{
	struct book_task *t = s->book.n ? s->book.v[rng_below(&s->rng, s->book.n)] : NULL;
	char text[BOOK_KEY_BYTES + GENERATED_KEY_BYTES];
	struct msg_hold m;
	struct buf keys;
	struct request *r;
	size_t n;

	if (!t || t->element >= 0 || !inside_may_wait(c, t))
		return;
	if (t->key[0])
		n = (size_t)snprintf(text, sizeof(text), "%s", t->key);
	else
		n = key_generate(text, t->id);
	buf_init(&keys, 4096);
	pack_array(&keys, 1);
	pack_str(&keys, slice_of(text, n));
	m.keys = buf_slice(&keys);
	r = client_request(s, c, REQUEST_HOLD, NULL, 0);
	r->held = task_is_held_for_sure(s, t) && !t->ever_unheld && t->user == c->user ? t->id : 0;
	msg_hold_encode(&r->frame, r->seq, &m);
	client_request_send(s, c, r);
	buf_release(&keys);
}

static void query_some(struct sim *s, struct client *c)
{
	static const uint64_t what[] = {QUERY_STATUS, QUERY_LIST, QUERY_UNFINISHED, QUERY_SELECT};
	struct msg_query m = {.request = ++c->next_request, .what = what[rng_below(&s->rng, 4)]};

	if (!c->opened)
		return;
	msg_query_encode(&s->scratch, 0, &m);
	peer_send(s, &c->peer);
}

void client_close(struct sim *s, struct client *c)
{
	struct msg_close m = {.reserved = 0};
	struct request *r;

	if (!c->session || c->sure_closed)
		return;
	r = client_request(s, c, REQUEST_CLOSE, NULL, 0);
	msg_close_encode(&r->frame, r->seq, &m);
	client_request_send(s, c, r);
	c->sure_closed = true;
	book_session_ended(&s->book, c->session);
}

static void unwatch_some(struct sim *s, struct client *c)
{
	uint64_t ids[4];
	uint32_t n = client_pick(s, c, ids, 4);
	struct msg_unwatch m;
	struct buf runs;

	if (!c->opened || n == 0)
		return;
	buf_init(&runs, 1 << 20);
	client_pack_ids(&runs, ids, n);
	m.runs = buf_slice(&runs);
	msg_unwatch_encode(&s->scratch, 0, &m);
	peer_send(s, &c->peer);
	buf_release(&runs);
	client_watch(s, c, ids, n);
}

bool client_is_satisfied(const struct client *c)
{
	if (!c->opened || c->nrequests || map64_count(&c->gets))
		return false;
	for (uint32_t i = 0; i < c->nmine; i++)
		if (!map64_get(&c->ended, c->mine[i], NULL))
			return false;
	return true;
}

void client_request_some(struct sim *s, struct client *c)
{
	uint64_t dice = rng_below(&s->rng, 100);

	/* what is shared by name is user 0's */
	if (s->flavor.users > 1 && rng_chance(&s->rng, 1, 20))
		client_foreign(s, c);
	else if (c->user == 0 && s->flavor.queues && !s->settling &&
		 rng_chance(&s->rng, s->flavor.queues, 100))
		client_queues(s, c);
	else if (c->user == 0 && s->flavor.locks && !s->settling &&
		 rng_chance(&s->rng, s->flavor.locks, 100))
		client_locks(s, c);
	else if (c->user == 0 && rng_chance(&s->rng, s->flavor.vars, 100))
		client_vars(s, c);
	else if (rng_chance(&s->rng, s->flavor.acts, 100))
		client_again(s, c);
	else if (c->graph.open && rng_chance(&s->rng, 1, 3))
		client_graph(s, c);
	else if (dice < 5)
		client_graph(s, c);
	else if (dice < 45)
		client_submit(s, c);
	else if (dice < 53)
		cancel_some(s, c);
	else if (dice < 68)
		release_some(s, c);
	else if (dice < 74)
		hold_some(s, c);
	else if (dice < 92 && c->nmine)
		client_get(s, c, c->mine[rng_below(&s->rng, c->nmine)]);
	else if (dice < 96)
		query_some(s, c);
	else if (dice < 99)
		unwatch_some(s, c);
	else if (rng_chance(&s->rng, 1, 4))
		client_close(s, c);
}

void client_act(struct sim *s, struct client *c)
{
	if (s->closing_down && !c->session) {
		peer_hang_up(s, &c->peer);
		return;
	}
	if (!c->peer.link) {
		if (s->mono_us >= c->peer.retry_us)
			peer_connect(s, &c->peer);
		return;
	}
	peer_ping(s, &c->peer);
	if (s->settling || rng_chance(&s->rng, 1, 10))
		client_big(s, c);
	if (s->settling)
		client_graph_settle(s, c);
	if (s->settling && s->flavor.queues && c->user == 0)
		queues_settle(s, c);
	if (s->settling && s->flavor.locks)
		locks_settle(s, c);
	if (s->settling || !c->session || c->sure_closed || c->reborn || c->nrequests > 12)
		return;
	client_request_some(s, c);
}
