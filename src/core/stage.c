/*
 * Graphs in parts (D9): a submit that comes in several requests and is seen whole or not at all.
 *
 * Its parts are blocks that are hidden: their tasks wait, tied to what they depend on, but are in
 * no count, and no key or id leads to them. The commit makes the whole live at once, by the
 * deletion of the records that held its parts back. Later steps then make ready what waits for
 * nothing, and doom what depends on something that ended badly meanwhile. A graph that is given up,
 * refused in one of its parts, or whose session ends is dead at once, by the deletion of its head;
 * later steps take its parts away, the last one first.
 */
#include "core/impl.h"
#include "core/timer.h"

#include "model/decode.h"

static struct stage *stage_new(struct session *s, uint32_t session, uint64_t number)
{
	struct stage *st = xcalloc(1, sizeof(*st));

	st->of = s;
	st->session = session;
	st->number = number;
	list_init(&st->parts);
	list_init(&st->in_stages);
	return st;
}

void stage_free(struct stage *st)
{
	ensure(list_is_empty(&st->parts));
	list_remove(&st->in_stages);
	free(st->detach);
	free(st->bare);
	free(st);
}

/* Records of its own that no block goes with. */
static void records_drop(struct core *c, struct stage *st)
{
	if (st->stored)
		update_delete(c->u, RECORD_STAGE, st->session, 0);
	for (uint32_t i = 0; i < st->nbare; i++)
		update_delete(c->u, RECORD_STAGE, st->session, st->bare[i]);
	st->stored = false;
	st->nbare = 0;
	c->u->seal = true;
}

/* Its parts are gone, or live like others. */
static void stage_over(struct core *c, struct stage *st)
{
	if (st->state == STAGE_DEAD && st->of)
		st->of->ndying--;
	records_drop(c, st);
	stage_free(st);
}

void stage_forget_block(struct block *b)
{
	struct stage *st = b->stage;

	if (st->state == STAGE_LIVE && st->parts.next == &b->in_stage)
		st->at = 0;
	list_remove(&b->in_stage);
	b->stage = NULL;
}

static void push(uint64_t **v, uint32_t *n, uint32_t *cap, uint64_t id)
{
	if (*n == *cap) {
		*cap = *cap ? *cap * 2 : 16;
		*v = xreallocarray(*v, *cap, sizeof(uint64_t));
	}
	(*v)[(*n)++] = id;
}

/* ---- parts ---- */

bool stage_for_part(struct core *c, struct session *s, const struct event *e, struct stage **out,
	uint32_t *code, const char **why)
{
	if (e->submit.flags & SUBMIT_BEGIN) {
		if (s->stage)
			stage_kill(c, s->stage);
		s->stage = stage_new(s, s->number, e->seq);
	}
	*out = s->stage;
	if (!*out) {
		*code = DQ_E_REFUSED;
		*why = "another part of the graph was refused";
		return false;
	}
	*code = DQ_E_LIMIT;
	if (s->stage->nparts >= LIMIT_GRAPH_PARTS)
		*why = limit_text(LIMIT_INDEX_GRAPH_PARTS);
	else if (s->stage->bytes + e->submit.body.n > LIMIT_GRAPH_BYTES)
		*why = limit_text(LIMIT_INDEX_GRAPH_BYTES);
	else
		return true;
	return false;
}

void stage_add(struct stage *st, struct block *b)
{
	ensure(!b->stage);
	b->stage = st;
	list_push_back(&st->parts, &b->in_stage);
}

void stage_born(struct core *c, struct block *b, uint32_t idx, enum task_state as, uint8_t flags)
{
	ensure(b->state[idx] == 0 || c->loading);
	ensure(as == TASK_WAITING || as == TASK_GONE);
	b->state[idx] = (uint8_t)(as | flags);
	if (as == TASK_GONE)
		b->live--;
	else
		task_start(c, b, idx);
}

bool stage_may_detach(const struct stage *st, uint64_t more)
{
	return st->ndetach + more <= HOLD_TASKS_MAX;
}

void stage_detach(struct core *c, struct stage *st, struct block *b, uint32_t idx)
{
	if (b->state[idx] & TASK_DETACHED)
		return;
	hold_take(c, st->of, b, idx);
	push(&st->detach, &st->ndetach, &st->detach_cap, block_id(b, idx));
}

static void record_write(
	struct core *c, const struct stage *st, uint64_t first, const struct stage_record *rec)
{
	struct record *r = update_record(c->u, RECORD_STAGE, st->session, first);

	stage_record_encode(&c->u->bytes, rec);
	update_record_end(c->u, r);
}

void stage_took(struct core *c, struct stage *st, const struct event *e, uint64_t first, bool made)
{
	struct stage_record rec = {
		.number = st->number, .tasks = e->submit.count, .bytes = e->submit.body.n};

	rec.detach = slice_of(st->ndetach > st->told ? (void *)(st->detach + st->told) : NULL,
		(st->ndetach - st->told) * sizeof(uint64_t));
	if (!made)
		rec.tasks = 0;
	if (made || rec.detach.n)
		record_write(c, st, first, &rec);
	if (!made && rec.detach.n)
		push(&st->bare, &st->nbare, &st->bare_cap, first);
	st->told = st->ndetach;
	st->nparts++;
	st->tasks += e->submit.count;
	st->bytes += rec.bytes;
	rec.tasks = st->tasks;
	rec.bytes = st->bytes;
	rec.detach = slice_empty();
	record_write(c, st, 0, &rec);
	st->stored = true;
}

/* ---- the end of a stage ---- */

/* No longer the one that its session adds to. */
static void stage_shut(struct core *c, struct stage *st, enum stage_state state)
{
	ensure(st->state == STAGE_OPEN);
	st->state = state;
	st->at = 0;
	if (st->of)
		st->of->stage = NULL;
	records_drop(c, st);
	list_push_back(&c->stages, &st->in_stages);
	c->u->more = true;
}

void stage_kill(struct core *c, struct stage *st)
{
	if (st->of)
		st->of->ndying++;
	stage_shut(c, st, STAGE_DEAD);
}

/* Its parts come last in the order of submits, so that a list that somebody is reading part by part
 * has all of them still before it. */
static void come_alive(struct core *c, struct stage *st)
{
	stage_shut(c, st, STAGE_LIVE);
	for (struct list *l = st->parts.next; l != &st->parts; l = l->next) {
		struct block *b = container_of(l, struct block, in_stage);

		c->counts[TASK_WAITING] += b->live;
		update_delete(c->u, RECORD_STAGE, st->session, b->first);
		b->order = ++c->counters.order;
		list_remove(&b->in_order);
		list_push_back(&c->blocks, &b->in_order);
	}
	c->counters_dirty = true;
	for (uint32_t i = 0; i < st->ndetach; i++) {
		struct place p;

		if (place_of(c, st->detach[i], &p) && block_state(p.block, p.idx) != TASK_GONE)
			hold_detach(c, p.block, p.idx);
	}
}

void stage_end(struct core *c, struct session *s, const struct event *e)
{
	struct stage *st = s->stage;
	const char *why = NULL;

	if (e->submit.flags == (SUBMIT_STAGED | SUBMIT_ABORT)) {
		if (st)
			stage_kill(c, st);
	} else if (e->submit.flags != (SUBMIT_STAGED | SUBMIT_COMMIT)) {
		why = "SUBMIT: flags that do not go together";
	} else if (!st) {
		why = "another part of the graph was refused";
	} else if (st->tasks != e->submit.count) {
		why = "parts of the graph are missing";
	} else {
		come_alive(c, st);
	}
	if (!why) {
		reply_plain(c, s, e->conn);
		return;
	}
	if (s->stage)
		stage_kill(c, s->stage);
	reply_stored(c, s, e->conn, DQ_E_REFUSED, why, slice_empty(), slice_empty());
}

/* ---- alive: its tasks begin ---- */

/* Nothing to wait for, or a dependency that ended badly while the graph was not there. */
static bool may_begin(struct core *c, struct block *b, uint32_t idx, uint32_t *budget)
{
	uint32_t n;
	const uint64_t *deps = block_deps(b, idx, &n);
	struct task *t = task_peek(b, idx);

	*budget -= n < *budget ? n : *budget;
	for (uint32_t i = 0; i < n; i++) {
		struct place p;
		enum task_state s;

		ensure(place_of(c, deps[i], &p));
		s = block_state(p.block, p.idx);
		if (!task_state_is_final(s) || s == TASK_DONE ||
			task_terms(c, b, idx)->on_dep_failure == DEP_RUN)
			continue;
		t->waiting_on++;
		doom(c, block_id(b, idx), s, CAUSE_DEPENDENCY, root_of(c, deps[i]));
		return false;
	}
	return !t || t->waiting_on == 0;
}

/* True: it is ready. */
static bool begin(struct core *c, struct block *b, uint32_t idx, uint32_t *budget)
{
	if (block_state(b, idx) != TASK_WAITING)
		return false;
	if (may_begin(c, b, idx, budget))
		task_move(c, b, idx, start_state(c, b, idx));
	else if (b->terms)
		timer_follow(c, b, idx);
	return block_state(b, idx) == TASK_READY;
}

static void begin_some(struct core *c, struct stage *st, uint32_t *budget)
{
	struct block *b = container_of(st->parts.next, struct block, in_stage);
	uint32_t run = 0, n = 0;

	for (; st->at < b->count && *budget; st->at++) {
		(*budget)--;
		if (begin(c, b, st->at, budget)) {
			run = n++ ? run : st->at;
		} else if (n) {
			ready_push(c, b, run, n, false);
			n = 0;
		}
	}
	if (n)
		ready_push(c, b, run, n, false);
	if (st->at == b->count)
		stage_forget_block(b);
}

/* ---- dead: its parts go ---- */

static void edges_free(struct core *c, struct task *t, uint32_t *budget)
{
	while (t->dependents) {
		uint32_t e = t->dependents;

		t->dependents = c->edges[e].next;
		c->edges[e].next = c->edge_free;
		c->edge_free = e;
		*budget -= *budget > 0;
	}
}

/* The task lets go of its key and of what it depends on. */
static void untie(struct core *c, struct block *b, uint32_t idx, uint32_t *budget)
{
	uint32_t n;
	const uint64_t *deps = block_deps(b, idx, &n);
	struct task *t = task_peek(b, idx);

	if (block_state(b, idx) == TASK_GONE)
		return;
	if (b->keys && !(b->flags & BLOCK_ARRAY))
		key_free(c, b, idx);
	if (!t)
		return;
	edges_free(c, t, budget);
	t->waiting_on = 0;
	if (!t->keeps_deps)
		return;
	t->keeps_deps = false;
	*budget -= n < *budget ? n : *budget;
	for (uint32_t i = 0; i < n; i++) {
		struct place p;
		struct task *d;

		ensure(place_of(c, deps[i], &p));
		d = task_peek(p.block, p.idx);
		if (block_is_hidden(p.block))
			d->users--;
		else
			users_drop(c, d);
	}
}

static void remove_some(struct core *c, struct stage *st, uint32_t *budget)
{
	struct block *b = container_of(st->parts.prev, struct block, in_stage);

	for (; st->at < b->count && *budget; st->at++) {
		(*budget)--;
		untie(c, b, (uint32_t)(b->count - 1) - st->at, budget);
	}
	if (st->at < b->count)
		return;
	update_delete(c->u, RECORD_STAGE, st->session, b->first);
	block_erase(c, b);
	st->at = 0;
	c->u->seal = true;
}

bool stages_work(struct core *c, uint32_t *budget)
{
	while (!list_is_empty(&c->stages) && *budget) {
		struct stage *st = container_of(c->stages.next, struct stage, in_stages);

		while (!list_is_empty(&st->parts) && *budget) {
			if (st->state == STAGE_LIVE)
				begin_some(c, st, budget);
			else
				remove_some(c, st, budget);
		}
		if (list_is_empty(&st->parts))
			stage_over(c, st);
	}
	return !list_is_empty(&c->stages);
}

/* ---- a start ---- */

/* The stage that the part belongs to: the session's open one, or one that is being removed. */
static struct stage *stage_of_part(
	struct core *c, struct session *s, uint32_t session, uint64_t number)
{
	struct stage *st = s ? s->stage : NULL;

	if (st && st->number == number)
		return st;
	for (struct list *l = c->stages.next; l != &c->stages; l = l->next) {
		st = container_of(l, struct stage, in_stages);
		if (st->session == session && st->number == number)
			return st;
	}
	st = stage_new(s, session, number);
	st->state = STAGE_DEAD;
	if (s)
		s->ndying++;
	list_push_back(&c->stages, &st->in_stages);
	return st;
}

/* Of a session that is no more, it is only there to be removed. */
static void load_head(
	struct core *c, struct session *s, uint32_t session, const struct stage_record *r)
{
	struct stage *st = s && !s->closing ? stage_new(s, session, r->number)
					    : stage_of_part(c, s, session, r->number);

	if (st->state == STAGE_OPEN)
		s->stage = st;
	st->tasks = r->tasks;
	st->bytes = r->bytes;
	st->stored = true;
}

bool core_load_stage(struct core *c, uint32_t session, uint64_t first, const struct stage_record *r,
	const char **why)
{
	struct session *s = map64_get_ptr(&c->sessions, session);
	struct stage *st;
	struct place p;
	bool there;

	if (!first) {
		load_head(c, s, session, r);
		return true;
	}
	there = place_of(c, first, &p);
	if (there && (p.idx || p.block->session != session || p.block->stage)) {
		*why = "a part of a graph that is no block";
		return false;
	}
	st = stage_of_part(c, s, session, r->number);
	st->nparts++;
	for (size_t i = 0; i < r->detach.n; i += sizeof(uint64_t))
		push(&st->detach, &st->ndetach, &st->detach_cap,
			le_get(r->detach.p + i, sizeof(uint64_t)));
	st->told = st->ndetach;
	if (there) {
		stage_add(st, p.block);
	} else {
		push(&st->bare, &st->nbare, &st->bare_cap, first);
		st->broken = st->broken || r->tasks;
	}
	return true;
}

void stage_settle(struct core *c, struct block *b, uint32_t idx, bool broken)
{
	b->stage->broken = b->stage->broken || broken;
	if (block_state(b, idx) == TASK_GONE)
		return;
	if (broken)
		b->state[idx] |= TASK_WAITING;
	else
		stage_born(c, b, idx, TASK_WAITING, b->state[idx]);
}

void stages_load_end(struct core *c)
{
	struct map64_iter it = {0};
	uint64_t number;
	void *p;

	while (map64_next_ptr(&c->sessions, &it, &number, &p)) {
		struct session *s = p;

		if (s->stage && s->stage->broken)
			stage_kill(c, s->stage);
	}
}
