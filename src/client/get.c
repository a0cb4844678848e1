/*
 * Getting values (get.h): asks, understands VALUE, and decides what follows when a fetch failed.
 * The connections to holders are in fetch.c.
 *
 *	ASKED --VALUE inline--> DONE
 *	ASKED --VALUE with holders--> FETCHING --bytes, checksum right--> DONE
 *	FETCHING --no holder left--> PAUSED --a while--> ASKED …, at most GET_PATIENCE_US: DONE with
 * `lost`
 */
#include "client/client.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/ensure.h"
#include "base/hash.h"
#include "base/str.h"
#include "model/limits.h"
#include "model/value.h"

#include <stdio.h>
#include <string.h>

#define TICK_MS 1000u
#define PAUSE_MIN_MS 50u
#define PAUSE_MAX_MS 2000u

static void get_tick(struct timer *timer, void *arg);

int gets_init(struct dq_client *c)
{
	struct gets *gs = &c->gets;

	map64_init(&gs->by_request);
	list_init(&gs->active);
	list_init(&gs->holders);
	list_init(&gs->own.gets);
	gs->own.client = c;
	gs->next_request = 1;
	gs->timer = timer_new(c->loop, get_tick, c);
	return gs->timer ? 0 : client_error_code(c, DQ_E_NO_MEMORY);
}

void gets_release(struct dq_client *c)
{
	if (!c->gets.timer)
		return;
	while (!list_is_empty(&c->gets.active)) {
		struct get *g = list_entry(c->gets.active.next, struct get, link);

		get_free(c, &g);
	}
	fetch_release(c);
	map64_release(&c->gets.by_request);
	timer_free(&c->gets.timer);
}

static void get_ask(struct dq_client *c, struct get *g)
{
	g->state = GET_ASKED;
	if (session_is_up(c))
		msg_get_encode(
			session_out(c), 0, &(struct msg_get){.request = g->request, .id = g->id});
}

struct get *get_start(struct dq_client *c, uint64_t id)
{
	struct get *g = try_calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->request = c->gets.next_request++;
	g->id = id;
	g->since_us = clock_mono_us();
	list_init(&g->in_holder);
	buf_init(&g->where, LIMIT_FRAME_BYTES);
	buf_init(&g->shape, OUTCOME_MAX_BYTES);
	if (!map64_put_ptr(&c->gets.by_request, g->request, g)) {
		free(g);
		return NULL;
	}
	list_push_back(&c->gets.active, &g->link);
	c->gets.n++;
	get_ask(c, g);
	return g;
}

void get_free(struct dq_client *c, struct get **gp)
{
	struct get *g = *gp;

	*gp = NULL;
	if (!g)
		return;
	fetch_stop(g);
	map64_remove(&c->gets.by_request, g->request, NULL);
	list_remove(&g->link);
	c->gets.n--;
	dq_value_release(&g->value);
	free(g->bytes);
	buf_release(&g->where);
	buf_release(&g->shape);
	free(g);
}

static void get_end(struct get *g, int code, const char *text)
{
	fetch_stop(g);
	free(g->bytes);
	g->bytes = NULL;
	g->state = GET_DONE;
	g->code = code;
	str_copy(g->text, sizeof(g->text), slice_str(text));
}

/* Again from the start, after a pause that grows. */
static void get_again(struct dq_client *c, struct get *g)
{
	uint64_t now = clock_mono_us();
	uint64_t pause_ms = (uint64_t)PAUSE_MIN_MS << (g->rounds < 8 ? g->rounds : 8);

	fetch_stop(g);
	if (now - g->since_us > GET_PATIENCE_US) {
		get_end(g, DQ_E_LOST, g->text[0] ? g->text : "no worker gives the value");
		return;
	}
	g->rounds++;
	g->state = GET_PAUSED;
	if (pause_ms > PAUSE_MAX_MS)
		pause_ms = PAUSE_MAX_MS;
	g->again_us = now + pause_ms * 1000;
	timer_start(c->gets.timer, pause_ms < TICK_MS ? pause_ms : TICK_MS, TICK_MS);
}

static void get_tick(struct timer *timer, void *arg)
{
	struct dq_client *c = arg;
	uint64_t now = clock_mono_us();
	bool busy = false;

	fetch_tick(c, now);
	list_for_each_entry(g, &c->gets.active, struct get, link) {
		if (g->state == GET_PAUSED && now >= g->again_us)
			get_ask(c, g);
		busy |= g->state == GET_PAUSED || g->state == GET_FETCHING;
	}
	if (!busy)
		timer_stop(timer);
}

void gets_restart(struct dq_client *c)
{
	list_for_each_entry(g, &c->gets.active, struct get, link)
		if (g->state == GET_ASKED || g->holder == &c->gets.own) {
			fetch_stop(g);
			get_ask(c, g);
		}
}

/* The bytes are all there. */
static void get_finish(struct get *g)
{
	const char *why = "";
	struct outcome o;

	ensure(outcome_decode(buf_slice(&g->shape), &o, &why)); /* it was when it came */
	if (!value_finish(&g->value, g->bytes, g->size, o.type, o.nframes, o.frames)) {
		get_end(g, DQ_E_PROTOCOL, "the value's frames do not add up");
		return;
	}
	g->bytes = NULL; /* the value's now */
	get_end(g, 0, "");
}

void get_fetched(struct dq_client *c, struct get *g, bool ok, const char *why)
{
	ensure(g->state == GET_FETCHING);
	fetch_stop(g);
	if (ok && hash64(slice_of(g->bytes, g->size)) == g->checksum) {
		get_finish(g);
		return;
	}
	str_copy(g->text, sizeof(g->text), slice_str(ok ? "the value's checksum is wrong" : why));
	if (!fetch_next(c, g))
		get_again(c, g);
}

/* Holders are named: memory for the bytes, then the first of them. */
static void get_fetch(
	struct dq_client *c, struct get *g, const struct msg_value *m, const struct outcome *o)
{
	buf_clear(&g->where);
	buf_clear(&g->shape);
	buf_append_slice(&g->where, m->where);
	buf_append_slice(&g->shape, m->outcome);
	free(g->bytes);
	g->bytes = value_alloc(o->size, o->type.n, o->nframes);
	if (!g->bytes || g->where.failed || g->shape.failed) {
		get_end(g, DQ_E_NO_MEMORY, "out of memory for the value");
		return;
	}
	g->generation = (uint32_t)m->generation;
	g->size = o->size;
	g->checksum = o->checksum;
	g->tried = 0;
	g->state = GET_FETCHING;
	if (!timer_is_active(c->gets.timer))
		timer_start(c->gets.timer, TICK_MS, TICK_MS);
	if (!fetch_next(c, g))
		get_again(c, g);
}

static void get_inline(struct get *g, const struct outcome *o)
{
	struct slice bytes = o->bytes, type = o->type;
	int code;

	if (!o->has_value) {
		bytes = slice_of("\xc0", 1);
		type = slice_str(VALUE_TYPE_MSGPACK);
	} else if (hash64(bytes) != o->checksum) {
		get_end(g, DQ_E_LOST, "the value's checksum is wrong");
		return;
	}
	code = value_copy(&g->value, bytes, type, o->nframes, o->frames);
	get_end(g, code, code ? dq_strerror(code) : "");
}

bool get_value(struct dq_client *c, const struct msg_value *m, const char **why)
{
	struct get *g = map64_get_ptr(&c->gets.by_request, m->request);
	struct outcome o;
	char text[160];

	if (!g || g->state != GET_ASKED)
		return true; /* nobody waits any more */
	if (m->code) {
		snprintf(text, sizeof(text), "%" SLICE_FMT, SLICE_ARG(m->text));
		get_end(g, m->code <= INT32_MAX ? (int)m->code : DQ_E_PROTOCOL,
			text[0] ? text : dq_strerror((int)m->code));
		return true;
	}
	if (m->generation > UINT32_MAX || !outcome_decode(m->outcome, &o, why))
		return false;
	if (o.state != TASK_DONE && !(g->failed_too && o.is_inline))
		get_end(g, DQ_E_LOST, "the task is not done any more");
	else if (!o.has_value || o.is_inline)
		get_inline(g, &o);
	else
		get_fetch(c, g, m, &o);
	return true;
}
