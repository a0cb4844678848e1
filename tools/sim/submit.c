/*
 * What simulated clients submit: tasks and arrays of all kinds, with dependencies, shared keys, and
 * keys that conflict. Every task is written into the book before it is sent. Neighbours: client.c
 * sends, hears.c reads the replies.
 */
#include "sim/sim.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "codec/pack.h"
#include "model/block.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define TASKS_MAX 8
#define ELEMENTS_MAX 30
#define DEPTH_MAX 2 /* of tasks inside tasks */

static enum fn pick_fn(struct sim *s, uint32_t depth)
{
	uint64_t dice = rng_below(&s->rng, 100);

	if (depth < DEPTH_MAX && rng_chance(&s->rng, s->flavor.inside, 100))
		return FN_PARENT;
	if (dice < s->flavor.large)
		return FN_LARGE;
	if (dice < 48)
		return FN_SMALL;
	if (dice < 58)
		return FN_MEDIUM;
	if (dice < 92)
		return FN_STAMP;
	if (dice < 99 || s->flavor.calm)
		return FN_FAIL;
	return FN_DEADLY;
}

static void pack_spec(struct buf *out, const struct book_task *t)
{
	struct buf args;

	buf_init(&args, 64);
	pack_u64(&args, t->salt);
	if (!t->exec) {
		spec_encode_func(out, slice_str(fn_word(t->fn)), buf_slice(&args));
		buf_release(&args);
		return;
	}
	buf_release(&args);
	pack_array(out, 5);
	pack_u64(out, SPEC_EXEC);
	pack_array(out, 2);
	pack_cstr(out, fn_word(t->fn));
	pack_cstr(out, t->salt & 1 ? "odd" : "even");
	pack_map(out, 0);
	pack_cstr(out, "/");
	pack_nil(out);
}

/* A task to depend on: mostly one of the client's own, by its id; at times by its key, or one that
 * may be gone. */
static bool pick_dep(struct sim *s, struct client *c, struct book_task *t, struct dep_ref *ref)
{
	uint64_t id = 0;

	*ref = (struct dep_ref){.id = 0};
	if (rng_chance(&s->rng, 1, 30) && s->book.n) {
		struct book_task *d = s->book.v[rng_below(&s->rng, s->book.n)];

		if (d->key[0] && d->element < 0 && d->id < t->id) {
			ref->key = slice_str(d->key);
			t->dep_by_key = true;
			return true;
		}
		if (task_id_session(d->id) != c->session && inside_may_wait(c, d) &&
			(d->user == c->user || rng_chance(&s->rng, 1, 4)))
			id = d->id;
	} else if (c->graph.n && !c->whole && rng_chance(&s->rng, 2, 3)) {
		id = c->graph.ids[rng_below(&s->rng, c->graph.n)];
	} else if (c->nmine) {
		uint32_t back = (uint32_t)rng_below(&s->rng, c->nmine < 12 ? c->nmine : 12);

		id = c->mine[c->nmine - 1 - back];
		if (book_find(&s->book, id)->submit == SUBMIT_REFUSED && rng_chance(&s->rng, 7, 8))
			return false;
	}
	if (!id || id == t->id)
		return false;
	for (uint32_t i = 0; i < t->ndeps; i++)
		if (t->deps[i] == id)
			return false;
	ref->id = id;
	t->deps[t->ndeps++] = id;
	return true;
}

static uint32_t pick_deps(
	struct sim *s, struct client *c, struct book_task *t, struct dep_ref *refs)
{
	uint32_t want = rng_chance(&s->rng, 1, 2)
				? 0
				: 1 + (uint32_t)rng_below(&s->rng, BOOK_DEPS_MAX - 1),
		 n = 0;

	for (uint32_t i = 0; i < want; i++)
		n += pick_dep(s, c, t, &refs[n]);
	return n;
}

static void pick_options(struct sim *s, struct book_task *t)
{
	t->fn = pick_fn(s, t->depth);
	t->exec = rng_chance(&s->rng, 1, 4);
	t->salt = (uint32_t)rng_below(&s->rng, 2);
	t->detached = rng_chance(&s->rng, 1, 25);
	t->once = rng_chance(&s->rng, 1, 15);
	t->recompute = rng_chance(&s->rng, 1, 3);
}

/* Of an array: the same wherever the key is the same. */
static uint32_t first_index(const struct book_task *t)
{
	return t->key[0] ? (uint32_t)t->key[1] % 3 : (uint32_t)(t->id % 5);
}

/* One task of a block, written to the book and to the body. */
static void one_task(
	struct sim *s, struct client *c, uint64_t id, struct buf *body, bool array, bool plain)
{
	struct book_task *t = book_add(&s->book, id);
	struct dep_ref refs[BOOK_DEPS_MAX];
	struct block_entry e = {.nlabels = 0};
	static const char *const labels[] = {"sim", "night=1", "night=2", "night=3"};
	struct slice label = slice_str(labels[id % 4]);
	struct buf spec, terms;

	t->session = c->session;
	t->user = c->user;
	t->depth = c->inside.parent ? c->inside.depth : 0;
	pick_options(s, t);
	if (plain) {
		t->detached = false;
		t->fn = FN_SMALL;
	} else if (rng_chance(&s->rng, 1, 5)) {
		snprintf(t->key, sizeof(t->key), "%c%u", (array ? 'a' : 'k') + (int)c->user,
			(unsigned)rng_below(&s->rng, s->flavor.keys));
		/* so that the same key often means the same spec */
		t->fn = t->fn == FN_PARENT || rng_chance(&s->rng, 7, 8) ? FN_SMALL : t->fn;
		t->exec = false;
		t->salt = 0;
		t->again = book_key_is_again(&s->book, t->key);
	} else {
		e.ndeps = pick_deps(s, c, t, refs);
	}
	buf_init(&spec, 4096);
	buf_init(&terms, 4096);
	pack_spec(&spec, t);
	ask_pick(s, t, &terms);
	e.terms = buf_slice(&terms);
	e.key = slice_str(t->key);
	e.detached = t->detached;
	e.once = t->once;
	e.recompute = t->recompute;
	e.first_index = array ? first_index(t) : 0;
	e.nlabels = rng_chance(&s->rng, 1, 10);
	e.spec = buf_slice(&spec);
	block_entry_encode(body, &e, refs, &label);
	buf_release(&spec);
	buf_release(&terms);
	sim_trace(s, "%s makes %" PRIx64 ": %s %s, after %" PRIx64 " %" PRIx64 " %" PRIx64 "%s%s%s",
		c->peer.name, id, fn_word(t->fn), t->key, t->deps[0], t->deps[1], t->deps[2],
		t->dep_by_key ? " and a key" : "", t->detached ? ", detached" : "",
		t->once ? ", once" : "");
	if (!t->detached)
		book_hold_add(t, c->session);
}

/* The other elements of an array are as its first. */
static void more_elements(struct sim *s, uint64_t first, uint32_t count)
{
	struct book_task *t = book_find(&s->book, first);

	t->element = (int32_t)first_index(t);
	for (uint32_t i = 1; i < count; i++) {
		struct book_task *o = book_add(&s->book, first + i);

		*o = *t;
		o->id = first + i;
		o->element += (int32_t)i;
	}
}

void client_make_task(struct sim *s, struct client *c, uint64_t id, struct buf *body, bool array)
{
	one_task(s, c, id, body, array, false);
}

void client_more_elements(struct sim *s, uint64_t first, uint32_t count)
{
	more_elements(s, first, count);
}

static void send_submit(struct sim *s, struct client *c, struct msg_submit *m,
	const struct buf *body, const uint64_t *ids)
{
	uint32_t n = (uint32_t)m->count;
	struct request *r = client_request(s, c, REQUEST_SUBMIT, ids, n);

	m->body = buf_slice(body);
	msg_submit_encode(&r->frame, r->seq, m);
	ensure(!r->frame.failed && !body->failed);
	client_request_send(s, c, r);
	client_watch(s, c, ids, n);
	s->cover->events[SIM_TASK] += n;
	c->next_n += n;
	c->submits++;
}

/* An array past what one step works off. It is not named again but to be cancelled and released as
 * a whole. */
static void submit_big(struct sim *s, struct client *c)
{
	uint32_t count = 4100 + (uint32_t)rng_below(&s->rng, 5000);
	uint64_t *ids = xcalloc(count, sizeof(*ids));
	struct msg_submit m = {.first_n = c->next_n, .count = count, .flags = BLOCK_ARRAY};
	struct buf body;

	buf_init(&body, 1 << 20);
	for (uint32_t i = 0; i < count; i++)
		ids[i] = task_id(c->session, (uint32_t)c->next_n + i);
	one_task(s, c, ids[0], &body, true, true);
	pack_nil(&body);
	more_elements(s, ids[0], count);
	c->big_first = ids[0];
	c->big_count = count;
	send_submit(s, c, &m, &body, ids);
	buf_release(&body);
	free(ids);
}

void client_submit(struct sim *s, struct client *c)
{
	bool array = rng_chance(&s->rng, 1, 6);
	uint32_t count = 1 + (uint32_t)rng_below(&s->rng, array ? ELEMENTS_MAX : TASKS_MAX);
	uint64_t ids[ELEMENTS_MAX];
	struct msg_submit m = {
		.first_n = c->next_n, .count = count, .flags = array ? BLOCK_ARRAY : 0};
	struct buf body;

	if (s->flavor.big && !c->big_count && !c->inside.parent && rng_chance(&s->rng, 1, 40)) {
		s->flavor.big--;
		submit_big(s, c);
		return;
	}
	if (s->book.n > 1500 + s->flavor.bigs * 10000)
		return;
	c->whole = true;
	buf_init(&body, 1 << 20);
	for (uint32_t i = 0; i < count; i++) {
		ids[i] = task_id(c->session, (uint32_t)c->next_n + i);
		if (!array || i == 0)
			one_task(s, c, ids[i], &body, array, false);
		if (!array)
			client_mine(c, ids[i]);
	}
	if (array) {
		pack_nil(&body);
		more_elements(s, ids[0], count);
		for (uint32_t i = 0; i < count; i++)
			client_mine(c, ids[i]);
	}
	send_submit(s, c, &m, &body, ids);
	c->whole = false;
	buf_release(&body);
}
