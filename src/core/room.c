/*
 * What workers have room for. A worker's load is what its leases weigh: their cpus, one at least.
 * What asks for resources by name is leased only where it can start at once: its slots are free,
 * and what it asks for is. The rest may be leased ahead, up to the worker's credit.
 *
 * A stream of small tasks must not starve a large one: the first task of its turn that a worker
 * could run, but has no room for, reserves a worker. Nothing that comes after it is leased there
 * until it fits. At most one reservation a worker, and one a class.
 */
#include "core/impl.h"

bool slice_in(struct slice s, const struct slice *names, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (slice_eq(s, names[i]))
			return true;
	return false;
}

/* Meets the restrictions: any of the names, any of the hosts, all of the labels. */
static bool is_meant(const struct worker *w, const struct terms *t)
{
	const struct offer *o = &w->offer;

	if ((t->nworkers && !slice_in(slice_str(w->name), t->workers, t->nworkers)) ||
		(t->nhosts && !slice_in(o->host, t->hosts, t->nhosts)))
		return false;
	for (uint32_t i = 0; i < t->nlabels; i++)
		if (!slice_in(t->labels[i], o->labels, o->nlabels))
			return false;
	return true;
}

bool worker_serves(const struct worker *w, const struct user *user)
{
	const struct offer *o = &w->offer;

	return w->user == user || o->any_user ||
	       slice_in(slice_str(user->name), o->users, o->nusers);
}

/* The place of a resource in what the worker offers; -1: it has none. */
static int resource_at(const struct worker *w, struct slice name)
{
	for (uint32_t i = 0; i < w->offer.nresources; i++)
		if (slice_eq(name, w->offer.resources[i].name))
			return (int)i;
	return -1;
}

bool worker_names(const struct worker *w, struct slice name)
{
	return resource_at(w, name) >= 0;
}

uint64_t worker_total(const struct worker *w, struct slice name)
{
	int at = resource_at(w, name);

	return at < 0 ? 0 : w->offer.resources[at].parts;
}

bool worker_suits(const struct worker *w, const struct demand *d, bool restricted)
{
	if (!worker_serves(w, d->user) || (!d->cpus && w->cpus < AMOUNT_UNIT))
		return false;
	for (uint32_t i = 0; i < d->t.nresources; i++)
		if (worker_total(w, d->t.resources[i].name) < d->t.resources[i].parts)
			return false;
	return !restricted || d->plain || is_meant(w, &d->t);
}

/* ---- what is in use ---- */

static void use(struct worker *w, const struct demand *d, bool more)
{
	for (uint32_t i = 0; i < d->t.nresources; i++) {
		int at = resource_at(w, d->t.resources[i].name);

		if (at < 0)
			continue;
		ensure(more || w->used[at] >= d->t.resources[i].parts);
		w->used[at] += more ? d->t.resources[i].parts : -d->t.resources[i].parts;
	}
}

void worker_use(struct worker *w, const struct demand *d)
{
	w->load += d->weight;
	w->nplain += d->cpus == 0;
	if (d->t.nresources)
		use(w, d, true);
}

void worker_unuse(struct worker *w, const struct demand *d)
{
	ensure(w->load >= d->weight);
	w->load -= d->weight;
	w->nplain -= d->cpus == 0;
	if (d->t.nresources)
		use(w, d, false);
}

/* Of the at-th resource: what leases have. Of the cpus, those that name none have one each, as far
 * as there are. */
static uint64_t used_of(const struct worker *w, uint32_t at)
{
	const struct amount *a = &w->offer.resources[at];
	uint64_t plain = slice_eq_str(a->name, "cpus") ? (uint64_t)w->nplain * AMOUNT_UNIT : 0;
	uint64_t left = w->used[at] < a->parts ? a->parts - w->used[at] : 0;

	return w->used[at] + (plain < left ? plain : left);
}

static uint64_t free_of(const struct worker *w, struct slice name)
{
	int at = resource_at(w, name);
	uint64_t used = at < 0 ? 0 : used_of(w, (uint32_t)at);

	return at >= 0 && used < w->offer.resources[at].parts ? w->offer.resources[at].parts - used
							      : 0;
}

void worker_in_use(const struct worker *w, uint64_t used[OFFER_PLACES + 1])
{
	for (uint32_t i = 0; i < w->offer.nresources; i++)
		used[i] = used_of(w, i);
}

static bool can_start(const struct worker *w, const struct demand *d)
{
	if (w->load + AMOUNT_UNIT > (uint64_t)w->slots * AMOUNT_UNIT)
		return false;
	if (!d->cpus && free_of(w, slice_str("cpus")) < AMOUNT_UNIT)
		return false;
	for (uint32_t i = 0; i < d->t.nresources; i++)
		if (free_of(w, d->t.resources[i].name) < d->t.resources[i].parts)
			return false;
	return true;
}

bool worker_has_room(const struct worker *w, const struct demand *d)
{
	if (!w->conn || w->load + AMOUNT_UNIT > (uint64_t)w->limit * AMOUNT_UNIT)
		return false;
	return worker_fits(w, d) && (!d->t.nresources || can_start(w, d));
}

/* ---- reservations ---- */

bool worker_is_open(const struct worker *w, const struct demand *d)
{
	return !w->reserved || w->reserved == d || demand_before(d, w->reserved);
}

void room_unreserve(struct core *c, struct worker *w)
{
	struct demand *d = w->reserved;

	ensure(d && d->reserved == w);
	w->reserved = NULL;
	d->reserved = NULL;
	if (demand_is_parked(d))
		demand_unpark(c, d);
	worker_touch(c, w);
	c->ready_changed = true;
}

static bool less_loaded(const struct worker *a, const struct worker *b)
{
	__uint128_t x = (__uint128_t)a->load * b->slots, y = (__uint128_t)b->load * a->slots;

	return x != y ? x < y : a->number < b->number;
}

/* By what they had when they were last settled: the order in the heap must not change under it. */
bool load_comes_first(const struct heap_node *a, const struct heap_node *b)
{
	const struct worker *v = container_of(a, struct worker, by_load),
			    *w = container_of(b, struct worker, by_load);
	__uint128_t x = (__uint128_t)v->placed_load * w->placed_slots,
		    y = (__uint128_t)w->placed_load * v->placed_slots;

	return x != y ? x < y : v->number < w->number;
}

void room_reserve(struct core *c, struct demand *d)
{
	struct worker *best = NULL;

	if (d->reserved || !d->t.nresources)
		return;
	for (struct list *l = c->worker_list.next; l != &c->worker_list; l = l->next) {
		struct worker *w = container_of(l, struct worker, in_workers);

		if (w->conn && w->limit && worker_fits(w, d) && worker_is_open(w, d) &&
			(!best || less_loaded(w, best)))
			best = w;
	}
	if (!best)
		return;
	if (best->reserved)
		room_unreserve(c, best);
	best->reserved = d;
	d->reserved = best;
}

/* ---- changes ---- */

void worker_touch(struct core *c, struct worker *w)
{
	if (!list_is_linked(&w->in_touched))
		list_push_back(&c->touched, &w->in_touched);
}

/* Leases that it may still be given, in parts. */
static uint64_t room_of(const struct worker *w)
{
	uint64_t limit = (uint64_t)w->limit * AMOUNT_UNIT;

	return w->conn && w->load + AMOUNT_UNIT <= limit ? limit - w->load : 0;
}

/* Of those that wait for room, all that could have it here go back to their turns, and the first of
 * those that could only reserve it. */
static void wake(struct core *c, const struct worker *w)
{
	struct demand *first = NULL;

	list_for_each_safe(l, next, &c->parked) {
		struct demand *d = container_of(l, struct demand, in_parked);

		if (!worker_fits(w, d) || !worker_is_open(w, d))
			continue;
		if (worker_has_room(w, d))
			demand_unpark(c, d);
		else if (d->t.nresources && !d->reserved && (!first || demand_before(d, first)))
			first = d;
	}
	if (first)
		demand_unpark(c, first);
}

static void settle(struct core *c, struct worker *w)
{
	uint64_t room = room_of(w);

	c->room += room - w->room;
	w->room = room;
	w->placed_load = w->load;
	w->placed_slots = w->slots;
	if (!w->conn && w->reserved)
		room_unreserve(c, w);
	if (!room && heap_contains(&w->by_load))
		heap_remove(&c->by_load, &w->by_load);
	else if (room && heap_contains(&w->by_load))
		heap_update(&c->by_load, &w->by_load);
	else if (room)
		ensure(heap_push(&c->by_load, &w->by_load));
	if (room)
		wake(c, w);
}

void rooms_settle(struct core *c)
{
	while (!list_is_empty(&c->touched)) {
		struct worker *w = container_of(c->touched.next, struct worker, in_touched);

		list_remove(&w->in_touched);
		settle(c, w);
	}
}

void room_leave(struct core *c, struct worker *w)
{
	w->conn = 0;
	if (w->reserved)
		room_unreserve(c, w);
	demand_worker_out(c, w);
	list_remove(&w->in_touched);
	c->room -= w->room;
	w->room = 0;
	if (heap_contains(&w->by_load))
		heap_remove(&c->by_load, &w->by_load);
}
