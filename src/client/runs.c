/*
 * Runs of ids (runs.h): a vector that merges as it grows, since futures mostly come and go in
 * order.
 */
#include "client/runs.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "model/limits.h"
#include "model/record.h"

#include <string.h>

bool runs_add(struct runs *r, uint64_t first, uint64_t count)
{
	struct run *last = r->n ? &r->v[r->n - 1] : NULL;

	ensure(count > 0);
	if (last && task_id_session(last->first) == task_id_session(first)) {
		if (last->first + last->count == first) {
			last->count += count;
			return true;
		}
		if (first + count == last->first) {
			last->first = first;
			last->count += count;
			return true;
		}
	}
	if (r->n == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 16;
		struct run *v = try_realloc(r->v, cap * sizeof(*v));

		if (!v)
			return false;
		r->v = v;
		r->cap = cap;
	}
	r->v[r->n++] = (struct run){.first = first, .count = count};
	return true;
}

static int run_order(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

void runs_tidy(struct runs *r)
{
	size_t to = 0;

	if (r->n < 2)
		return;
	qsort(r->v, r->n, sizeof(*r->v), run_order);
	for (size_t i = 1; i < r->n; i++) {
		struct run *last = &r->v[to];
		uint64_t end = last->first + last->count;
		uint64_t next_end = r->v[i].first + r->v[i].count;

		if (r->v[i].first <= end &&
			task_id_session(last->first) == task_id_session(r->v[i].first))
			last->count = (next_end > end ? next_end : end) - last->first;
		else
			r->v[++to] = r->v[i];
	}
	r->n = to + 1;
}

void runs_drop(struct runs *r, size_t n)
{
	ensure(n <= r->n);
	if (n < r->n)
		memmove(r->v, r->v + n, (r->n - n) * sizeof(*r->v));
	r->n -= n;
}

void runs_clear(struct runs *r)
{
	r->n = 0;
}

void runs_release(struct runs *r)
{
	free(r->v);
	*r = (struct runs){0};
}

size_t runs_pack(struct buf *out, const struct runs *r, size_t at)
{
	size_t n = r->n - at;

	ensure(at <= r->n);
	if (n > LIMIT_RUNS)
		n = LIMIT_RUNS;
	runs_encode(out, r->v + at, (uint32_t)n);
	return n;
}
