/*
 * Making, finding and freeing futures (futures.h).
 *
 * A submit makes a future: a place in the open slab, or an object of its own, and a range of
 * numbers that leads to it. The last handle's end releases the session's hold (outbox.release)
 * unless another future stands for the same task. How they end is in ends.c.
 */
#include "client/client.h"
#include "client/array.h"
#include "client/numbers.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "model/block.h"

#include <stdio.h>
#include <string.h>

void futures_init(struct futures *fs)
{
	*fs = (struct futures){.next_n = 1};
	foreign_init(&fs->foreign);
	list_init(&fs->loose);
}

bool future_more(struct dq_future *f)
{
	if (f->more)
		return true;
	f->more = try_calloc(1, sizeof(*f->more));
	if (!f->more)
		return false;
	f->more->self = f;
	list_init(&f->more->link);
	return true;
}

/* Frees what hangs on the future, not the future. */
static void future_strip(struct dq_future *f)
{
	struct future_more *m = f->more;

	taps_drop(f);
	if (f->ended)
		ended_unref(f->ended);
	f->ended = NULL;
	if (!m)
		return;
	list_remove(&m->link);
	array_free(&m->array);
	free(m->key);
	free(m->failure);
	free(m);
	f->more = NULL;
}

bool futures_left(const struct dq_client *c, uint64_t count)
{
	return count <= UINT32_MAX && c->futures.next_n <= (uint64_t)UINT32_MAX - count;
}

/* ---- making ---- */

struct dq_future *future_new_task(struct dq_client *c)
{
	struct futures *fs = &c->futures;
	struct slab *s = slab_open(fs);
	struct dq_future *f;

	if (!s)
		return NULL;
	ensure(futures_left(c, 1));
	f = &s->f[s->used];
	*f = (struct dq_future){.client = c,
		.id = task_id(c->session.number, (uint32_t)fs->next_n),
		.refs = 1,
		.slot = (uint8_t)s->used,
		.kind = FUTURE_TASK,
		.flags = FUTURE_SLAB | FUTURE_HELD};
	s->used++;
	s->live++;
	fs->next_n++;
	fs->live++;
	return f;
}

/* A future allocated alone. */
static struct dq_future *future_new_loose(struct dq_client *c, enum future_kind kind)
{
	struct dq_future *f = try_calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->client = c;
	f->refs = 1;
	f->kind = (uint8_t)kind;
	if (!future_more(f)) {
		free(f);
		return NULL;
	}
	list_push_back(&c->futures.loose, &f->more->link);
	c->futures.live++;
	return f;
}

static void future_drop_loose(struct dq_future *f)
{
	f->client->futures.live--;
	future_strip(f);
	free(f);
}

struct dq_future *future_new_array(struct dq_client *c, uint64_t count)
{
	struct futures *fs = &c->futures;
	struct dq_future *f;

	ensure(futures_left(c, count));
	if (!numbers_room(fs))
		return NULL;
	f = future_new_loose(c, FUTURE_ARRAY);
	if (!f)
		return NULL;
	f->more->array = array_new(count);
	if (!f->more->array) {
		future_drop_loose(f);
		return NULL;
	}
	f->id = task_id(c->session.number, (uint32_t)fs->next_n);
	f->flags = FUTURE_HELD;
	f->more->own_number = true;
	f->more->first_n = (uint32_t)fs->next_n;
	numbers_add(fs, f, false, fs->next_n, count);
	fs->next_n += count;
	return f;
}

void future_undo(struct dq_future *f)
{
	struct futures *fs = &f->client->futures;

	ensure(f->refs == 1 && !f->taps);
	if (f->flags & FUTURE_SLAB) {
		struct slab *s = fs->open;

		ensure(f == &s->f[s->used - 1]);
		future_strip(f);
		s->used--;
		s->live--;
		fs->next_n--;
		fs->live--;
		if (s->used == 0)
			slab_drop(fs);
		return;
	}
	ensure(f->kind == FUTURE_ARRAY && fs->ranges[fs->nranges - 1].object == f);
	fs->next_n -= f->more->array->count;
	fs->nranges--;
	fs->found = 0;
	future_drop_loose(f);
}

struct dq_future *future_new_foreign(
	struct dq_client *c, uint64_t id, uint64_t count, bool array, const char *key)
{
	struct dq_future *f = future_new_loose(c, array ? FUTURE_ARRAY : FUTURE_TASK);

	if (!f)
		return NULL;
	f->id = id;
	if (array)
		f->more->array = array_new(count);
	if (key)
		f->more->key = try_strdup(key);
	if ((array && !f->more->array) || (key && !f->more->key) ||
		!foreign_add(&c->futures.foreign, f)) {
		future_drop_loose(f);
		return NULL;
	}
	return f;
}

struct dq_future *future_new_element(struct dq_future *array, uint64_t index)
{
	struct dq_client *c = array->client;
	struct array *a = array->more->array;
	struct dq_future *f = future_new_loose(c, FUTURE_ELEMENT);

	if (!f)
		return NULL;
	ensure(index < a->count);
	f->more->next_same = map64_get_ptr(&a->elements, index);
	if (!map64_put_ptr(&a->elements, index, f)) {
		future_drop_loose(f);
		return NULL;
	}
	f->more->index = index;
	f->more->parent = array;
	array->refs++;
	return f;
}

bool future_alias(struct dq_client *c, uint32_t n, uint64_t id)
{
	struct futures *fs = &c->futures;
	struct dq_future *f = futures_of_number(fs, n);

	if (!f || (f->flags & FUTURE_FOREIGN) || !(f->flags & FUTURE_UNSETTLED))
		return true;
	if (f->kind == FUTURE_ARRAY)
		id -= n - f->more->first_n;
	if (f->id == id)
		return true;
	f->id = id;
	return foreign_add(&fs->foreign, f);
}

/* ---- freeing ---- */

/* Stops at one that holds the task as well. */
static bool holds_not(struct dq_future *other, void *arg)
{
	return other == arg || !(other->flags & FUTURE_HELD);
}

/* Does another future of this session stand for the task? Then its hold stays. */
static bool held_by_others(struct futures *fs, struct dq_future *f)
{
	const struct dq_future *other;

	if (!foreign_is_empty(&fs->foreign)) {
		for (const struct dq_future *o = map64_get_ptr(&fs->foreign.by_id, f->id); o;
			o = o->more->next_same)
			if (o != f && (o->flags & FUTURE_HELD))
				return true;
		if (!foreign_each_array(&fs->foreign, f->id, 1, holds_not, f))
			return true;
	}
	if (!(f->flags & FUTURE_FOREIGN) || task_id_session(f->id) != f->client->session.number)
		return false;
	other = futures_of_number(fs, task_id_n(f->id));
	return other && other != f && other->refs > 0 && (other->flags & FUTURE_HELD);
}

/* Releases first .. first+count-1 but for tasks of it that other futures hold by their own ids. */
static bool release_around(struct dq_client *c, uint64_t first, uint64_t count)
{
	struct runs *release = &c->outbox.release;
	struct runs kept = {0};
	struct map64_iter it = {0};
	uint64_t id, at = first;
	void *p;
	bool ok = true;

	while (map64_next_ptr(&c->futures.foreign.by_id, &it, &id, &p))
		if (id >= first && id - first < count &&
			((struct dq_future *)p)->flags & FUTURE_HELD)
			ok = runs_add(&kept, id, 1) && ok;
	runs_tidy(&kept);
	for (size_t i = 0; i < kept.n && ok; i++) {
		if (kept.v[i].first > at)
			ok = runs_add(release, at, kept.v[i].first - at);
		at = kept.v[i].first + kept.v[i].count;
	}
	if (ok && at < first + count)
		ok = runs_add(release, at, first + count - at);
	runs_release(&kept);
	return ok;
}

static void future_release_hold(struct dq_future *f)
{
	struct dq_client *c = f->client;

	if (!(f->flags & FUTURE_HELD) || c->fatal)
		return;
	if (f->ended && f->ended->state == DQ_STATE_REFUSED && !(f->flags & FUTURE_FOREIGN))
		return;
	if (held_by_others(&c->futures, f))
		return;
	/* Out of memory: the hold stays until the session ends. */
	if (f->kind == FUTURE_ARRAY && map64_count(&c->futures.foreign.by_id) > 0)
		(void)!release_around(c, f->id, future_count(f));
	else
		(void)!runs_add(&c->outbox.release, f->id, future_count(f));
}

static void future_destroy(struct dq_future *f)
{
	struct dq_client *c = f->client;
	struct futures *fs = &c->futures;

	if (f->kind == FUTURE_ELEMENT) {
		struct dq_future *parent = f->more->parent;

		chain_remove(&parent->more->array->elements, f->more->index, f);
		future_drop_loose(f);
		future_unref(parent);
		return;
	}
	if ((f->flags & FUTURE_WATCHED) && !future_is_done(f))
		watch_forget(c, f);
	future_release_hold(f);
	if (f->flags & FUTURE_FOREIGN)
		foreign_remove(&fs->foreign, f);
	if (f->flags & FUTURE_SLAB) {
		struct slab *s =
			(struct slab *)(void *)((char *)(f - f->slot) - offsetof(struct slab, f));

		future_strip(f);
		fs->live--;
		f->flags = FUTURE_SLAB;
		if (--s->live == 0 && s != fs->open) {
			numbers_free(fs, s->first_n);
			free(s);
		}
		return;
	}
	if (f->more->own_number)
		numbers_free(fs, f->more->first_n);
	future_drop_loose(f);
}

void future_unref(struct dq_future *f)
{
	ensure(f->refs > 0);
	if (--f->refs > 0)
		return;
	/* Its id is not known yet: it goes when the submit is answered (futures_settle). */
	if (f->flags & FUTURE_UNSETTLED)
		return;
	future_destroy(f);
}

/* Sends the cancel that was asked for while the id was not known, and the wish to detach it. */
static bool ask_settled(struct dq_client *c, struct dq_future *f)
{
	struct run run = {.first = future_id(f), .count = future_count(f)};
	struct runs runs = {.v = &run, .n = 1, .cap = 1};
	uint16_t flags = f->flags;
	bool ok = true;

	f->flags &= (uint16_t) ~(FUTURE_CANCEL | FUTURE_DETACH);
	if (flags & FUTURE_DETACH && !(f->ended && f->ended->error))
		ok = outbox_detach(c, &runs) == 0;
	if (flags & FUTURE_CANCEL && !future_is_done(f))
		ok = outbox_cancel(c, &runs, NULL) == 0 && ok;
	return ok;
}

/* The future's submit was answered: its id is what it is. */
static bool future_settle(struct dq_client *c, struct dq_future *f)
{
	bool ok = true;

	f->flags &= (uint16_t)~FUTURE_UNSETTLED;
	if (f->flags & (FUTURE_CANCEL | FUTURE_DETACH))
		ok = ask_settled(c, f);
	if (f->refs == 0) {
		future_destroy(f);
		return ok;
	}
	if ((f->flags & FUTURE_WATCHED) && !future_is_done(f))
		ok = watch_settled(c, f) && ok;
	if (f->kind == FUTURE_ARRAY) {
		struct map64_iter it = {0};
		uint64_t index;
		void *p;

		while (map64_next_ptr(&f->more->array->elements, &it, &index, &p))
			for (struct dq_future *e = p; e; e = e->more->next_same)
				if (e->flags & (FUTURE_CANCEL | FUTURE_DETACH))
					ok = ask_settled(c, e) && ok;
	}
	return ok;
}

bool futures_settle(struct dq_client *c, uint32_t first_n, uint64_t count)
{
	bool ok = true;

	for (uint64_t n = first_n; n < first_n + count;) {
		struct dq_future *f = futures_of_number(&c->futures, (uint32_t)n);
		uint64_t step = f && f->kind == FUTURE_ARRAY ? future_count(f) : 1;

		if (f && (f->flags & FUTURE_UNSETTLED))
			ok = future_settle(c, f) && ok;
		n += step;
	}
	return ok;
}

void futures_release(struct dq_client *c)
{
	struct futures *fs = &c->futures;

	for (size_t i = 0; i < fs->nranges; i++) {
		struct slab *s = fs->ranges[i].object;

		if (!s || !fs->ranges[i].is_slab)
			continue;
		for (uint32_t j = 0; j < s->used; j++)
			future_strip(&s->f[j]);
		free(s);
	}
	while (!list_is_empty(&fs->loose)) {
		struct future_more *m = list_entry(fs->loose.next, struct future_more, link);
		struct dq_future *f = m->self;

		future_strip(f);
		free(f);
	}
	free(fs->ranges);
	foreign_release(&fs->foreign);
	*fs = (struct futures){0};
	foreign_init(&fs->foreign);
	list_init(&fs->loose);
}
