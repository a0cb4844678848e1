/*
 * The pool of slots: one queue under one lock, threads that take from it, and batches of ended
 * leases that go back.
 *
 * Happy path of short tasks: the loop pushes hundreds with one lock and one wake; a slot takes up
 * to a batch of them, claims one by one with an atomic add, encodes each outcome into its open
 * batch, hands the batch over and wakes the loop once. Of long tasks (mean run time over
 * BATCH_UNDER_US) each is taken and handed over alone.
 *
 * A task that waits for others gives its slot back (slots_secede): one more slot may then run
 * leases, and is started if there is none to spare. Slots that are not needed any more sleep, and
 * end their helpers after a while; of those that sleep the lowest is woken first.
 *
 * The mean may be wrong: a long task then keeps others that its slot took or ended. slots_tick()
 * repairs that from the loop: ended ones are collected, and idle slots are woken to claim what was
 * not begun.
 */
#define LOG_COMPONENT "worker"
#include "worker/slots.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/ensure.h"
#include "base/log.h"
#include "base/thread.h"
#include "model/block.h"
#include "model/terms.h"
#include "wire/wire.h"
#include "worker/slots_pool.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH_UNDER_US 100.0   /* tasks shorter than this go in batches … */
#define BATCH_TARGET_US 1000.0 /* … that take about this long together */
#define OUTCOME_BUF_BYTES ((size_t)16 << 10)
#define ENTRIES_MAX_BYTES ((size_t)16 << 20)

/* --- Batches -------------------------------------------------------------------------------- */

static struct batch *batch_new(void)
{
	struct batch *b = xcalloc(1, sizeof(*b));

	list_init(&b->node);
	list_init(&b->leases);
	buf_init(&b->entries, ENTRIES_MAX_BYTES);
	return b;
}

void batch_free(struct batch **at)
{
	struct batch *b = *at;

	*at = NULL;
	if (!b)
		return;
	buf_release(&b->entries);
	free(b);
}

struct batch *batch_close(struct slot *s)
{
	struct batch *b = s->ended;

	s->ended = NULL;
	return b;
}

void hand_over(struct slots *p, struct batch *b)
{
	bool first;

	if (!b)
		return;
	ensure(b->count + b->nstored > 0 && !list_is_empty(&b->leases));
	pthread_mutex_lock(&p->lock);
	first = list_is_empty(&p->ended);
	list_push_back(&p->ended, &b->node);
	pthread_mutex_unlock(&p->lock);
	if (first)
		p->options.wake(p->options.arg);
}

/* --- One lease ------------------------------------------------------------------------------ */

static void set_current(struct slot *s, struct lease *l, uint64_t now_us)
{
	pthread_mutex_lock(&s->lock);
	s->current = l;
	s->current_since_us = now_us;
	s->kill_at_us = 0;
	s->progress.told = 0;
	pthread_mutex_unlock(&s->lock);
}

/* Runs it and puts it into the open batch. Returns the time now; *full when the batch should go. */
static uint64_t work_on(struct slots *p, struct slot *s, struct lease *l, uint64_t began_us,
	uint64_t wall_offset_us, bool *full)
{
	struct outcome o;
	uint64_t now_us;
	bool ran;

	set_current(s, l, began_us);
	ran = slot_run(s, l, &o);
	now_us = clock_mono_us();
	if (ran && o.started_us == 0) {
		o.started_us = began_us + wall_offset_us;
		o.run_us = now_us - began_us;
	}
	pthread_mutex_lock(&s->lock);
	ensure(s->current == l);
	s->current = NULL;
	if (!s->ended)
		s->ended = batch_new();
	if (slot_encode(s, l, &o, &s->ended->entries))
		s->ended->count++;
	else
		s->ended->nstored++;
	list_push_back(&s->ended->leases, &l->node);
	s->ended->run_us += now_us - began_us;
	*full = s->ended->count >= SLOT_BATCH_MAX || s->ended->entries.n > SLOT_INLINE_BYTES ||
		s->ended->run_us >= (uint64_t)BATCH_TARGET_US ||
		!atomic_load_explicit(&p->batched, memory_order_relaxed);
	pthread_mutex_unlock(&s->lock);
	arena_reset(&s->memory);
	return now_us;
}

struct slot_start {
	struct slots *pool;
	struct slot *slot;
};

static void *slot_main(void *arg)
{
	struct slot_start start = *(struct slot_start *)arg;
	struct slot *s = start.slot;
	struct lease *l;
	uint64_t end_us = 0;

	free(arg);
	while ((l = slot_next(start.pool, s))) {
		uint64_t wall = clock_wall_us(), began = clock_mono_us();
		bool full = false;

		/* Two clocks a share, then one a task. */
		end_us = work_on(start.pool, s, l, began, wall - began, &full);
		while (!full && (l = slot_claim(s)))
			end_us = work_on(start.pool, s, l, end_us, wall - began, &full);
		if (full) {
			struct batch *b;

			pthread_mutex_lock(&s->lock);
			b = batch_close(s);
			pthread_mutex_unlock(&s->lock);
			hand_over(start.pool, b);
		}
	}
	helper_end(s);
	return NULL;
}

/* --- Start and end -------------------------------------------------------------------------- */

static struct slot *slot_new(struct slots *p, unsigned number)
{
	struct slot *s = xcalloc(1, sizeof(*s));

	s->options = &p->options;
	s->shared = &p->shared;
	s->number = number;
	s->fd = -1;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->work, NULL);
	slot_frame_init(&s->frame);
	call_init(&s->call);
	slot_host_init(s);
	buf_init(&s->outcome, OUTCOME_BUF_BYTES);
	buf_init(&s->effects, LIMIT_EFFECTS_BYTES);
	buf_init(&s->text, OUTCOME_BUF_BYTES);
	arena_init(&s->memory, 0);
	return s;
}

static void slot_free(struct slot *s)
{
	struct batch *b = batch_close(s);

	batch_free(&b);
	slot_frame_release(&s->frame);
	call_release(&s->call);
	buf_release(&s->outcome);
	buf_release(&s->effects);
	buf_release(&s->text);
	arena_release(&s->memory);
	pthread_cond_destroy(&s->work);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* 0, or an errno. */
static int start_thread(struct slots *p, struct slot *s)
{
	struct slot_start *start = xcalloc(1, sizeof(*start));
	char name[16];
	int rc;

	*start = (struct slot_start){.pool = p, .slot = s};
	snprintf(name, sizeof(name), "dq-slot-%u", s->number % 10000);
	rc = thread_start(&s->thread, name, slot_main, start);
	if (rc != 0)
		free(start);
	s->started = rc == 0;
	return rc;
}

static bool start_threads(struct slots *p, char *error, size_t error_bytes)
{
	for (unsigned i = 0; i < p->options.n; i++) {
		int rc = start_thread(p, p->all[i]);

		if (rc == 0)
			continue;
		snprintf(error, error_bytes, "slot %u: %s", i, strerror(rc));
		return false;
	}
	return true;
}

/* Slots for all that may have leases. Where no thread can be had, slots_tick() tries again. */
static void grow(struct slots *p)
{
	while (p->nall < p->allowed) {
		struct slot *s = slot_new(p, p->nall);
		int rc;

		pthread_mutex_lock(&p->lock);
		p->all = xreallocarray(p->all, p->nall + 1, sizeof(struct slot *));
		p->all[p->nall++] = s;
		pthread_mutex_unlock(&p->lock);
		rc = start_thread(p, s);
		if (rc == 0)
			continue;
		log_warn("a slot for what a task waits for: %s", strerror(rc));
		pthread_mutex_lock(&p->lock);
		p->nall--;
		pthread_mutex_unlock(&p->lock);
		slot_free(s);
		return;
	}
}

struct slots *slots_new(const struct slots_options *options, char *error, size_t error_bytes)
{
	struct slots *p = xcalloc(1, sizeof(*p));
	bool ok = true;

	ensure(options->n > 0 && (options->helper || !options->in_process));
	p->options = *options;
	pthread_mutex_init(&p->lock, NULL);
	pthread_mutex_init(&p->shared.lock, NULL);
	states_init(&p->shared.states);
	p->allowed = options->n;
	list_init(&p->queue);
	list_init(&p->ended);
	p->least = INT32_MAX;
	atomic_init(&p->batch, 1);
	p->all = xcalloc(options->n, sizeof(struct slot *));
	while (p->nall < options->n) {
		p->all[p->nall] = slot_new(p, p->nall);
		p->nall++;
	}
	if (options->in_process)
		ok = helper_start(p->all[0], error, error_bytes);
	if (!ok || !start_threads(p, error, error_bytes))
		slots_free(&p);
	return p;
}

void slots_free(struct slots **at)
{
	struct slots *p = *at;

	*at = NULL;
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->quit = true;
	slots_wake(p, p->nall);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->nall; i++) {
		struct slot *s = p->all[i];

		pthread_mutex_lock(&s->lock);
		s->quitting = true;
		if (s->current)
			s->current->stop = 1;
		for (unsigned k = atomic_exchange(&s->claim, SLOT_BATCH_MAX); k < s->ntaken; k++)
			s->taken[k] = NULL;
		if (s->helper && s->fd >= 0)
			shutdown(s->fd, SHUT_RDWR);
		pthread_mutex_unlock(&s->lock);
	}
	for (unsigned i = 0; i < p->nall; i++) {
		if (p->all[i]->started)
			pthread_join(p->all[i]->thread, NULL);
		else
			helper_end(p->all[i]);
	}
	for (unsigned i = 0; i < p->nall; i++)
		slot_free(p->all[i]);
	states_release(&p->shared.states);
	list_for_each_safe(node, tmp, &p->ended) {
		struct batch *b = list_entry(node, struct batch, node);

		batch_free(&b);
	}
	pthread_mutex_destroy(&p->shared.lock);
	pthread_mutex_destroy(&p->lock);
	free(p->all);
	free(p);
}

/* --- For the loop --------------------------------------------------------------------------- */

void slots_set_task_key(struct slots *p, struct slice key)
{
	slot_set_task_key(&p->shared, key);
}

void slots_secede(struct slots *p, const struct lease *l, bool on)
{
	pthread_mutex_lock(&p->lock);
	ensure(on || p->allowed > p->options.n);
	p->allowed = on ? p->allowed + 1 : p->allowed - 1;
	slots_lend_cpus(p, l, on);
	pthread_mutex_unlock(&p->lock);
	grow(p);
	pthread_mutex_lock(&p->lock);
	if (on)
		slots_wake(p, 1);
	pthread_mutex_unlock(&p->lock);
}

void slots_stop(struct slots *p, struct lease *l)
{
	ensure(l->stop);
	for (unsigned i = 0; i < p->nall; i++) {
		struct slot *s = p->all[i];

		pthread_mutex_lock(&s->lock);
		if (s->current == l && s->kill_at_us == 0) {
			/* The helper may be just starting: slots_tick() signals again. */
			s->kill_at_us = clock_mono_us() + SLOT_GRACE_MS * US_PER_MS;
			if (s->helper > 0)
				kill(s->helper, SIGTERM);
		}
		pthread_mutex_unlock(&s->lock);
	}
}

void slots_collect(struct slots *p, struct list *to)
{
	pthread_mutex_lock(&p->lock);
	list_splice_back(to, &p->ended);
	pthread_mutex_unlock(&p->lock);
}

void slots_set_mean(struct slots *p, double mean_us)
{
	double n = mean_us < 1 ? BATCH_TARGET_US : BATCH_TARGET_US / mean_us;
	bool batched = mean_us < BATCH_UNDER_US;

	if (!batched || n < 1)
		n = 1;
	if (n > SLOT_BATCH_MAX)
		n = SLOT_BATCH_MAX;
	atomic_store(&p->batch, (unsigned)n);
	atomic_store(&p->batched, batched);
}

/*
 * A signal that came before the helper had read the task is forgotten with it, so it is sent again.
 * A command's helper keeps to the grace itself; it must live to end the rest.
 */
static void signal_helper(struct slot *s, uint64_t now_us)
{
	if (s->kill_helper && now_us >= s->kill_at_us)
		kill(-s->helper, SIGKILL);
	else
		kill(s->helper, SIGTERM);
}

typedef void running_function(
	struct lease *l, uint64_t run_us, const struct slot_progress *p, void *arg);

static void tick_slot(
	struct slots *p, struct slot *s, uint64_t now_us, running_function *running, void *arg)
{
	struct slot_progress progress = {.told = 0};
	struct batch *b = NULL;
	struct lease *current;
	uint64_t since_us;

	pthread_mutex_lock(&s->lock);
	current = s->current;
	since_us = s->current_since_us;
	if (current && now_us > since_us + US_PER_MS)
		b = batch_close(s);
	if (current && s->progress.told)
		progress = s->progress;
	if (current && s->kill_at_us && s->helper > 0)
		signal_helper(s, now_us);
	pthread_mutex_unlock(&s->lock);
	hand_over(p, b);
	/* It may have ended since; leases are freed by this thread alone. */
	if (current)
		running(current, now_us > since_us ? now_us - since_us : 0, &progress, arg);
}

void slots_tick(struct slots *p, running_function *running, void *arg)
{
	uint64_t now_us = clock_mono_us();
	bool left = false;

	grow(p);
	for (unsigned i = 0; i < p->nall; i++) {
		tick_slot(p, p->all[i], now_us, running, arg);
		left = left || atomic_load(&p->all[i]->claim) < atomic_load(&p->all[i]->ntaken);
	}
	if (!left)
		return;
	pthread_mutex_lock(&p->lock);
	slots_wake(p, 1);
	pthread_mutex_unlock(&p->lock);
}
