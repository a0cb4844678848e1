/*
 * The end of a task: its row, its watchers, its dependents, what it held. A bad end dooms the
 * dependents; dooms are worked off in steps, and need no record: a start finds waiting tasks whose
 * dependency ended badly.
 */
#include "core/effects.h"
#include "core/impl.h"
#include "core/past.h"
#include "core/timer.h"

/* worker: the name of the one that the end, or the lease, is from. */
static void row_put(struct core *c, struct task *t, enum task_state state, uint64_t finish_seq,
	struct slice outcome, struct slice worker)
{
	struct task_row row = {.state = state,
		.generation = t->generation,
		.attempts = t->attempts,
		.deaths = t->deaths,
		.finish_seq = finish_seq,
		.finished_us = finish_seq ? c->wall_us : 0,
		.nholders = t->ncopies,
		.outcome = outcome,
		.worker = worker,
		.has_priority = has_own_priority(t->block, t->idx),
		.priority = has_own_priority(t->block, t->idx) ? t->block->priority[t->idx] : 0,
		.past = t->past ? buf_slice(&t->past->bytes) : slice_empty(),
		.failures = t->failures,
		.conflicts = t->conflicts,
		.due_us = task_state_is_final(state) ? 0 : t->due_us,
		.stop = state == TASK_CANCELLING ? t->stop : CAUSE_NONE};
	struct record *r =
		update_record(c->u, RECORD_TASK, task_own_id(t), block_round(t->block, t->idx));

	for (uint32_t i = 0; i < t->ncopies; i++)
		row.holders[i] = t->copies[i]->number;
	task_row_encode(&c->u->bytes, &row);
	update_record_end(c->u, r);
	t->block->state[t->idx] |= TASK_ROW;
}

void row_write(struct core *c, struct task *t, enum task_state state, uint64_t finish_seq,
	struct slice outcome)
{
	row_put(c, t, state, finish_seq, outcome,
		t->worker ? slice_str(t->worker->name) : slice_empty());
}

void doom(struct core *c, uint64_t id, enum task_state state, enum cause cause, uint64_t blame)
{
	if (c->ndoomed == c->doomed_cap) {
		c->doomed_cap = c->doomed_cap ? c->doomed_cap * 2 : 64;
		c->doomed = xreallocarray(c->doomed, c->doomed_cap, sizeof(*c->doomed));
	}
	c->doomed[c->ndoomed++] =
		(struct doom){.id = id, .blame = blame, .state = state, .cause = cause};
}

/* The end of a dependency was not the one that was hoped for. */
static void dep_ended_badly(struct core *c, struct task *t, const struct doom *d)
{
	enum dep_policy policy = task_terms(c, t->block, t->idx)->on_dep_failure;

	if (d->cause == CAUSE_DEPENDENCY && policy == DEP_RUN)
		task_unblock(c, t);
	else if (d->cause == CAUSE_DEPENDENCY && policy == DEP_SKIP)
		finish(c, t, TASK_CANCELLED, d->cause, d->blame);
	else
		finish(c, t, d->state, d->cause, d->blame);
}

static void doom_one(struct core *c, const struct doom *d)
{
	struct place p;

	if (!place_shown(c, d->id, &p))
		return;
	if (d->state == TASK_DONE) {
		remake_inputs(c, task_peek(p.block, p.idx));
	} else if (d->cause == CAUSE_UNHELD) {
		struct task *t = task_peek(p.block, p.idx);

		if (task_is_held(p.block, p.idx) || (t && (t->users || t->getters)))
			return;
		if (task_state_is_final(block_state(p.block, p.idx)))
			maybe_forget(c, p.block, p.idx);
		else
			cancel_one(c, p.block, p.idx, CAUSE_UNHELD);
	} else if (d->cause == CAUSE_CANCELLED) {
		/* its worker went while it was being stopped, and the scheduler with it */
		if (block_state(p.block, p.idx) == TASK_CANCELLING &&
			!task_peek(p.block, p.idx)->worker)
			finish_stopped(c, task_peek(p.block, p.idx), NULL);
	} else if (block_state(p.block, p.idx) == TASK_WAITING) {
		struct task *t = task_get(c, p.block, p.idx);

		if (t->remake) {
			t->hopeless = true;
			task_unblock(c, t);
		} else {
			dep_ended_badly(c, t, d);
		}
	}
}

bool doom_work(struct core *c, uint32_t *budget)
{
	while (c->doom_at < c->ndoomed && *budget) {
		struct doom d = c->doomed[c->doom_at++];

		(*budget)--;
		doom_one(c, &d);
	}
	if (c->doom_at < c->ndoomed)
		return true;
	c->doom_at = c->ndoomed = 0;
	return false;
}

/* One dependency fewer to wait for. */
void task_unblock(struct core *c, struct task *t)
{
	ensure(t->waiting_on > 0 && task_state(t) == TASK_WAITING);
	if (--t->waiting_on)
		return;
	if (t->hopeless) {
		remake_end(c, t, false);
		return;
	}
	task_goes_on(c, t);
}

void task_goes_on(struct core *c, struct task *t)
{
	if (!t->remake && task_is_early(c, t->block, t->idx)) {
		task_move(c, t->block, t->idx, TASK_SCHEDULED);
		return;
	}
	task_move(c, t->block, t->idx, TASK_READY);
	ready_push(c, t->block, t->idx, 1, true);
}

/* A dependent that is not there yet waits for one fewer: how that ended is looked at when it is. */
static bool edge_hidden(struct place p)
{
	struct task *t = task_peek(p.block, p.idx);

	if (!block_is_hidden(p.block))
		return false;
	if (t && t->waiting_on)
		t->waiting_on--;
	return true;
}

static void edge_done(struct core *c, uint64_t id)
{
	struct place p;

	if (place_of(c, id, &p) && block_state(p.block, p.idx) == TASK_WAITING && !edge_hidden(p))
		task_unblock(c, task_peek(p.block, p.idx));
}

static void edge_failed(struct core *c, uint64_t id, const struct task *t, uint64_t root)
{
	enum task_state s = task_state(t);
	struct place p;

	if (place_of(c, id, &p) && !edge_hidden(p))
		doom(c, id, s == TASK_CANCELLED ? TASK_CANCELLED : TASK_FAILED,
			s == TASK_DONE ? CAUSE_LOST : CAUSE_DEPENDENCY, root);
}

/* Tells the dependents that t ended: in order of their submits. */
void dependents_wake(struct core *c, struct task *t, uint64_t root)
{
	enum task_state s = task_state(t);
	uint32_t e = t->dependents, reversed = 0;

	t->dependents = 0;
	while (e) {
		uint32_t next = c->edges[e].next;

		c->edges[e].next = reversed;
		reversed = e;
		e = next;
	}
	for (e = reversed; e;) {
		uint32_t next = c->edges[e].next;
		uint64_t id = c->edges[e].to;

		if (s == TASK_DONE && !value_is_lost(t))
			edge_done(c, id);
		else
			edge_failed(c, id, t, root);
		c->edges[e].next = c->edge_free;
		c->edge_free = e;
		e = next;
	}
}

/* The dependencies of an ended task: dropped, or kept as lineage while its value could only be made
 * again from theirs (D1). */
static void deps_drop(struct core *c, struct task *t)
{
	uint32_t n;
	const uint64_t *deps = block_deps(t->block, t->idx, &n);
	bool lineage = t->held_value && remake_allowed(t);

	if (!t->keeps_deps)
		return;
	t->keeps_deps = lineage;
	for (uint32_t i = 0; i < n; i++) {
		struct place p;
		struct task *d;

		ensure(place_of(c, deps[i], &p));
		d = task_get(c, p.block, p.idx);
		if (lineage)
			d->lineage++;
		users_drop(c, d);
	}
}

uint64_t root_of(const struct core *c, uint64_t id)
{
	uint64_t root = id;

	map64_get(&c->roots, id, &root);
	return root;
}

static const char *text_of(
	const struct core *c, const struct task *t, enum task_state state, enum cause cause)
{
	bool skip = task_terms(c, t->block, t->idx)->on_dep_failure == DEP_SKIP;

	switch (cause) {
	case CAUSE_DEPENDENCY:
		return state == TASK_FAILED ? "a dependency failed"
		       : skip               ? "skipped, for a dependency is not done"
					    : "a dependency was cancelled";
	case CAUSE_DEADLINE:
		return "its deadline came before its end";
	case CAUSE_LOST:
		return "a dependency's result is lost";
	case CAUSE_WORKER:
		return "its worker was lost, and it may not be tried again";
	case CAUSE_POISON:
		return "three workers died while it ran";
	case CAUSE_UNHELD:
		return "nothing wanted it any more";
	case CAUSE_RESCHEDULE:
		return "it asked to be run again, and may have one attempt only";
	default:
		return "";
	}
}

/* made: the outcome does not outlive the call. */
static void end(
	struct core *c, struct task *t, enum task_state state, struct slice outcome, bool made)
{
	struct block *b = t->block;
	uint32_t idx = t->idx;
	struct slice worker = t->worker ? slice_str(t->worker->name) : slice_empty();

	if (t->worker)
		lease_drop(c, t, false);
	task_move(c, b, idx, state);
	t->waiting_on = 0;
	c->counters.finish_seq++;
	c->counters_dirty = true;
	row_put(c, t, state, c->counters.finish_seq, outcome, worker);
	if (b->state[idx] & TASK_WATCHED)
		watch_tell(c, t, task_own_id(t), state, outcome, made);
	dependents_wake(c, t, root_of(c, task_own_id(t)));
	deps_drop(c, t);
	if (t->getters)
		getters_answer(
			c, t, state == TASK_DONE ? DQ_E_OK : DQ_E_TASK_FAILED, "the task failed");
	c->u->seal = true;
	/* another one that nothing holds now was cancelled since nothing wanted it: it goes at once
	 */
	if (b->state[idx] & TASK_DETACHED)
		keep_begin(c, b, idx, true);
	if (!task_is_held(b, idx))
		maybe_forget(c, b, idx);
	else
		task_drop_if_dull(c, t);
}

/* An end that no worker reported. */
void finish_made(struct core *c, struct task *t, const struct outcome *o)
{
	struct buf tmp;

	buf_init(&tmp, OUTCOME_MAX_BYTES);
	outcome_encode(&tmp, o);
	ensure(!tmp.failed);
	end(c, t, o->state, buf_slice(&tmp), true);
	buf_release(&tmp);
}

void finish(struct core *c, struct task *t, enum task_state state, enum cause cause, uint64_t blame)
{
	struct outcome o = {.state = state,
		.cause = cause,
		.blame = blame,
		.message = slice_str(text_of(c, t, state, cause))};

	if (cause == CAUSE_DEPENDENCY && blame)
		ensure(map64_put(&c->roots, task_own_id(t), blame));
	finish_made(c, t, &o);
}

/* Of one whose deadline came, when it ran is kept: the rest of the report is too late. */
void finish_stopped(struct core *c, struct task *t, const struct outcome *report)
{
	struct outcome o = {.state = TASK_FAILED, .cause = CAUSE_DEADLINE};

	if (t->stop != CAUSE_DEADLINE) {
		finish(c, t, TASK_CANCELLED, CAUSE_CANCELLED, 0);
		return;
	}
	o.message = slice_str(text_of(c, t, o.state, o.cause));
	if (report) {
		o.started_us = report->started_us;
		o.run_us = report->run_us;
		o.stderr_tail = report->stderr_tail;
	}
	finish_made(c, t, &o);
}

/* A value that the worker holds for nothing. */
static void value_is_not_wanted(struct core *c, const struct task *t, const struct worker *w)
{
	struct send *s = update_send(c->u, SEND_FREE, w->conn);

	s->id = task_own_id(t);
	s->generation = t->generation;
}

/* The attempt is over and nobody to blame: the worker gave it up, or the task asks for another. */
static void go_back(struct core *c, struct task *t, const struct outcome *o)
{
	if (o->cause == CAUSE_RESCHEDULE && !t->remake &&
		block_option(t->block, t->idx) & OPTION_ONCE) {
		finish(c, t, TASK_FAILED, CAUSE_RESCHEDULE, 0);
		return;
	}
	if (o->cause == CAUSE_REVOKED && !o->started_us && !t->remake) {
		lease_revoked(c, t);
		return;
	}
	if (t->started || o->started_us)
		past_attempt(c, t, o->cause == CAUSE_RESCHEDULE ? PAST_RESCHEDULED : PAST_BACK, o);
	if (o->cause != CAUSE_RESCHEDULE) {
		lease_lost(c, t);
		return;
	}
	if (o->delay_us && !t->remake) {
		t->due_us = c->wall_us + o->delay_us;
		t->block->has_due = true;
	}
	lease_back(c, t);
}

/* What came before the report is the task's value from now on. */
static void store_value(struct core *c, struct task *t)
{
	struct record *r = update_record(c->u, RECORD_VALUE, task_own_id(t), t->generation);

	update_record_end(c->u, r);
	t->stored = true;
}

/* The report of the worker that has the lease. */
void finish_report(struct core *c, struct task *t, struct worker *w, const struct event_lease *item,
	bool no_room)
{
	struct slice outcome = item->outcome;
	struct effects_refusal refusal;
	struct outcome o;
	const char *why;
	enum task_state state;
	bool held;

	ensure(outcome_decode(outcome, &o, &why));
	state = o.state;
	held = o.has_value && !o.is_inline && !o.stored;
	if (!t->started && (state != TASK_CANCELLED || o.started_us))
		t->attempts++;
	if (task_state(t) == TASK_CANCELLING &&
		(state != TASK_CANCELLED || t->stop || o.cause == CAUSE_RESCHEDULE ||
			o.cause == CAUSE_REVOKED)) {
		/* it ended before it could be stopped: stopped all the same, as was promised */
		if (held)
			value_is_not_wanted(c, t, w);
		finish_stopped(c, t, &o);
		return;
	}
	if (state == TASK_CANCELLED && task_state(t) == TASK_LEASED) {
		go_back(c, t, &o);
		return;
	}
	if (state == TASK_FAILED && may_retry(c, t, o.cause)) {
		if (held)
			value_is_not_wanted(c, t, w);
		retry_later(c, t, &o);
		return;
	}
	if (state == TASK_DONE && item->effects.n && !t->remake &&
		!effects_do(c, t, item, no_room, &refusal)) {
		if (held)
			value_is_not_wanted(c, t, w);
		effects_refused(c, t, &o, &refusal);
		return;
	}
	if (t->remake) {
		if (state != TASK_DONE) {
			past_attempt(c, t, PAST_NOT_MADE, &o);
			remake_end(c, t, false);
			return;
		}
		if (!held || o.checksum != t->checksum || o.size != t->size) {
			/* copies that came back meanwhile are of another value */
			copies_free(c, t);
			t->generation = (t->generation & ~0xffffu) | ((t->generation + 1) & 0xffff);
		}
	}
	t->held_value = held;
	t->started_us = o.started_us;
	t->finished_us = c->wall_us;
	t->size = o.size;
	t->checksum = o.checksum;
	if (held)
		copy_add(c, t, w);
	if (o.stored)
		store_value(c, t);
	if (t->remake) {
		row_write(c, t, TASK_DONE, ++c->counters.finish_seq, outcome);
		c->counters_dirty = true;
		remake_end(c, t, true);
	} else {
		end(c, t, state, outcome, false);
	}
}
