/*
 * The recount of who asks for what: classes and their ready tasks, what workers have in use, who is
 * parked, who is kept free for whom. Part of core_check().
 */
#include "core/impl.h"

#include <stdio.h>

struct recount {
	const struct core *c;
	struct map64 ready; /* struct demand -> READY tasks */
	uint64_t leases;    /* of all workers */
	char *why;
	size_t why_bytes;
};

__attribute__((format(printf, 2, 3))) static bool wrong(struct recount *r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(r->why, r->why_bytes, format, ap);
	va_end(ap);
	return false;
}

/* Each ready task is in a run of its class and priority. */
static bool check_block(struct recount *r, struct block *b)
{
	uint8_t *found = xcalloc(b->count, 1);
	bool ok = true;

	for (struct list *l = b->ready.next; l != &b->ready; l = l->next) {
		const struct ready_run *run = container_of(l, struct ready_run, in_block);

		for (uint32_t i = run->at; i < run->at + run->count; i++)
			found[i] = found[i] ||
				   (run->queue->demand == demand_peek(r->c, b, i) &&
					   run->queue->priority == task_priority(r->c, b, i));
	}
	for (uint32_t i = 0; i < b->count && ok; i++) {
		const struct demand *d = demand_peek(r->c, b, i);
		uint64_t n = 0;

		if (block_state(b, i) != TASK_READY)
			continue;
		map64_get(&r->ready, (uint64_t)(uintptr_t)d, &n);
		ensure(map64_put(&r->ready, (uint64_t)(uintptr_t)d, n + 1));
		if (!found[i])
			ok = wrong(r, "task %llx: ready, and in no queue",
				(unsigned long long)block_id(b, i));
	}
	free(found);
	return ok;
}

static bool check_worker(struct recount *r, const struct worker *w)
{
	struct worker again = *w;

	if (!w->counted)
		return wrong(r, "worker %u: here, and not counted", w->number);
	again.load = again.nplain = 0;
	memset(again.used, 0, sizeof(again.used));
	for (struct list *l = w->leases.next; l != &w->leases; l = l->next) {
		const struct task *t = container_of(l, struct task, in_worker);

		worker_use(&again, demand_peek(r->c, t->block, t->idx));
		if (attempt_has_seceded(r->c, t))
			worker_unuse(&again, demand_peek(r->c, t->block, t->idx));
	}
	if (again.load != w->load || again.nplain != w->nplain ||
		memcmp(again.used, w->used, sizeof(w->used)) != 0)
		return wrong(r, "worker %u: load %llu and %u plain leases, counted %llu and %u",
			w->number, (unsigned long long)w->load, w->nplain,
			(unsigned long long)again.load, again.nplain);
	if (w->reserved &&
		(w->reserved->reserved != w || !w->reserved->ready || !worker_fits(w, w->reserved)))
		return wrong(r, "worker %u: kept free for what does not want it", w->number);
	if ((w->room != 0) != heap_contains(&w->by_load))
		return wrong(r, "worker %u: room, and not in the order of loads", w->number);
	return true;
}

static bool check_demand(struct recount *r, struct demand *d)
{
	bool waits = !heap_is_empty(&d->queues) && !demand_is_parked(d);
	uint32_t strict = 0, loose = 0;
	uint64_t ready = 0;

	for (struct list *l = r->c->worker_list.next; l != &r->c->worker_list; l = l->next) {
		const struct worker *w = container_of(l, struct worker, in_workers);

		strict += worker_suits(w, d, true);
		loose += worker_suits(w, d, false);
	}
	map64_get(&r->ready, (uint64_t)(uintptr_t)d, &ready);
	if (strict != d->strict || loose != d->loose || ready != d->ready)
		return wrong(r,
			"a class of user %s: %llu ready, %u workers fit, %u without restrictions; "
			"counted %llu, %u, %u",
			d->user->name, (unsigned long long)d->ready, d->strict, d->loose,
			(unsigned long long)ready, strict, loose);
	if (waits != heap_contains(&d->in_user) ||
		(!heap_is_empty(&d->user->demands)) != heap_contains(&d->user->turn))
		return wrong(r, "a class of user %s: not in its turn", d->user->name);
	if (d->reserved && d->reserved->reserved != d)
		return wrong(r, "a class of user %s: its worker is another's", d->user->name);
	return true;
}

static bool check_all(struct recount *r)
{
	const struct core *c = r->c;
	struct map64_iter it = {0};
	uint64_t room = 0, leases = 0, number;
	void *p;

	for (struct list *l = c->blocks.next; l != &c->blocks; l = l->next)
		if (!check_block(r, container_of(l, struct block, in_order)))
			return false;
	for (struct list *l = c->worker_list.next; l != &c->worker_list; l = l->next) {
		const struct worker *w = container_of(l, struct worker, in_workers);

		room += w->room;
		r->leases += w->nleases;
		if (!check_worker(r, w))
			return false;
	}
	for (struct list *l = c->demands.next; l != &c->demands; l = l->next)
		if (!check_demand(r, container_of(l, struct demand, in_all)))
			return false;
	while (map64_next_ptr(&c->users, &it, &number, &p))
		leases += ((const struct user *)p)->nleases;
	if (leases != r->leases)
		return wrong(r, "users have %llu leases, workers %llu", (unsigned long long)leases,
			(unsigned long long)r->leases);
	return room == c->room || wrong(r, "room for %llu, counted %llu",
					  (unsigned long long)c->room, (unsigned long long)room);
}

bool demands_check(const struct core *c, char *why, size_t why_bytes)
{
	struct recount r = {.c = c, .why = why, .why_bytes = why_bytes};
	bool ok;

	map64_init(&r.ready);
	ok = check_all(&r);
	map64_release(&r.ready);
	return ok;
}
