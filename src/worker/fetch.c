/*
 * Fetching: which values are wanted, by whom, and whose turn it is to give them; fetch_holder.c has
 * the connections.
 *
 * What goes wrong (no connection, silence, NODATA, another checksum) sends the value to its next
 * holder; each holder is asked ROUNDS times, with a pause between the rounds, before the value
 * counts as missing: a holder that is just restarting is not a lost value.
 */
#define LOG_COMPONENT "worker"
#include "worker/fetch_private.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/ensure.h"
#include "base/log.h"
#include "wire/wire.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ROUNDS 3
#define ROUND_PAUSE_US (200 * US_PER_MS)
#define SKIP_MAX 1024                       /* waiting ones whose holders are busy */
#define IN_FLIGHT_BYTES ((size_t)256 << 20) /* in all; one value may be larger */
#define KEPT_BYTES ((size_t)128 << 20)

/* --- The table ------------------------------------------------------------------------------ */

static struct fetch *find(struct fetcher *f, uint64_t id, uint32_t generation, uint64_t checksum)
{
	struct fetch *t = map64_get_ptr(&f->by_id, id);

	while (t && (t->generation != generation || t->checksum != checksum))
		t = t->next;
	return t;
}

static void table_add(struct fetcher *f, struct fetch *t)
{
	t->next = map64_get_ptr(&f->by_id, t->id);
	if (!map64_put_ptr(&f->by_id, t->id, t))
		panic("out of memory");
}

static void table_remove(struct fetcher *f, struct fetch *t)
{
	struct fetch *first = map64_get_ptr(&f->by_id, t->id), **at = &first;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	if (!first)
		map64_remove_ptr(&f->by_id, t->id);
	else if (!map64_put_ptr(&f->by_id, t->id, first))
		panic("out of memory");
}

void fetch_free(struct fetcher *f, struct fetch *t)
{
	ensure(t->state != FETCH_ASKED);
	if (t->state == FETCH_KEPT)
		f->kept_bytes -= t->size;
	list_remove(&t->node);
	table_remove(f, t);
	blob_unref(&t->blob);
	buf_release(&t->where);
	free(t->wants);
	free(t);
}

static void keep(struct fetcher *f, struct fetch *t)
{
	t->state = FETCH_KEPT;
	list_push_back(&f->kept, &t->node);
	f->kept_bytes += t->size;
	while (f->kept_bytes > KEPT_BYTES)
		fetch_free(f, list_entry(list_first(&f->kept), struct fetch, node));
}

static void add_want(struct fetch *t, struct lease *l, uint32_t index)
{
	t->wants = xreallocarray(t->wants, t->nwants + 1, sizeof(*t->wants));
	t->wants[t->nwants++] = (struct want){.lease = l, .index = index};
	l->fetching++;
}

/* --- Ends of a fetch ------------------------------------------------------------------------ */

/* Gives up the room, so that another holder fills a new one. */
static void start_over(struct fetch *t)
{
	blob_unref(&t->blob);
	t->room = NULL;
	t->have = 0;
}

static void missing(struct fetcher *f, struct fetch *t)
{
	size_t n = t->nwants;
	struct want *wants = t->wants;
	struct lease **leases = xcalloc(n + 1, sizeof(struct lease *));
	uint64_t id = t->id;
	uint32_t generation = t->generation;
	size_t nleases = 0;

	log_warn("the value of task %" PRIu64 ".%" PRIu32 " cannot be had from its holders", id,
		generation);
	t->wants = NULL;
	t->nwants = 0;
	fetch_free(f, t);
	for (size_t i = 0; i < n; i++) {
		bool seen = false;

		wants[i].lease->fetching--;
		for (size_t k = 0; k < nleases && !seen; k++)
			seen = leases[k] == wants[i].lease;
		if (!seen)
			leases[nleases++] = wants[i].lease;
	}
	for (size_t i = 0; i < nleases; i++)
		fetcher_forget(f, leases[i]);
	free(wants);
	f->handlers->on_missing(id, generation, leases, nleases, f->arg);
	free(leases);
}

void fetch_wait_again(struct fetcher *f, struct fetch *t)
{
	start_over(t);
	if (t->nwants == 0)
		fetch_free(f, t);
	else
		list_push_back(&f->waiting, &t->node);
}

/* After a pause if that was the last of a round. */
void fetch_try_next(struct fetcher *f, struct fetch *t)
{
	start_over(t);
	t->at++;
	if (t->nwants == 0) {
		fetch_free(f, t);
	} else if (t->nwhere == 0 || t->at >= ROUNDS * t->nwhere) {
		missing(f, t);
	} else if (t->at % t->nwhere == 0) {
		t->state = FETCH_PAUSED;
		t->resume_us = clock_mono_us() + (t->at / t->nwhere) * ROUND_PAUSE_US;
		list_push_back(&f->paused, &t->node);
	} else {
		list_push_back(&f->waiting, &t->node);
	}
}

void fetch_complete(struct fetcher *f, struct fetch *t)
{
	struct want *wants = t->wants;
	size_t n = t->nwants;

	ensure(t->have == t->size && t->blob && t->state == FETCH_WAITING);
	t->blob->checksum = t->checksum;
	/* Commands may be given a link to it. */
	if (blob_is_file(t->blob))
		chmod(t->blob->path, 0400);
	t->wants = NULL;
	t->nwants = 0;
	for (size_t i = 0; i < n; i++) {
		struct lease *l = wants[i].lease;

		l->inputs[wants[i].index].blob = blob_ref(t->blob);
		l->fetching--;
	}
	keep(f, t);
	for (size_t i = 0; i < n; i++) {
		if (wants[i].lease)
			f->handlers->on_input(wants[i].lease, f->arg);
		/* Once a lease, also where two of its inputs are the same value. */
		for (size_t k = i + 1; k < n; k++) {
			if (wants[k].lease == wants[i].lease)
				wants[k].lease = NULL;
		}
	}
	free(wants);
}

/* --- Asking --------------------------------------------------------------------------------- */

/* The holder whose turn it is. */
static bool current_holder(struct fetch *t, struct slice *address, struct slice *ticket)
{
	struct cursor c;
	uint32_t n;

	if (t->nwhere == 0 || !list_read_begin(&c, buf_slice(&t->where), UINT32_MAX, &n))
		return false;
	for (uint32_t i = 0; i <= t->at % t->nwhere; i++) {
		if (!where_read(&c, address, ticket))
			return false;
	}
	return true;
}

/* False: not now, the holder has enough to do. */
static bool ask(struct fetcher *f, struct fetch *t)
{
	struct slice address, ticket;
	enum holder_answer answer = HOLDER_UNREACHABLE;

	if (current_holder(t, &address, &ticket))
		answer = holder_ask(f, t, address, ticket);
	if (answer == HOLDER_UNREACHABLE) {
		list_remove(&t->node);
		fetch_try_next(f, t);
	}
	return answer != HOLDER_BUSY;
}

/* Asks for what waits, as far as the bounds allow. Callbacks inside may change the list, so each
 * success starts anew. */
void fetcher_pump(struct fetcher *f)
{
	unsigned skipped = 0;

	if (f->pumping)
		return;
	f->pumping = true;
	for (struct list *node = f->waiting.next; node != &f->waiting && skipped < SKIP_MAX;) {
		struct fetch *t = list_entry(node, struct fetch, node);

		if (f->in_flight > 0 && f->in_flight + t->size > IN_FLIGHT_BYTES)
			break;
		if (ask(f, t)) {
			node = f->waiting.next;
			skipped = 0;
		} else {
			node = node->next;
			skipped++;
		}
	}
	f->pumping = false;
}

static void on_tick(struct timer *timer, void *arg)
{
	struct fetcher *f = arg;
	uint64_t now = clock_mono_us();

	list_for_each_safe(node, tmp, &f->paused) {
		struct fetch *t = list_entry(node, struct fetch, node);

		if (t->resume_us > now)
			continue;
		list_remove(node);
		t->state = FETCH_WAITING;
		list_push_back(&f->waiting, node);
	}
	holders_tend(f, now);
	fetcher_pump(f);
	if (list_is_empty(&f->paused) && list_is_empty(&f->waiting) && list_is_empty(&f->holders))
		timer_stop(timer);
}

/* --- The owner's side ----------------------------------------------------------------------- */

struct fetcher *fetcher_new(
	struct loop *loop, const char *inputs_dir, const struct fetch_handlers *h, void *arg)
{
	struct fetcher *f = xcalloc(1, sizeof(*f));

	f->loop = loop;
	f->dir = xstrdup(inputs_dir);
	f->handlers = h;
	f->arg = arg;
	f->next_request = 1;
	map64_init(&f->by_id);
	list_init(&f->waiting);
	list_init(&f->paused);
	list_init(&f->kept);
	list_init(&f->holders);
	list_init(&f->own.asked);
	f->own.address = f->dir; /* for the log */
	f->tick = timer_new(loop, on_tick, f);
	ensure(f->tick);
	return f;
}

static void free_all(struct fetcher *f, struct list *fetches)
{
	while (!list_is_empty(fetches))
		fetch_free(f, list_entry(list_first(fetches), struct fetch, node));
}

void fetcher_free(struct fetcher **at)
{
	struct fetcher *f = *at;

	*at = NULL;
	if (!f)
		return;
	holders_free(f);
	free_all(f, &f->waiting);
	free_all(f, &f->paused);
	free_all(f, &f->kept);
	ensure(map64_count(&f->by_id) == 0);
	map64_release(&f->by_id);
	timer_free(&f->tick);
	free(f->dir);
	free(f);
}

static uint32_t count_where(struct slice where)
{
	struct cursor c;
	uint32_t n = 0;

	return list_read_begin(&c, where, UINT32_MAX, &n) ? n : 0;
}

/* The newest list of holders counts, with all its rounds. */
static void set_where(struct fetch *t, struct slice where)
{
	buf_clear(&t->where);
	buf_append_slice(&t->where, where);
	t->nwhere = t->where.failed ? 0 : count_where(where);
	t->at = 0;
}

bool fetcher_want(struct fetcher *f, struct lease *l, uint32_t index)
{
	struct lease_value *v = &l->inputs[index];
	struct fetch *t = find(f, v->id, v->generation, v->checksum);

	ensure(index < l->ninputs && !v->blob);
	if (t && t->size == v->size && t->state == FETCH_KEPT) {
		v->blob = blob_ref(t->blob);
		list_remove(&t->node);
		list_push_back(&f->kept, &t->node);
		return true;
	}
	if (!t || t->size != v->size) {
		t = xcalloc(1, sizeof(*t));
		list_init(&t->node);
		t->id = v->id;
		t->generation = v->generation;
		t->checksum = v->checksum;
		t->size = v->size;
		buf_init(&t->where, 65536);
		set_where(t, v->where);
		table_add(f, t);
		list_push_back(&f->waiting, &t->node);
	} else if (t->state == FETCH_PAUSED || t->state == FETCH_WAITING) {
		set_where(t, v->where);
	}
	add_want(t, l, index);
	/* Not here: a failure would call back inside this call. */
	timer_start(f->tick, 0, FETCH_TICK_MS);
	return false;
}

static void forget_in(struct fetch *t, struct lease *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->nwants; i++) {
		if (t->wants[i].lease == l)
			l->fetching--;
		else
			t->wants[kept++] = t->wants[i];
	}
	t->nwants = kept;
}

void fetcher_forget(struct fetcher *f, struct lease *l)
{
	for (uint32_t i = 0; i < l->ninputs && l->fetching; i++) {
		struct lease_value *v = &l->inputs[i];
		struct fetch *t = find(f, v->id, v->generation, v->checksum);

		if (!t || t->state == FETCH_KEPT)
			continue;
		forget_in(t, l);
		/* One that is asked is let come, and kept. */
		if (t->nwants == 0 && t->state != FETCH_ASKED)
			fetch_free(f, t);
	}
}

void fetcher_drop(struct fetcher *f, uint64_t id, uint32_t generation)
{
	struct fetch *t = map64_get_ptr(&f->by_id, id), *next;

	for (; t; t = next) {
		next = t->next;
		if (t->generation == generation && t->state == FETCH_KEPT)
			fetch_free(f, t);
	}
}
