/*
 * Looking at the front of a queue: what would be taken next, in order. Nothing changes. See
 * queue.h.
 *
 * Of a heap only so much is looked at as is shown: the least of its places whose parent was shown.
 */
#include "core/queue.h"

/* A walk over what came back to a rank, in order. */
struct back_walk {
	const struct qrank *r;
	uint32_t *edge; /* places in r->back that come next, in no order */
	uint32_t n;
};

static void walk_begin(struct back_walk *w, const struct qrank *r, uint32_t max)
{
	*w = (struct back_walk){.r = r};
	if (!r->nback)
		return;
	w->edge = xcalloc((size_t)max + 2, sizeof(*w->edge));
	w->n = 1; /* the root */
}

/* Where in edge the least is. */
static uint32_t walk_least(const struct back_walk *w)
{
	uint32_t least = 0;

	for (uint32_t i = 1; i < w->n; i++)
		if (w->r->back[w->edge[i]] < w->r->back[w->edge[least]])
			least = i;
	return least;
}

static uint64_t walk_next(struct back_walk *w)
{
	uint32_t least = walk_least(w), at = w->edge[least];

	w->edge[least] = w->edge[--w->n];
	for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < w->r->nback; child++)
		w->edge[w->n++] = child;
	return w->r->back[at];
}

struct peeking {
	const struct queue *q;
	struct core_item_view *out;
	uint32_t n, max;
};

static void show(struct peeking *p, const struct qrank *r, uint64_t seq)
{
	const struct qspecial *sp = map64_get_ptr(&p->q->specials, handle_of(r->slot, seq));

	p->out[p->n++] = (struct core_item_view){
		.rank = r->rank, .seq = seq, .deliveries = sp ? sp->deliveries : 0};
}

static void peek_rank(struct peeking *p, const struct qrank *r)
{
	struct back_walk back;
	uint32_t at = r->at;
	uint64_t seq = at < r->n ? r->runs[at].first : 0;

	walk_begin(&back, r, p->max - p->n);
	while (p->n < p->max && (back.n || at < r->n)) {
		if (back.n && (at == r->n || r->back[back.edge[walk_least(&back)]] < seq)) {
			show(p, r, walk_next(&back));
			continue;
		}
		show(p, r, seq);
		if (seq++ == r->runs[at].last && ++at < r->n)
			seq = r->runs[at].first;
	}
	free(back.edge);
}

static int by_rank(const void *a, const void *b)
{
	const struct qrank *const *left = a, *const *right = b;

	return (*left)->rank < (*right)->rank ? -1 : (*left)->rank > (*right)->rank;
}

uint32_t core_peek_queue(
	const struct core *c, uint64_t number, struct core_item_view *out, uint32_t max)
{
	const struct thing *t = map64_get_ptr(&c->shared->things, number);
	struct peeking p = {.q = t ? t->queue : NULL, .out = out, .max = max};
	const struct qrank **ranks;
	uint32_t n = 0;

	if (!p.q || !p.q->waiting)
		return 0;
	ranks = xcalloc(heap_count(&p.q->ready), sizeof(*ranks));
	for (uint32_t i = 0; i < p.q->nranks; i++)
		if (p.q->ranks[i]->waiting)
			ranks[n++] = p.q->ranks[i];
	ensure(n == heap_count(&p.q->ready));
	qsort(ranks, n, sizeof(*ranks), by_rank);
	for (uint32_t i = 0; i < n && p.n < max; i++)
		peek_rank(&p, ranks[i]);
	free(ranks);
	return p.n;
}
