/*
 * Why a ready task is not leased: what nobody who is here has, or what all have given to others.
 * The conditions are tried one after the other on the workers that are left; the one that leaves
 * none is told.
 */
#include "core/impl.h"

typedef bool keeps_fn(const struct worker *w, const struct demand *d, uint32_t i);

/* Workers that are still in question. */
struct inquiry {
	const struct core *c;
	const struct demand *d;
	bool restricted; /* by names, hosts or labels, so far */
	struct worker **v;
	uint32_t n;
};

static bool serves(const struct worker *w, const struct demand *d, uint32_t i)
{
	(void)i;
	return worker_serves(w, d->user);
}

static bool has_name(const struct worker *w, const struct demand *d, uint32_t i)
{
	(void)i;
	return slice_in(slice_str(w->name), d->t.workers, d->t.nworkers);
}

static bool is_on_host(const struct worker *w, const struct demand *d, uint32_t i)
{
	(void)i;
	return slice_in(w->offer.host, d->t.hosts, d->t.nhosts);
}

static bool has_label(const struct worker *w, const struct demand *d, uint32_t i)
{
	return slice_in(d->t.labels[i], w->offer.labels, w->offer.nlabels);
}

static bool has_amount(const struct worker *w, const struct demand *d, uint32_t i)
{
	return worker_total(w, d->t.resources[i].name) >= d->t.resources[i].parts;
}

static bool has_a_cpu(const struct worker *w, const struct demand *d, uint32_t i)
{
	(void)i;
	return d->cpus || w->cpus >= AMOUNT_UNIT;
}

/* False, and all stay: none would be left. */
static bool narrow(struct inquiry *q, keeps_fn *keeps, uint32_t i)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < q->n; k++)
		n += keeps(q->v[k], q->d, i);
	if (n == 0)
		return false;
	n = 0;
	for (uint32_t k = 0; k < q->n; k++)
		if (keeps(q->v[k], q->d, i))
			q->v[n++] = q->v[k];
	q->n = n;
	return true;
}

static void put_names(struct buf *out, const char *before, const struct slice *names, uint32_t n)
{
	buf_printf(out, "no worker here is %s", before);
	for (uint32_t i = 0; i < n; i++)
		buf_printf(out, "%s%" SLICE_FMT, i ? " or " : "", SLICE_ARG(names[i]));
}

static void put_amount(struct buf *out, struct slice name, uint64_t parts)
{
	char text[AMOUNT_TEXT_BYTES];

	amount_format(text, parts);
	buf_printf(out, "%" SLICE_FMT "=%s", SLICE_ARG(name), text);
}

static void put_too_little(
	const struct inquiry *q, struct buf *out, struct slice name, uint64_t parts)
{
	char text[AMOUNT_TEXT_BYTES];
	uint64_t most = 0;

	for (uint32_t i = 0; i < q->n; i++)
		if (worker_total(q->v[i], name) > most)
			most = worker_total(q->v[i], name);
	amount_format(text, most);
	buf_printf(out, "no worker here%s has ", q->restricted ? " that it may run on" : "");
	put_amount(out, name, parts);
	buf_printf(out, " (the most is %s)", text);
}

/* True: it is told why none is left. */
static bool tell_places(struct inquiry *q, struct buf *out)
{
	const struct terms *t = &q->d->t;

	if (t->allow_other && !q->d->strict)
		return false;
	if (t->nworkers && !narrow(q, has_name, 0)) {
		put_names(out, "named ", t->workers, t->nworkers);
		return true;
	}
	if (t->nhosts && !narrow(q, is_on_host, 0)) {
		put_names(out, "on host ", t->hosts, t->nhosts);
		return true;
	}
	for (uint32_t i = 0; i < t->nlabels; i++)
		if (!narrow(q, has_label, i)) {
			buf_printf(out, "no worker here%s has the label %" SLICE_FMT,
				t->nworkers || t->nhosts || i ? " that it may run on" : "",
				SLICE_ARG(t->labels[i]));
			return true;
		}
	q->restricted = t->nworkers || t->nhosts || t->nlabels;
	return false;
}

/* Each alone is there, and not all at one worker. */
static void put_together(const struct inquiry *q, struct buf *out)
{
	const struct terms *t = &q->d->t;

	buf_printf(out, "no worker here%s has ", q->restricted ? " that it may run on" : "");
	for (uint32_t i = 0; i < t->nresources; i++) {
		buf_printf(out, "%s", i ? " and " : "");
		put_amount(out, t->resources[i].name, t->resources[i].parts);
	}
	buf_printf(out, " together");
}

static bool tell_amounts(struct inquiry *q, struct buf *out)
{
	const struct terms *t = &q->d->t;

	for (uint32_t i = 0; i < t->nresources; i++) {
		uint32_t n = 0;

		for (uint32_t k = 0; k < q->n; k++)
			n += has_amount(q->v[k], q->d, i);
		if (n)
			continue;
		put_too_little(q, out, t->resources[i].name, t->resources[i].parts);
		return true;
	}
	for (uint32_t i = 0; i < t->nresources; i++)
		if (!narrow(q, has_amount, i)) {
			put_together(q, out);
			return true;
		}
	if (narrow(q, has_a_cpu, 0))
		return false;
	put_too_little(q, out, slice_str("cpus"), AMOUNT_UNIT);
	return true;
}

/* Somebody could run it, and is busy. */
static void put_busy(const struct demand *d, struct buf *out)
{
	if (!d->t.nresources) {
		buf_printf(out, "all slots %sare taken", d->plain ? "" : "of workers for it ");
		return;
	}
	buf_printf(out, "waits for ");
	for (uint32_t i = 0; i < d->t.nresources; i++) {
		buf_printf(out, "%s", i ? ", " : "");
		put_amount(out, d->t.resources[i].name, d->t.resources[i].parts);
	}
	buf_printf(out, " to be free at a worker");
}

static void tell(struct inquiry *q, struct buf *out)
{
	for (struct list *l = q->c->worker_list.next; l != &q->c->worker_list; l = l->next)
		q->v[q->n++] = container_of(l, struct worker, in_workers);
	if (q->n == 0)
		buf_printf(out, "no worker is here");
	else if (!narrow(q, serves, 0))
		buf_printf(out, "no worker here takes tasks of user %s", q->d->user->name);
	else if (!tell_places(q, out) && !tell_amounts(q, out))
		put_busy(q->d, out);
}

void core_why_ready(const struct core *c, uint64_t id, struct buf *out)
{
	struct inquiry q = {.c = c};
	struct place p;

	if (!place_of(c, id, &p) || block_state(p.block, p.idx) != TASK_READY)
		return;
	q.d = demand_peek(c, p.block, p.idx);
	q.v = xcalloc(map64_count(&c->workers) + 1, sizeof(struct worker *));
	tell(&q, out);
	free(q.v);
}
