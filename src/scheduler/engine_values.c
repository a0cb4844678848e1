/*
 * Values that the scheduler stores itself. A worker sends one in parts, each acknowledged, before
 * the report that tells of it: an *upload*, which belongs to the lease and to the connection. When
 * the core takes the report, the batch that names the value keeps the upload; any other end drops
 * it. Who may have a value asks for it with a ticket, over the connection that it has.
 */
#include "scheduler/engine_impl.h"

#include "base/hash.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>

struct upload {
	uint64_t conn, id, number;
	struct fence fence;
	uint64_t total, checksum, have;
	struct hasher hasher;
};

/* ---- uploads ---- */

static void upload_forget(struct engine *e, struct upload *u)
{
	map64_remove_ptr(&e->uploads, u->id);
	free(u);
}

static void upload_drop(struct engine *e, struct upload *u)
{
	e->port.value_drop(e->port.arg, u->number);
	upload_forget(e, u);
}

static void answer(struct engine *e, const struct engine_conn *c, const struct msg_put *m,
	uint64_t have, uint32_t code, const char *text)
{
	struct msg_putted p = {.id = m->id,
		.epoch = m->epoch,
		.seq = m->seq,
		.have = have,
		.code = code,
		.text = slice_str(text)};
	struct buf frame;

	/* nothing that it says is to be stored */
	buf_init(&frame, LIMIT_HELLO_BYTES);
	msg_putted_encode(&frame, 0, &p);
	e->port.send(e->port.arg, c->number, buf_slice(&frame));
	buf_release(&frame);
}

/* The first part: is the value wanted, and small enough? */
static uint32_t may_begin(struct engine *e, const struct engine_conn *c, const struct msg_put *m,
	char *text, size_t text_bytes)
{
	struct fence fence = {.epoch = m->epoch, .seq = m->seq};
	uint32_t worker = core_conn_worker(e->core, c->number);
	uint64_t limit =
		e->config.value_limit_bytes ? e->config.value_limit_bytes : VALUE_LIMIT_BYTES;

	if (!worker || core_lease_worker(e->core, m->id, fence) != worker ||
		!core_task_stores(e->core, m->id)) {
		snprintf(text, text_bytes, "its result is not to be stored any more");
		return DQ_E_GONE;
	}
	if (m->total > limit) {
		snprintf(text, text_bytes,
			"its result has %" PRIu64
			" bytes, and the scheduler stores at most %" PRIu64 " (its --value-limit)",
			m->total, limit);
		return DQ_E_LIMIT;
	}
	if (e->no_room) {
		snprintf(text, text_bytes, "its result cannot be stored: the store is full");
		return DQ_E_STORE;
	}
	return DQ_E_OK;
}

static struct upload *begin(
	struct engine *e, const struct engine_conn *c, const struct msg_put *m, struct upload *old)
{
	struct upload *u;

	if (old)
		upload_drop(e, old);
	u = xcalloc(1, sizeof(*u));
	u->conn = c->number;
	u->id = m->id;
	u->fence = (struct fence){.epoch = m->epoch, .seq = m->seq};
	u->number = ++e->next_upload;
	u->total = m->total;
	u->checksum = m->checksum;
	hasher_init(&u->hasher);
	ensure(map64_put_ptr(&e->uploads, u->id, u));
	return u;
}

static bool goes_on(const struct upload *u, const struct engine_conn *c, const struct msg_put *m)
{
	return u && u->conn == c->number && u->fence.epoch == m->epoch && u->fence.seq == m->seq &&
	       u->have == m->offset && u->total == m->total && u->checksum == m->checksum;
}

static void take(
	struct engine *e, const struct engine_conn *c, const struct msg_put *m, struct upload *u)
{
	const char *why = "";

	if (!e->port.value_write(e->port.arg, u->number, m->offset, m->total, m->bytes, &why)) {
		answer(e, c, m, 0, DQ_E_STORE, why);
		upload_drop(e, u);
		return;
	}
	hasher_update(&u->hasher, m->bytes.p, m->bytes.n);
	u->have += m->bytes.n;
	if (u->have == u->total && hasher_hash64(&u->hasher) != u->checksum) {
		answer(e, c, m, 0, DQ_E_IO, "its result came with other bytes than it should have");
		upload_drop(e, u);
		return;
	}
	answer(e, c, m, u->have, DQ_E_OK, "");
}

const char *engine_put(struct engine *e, struct engine_conn *c, const struct msg_put *m)
{
	struct upload *u = map64_get_ptr(&e->uploads, m->id);
	char text[200];
	uint32_t code;

	if (!c->joined)
		return "PUT: before JOIN";
	if (!m->bytes.n || m->offset >= m->total || m->bytes.n > m->total - m->offset)
		return "PUT: a part that is none of its value";
	if (m->offset) {
		if (!goes_on(u, c, m))
			return "PUT: a part that does not follow";
		take(e, c, m, u);
		return NULL;
	}
	code = may_begin(e, c, m, text, sizeof(text));
	if (code)
		answer(e, c, m, 0, code, text);
	else
		take(e, c, m, begin(e, c, m, u));
	return NULL;
}

static struct upload *upload_of(
	const struct engine *e, const struct engine_conn *c, const struct event_lease *l)
{
	struct upload *u = map64_get_ptr(&e->uploads, l->id);

	return u && u->conn == c->number && fence_eq(u->fence, l->fence) ? u : NULL;
}

bool engine_put_is_whole(const struct engine *e, const struct engine_conn *c,
	const struct event_lease *l, const struct outcome *o)
{
	const struct upload *u = upload_of(e, c, l);

	return u && u->have == u->total && u->total == o->size && u->checksum == o->checksum;
}

void engine_put_over(struct engine *e, const struct engine_conn *c, const struct event_lease *l)
{
	struct upload *u = upload_of(e, c, l);

	if (u)
		upload_drop(e, u);
}

void engine_put_disconnect(struct engine *e, uint64_t conn)
{
	struct map64_iter it = {0};
	uint64_t id;
	void *p;

	/* the map may not change under the iterator */
	while (map64_count(&e->uploads) && map64_next_ptr(&e->uploads, &it, &id, &p)) {
		struct upload *u = p;

		if (u->conn != conn)
			continue;
		upload_drop(e, u);
		it = (struct map64_iter){0};
	}
}

void engine_spoilt(struct engine *e, uint64_t id, uint32_t generation)
{
	if (e->nspoilt == e->spoilt_cap) {
		e->spoilt_cap = e->spoilt_cap ? e->spoilt_cap * 2 : 16;
		e->spoilt = xreallocarray(e->spoilt, e->spoilt_cap, sizeof(*e->spoilt));
	}
	e->spoilt[e->nspoilt++] = (struct spoilt){.id = id, .generation = generation};
}

void engine_tell_spoilt(struct engine *e, uint64_t mono_us, uint64_t wall_us)
{
	struct event event = {.kind = EVENT_SPOILT};

	while (e->nspoilt) {
		const struct spoilt *s = &e->spoilt[--e->nspoilt];

		event.get.id = s->id;
		event.seq = s->generation;
		log_error("the stored value of task %llx is missing or damaged: it is lost",
			(unsigned long long)s->id);
		engine_step(e, &event, mono_us, wall_us);
	}
}

void engine_values_free(struct engine *e)
{
	struct map64_iter it = {0};
	uint64_t id;
	void *p;

	while (map64_next_ptr(&e->uploads, &it, &id, &p))
		free(p);
	map64_release(&e->uploads);
	free(e->spoilt);
}

void engine_value_record(struct engine *e, struct batch *batch, const struct record *r)
{
	struct upload *u = map64_get_ptr(&e->uploads, r->a);

	if (r->del) {
		batch_drop(batch, r->a, (uint32_t)r->b);
		return;
	}
	ensure(u && u->have == u->total);
	batch_keep(batch, u->number, r->a, (uint32_t)r->b);
	upload_forget(e, u);
}

/* ---- giving ---- */

static void own_ticket(const struct engine *e, uint8_t ticket[WIRE_TICKET_BYTES], uint64_t id,
	uint32_t generation, uint64_t checksum)
{
	uint8_t key[WIRE_TICKET_BYTES];

	wire_own_ticket_key(key, e->config.secret);
	wire_ticket(ticket, slice_of(key, sizeof(key)), id, generation, checksum);
}

void engine_where_own(
	struct engine *e, struct buf *out, uint64_t id, uint32_t generation, uint64_t checksum)
{
	uint8_t ticket[WIRE_TICKET_BYTES];

	own_ticket(e, ticket, id, generation, checksum);
	pack_array(out, 1);
	where_write(out, slice_empty(), slice_of(ticket, sizeof(ticket)));
}

/* NULL: it may have it. */
static const char *refusal(
	const struct engine *e, const struct msg_fetch *m, struct core_task_view *v)
{
	uint8_t ticket[WIRE_TICKET_BYTES];

	own_ticket(e, ticket, m->id, (uint32_t)m->generation, m->checksum);
	if (m->generation > UINT32_MAX || !wire_equal(m->ticket, slice_of(ticket, sizeof(ticket))))
		return "the ticket does not open this value";
	if (!core_view_task(e->core, m->id, v) || !v->stored || v->generation != m->generation ||
		v->value_checksum != m->checksum)
		return "not stored here";
	return m->offset > v->value_size ? "the offset is past the end" : NULL;
}

void engine_fetch(struct engine *e, struct engine_conn *c, const struct msg_fetch *m)
{
	struct core_task_view v;
	const char *why = refusal(e, m, &v);
	struct msg_nodata no = {.request = m->request, .code = DQ_E_NOT_FOUND};
	struct buf frame;

	if (!why) {
		e->port.value_give(e->port.arg, c->number,
			&(struct value_wanted){.request = m->request,
				.id = m->id,
				.generation = v.generation,
				.offset = m->offset,
				.total = v.value_size,
				.checksum = m->checksum});
		return;
	}
	no.text = slice_str(why);
	buf_init(&frame, LIMIT_HELLO_BYTES);
	msg_nodata_encode(&frame, 0, &no);
	e->port.send(e->port.arg, c->number, buf_slice(&frame));
	buf_release(&frame);
}
