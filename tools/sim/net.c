/*
 * Links and pipes. Neighbours: driver.c reads what comes up, peer.c what comes down; world.c breaks
 * them.
 */
#include "sim/net.h"

#include "base/alloc.h"
#include "base/ensure.h"

#include <string.h>

void pipe_put(struct pipe *p, struct slice frame)
{
	struct packet *k;

	if (p->deaf || p->broken)
		return;
	k = xmalloc(sizeof(*k) + frame.n);
	k->next = NULL;
	k->n = (uint32_t)frame.n;
	memcpy(k->bytes, frame.p, frame.n);
	if (p->tail)
		p->tail->next = k;
	else
		p->head = k;
	p->tail = k;
	p->n++;
}

struct packet *pipe_take(struct pipe *p)
{
	struct packet *k = p->head;

	if (!k)
		return NULL;
	p->head = k->next;
	if (!p->head)
		p->tail = NULL;
	p->n--;
	return k;
}

bool pipe_is_ready(const struct pipe *p, uint64_t mono_us)
{
	return !p->deaf && (p->head || p->broken) && mono_us >= p->stalled_until_us;
}

static void cut(struct pipe *p, uint32_t keep)
{
	struct packet *last = NULL, *k = p->head;

	for (uint32_t i = 0; i < keep && k; i++) {
		last = k;
		k = k->next;
	}
	if (last)
		last->next = NULL;
	else
		p->head = NULL;
	p->tail = last;
	while (k) {
		struct packet *next = k->next;

		free(k);
		p->n--;
		k = next;
	}
}

void pipe_break(struct pipe *p, struct rng *rng)
{
	if (p->broken)
		return;
	cut(p, (uint32_t)rng_below(rng, (uint64_t)p->n + 1));
	p->broken = true;
}

void pipe_end(struct pipe *p)
{
	cut(p, 0);
	p->broken = true;
	p->stalled_until_us = 0;
}

void pipe_deafen(struct pipe *p)
{
	cut(p, 0);
	p->deaf = true;
}

struct link *link_new(uint64_t conn, struct peer *peer)
{
	struct link *l = xcalloc(1, sizeof(*l));

	l->conn = conn;
	l->peer = peer;
	return l;
}

void link_free(struct link **l)
{
	if (!*l)
		return;
	cut(&(*l)->up, 0);
	cut(&(*l)->down, 0);
	ensure((*l)->up.n == 0 && (*l)->down.n == 0);
	free(*l);
	*l = NULL;
}
