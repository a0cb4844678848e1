/*
 * Demand classes as things: made once for each user and kind of ask, found by way of a task's
 * terms, counted against the workers that are here.
 */
#include "core/impl.h"

static void demand_init(struct demand *d, struct user *user)
{
	d->user = user;
	d->weight = AMOUNT_UNIT;
	heap_init(&d->queues, queue_comes_first);
	map64_init(&d->by_priority);
	queue_init(&d->common, d, 0);
	heap_node_init(&d->in_user);
	list_init(&d->in_parked);
	list_init(&d->in_all);
}

/* What the class asks of each worker, counted. */
static void recount(struct core *c, struct demand *d)
{
	d->strict = d->loose = 0;
	for (struct list *l = c->worker_list.next; l != &c->worker_list; l = l->next) {
		const struct worker *w = container_of(l, struct worker, in_workers);

		d->strict += w->counted && worker_suits(w, d, true);
		d->loose += w->counted && worker_suits(w, d, false);
	}
}

struct demand *demand_plain_new(struct core *c, struct user *user)
{
	struct demand *d = xcalloc(1, sizeof(*d));

	demand_init(d, user);
	d->plain = true;
	d->refs = 1;
	list_push_back(&c->demands, &d->in_all);
	recount(c, d);
	return d;
}

static void demand_free(struct core *c, struct demand *d)
{
	if (d->reserved)
		room_unreserve(c, d->reserved);
	if (heap_contains(&d->in_user))
		heap_remove(&d->user->demands, &d->in_user);
	list_remove(&d->in_parked);
	list_remove(&d->in_all);
	if (!d->plain)
		fpmap_remove(&c->demand_ids, d->fp, NULL);
	heap_release(&d->queues);
	map64_release(&d->by_priority);
	free(d->bytes);
	free(d);
}

void demand_plain_free(struct core *c, struct user *user)
{
	demand_free(c, user->plain);
	user->plain = NULL;
}

/* The part of the terms that is about workers. False: they ask for nothing. */
static bool ask_of(const struct terms *t, struct terms *out)
{
	*out = (struct terms){.nresources = t->nresources,
		.nworkers = t->nworkers,
		.nhosts = t->nhosts,
		.nlabels = t->nlabels};
	memcpy(out->resources, t->resources, t->nresources * sizeof(*t->resources));
	memcpy(out->workers, t->workers, t->nworkers * sizeof(*t->workers));
	memcpy(out->hosts, t->hosts, t->nhosts * sizeof(*t->hosts));
	memcpy(out->labels, t->labels, t->nlabels * sizeof(*t->labels));
	out->allow_other = t->allow_other && (t->nworkers || t->nhosts || t->nlabels);
	return t->nresources || t->nworkers || t->nhosts || t->nlabels;
}

static struct fp128 demand_fp(const struct user *user, struct slice bytes)
{
	struct hasher h;

	hasher_init(&h);
	hasher_update(&h, &user->number, sizeof(user->number));
	hasher_update(&h, bytes.p, bytes.n);
	return hasher_fp128(&h);
}

static void weigh(struct demand *d)
{
	for (uint32_t i = 0; i < d->t.nresources; i++)
		if (slice_eq_str(d->t.resources[i].name, "cpus"))
			d->cpus = d->t.resources[i].parts;
	if (d->cpus > d->weight)
		d->weight = d->cpus;
}

static struct demand *demand_for(struct core *c, struct user *user, const struct terms *ask)
{
	const char *why;
	struct demand *d;
	struct buf bytes;
	struct fp128 fp;
	uint64_t at;

	buf_init(&bytes, LIMIT_SPEC_BYTES);
	terms_encode(&bytes, ask);
	ensure(!bytes.failed);
	fp = demand_fp(user, buf_slice(&bytes));
	if (fpmap_get(&c->demand_ids, fp, &at)) {
		buf_release(&bytes);
		return (struct demand *)(uintptr_t)at;
	}
	d = xcalloc(1, sizeof(*d));
	demand_init(d, user);
	d->fp = fp;
	d->bytes = xmemdup(bytes.p, bytes.n);
	ensure(terms_decode(slice_of(d->bytes, bytes.n), &d->t, &why));
	buf_release(&bytes);
	weigh(d);
	list_push_back(&c->demands, &d->in_all);
	ensure(fpmap_put(&c->demand_ids, fp, (uint64_t)(uintptr_t)d));
	recount(c, d);
	return d;
}

struct demand *demand_of_terms(struct core *c, struct user *user, uint32_t at)
{
	struct terms_kept *k = c->terms[at].kept;
	struct demand_link *l;
	struct terms ask;

	for (l = k->demands; l; l = l->next)
		if (l->demand->user == user)
			return l->demand;
	if (!ask_of(&k->t, &ask))
		return user->plain;
	l = xcalloc(1, sizeof(*l));
	l->demand = demand_for(c, user, &ask);
	l->demand->refs++;
	l->next = k->demands;
	k->demands = l;
	return l->demand;
}

const struct demand *demand_peek(const struct core *c, const struct block *b, uint32_t idx)
{
	uint32_t at = b->terms ? b->terms[b->flags & BLOCK_ARRAY ? 0 : idx] : 0;
	const struct demand_link *l = at ? c->terms[at].kept->demands : NULL;

	while (l && l->demand->user != b->owner)
		l = l->next;
	return l ? l->demand : b->owner->plain;
}

void demand_links_drop(struct core *c, struct demand_link *l)
{
	while (l) {
		struct demand_link *next = l->next;

		if (--l->demand->refs == 0)
			demand_free(c, l->demand);
		free(l);
		l = next;
	}
}

void demand_born(struct core *c, struct block *b, uint32_t at, uint32_t n)
{
	if (!b->terms || b->flags & BLOCK_ARRAY) {
		demand_of(c, b, at)->ready += n;
		return;
	}
	for (uint32_t i = at; i < at + n; i++)
		demand_of(c, b, i)->ready++;
}

void demand_ready_less(struct core *c, struct demand *d)
{
	ensure(d->ready > 0);
	if (--d->ready == 0 && d->reserved)
		room_unreserve(c, d->reserved);
}

/* ---- workers come and go ---- */

/* Its wish cannot be met any more: any other worker will do, and may have room. */
static void wish_is_void(struct core *c, struct demand *d)
{
	if (demand_is_parked(d))
		demand_unpark(c, d);
	c->ready_changed = true;
}

void demand_worker_out(struct core *c, struct worker *w)
{
	if (!w->counted)
		return;
	w->counted = false;
	for (struct list *l = c->demands.next; l != &c->demands; l = l->next) {
		struct demand *d = container_of(l, struct demand, in_all);

		d->loose -= worker_suits(w, d, false);
		if (!worker_suits(w, d, true))
			continue;
		if (--d->strict == 0 && d->t.allow_other)
			wish_is_void(c, d);
	}
}

void demand_worker_in(struct core *c, struct worker *w)
{
	if (w->counted)
		return;
	w->counted = true;
	for (struct list *l = c->demands.next; l != &c->demands; l = l->next) {
		struct demand *d = container_of(l, struct demand, in_all);

		d->loose += worker_suits(w, d, false);
		d->strict += worker_suits(w, d, true);
		if (d->reserved && !worker_fits(d->reserved, d))
			room_unreserve(c, d->reserved);
	}
}
