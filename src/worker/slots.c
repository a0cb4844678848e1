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
#include "worker/slot.h"

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

struct slots {
	struct slots_options options;
	struct slots_shared shared;
	pthread_mutex_t lock;
	struct list queue;
	size_t queued;
	uint64_t cpus;      /* what slots work on takes so much … */
	bool short_of_cpus; /* … and some slot wants more than is left */
	unsigned idle;      /* slots that sleep */
	unsigned working;   /* that have leases */
	unsigned allowed;   /* to have: options.n, and those that seceded */
	bool quit;
	struct list ended;   /* batches handed over */
	atomic_uint batch;   /* how many to take at once */
	atomic_bool batched; /* hand over in batches too */
	struct slot **all;   /* written by the loop's thread, under the lock */
	unsigned nall;
};

#define SPARE_US (10 * US_PER_S) /* a slot beyond the usual keeps its helper so long */

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
	slot_encode(s, l, &o, &s->ended->entries);
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

/* Wakes n slots that sleep, or all of them. The lock is held. */
static void wake(struct slots *p, size_t n)
{
	for (unsigned i = 0; i < p->nall && n > 0 && p->idle > 0; i++) {
		struct slot *s = p->all[i];

		if (!s->idle)
			continue;
		s->idle = false;
		p->idle--;
		n--;
		pthread_cond_signal(&s->work);
	}
}

/* What it worked on is over. The lock is held. */
static void cpus_give_back(struct slots *p, struct slot *s)
{
	p->cpus -= s->cpus;
	s->cpus = 0;
	if (!p->short_of_cpus)
		return;
	p->short_of_cpus = false;
	wake(p, p->nall);
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
	for (unsigned i = 0; i < p->nall; i++) {
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

/* Sleeps until it is woken. One beyond the usual number ends its helper meanwhile. The lock is
 * held. */
static void sleep_slot(struct slots *p, struct slot *s)
{
	uint64_t until_us = clock_wall_us() + SPARE_US;
	struct timespec until = {.tv_sec = (time_t)(until_us / US_PER_S),
		.tv_nsec = (long)(until_us % US_PER_S * 1000)};
	bool spare = s->number >= p->options.n && s->fd >= 0;

	s->idle = true;
	p->idle++;
	while (s->idle && !p->quit) {
		if (!spare) {
			pthread_cond_wait(&s->work, &p->lock);
		} else if (pthread_cond_timedwait(&s->work, &p->lock, &until) == ETIMEDOUT) {
			spare = false;
			if (!s->idle)
				break;
			s->idle = false;
			p->idle--;
			pthread_mutex_unlock(&p->lock);
			helper_end(s);
			pthread_mutex_lock(&p->lock);
			return;
		}
	}
	if (s->idle) {
		s->idle = false;
		p->idle--;
	}
}

static void set_working(struct slots *p, struct slot *s, bool working)
{
	if (s->working != working)
		p->working = working ? p->working + 1 : p->working - 1;
	s->working = working;
}

/* What the slot may have now, if anything. The lock is held. */
static struct lease *obtain(struct slots *p, struct slot *s)
{
	struct lease *l;

	if (p->working >= p->allowed)
		return NULL;
	take(p, s);
	l = claim_from(s);
	return l ? l : claim_from_others(p, s);
}

/* The next lease for the slot; NULL: the end. Hands over what is open before it sleeps. */
static struct lease *next_lease(struct slots *p, struct slot *s)
{
	struct lease *l = claim_from(s);

	if (l)
		return l;
	pthread_mutex_lock(&p->lock);
	cpus_give_back(p, s);
	set_working(p, s, false);
	for (;;) {
		if (p->quit)
			break;
		l = obtain(p, s);
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
		sleep_slot(p, s);
	}
	set_working(p, s, l != NULL);
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
	wake(p, p->nall);
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

void slots_push(struct slots *p, struct list *leases)
{
	bool any_ahead = false;
	size_t n = 0;

	list_for_each(node, leases) {
		struct lease *l = list_entry(node, struct lease, node);

		ensure(!l->in_queue && !l->value);
		l->in_queue = true;
		any_ahead = any_ahead || l->flags & LEASE_FLAG_AHEAD;
		n++;
	}
	if (n == 0)
		return;
	pthread_mutex_lock(&p->lock);
	if (any_ahead)
		leases_put_ahead(&p->queue, leases);
	list_splice_back(&p->queue, leases);
	p->queued += n;
	wake(p, n);
	pthread_mutex_unlock(&p->lock);
}

void slots_set_task_key(struct slots *p, struct slice key)
{
	slot_set_task_key(&p->shared, key);
}

/* The cpus of the slot that is at the lease are others' meanwhile. The lock of all is held. */
static void lend_cpus(struct slots *p, const struct lease *l, bool on)
{
	for (unsigned i = 0; i < p->nall; i++) {
		struct slot *s = p->all[i];
		bool is_at;

		pthread_mutex_lock(&s->lock);
		is_at = s->current == l;
		pthread_mutex_unlock(&s->lock);
		if (is_at && on) {
			cpus_give_back(p, s);
		} else if (is_at && s->cpus == 0) {
			s->cpus = l->cpus;
			p->cpus += l->cpus;
		}
	}
}

void slots_secede(struct slots *p, const struct lease *l, bool on)
{
	pthread_mutex_lock(&p->lock);
	ensure(on || p->allowed > p->options.n);
	p->allowed = on ? p->allowed + 1 : p->allowed - 1;
	lend_cpus(p, l, on);
	pthread_mutex_unlock(&p->lock);
	grow(p);
	pthread_mutex_lock(&p->lock);
	if (on)
		wake(p, 1);
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
	wake(p, 1);
	pthread_mutex_unlock(&p->lock);
}
