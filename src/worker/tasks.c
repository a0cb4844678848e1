/*
 * Leases on this worker, from the LEASE frame to the acknowledged report.
 *
 *	LEASE --> fetching --> queued --> running --> reporting --> REPORTED: gone
 *	             |           `- STOP: reporting (cancelled)
 *	             `- MISSING: gone
 *
 * A task has one lease that counts, the newest. One that is replaced while its code runs is
 * stopped, and the new one waits for its end: a task never runs twice at the same time on one
 * worker.
 */
#define LOG_COMPONENT "worker"
#include "base/alloc.h"
#include "base/ensure.h"
#include "base/log.h"
#include "loop/stream.h"
#include "model/limits.h"
#include "wire/wire.h"
#include "worker/state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PUSH_AT 256 /* ready leases that do not wait for the end of the turn */

struct lease *tasks_find(struct worker *w, uint64_t id)
{
	return map64_get_ptr(&w->leases, id);
}

/* --- Ends ----------------------------------------------------------------------------------- */

void tasks_release_inputs(struct lease *l)
{
	for (uint32_t i = 0; i < l->ninputs; i++)
		blob_unref(&l->inputs[i].blob);
	free(l->inputs);
	l->inputs = NULL;
	l->ninputs = 0;
}

/* One lease of it is gone. */
static void frame_leave(struct lease_frame *f)
{
	ensure(f->left > 0);
	if (--f->left > 0)
		return;
	list_remove(&f->node);
	free(f);
}

/* The lease is in no list and with no slot. */
static void lease_free(struct worker *w, struct lease *l)
{
	struct lease_frame *frame = l->frame;

	ensure(!list_is_linked(&l->node) && l->fetching == 0);
	if (tasks_find(w, l->id) == l)
		map64_remove_ptr(&w->leases, l->id);
	tasks_release_inputs(l);
	if (l->entry.n && l->value)
		blob_forget(l->value);
	blob_unref(&l->value);
	free((void *)(uintptr_t)l->entry.p);
	frame_leave(frame);
}

void tasks_free(struct worker *w, struct list *leases)
{
	struct list *node;

	while ((node = list_pop_front(leases)))
		lease_free(w, list_entry(node, struct lease, node));
}

bool tasks_withdraw(struct worker *w, struct lease *l)
{
	switch (l->state) {
	case LEASE_BLOCKED:
		return true;
	case LEASE_FETCHING:
		fetcher_forget(w->fetcher, l);
		return true;
	case LEASE_QUEUED:
		if (l->pushed) {
			if (!slots_take_back(w->slots, l))
				return false;
			w->with_slots--;
			return true;
		}
		list_remove(&l->node);
		w->nready--;
		return true;
	case LEASE_REPORTING:
		break;
	}
	return false;
}

/* The older lease that this one waits for forgets it. */
static void leave_predecessor(struct lease *l)
{
	if (l->predecessor)
		l->predecessor->successor = NULL;
	l->predecessor = NULL;
}

void tasks_report_cancelled(struct worker *w, struct lease *l)
{
	struct outcome o = {.state = TASK_CANCELLED};

	o.cause = l->stop_cause ? (enum cause)l->stop_cause : CAUSE_CANCELLED;
	leave_predecessor(l);
	tasks_release_inputs(l);
	l->withdrawn = true;
	l->state = LEASE_REPORTING;
	reports_add_one(&w->reports, l, l->id, l->fence, &o);
}

void tasks_report_unknown(struct worker *w, uint64_t id, struct fence fence, enum cause cause)
{
	struct outcome o = {.state = TASK_CANCELLED, .cause = cause};

	reports_add_one(&w->reports, NULL, id, fence, &o);
}

/* --- On the way to a slot ------------------------------------------------------------------- */

static void make_ready(struct worker *w, struct lease *l)
{
	ensure(l->fetching == 0 && !list_is_linked(&l->node));
	l->state = LEASE_QUEUED;
	list_push_back(&w->ready, &l->node);
	if (++w->nready >= PUSH_AT)
		tasks_push(w);
}

void tasks_get_inputs(struct worker *w, struct lease *l)
{
	l->state = LEASE_FETCHING;
	for (uint32_t i = 0; i < l->ninputs; i++) {
		struct lease_value *v = &l->inputs[i];
		struct blob *held;

		if (v->bytes.n || v->size == 0)
			continue;
		held = results_find(&w->results, v->id, v->generation);
		if (held && held->checksum == v->checksum && held->n == v->size)
			v->blob = blob_ref(held);
		else
			fetcher_want(w->fetcher, l, i);
	}
	if (l->fetching == 0)
		make_ready(w, l);
}

void tasks_started_add(struct worker *w, struct lease *l)
{
	struct fenced entry = {.id = l->id, .fence = l->fence};

	ensure(!l->started_sent);
	l->started_sent = true;
	fenced_write(&w->started, &entry);
	w->nstarted++;
}

/*
 * The start of a task that is suspected of killing its workers (D13), which comes alone, is on its
 * way before it runs; likewise of one that comes alone and begins at once. Of others only those
 * that run for a while are told.
 */
static void tell_start_of_lone(struct worker *w)
{
	struct lease *l = list_entry(list_first(&w->ready), struct lease, node);
	struct stream *s = session_stream(w);

	if (w->nready != 1 || !s || l->frame->count != 1)
		return;
	if (w->with_slots >= w->offered.offer.slots && !(l->flags & LEASE_FLAG_SUSPECT))
		return;
	tasks_started_add(w, l);
	session_flush(w);
	stream_flush(s);
}

void tasks_push(struct worker *w)
{
	if (w->nready == 0)
		return;
	tell_start_of_lone(w);
	list_for_each_entry(l, &w->ready, struct lease, node)
		l->pushed = true;
	w->with_slots += w->nready;
	w->nready = 0;
	slots_push(w->slots, &w->ready);
	timer_start(w->tick, TICK_BUSY_MS, 0);
}

static void on_input(struct lease *l, void *arg)
{
	if (l->fetching == 0 && l->state == LEASE_FETCHING)
		make_ready(arg, l);
}

static void on_missing(
	uint64_t id, uint32_t generation, struct lease *const *leases, size_t n, void *arg)
{
	struct worker *w = arg;

	session_send_missing(w, id, generation, leases, n);
	for (size_t i = 0; i < n; i++)
		lease_free(w, leases[i]);
}

const struct fetch_handlers tasks_fetch_handlers = {.on_input = on_input, .on_missing = on_missing};

/* --- LEASE ---------------------------------------------------------------------------------- */

void tasks_stop_running(struct worker *w, struct lease *l)
{
	l->stop = 1;
	slots_stop(w->slots, l);
	timer_start(w->tick, TICK_BUSY_MS, 0);
}

/* What the table has for the task gives way to the new lease. */
static void replace(struct worker *w, struct lease *old, struct lease *l)
{
	struct lease *before = old->predecessor;

	ensure(old->id == l->id && !old->successor);
	if (old->state == LEASE_REPORTING)
		return;
	log_info("task %" PRIu64 " is leased anew", l->id);
	if (tasks_withdraw(w, old)) {
		leave_predecessor(old);
		lease_free(w, old);
		if (!before)
			return;
		old = before;
	} else {
		old->orphan = true;
		tasks_stop_running(w, old);
	}
	old->successor = l;
	l->predecessor = old;
	l->state = LEASE_BLOCKED;
}

static bool read_inputs(struct lease_item *item, struct lease *l)
{
	struct lease_input in;

	l->ninputs = item->ninputs;
	if (l->ninputs == 0)
		return true;
	l->inputs = xcalloc(l->ninputs, sizeof(*l->inputs));
	for (uint32_t i = 0; i < l->ninputs; i++) {
		struct lease_value *v = &l->inputs[i];

		if (!lease_input_read(item, &in))
			return false;
		*v = (struct lease_value){.id = in.id,
			.generation = in.generation,
			.type = in.type,
			.bytes = in.bytes,
			.size = in.size,
			.checksum = in.checksum,
			.where = in.where};
	}
	return true;
}

static bool read_lease(struct cursor *c, struct lease *l)
{
	struct lease_item item;

	if (!lease_item_read(c, &item))
		return false;
	l->id = item.id;
	l->generation = item.generation;
	l->attempt = item.attempt;
	l->flags = item.flags;
	l->element = item.element;
	l->timeout_us = item.timeout_us;
	l->key = item.key;
	l->spec = item.spec;
	l->element_input = item.element_input;
	l->cpus = item.cpus ? item.cpus : AMOUNT_UNIT;
	l->priority = item.priority;
	l->lane = item.lane;
	return read_inputs(&item, l);
}

static void take_one(struct worker *w, struct lease *l)
{
	struct lease *old = tasks_find(w, l->id);

	if (old && fence_eq(old->fence, l->fence)) {
		tasks_release_inputs(l);
		frame_leave(l->frame);
		return;
	}
	/* a drain takes nothing but what its running tasks may wait for */
	if (w->draining && !w->credit.waiting) {
		tasks_report_unknown(w, l->id, l->fence, CAUSE_REVOKED);
		tasks_release_inputs(l);
		frame_leave(l->frame);
		return;
	}
	if (old)
		replace(w, old, l);
	if (!map64_put_ptr(&w->leases, l->id, l))
		panic("out of memory");
	if (l->state != LEASE_BLOCKED)
		tasks_get_inputs(w, l);
}

static struct lease_frame *frame_new(struct worker *w, uint32_t n, struct slice bytes)
{
	size_t head = sizeof(struct lease_frame), leases = n * sizeof(struct lease);
	uint8_t *room = xmalloc(head + leases + bytes.n);
	struct lease_frame *f = (struct lease_frame *)(void *)room;

	f->leases = (struct lease *)(void *)(room + head);
	f->count = f->left = n;
	memcpy(room + head + leases, bytes.p, bytes.n);
	f->bytes = slice_of(room + head + leases, bytes.n);
	list_init(&f->node);
	list_push_back(&w->frames, &f->node);
	return f;
}

bool tasks_take(struct worker *w, const struct frame *frame, const char **why)
{
	struct lease_frame *f;
	struct msg_lease m;
	struct cursor c;
	uint32_t n, read = 0;

	if (!msg_lease_decode(frame->payload, &m, why))
		return false;
	if (!list_read_begin(&c, m.entries, LIMIT_CREDIT, &n)) {
		*why = cursor_error(&c);
		return false;
	}
	if (n == 0)
		return true;
	f = frame_new(w, n, m.entries);
	list_read_begin(&c, f->bytes, LIMIT_CREDIT, &n);
	for (; read < n; read++) {
		struct lease *l = &f->leases[read];

		memset(l, 0, sizeof(*l));
		list_init(&l->node);
		l->frame = f;
		l->fence = (struct fence){.epoch = m.epoch, .seq = m.first_seq + read};
		l->state = LEASE_FETCHING;
		if (!read_lease(&c, l))
			break;
		take_one(w, l);
	}
	if (read == n)
		return true;
	/* The connection ends: what was taken goes on, the rest of the frame is forgotten. */
	*why = cursor_error(&c);
	tasks_release_inputs(&f->leases[read]);
	f->count = read;
	f->left -= n - read - 1;
	frame_leave(f);
	return false;
}

/* --- All of them ---------------------------------------------------------------------------- */

void tasks_give_back(struct worker *w)
{
	struct map64_iter it = {0};
	struct lease **all = xcalloc(map64_count(&w->leases) + 1, sizeof(struct lease *));
	size_t n = 0;
	uint64_t id;
	void *p;

	while (map64_next_ptr(&w->leases, &it, &id, &p))
		all[n++] = p;
	for (size_t i = 0; i < n; i++) {
		struct lease *l = all[i];

		/* where an older run is in the way, when that has ended */
		l->revoked = true;
		if (l->predecessor || !tasks_withdraw(w, l))
			continue;
		if (session_stream(w)) {
			l->stop_cause = CAUSE_REVOKED;
			tasks_report_cancelled(w, l);
		} else {
			lease_free(w, l);
		}
	}
	free(all);
}

void tasks_release(struct worker *w)
{
	struct list *node;

	while ((node = list_pop_front(&w->frames))) {
		struct lease_frame *f = list_entry(node, struct lease_frame, node);

		for (uint32_t i = 0; i < f->count; i++) {
			tasks_release_inputs(&f->leases[i]);
			blob_unref(&f->leases[i].value);
			free((void *)(uintptr_t)f->leases[i].entry.p);
		}
		free(f);
	}
	map64_release(&w->leases);
}
