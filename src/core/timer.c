/*
 * When a task runs: tasks that wait for their time (a delay, a backoff), and deadlines. Due times
 * are wall clock (D10) and follow from records: a block's submit, its terms, a task's row.
 *
 * A timer says when to look at a task again, and nothing else: what is to be done then follows from
 * the task and the clock, so that a clock that steps does no harm. Each unfinished task whose terms
 * give it a time has one, made and dropped as it moves (move.c). The elements of an array have
 * their terms in common and share one, which looks at all of them in turn; only an element with a
 * due time of its own has a timer too. Tasks without such terms cost nothing.
 */
#include "core/past.h"
#include "core/timer.h"

struct timer {
	struct heap_node node;
	uint32_t idx;
	bool whole;    /* of an array */
	uint32_t next; /* of an array: the element to look at next; another than 0: it is under way
			*/
	struct block *block;
	uint64_t at_us;    /* wall clock */
	uint64_t later_us; /* of an array that is under way: when to look at it again */
};

/* Consecutive tasks that became ready. */
struct ready_batch {
	struct block *block;
	uint32_t at, count;
};

static bool sooner(const struct heap_node *a, const struct heap_node *b)
{
	const struct timer *x = container_of(a, struct timer, node),
			   *y = container_of(b, struct timer, node);
	uint64_t first = block_id(x->block, x->idx), second = block_id(y->block, y->idx);

	if (x->at_us != y->at_us)
		return x->at_us < y->at_us;
	return first != second ? first < second : x->whole > y->whole;
}

void timers_init(struct core *c)
{
	heap_init(&c->timer_heap, sooner);
	map64_init(&c->timers);
}

void timers_free(struct core *c)
{
	struct heap_node *n;

	while ((n = heap_pop(&c->timer_heap))) {
		struct timer *t = container_of(n, struct timer, node);

		if (t->whole)
			t->block->timer = NULL;
		free(t);
	}
	heap_release(&c->timer_heap);
	map64_release(&c->timers);
}

/* ---- when ---- */

/* They give the task a time at which there is something to do. */
static bool is_timed(const struct terms *t)
{
	return t->delay_us || t->at_us || t->deadline_us || t->retries;
}

bool terms_are_timed(const struct core *c, uint32_t at)
{
	return at && is_timed(&c->terms[at].kept->t);
}

static uint64_t later_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Not before this, by the terms alone. */
static uint64_t terms_start(const struct block *b, const struct terms *t)
{
	return later_of(t->delay_us ? b->submitted_us + t->delay_us : 0, t->at_us);
}

uint64_t task_start_us(const struct core *c, struct block *b, uint32_t idx)
{
	const struct task *t = task_peek(b, idx);

	return later_of(terms_start(b, task_terms(c, b, idx)), t ? t->due_us : 0);
}

uint64_t task_deadline_us(const struct core *c, const struct block *b, uint32_t idx)
{
	const struct terms *t = task_terms(c, b, idx);

	/* a user who begins a task anew wants its end, late or not */
	return t->deadline_us && !block_round(b, idx) ? b->submitted_us + t->deadline_us : 0;
}

bool task_is_early(const struct core *c, struct block *b, uint32_t idx)
{
	return block_is_timed(b) && task_start_us(c, b, idx) > c->wall_us;
}

enum task_state start_state(const struct core *c, struct block *b, uint32_t idx)
{
	return task_is_early(c, b, idx) ? TASK_SCHEDULED : TASK_READY;
}

struct when {
	uint64_t common; /* what an array's elements have in common; 0: nothing is to be looked at
			  */
	uint64_t own;
};

static void sooner_of(uint64_t *at, uint64_t us)
{
	if (us && (!*at || us < *at))
		*at = us;
}

/* When there is something to look at; both 0: never, as the task stands. */
static struct when look_at(const struct core *c, struct block *b, uint32_t idx)
{
	const struct terms *t = task_terms(c, b, idx);
	enum task_state s = block_state(b, idx);
	const struct task *k = task_peek(b, idx);
	struct when w = {0, 0};

	if ((!is_timed(t) && !(k && k->due_us)) || block_is_hidden(b) || s == 0 || s == TASK_GONE ||
		s == TASK_CANCELLING || task_state_is_final(s) || (k && k->remake))
		return w;
	w.common = task_deadline_us(c, b, idx);
	if (s == TASK_SCHEDULED && k && k->due_us > terms_start(b, t))
		w.own = k->due_us;
	else if (s == TASK_SCHEDULED)
		sooner_of(&w.common, terms_start(b, t));
	if (b->flags & BLOCK_ARRAY)
		return w;
	sooner_of(&w.own, w.common);
	w.common = 0;
	return w;
}

/* ---- timers and their owners ---- */

static struct timer *timer_new(struct core *c, struct block *b, uint32_t idx, uint64_t at_us)
{
	struct timer *t = xcalloc(1, sizeof(*t));

	heap_node_init(&t->node);
	t->block = b;
	t->idx = idx;
	t->at_us = at_us;
	ensure(heap_push(&c->timer_heap, &t->node));
	return t;
}

static void timer_move(struct core *c, struct timer *t, uint64_t at_us)
{
	if (t->at_us == at_us)
		return;
	t->at_us = at_us;
	heap_update(&c->timer_heap, &t->node);
}

static void own_timer(struct core *c, struct block *b, uint32_t idx, uint64_t at_us)
{
	struct timer *t = map64_get_ptr(&c->timers, block_id(b, idx));

	if (t && at_us) {
		timer_move(c, t, at_us);
	} else if (at_us) {
		ensure(map64_put_ptr(&c->timers, block_id(b, idx), timer_new(c, b, idx, at_us)));
	} else if (t) {
		map64_remove_ptr(&c->timers, block_id(b, idx));
		heap_remove(&c->timer_heap, &t->node);
		free(t);
	}
}

void timer_drop_block(struct core *c, struct block *b)
{
	if (!b->timer)
		return;
	heap_remove(&c->timer_heap, &b->timer->node);
	free(b->timer);
	b->timer = NULL;
}

/* The array is to be looked at then, or sooner. */
static void common_timer(struct core *c, struct block *b, uint64_t at_us)
{
	struct timer *t = b->timer;

	if (!t) {
		b->timer = t = timer_new(c, b, 0, at_us);
		t->whole = true;
		heap_update(&c->timer_heap, &t->node);
	} else if (t->next) {
		sooner_of(&t->later_us, at_us);
	} else if (at_us < t->at_us) {
		timer_move(c, t, at_us);
	}
}

void timer_follow(struct core *c, struct block *b, uint32_t idx)
{
	struct when w = look_at(c, b, idx);

	own_timer(c, b, idx, w.own);
	if (w.common)
		common_timer(c, b, w.common);
	else if (b->timer && b->ended == b->live)
		timer_drop_block(c, b);
}

/* ---- what is due ---- */

static void batch_flush(struct core *c, struct ready_batch *r)
{
	if (r->count)
		ready_push(c, r->block, r->at, r->count, false);
	r->count = 0;
}

static void batch_add(struct core *c, struct ready_batch *r, struct block *b, uint32_t idx)
{
	if (r->count && (r->block != b || r->at + r->count != idx))
		batch_flush(c, r);
	if (!r->count)
		*r = (struct ready_batch){.block = b, .at = idx};
	r->count++;
}

/* Its deadline has come: what runs is stopped first. */
static void expire(struct core *c, struct block *b, uint32_t idx)
{
	if (block_state(b, idx) == TASK_LEASED)
		stop_leased(c, task_get(c, b, idx), CAUSE_DEADLINE);
	else
		finish(c, task_get(c, b, idx), TASK_FAILED, CAUSE_DEADLINE, 0);
	c->u->more = true;
}

/* Does what is due. True: the task may have ended, and its block be gone. */
static bool look(struct core *c, struct block *b, uint32_t idx, struct ready_batch *r)
{
	struct when w = look_at(c, b, idx);
	uint64_t deadline_us = task_deadline_us(c, b, idx);

	if ((w.common || w.own) && deadline_us && deadline_us <= c->wall_us) {
		batch_flush(c, r);
		expire(c, b, idx);
		return true;
	}
	if (block_state(b, idx) == TASK_SCHEDULED && !task_is_early(c, b, idx)) {
		task_move(c, b, idx, TASK_READY);
		batch_add(c, r, b, idx);
	} else {
		timer_follow(c, b, idx);
	}
	return false;
}

/* One element after the other, as far as the budget goes. */
static void look_at_array(struct core *c, struct block *b, uint32_t *budget, struct ready_batch *r)
{
	uint64_t first = b->first;
	struct timer *t = b->timer;

	while (*budget && t->next < b->count) {
		struct place p;
		bool ended;

		(*budget)--;
		ended = look(c, b, t->next++, r);
		if (ended && (!place_of(c, first, &p) || !p.block->timer))
			return;
	}
	if (t->next < b->count)
		return;
	if (!t->later_us) {
		timer_drop_block(c, b);
		return;
	}
	t->next = 0;
	timer_move(c, t, t->later_us);
	t->later_us = 0;
}

static struct timer *due(const struct core *c)
{
	struct heap_node *n = heap_peek(&c->timer_heap);
	struct timer *t = n ? container_of(n, struct timer, node) : NULL;

	return t && t->at_us <= c->wall_us ? t : NULL;
}

bool timers_work(struct core *c, uint32_t *budget)
{
	struct ready_batch r = {0};
	struct timer *t;

	while (*budget && (t = due(c))) {
		if (t->whole) {
			look_at_array(c, t->block, budget, &r);
		} else {
			(*budget)--;
			look(c, t->block, t->idx, &r);
		}
	}
	batch_flush(c, &r);
	return due(c) != NULL;
}

uint64_t timers_next_us(const struct core *c)
{
	struct heap_node *n = heap_peek(&c->timer_heap);
	uint64_t at = n ? container_of(n, struct timer, node)->at_us : UINT64_MAX;

	return !n ? UINT64_MAX : at > c->wall_us ? at - c->wall_us : 0;
}

/* ---- the invariant ---- */

/* The timer of an unfinished task is there, and not too late. */
bool timer_check(const struct core *c, struct block *b, uint32_t idx)
{
	struct when w = look_at(c, b, idx);
	const struct timer *own = map64_get_ptr(&c->timers, block_id(b, idx)), *all = b->timer;

	if (!block_is_timed(b) || (!w.own && own))
		return !own;
	/* a part of a graph that is just beginning */
	if (b->stage && block_state(b, idx) == TASK_WAITING)
		return true;
	if (w.own && (!own || own->at_us != w.own || own->block != b || own->idx != idx))
		return false;
	if (!w.common)
		return true;
	if (!all)
		return false;
	return all->next > idx ? all->later_us && all->later_us <= w.common
			       : all->at_us <= w.common;
}

bool timers_check(const struct core *c, uint64_t arrays_with_timer)
{
	return heap_count(&c->timer_heap) == map64_count(&c->timers) + arrays_with_timer;
}
