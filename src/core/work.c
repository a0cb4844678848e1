/*
 * Requests about runs of tasks: CANCEL, RELEASE and ACT. A small one is done in its own step. A
 * large one is a durable *work* (D9): its record is written with the request, later steps go on
 * with it, and a start begins it again, which changes nothing for what was done.
 */
#include "core/impl.h"
#include "core/work.h"

static void work_write(struct core *c, struct work *w)
{
	struct record *r = update_record(c->u, RECORD_WORK, w->seq, 0);
	struct buf runs;

	buf_init(&runs, LIMIT_FRAME_BYTES);
	runs_encode(&runs, w->runs, w->nruns);
	work_record_encode(&c->u->bytes, &(struct work_record){.kind = w->kind,
						 .session = w->session,
						 .runs = buf_slice(&runs),
						 .arg = w->arg,
						 .user = w->user});
	update_record_end(c->u, r);
	buf_release(&runs);
}

static int by_first(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

struct work *work_new(
	struct core *c, uint64_t seq, const struct work_record *rec, struct runs_reader *rr)
{
	struct work *w = xcalloc(1, sizeof(*w));

	w->seq = seq;
	w->kind = rec->kind;
	w->session = rec->session;
	w->user = rec->user;
	w->arg = rec->arg;
	w->runs = xcalloc(rr->left ? rr->left : 1, sizeof(*w->runs));
	while (runs_reader_next(rr, &w->runs[w->nruns]))
		w->nruns++;
	if (w->kind == WORK_RETRY) {
		qsort(w->runs, w->nruns, sizeof(*w->runs), by_first);
		map64_init(&w->blocked);
		c->nretries++;
	}
	list_push_back(&c->works, &w->in_works);
	return w;
}

void work_free(struct core *c, struct work *w)
{
	list_remove(&w->in_works);
	if (w->kind == WORK_RETRY) {
		map64_release(&w->blocked);
		c->nretries--;
	}
	free(w->climb);
	free(w->runs);
	free(w);
}

/* One's own tasks, until there are roles. */
static bool may_act(const struct work *w, const struct block *b)
{
	return w->user == WORK_ANY_USER || w->user == b->user;
}

static void forget_one(struct core *c, struct work *w, struct place p, uint32_t *budget)
{
	const struct task *t = task_peek(p.block, p.idx);
	uint64_t id = block_id(p.block, p.idx);

	if (!task_state_is_final(block_state(p.block, p.idx)) && !(t && t->remake))
		return;
	if (hold_drop_all(c, p.block, p.idx, budget))
		return;
	if (w->nkept++ == 0)
		w->kept = id;
}

/* False: the budget is used up before it is done. */
static bool do_one(struct core *c, struct work *w, struct place p, uint32_t *budget)
{
	struct session *s = map64_get_ptr(&c->sessions, w->session);
	enum task_state state = block_state(p.block, p.idx);

	if (state == TASK_GONE || block_is_hidden(p.block))
		return true;
	if (w->kind == WORK_RELEASE) {
		if (s)
			hold_release(c, s, p.block, p.idx);
		return true;
	}
	if (!may_act(w, p.block))
		return true;
	if (w->kind == WORK_CANCEL)
		cancel_one(c, p.block, p.idx, CAUSE_CANCELLED);
	else if (w->kind == WORK_RETRY)
		return retry_one(c, w, p, budget);
	else if (w->kind == WORK_FORGET)
		forget_one(c, w, p, budget);
	else if (!task_state_is_final(state))
		priority_set(c, p.block, p.idx, (int32_t)w->arg);
	return true;
}

/* All tasks of the block at once, where that can be done. */
static bool do_block(struct core *c, const struct work *w, struct block *b)
{
	return w->kind == WORK_PRIORITY && b->count > 1 && may_act(w, b) && !block_is_hidden(b) &&
	       priority_set_all(c, b, (int32_t)w->arg);
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
		if (!place_of(c, r->first + w->done, &p)) {
			uint64_t gap = place_gap(c, r->first + w->done);

			w->done += gap < r->count - w->done ? gap : r->count - w->done;
		} else if (p.idx == 0 && r->count - w->done >= p.block->count &&
			   do_block(c, w, p.block)) {
			w->done += p.block->count;
		} else if (do_one(c, w, p, budget)) {
			w->done++;
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
		work_free(c, w);
	}
	return !list_is_empty(&c->works);
}

uint64_t runs_size(struct runs_reader rr)
{
	uint64_t n = 0;
	struct run r;

	while (n <= STEP_BUDGET && runs_reader_next(&rr, &r))
		n += r.count;
	return n;
}

void work_begin(struct core *c, struct work *w, uint64_t size, uint64_t *kept, uint64_t *first)
{
	uint32_t budget = STEP_BUDGET * 2;

	c->u->more = true;
	if (size <= STEP_BUDGET)
		work_run(c, w, &budget);
	*kept = w->nkept;
	*first = w->kept;
	if (w->at == w->nruns || (w->at + 1 == w->nruns && w->done >= w->runs[w->at].count)) {
		work_free(c, w);
		return;
	}
	w->seq = c->counters.next_work++;
	c->counters_dirty = true;
	work_write(c, w);
}

void runs_request(struct core *c, const struct event *e, enum work_kind kind)
{
	struct work_record rec = {.kind = kind};
	struct runs_reader rr;
	struct session *s;
	const char *why = NULL;
	uint64_t kept, first;
	uint64_t size;

	if (!request_begin(c, e, &s))
		return;
	if (!runs_reader_init(&rr, e->runs, &why)) {
		reply_stored(c, s, e->conn, DQ_E_USAGE, why, slice_empty(), slice_empty());
		return;
	}
	reply_plain(c, s, e->conn);
	rec.session = s->number;
	rec.user = s->user->number;
	size = runs_size(rr);
	work_begin(c, work_new(c, 0, &rec, &rr), size, &kept, &first);
}
