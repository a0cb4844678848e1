/*
 * The past of tasks: what happened to one besides its last end. It is kept in memory while the
 * task's row may still be written again, and is part of that row; most tasks have none.
 *
 * Who adds to it writes the row in the same step, but for values that are made again: their row is
 * written when that has succeeded, since the core does not have the outcome before.
 */
#include "core/impl.h"
#include "core/past.h"

void past_add(struct core *c, struct task *t, const struct past_event *e)
{
	struct past_event full = *e;

	if (!full.time_us)
		full.time_us = c->wall_us;
	if (!t->past) {
		t->past = xmalloc(sizeof(*t->past));
		past_init(t->past);
	}
	past_append(t->past, &full);
	ensure(!t->past->bytes.failed);
}

void past_attempt(struct core *c, struct task *t, enum past_kind kind, const struct outcome *o)
{
	struct past_event e = {.kind = kind, .started_us = t->started_us};

	if (t->worker)
		e.worker = slice_str(t->worker->name);
	if (o) {
		e.started_us = o->started_us ? o->started_us : t->started_us;
		e.cause = o->cause;
		e.has_exit = o->has_exit;
		e.exit_status = o->exit_status;
		e.signal = o->signal;
		e.peak_bytes = o->peak_bytes;
		e.message = o->message;
	}
	past_add(c, t, &e);
}

void past_drop(struct task *t)
{
	if (!t->past)
		return;
	past_release(t->past);
	free(t->past);
	t->past = NULL;
}

void past_load(struct task *t, struct slice past)
{
	const char *why;

	past_drop(t);
	if (slice_is_empty(past))
		return;
	t->past = xmalloc(sizeof(*t->past));
	ensure(past_take(t->past, past, &why));
}
