/*
 * What is shared by name, as the engine tells of it: a thing's content, which is read after the
 * commit that was waited for, and lists.
 */
#include "scheduler/engine_impl.h"

#include "base/log.h"
#include "codec/pack.h"
#include "store/keys.h"

void engine_send_is(struct engine *e, uint64_t conn, const struct msg_is *m)
{
	struct buf frame;

	buf_init(&frame, FRAME_MAX_PAYLOAD);
	msg_is_encode(&frame, 0, m);
	ensure(!frame.failed);
	e->port.send(e->port.arg, conn, buf_slice(&frame));
	buf_release(&frame);
}

/* What is stored now: a later version than the one that was waited for, or none, is as good. */
void engine_send_thing(struct engine *e, const struct send *s)
{
	struct msg_is m = {.request = s->seq, .code = s->code, .text = slice_str(s->text)};
	struct core_thing_view view;
	struct key key = key_thing(s->id);
	char text[TASK_KEY_TEXT];
	struct thing_record r;
	struct slice value;
	const char *why;
	struct buf content;

	if (s->count)
		m.version = s->count;
	if (!s->code && core_view_thing(e->core, s->id, &view) && view.kind == THING_TOPIC) {
		engine_send_topic(e, s, &view);
		return;
	}
	if (s->code || s->count ||
		!e->port.get(e->port.arg, TABLE_THING, key_slice(&key), &value)) {
		engine_send_is(e, s->conn, &m);
		return;
	}
	if (!thing_record_decode(value, &r, &why)) {
		log_error("thing %llu: %s", (unsigned long long)s->id, why);
		engine_refuse(e, engine_conn(e, s->conn), DQ_E_STORE,
			"a record of the store cannot be read");
		return;
	}
	if (r.kind == THING_QUEUE) {
		m.version = 1; /* there is room */
		engine_send_is(e, s->conn, &m);
		return;
	}
	buf_init(&content, LIMIT_FRAME_BYTES);
	m.version = r.variable.version;
	m.task = r.variable.task;
	if (m.task)
		m.key = engine_key(e, m.task, text);
	else
		pack_bin(&content, r.variable.content);
	m.content = buf_slice(&content);
	engine_send_is(e, s->conn, &m);
	buf_release(&content);
}

/* ---- lists ---- */

struct things {
	struct asking *a;
	struct buf out;
	struct msg_answer next;
	uint32_t rows;
};

static void pack_variable(struct things *t, const struct core_thing_view *v)
{
	char key[TASK_KEY_TEXT];

	engine_pack_count(&t->out, "version", v->variable.version);
	engine_pack_count(&t->out, "bytes", v->variable.bytes);
	if (!v->variable.task)
		return;
	pack_cstr(&t->out, "key");
	pack_str(&t->out, engine_key(t->a->e, v->variable.task, key));
}

static void pack_topic(struct things *t, const struct core_thing_view *v)
{
	engine_pack_count(&t->out, "entries", v->topic.next - v->topic.first);
	engine_pack_count(&t->out, "oldest", v->topic.first);
	engine_pack_count(&t->out, "last", v->topic.next - 1);
	engine_pack_count(&t->out, "max_entries", v->topic.max_entries);
	pack_cstr(&t->out, "max_age");
	pack_double(&t->out, (double)v->topic.max_age_us / 1e6);
}

static void pack_queue(struct things *t, const struct core_thing_view *v)
{
	engine_pack_count(&t->out, "len", v->queue.len);
	engine_pack_count(&t->out, "waiting", v->queue.waiting);
	engine_pack_count(&t->out, "delayed", v->queue.delayed);
	engine_pack_count(&t->out, "maxsize", v->queue.maxsize);
	engine_pack_count(&t->out, "max_deliveries", v->queue.max_deliveries);
	pack_cstr(&t->out, "dead_letter");
	pack_str(&t->out, v->queue.dead);
}

/* How many pairs pack_body() appends. */
static uint32_t body_pairs(const struct core_thing_view *v)
{
	switch (v->kind) {
	case THING_VARIABLE:
		return 2 + (v->variable.task != 0);
	case THING_TOPIC:
		return 5;
	case THING_DATASET:
		return 1;
	case THING_QUEUE:
		return 6;
	default:
		return 0;
	}
}

static void pack_body(struct things *t, const struct core_thing_view *v)
{
	if (v->kind == THING_VARIABLE)
		pack_variable(t, v);
	else if (v->kind == THING_TOPIC)
		pack_topic(t, v);
	else if (v->kind == THING_DATASET)
		engine_pack_count(&t->out, "tasks", v->dataset.ntasks);
	else if (v->kind == THING_QUEUE)
		pack_queue(t, v);
}

static void pack_row(struct things *t, const struct core_thing_view *v)
{
	pack_map(&t->out, 4 + body_pairs(v));
	pack_cstr(&t->out, "name");
	pack_str(&t->out, v->name);
	pack_cstr(&t->out, "namespace");
	pack_str(&t->out, v->ns);
	pack_cstr(&t->out, "owner");
	pack_str(&t->out, core_user_name(t->a->e->core, v->owner));
	pack_cstr(&t->out, "created");
	pack_double(&t->out, (double)v->created_us / 1e6);
	pack_body(t, v);
}

static bool pack_thing(const struct core_thing_view *v, void *arg)
{
	struct things *t = arg;
	struct slice user = core_user_name(t->a->e->core, t->a->user);

	if (!slice_eq(v->ns, user))
		return true;
	if (t->rows == LIMIT_QUERY_ROWS) {
		t->next.more = true;
		return false;
	}
	t->rows++;
	t->next.order = v->number;
	pack_row(t, v);
	return true;
}

void engine_show_queue(struct asking *a)
{
	struct things t = {.a = a};
	struct core_thing_view v;
	const char *why = "a name is wanted";
	uint32_t code = DQ_E_USAGE;
	struct cursor c;
	struct slice name;

	cursor_init(&c, a->q->args);
	name = cursor_str(&c);
	if (!cursor_at_end(&c) ||
		!core_find_thing(a->e->core, a->user, THING_QUEUE, name, &v, &code, &why)) {
		asking_answer(a, code, why, slice_empty());
		return;
	}
	buf_init(&t.out, LIMIT_FRAME_BYTES);
	pack_row(&t, &v);
	asking_answer(a, DQ_E_OK, "", buf_slice(&t.out));
	buf_release(&t.out);
}

void engine_list_things(struct asking *a)
{
	struct things t = {.a = a, .next.order = a->q->order};
	struct cursor c;
	uint64_t kind;

	cursor_init(&c, a->q->args);
	kind = cursor_u64(&c);
	if (!cursor_at_end(&c) || (kind != THING_VARIABLE && kind != THING_TOPIC &&
					  kind != THING_DATASET && kind != THING_QUEUE)) {
		asking_answer(a, DQ_E_USAGE, "no such kind of thing", slice_empty());
		return;
	}
	buf_init(&t.out, LIMIT_FRAME_BYTES);
	core_each_thing(a->e->core, (enum thing_kind)kind, a->q->order, pack_thing, &t);
	pack_array(&a->out, t.rows);
	buf_append_slice(&a->out, buf_slice(&t.out));
	asking_answer_part(a, DQ_E_OK, "", buf_slice(&a->out), &t.next);
	buf_release(&t.out);
}
