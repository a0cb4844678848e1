/*
 * Long answers: the list of tasks, and the runs of those that are unfinished, or selected. All walk
 * the blocks in the order of their submits, a bounded part for each question, and say where the
 * next part begins.
 */
#include "scheduler/engine_impl.h"

#include "codec/pack.h"
#include "model/row.h"
#include "store/keys.h"

#include <stdio.h>

#define PART_ROWS 1024
#define PART_TASKS 65536 /* looked at in one part */

struct walk {
	struct asking *a;
	/* filters */
	struct slice label;
	bool by_label;
	enum task_state state; /* 0: any */
	bool running, leased_only, stuck, ready_only;
	bool held;       /* by the asker's session */
	bool unfinished; /* of runs: those alone */
	uint64_t limit;  /* rows over all parts */
	/* progress */
	uint32_t rows, looked;
	struct buf out;
	struct msg_answer next;
	/* for runs */
	struct run run;
};

/* The part is full: the next one begins at index of the block. */
static bool stop_at(struct walk *w, const struct core_block_view *b, uint64_t index)
{
	w->next.more = true;
	w->next.order = b->order;
	w->next.index = index;
	return false;
}

/* Where in the block this part begins; past its end for a block of an earlier part. */
static uint64_t begin_in(const struct walk *w, const struct core_block_view *b)
{
	if (b->order < w->a->q->order)
		return b->count;
	return b->order == w->a->q->order ? w->a->q->index : 0;
}

/* The filters that are not of the state. */
static bool is_meant(const struct walk *w, uint64_t id)
{
	return (!w->by_label || core_task_has_label(w->a->e->core, id, w->label)) &&
	       (!w->held || core_holds(w->a->e->core, w->a->c->number, id));
}

/* Memory forgets how often an ended task was tried, the store does not. */
static uint32_t attempts_of(struct engine *e, const struct core_task_view *v)
{
	struct task_row row;

	if (v->attempts || !task_state_is_final(v->state) || !engine_row(e, v->id, v->round, &row))
		return v->attempts;
	return row.attempts;
}

static void list_row(struct walk *w, uint64_t id, const struct core_block_view *b, bool whole)
{
	struct engine *e = w->a->e;
	struct core_task_view v;
	struct block_task t;
	char key[TASK_KEY_TEXT], idtext[32];
	uint64_t counts[TASK_STATE_END];
	uint32_t attempts;
	const char *word;

	if (!core_view_task(e->core, id, &v))
		v = (struct core_task_view){.id = id, .block_first = id, .user = w->a->user};
	attempts = attempts_of(e, &v);
	/* a block that cannot be read is not stored yet: not to be shown */
	if (!block_cache_get(e->blocks, b->first, id, &t))
		return;
	word = whole ? engine_array_state(b, counts) : engine_state_shown(&v);
	snprintf(idtext, sizeof(idtext), "%u.%u", task_id_session(id), task_id_n(id));
	pack_map(&w->out, whole ? 10 : 7);
	pack_cstr(&w->out, "id");
	pack_cstr(&w->out, idtext);
	pack_cstr(&w->out, "state");
	pack_cstr(&w->out, word);
	pack_cstr(&w->out, "user");
	pack_str(&w->out, core_user_name(e->core, v.user));
	pack_cstr(&w->out, "kind");
	pack_cstr(&w->out, t.kind == SPEC_EXEC ? "exec" : "func");
	engine_pack_labels(e, &w->out, id);
	engine_pack_count(&w->out, "attempts", attempts);
	pack_cstr(&w->out, "key");
	pack_str(&w->out, whole ? engine_array_key(e, b->first, key) : engine_key(e, id, key));
	if (whole) {
		engine_pack_count(&w->out, "count", b->count);
		engine_pack_count(&w->out, "first_index", b->first_index);
		engine_pack_counts(&w->out, counts, b->stuck);
	}
	w->rows++;
}

static bool wanted(const struct walk *w, uint64_t id)
{
	struct core_task_view v;

	if (!core_view_task(w->a->e->core, id, &v))
		return false;
	if (w->state && (v.state != w->state || (w->running && !v.started) ||
				(w->leased_only && v.started) || (w->stuck && !v.stuck) ||
				(w->ready_only && v.stuck)))
		return false;
	return is_meant(w, id);
}

static bool list_block(const struct core_block_view *b, void *arg)
{
	struct walk *w = arg;
	bool whole = b->array && !w->state;

	if (b->user != w->a->user)
		return true;
	for (uint64_t i = begin_in(w, b); i < b->count; i++) {
		if (w->next.given + w->rows >= w->limit)
			return false;
		if (w->rows >= PART_ROWS || w->looked >= PART_TASKS)
			return stop_at(w, b, i);
		w->looked += !whole ? 1 : b->count < PART_TASKS ? (uint32_t)b->count : PART_TASKS;
		if (whole ? is_meant(w, b->first) : wanted(w, b->first + i))
			list_row(w, b->first + i, b, whole);
		if (whole)
			break;
	}
	return true;
}

static bool read_state(struct walk *w, struct slice s)
{
	char word[32];

	snprintf(word, sizeof(word), "%" SLICE_FMT, SLICE_ARG(s));
	w->running = slice_eq_str(s, "running");
	w->leased_only = slice_eq_str(s, "leased");
	w->stuck = slice_eq_str(s, "stuck");
	w->ready_only = slice_eq_str(s, "ready");
	w->state = w->running ? TASK_LEASED : w->stuck ? TASK_READY : task_state_of_word(word);
	return w->state != 0;
}

/* The filters of a list; false: one that is not known. */
static bool read_filters(struct walk *w, struct slice args)
{
	struct cursor c;
	uint32_t n;

	cursor_init(&c, args);
	if (slice_is_empty(args) || cursor_type(&c) == CURSOR_NIL)
		return true;
	n = cursor_map(&c);
	for (uint32_t i = 0; i < n && cursor_ok(&c); i++) {
		struct slice name = cursor_str(&c);

		if (slice_eq_str(name, "limit")) {
			w->limit = cursor_u64(&c);
		} else if (slice_eq_str(name, "label")) {
			w->label = cursor_str(&c);
			w->by_label = true;
		} else if (slice_eq_str(name, "state")) {
			if (!read_state(w, cursor_str(&c)))
				return false;
		} else if (slice_eq_str(name, "held")) {
			w->held = cursor_bool(&c);
		} else if (slice_eq_str(name, "user")) {
			if (!slice_eq(cursor_str(&c), core_user_name(w->a->e->core, w->a->user)))
				w->limit = 0;
		} else {
			return false;
		}
	}
	return cursor_ok(&c);
}

static void answer(struct walk *w, uint32_t entries)
{
	struct buf *out = &w->a->out;

	w->next.given += w->rows;
	pack_array(out, entries);
	buf_append_slice(out, buf_slice(&w->out));
	asking_answer_part(w->a, DQ_E_OK, "", buf_slice(out), &w->next);
}

void engine_list(struct asking *a)
{
	struct walk w = {.a = a, .limit = UINT64_MAX, .next.given = a->q->given};

	buf_init(&w.out, LIMIT_FRAME_BYTES);
	if (read_filters(&w, a->q->args)) {
		core_each_block(a->e->core, list_block, &w);
		answer(&w, w.rows);
	} else {
		asking_answer(a, DQ_E_USAGE, "no such filter or state", slice_empty());
	}
	buf_release(&w.out);
}

/* ---- runs ---- */

static void run_end(struct walk *w)
{
	if (!w->run.count)
		return;
	pack_u64(&w->out, w->run.first);
	pack_u64(&w->out, w->run.count);
	w->run.count = 0;
	w->rows++;
}

static bool run_has(const struct walk *w, const struct core_block_view *b, uint64_t i)
{
	enum task_state s = b->states[i] & 0x0f;

	if (s == TASK_GONE || (w->unfinished && task_state_is_final(s)))
		return false;
	return w->state ? wanted(w, b->first + i) : is_meant(w, b->first + i);
}

static bool runs_block(const struct core_block_view *b, void *arg)
{
	struct walk *w = arg;

	if (b->user != w->a->user || (w->unfinished && b->ended == b->live))
		return true;
	for (uint64_t i = begin_in(w, b); i < b->count; i++, w->looked++) {
		if (w->rows >= PART_ROWS || w->looked >= PART_TASKS)
			return stop_at(w, b, i);
		if (!run_has(w, b, i)) {
			run_end(w);
		} else if (w->run.count && w->run.first + w->run.count == b->first + i) {
			w->run.count++;
		} else {
			run_end(w);
			w->run = (struct run){b->first + i, 1};
		}
	}
	return true;
}

static void answer_runs(struct walk *w)
{
	core_each_block(w->a->e->core, runs_block, w);
	run_end(w);
	answer(w, w->rows * 2);
}

void engine_list_unfinished(struct asking *a)
{
	struct walk w = {.a = a, .unfinished = true};
	struct cursor c;

	buf_init(&w.out, LIMIT_FRAME_BYTES);
	cursor_init(&c, a->q->args);
	if (!slice_is_empty(a->q->args) && cursor_type(&c) != CURSOR_NIL) {
		w.label = cursor_str(&c);
		w.by_label = true;
	}
	answer_runs(&w);
	buf_release(&w.out);
}

void engine_select(struct asking *a)
{
	struct walk w = {.a = a, .limit = UINT64_MAX};

	buf_init(&w.out, LIMIT_FRAME_BYTES);
	if (read_filters(&w, a->q->args) && w.limit == UINT64_MAX)
		answer_runs(&w);
	else
		asking_answer(a, DQ_E_USAGE, "no such filter or state", slice_empty());
	buf_release(&w.out);
}
