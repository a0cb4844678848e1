/*
 * Taps (tap.h). A waiting tap is in its future's list; a ready one in its set's queue. taps_fire()
 * moves all of a future's taps when it ends (futures.c, array.c).
 */
#include "client/tap.h"
#include "client/futures.h"

#include "base/ensure.h"

void tapset_init(struct tapset *s)
{
	*s = (struct tapset){.tail = &s->head};
}

static void tap_ready(struct tap *t)
{
	struct tapset *s = t->set;

	t->state = TAP_READY;
	t->next = NULL;
	*s->tail = t;
	s->tail = &t->next;
	s->ready++;
}

void tap_on(struct tap *t, struct dq_future *f, struct tapset *s)
{
	t->future = f;
	t->set = s;
	if (future_is_done(f)) {
		tap_ready(t);
		return;
	}
	t->state = TAP_WAITING;
	t->next = f->taps;
	f->taps = t;
	s->waiting++;
}

void tap_off(struct tap *t)
{
	struct tap **at;

	if (t->state == TAP_OFF)
		return;
	at = t->state == TAP_WAITING ? &t->future->taps : &t->set->head;
	while (*at != t) {
		ensure(*at != NULL);
		at = &(*at)->next;
	}
	*at = t->next;
	if (t->state == TAP_WAITING) {
		t->set->waiting--;
	} else {
		t->set->ready--;
		if (!*at)
			t->set->tail = at;
	}
	t->state = TAP_OFF;
}

struct tap *tapset_pop(struct tapset *s)
{
	struct tap *t = s->head;

	if (!t)
		return NULL;
	ensure(t->state == TAP_READY && s->ready > 0);
	s->head = t->next;
	if (!s->head)
		s->tail = &s->head;
	s->ready--;
	t->state = TAP_OFF;
	return t;
}

void taps_fire(struct dq_future *f)
{
	while (f->taps) {
		struct tap *t = f->taps;

		f->taps = t->next;
		t->set->waiting--;
		tap_ready(t);
	}
}

void taps_drop(struct dq_future *f)
{
	while (f->taps) {
		struct tap *t = f->taps;

		f->taps = t->next;
		t->set->waiting--;
		t->state = TAP_OFF;
	}
}
