/*
 * The pool of slots: one queue under one lock, threads that take from it, and batches of ended
 * leases that go back.
 *
 * Happy path of short tasks: the loop pushes hundreds with one lock and one wake; a slot takes up
 * to a batch of them, claims one by one with an atomic add, encodes each outcome into its open
 * batch, hands the batch over and wakes the loop once. Of long tasks (mean run time over
 * BATCH_UNDER_US) each is taken and handed over alone.
 *
 * The mean may be wrong: a long task then keeps others that its slot took or ended. slots_tick()
 * repairs that from the loop: ended ones are collected, and idle slots are woken to claim what was
 * not begun.
 */
#include "worker/slots.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/ensure.h"
#include "base/thread.h"
#include "model/block.h"
#include "model/terms.h"
#include "wire/wire.h"
#include "worker/slot.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH_UNDER_US 100.0   /* tasks shorter than this go in batches … */
#define BATCH_TARGET_US 1000.0 /* … that take about this long together */
#define OUTCOME_BUF_BYTES ((size_t)16 << 10)
#define ENTRIES_MAX_BYTES ((size_t)16 << 20)

struct slots {
	struct slots_options options;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct list queue;
	size_t queued;
	uint64_t cpus;      /* what slots work on takes so much … */
	bool short_of_cpus; /* … and some slot wants more than is left */
	unsigned idle;
	bool quit;
	struct list ended;   /* batches handed over */
	atomic_uint batch;   /* how many to take at once */
	atomic_bool batched; /* hand over in batches too */
	struct slot **all;
};

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

/* The slot's lock is held, or the caller is its only user. Returns what was open. */
static struct batch *batch_close(struct slot *s)
{
	struct batch *b = s->ended;

	s->ended = NULL;
	return b;
}

static void hand_over(struct slots *p, struct batch *b)
{
	bool first;

	if (!b)
		return;
	ensure(b->count > 0 && !list_is_empty(&b->leases));
	pthread_mutex_lock(&p->lock);
	first = list_is_empty(&p->ended);
	list_push_back(&p->ended, &b->node);
	pthread_mutex_unlock(&p->lock);
	if (first)
		p->options.wake(p->options.arg);
}

/* --- One lease ------------------------------------------------------------------------------ */

/* What it had printed is kept. */
static void timed_out(struct slot *s, const struct lease *l, struct outcome *o)
{
	bool printed = o->state == TASK_FAILED && o->has_value && o->is_inline;

	slot_fail(s, o, CAUSE_TIMEOUT, "it ran for longer than its timeout, %g s",
		(double)l->timeout_us / US_PER_S);
	o->has_value = printed;
}

static void stopped(struct slot *s, struct lease *l, struct outcome *o)
{
	l->cancelled = true;
	if (l->stop_cause == CAUSE_TIMEOUT) {
		timed_out(s, l, o);
		return;
	}
	o->state = TASK_CANCELLED;
	o->cause = l->stop_cause ? (enum cause)l->stop_cause : CAUSE_CANCELLED;
	o->has_value = false;
	o->message = slice_empty();
	o->stderr_tail = slice_empty();
}

/* False: it was not begun. */
static bool run_one(struct slot *s, struct lease *l, struct outcome *o)
{
	const char *why = NULL;
	struct spec spec;

	*o = (struct outcome){.state = TASK_FAILED};
	if (l->stop) {
		stopped(s, l, o);
		return false;
	}
	if (!spec_decode(l->spec, &spec, &why))
		slot_fail(s, o, CAUSE_SPEC, "%s", why);
	else if (spec.kind == SPEC_EXEC && !s->options->helper)
		slot_fail(s, o, CAUSE_SPEC, "this worker runs functions only");
	else if (spec.kind == SPEC_EXEC || s->options->in_process)
		slot_run_helper(s, l, &spec, o);
	else
		slot_run_thread(s, l, &spec, o);
	if (l->stop)
		stopped(s, l, o);
	return true;
}

static void encode_entry(struct slot *s, struct lease *l, struct outcome *o, struct batch *b)
{
	struct fenced entry = {.id = l->id, .fence = l->fence};

	buf_clear(&s->outcome);
	outcome_encode(&s->outcome, o);
	entry.outcome = buf_slice(&s->outcome);
	fenced_write(&b->entries, &entry);
	ensure(!s->outcome.failed && !b->entries.failed);
}

static void set_current(struct slot *s, struct lease *l, uint64_t now_us)
{
	pthread_mutex_lock(&s->lock);
	s->current = l;
	s->current_since_us = now_us;
	s->kill_at_us = 0;
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
	ran = run_one(s, l, &o);
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
	encode_entry(s, l, &o, s->ended);
	list_push_back(&s->ended->leases, &l->node);
	s->ended->count++;
	s->ended->run_us += now_us - began_us;
	*full = s->ended->count >= SLOT_BATCH_MAX || s->ended->entries.n > SLOT_INLINE_BYTES ||
		s->ended->run_us >= (uint64_t)BATCH_TARGET_US ||
		!atomic_load_explicit(&p->batched, memory_order_relaxed);
	pthread_mutex_unlock(&s->lock);
	arena_reset(&s->memory);
	return now_us;
}

/* --- Taking --------------------------------------------------------------------------------- */

static struct lease *claim_from(struct slot *s)
{
	unsigned n = atomic_load(&s->ntaken), i;

	if (atomic_load(&s->claim) >= n)
		return NULL;
	i = atomic_fetch_add(&s->claim, 1);
	return i < n ? s->taken[i] : NULL;
}

/* What it worked on is over. The lock is held. */
static void cpus_give_back(struct slots *p, struct slot *s)
{
	p->cpus -= s->cpus;
	s->cpus = 0;
	if (!p->short_of_cpus)
		return;
	p->short_of_cpus = false;
	pthread_cond_broadcast(&p->work);
}

/* False: there are not so many free; but alone each may run. The lock is held. */
static bool cpus_take(struct slots *p, struct slot *s, uint64_t cpus)
{
	if (p->cpus && p->cpus + cpus > p->options.cpus) {
		p->short_of_cpus = true;
		return false;
	}
	p->cpus += cpus;
	s->cpus = cpus;
	return true;
}

/* What another slot has taken and not begun: only leases of one cpu are taken by the batch. The
 * lock of all is held, so that no slot takes anew meanwhile. */
static struct lease *claim_from_others(struct slots *p, struct slot *self)
{
	if (!cpus_take(p, self, AMOUNT_UNIT))
		return NULL;
	for (unsigned i = 0; i < p->options.n; i++) {
		struct lease *l = p->all[i] != self ? claim_from(p->all[i]) : NULL;

		if (l)
			return l;
	}
	cpus_give_back(p, self);
	return NULL;
}

/* Fills the slot's share from the queue. The lock is held. */
static void take(struct slots *p, struct slot *s)
{
	size_t share = p->queued / p->options.n + 1;
	size_t most = atomic_load(&p->batch);
	unsigned n = 0;

	if (share < most)
		most = share;
	/* Nobody can claim while ntaken is 0; claim is set before ntaken. */
	atomic_store(&s->ntaken, 0);
	atomic_store(&s->claim, 0);
	while (n < most && n < SLOT_BATCH_MAX && !list_is_empty(&p->queue)) {
		struct lease *l = list_entry(p->queue.next, struct lease, node);

		if (n == 0 ? !cpus_take(p, s, l->cpus) : l->cpus != AMOUNT_UNIT)
			break;
		list_remove(&l->node);
		l->in_queue = false;
		s->taken[n++] = l;
		if (l->cpus != AMOUNT_UNIT)
			break;
	}
	ensure(p->queued >= n);
	p->queued -= n;
	atomic_store(&s->ntaken, n);
}

/* The next lease for the slot; NULL: the end. Hands over what is open before it sleeps. */
static struct lease *next_lease(struct slots *p, struct slot *s)
{
	struct lease *l = claim_from(s);

	if (l)
		return l;
	pthread_mutex_lock(&p->lock);
	cpus_give_back(p, s);
	for (;;) {
		if (p->quit)
			break;
		take(p, s);
		l = claim_from(s);
		if (!l)
			l = claim_from_others(p, s);
		if (l)
			break;
		if (s->ended) {
			struct batch *b;

			pthread_mutex_unlock(&p->lock);
			pthread_mutex_lock(&s->lock);
			b = batch_close(s);
			pthread_mutex_unlock(&s->lock);
			hand_over(p, b);
			pthread_mutex_lock(&p->lock);
			continue;
		}
		p->idle++;
		pthread_cond_wait(&p->work, &p->lock);
		p->idle--;
	}
	pthread_mutex_unlock(&p->lock);
	return l;
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
	while ((l = next_lease(start.pool, s))) {
		uint64_t wall = clock_wall_us(), began = clock_mono_us();
		bool full = false;

		/* Two clocks a share, then one a task. */
		end_us = work_on(start.pool, s, l, began, wall - began, &full);
		while (!full && (l = claim_from(s)))
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

static struct slot *slot_new(const struct slots_options *options, unsigned number)
{
	struct slot *s = xcalloc(1, sizeof(*s));

	s->options = options;
	s->number = number;
	s->fd = -1;
	pthread_mutex_init(&s->lock, NULL);
	slot_frame_init(&s->frame);
	call_init(&s->call);
	buf_init(&s->outcome, OUTCOME_BUF_BYTES);
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
	buf_release(&s->text);
	arena_release(&s->memory);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static bool start_threads(struct slots *p, char *error, size_t error_bytes)
{
	for (unsigned i = 0; i < p->options.n; i++) {
		struct slot_start *start = xcalloc(1, sizeof(*start));
		char name[16];
		int rc;

		*start = (struct slot_start){.pool = p, .slot = p->all[i]};
		snprintf(name, sizeof(name), "dq-slot-%u", i % 10000);
		rc = thread_start(&p->all[i]->thread, name, slot_main, start);
		if (rc != 0) {
			free(start);
			snprintf(error, error_bytes, "slot %u: %s", i, strerror(rc));
			return false;
		}
		p->all[i]->started = true;
	}
	return true;
}

struct slots *slots_new(const struct slots_options *options, char *error, size_t error_bytes)
{
	struct slots *p = xcalloc(1, sizeof(*p));
	bool ok = true;

	ensure(options->n > 0 && (options->helper || !options->in_process));
	p->options = *options;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	list_init(&p->queue);
	list_init(&p->ended);
	atomic_init(&p->batch, 1);
	p->all = xcalloc(options->n, sizeof(struct slot *));
	for (unsigned i = 0; i < options->n; i++)
		p->all[i] = slot_new(&p->options, i);
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
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->options.n; i++) {
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
	for (unsigned i = 0; i < p->options.n; i++) {
		if (p->all[i]->started)
			pthread_join(p->all[i]->thread, NULL);
		else
			helper_end(p->all[i]);
	}
	for (unsigned i = 0; i < p->options.n; i++)
		slot_free(p->all[i]);
	list_for_each_safe(node, tmp, &p->ended) {
		struct batch *b = list_entry(node, struct batch, node);

		batch_free(&b);
	}
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p->all);
	free(p);
}

/* --- For the loop --------------------------------------------------------------------------- */

void slots_push(struct slots *p, struct list *leases)
{
	size_t n = 0;
	unsigned wake;

	list_for_each(node, leases) {
		struct lease *l = list_entry(node, struct lease, node);

		ensure(!l->in_queue && !l->value);
		l->in_queue = true;
		n++;
	}
	if (n == 0)
		return;
	pthread_mutex_lock(&p->lock);
	list_splice_back(&p->queue, leases);
	p->queued += n;
	wake = p->idle < n ? p->idle : (unsigned)n;
	for (unsigned i = 0; i < wake; i++)
		pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
}

bool slots_take_back(struct slots *p, struct lease *l)
{
	bool queued;

	pthread_mutex_lock(&p->lock);
	queued = l->in_queue;
	if (queued) {
		ensure(p->queued > 0);
		l->in_queue = false;
		list_remove(&l->node);
		p->queued--;
	}
	pthread_mutex_unlock(&p->lock);
	return queued;
}

void slots_stop(struct slots *p, struct lease *l)
{
	ensure(l->stop);
	for (unsigned i = 0; i < p->options.n; i++) {
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

static void tick_slot(struct slots *p, struct slot *s, uint64_t now_us,
	void (*running)(struct lease *l, uint64_t run_us, void *arg), void *arg)
{
	struct batch *b = NULL;
	struct lease *current;
	uint64_t since_us;

	pthread_mutex_lock(&s->lock);
	current = s->current;
	since_us = s->current_since_us;
	if (current && now_us > since_us + US_PER_MS)
		b = batch_close(s);
	if (current && s->kill_at_us && s->helper > 0)
		signal_helper(s, now_us);
	pthread_mutex_unlock(&s->lock);
	hand_over(p, b);
	/* It may have ended since; leases are freed by this thread alone. */
	if (current)
		running(current, now_us > since_us ? now_us - since_us : 0, arg);
}

void slots_tick(
	struct slots *p, void (*running)(struct lease *l, uint64_t run_us, void *arg), void *arg)
{
	uint64_t now_us = clock_mono_us();
	bool left = false;

	for (unsigned i = 0; i < p->options.n; i++) {
		tick_slot(p, p->all[i], now_us, running, arg);
		left = left || atomic_load(&p->all[i]->claim) < atomic_load(&p->all[i]->ntaken);
	}
	if (!left)
		return;
	pthread_mutex_lock(&p->lock);
	if (p->idle)
		pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
}
