/*
 * How futures end: outcomes and refusals come in here (watch.c, outbox.c), are shared by all they
 * speak of, and fire the taps of who waits. And what a future says of its state.
 *
 * A task has one future by its number, in a slab, or is an element of an array; and any number of
 * foreign ones under its id. Out of memory half-way leaves some of a run ended; the connection is
 * dropped then, and the outcomes come again.
 */
#include "client/client.h"
#include "client/array.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "model/block.h"

#include <stdio.h>
#include <string.h>

struct ended *ended_new(uint32_t state, int error, struct slice bytes)
{
	struct ended *e = bytes.n <= UINT32_MAX ? try_malloc(sizeof(*e) + bytes.n + 1) : NULL;

	if (!e)
		return NULL;
	*e = (struct ended){.refs = 1, .state = state, .error = error, .n = (uint32_t)bytes.n};
	if (bytes.n)
		memcpy(e->bytes, bytes.p, bytes.n);
	e->bytes[bytes.n] = 0;
	return e;
}

struct ended *ended_ref(struct ended *e)
{
	ensure(e->refs > 0 && e->refs < UINT32_MAX);
	e->refs++;
	return e;
}

void ended_unref(struct ended *e)
{
	ensure(e->refs > 0);
	if (--e->refs == 0)
		free(e);
}

/* ---- what a future says ---- */

uint64_t future_id(const struct dq_future *f)
{
	return f->kind == FUTURE_ELEMENT ? f->more->parent->id + f->more->index : f->id;
}

uint64_t future_count(const struct dq_future *f)
{
	return f->kind == FUTURE_ARRAY ? f->more->array->count : 1;
}

struct ended *future_ended(const struct dq_future *f)
{
	const struct dq_future *parent;
	const struct array *a;

	switch ((enum future_kind)f->kind) {
	case FUTURE_TASK:
		break;
	case FUTURE_ARRAY:
		a = f->more->array;
		if (!f->ended && a->ended == a->count && a->first_bad != UINT64_MAX)
			return array_get(a, a->first_bad);
		break;
	case FUTURE_ELEMENT:
		parent = f->more->parent;
		return parent->ended ? parent->ended
				     : array_get(parent->more->array, f->more->index);
	}
	return f->ended;
}

struct ended *future_bad(const struct dq_future *f)
{
	const struct array *a = f->kind == FUTURE_ARRAY ? f->more->array : NULL;
	struct ended *e = f->kind == FUTURE_ARRAY ? f->ended : future_ended(f);

	if (a && !e && a->first_bad != UINT64_MAX)
		return array_get(a, a->first_bad);
	return e && e->state != DQ_STATE_DONE ? e : NULL;
}

bool future_is_bad(const struct dq_future *f)
{
	return future_bad(f) != NULL;
}

bool future_is_done(const struct dq_future *f)
{
	if (f->kind == FUTURE_ARRAY)
		return f->ended || f->more->array->ended == f->more->array->count;
	return future_ended(f) != NULL;
}

enum dq_state future_state(const struct dq_future *f)
{
	const struct ended *e = future_ended(f);

	if (e)
		return (enum dq_state)e->state;
	return future_is_done(f) ? DQ_STATE_DONE : DQ_STATE_PENDING;
}

bool future_is_unsettled(const struct dq_future *f)
{
	const struct dq_future *of = f->kind == FUTURE_ELEMENT ? f->more->parent : f;

	return of->flags & FUTURE_UNSETTLED;
}

const char *future_key(struct dq_future *f)
{
	char text[320];
	const char *of = NULL;

	if (f->more && f->more->key)
		return f->more->key;
	if (f->kind == FUTURE_ELEMENT) {
		of = future_key(f->more->parent);
		if (!of)
			return NULL;
		snprintf(text, sizeof(text), "%s[%llu]", of,
			(unsigned long long)(f->more->parent->more->array->first_index +
					     f->more->index));
	} else {
		size_t n = key_generate(text, f->id);

		text[n] = 0;
	}
	if (!future_more(f))
		return NULL;
	f->more->key = try_strdup(text);
	return f->more->key;
}

/* ---- whose task it is ---- */

bool array_part(
	const struct dq_future *f, uint64_t first, uint64_t count, uint64_t *from, uint64_t *n)
{
	const struct array *a = f->more->array;
	uint64_t to = first + count - f->id; /* past the last */

	*from = first > f->id ? first - f->id : 0;
	if (first + count <= f->id || *from >= a->count)
		return false;
	*n = (to > a->count ? a->count : to) - *from;
	return true;
}

/* Tasks of this session, by their numbers. */
static bool own_of_run(
	struct dq_client *c, uint64_t first, uint64_t count, future_of_run *fn, void *arg)
{
	struct futures *fs = &c->futures;
	uint32_t n = task_id_n(first);
	uint64_t end = (uint64_t)n + count;
	size_t i = futures_range(fs, n);
	bool ok = true;

	for (i = i == SIZE_MAX ? 0 : i; i < fs->nranges && fs->ranges[i].first_n < end; i++) {
		const struct range *r = &fs->ranges[i];
		struct slab *s = r->object;
		uint32_t from = n > r->first_n ? n - r->first_n : 0;

		if (!s)
			continue;
		if (!r->is_slab) {
			struct dq_future *f = r->object;

			if (!(f->flags & FUTURE_FOREIGN))
				ok = fn(f, first, count, arg) && ok;
			continue;
		}
		for (uint32_t j = from; j < s->used && (uint64_t)r->first_n + j < end; j++) {
			struct dq_future *f = &s->f[j];

			if (f->refs > 0 && !(f->flags & FUTURE_FOREIGN))
				ok = fn(f, first, count, arg) && ok;
		}
	}
	return ok;
}

struct foreign_run {
	uint64_t first, count;
	future_of_run *fn;
	void *arg;
	bool ok;
};

static void foreign_of_id(struct dq_client *c, uint64_t id, struct foreign_run *r)
{
	struct dq_future *f = map64_get_ptr(&c->futures.foreign.by_id, id);

	for (; f; f = f->more->next_same)
		r->ok = r->fn(f, id, 1, r->arg) && r->ok;
}

static bool foreign_array(struct dq_future *f, void *arg)
{
	const struct foreign_run *r = arg;

	return r->fn(f, r->first, r->count, r->arg);
}

static bool foreign_of_run(
	struct dq_client *c, uint64_t first, uint64_t count, future_of_run *fn, void *arg)
{
	struct foreign_run run = {.first = first, .count = count, .fn = fn, .arg = arg, .ok = true};
	struct foreign *fs = &c->futures.foreign;

	if (count <= map64_count(&fs->by_id)) {
		for (uint64_t i = 0; i < count; i++)
			foreign_of_id(c, first + i, &run);
	} else if (map64_count(&fs->by_id) > 0) {
		struct map64_iter it = {0};
		uint64_t id, value;

		while (map64_next(&fs->by_id, &it, &id, &value))
			if (id >= first && id - first < count)
				foreign_of_id(c, id, &run);
	}
	return foreign_each_array(fs, first, count, foreign_array, &run) && run.ok;
}

bool futures_of_run(
	struct dq_client *c, uint64_t first, uint64_t count, future_of_run *fn, void *arg)
{
	bool ok = true;

	if (task_id_session(first) == c->session.number)
		ok = own_of_run(c, first, count, fn, arg);
	return foreign_of_run(c, first, count, fn, arg) && ok;
}

/* ---- ends ---- */

static void future_end(struct dq_client *c, struct dq_future *f, struct ended *e)
{
	if (f->ended)
		return;
	f->ended = ended_ref(e);
	c->futures.ends++;
	taps_fire(f);
}

/* The part of first .. first+count-1 that falls into the array. */
static bool array_future_end(
	struct dq_client *c, struct dq_future *f, uint64_t first, uint64_t count, struct ended *e)
{
	struct array *a = f->more->array;
	uint64_t from, n;
	bool ok;

	if (f->ended || !array_part(f, first, count, &from, &n))
		return true;
	ok = array_end(a, from, n, e);
	c->futures.ends++;
	if (a->ended == a->count)
		taps_fire(f);
	else if (a->first_bad != UINT64_MAX)
		taps_fire_bad(f);
	return ok;
}

static bool end_one(struct dq_future *f, uint64_t first, uint64_t count, void *arg)
{
	if (f->kind == FUTURE_ARRAY)
		return array_future_end(f->client, f, first, count, arg);
	future_end(f->client, f, arg);
	return true;
}

bool futures_end(struct dq_client *c, uint64_t first, uint64_t count, struct ended *e)
{
	return futures_of_run(c, first, count, end_one, e);
}

/* The whole array ended in a way that no element has of its own. */
static void array_refuse(struct dq_client *c, struct dq_future *f, struct ended *e)
{
	struct map64_iter it = {0};
	uint64_t index;
	void *p;

	future_end(c, f, e);
	while (map64_next_ptr(&f->more->array->elements, &it, &index, &p))
		for (struct dq_future *el = p; el; el = el->more->next_same)
			taps_fire(el);
}

bool futures_refuse(
	struct dq_client *c, uint32_t first_n, uint64_t count, int code, struct slice text)
{
	struct ended *e = ended_new(DQ_STATE_REFUSED, code, text);

	if (!e)
		return false;
	for (uint64_t n = first_n; n < first_n + count;) {
		struct dq_future *f = futures_of_number(&c->futures, (uint32_t)n);

		if (f && f->kind == FUTURE_ARRAY) {
			array_refuse(c, f, e);
			n = f->more->first_n + future_count(f);
			continue;
		}
		if (f)
			future_end(c, f, e);
		n++;
	}
	ended_unref(e);
	return true;
}

bool futures_each_watched(struct dq_client *c, bool (*fn)(struct dq_client *c, struct dq_future *f))
{
	struct futures *fs = &c->futures;

	for (size_t i = 0; i < fs->nranges; i++) {
		struct slab *s = fs->ranges[i].object;

		if (!s || !fs->ranges[i].is_slab)
			continue;
		for (uint32_t j = 0; j < s->used; j++)
			if ((s->f[j].flags & FUTURE_WATCHED) && s->f[j].refs > 0 &&
				!s->f[j].ended && !fn(c, &s->f[j]))
				return false;
	}
	list_for_each_entry(m, &fs->loose, struct future_more, link)
		if ((m->self->flags & FUTURE_WATCHED) && m->self->refs > 0 &&
			!future_is_done(m->self) && !fn(c, m->self))
			return false;
	return true;
}
