/*
 * `show`: one task, or an array as a whole, from the core and the store together, after the commit
 * of what it shows.
 */
#include "scheduler/engine_impl.h"

#include "codec/pack.h"
#include "model/row.h"
#include "store/keys.h"

struct showing {
	struct engine *e;
	uint64_t id;
	struct core_task_view v;
	struct block_task t;
	struct task_row row;
	struct outcome o;
	bool has_row;
	struct buf *out;
};

static void show_id(struct buf *out, uint64_t id)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%u.%u", task_id_session(id), task_id_n(id));

	pack_str(out, slice_of(text, (size_t)n));
}

static void show_key(struct showing *s, uint64_t id)
{
	char key[TASK_KEY_TEXT];

	pack_str(s->out, engine_key(s->e, id, key));
}

/* Why it is not running. */
static void show_why(struct showing *s)
{
	struct buf text;
	char key[TASK_KEY_TEXT];

	buf_init(&text, ANSWER_BYTES);
	if (s->v.state == TASK_WAITING) {
		struct slice k = engine_key(s->e, s->v.waits_for, key);

		buf_printf(&text, "waits for %" SLICE_FMT, SLICE_ARG(k));
		if (s->v.waiting_on > 1)
			buf_printf(&text, " and %u more", s->v.waiting_on - 1);
	} else if (s->v.state == TASK_SCHEDULED) {
		engine_why_scheduled(s->e, &s->v, &text);
	} else if (s->v.at_once) {
		buf_printf(&text, "%u of its array are leased, the most at a time", s->v.at_once);
	} else if (s->v.state == TASK_READY) {
		core_why_ready(s->e->core, s->id, &text);
	} else if (s->v.state == TASK_LEASED && !s->v.started) {
		buf_printf(&text, "leased, not yet reported as started");
	} else if (s->v.state == TASK_CANCELLING) {
		buf_printf(&text, "its worker is stopping it");
	} else if (s->v.lost) {
		buf_printf(&text, "done; its result is lost until it is wanted");
	}
	pack_cstr(s->out, "why");
	pack_str(s->out, buf_slice(&text));
	buf_release(&text);
}

static void show_deps(struct showing *s)
{
	struct slice value;
	struct block_record r;
	struct key key = key_block(s->v.block_first);
	struct block_reader reader;
	struct block_entry entry;
	uint64_t at = 0;
	const char *why;
	uint8_t *deps;
	uint32_t n = 0;

	pack_cstr(s->out, "deps");
	if (!s->e->port.get(s->e->port.arg, TABLE_BLOCK, key_slice(&key), &value) ||
		!block_record_decode(value, &r, &why)) {
		pack_array(s->out, 0);
		return;
	}
	block_reader_init(&reader, r.body);
	for (uint64_t i = 0; block_reader_next(&reader, &entry); i++) {
		n = entry.ndeps;
		if (s->t.array || i == s->id - s->v.block_first)
			break;
		at += n;
	}
	/* the keys below read the store again */
	deps = xmemdup(r.deps.p ? r.deps.p : (const uint8_t *)"", r.deps.n);
	pack_array(s->out, n);
	for (uint32_t i = 0; i < n; i++)
		show_key(s, block_dep(slice_of(deps, r.deps.n), at + i));
	free(deps);
}

static void show_value(struct showing *s)
{
	uint32_t workers[ROW_HOLDERS], n = core_holders(s->e->core, s->id, workers, ROW_HOLDERS);

	pack_cstr(s->out, "size");
	if (s->has_row && s->o.has_value)
		pack_u64(s->out, s->o.size);
	else
		pack_nil(s->out);
	pack_cstr(s->out, "type");
	if (s->has_row && s->o.has_value)
		pack_str(s->out, s->o.type);
	else
		pack_nil(s->out);
	pack_cstr(s->out, "where");
	pack_array(s->out, n);
	for (uint32_t i = 0; i < n; i++) {
		struct core_worker_view w = {0};

		core_view_worker(s->e->core, workers[i], &w);
		pack_str(s->out, w.name);
	}
	pack_cstr(s->out, "stored");
	pack_bool(s->out, s->v.stored);
}

static void show_error(struct showing *s)
{
	pack_cstr(s->out, "error");
	if (!s->has_row || s->o.state == TASK_DONE) {
		pack_nil(s->out);
	} else {
		pack_map(s->out, 5);
		pack_cstr(s->out, "cause");
		pack_cstr(s->out, cause_word(s->o.cause));
		pack_cstr(s->out, "message");
		pack_str(s->out, s->o.message);
		pack_cstr(s->out, "task");
		if (s->o.blame)
			show_key(s, s->o.blame);
		else
			pack_nil(s->out);
		pack_cstr(s->out, "signal");
		if (s->o.signal)
			pack_i64(s->out, s->o.signal);
		else
			pack_nil(s->out);
		pack_cstr(s->out, "stderr");
		pack_bin(s->out, s->o.stderr_tail);
	}
	pack_cstr(s->out, "exit");
	if (s->has_row && s->o.has_exit)
		pack_i64(s->out, s->o.exit_status);
	else
		pack_nil(s->out);
}

static void show_time(struct buf *out, const char *name, uint64_t us)
{
	pack_cstr(out, name);
	if (us)
		pack_double(out, (double)us / 1e6);
	else
		pack_nil(out);
}

static void show_times(struct showing *s)
{
	pack_cstr(s->out, "times");
	pack_map(s->out, 4);
	show_time(s->out, "submitted", s->v.submitted_us);
	show_time(s->out, "started", s->has_row ? s->o.started_us : 0);
	show_time(s->out, "finished", s->has_row ? s->row.finished_us : 0);
	show_time(s->out, "kept_until", s->v.kept_until_us);
}

static void show_task(struct showing *s)
{
	/* everything that reads the store again copies what it needs; the outcome is copied here */
	struct buf outcome;
	const char *why;

	buf_init(&outcome, OUTCOME_MAX_BYTES);
	buf_append_slice(&outcome, s->has_row ? s->row.outcome : slice_empty());
	s->has_row = s->has_row && outcome_decode(buf_slice(&outcome), &s->o, &why);
	pack_map(s->out, 19);
	pack_cstr(s->out, "key");
	show_key(s, s->id);
	pack_cstr(s->out, "id");
	show_id(s->out, s->id);
	pack_cstr(s->out, "user");
	pack_str(s->out, core_user_name(s->e->core, s->v.user));
	pack_cstr(s->out, "kind");
	pack_cstr(s->out, s->t.kind == SPEC_EXEC ? "exec" : "func");
	pack_cstr(s->out, "state");
	pack_cstr(s->out, engine_state_shown(&s->v));
	show_why(s);
	pack_cstr(s->out, "attempts");
	pack_u64(s->out, s->has_row ? s->row.attempts : s->v.attempts);
	pack_cstr(s->out, "priority");
	pack_i64(s->out, s->v.priority);
	engine_pack_labels(s->e, s->out, s->id);
	show_deps(s);
	show_value(s);
	show_error(s);
	show_times(s);
	engine_show_inside(s->e, s->out, s->id, s->v.session);
	buf_release(&outcome);
}

static void show_array(struct showing *s)
{
	uint64_t counts[TASK_STATE_END] = {0};
	struct core_block_view b = {0};
	const char *state = "?";
	char key[TASK_KEY_TEXT];

	if (core_view_block(s->e->core, s->v.block_first, &b))
		state = engine_array_state(&b, counts);
	pack_map(s->out, 11);
	pack_cstr(s->out, "key");
	pack_str(s->out, engine_array_key(s->e, s->id, key));
	pack_cstr(s->out, "id");
	show_id(s->out, s->v.block_first);
	pack_cstr(s->out, "user");
	pack_str(s->out, core_user_name(s->e->core, s->v.user));
	pack_cstr(s->out, "kind");
	pack_cstr(s->out, s->t.kind == SPEC_EXEC ? "exec" : "func");
	pack_cstr(s->out, "state");
	pack_cstr(s->out, state);
	engine_pack_labels(s->e, s->out, s->id);
	show_deps(s);
	pack_cstr(s->out, "count");
	pack_u64(s->out, b.count);
	engine_pack_count(s->out, "first_index", b.first_index);
	engine_pack_counts(s->out, counts, b.stuck);
	s->has_row = false;
	show_times(s);
}

bool engine_show_array(struct engine *e, uint64_t first, struct buf *out)
{
	struct showing s = {.e = e, .id = first, .out = out};

	if (!block_cache_get(e->blocks, first, first, &s.t))
		return false;
	if (!core_view_task(e->core, first, &s.v))
		s.v = (struct core_task_view){.id = first, .submitted_us = s.t.submitted_us};
	s.v.block_first = first;
	show_array(&s);
	return true;
}

void engine_show(
	struct engine *e, uint64_t conn, uint64_t request, const struct core_task_view *view)
{
	struct showing s = {.e = e, .id = view->id, .v = *view};
	struct msg_answer m = {
		.request = request, .code = DQ_E_NOT_FOUND, .text = slice_str("no such task")};
	struct buf out, frame;

	buf_init(&out, ANSWER_BYTES);
	buf_init(&frame, FRAME_MAX_PAYLOAD);
	s.out = &out;
	if (block_cache_get(e->blocks, s.v.block_first, view->id, &s.t)) {
		s.has_row = engine_row(e, view->id, view->round, &s.row) &&
			    task_state_is_final(s.row.state);
		show_task(&s);
		m = (struct msg_answer){.request = request, .data = buf_slice(&out)};
		if (out.failed)
			m = (struct msg_answer){.request = request,
				.code = DQ_E_LIMIT,
				.text = slice_str(limit_text(LIMIT_INDEX_FRAME_BYTES))};
	}
	msg_answer_encode(&frame, 0, &m);
	if (!frame.failed)
		e->port.send(e->port.arg, conn, buf_slice(&frame));
	buf_release(&frame);
	buf_release(&out);
}
