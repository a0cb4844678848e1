/*
 * A submit: read and checked whole first (core/intake.c), then done whole, or refused whole with a
 * stored reply. Here the tasks are made.
 */
#include "core/intake.h"
#include "core/timer.h"

#include "codec/pack.h"

static void write_record(struct intake *in, struct block *b)
{
	struct core *c = in->c;
	struct block_record rec = {.first = in->first,
		.count = in->count,
		.flags = in->e->submit.flags & BLOCK_ARRAY,
		.session = in->home,
		.seq = intake_is_dealt(in) ? 0 : in->e->seq,
		.user = in->user->number,
		.order = b->order,
		.submitted_us = c->wall_us,
		.ns = in->ns,
		.deps = slice_of(c->scratch_deps, in->ndeps * sizeof(uint64_t)),
		.body = in->e->submit.body};
	struct record *r = update_record(c->u, RECORD_BLOCK, in->first, 0);

	block_record_encode(&c->u->bytes, &rec);
	update_record_end(c->u, r);
}

/* Ties a new task to its dependencies; ready, waiting, or doomed. */
void task_start(struct core *c, struct block *b, uint32_t idx)
{
	uint32_t n;
	const uint64_t *deps = block_deps(b, idx, &n);
	struct task *t;

	if (n == 0)
		return;
	t = task_get(c, b, idx);
	t->keeps_deps = true;
	for (uint32_t i = 0; i < n; i++) {
		struct place p;
		struct task *d;

		ensure(place_of(c, deps[i], &p));
		d = task_get(c, p.block, p.idx);
		users_add(c, d);
		if (!task_state_is_final(task_state(d))) {
			if (!d->remake || value_is_lost(d)) {
				edge_add(c, d, t);
				t->waiting_on++;
			}
		} else if (task_state(d) != TASK_DONE && !block_is_hidden(b) &&
			   task_terms(c, b, idx)->on_dep_failure != DEP_RUN) {
			doom(c, block_id(b, idx),
				task_state(d) == TASK_FAILED ? TASK_FAILED : TASK_CANCELLED,
				CAUSE_DEPENDENCY, root_of(c, deps[i]));
			c->u->more = true;
			t->waiting_on++;
		}
	}
}

static uint8_t birth_flags(const struct intake *in, uint32_t i)
{
	if (in->detached[in->array ? 0 : i])
		return TASK_DETACHED;
	return intake_is_dealt(in) ? 0 : TASK_HELD;
}

/* What a running task submits goes before the rest, so that trees of tasks are worked off depth
 * first, and few wait at a time. */
static bool is_inner(const struct intake *in)
{
	return !in->s || in->s->attempt;
}

/* The usual case: nothing to wait for, all alike. Only elements of an array have a time, in common.
 */
static void give_birth_alike(struct intake *in, struct block *b)
{
	struct core *c = in->c;
	enum task_state s = start_state(c, b, 0);

	memset(b->state, s | birth_flags(in, 0), in->count);
	c->counts[s] += in->count;
	if (b->terms)
		timer_follow(c, b, 0);
	if (s != TASK_READY)
		return;
	demand_born(c, b, 0, (uint32_t)in->count);
	ready_push(c, b, 0, (uint32_t)in->count, is_inner(in));
}

static void born(struct intake *in, struct block *b, uint32_t i)
{
	struct core *c = in->c;
	uint32_t n;

	if (!in->array && in->alias[i]) {
		task_born(c, b, i, TASK_GONE, 0);
		return;
	}
	block_deps(b, i, &n);
	task_born(c, b, i, n ? TASK_WAITING : start_state(c, b, i), birth_flags(in, i));
	if (!n)
		return;
	task_start(c, b, i);
	if (task_peek(b, i)->waiting_on == 0)
		task_move(c, b, i, start_state(c, b, i));
}

/* Those of a part: they wait for the commit, whatever they depend on. */
static void lie_hidden(struct intake *in, struct block *b)
{
	stage_add(in->stage, b);
	for (uint32_t i = 0; i < in->count; i++) {
		bool alias = !in->array && in->alias[i];

		stage_born(in->c, b, i, alias ? TASK_GONE : TASK_WAITING,
			alias ? 0 : birth_flags(in, i));
		if (alias)
			gone_mark(in->c, b, i);
	}
}

/* Births of a block's tasks; consecutive ready ones are one run. */
void block_push_ready(struct core *c, struct block *b, bool front)
{
	uint32_t n = 0, count = (uint32_t)b->count;

	/* to the front in reverse, as each run goes before the last one */
	for (uint32_t k = 0; k <= count; k++) {
		uint32_t i = front ? count - 1 - k : k;

		if (k < count && block_state(b, i) == TASK_READY) {
			n++;
		} else if (n) {
			ready_push(c, b, front ? i + 1 : i - n, n, front);
			n = 0;
		}
	}
}

static bool all_alike(const struct intake *in)
{
	if (in->ndeps || in->any_alias || (in->any_timed && !in->array))
		return false;
	for (uint32_t i = 1; i < in->entries; i++)
		if (in->detached[i] != in->detached[0])
			return false;
	return true;
}

/* Another session's task, or an array's elements, under a key that was submitted again: this
 * session holds it too. */
static void hold_aliases(struct intake *in)
{
	for (uint32_t i = 0; i < in->entries; i++) {
		struct place p;

		if (!in->alias[i] || !place_of(in->c, in->alias[i], &p))
			continue;
		for (uint64_t k = 0; k < (in->array ? in->count : 1); k++) {
			if (in->detached[i] && in->stage)
				stage_detach(in->c, in->stage, p.block, p.idx + (uint32_t)k);
			else if (in->detached[i])
				hold_detach(in->c, p.block, p.idx + (uint32_t)k);
			else
				hold_take(in->c, in->s, p.block, p.idx + (uint32_t)k);
		}
	}
}

static void reply(struct intake *in)
{
	struct buf data;
	uint32_t n = 0;

	if (!in->any_alias) {
		reply_plain(in->c, in->s, in->e->conn);
		return;
	}
	buf_init(&data, LIMIT_FRAME_BYTES);
	for (uint32_t i = 0; i < in->entries; i++)
		n += in->alias[i] != 0;
	pack_array(&data, n);
	for (uint32_t i = 0; i < in->entries; i++) {
		if (!in->alias[i])
			continue;
		pack_array(&data, 2);
		pack_u64(&data, in->e->submit.first_n + i);
		pack_u64(&data, in->alias[i]);
	}
	reply_stored(in->c, in->s, in->e->conn, DQ_E_OK, "", slice_empty(), buf_slice(&data));
	buf_release(&data);
}

/* Those of a transaction, by records. */
static void hold_dealt(struct intake *in, struct block *b)
{
	for (uint32_t i = 0; i < in->count; i++)
		if (!in->detached[in->array ? 0 : i] && block_state(b, i) != TASK_GONE)
			hold_take(in->c, in->s, b, i);
}

void intake_do(struct intake *in)
{
	struct core *c = in->c;
	struct block_record rec = {.first = in->first,
		.count = in->count,
		.flags = in->e->submit.flags & BLOCK_ARRAY,
		.session = in->home,
		.user = in->user->number,
		.submitted_us = c->wall_us};
	uint32_t fresh = 0;
	struct block *b = NULL;

	for (uint32_t i = 0; i < in->entries; i++)
		fresh += in->alias[i] == 0;
	if (fresh) {
		rec.order = ++c->counters.order;
		c->counters_dirty = true;
		b = block_new(c, &rec);
		b->at_once = in->at_once;
		b->first_index = in->first_index;
		write_record(in, b);
		intake_hand_over(in, b);
	}
	if (b && in->stage) {
		lie_hidden(in, b);
	} else if (b && all_alike(in)) {
		give_birth_alike(in, b);
	} else if (b) {
		for (uint32_t i = 0; i < in->count; i++) {
			born(in, b, i);
			if (block_state(b, i) == TASK_GONE)
				gone_mark(c, b, i);
		}
		block_push_ready(c, b, is_inner(in));
	}
	if (b && intake_is_dealt(in))
		hold_dealt(in, b);
	hold_aliases(in);
	if (in->stage)
		stage_took(c, in->stage, in->e, in->first, b != NULL);
}

void submit(struct core *c, const struct event *e)
{
	struct intake in = {.c = c, .e = e};
	struct buf data;

	if (!request_begin(c, e, &in.s))
		return;
	in.user = in.s->user;
	in.home = in.s->number;
	if (e->submit.flags & (SUBMIT_COMMIT | SUBMIT_ABORT)) {
		stage_end(c, in.s, e);
		return;
	}
	if (intake_head(&in)) {
		in.s->next_n = e->submit.first_n + (uint32_t)in.count;
		intake_alloc(&in);
		if (intake_body(&in)) {
			reply(&in);
			intake_do(&in);
			intake_free(&in);
			return;
		}
	}
	intake_take_back(&in);
	if (e->submit.flags & SUBMIT_STAGED && in.s->stage)
		stage_kill(c, in.s->stage);
	buf_init(&data, 64);
	if (in.live)
		pack_u64(&data, in.live);
	reply_stored(c, in.s, e->conn, in.code, in.text, in.more, buf_slice(&data));
	if (in.live)
		reply_names(in.s, in.s->last_seq, in.live);
	buf_release(&data);
	intake_free(&in);
}
