/*
 * The order of what waits in a queue: by priority, then by number. What was never taken stands in
 * runs, which only grow at their end and are taken from their beginning; what came back in a heap.
 */
#include "core/queue.h"

bool rank_comes_first(const struct heap_node *a, const struct heap_node *b)
{
	return container_of(a, struct qrank, in_ready)->rank <
	       container_of(b, struct qrank, in_ready)->rank;
}

struct qrank *rank_find(const struct queue *q, uint32_t rank)
{
	uint64_t slot;

	return map64_get(&q->slots, rank, &slot) ? q->ranks[slot] : NULL;
}

struct qrank *rank_get(struct queue *q, uint32_t rank)
{
	struct qrank *r = rank_find(q, rank);

	if (r || q->nranks == LIMIT_RANKS)
		return r;
	if (q->nranks == q->ranks_cap) {
		q->ranks_cap = q->ranks_cap ? q->ranks_cap * 2 : 4;
		q->ranks = xreallocarray(q->ranks, q->ranks_cap, sizeof(struct qrank *));
	}
	r = xcalloc(1, sizeof(*r));
	r->rank = rank;
	r->slot = q->nranks;
	r->next_seq = 1;
	heap_node_init(&r->in_ready);
	q->ranks[q->nranks++] = r;
	ensure(map64_put(&q->slots, rank, r->slot));
	return r;
}

static void more_waits(struct queue *q, struct qrank *r)
{
	r->waiting++;
	q->waiting++;
	if (!heap_contains(&r->in_ready))
		ensure(heap_push(&q->ready, &r->in_ready));
}

static void push_run(struct qrank *r, uint64_t seq)
{
	if (r->at < r->n && r->runs[r->n - 1].last + 1 == seq) {
		r->runs[r->n - 1].last = seq;
		return;
	}
	if (r->at && r->at >= r->n / 2) {
		r->n -= r->at;
		memmove(r->runs, r->runs + r->at, r->n * sizeof(*r->runs));
		r->at = 0;
	}
	if (r->n == r->cap) {
		r->cap = r->cap ? r->cap * 2 : 4;
		r->runs = xreallocarray(r->runs, r->cap, sizeof(*r->runs));
	}
	r->runs[r->n++] = (struct qrun){seq, seq};
}

uint64_t rank_append(struct queue *q, struct qrank *r, bool waits)
{
	uint64_t seq = r->next_seq++;

	ensure(seq >> HANDLE_SEQ_BITS == 0);
	if (waits) {
		push_run(r, seq);
		more_waits(q, r);
	}
	return seq;
}

void rank_load(struct queue *q, struct qrank *r, uint64_t seq)
{
	push_run(r, seq);
	more_waits(q, r);
}

void rank_return(struct queue *q, struct qrank *r, uint64_t seq)
{
	uint32_t i = r->nback++;

	if (i == r->back_cap) {
		r->back_cap = r->back_cap ? r->back_cap * 2 : 8;
		r->back = xreallocarray(r->back, r->back_cap, sizeof(*r->back));
	}
	for (; i && r->back[(i - 1) / 2] > seq; i = (i - 1) / 2)
		r->back[i] = r->back[(i - 1) / 2];
	r->back[i] = seq;
	more_waits(q, r);
}

static uint64_t pop_back(struct qrank *r)
{
	uint64_t seq = r->back[0], last = r->back[--r->nback];
	uint32_t i = 0;

	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child + 1 < r->nback && r->back[child + 1] < r->back[child])
			child++;
		if (child >= r->nback || r->back[child] >= last)
			break;
		r->back[i] = r->back[child];
		i = child;
	}
	r->back[i] = last;
	return seq;
}

uint64_t queue_pop(struct queue *q)
{
	struct qrank *r = container_of(heap_peek(&q->ready), struct qrank, in_ready);
	uint64_t seq;

	ensure(r->waiting);
	if (r->nback && (r->at == r->n || r->back[0] < r->runs[r->at].first)) {
		seq = pop_back(r);
	} else {
		seq = r->runs[r->at].first++;
		if (r->runs[r->at].first > r->runs[r->at].last)
			r->at++;
	}
	q->waiting--;
	if (--r->waiting == 0)
		heap_remove(&q->ready, &r->in_ready);
	return handle_of(r->slot, seq);
}

static void doom_run(struct queue *q, uint32_t slot, struct qrun run)
{
	if (q->ndoomed == q->doomed_cap) {
		q->doomed_cap = q->doomed_cap ? q->doomed_cap * 2 : 8;
		q->doomed = xreallocarray(q->doomed, q->doomed_cap, sizeof(*q->doomed));
	}
	q->doomed[q->ndoomed++] = (struct qdoomed){slot, run};
}

void queue_doom(struct queue *q, uint64_t handle)
{
	uint64_t seq = handle_seq(handle);
	struct qdoomed *last = q->ndoomed > q->doomed_at ? &q->doomed[q->ndoomed - 1] : NULL;

	if (last && last->slot == handle_slot(handle) && last->run.last + 1 == seq)
		last->run.last = seq;
	else
		doom_run(q, handle_slot(handle), (struct qrun){seq, seq});
}

void rank_doom(struct queue *q, struct qrank *r)
{
	for (uint32_t i = r->at; i < r->n; i++)
		doom_run(q, r->slot, r->runs[i]);
	for (uint32_t i = 0; i < r->nback; i++)
		doom_run(q, r->slot, (struct qrun){r->back[i], r->back[i]});
	q->waiting -= r->waiting;
	if (r->waiting)
		heap_remove(&q->ready, &r->in_ready);
	r->waiting = r->at = r->n = r->nback = 0;
}

bool rank_check(const struct qrank *r)
{
	uint64_t n = r->nback, last = 0;

	for (uint32_t i = r->at; i < r->n; i++) {
		if (r->runs[i].first <= last || r->runs[i].last < r->runs[i].first)
			return false;
		last = r->runs[i].last;
		n += last - r->runs[i].first + 1;
	}
	return n == r->waiting && last < r->next_seq && heap_contains(&r->in_ready) == (n > 0);
}

void ranks_free(struct queue *q)
{
	/* it looks at what is in it */
	heap_release(&q->ready);
	for (uint32_t i = 0; i < q->nranks; i++) {
		free(q->ranks[i]->runs);
		free(q->ranks[i]->back);
		free(q->ranks[i]);
	}
	free(q->ranks);
	map64_release(&q->slots);
	free(q->doomed);
}
