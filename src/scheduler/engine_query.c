/*
 * Queries (doc/protocol.md): answers are made from the core's state at once, and leave with the
 * open flight, so that nothing is shown before it is stored. `show` also needs the store, and is
 * completed when the flight is released (engine_show.c).
 */
#include "scheduler/engine_impl.h"

#include "codec/pack.h"

struct asking {
	struct engine *e;
	struct engine_conn *c;
	const struct msg_query *q;
	uint32_t user;
	struct buf out;
};

static void answer(struct asking *a, uint32_t code, const char *text, struct slice data, bool more)
{
	size_t at = engine_flight(a->e)->bytes.n;
	struct msg_answer m = {.request = a->q->request,
		.code = code,
		.text = slice_str(text),
		.more = more,
		.data = data};

	msg_answer_encode(flight_begin(a->e), 0, &m);
	flight_end(a->e, a->c->number, at);
}

/* The key of a task as users write it. */
struct slice engine_key(struct engine *e, uint64_t id, char out[TASK_KEY_TEXT])
{
	struct core_task_view v;
	struct block_task t;
	size_t n;

	if (!core_view_task(e->core, id, &v) || !block_cache_get(e->blocks, v.block_first, id, &t))
		return slice_of(out, key_generate(out, id));
	if (slice_is_empty(t.key)) {
		n = key_generate(out, t.array ? v.block_first : id);
	} else {
		n = t.key.n;
		memcpy(out, t.key.p, n);
	}
	if (t.array)
		n += (size_t)snprintf(out + n, TASK_KEY_TEXT - n, "[%u]", t.index);
	return slice_of(out, n);
}

struct slice engine_array_key(struct engine *e, uint64_t first, char out[TASK_KEY_TEXT])
{
	struct slice k = engine_key(e, first, out);

	while (k.n && k.p[k.n - 1] != '[')
		k.n--;
	if (k.n)
		k.n--;
	return k;
}

static uint64_t block_of(const struct engine *e, uint64_t id)
{
	struct core_task_view v;

	return core_view_task(e->core, id, &v) ? v.block_first : id;
}

/* ---- status ---- */

static void pack_count(struct buf *out, const char *name, uint64_t v)
{
	pack_cstr(out, name);
	pack_u64(out, v);
}

static void pack_tasks(struct buf *out, const struct core_counts *n)
{
	pack_cstr(out, "tasks");
	pack_map(out, 10);
	pack_count(out, "waiting", n->tasks[TASK_WAITING]);
	pack_count(out, "scheduled", 0);
	pack_count(out, "ready", n->tasks[TASK_READY]);
	pack_count(out, "stuck", 0);
	pack_count(out, "leased",
		n->tasks[TASK_LEASED] + n->tasks[TASK_CANCELLING] < n->running
			? 0
			: n->tasks[TASK_LEASED] + n->tasks[TASK_CANCELLING] - n->running);
	pack_count(out, "running", n->running);
	pack_count(out, "cancelling", n->tasks[TASK_CANCELLING]);
	pack_count(out, "done", n->tasks[TASK_DONE]);
	pack_count(out, "failed", n->tasks[TASK_FAILED]);
	pack_count(out, "cancelled", n->tasks[TASK_CANCELLED]);
}

static void pack_worker(const struct core_worker_view *w, void *arg)
{
	struct buf *out = arg;

	pack_map(out, 5);
	pack_cstr(out, "name");
	pack_str(out, w->name);
	pack_count(out, "slots", w->slots);
	pack_count(out, "running", w->running);
	pack_count(out, "held_bytes", w->held_bytes);
	pack_cstr(out, "state");
	pack_cstr(out, w->connected ? "connected" : "lost contact");
}

static void query_status(struct asking *a)
{
	struct engine_store_status st = {.durability = "strict"};
	struct core_counts n;
	struct buf *out = &a->out;

	core_counts(a->e->core, &n);
	a->e->port.store_status(a->e->port.arg, &st);
	pack_map(out, 7);
	pack_count(out, "epoch", a->e->config.epoch);
	pack_tasks(out, &n);
	pack_count(out, "queues", 0);
	pack_count(out, "variables", 0);
	pack_count(out, "sessions", n.sessions);
	pack_cstr(out, "workers");
	pack_array(out, n.workers);
	core_each_worker(a->e->core, pack_worker, out);
	pack_cstr(out, "store");
	pack_map(out, 4);
	pack_count(out, "bytes", st.bytes);
	pack_count(out, "commits", st.commits);
	pack_cstr(out, "durability");
	pack_cstr(out, st.durability);
	pack_cstr(out, "oldest_reader_s");
	pack_double(out, st.oldest_reader_s);
	answer(a, DQ_E_OK, "", buf_slice(out), false);
}

/* ---- list ---- */

struct listing {
	struct asking *a;
	struct slice label;
	bool by_label;
	enum task_state state;
	bool running, leased_only;
	uint64_t limit, rows, rows_total;
	struct buf rows_out;
};

static void list_flush(struct listing *l, bool more)
{
	struct buf *out = &l->a->out;

	buf_clear(out);
	pack_array(out, (uint32_t)l->rows);
	buf_append_slice(out, buf_slice(&l->rows_out));
	answer(l->a, DQ_E_OK, "", buf_slice(out), more);
	buf_clear(&l->rows_out);
	l->rows = 0;
}

const char *engine_state_shown(const struct core_task_view *v)
{
	return v->state == TASK_LEASED && v->started ? "running" : task_state_word(v->state);
}

void engine_pack_labels(struct engine *e, struct buf *out, uint64_t id)
{
	struct slice labels[LIMIT_LABELS];
	uint32_t n = core_task_labels(e->core, id, labels, LIMIT_LABELS);

	pack_cstr(out, "labels");
	pack_array(out, n);
	for (uint32_t i = 0; i < n; i++)
		pack_str(out, labels[i]);
}

void engine_pack_counts(struct buf *out, const uint64_t counts[TASK_STATE_END])
{
	uint32_t kinds = 0;

	for (int s = TASK_WAITING; s < TASK_GONE; s++)
		kinds += counts[s] != 0;
	pack_cstr(out, "tasks");
	pack_map(out, kinds);
	for (int s = TASK_WAITING; s < TASK_GONE; s++)
		if (counts[s])
			pack_count(out, task_state_word((enum task_state)s), counts[s]);
}

const char *engine_array_state(const struct core_block_view *b, uint64_t counts[TASK_STATE_END])
{
	memset(counts, 0, TASK_STATE_END * sizeof(*counts));
	for (uint64_t i = 0; i < b->count; i++)
		counts[b->states[i] & 0x0f]++;
	if (b->ended == b->live)
		return counts[TASK_FAILED]      ? "failed"
		       : counts[TASK_CANCELLED] ? "cancelled"
						: "done";
	return counts[TASK_LEASED]       ? "running"
	       : counts[TASK_READY]      ? "ready"
	       : counts[TASK_CANCELLING] ? "cancelling"
					 : "waiting";
}

static void list_row(struct listing *l, uint64_t id, const struct core_block_view *array)
{
	struct engine *e = l->a->e;
	struct buf *out = &l->rows_out;
	struct core_task_view v;
	struct block_task t;
	char key[TASK_KEY_TEXT], idtext[32];
	uint64_t counts[TASK_STATE_END];
	const char *word, *kind;
	struct slice k;

	/* a block that cannot be read is not stored yet: not to be shown */
	if (!block_cache_get(e->blocks, array ? array->first : block_of(e, id), id, &t))
		return;
	kind = t.kind == SPEC_EXEC ? "exec" : "func";
	if (!core_view_task(e->core, id, &v))
		v = (struct core_task_view){.id = id, .block_first = id, .user = l->a->user};
	if (array)
		word = engine_array_state(array, counts);
	else
		word = engine_state_shown(&v);
	k = array ? engine_array_key(e, array->first, key) : engine_key(e, id, key);
	snprintf(idtext, sizeof(idtext), "%u.%u", task_id_session(id), task_id_n(id));
	pack_map(out, array ? 9 : 7);
	pack_cstr(out, "key");
	pack_str(out, k);
	pack_cstr(out, "id");
	pack_cstr(out, idtext);
	pack_cstr(out, "state");
	pack_cstr(out, word);
	pack_cstr(out, "user");
	pack_str(out, core_user_name(e->core, v.user));
	pack_cstr(out, "kind");
	pack_cstr(out, kind);
	engine_pack_labels(e, out, id);
	pack_count(out, "attempts", v.attempts);
	if (array) {
		pack_count(out, "count", array->count);
		engine_pack_counts(out, counts);
	}
	l->rows_total++;
	if (++l->rows == LIMIT_QUERY_ROWS)
		list_flush(l, true);
}

static bool wanted(const struct listing *l, uint64_t id)
{
	struct core_task_view v;

	if (!core_view_task(l->a->e->core, id, &v) || v.user != l->a->user)
		return false;
	if (l->state && (v.state != l->state || (l->running && !v.started) ||
				(l->leased_only && v.started)))
		return false;
	return !l->by_label || core_task_has_label(l->a->e->core, id, l->label);
}

static bool list_block(const struct core_block_view *b, void *arg)
{
	struct listing *l = arg;

	if (b->array && !l->state) {
		if (b->user == l->a->user &&
			(!l->by_label || core_task_has_label(l->a->e->core, b->first, l->label)))
			list_row(l, b->first, b);
		return l->rows_total < l->limit;
	}
	for (uint64_t i = 0; i < b->count && l->rows_total < l->limit; i++)
		if (wanted(l, b->first + i))
			list_row(l, b->first + i, NULL);
	return l->rows_total < l->limit;
}

/* The filters of a list; false: one that is not known. */
static bool read_filters(struct listing *l, struct slice args)
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
			l->limit = cursor_u64(&c);
		} else if (slice_eq_str(name, "label")) {
			l->label = cursor_str(&c);
			l->by_label = true;
		} else if (slice_eq_str(name, "state")) {
			struct slice s = cursor_str(&c);
			char word[32];

			snprintf(word, sizeof(word), "%" SLICE_FMT, SLICE_ARG(s));
			l->running = slice_eq_str(s, "running");
			l->leased_only = slice_eq_str(s, "leased");
			l->state = l->running ? TASK_LEASED : task_state_of_word(word);
			if (!l->state)
				return false;
		} else if (slice_eq_str(name, "user")) {
			if (!slice_eq(cursor_str(&c), core_user_name(l->a->e->core, l->a->user)))
				l->limit = 0;
		} else {
			return false;
		}
	}
	return cursor_ok(&c);
}

static void query_list(struct asking *a)
{
	struct listing l = {.a = a, .limit = UINT64_MAX};

	buf_init(&l.rows_out, LIMIT_FRAME_BYTES);
	if (!read_filters(&l, a->q->args)) {
		answer(a, DQ_E_USAGE, "no such filter or state", slice_empty(), false);
	} else {
		if (l.limit)
			core_each_block(a->e->core, list_block, &l);
		list_flush(&l, false);
	}
	buf_release(&l.rows_out);
}

/* ---- show, state, resolve, unfinished ---- */

static void query_show(struct asking *a)
{
	struct cursor c;
	struct slice key;
	struct run run;
	struct core_task_view v;

	cursor_init(&c, a->q->args);
	key = cursor_str(&c);
	if (!cursor_ok(&c) || !core_resolve(a->e->core, a->user, key, &run)) {
		answer(a, DQ_E_NOT_FOUND, "no such task", slice_empty(), false);
		return;
	}
	if (run.count == 1 && core_view_task(a->e->core, run.first, &v))
		flight_show(a->e, a->c->number, a->q->request, &v);
	else if (engine_show_array(a->e, run.first, &a->out))
		answer(a, DQ_E_OK, "", buf_slice(&a->out), false);
	else
		answer(a, DQ_E_NOT_FOUND, "no such task", slice_empty(), false);
}

struct whole {
	uint64_t first;
	const char *state;
	uint64_t counts[TASK_STATE_END];
};

static bool find_block(const struct core_block_view *b, void *arg)
{
	struct whole *w = arg;

	if (b->first != w->first)
		return true;
	w->state = engine_array_state(b, w->counts);
	return false;
}

static void pack_state(struct asking *a, struct slice key)
{
	struct core_task_view v;
	struct run run;
	struct whole w = {.state = "?"};

	if (!core_resolve(a->e->core, a->user, key, &run)) {
		pack_nil(&a->out);
	} else if (run.count > 1) {
		w.first = run.first;
		core_each_block(a->e->core, find_block, &w);
		pack_cstr(&a->out, w.state);
	} else if (core_view_task(a->e->core, run.first, &v)) {
		pack_cstr(&a->out, engine_state_shown(&v));
	} else {
		pack_nil(&a->out);
	}
}

static void pack_resolved(struct asking *a, struct slice key)
{
	struct core_task_view v = {0};
	struct run run;

	if (!core_resolve(a->e->core, a->user, key, &run)) {
		pack_nil(&a->out);
		return;
	}
	core_view_task(a->e->core, run.first, &v);
	pack_array(&a->out, 3);
	pack_u64(&a->out, run.first);
	pack_u64(&a->out, run.count);
	pack_u64(&a->out, v.state);
}

static void query_keys(struct asking *a, void (*one)(struct asking *, struct slice))
{
	struct cursor c;
	uint32_t n;

	cursor_init(&c, a->q->args);
	n = cursor_array(&c);
	pack_array(&a->out, n);
	for (uint32_t i = 0; i < n && cursor_ok(&c); i++)
		one(a, cursor_str(&c));
	if (!cursor_ok(&c) || a->out.failed)
		answer(a, DQ_E_USAGE, "malformed keys", slice_empty(), false);
	else
		answer(a, DQ_E_OK, "", buf_slice(&a->out), false);
}

struct unfinished {
	struct asking *a;
	struct slice label;
	bool by_label;
	struct run *runs;
	uint32_t n, cap;
};

static void add_unfinished(struct unfinished *u, uint64_t id)
{
	struct run *last = u->n ? &u->runs[u->n - 1] : NULL;

	if (last && last->first + last->count == id) {
		last->count++;
		return;
	}
	if (u->n == u->cap) {
		u->cap = u->cap ? u->cap * 2 : 64;
		u->runs = xreallocarray(u->runs, u->cap, sizeof(*u->runs));
	}
	u->runs[u->n++] = (struct run){id, 1};
}

static bool unfinished_block(const struct core_block_view *b, void *arg)
{
	struct unfinished *u = arg;

	if (b->user != u->a->user || b->ended == b->live)
		return true;
	for (uint64_t i = 0; i < b->count && u->n < LIMIT_RUNS; i++) {
		enum task_state s = b->states[i] & 0x0f;

		if (s == TASK_GONE || task_state_is_final(s))
			continue;
		if (!u->by_label || core_task_has_label(u->a->e->core, b->first + i, u->label))
			add_unfinished(u, b->first + i);
	}
	return u->n < LIMIT_RUNS;
}

static void query_unfinished(struct asking *a)
{
	struct unfinished u = {.a = a};
	struct cursor c;

	cursor_init(&c, a->q->args);
	if (!slice_is_empty(a->q->args) && cursor_type(&c) != CURSOR_NIL) {
		u.label = cursor_str(&c);
		u.by_label = true;
	}
	core_each_block(a->e->core, unfinished_block, &u);
	runs_encode(&a->out, u.runs, u.n);
	answer(a, DQ_E_OK, "", buf_slice(&a->out), false);
	free(u.runs);
}

void engine_query(struct engine *e, struct engine_conn *c, const struct msg_query *q)
{
	struct asking a = {.e = e, .c = c, .q = q, .user = core_conn_user(e->core, c->number)};

	buf_init(&a.out, LIMIT_FRAME_BYTES);
	switch (q->what) {
	case QUERY_STATUS:
		query_status(&a);
		break;
	case QUERY_LIST:
		query_list(&a);
		break;
	case QUERY_SHOW:
		query_show(&a);
		break;
	case QUERY_STATE:
		query_keys(&a, pack_state);
		break;
	case QUERY_RESOLVE:
		query_keys(&a, pack_resolved);
		break;
	case QUERY_UNFINISHED:
		query_unfinished(&a);
		break;
	default:
		answer(&a, DQ_E_USAGE, "no such query", slice_empty(), false);
	}
	buf_release(&a.out);
}
