/*
 * Simulated clients that submit graphs in parts: part after part among other requests, then a
 * commit or an abort, or nothing, since the client dies or its session ends. What is never
 * committed must never be there. Neighbours: submit.c makes the tasks, hears.c reads the replies.
 */
#include "sim/sim.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "codec/pack.h"
#include "model/block.h"

#include <dq/error.h>
#include <inttypes.h>
#include <stdlib.h>

#define PARTS_MAX 5
#define PART_TASKS_MAX 8

void graph_forget(struct client *c)
{
	c->graph.open = false;
	c->graph.n = 0;
}

static void graph_id(struct client *c, uint64_t id)
{
	struct client_graph *g = &c->graph;

	if (g->n == g->cap) {
		g->cap = g->cap ? g->cap * 2 : 64;
		g->ids = xreallocarray(g->ids, g->cap, sizeof(*g->ids));
	}
	g->ids[g->n++] = id;
}

static void send_part(struct sim *s, struct client *c, bool begin)
{
	bool array = rng_chance(&s->rng, 1, 5);
	uint32_t count = 1 + (uint32_t)rng_below(&s->rng, PART_TASKS_MAX);
	uint64_t ids[PART_TASKS_MAX];
	struct msg_submit m = {.first_n = c->next_n,
		.count = count,
		.flags = SUBMIT_STAGED | (begin ? SUBMIT_BEGIN : 0) | (array ? BLOCK_ARRAY : 0)};
	struct request *r;
	struct buf body;

	buf_init(&body, 1 << 20);
	for (uint32_t i = 0; i < count; i++) {
		ids[i] = task_id(c->session, (uint32_t)c->next_n + i);
		if (!array || i == 0)
			client_make_task(s, c, ids[i], &body, array);
	}
	if (array) {
		pack_nil(&body);
		client_more_elements(s, ids[0], count);
	}
	for (uint32_t i = 0; i < count; i++) {
		struct book_task *t = book_find(&s->book, ids[i]);

		t->part = t->staged = true;
		graph_id(c, ids[i]);
	}
	r = client_request(s, c, REQUEST_SUBMIT, ids, count);
	r->part = true;
	r->begin = begin;
	m.body = buf_slice(&body);
	msg_submit_encode(&r->frame, r->seq, &m);
	ensure(!r->frame.failed && !body.failed);
	client_request_send(s, c, r);
	s->cover->events[SIM_TASK] += count;
	c->next_n += count;
	buf_release(&body);
}

static void end_graph(struct sim *s, struct client *c, bool commit)
{
	struct client_graph *g = &c->graph;
	struct msg_submit m = {.first_n = c->next_n,
		.count = commit ? g->n : 0,
		.flags = SUBMIT_STAGED | (commit ? SUBMIT_COMMIT : SUBMIT_ABORT)};
	struct request *r =
		client_request(s, c, commit ? REQUEST_COMMIT : REQUEST_ABORT, g->ids, g->n);

	for (uint32_t i = 0; i < g->n && commit; i++)
		book_find(&s->book, g->ids[i])->staged = false;
	msg_submit_encode(&r->frame, r->seq, &m);
	client_request_send(s, c, r);
	s->cover->events[commit ? SIM_GRAPH : SIM_GRAPH_ABORT]++;
	graph_forget(c);
}

void client_graph(struct sim *s, struct client *c)
{
	struct client_graph *g = &c->graph;

	if (g->open && g->left == 0) {
		end_graph(s, c, rng_chance(&s->rng, 3, 4));
		return;
	}
	if (!g->open && s->book.n > 1500 + s->flavor.bigs * 10000)
		return;
	if (!g->open)
		g->left = 1 + (uint32_t)rng_below(&s->rng, PARTS_MAX);
	send_part(s, c, !g->open);
	g->open = true;
	g->left--;
}

void client_graph_settle(struct sim *s, struct client *c)
{
	if (c->graph.open && c->session && !c->sure_closed && !c->reborn)
		end_graph(s, c, rng_chance(&s->rng, 1, 2));
}

/* It came to nothing: none of it may ever be there. */
static void never_there(struct sim *s, const struct request *r)
{
	for (uint32_t i = 0; i < r->n; i++) {
		struct book_task *t = book_find(&s->book, r->ids[i]);

		t->staged = true;
		if (t->submit == SUBMIT_SENT)
			t->submit = SUBMIT_REFUSED;
	}
}

void graph_end_answered(
	struct sim *s, struct client *c, const struct request *r, const struct msg_reply *m)
{
	if (r->kind == REQUEST_ABORT || m->code) {
		if (m->code && (r->kind == REQUEST_ABORT || !c->part_refused))
			sim_fail(s, "the end of a graph is refused with code %" PRIu64 ": %.*s",
				m->code, SLICE_ARG(m->text));
		never_there(s, r);
		return;
	}
	if (c->part_refused)
		sim_fail(s, "a graph is taken, and a part of it was refused");
	for (uint32_t i = 0; i < r->n; i++) {
		struct book_task *t = book_find(&s->book, r->ids[i]);

		if (t->submit == SUBMIT_SENT)
			t->submit = SUBMIT_TAKEN;
		if (t->submit == SUBMIT_TAKEN)
			client_mine(c, t->id);
		else if (t->submit == SUBMIT_SAME)
			client_mine(c, t->same_as);
	}
	client_watch(s, c, c->mine + (c->nmine >= r->n ? c->nmine - r->n : 0),
		c->nmine >= r->n ? r->n : c->nmine);
}
