/*
 * Retry: a task that failed, was cancelled, or is done with a value that is lost, begins anew when
 * a user asks for it (D2). It is a new round: the next generation, with a row of its own, so that
 * what became of the earlier ones stays as it was. What it needs is begun anew before it:
 * dependencies that failed, or whose value cannot be made again. Its dependents stay as they are.
 *
 * Going up is a climb in steps, with the work's own stack. A task begins anew only when all it
 * needs has, so that wherever a crash cuts the work off, no task waits for one that has failed. A
 * climb that meets a task which is gone ends there: what is below it stays as it is.
 */
#include "core/impl.h"
#include "core/past.h"
#include "core/work.h"

#define LOOK_BUDGET STEP_BUDGET

/* wanted: by name; else only because something needs it. */
static bool is_over(struct place p, bool wanted)
{
	const struct task *t = task_peek(p.block, p.idx);

	switch (block_state(p.block, p.idx)) {
	case TASK_FAILED:
	case TASK_CANCELLED:
		return true;
	case TASK_DONE:
		return t && value_is_lost(t) && (wanted || !remake_possible(t));
	default:
		return false;
	}
}

/* Something wants it, and there is a number for its next round. */
static bool may_begin(struct place p)
{
	const struct task *t = task_peek(p.block, p.idx);

	return block_round(p.block, p.idx) < UINT16_MAX &&
	       (task_is_held(p.block, p.idx) || (t && t->users));
}

static void begin_anew(struct core *c, struct place p)
{
	struct task *t = task_get(c, p.block, p.idx);
	uint16_t round = (uint16_t)(block_round(p.block, p.idx) + !MUTANT(NO_ROUND));

	if (t->keeps_deps)
		lineage_drop(c, t);
	copies_free(c, t);
	past_drop(t);
	block_set_round(p.block, p.idx, round);
	t->generation = block_generation(p.block, p.idx);
	t->held_value = t->suspect = t->hopeless = false;
	t->size = t->checksum = t->started_us = t->finished_us = 0;
	t->attempts = t->deaths = t->failures = t->conflicts = 0;
	t->due_us = 0;
	t->stop = CAUSE_NONE;
	map64_remove(&c->roots, task_own_id(t), NULL);
	past_add(c, t, &(struct past_event){.kind = PAST_RETRIED, .arg = round});
	/* only its retention kept it: who asks for it anew wants its end, session or not */
	if (keep_is_on(p.block, p.idx))
		hold_detach(c, p.block, p.idx);
	if (keep_may(p.block, p.idx))
		keep_anew(c, p.block, p.idx);
	task_move(c, p.block, p.idx, TASK_WAITING);
	watch_again(c, p.block, p.idx);
	row_write(c, t, TASK_LEASED, 0, slice_empty());
	if (round >= ROUNDS_KEPT)
		update_delete(c->u, RECORD_TASK, task_own_id(t), (uint16_t)(round - ROUNDS_KEPT));
	task_start(c, p.block, p.idx);
	if (t->waiting_on == 0)
		task_goes_on(c, t);
	c->u->seal = true;
	c->u->more = true;
}

static void push(struct work *w, uint64_t id)
{
	if (w->nclimb == w->climb_cap) {
		w->climb_cap = w->climb_cap ? w->climb_cap * 2 : 16;
		w->climb = xreallocarray(w->climb, w->climb_cap, sizeof(*w->climb));
	}
	w->climb[w->nclimb++] = (struct climb){.id = id};
}

/* Nothing on the way down from here can begin. */
static void block_climb(struct work *w)
{
	while (w->nclimb)
		ensure(map64_put(&w->blocked, w->climb[--w->nclimb].id, 1));
}

enum need { NEED_NOTHING, NEED_FIRST, NEED_GONE };

/* What the task asks of one of its dependencies. */
static enum need need_of(const struct core *c, const struct work *w, struct place of, uint64_t dep)
{
	struct place p;

	if (!place_of(c, dep, &p) || block_state(p.block, p.idx) == TASK_GONE)
		return NEED_GONE;
	if (!is_over(p, false) ||
		(block_state(p.block, p.idx) != TASK_DONE &&
			task_terms(c, of.block, of.idx)->on_dep_failure == DEP_RUN))
		return NEED_NOTHING;
	if (map64_get(&w->blocked, dep, NULL) || !may_begin(p) ||
		(w->user != WORK_ANY_USER && p.block->user != w->user))
		return NEED_GONE;
	return NEED_FIRST;
}

/* The task on top: a dependency is put above it, or it begins and goes. */
static void climb_on(struct core *c, struct work *w, uint32_t *budget)
{
	struct climb *top = &w->climb[w->nclimb - 1];
	const uint64_t *deps;
	struct place p;
	uint32_t n;

	(*budget)--;
	if (!place_of(c, top->id, &p) || !is_over(p, true)) {
		/* it was forgotten, or begun, meanwhile */
		w->nclimb--;
		return;
	}
	deps = block_deps(p.block, p.idx, &n);
	for (; top->dep < n; top->dep++) {
		switch (need_of(c, w, p, deps[top->dep])) {
		case NEED_NOTHING:
			*budget -= *budget > 0;
			continue;
		case NEED_FIRST:
			push(w, deps[top->dep]);
			return;
		case NEED_GONE:
			block_climb(w);
			return;
		}
	}
	w->nclimb--;
	begin_anew(c, p);
}

bool retry_one(struct core *c, struct work *w, struct place p, uint32_t *budget)
{
	if (!w->nclimb) {
		if (!is_over(p, true) || !may_begin(p) ||
			map64_get(&w->blocked, block_id(p.block, p.idx), NULL))
			return true;
		push(w, block_id(p.block, p.idx));
	}
	while (w->nclimb && *budget)
		climb_on(c, w, budget);
	return !w->nclimb;
}

/* ---- looking before ---- */

/* What the task needs, as far as the budget goes: false when something of it is gone. */
static bool can_climb(const struct core *c, struct work *w, struct map64 *seen, struct place p)
{
	uint32_t budget = LOOK_BUDGET;

	push(w, block_id(p.block, p.idx));
	while (w->nclimb && budget) {
		const uint64_t *deps;
		uint32_t n;

		ensure(place_of(c, w->climb[--w->nclimb].id, &p));
		deps = block_deps(p.block, p.idx, &n);
		for (uint32_t i = 0; i < n && budget; i++, budget--) {
			enum need need = need_of(c, w, p, deps[i]);

			if (need == NEED_GONE)
				return false;
			if (need == NEED_NOTHING || map64_get(seen, deps[i], NULL))
				continue;
			ensure(map64_put(seen, deps[i], 1));
			push(w, deps[i]);
		}
		budget -= budget > 0;
	}
	return true;
}

const char *retry_refusal(struct core *c, const struct session *s, struct place p)
{
	struct work w = {.user = s->user->number};
	struct map64 seen;
	bool ok;

	if (block_state(p.block, p.idx) == TASK_DONE && !is_over(p, true))
		return "it is done, and its result is there";
	if (!is_over(p, true))
		return NULL; /* it has not ended */
	if (!may_begin(p))
		return "it was released, or retried 65535 times";
	map64_init(&seen);
	map64_init(&w.blocked);
	ok = can_climb(c, &w, &seen, p);
	map64_release(&seen);
	map64_release(&w.blocked);
	free(w.climb);
	return ok ? NULL : "what it depends on is no longer there";
}

/* ---- while it is under way ---- */

/* The runs of a retry are in order. */
static bool has_before_it(const struct work *w, uint64_t id)
{
	uint32_t lo = w->at, hi = w->nruns;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (w->runs[mid].first + w->runs[mid].count <= id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < w->nruns && id >= w->runs[lo].first &&
	       (lo > w->at || id - w->runs[lo].first >= w->done);
}

bool retry_is_due(const struct core *c, const struct block *b, uint32_t idx)
{
	struct place p = {(struct block *)b, idx};

	if (!c->nretries || !is_over(p, true))
		return false;
	for (struct list *l = c->works.next; l != &c->works; l = l->next) {
		const struct work *w = container_of(l, struct work, in_works);

		if (w->kind == WORK_RETRY && (w->user == WORK_ANY_USER || w->user == b->user) &&
			has_before_it(w, block_id(b, idx)))
			return true;
	}
	return false;
}
