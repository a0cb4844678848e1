/*
 * Queries (doc/protocol.md): answers are made from the core's state at once, and leave with the
 * open flight, so that nothing is shown before it is stored. `show` also needs the store, and is
 * completed when the flight is released (engine_show.c).
 */
#include "scheduler/engine_impl.h"

#include "codec/pack.h"

void asking_answer(struct asking *a, uint32_t code, const char *text, struct slice data)
{
	asking_answer_part(a, code, text, data, NULL);
}

void asking_answer_part(struct asking *a, uint32_t code, const char *text, struct slice data,
	const struct msg_answer *next)
{
	size_t at = engine_flight(a->e)->bytes.n;
	struct msg_answer m = {0};

	if (next)
		m = *next;
	m.request = a->q->request;
	m.code = code;
	m.text = slice_str(text);
	m.data = data;
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

/* ---- status ---- */

void engine_pack_count(struct buf *out, const char *name, uint64_t v)
{
	pack_cstr(out, name);
	pack_u64(out, v);
}

static void pack_tasks(struct buf *out, const struct core_counts *n)
{
	pack_cstr(out, "tasks");
	pack_map(out, 10);
	engine_pack_count(out, "waiting", n->tasks[TASK_WAITING]);
	engine_pack_count(out, "scheduled", n->tasks[TASK_SCHEDULED]);
	engine_pack_count(out, "ready", n->tasks[TASK_READY] - n->stuck);
	engine_pack_count(out, "stuck", n->stuck);
	engine_pack_count(out, "leased",
		n->tasks[TASK_LEASED] + n->tasks[TASK_CANCELLING] < n->running
			? 0
			: n->tasks[TASK_LEASED] + n->tasks[TASK_CANCELLING] - n->running);
	engine_pack_count(out, "running", n->running);
	engine_pack_count(out, "cancelling", n->tasks[TASK_CANCELLING]);
	engine_pack_count(out, "done", n->tasks[TASK_DONE]);
	engine_pack_count(out, "failed", n->tasks[TASK_FAILED]);
	engine_pack_count(out, "cancelled", n->tasks[TASK_CANCELLED]);
}

struct packing {
	struct engine *e;
	struct buf *out;
};

static void pack_worker(const struct core_worker_view *w, void *arg)
{
	const struct packing *p = arg;

	engine_pack_worker(p->e, p->out, w);
}

static void query_status(struct asking *a)
{
	struct engine_store_status st = {.durability = "strict"};
	struct core_counts n;
	struct buf *out = &a->out;

	core_counts(a->e->core, &n);
	a->e->port.store_status(a->e->port.arg, &st);
	pack_map(out, 7);
	engine_pack_count(out, "epoch", a->e->config.epoch);
	pack_tasks(out, &n);
	engine_pack_count(out, "queues", n.things[THING_QUEUE]);
	engine_pack_count(out, "variables", n.things[THING_VARIABLE]);
	engine_pack_count(out, "sessions", n.sessions);
	pack_cstr(out, "workers");
	pack_array(out, n.workers);
	core_each_worker(a->e->core, pack_worker, &(struct packing){.e = a->e, .out = out});
	pack_cstr(out, "store");
	pack_map(out, 4);
	engine_pack_count(out, "bytes", st.bytes);
	engine_pack_count(out, "commits", st.commits);
	pack_cstr(out, "durability");
	pack_cstr(out, st.durability);
	pack_cstr(out, "oldest_reader_s");
	pack_double(out, st.oldest_reader_s);
	asking_answer(a, DQ_E_OK, "", buf_slice(out));
}

const char *engine_state_shown(const struct core_task_view *v)
{
	if (v->stuck)
		return "stuck";
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

void engine_pack_counts(struct buf *out, const uint64_t counts[TASK_STATE_END], bool stuck)
{
	uint32_t kinds = 0;

	for (int s = TASK_WAITING; s < TASK_STATE_END; s++)
		kinds += s != TASK_GONE && counts[s] != 0;
	pack_cstr(out, "tasks");
	pack_map(out, kinds);
	for (int s = TASK_WAITING; s < TASK_STATE_END; s++)
		if (s != TASK_GONE && counts[s])
			engine_pack_count(out,
				s == TASK_READY && stuck ? "stuck"
							 : task_state_word((enum task_state)s),
				counts[s]);
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
	       : counts[TASK_READY]      ? (b->stuck ? "stuck" : "ready")
	       : counts[TASK_CANCELLING] ? "cancelling"
	       : counts[TASK_SCHEDULED]  ? "scheduled"
					 : "waiting";
}

/* ---- show, state, resolve ---- */

static void query_show(struct asking *a)
{
	struct cursor c;
	struct slice key;
	struct run run;
	struct core_task_view v;

	cursor_init(&c, a->q->args);
	key = cursor_str(&c);
	if (!cursor_ok(&c) || !core_resolve(a->e->core, a->user, key, &run)) {
		asking_answer(a, DQ_E_NOT_FOUND, "no such task", slice_empty());
		return;
	}
	if (run.count == 1 && core_view_task(a->e->core, run.first, &v))
		flight_show(a->e, a->c->number, a->q->request, &v);
	else if (engine_show_array(a->e, run.first, &a->out))
		asking_answer(a, DQ_E_OK, "", buf_slice(&a->out));
	else
		asking_answer(a, DQ_E_NOT_FOUND, "no such task", slice_empty());
}

static void query_history(struct asking *a)
{
	struct cursor c;
	struct slice key;
	struct run run;

	cursor_init(&c, a->q->args);
	key = cursor_str(&c);
	if (!cursor_ok(&c) || !core_resolve(a->e->core, a->user, key, &run))
		asking_answer(a, DQ_E_NOT_FOUND, "no such task", slice_empty());
	else
		flight_history(a->e, a->c->number, a->q->request, run, a->q->index);
}

static void pack_state(struct asking *a, struct slice key)
{
	uint64_t counts[TASK_STATE_END];
	struct core_block_view b;
	struct core_task_view v;
	struct run run;

	if (!core_resolve(a->e->core, a->user, key, &run)) {
		pack_nil(&a->out);
	} else if (run.count > 1 && core_view_block(a->e->core, run.first, &b)) {
		a->looked += b.count;
		pack_cstr(&a->out,
			a->looked > LIMIT_ARRAY_ELEMENTS ? "?" : engine_array_state(&b, counts));
	} else if (core_view_task(a->e->core, run.first, &v)) {
		pack_cstr(&a->out, engine_state_shown(&v));
	} else {
		pack_nil(&a->out);
	}
}

static void pack_resolved(struct asking *a, struct slice key)
{
	struct core_block_view b = {0};
	struct core_task_view v = {0};
	struct run run;

	if (!core_resolve(a->e->core, a->user, key, &run)) {
		pack_nil(&a->out);
		return;
	}
	core_view_task(a->e->core, run.first, &v);
	core_view_block(a->e->core, run.first, &b);
	pack_array(&a->out, 4);
	pack_u64(&a->out, run.first);
	pack_u64(&a->out, run.count);
	pack_u64(&a->out, v.state);
	pack_u64(&a->out, b.first_index);
}

static void query_keys(struct asking *a, void (*one)(struct asking *, struct slice))
{
	struct cursor c;
	uint32_t n;

	cursor_init(&c, a->q->args);
	n = cursor_array(&c);
	if (n > LIMIT_QUERY_KEYS) {
		asking_answer(a, DQ_E_LIMIT, limit_text(LIMIT_INDEX_QUERY_KEYS), slice_empty());
		return;
	}
	pack_array(&a->out, n);
	for (uint32_t i = 0; i < n && cursor_ok(&c); i++)
		one(a, cursor_str(&c));
	if (!cursor_ok(&c))
		asking_answer(a, DQ_E_USAGE, "malformed keys", slice_empty());
	else if (a->out.failed)
		asking_answer(a, DQ_E_LIMIT, limit_text(LIMIT_INDEX_FRAME_BYTES), slice_empty());
	else if (a->looked > LIMIT_ARRAY_ELEMENTS)
		asking_answer(a, DQ_E_LIMIT, limit_text(LIMIT_INDEX_ARRAY_ELEMENTS), slice_empty());
	else
		asking_answer(a, DQ_E_OK, "", buf_slice(&a->out));
}

void engine_query(struct engine *e, struct engine_conn *c, const struct msg_query *q)
{
	struct asking a = {.e = e, .c = c, .q = q, .user = core_conn_user(e->core, c->number)};

	buf_init(&a.out, ANSWER_BYTES);
	switch (q->what) {
	case QUERY_STATUS:
		query_status(&a);
		break;
	case QUERY_LIST:
		engine_list(&a);
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
		engine_list_unfinished(&a);
		break;
	case QUERY_HISTORY:
		query_history(&a);
		break;
	case QUERY_SELECT:
		engine_select(&a);
		break;
	case QUERY_THINGS:
		engine_list_things(&a);
		break;
	case QUERY_DATASET:
		engine_dataset(&a);
		break;
	case QUERY_TOPIC:
		engine_topic(&a);
		break;
	case QUERY_QUEUE:
		engine_show_queue(&a);
		break;
	case QUERY_PEEK:
		engine_peek(&a);
		break;
	default:
		asking_answer(&a, DQ_E_USAGE, "no such query", slice_empty());
	}
	buf_release(&a.out);
}
