/*
 * What simulated tasks ask of their workers, and what workers offer: amounts, names, hosts, labels,
 * priorities. Some ask for what nobody has until faults stop. A lease that a worker should not have
 * is a violation. Neighbours: submit.c and worker.c.
 */
#include "sim/sim.h"

#include "codec/pack.h"
#include "model/offer.h"
#include "model/terms.h"

#include <inttypes.h>
#include <stdio.h>

#define MOST_GPUS 2
#define MOST_CPUS 3
#define ZONES 2

static uint64_t pick_amount(struct sim *s, uint64_t most)
{
	return (1 + rng_below(&s->rng, 4 * most)) * (AMOUNT_UNIT / 4);
}

static struct slice name_of(char out[8], char kind, int index)
{
	return slice_of(out, (size_t)snprintf(out, 8, "%c%d", kind, index));
}

static struct slice zone_of(char out[8], int index)
{
	return slice_of(out, (size_t)snprintf(out, 8, "zone=%d", index % ZONES));
}

static int maybe(struct sim *s, uint32_t in, uint32_t of)
{
	return rng_chance(&s->rng, 1, in) ? (int)rng_below(&s->rng, of) : -1;
}

static void encode(const struct book_task *task, struct buf *out)
{
	const struct book_ask *a = &task->ask;
	char worker[8], host[8], zone[8];
	struct terms t = {.priority = a->priority, .allow_other = a->allow_other};

	times_into(&task->times, &t);
	if (a->gpus)
		t.resources[t.nresources++] =
			(struct amount){.name = slice_str("gpus"), .parts = a->gpus};
	if (a->cpus)
		t.resources[t.nresources++] =
			(struct amount){.name = slice_str("cpus"), .parts = a->cpus};
	if (a->worker >= 0)
		t.workers[t.nworkers++] = name_of(worker, 'w', a->worker);
	if (a->host >= 0)
		t.hosts[t.nhosts++] = name_of(host, 'h', a->host);
	if (a->zone >= 0)
		t.labels[t.nlabels++] = zone_of(zone, a->zone);
	terms_encode(out, &t);
}

static void pick(struct sim *s, struct book_task *t)
{
	struct book_ask *a = &t->ask;

	*a = (struct book_ask){.worker = -1, .host = -1, .zone = -1};
	if (s->flavor.deep && rng_chance(&s->rng, 1, 3))
		a->priority = (int32_t)rng_below(&s->rng, 5) - 2;
	if (!rng_chance(&s->rng, s->flavor.asks, 100))
		return;
	if (rng_chance(&s->rng, 1, 2))
		a->priority = (int32_t)rng_below(&s->rng, 5) - 2;
	/* resources are of the spec, which a key must find again */
	if (!t->key[0] && rng_chance(&s->rng, 1, 3))
		a->gpus = pick_amount(s, MOST_GPUS);
	if (!t->key[0] && rng_chance(&s->rng, 1, 3))
		a->cpus = pick_amount(s, MOST_CPUS);
	a->worker = maybe(s, 8, s->flavor.workers);
	/* one place at most: two that contradict each other are never met */
	if (a->worker < 0)
		a->host = maybe(s, 8, s->flavor.workers);
	if (a->worker < 0 && a->host < 0 && s->flavor.workers >= ZONES)
		a->zone = maybe(s, 6, ZONES);
	a->allow_other = rng_chance(&s->rng, 1, 3);
}

void ask_pick(struct sim *s, struct book_task *t, struct buf *terms)
{
	pick(s, t);
	times_pick(s, t);
	encode(t, terms);
}

void offer_pick(struct sim *s, struct sworker *w)
{
	w->gpus = rng_below(&s->rng, 4 * MOST_GPUS + 1) * (AMOUNT_UNIT / 4);
	w->cpus = rng_chance(&s->rng, 1, 4) ? pick_amount(s, MOST_CPUS)
					    : (uint64_t)w->slots * AMOUNT_UNIT;
}

void offer_all(struct sworker *w)
{
	w->gpus = MOST_GPUS * AMOUNT_UNIT;
	w->cpus = MOST_CPUS * AMOUNT_UNIT;
}

void offer_join(const struct sworker *w, struct msg_join *m, char host[8], struct buf *amounts,
	struct buf *labels)
{
	struct offer o = {.slots = w->slots};
	static const uint8_t any_user[] = {0xc3};
	char zone[8];

	o.resources[o.nresources++] = (struct amount){.name = slice_str("cpus"), .parts = w->cpus};
	if (w->gpus)
		o.resources[o.nresources++] =
			(struct amount){.name = slice_str("gpus"), .parts = w->gpus};
	o.labels[o.nlabels++] = zone_of(zone, (int)w->peer.index);
	buf_init(amounts, 4096);
	buf_init(labels, 4096);
	offer_put_resources(amounts, &o);
	offer_put_labels(labels, &o);
	m->host = name_of(host, 'h', (int)w->peer.index);
	m->resources = buf_slice(amounts);
	m->labels = buf_slice(labels);
	m->users = slice_of(any_user, sizeof(any_user));
}

/* The leases that it has, not ended, and the new one, together. */
static bool too_much(struct sim *s, const struct sworker *w, const struct book_task *t)
{
	uint64_t gpus = t->ask.gpus, cpus = t->ask.cpus;

	for (uint32_t i = 0; i < w->nleases; i++) {
		const struct book_task *o = book_find(&s->book, w->leases[i].id);

		if (w->leases[i].state == RUN_ENDED || w->leases[i].seceded || !o || o == t)
			continue;
		gpus += o->ask.gpus;
		cpus += o->ask.cpus;
	}
	/* what has ended its wait may have more for a while than there is */
	return (t->ask.gpus && gpus > w->gpus) || (t->ask.cpus && cpus > w->cpus);
}

void ask_leased(struct sim *s, const struct sworker *w, const struct book_task *t)
{
	const struct book_ask *a = &t->ask;
	int me = (int)w->peer.index;

	/* what was leased before it came back with another offer is sent again all the same */
	if (!s->flavor.calm || s->settling)
		return;
	if (!a->allow_other &&
		((a->worker >= 0 && a->worker != me) || (a->host >= 0 && a->host != me) ||
			(a->zone >= 0 && a->zone != me % ZONES)))
		sim_fail(s, "%" PRIx64 " is leased to %s, where it may not run", t->id,
			w->peer.name);
	if (too_much(s, w, t))
		sim_fail(s, "%" PRIx64 " is leased to %s, which has no such amount free", t->id,
			w->peer.name);
}
