/*
 * What simulated clients do to tasks that are there: retry, forget, set the priority. The book is
 * told what may become of them when the request is made, since it may be done at any time after.
 * Neighbours: client.c sends, hears.c brings the reply.
 */
#include "sim/sim.h"

#include "base/ensure.h"
#include "codec/pack.h"

#include <dq/error.h>
#include <inttypes.h>

static void may_become(struct sim *s, uint32_t kind, const uint64_t *ids, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct book_task *t = book_find(&s->book, ids[i]);

		if (t && kind == ACT_RETRY)
			book_again(&s->book, t);
		if (t && kind == ACT_FORGET)
			t->forgotten = t->ever_unheld = true;
	}
}

/* Rather one that has failed. */
static uint32_t pick_failed(struct sim *s, const struct client *c, uint64_t *ids)
{
	for (int i = 0; c->nmine && i < 20; i++) {
		uint64_t id = c->mine[rng_below(&s->rng, c->nmine)];
		const struct book_task *t = book_find(&s->book, id);

		if (!t || !t->shown || t->state == TASK_DONE || !map64_get(&c->ended, id, NULL))
			continue;
		ids[0] = id;
		return 1;
	}
	return client_pick(s, c, ids, 8);
}

void client_again(struct sim *s, struct client *c)
{
	/* in a calm run each task runs once */
	uint32_t kind = s->flavor.calm ? ACT_PRIORITY : 1 + (uint32_t)rng_below(&s->rng, 3);
	struct msg_act m = {.kind = kind, .flags = rng_chance(&s->rng, 3, 4) ? ACT_SKIP : 0};
	uint64_t ids[8];
	uint32_t n = kind == ACT_RETRY && rng_chance(&s->rng, 3, 4) ? pick_failed(s, c, ids)
								    : client_pick(s, c, ids, 8);
	struct buf runs, arg;
	struct request *r;

	if (n == 0)
		return;
	may_become(s, kind, ids, n);
	buf_init(&runs, 1 << 16);
	buf_init(&arg, 64);
	client_pack_ids(&runs, ids, n);
	m.runs = buf_slice(&runs);
	if (kind == ACT_PRIORITY)
		pack_i64(&arg, (int64_t)rng_below(&s->rng, 5) - 2);
	m.arg = buf_slice(&arg);
	r = client_request(s, c, REQUEST_ACT, ids, n);
	r->retry = kind == ACT_RETRY;
	r->forget = kind == ACT_FORGET;
	r->strict = !(m.flags & ACT_SKIP);
	msg_act_encode(&r->frame, r->seq, &m);
	client_request_send(s, c, r);
	buf_release(&runs);
	buf_release(&arg);
}

/* What it knew of their ends is of rounds before. */
static void retried(struct sim *s, struct client *c, const struct request *r)
{
	s->cover->events[SIM_RETRY]++;
	for (uint32_t i = 0; i < r->n; i++) {
		uint64_t generation;

		if (!map64_remove(&c->ended, r->ids[i], &generation))
			continue;
		/* what has not ended, and was gone for the client alone, is left as it is */
		if (r->strict && generation != ENDED_GONE) {
			s->cover->events[SIM_ANEW]++;
			sim_trace(s, "%s has begun %" PRIx64 " anew, after round %u", c->peer.name,
				r->ids[i], (unsigned)ROUND_OF(generation));
			ensure(map64_put(&c->after, r->ids[i], ROUND_OF(generation) + 1));
		}
		client_watch(s, c, &r->ids[i], 1);
	}
}

void act_answered(
	struct sim *s, struct client *c, const struct request *r, const struct msg_reply *m)
{
	if (m->code && m->code != DQ_E_STORE &&
		(!r->strict || (m->code != DQ_E_REFUSED && m->code != DQ_E_GONE)))
		sim_fail(s, "an act is refused with code %" PRIu64 ": %.*s", m->code,
			SLICE_ARG(m->text));
	if (!m->code && r->retry)
		retried(s, c, r);
	/* what something still needs is told; of what does not suit, nothing is done */
	if (!m->code && r->forget && r->strict && m->data.n == 0)
		for (uint32_t i = 0; i < r->n; i++)
			book_find(&s->book, r->ids[i])->gone_for_good = true;
}
