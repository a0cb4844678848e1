/*
 * An array's elements (array.h). Chunks of pointers to shared ends: a run of elements that ended
 * alike costs one pointer each, and what has not begun to end costs nothing.
 */
#include "client/array.h"

#include "base/alloc.h"
#include "base/ensure.h"

static uint64_t chunk_count(uint64_t count)
{
	return (count + CHUNK_ELEMENTS - 1) / CHUNK_ELEMENTS;
}

uint32_t chunk_size(const struct array *a, uint64_t chunk)
{
	uint64_t left = a->count - chunk * CHUNK_ELEMENTS;

	return left < CHUNK_ELEMENTS ? (uint32_t)left : CHUNK_ELEMENTS;
}

struct array *array_new(uint64_t count)
{
	struct array *a = try_calloc(1, sizeof(*a));

	ensure(count > 0);
	if (!a)
		return NULL;
	a->count = count;
	a->first_bad = UINT64_MAX;
	map64_init(&a->elements);
	a->chunks = try_calloc(chunk_count(count), sizeof(*a->chunks));
	if (!a->chunks) {
		free(a);
		return NULL;
	}
	return a;
}

void array_free(struct array **ap)
{
	struct array *a = *ap;

	*ap = NULL;
	if (!a)
		return;
	for (uint64_t i = 0; i < chunk_count(a->count); i++) {
		if (!a->chunks[i])
			continue;
		for (uint32_t j = 0; j < chunk_size(a, i); j++)
			if (a->chunks[i]->v[j])
				ended_unref(a->chunks[i]->v[j]);
		free(a->chunks[i]);
	}
	free(a->chunks);
	map64_release(&a->elements);
	free(a);
}

struct ended *array_get(const struct array *a, uint64_t index)
{
	struct chunk *ch;

	ensure(index < a->count);
	ch = a->chunks[index / CHUNK_ELEMENTS];
	return ch ? ch->v[index % CHUNK_ELEMENTS] : NULL;
}

/* The chunk, made if it is not there yet; NULL: out of memory. */
static struct chunk *array_chunk(struct array *a, uint64_t i)
{
	if (!a->chunks[i])
		a->chunks[i] = try_calloc(
			1, sizeof(struct chunk) + chunk_size(a, i) * sizeof(struct ended *));
	return a->chunks[i];
}

static void element_fire(struct array *a, uint64_t index)
{
	struct dq_future *f = map64_get_ptr(&a->elements, index);

	for (; f; f = f->more->next_same)
		taps_fire(f);
}

bool array_end(struct array *a, uint64_t at, uint64_t count, struct ended *e)
{
	bool handles = map64_count(&a->elements) > 0;

	ensure(at < a->count && count <= a->count - at);
	for (uint64_t i = at; i < at + count; i++) {
		struct chunk *ch = array_chunk(a, i / CHUNK_ELEMENTS);

		if (!ch)
			return false;
		if (ch->v[i % CHUNK_ELEMENTS])
			continue;
		ch->v[i % CHUNK_ELEMENTS] = ended_ref(e);
		ch->ended++;
		a->ended++;
		a->cancelled += e->state == DQ_STATE_CANCELLED;
		a->failed += e->state != DQ_STATE_DONE && e->state != DQ_STATE_CANCELLED;
		if (e->state != DQ_STATE_DONE && i < a->first_bad)
			a->first_bad = i;
		if (handles)
			element_fire(a, i);
	}
	return true;
}

/* The first element from `at` on that ended, and not well. */
static uint64_t find_bad(const struct array *a, uint64_t at)
{
	for (; at < a->count; at++) {
		const struct ended *e = array_get(a, at);

		if (e && e->state != DQ_STATE_DONE)
			return at;
		if (!a->chunks[at / CHUNK_ELEMENTS])
			at |= CHUNK_ELEMENTS - 1;
	}
	return UINT64_MAX;
}

void array_again(struct array *a, uint64_t index)
{
	struct ended *e = array_get(a, index);
	struct chunk *ch = a->chunks[index / CHUNK_ELEMENTS];

	if (!e)
		return;
	ch->v[index % CHUNK_ELEMENTS] = NULL;
	ch->ended--;
	a->ended--;
	a->cancelled -= e->state == DQ_STATE_CANCELLED;
	a->failed -= e->state != DQ_STATE_DONE && e->state != DQ_STATE_CANCELLED;
	ended_unref(e);
	if (a->first_bad == index)
		a->first_bad = find_bad(a, index);
}
