/*
 * Leases in the slots: how long they run, how far they are, and what becomes of those that ended.
 */
#define LOG_COMPONENT "worker"
#include "base/clock.h"
#include "base/ensure.h"
#include "base/log.h"
#include "loop/stream.h"
#include "wire/wire.h"
#include "worker/state.h"

#include <inttypes.h>

#define STARTED_AFTER_US 3000 /* a task that runs so long is reported as started */
#define TICK_CALM_MS 50
#define CALM_AFTER_US (100 * US_PER_MS)
#define PROGRESS_APART_US (200 * US_PER_MS)

/* No one wants the value; but the same bytes may be held under the same name. */
static void drop_value(struct worker *w, struct lease *l)
{
	const struct blob *held = results_find(&w->results, l->id, l->generation);

	if (!held || held->checksum != l->value->checksum)
		blob_forget(l->value);
	blob_unref(&l->value);
}

static void ended(struct worker *w, struct lease *l)
{
	struct lease *next = l->successor;

	ensure(l->state == LEASE_QUEUED && l->pushed && w->with_slots > 0);
	l->state = LEASE_REPORTING;
	w->with_slots--;
	tasks_set_seceded(w, l, false);
	if (l->ninputs)
		tasks_release_inputs(l);
	if (l->value && (l->orphan || l->cancelled)) {
		drop_value(w, l);
	} else if (l->value && !l->entry.n) {
		results_put(&w->results, l->id, l->generation, l->value);
		l->value = NULL;
	}
	if (next) {
		l->successor = NULL;
		next->predecessor = NULL;
		if (next->revoked)
			tasks_revoke(w, next);
		else
			tasks_get_inputs(w, next);
	}
}

/* Its report follows its value. */
static void ended_stored(struct worker *w, struct lease *l)
{
	list_remove(&l->node);
	if (l->value)
		puts_add(&w->puts, l);
	else
		reports_add_one(&w->reports, l, l->id, l->fence,
			&(struct outcome){.state = TASK_CANCELLED, .cause = CAUSE_WORKER});
}

void tasks_collect(struct worker *w)
{
	struct list batches;
	struct list *node;

	list_init(&batches);
	slots_collect(w->slots, &batches);
	while ((node = list_pop_front(&batches))) {
		struct batch *b = list_entry(node, struct batch, node);
		bool waited = false;

		list_for_each_safe(at, next, &b->leases) {
			struct lease *l = list_entry(at, struct lease, node);

			waited = waited || l->has_seceded;
			ended(w, l);
			if (l->entry.n)
				ended_stored(w, l);
		}
		if (!waited)
			credit_ended(&w->credit, b->count + b->nstored, b->run_us);
		if (b->count)
			reports_add(&w->reports, b);
		batch_free(&b);
	}
	slots_set_mean(w->slots, w->credit.mean_us);
}

struct tick {
	struct worker *worker;
	bool busy;
	uint64_t next_us; /* to the next timeout */
};

/* It is stopped, and reported as failed: stopped() in slots.c. */
static void check_timeout(struct tick *t, struct lease *l, uint64_t run_us)
{
	uint64_t left_us = l->timeout_us > run_us ? l->timeout_us - run_us : 0;

	if (!l->timeout_us || l->stop)
		return;
	if (left_us) {
		t->next_us = left_us < t->next_us ? left_us : t->next_us;
		return;
	}
	log_info("task %" PRIu64 " has run for its timeout: stopping it", l->id);
	l->stop_cause = CAUSE_TIMEOUT;
	tasks_stop_running(t->worker, l);
}

/* The last that was told, and not more often than the scheduler cares for. */
static void send_progress(struct worker *w, struct lease *l, const struct slot_progress *p)
{
	struct stream *s = session_stream(w);
	uint64_t now_us = clock_mono_us();
	struct msg_progress m = {.id = l->id,
		.epoch = l->fence.epoch,
		.seq = l->fence.seq,
		.millionths = p->millionths,
		.text = slice_of(p->text, p->text_n)};

	if (!s || p->told == l->progress_told ||
		(l->progress_told && now_us < l->progress_at_us + PROGRESS_APART_US))
		return;
	msg_progress_encode(stream_buf(s), 0, &m);
	l->progress_told = p->told;
	l->progress_at_us = now_us;
}

static void on_running(
	struct lease *l, uint64_t run_us, const struct slot_progress *progress, void *arg)
{
	struct tick *t = arg;

	check_timeout(t, l, run_us);
	if (run_us < CALM_AFTER_US || l->stop)
		t->busy = true;
	if (!l->has_seceded)
		credit_running(&t->worker->credit, run_us);
	if (progress->told && !l->orphan && l->state == LEASE_QUEUED)
		send_progress(t->worker, l, progress);
	if (run_us >= STARTED_AFTER_US && !l->started_sent && l->state == LEASE_QUEUED &&
		!l->orphan && session_stream(t->worker))
		tasks_started_add(t->worker, l);
}

void tasks_tick(struct worker *w)
{
	struct tick t = {.worker = w, .next_us = UINT64_MAX};
	uint64_t ms;

	slots_tick(w->slots, on_running, &t);
	slots_set_mean(w->slots, w->credit.mean_us);
	ms = t.busy ? TICK_BUSY_MS : TICK_CALM_MS;
	if (t.next_us < ms * US_PER_MS)
		ms = t.next_us / US_PER_MS + 1;
	if (w->with_slots)
		timer_start(w->tick, ms, 0);
}
