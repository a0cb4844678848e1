/*
 * Watching (watch.h). watch_future() gathers ids, watch_push() sends them as runs, watch_outcomes()
 * hands what comes to futures_end(). On a new connection all that is watched and has not ended is
 * asked again (watch_restart).
 *
 * An unsettled future is not asked for before its submit is answered, since its id may be another
 * by then. GONE for a task whose submit is not answered is no news: the answer will say what became
 * of it.
 */
#include "client/client.h"
#include "client/array.h"

#include "base/ensure.h"
#include "model/limits.h"
#include "model/row.h"

void watch_init(struct watch *w)
{
	*w = (struct watch){0};
}

void watch_release(struct watch *w)
{
	runs_release(&w->ask);
	runs_release(&w->drop);
}

/* The runs of an array that have not ended, chunk by chunk. */
static bool array_ask(struct dq_client *c, const struct dq_future *f)
{
	const struct array *a = f->more->array;
	uint64_t at = 0;

	for (uint64_t i = 0; at < a->count; i++) {
		uint32_t size = chunk_size(a, i);

		if (!(a->chunks[i] && a->chunks[i]->ended == size) &&
			!runs_add(&c->watch.ask, f->id + at, size))
			return false;
		at += size;
	}
	return true;
}

static bool future_ask(struct dq_client *c, struct dq_future *f)
{
	if (f->flags & FUTURE_UNSETTLED)
		return true;
	if (f->kind == FUTURE_ARRAY)
		return array_ask(c, f);
	return runs_add(&c->watch.ask, future_id(f), 1);
}

bool watch_future(struct dq_client *c, struct dq_future *f)
{
	if (f->kind == FUTURE_ELEMENT) {
		struct dq_future *parent = f->more->parent;

		if (parent->flags & FUTURE_WATCHED)
			return true;
		if (parent->flags & FUTURE_UNSETTLED)
			f = parent;
	}
	if ((f->flags & FUTURE_WATCHED) || future_is_done(f))
		return true;
	if (!future_ask(c, f))
		return false;
	f->flags |= FUTURE_WATCHED;
	return true;
}

bool watch_settled(struct dq_client *c, struct dq_future *f)
{
	return future_ask(c, f);
}

void watch_forget(struct dq_client *c, struct dq_future *f)
{
	/* Out of memory: outcomes come that nobody wants. */
	if (!(f->flags & (FUTURE_UNSETTLED | FUTURE_HELD)))
		(void)!runs_add(&c->watch.drop, future_id(f), future_count(f));
}

/* One message for up to LIMIT_RUNS runs, until all are sent. */
static void watch_send(struct dq_client *c, struct runs *runs, bool ask)
{
	size_t at = 0;

	if (runs->n == 0)
		return;
	runs_tidy(runs);
	while (at < runs->n) {
		struct buf list;

		buf_init(&list, LIMIT_FRAME_BYTES);
		at += runs_pack(&list, runs, at);
		if (list.failed) {
			buf_release(&list);
			session_drop(c, "out of memory");
			return;
		}
		if (ask)
			msg_watch_encode(
				session_out(c), 0, &(struct msg_watch){.runs = buf_slice(&list)});
		else
			msg_unwatch_encode(
				session_out(c), 0, &(struct msg_unwatch){.runs = buf_slice(&list)});
		buf_release(&list);
	}
	runs_clear(runs);
}

void watch_push(struct dq_client *c)
{
	if (!session_is_up(c))
		return;
	/* What asks must come behind the submits that made the tasks. */
	if (!c->session.look_only && c->outbox.next)
		return;
	watch_send(c, &c->watch.ask, true);
	if (session_is_up(c))
		watch_send(c, &c->watch.drop, false);
}

void watch_restart(struct dq_client *c)
{
	runs_clear(&c->watch.ask);
	runs_clear(&c->watch.drop);
	if (!futures_each_watched(c, future_ask))
		session_drop(c, "out of memory");
}

static bool outcome_gone(const struct dq_client *c, const struct outcomes_entry *e)
{
	return e->state == TASK_GONE && task_id_session(e->first) == c->session.number &&
	       outbox_has_submit(&c->outbox, task_id_n(e->first));
}

static bool outcomes_one(struct dq_client *c, const struct outcomes_entry *in, const char **why)
{
	struct ended *e;
	bool ok;

	if (in->count == 0 || in->count > UINT32_MAX ||
		task_id_n(in->first) + in->count - 1 > UINT32_MAX) {
		*why = "OUTCOMES: a run that leaves its session";
		return false;
	}
	if (outcome_gone(c, in))
		return true;
	if (in->state == TASK_GONE)
		e = ended_new(DQ_STATE_FAILED, DQ_E_GONE, slice_str("the task is no longer there"));
	else if (task_state_is_final((enum task_state)in->state))
		e = ended_new(in->state, 0, in->outcome);
	else
		return true;
	if (!e) {
		*why = "out of memory";
		return false;
	}
	e->generation = in->generation;
	e->attempts = in->attempts;
	ok = futures_end(c, in->first, in->count, e);
	ended_unref(e);
	if (!ok)
		*why = "out of memory";
	return ok;
}

bool watch_outcomes(struct dq_client *c, const struct msg_outcomes *m, const char **why)
{
	struct cursor list;
	uint32_t n;

	if (!list_read_begin(&list, m->entries, LIMIT_FRAME_BYTES, &n)) {
		*why = "OUTCOMES: no list";
		return false;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct outcomes_entry e;

		if (!outcomes_read(&list, &e)) {
			*why = "OUTCOMES: a malformed entry";
			return false;
		}
		if (!outcomes_one(c, &e, why))
			return false;
	}
	return true;
}
