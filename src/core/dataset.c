/*
 * Datasets: a name for tasks, which it holds until it is removed. Its tasks never change. What it
 * names is checked as one step, so that there is a bound on how much one deal publishes and
 * removes.
 */
#include "core/topic.h"

static bool is_there(const struct core *c, const struct user *u, uint64_t id)
{
	struct place p;

	return place_shown(c, id, &p) && block_state(p.block, p.idx) != TASK_GONE &&
	       p.block->user == u->number;
}

static bool all_there(const struct core *c, const struct user *u, const struct run *r)
{
	for (uint64_t i = 0; i < r->count; i++)
		if (!is_there(c, u, r->first + i))
			return false;
	return true;
}

static bool resolve(const struct dealing *d, const struct deal_member *m, struct run *out)
{
	*out = m->run;
	return m->run.count || core_resolve(d->c, d->user->number, m->key, out);
}

/* The deal has so many more tasks to look at. */
static bool check_tasks(struct dealing *d, uint64_t n)
{
	if (n > LIMIT_DATASET_TASKS || d->tasks + n > LIMIT_DATASET_TASKS)
		return deal_refuse(
			d, DQ_E_LIMIT, limit_text(LIMIT_INDEX_DATASET_TASKS), slice_empty());
	d->tasks += n;
	return true;
}

static bool check_members(struct dealing *d, const struct deal_op *op)
{
	struct cursor at;

	for (uint32_t n = deal_members(op, &at); n; n--) {
		struct deal_member m;
		struct run run;

		deal_member_next(&at, &m);
		if (!resolve(d, &m, &run))
			return deal_refuse(
				d, DQ_E_NOT_FOUND, "there is no such task to publish: ", m.key);
		if (!check_tasks(d, run.count))
			return false;
		if (!all_there(d->c, d->user, &run))
			return deal_refuse(d, DQ_E_NOT_FOUND,
				"there is no such task to publish, or no more: ",
				m.key.n ? m.key : op->name);
	}
	return true;
}

static bool check_publish(struct dealing *d, struct thing *t, const struct deal_op *op)
{
	if (d->no_room)
		return deal_refuse(d, DQ_E_STORE, "the store is full", slice_empty());
	if (t->then_there)
		return deal_refuse(
			d, DQ_E_CONFLICT, "there is a dataset of this name already: ", op->name);
	if (d->c->shared->then_things >= LIMIT_THINGS)
		return deal_refuse(d, DQ_E_LIMIT, limit_text(LIMIT_INDEX_THINGS), slice_empty());
	if (!check_members(d, op))
		return false;
	d->c->shared->then_things++;
	t->then_there = true;
	return true;
}

bool dataset_check(struct dealing *d, struct thing *t, const struct deal_op *op)
{
	if (op->kind == DEAL_PUBLISH)
		return check_publish(d, t, op);
	if (!t->then_there)
		return deal_refuse(d, DQ_E_NOT_FOUND, "no such dataset: ", op->name);
	if (t->dataset && !check_tasks(d, t->dataset->ntasks))
		return false;
	d->c->shared->then_things--;
	t->then_there = false;
	return true;
}

static void hold_all(struct core *c, const struct dataset *s)
{
	for (uint32_t i = 0; i < s->nruns; i++)
		for (uint64_t k = 0; k < s->runs[i].count; k++)
			hold_pin(c, s->runs[i].first + k);
}

static void record_write(struct core *c, const struct thing *t)
{
	struct record *rec = update_record(c->u, RECORD_THING, t->number, 0);
	struct thing_record r;
	struct buf runs;

	thing_record_of(t, &r);
	buf_init(&runs, LIMIT_FRAME_BYTES);
	runs_encode(&runs, t->dataset->runs, t->dataset->nruns);
	r.dataset.runs = buf_slice(&runs);
	thing_record_encode(&c->u->bytes, &r);
	update_record_end(c->u, rec);
	buf_release(&runs);
	c->u->seal = true;
}

void dataset_publish(struct dealing *d, struct thing *t, const struct deal_op *op)
{
	struct dataset *s = xcalloc(1, sizeof(*s));
	struct cursor at;
	uint32_t n = deal_members(op, &at);

	s->runs = xcalloc(n, sizeof(*s->runs));
	for (; s->nruns < n; s->nruns++) {
		struct deal_member m;

		deal_member_next(&at, &m);
		ensure(resolve(d, &m, &s->runs[s->nruns]));
		s->ntasks += s->runs[s->nruns].count;
	}
	thing_make(d->c, t, d->user);
	t->dataset = s;
	hold_all(d->c, s);
	record_write(d->c, t);
}

void dataset_remove(struct core *c, struct thing *t)
{
	const struct dataset *s = t->dataset;

	for (uint32_t i = 0; i < s->nruns; i++)
		for (uint64_t k = 0; k < s->runs[i].count; k++)
			deal_unpin(c, s->runs[i].first + k);
	dataset_free(t);
	thing_unmake(c, t);
}

void dataset_free(struct thing *t)
{
	if (t->dataset)
		free(t->dataset->runs);
	free(t->dataset);
	t->dataset = NULL;
}

void dataset_view(const struct thing *t, struct core_thing_view *out)
{
	out->dataset.runs = t->dataset->runs;
	out->dataset.nruns = t->dataset->nruns;
	out->dataset.ntasks = t->dataset->ntasks;
}

/* ---- a start ---- */

static bool load_runs(
	struct core *c, struct dataset *s, const struct thing_record *r, const char **why)
{
	struct runs_reader rr;

	ensure(runs_reader_init(&rr, r->dataset.runs, why));
	s->runs = xcalloc(rr.left, sizeof(*s->runs));
	while (runs_reader_next(&rr, &s->runs[s->nruns])) {
		const struct run *run = &s->runs[s->nruns++];
		struct place p;

		*why = "a dataset past its limit";
		if (run->count > LIMIT_DATASET_TASKS)
			return false;
		*why = "a dataset with the future of no task";
		for (uint64_t k = 0; k < run->count; k++)
			if (!place_shown(c, run->first + k, &p) ||
				block_state(p.block, p.idx) == TASK_GONE)
				return false;
		s->ntasks += run->count;
		if (rr.left == 0)
			break;
	}
	return true;
}

bool dataset_load(struct core *c, struct thing *t, const struct thing_record *r, const char **why)
{
	t->dataset = xcalloc(1, sizeof(*t->dataset));
	if (!load_runs(c, t->dataset, r, why)) {
		dataset_free(t);
		return false;
	}
	hold_all(c, t->dataset);
	return true;
}
