/*
 * The queue of the slots: leases come in by priority, slots take from its front, a batch at once
 * where tasks are short. What a slot has taken and not begun is still free: another slot may claim
 * it, and it goes back to the queue where something comes before it or it is asked back.
 */
#include "worker/slots_pool.h"

#include "base/clock.h"
#include "base/ensure.h"
#include "model/terms.h"

#include <errno.h>

#define SPARE_US (10 * US_PER_S) /* a slot beyond the usual keeps its helper so long */

/* --- Taking --------------------------------------------------------------------------------- */

struct lease *slot_claim(struct slot *s)
{
	unsigned n = atomic_load(&s->ntaken), i;

	if (atomic_load(&s->claim) >= n)
		return NULL;
	i = atomic_fetch_add(&s->claim, 1);
	return i < n ? s->taken[i] : NULL;
}

void slots_wake(struct slots *p, size_t n)
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
	slots_wake(p, p->nall);
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
		struct lease *l = p->all[i] != self ? slot_claim(p->all[i]) : NULL;

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
	l = slot_claim(s);
	return l ? l : claim_from_others(p, s);
}

struct lease *slot_next(struct slots *p, struct slot *s)
{
	struct lease *l = slot_claim(s);

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

void slots_lend_cpus(struct slots *p, const struct lease *l, bool on)
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

/* --- Coming and going ----------------------------------------------------------------------- */

/* What the slot has taken and not begun is the caller's after this: taken[k .. ntaken). */
static unsigned disown(struct slot *s)
{
	return atomic_exchange(&s->claim, SLOT_BATCH_MAX);
}

/* Back to the front of the queue, in order. Returns how many. The lock is held. */
static size_t untake(struct slots *p)
{
	size_t n = 0;

	for (unsigned i = p->nall; i-- > 0;) {
		struct slot *s = p->all[i];
		unsigned k = disown(s), end = atomic_load(&s->ntaken);

		while (end > k) {
			struct lease *l = s->taken[--end];

			l->in_queue = true;
			list_push_front(&p->queue, &l->node);
			n++;
		}
	}
	p->queued += n;
	return n;
}

/* Each before the first of its lane that has a lower priority. The lock is held. */
static void put_in_place(struct slots *p, struct list *leases)
{
	struct lease *last = NULL;
	struct list *node;

	while ((node = list_pop_front(leases))) {
		struct lease *l = list_entry(node, struct lease, node);
		struct list *at = p->queue.next;

		if (last && last->priority == l->priority && last->lane == l->lane)
			at = last->node.next;
		for (; at != &p->queue; at = at->next) {
			const struct lease *o = list_entry(at, struct lease, node);

			if (o->lane == l->lane && o->priority < l->priority)
				break;
		}
		list_insert_before(at, node);
		last = l;
	}
}

void slots_push(struct slots *p, struct list *leases)
{
	int32_t most = INT32_MIN, least = INT32_MAX;
	bool any_ahead = false;
	size_t n = 0;

	list_for_each(node, leases) {
		struct lease *l = list_entry(node, struct lease, node);

		ensure(!l->in_queue && !l->value);
		l->in_queue = true;
		any_ahead = any_ahead || l->flags & LEASE_FLAG_AHEAD;
		most = l->priority > most ? l->priority : most;
		least = l->priority < least ? l->priority : least;
		n++;
	}
	if (n == 0)
		return;
	pthread_mutex_lock(&p->lock);
	p->queued += n;
	if (p->working == 0 && p->queued == n)
		p->least = INT32_MAX;
	p->least = least < p->least ? least : p->least;
	if (any_ahead || most > p->least)
		n += untake(p);
	if (any_ahead)
		leases_put_ahead(&p->queue, leases);
	if (most > p->least)
		put_in_place(p, leases);
	else
		list_splice_back(&p->queue, leases);
	slots_wake(p, n);
	pthread_mutex_unlock(&p->lock);
}

static bool is_begun(struct slots *p, const struct lease *l)
{
	bool begun = false;

	for (unsigned i = 0; i < p->nall && !begun; i++) {
		pthread_mutex_lock(&p->all[i]->lock);
		begun = p->all[i]->current == l;
		pthread_mutex_unlock(&p->all[i]->lock);
	}
	return begun;
}

bool slots_take_back(struct slots *p, struct lease *l)
{
	size_t untaken = 0;
	bool queued;

	pthread_mutex_lock(&p->lock);
	if (!l->in_queue && !is_begun(p, l))
		untaken = untake(p);
	queued = l->in_queue;
	if (queued) {
		ensure(p->queued > 0);
		l->in_queue = false;
		list_remove(&l->node);
		p->queued--;
	}
	slots_wake(p, untaken);
	pthread_mutex_unlock(&p->lock);
	return queued;
}
