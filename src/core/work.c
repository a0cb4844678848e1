/*
 * Requests about runs of tasks: CANCEL and RELEASE. A small one is done in its own step. A large
 * one is a durable *work* (D9): its record is written with the request, later steps go on with it,
 * and a start begins it again, which changes nothing for what was done.
 */
#include "core/impl.h"

static void work_write(struct core *c, struct work *w)
{
	struct record *r = update_record(c->u, RECORD_WORK, w->seq, 0);
	struct buf runs;

	buf_init(&runs, LIMIT_FRAME_BYTES);
	runs_encode(&runs, w->runs, w->nruns);
	work_record_encode(&c->u->bytes,
		&(struct work_record){
			.kind = w->kind, .session = w->session, .runs = buf_slice(&runs)});
	update_record_end(c->u, r);
	buf_release(&runs);
}

struct work *work_new(
	struct core *c, uint64_t seq, enum work_kind kind, uint32_t session, struct runs_reader *rr)
{
	struct work *w = xcalloc(1, sizeof(*w));

	w->seq = seq;
	w->kind = kind;
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

static void do_one(struct core *c, const struct work *w, struct session *s, struct place p)
{
	if (block_state(p.block, p.idx) == TASK_GONE || block_is_hidden(p.block))
		return;
	if (w->kind == WORK_RELEASE && s)
		hold_release(c, s, p.block, p.idx);
	/* one's own tasks, until there are roles */
	else if (w->kind == WORK_CANCEL && (!s || s->user->number == p.block->user))
		cancel_one(c, p.block, p.idx, CAUSE_CANCELLED);
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
		if (place_of(c, r->first + w->done, &p)) {
			do_one(c, w, map64_get_ptr(&c->sessions, w->session), p);
			w->done++;
		} else {
			uint64_t gap = place_gap(c, r->first + w->done);

			w->done += gap < r->count - w->done ? gap : r->count - w->done;
		}
	}
}

bool works_work(struct core *c, uint32_t *budget)
{
	while (!list_is_empty(&c->works) && *budget) {
		struct work *w = container_of(c->works.next, struct work, in_works);

		work_run(c, w, budget);
		if (w->at < w->nruns)
			break;
		if (w->seq)
			update_delete(c->u, RECORD_WORK, w->seq, 0);
		work_free(w);
	}
	return !list_is_empty(&c->works);
}

/* How many tasks the runs name, as far as a step would go. */
static uint64_t size_of(struct runs_reader rr)
{
	uint64_t n = 0;
	struct run r;

	while (n <= STEP_BUDGET && runs_reader_next(&rr, &r))
		n += r.count;
	return n;
}

void runs_request(struct core *c, const struct event *e, enum work_kind kind)
{
	struct runs_reader rr;
	struct session *s;
	struct work *w;
	const char *why = NULL;
	uint32_t budget = STEP_BUDGET * 2;

	if (!request_begin(c, e, &s))
		return;
	if (!runs_reader_init(&rr, e->runs, &why)) {
		reply_stored(c, s, e->conn, DQ_E_USAGE, why, slice_empty(), slice_empty());
		return;
	}
	reply_plain(c, s, e->conn);
	if (size_of(rr) <= STEP_BUDGET) {
		w = work_new(c, 0, kind, s->number, &rr);
		work_run(c, w, &budget);
		ensure(w->at == w->nruns);
		work_free(w);
	} else {
		w = work_new(c, c->counters.next_work++, kind, s->number, &rr);
		c->counters_dirty = true;
		work_write(c, w);
	}
	c->u->more = true;
}
