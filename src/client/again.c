/*
 * Futures of tasks that begin anew (futures_again): what is known of their ends is forgotten. What
 * was told before the reply to a retry is of the rounds before, so all that comes from here on is
 * new; but the scheduler has ticked off who watched, and is asked again.
 */
#include "client/array.h"
#include "client/client.h"

#include "base/ensure.h"

#include <stdlib.h>

static void forget_failure(struct dq_future *f)
{
	if (!f->more)
		return;
	free(f->more->failure);
	f->more->failure = NULL;
}

static bool task_again(struct dq_client *c, struct dq_future *f)
{
	if (!f->ended || f->ended->error)
		return true;
	if ((f->flags & FUTURE_WATCHED) && !runs_add(&c->watch.ask, future_id(f), 1))
		return false;
	ended_unref(f->ended);
	f->ended = NULL;
	forget_failure(f);
	taps_again(f);
	return true;
}

/* Handles of single elements. */
static bool elements_again(
	struct dq_client *c, const struct dq_future *f, uint64_t from, uint64_t n, bool ask)
{
	struct map64_iter it = {0};
	uint64_t index;
	void *p;

	while (map64_next_ptr(&f->more->array->elements, &it, &index, &p)) {
		if (index < from || index - from >= n)
			continue;
		for (struct dq_future *el = p; el; el = el->more->next_same) {
			if (ask && (el->flags & FUTURE_WATCHED) &&
				!runs_add(&c->watch.ask, f->id + index, 1))
				return false;
			forget_failure(el);
			taps_again(el);
		}
	}
	return true;
}

static bool part_again(struct dq_client *c, struct dq_future *f, uint64_t first, uint64_t count)
{
	bool whole = f->flags & FUTURE_WATCHED;
	uint64_t from, n;

	if (f->ended || !array_part(f, first, count, &from, &n))
		return true;
	if (whole && !runs_add(&c->watch.ask, f->id + from, n))
		return false;
	array_again(f->more->array, from, n);
	forget_failure(f);
	taps_again(f);
	return elements_again(c, f, from, n, !whole);
}

static bool again(struct dq_future *f, uint64_t first, uint64_t count, void *arg)
{
	return f->kind == FUTURE_ARRAY ? part_again(arg, f, first, count) : task_again(arg, f);
}

bool futures_again(struct dq_client *c, const struct runs *runs)
{
	bool ok = true;

	for (size_t i = 0; i < runs->n; i++)
		ok = futures_of_run(c, runs->v[i].first, runs->v[i].count, again, c) && ok;
	return ok;
}
