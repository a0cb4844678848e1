/*
 * One lease in a slot: in the slot's thread or its helper, and what is made of its end where it was
 * stopped.
 */
#include "worker/slot.h"

#include "base/clock.h"
#include "base/ensure.h"
#include "model/block.h"
#include "model/limits.h"
#include "wire/wire.h"

#define ENTRY_HEAD_BYTES 64

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

bool slot_run(struct slot *s, struct lease *l, struct outcome *o)
{
	const char *why = NULL;
	struct spec spec;

	*o = (struct outcome){.state = TASK_FAILED};
	buf_clear(&s->effects);
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
	o->stored = l->flags & LEASE_FLAG_STORE && o->state == TASK_DONE && o->has_value &&
		    !o->is_inline;
	return true;
}

bool slot_encode(struct slot *s, struct lease *l, const struct outcome *o, struct buf *entries)
{
	struct fenced entry = {.id = l->id, .fence = l->fence};
	struct buf own;

	buf_clear(&s->outcome);
	outcome_encode(&s->outcome, o);
	entry.outcome = buf_slice(&s->outcome);
	if (o->state == TASK_DONE)
		entry.effects = buf_slice(&s->effects);
	if (!o->stored) {
		fenced_write(entries, &entry);
		ensure(!s->outcome.failed && !entries->failed);
		return true;
	}
	buf_init(&own, OUTCOME_MAX_BYTES + LIMIT_EFFECTS_BYTES + ENTRY_HEAD_BYTES);
	fenced_write(&own, &entry);
	ensure(!s->outcome.failed && !own.failed);
	l->entry.p = buf_detach(&own, &l->entry.n);
	return false;
}
