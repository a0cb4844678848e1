/*
 * Queues, as the engine tells of them: a grant, made from its record and those of its items; and a
 * look at the items at the front.
 *
 * A grant may be told before its own commit where its items are stored already: a client shows
 * nothing of it before it has acknowledged it, which is a request of its own, stored before it is
 * answered. If the scheduler is lost between, the acknowledgement finds no grant, the items wait
 * again, and the client asks again. Such a grant wants no commit for itself: it goes with the next.
 */
#include "scheduler/engine_impl.h"

#include "base/alloc.h"
#include "base/log.h"
#include "codec/pack.h"
#include "store/keys.h"

static void send_grant(struct engine *e, uint64_t conn, const struct msg_grant *m)
{
	struct buf frame;

	buf_init(&frame, FRAME_MAX_PAYLOAD);
	msg_grant_encode(&frame, 0, m);
	ensure(!frame.failed);
	e->port.send(e->port.arg, conn, buf_slice(&frame));
	buf_release(&frame);
}

/* content or nil, task, key or nil */
static void pack_value(struct engine *e, const struct item_record *r, struct buf *out)
{
	char text[TASK_KEY_TEXT];

	if (r->task)
		pack_nil(out);
	else
		pack_bin(out, r->content);
	pack_u64(out, r->task);
	if (r->task)
		pack_str(out, engine_key(e, r->task, text));
	else
		pack_nil(out);
}

/* [priority, seq, epoch, fence seq, deliveries, content or nil, task, key]. False: the item is not
 * there. */
static bool pack_item(struct engine *e, const struct grant_record *g, uint32_t i, struct buf *out)
{
	struct grant_entry entry = grant_entry_at(g->entries, i);
	struct key key = key_item(g->thing, entry.rank, entry.seq);
	struct item_record r;
	struct slice value;
	const char *why;

	if (!e->port.get(e->port.arg, TABLE_ITEM, key_slice(&key), &value) ||
		!item_record_decode(value, &r, &why))
		return false;
	pack_array(out, 8);
	pack_i64(out, item_priority(entry.rank));
	pack_u64(out, entry.seq);
	pack_u64(out, g->first.epoch);
	pack_u64(out, g->first.seq + i);
	pack_u64(out, entry.deliveries);
	pack_value(e, &r, out);
	return true;
}

static bool pack_items(struct engine *e, const struct grant_record *g, struct buf *out)
{
	pack_array(out, g->count);
	for (uint32_t i = 0; i < g->count; i++)
		if (!pack_item(e, g, i, out))
			return false;
	return !out->failed;
}

/* Its record in this update; NULL: it is an older one. */
static const struct record *record_of(const struct update *u, const struct send *s)
{
	for (uint32_t i = 0; i < u->nrecords; i++) {
		const struct record *r = &u->records[i];

		if (r->kind == RECORD_GRANT && !r->del && r->a == s->session && r->b == s->seq)
			return r;
	}
	return NULL;
}

bool engine_grant_early(struct engine *e, const struct send *s)
{
	const struct update *u = &e->update;
	const struct record *rec = s->code ? NULL : record_of(u, s);
	struct msg_grant m = {.request = s->seq};
	struct grant_record r;
	struct buf items;
	const char *why;
	bool ok;

	if (!rec || !grant_record_decode(update_bytes(u, rec->at, rec->n), &r, &why))
		return false;
	buf_init(&items, LIMIT_FRAME_BYTES);
	ok = pack_items(e, &r, &items);
	if (ok) {
		m.items = buf_slice(&items);
		send_grant(e, s->conn, &m);
	}
	buf_release(&items);
	return ok;
}

bool engine_is_lazy(const struct update *u, uint32_t early)
{
	if (early == 0 || u->nsends > early)
		return false;
	for (uint32_t i = 0; i < u->nrecords; i++)
		if (u->records[i].kind != RECORD_GRANT || u->records[i].del)
			return false;
	return true;
}

/* One that was withdrawn meanwhile is not told. */
void engine_send_grant(struct engine *e, const struct send *s)
{
	struct msg_grant m = {.request = s->seq, .code = s->code, .text = slice_str(s->text)};
	struct key key = key_grant(s->session, s->seq);
	struct grant_record r;
	struct slice value;
	const char *why = "an item is not there";
	struct buf record, items;
	bool ok;

	if (s->code) {
		send_grant(e, s->conn, &m);
		return;
	}
	if (!e->port.get(e->port.arg, TABLE_GRANT, key_slice(&key), &value))
		return;
	buf_init(&record, LIMIT_FRAME_BYTES);
	buf_init(&items, LIMIT_FRAME_BYTES);
	buf_append_slice(&record, value); /* the next read takes it away */
	ok = grant_record_decode(buf_slice(&record), &r, &why) && pack_items(e, &r, &items);
	if (ok) {
		m.items = buf_slice(&items);
		send_grant(e, s->conn, &m);
	} else {
		log_error("grant %u.%llu: %s", s->session, (unsigned long long)s->seq, why);
		engine_refuse(e, engine_conn(e, s->conn), DQ_E_STORE,
			"a record of the store cannot be read");
	}
	buf_release(&record);
	buf_release(&items);
}

/* ---- looking ---- */

#define PEEK_BYTES (4u << 20)

/* Items as far as they are stored: those after one that is not are not told either. */
static uint32_t pack_front(struct engine *e, uint64_t thing, const struct core_item_view *v,
	uint32_t n, struct buf *out)
{
	for (uint32_t i = 0; i < n; i++) {
		struct key key = key_item(thing, v[i].rank, v[i].seq);
		struct item_record r;
		struct slice value;
		const char *why;

		if (!e->port.get(e->port.arg, TABLE_ITEM, key_slice(&key), &value) ||
			!item_record_decode(value, &r, &why) ||
			(i && out->n + value.n > PEEK_BYTES))
			return i;
		pack_array(out, 6);
		pack_i64(out, item_priority(v[i].rank));
		pack_u64(out, v[i].seq);
		pack_u64(out, v[i].deliveries);
		pack_value(e, &r, out);
	}
	return n;
}

/* [name, how many at most] */
void engine_peek(struct asking *a)
{
	struct core_item_view *front;
	struct core_thing_view v;
	struct buf items;
	struct cursor c;
	struct slice name;
	uint64_t max;
	const char *why;
	uint32_t code, n;

	cursor_init(&c, a->q->args);
	n = cursor_array_min(&c, 2);
	name = cursor_str(&c);
	max = cursor_u64(&c);
	cursor_skip_rest(&c, n, 2);
	if (!cursor_at_end(&c)) {
		asking_answer(a, DQ_E_USAGE, "malformed question about a queue", slice_empty());
		return;
	}
	if (!core_find_thing(a->e->core, a->user, THING_QUEUE, name, &v, &code, &why)) {
		asking_answer(a, code, why, slice_empty());
		return;
	}
	max = max < LIMIT_GRANT_ITEMS ? max : LIMIT_GRANT_ITEMS;
	front = xcalloc(max + 1, sizeof(*front));
	buf_init(&items, ANSWER_BYTES - LIMIT_HELLO_BYTES);
	n = core_peek_queue(a->e->core, v.number, front, (uint32_t)max);
	n = pack_front(a->e, v.number, front, n, &items);
	pack_array(&a->out, n);
	buf_append_slice(&a->out, buf_slice(&items));
	asking_answer(a, DQ_E_OK, "", buf_slice(&a->out));
	buf_release(&items);
	free(front);
}
