/*
 * Values that are on workers only: who has a copy, what happens when the last is lost, and making a
 * value again (remake, D1, D2). A remake keeps the task DONE for everybody; inside it goes through
 * waiting, ready and leased with task.remake set.
 */
#include "core/impl.h"
#include "core/past.h"

bool value_is_lost(const struct task *t)
{
	return t->held_value && t->ncopies == 0;
}

bool remake_allowed(const struct task *t)
{
	uint8_t o = block_option(t->block, t->idx);

	return !(o & OPTION_ONCE) && (!(o & OPTION_EXEC) || o & OPTION_RECOMPUTE);
}

bool remake_possible(const struct task *t)
{
	uint32_t n;

	block_deps(t->block, t->idx, &n);
	/* without its lineage the store has lost what it was made from */
	return remake_allowed(t) && (!n || t->keeps_deps);
}

void copy_add(struct core *c, struct task *t, struct worker *w)
{
	(void)c;
	for (uint32_t i = 0; i < t->ncopies; i++)
		if (t->copies[i] == w)
			return;
	if (t->ncopies == ROW_HOLDERS)
		return;
	t->copies[t->ncopies++] = w;
	ensure(map64_put(&w->held, task_own_id(t), 1));
	w->held_bytes += t->size;
}

void copy_remove(struct core *c, struct task *t, struct worker *w)
{
	(void)c;
	for (uint32_t i = 0; i < t->ncopies; i++) {
		if (t->copies[i] != w)
			continue;
		t->copies[i] = t->copies[--t->ncopies];
		map64_remove(&w->held, task_own_id(t), NULL);
		w->held_bytes -= t->size;
		return;
	}
}

/* Tells the workers that hold the value to drop it. */
void copies_free(struct core *c, struct task *t)
{
	while (t->ncopies) {
		struct worker *w = t->copies[0];

		if (w->conn) {
			struct send *s = update_send(c->u, SEND_FREE, w->conn);

			s->id = task_own_id(t);
			s->generation = t->generation;
		}
		copy_remove(c, t, w);
	}
}

/* From now on it is lost, as one of which no worker has a copy. */
void value_spoilt(struct core *c, const struct event *e)
{
	struct place p;
	struct task *t = place_of(c, e->get.id, &p) ? task_peek(p.block, p.idx) : NULL;

	if (!t || !t->stored || t->generation != e->seq)
		return;
	t->stored = false;
	t->held_value = true;
	update_delete(c->u, RECORD_VALUE, e->get.id, t->generation);
	c->u->seal = true;
}

void getters_answer(struct core *c, struct task *t, uint32_t code, const char *text)
{
	while (t->getters) {
		struct getter *g = t->getters;
		struct send *s = update_send(c->u, SEND_VALUE, g->conn);
		struct conn *conn = conn_get(c, g->conn);

		if (conn)
			conn->ngetters--;
		t->getters = g->next;
		s->seq = g->request;
		s->id = task_own_id(t);
		s->generation = t->generation;
		s->code = code;
		s->text = text;
		free(g);
	}
}

/* The value is there, or none is needed. */
static bool is_there(
	const struct core *c, const struct block *b, uint32_t idx, const struct task *d)
{
	enum task_state s = task_state(d);

	if (value_is_lost(d))
		return false;
	return s == TASK_DONE || d->remake ||
	       (task_state_is_final(s) && task_terms(c, b, idx)->on_dep_failure == DEP_RUN);
}

/* t waits for the value of d if it has to be made again first, or if a user began d anew: false
 * when it will not be there. */
static bool await(struct core *c, struct task *t, struct task *d)
{
	if (is_there(c, t->block, t->idx, d))
		return true;
	if (value_is_lost(d) ? !remake(c, d) : task_state_is_final(task_state(d)))
		return false;
	edge_add(c, d, t);
	t->waiting_on++;
	return true;
}

static struct task *dep_of(struct core *c, uint64_t id)
{
	struct place p;

	ensure(place_of(c, id, &p));
	return task_get(c, p.block, p.idx);
}

/* What is lost of its inputs is made again first. */
void remake_inputs(struct core *c, struct task *t)
{
	uint32_t n;
	const uint64_t *deps = block_deps(t->block, t->idx, &n);

	ensure(t->remake && t->waiting_on > 0);
	for (uint32_t i = 0; i < n; i++)
		if (!await(c, t, dep_of(c, deps[i])))
			t->hopeless = true;
	task_unblock(c, t);
}

/* What the row says of its end is said here, since the row will tell of the next one. */
static void past_of_loss(struct core *c, struct task *t)
{
	if (t->finished_us)
		past_add(c, t,
			&(struct past_event){.kind = PAST_DONE,
				.time_us = t->finished_us,
				.started_us = t->started_us});
	t->finished_us = 0;
	past_add(c, t, &(struct past_event){.kind = PAST_VALUE_LOST});
}

bool remake(struct core *c, struct task *t)
{
	uint32_t n;
	const uint64_t *deps = block_deps(t->block, t->idx, &n);
	bool deep = false;

	ensure(value_is_lost(t));
	if (t->remake)
		return true;
	if (!remake_possible(t))
		return false;
	past_of_loss(c, t);
	t->remake = true;
	t->hopeless = false;
	t->waiting_on = 1; /* until remake_inputs() */
	task_move(c, t->block, t->idx, TASK_WAITING);
	for (uint32_t i = 0; i < n; i++) {
		struct task *d = dep_of(c, deps[i]);

		users_add(c, d);
		deep = deep || value_is_lost(d);
	}
	if (!deep) {
		remake_inputs(c, t);
		return t->remake;
	}
	/* by a later step, not by going down a lineage that may be long */
	doom(c, task_own_id(t), TASK_DONE, CAUSE_LOST, 0);
	c->u->more = true;
	return true;
}

/* The remake is over: the value is there again, or wanting it fails. */
void remake_end(struct core *c, struct task *t, bool ok)
{
	uint32_t n;
	const uint64_t *deps = block_deps(t->block, t->idx, &n);
	struct block *b = t->block;
	uint32_t idx = t->idx;

	if (t->worker)
		lease_drop(c, t, false);
	task_move(c, b, idx, TASK_DONE);
	t->remake = false;
	dependents_wake(c, t, task_own_id(t));
	for (uint32_t i = 0; i < n; i++)
		users_drop(c, dep_of(c, deps[i]));
	if (ok && !t->held_value && t->keeps_deps)
		lineage_drop(c, t);
	getters_answer(
		c, t, ok ? DQ_E_OK : DQ_E_LOST, "the result is lost and could not be made again");
	c->u->seal = true;
	c->u->more = true;
	if (keep_may(b, idx))
		keep_begin(c, b, idx, false);
	/* its row has another end now */
	if (keep_is_on(b, idx))
		gone_mark(c, b, idx);
	maybe_forget(c, b, idx);
}

bool inputs_there(struct core *c, struct block *b, uint32_t idx)
{
	uint32_t n;
	const uint64_t *deps = block_deps(b, idx, &n);
	struct task *t = NULL;
	bool hopeless = false;
	uint64_t blame = 0;
	enum task_state end = TASK_DONE;

	for (uint32_t i = 0; i < n; i++) {
		struct task *d = dep_of(c, deps[i]);

		if (is_there(c, b, idx, d))
			continue;
		if (!t) {
			t = task_get(c, b, idx);
			task_move(c, b, idx, TASK_WAITING);
		}
		if (!await(c, t, d)) {
			hopeless = true;
			blame = deps[i];
			end = task_state(d);
		}
	}
	if (!t)
		return true;
	if (hopeless && !t->remake) {
		doom(c, block_id(b, idx), end == TASK_CANCELLED ? TASK_CANCELLED : TASK_FAILED,
			end == TASK_DONE ? CAUSE_LOST : CAUSE_DEPENDENCY,
			end == TASK_DONE ? blame : root_of(c, blame));
	} else if (hopeless) {
		t->hopeless = true;
		t->waiting_on++;
		task_unblock(c, t);
	} else if (t->waiting_on == 0) {
		/* what was lost could not be waited for, and is there: as a dependency that ended
		 * while this looked */
		t->waiting_on = 1;
		task_unblock(c, t);
	}
	c->u->more = true;
	return false;
}

/* The value is there, or will not be: VALUE says which. */
static void value_now(struct core *c, const struct event *e, const struct task *t)
{
	struct send *s = update_send(c->u, SEND_VALUE, e->conn);
	struct place p;

	s->seq = e->seq;
	s->id = e->get.id;
	if (!place_shown(c, e->get.id, &p) || !conn_may_see(c, conn_get(c, e->conn), p.block) ||
		block_state(p.block, p.idx) == TASK_GONE) {
		s->code = DQ_E_GONE;
		s->text = "there is no such task any more";
	} else if (t && value_is_lost(t)) {
		s->code = DQ_E_LOST;
		s->text = "the result is lost and may not be made again";
	} else if (!task_state_is_final(block_state(p.block, p.idx))) {
		s->code = DQ_E_USAGE;
		s->text = "the task has not ended";
	} else {
		s->generation = block_generation(p.block, p.idx);
	}
}

void get(struct core *c, const struct event *e)
{
	struct conn *conn = conn_get(c, e->conn);
	struct task *t = NULL;
	struct getter *g;
	struct place p;

	if (!conn)
		conn = conn_new(c, e->conn, CONN_LOOK);
	if (place_shown(c, e->get.id, &p) && conn_may_see(c, conn, p.block))
		t = task_peek(p.block, p.idx);
	if (!t || !value_is_lost(t) || (!t->remake && !remake(c, t))) {
		value_now(c, e, t);
		return;
	}
	if (conn->ngetters >= LIMIT_GETS) {
		conn_refuse(c, e->conn, DQ_E_LIMIT, limit_text(LIMIT_INDEX_GETS));
		return;
	}
	conn->ngetters++;
	g = xcalloc(1, sizeof(*g));
	*g = (struct getter){.next = t->getters, .conn = e->conn, .request = e->seq};
	t->getters = g;
	c->u->more = true;
}
