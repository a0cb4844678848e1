/*
 * Cancelling: a task that has not started ends at once, one that is leased is stopped on its worker
 * and ends when that is done. Dependents of a cancelled task are cancelled too (finish.c). A
 * request is a durable work, done in steps, so that it survives a crash half way.
 */
#include "core/impl.h"

static void stop_on_worker(struct core *c, struct task *t)
{
	struct send *s;

	if (!t->worker->conn)
		return;
	s = update_send(c->u, SEND_STOP, t->worker->conn);
	s->id = task_own_id(t);
	s->fence = t->fence;
	s->cause = CAUSE_CANCELLED;
}

void cancel_one(struct core *c, struct block *b, uint32_t idx, enum cause cause)
{
	enum task_state s = block_state(b, idx);
	struct task *t;

	if (s != TASK_WAITING && s != TASK_READY && s != TASK_LEASED)
		return;
	t = task_get(c, b, idx);
	if (t->remake)
		return;
	if (s != TASK_LEASED) {
		finish(c, t, TASK_CANCELLED, slice_empty(), cause, 0);
		return;
	}
	task_move(c, b, idx, TASK_CANCELLING);
	row_write(c, t, TASK_CANCELLING, 0, slice_empty());
	stop_on_worker(c, t);
	c->u->seal = true;
}

/* A worker came back: it may not have heard. */
void cancel_again(struct core *c, struct task *t)
{
	if (t->worker)
		stop_on_worker(c, t);
}

static void work_write(struct core *c, struct work *w)
{
	struct record *r = update_record(c->u, RECORD_WORK, w->seq, 0);
	struct buf runs;

	buf_init(&runs, LIMIT_FRAME_BYTES);
	runs_encode(&runs, w->runs, w->nruns);
	work_record_encode(&c->u->bytes,
		&(struct work_record){
			.kind = WORK_CANCEL, .session = w->session, .runs = buf_slice(&runs)});
	update_record_end(c->u, r);
	buf_release(&runs);
}

struct work *work_new(struct core *c, uint64_t seq, uint32_t session, struct runs_reader *rr)
{
	struct work *w = xcalloc(1, sizeof(*w));

	w->seq = seq;
	w->session = session;
	w->runs = xcalloc(rr->left ? rr->left : 1, sizeof(*w->runs));
	while (runs_reader_next(rr, &w->runs[w->nruns]))
		w->nruns++;
	list_push_back(&c->works, &w->in_works);
	return w;
}

void work_free(struct work *w)
{
	list_remove(&w->in_works);
	free(w->runs);
	free(w);
}

/* One's own tasks, until there are roles. */
static bool may_cancel(const struct core *c, const struct block *b, const struct work *w)
{
	const struct session *s = map64_get_ptr(&c->sessions, w->session);

	return !s || s->user->number == b->user;
}

static void work_run(struct core *c, struct work *w, uint32_t *budget)
{
	while (*budget && w->at < w->nruns) {
		struct run *r = &w->runs[w->at];
		struct place p;

		if (w->done >= r->count) {
			w->at++;
			w->done = 0;
			continue;
		}
		(*budget)--;
		if (place_of(c, r->first + w->done, &p) && may_cancel(c, p.block, w))
			cancel_one(c, p.block, p.idx, CAUSE_CANCELLED);
		w->done++;
	}
}

bool works_work(struct core *c, uint32_t *budget)
{
	while (!list_is_empty(&c->works) && *budget) {
		struct work *w = container_of(c->works.next, struct work, in_works);

		work_run(c, w, budget);
		if (w->at < w->nruns)
			break;
		update_delete(c->u, RECORD_WORK, w->seq, 0);
		work_free(w);
	}
	return !list_is_empty(&c->works);
}

void cancel(struct core *c, const struct event *e)
{
	struct runs_reader rr;
	struct session *s;
	const char *why = NULL;

	if (!request_begin(c, e, &s))
		return;
	if (!runs_reader_init(&rr, e->runs, &why)) {
		reply_stored(c, s, e->conn, DQ_E_USAGE, why, slice_empty(), slice_empty());
		return;
	}
	c->counters_dirty = true;
	work_write(c, work_new(c, c->counters.next_work++, s->number, &rr));
	reply_plain(c, s, e->conn);
	c->u->more = true;
}
