/*
 * A worker's offer in the core: taken when it joins, loaded with its record, so that a start knows
 * what a worker that is not back yet can do. One that does not name its cpus has one a slot.
 */
#include "core/impl.h"

void worker_offer_load(struct worker *w, struct slice bytes)
{
	struct slice cpus = slice_str("cpus");
	struct offer *o = &w->offer;
	const char *why;

	free(w->offer_bytes);
	w->offer_bytes = bytes.n ? xmemdup(bytes.p, bytes.n) : NULL;
	w->noffer_bytes = bytes.n;
	ensure(offer_decode(slice_of(w->offer_bytes, bytes.n), o, &why));
	w->slots = o->slots ? o->slots : 1;
	if (!worker_names(w, cpus))
		o->resources[o->nresources++] =
			(struct amount){.name = cpus, .parts = (uint64_t)w->slots * AMOUNT_UNIT};
	w->cpus = worker_total(w, cpus);
}

bool worker_offer_take(struct core *c, struct worker *w, const struct offer *offer)
{
	struct fp128 before = fp128_of(slice_of(w->offer_bytes, w->noffer_bytes)), now;
	struct buf bytes;

	buf_init(&bytes, LIMIT_FRAME_BYTES);
	if (offer)
		offer_encode(&bytes, offer);
	ensure(!bytes.failed);
	now = fp128_of(buf_slice(&bytes));
	worker_offer_load(w, buf_slice(&bytes));
	buf_release(&bytes);
	w->load = w->nplain = 0;
	memset(w->used, 0, sizeof(w->used));
	for (struct list *l = w->leases.next; l != &w->leases; l = l->next) {
		const struct task *t = container_of(l, struct task, in_worker);

		worker_use(w, demand_of(c, t->block, t->idx));
		if (attempt_has_seceded(c, t))
			worker_unuse(w, demand_of(c, t->block, t->idx));
	}
	return !fp128_eq(before, now);
}
