/*
 * Taps (tap.h). taps_fire() makes all of a future's taps ready when it ends (ends.c, array.c), and
 * counts the end for who waits for any of many (wait.c).
 */
#include "client/tap.h"
#include "client/client.h"

#include "base/ensure.h"

void tapset_init(struct tapset *s)
{
	list_init(&s->queue);
	s->waiting = s->ready = 0;
}

static void tap_ready(struct tap *t)
{
	t->state = TAP_READY;
	list_push_back(&t->set->queue, &t->in_queue);
	t->set->ready++;
}

void tap_on(struct tap *t, struct dq_future *f, struct tapset *s, bool at_bad)
{
	*t = (struct tap){
		.future = f, .set = s, .at_bad = at_bad, .next = f->taps, .link = &f->taps};
	list_init(&t->in_queue);
	if (f->taps)
		f->taps->link = &t->next;
	f->taps = t;
	if (future_is_done(f) || (at_bad && future_is_bad(f))) {
		tap_ready(t);
	} else {
		t->state = TAP_WAITING;
		s->waiting++;
	}
}

void tap_off(struct tap *t)
{
	if (t->state == TAP_OFF)
		return;
	*t->link = t->next;
	if (t->next)
		t->next->link = t->link;
	if (t->state == TAP_WAITING)
		t->set->waiting--;
	else
		t->set->ready--;
	list_remove(&t->in_queue);
	t->state = TAP_OFF;
}

struct tap *tapset_pop(struct tapset *s)
{
	struct tap *t;

	if (list_is_empty(&s->queue))
		return NULL;
	t = list_entry(s->queue.next, struct tap, in_queue);
	ensure(t->state == TAP_READY && s->ready > 0);
	tap_off(t);
	return t;
}

static void fire(struct dq_future *f, bool at_bad)
{
	for (struct tap *t = f->taps; t; t = t->next) {
		if (t->state != TAP_WAITING || (at_bad && !t->at_bad))
			continue;
		t->set->waiting--;
		tap_ready(t);
	}
}

void taps_fire(struct dq_future *f)
{
	if (f->flags & FUTURE_AWAITED)
		f->client->futures.awaited_ends++;
	fire(f, false);
}

void taps_fire_bad(struct dq_future *f)
{
	fire(f, true);
}

void taps_again(struct dq_future *f)
{
	for (struct tap *t = f->taps; t; t = t->next) {
		if (t->state != TAP_READY || future_is_done(f) || (t->at_bad && future_is_bad(f)))
			continue;
		list_remove(&t->in_queue);
		t->state = TAP_WAITING;
		t->set->ready--;
		t->set->waiting++;
	}
}

void taps_drop(struct dq_future *f)
{
	while (f->taps)
		tap_off(f->taps);
}
