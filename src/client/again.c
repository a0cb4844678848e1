/*
 * Futures of tasks that begin anew (futures_again): what is known of their ends is forgotten. What
 * was told before the reply to a retry is of the rounds before, so all that comes from here on is
 * new; but the scheduler has ticked off who watched, and is asked again.
 */
#include "client/array.h"
#include "client/client.h"

#include "base/ensure.h"

#include <stdlib.h>

struct again {
	struct dq_client *c;
	bool done_too;
};

static void forget_failure(struct dq_future *f)
{
	if (!f->more)
		return;
	free(f->more->failure);
	f->more->failure = NULL;
}

/* What ended so has begun anew. */
static bool is_over(const struct again *a, const struct ended *e)
{
	return e && !e->error && (a->done_too || e->state != DQ_STATE_DONE);
}

static bool task_again(const struct again *a, struct dq_future *f)
{
	if (!is_over(a, f->ended))
		return true;
	if ((f->flags & FUTURE_WATCHED) && !runs_add(&a->c->watch.ask, future_id(f), 1))
		return false;
	ended_unref(f->ended);
	f->ended = NULL;
	forget_failure(f);
	taps_again(f);
	return true;
}

/* The handles of an element. */
static bool handles_again(const struct again *a, struct dq_future *array, uint64_t index)
{
	bool ask = array->flags & FUTURE_WATCHED;
	struct dq_future *el = map64_get_ptr(&array->more->array->elements, index);

	for (; el; el = el->more->next_same) {
		ask = ask || (el->flags & FUTURE_WATCHED);
		forget_failure(el);
		taps_again(el);
	}
	return !ask || runs_add(&a->c->watch.ask, array->id + index, 1);
}

static bool part_again(const struct again *a, struct dq_future *f, uint64_t first, uint64_t count)
{
	struct array *array = f->more->array;
	uint64_t from, n;
	bool ok = true;

	if (f->ended || !array_part(f, first, count, &from, &n))
		return true;
	for (uint64_t i = from; i < from + n; i++) {
		if (!array->chunks[i / CHUNK_ELEMENTS]) {
			i |= CHUNK_ELEMENTS - 1;
			continue;
		}
		if (!is_over(a, array_get(array, i)))
			continue;
		array_again(array, i);
		ok = handles_again(a, f, i) && ok;
	}
	forget_failure(f);
	taps_again(f);
	return ok;
}

static bool one_again(struct dq_future *f, uint64_t first, uint64_t count, void *arg)
{
	return f->kind == FUTURE_ARRAY ? part_again(arg, f, first, count) : task_again(arg, f);
}

bool futures_again(struct dq_client *c, const struct runs *runs, bool done_too)
{
	struct again a = {.c = c, .done_too = done_too};
	bool ok = true;

	for (size_t i = 0; i < runs->n; i++)
		ok = futures_of_run(c, runs->v[i].first, runs->v[i].count, one_again, &a) && ok;
	return ok;
}
