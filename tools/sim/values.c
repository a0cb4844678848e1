/*
 * Stored values in the simulation: the files that the fake store has beside its records, uploads of
 * workers, and fetches of clients. A start finds no upload of before. Neighbours: driver.c applies
 * batches; runner.c sends values before their reports; audit.c asks for a look at all of them.
 */
#include "sim/sim.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/hash.h"
#include "model/row.h"

#include <dq/error.h>

#include <inttypes.h>
#include <stdlib.h>

#define PART_BYTES 4000
#define CHUNK_BYTES 2500

struct fvalue {
	uint32_t generation;
	size_t n;
	uint8_t bytes[BOOK_LARGE_BYTES + 128];
};

/* ---- the store's side ---- */

static void forget_all(struct map64 *m)
{
	struct map64_iter it = {0};
	uint64_t key;
	void *p;

	while (map64_next_ptr(m, &it, &key, &p))
		free(p);
	map64_clear(m);
}

void values_init(struct sim *s)
{
	map64_init(&s->uploads);
	map64_init(&s->values);
}

void values_release(struct sim *s)
{
	forget_all(&s->uploads);
	forget_all(&s->values);
	map64_release(&s->uploads);
	map64_release(&s->values);
}

void values_start(struct sim *s)
{
	forget_all(&s->uploads);
}

static void keep(struct sim *s, const struct batch_file *f)
{
	struct fvalue *v = map64_get_ptr(&s->uploads, f->upload);

	if (!v) {
		sim_fail(s, "a value is kept whose upload is not there");
		return;
	}
	map64_remove_ptr(&s->uploads, f->upload);
	free(map64_get_ptr(&s->values, f->id));
	v->generation = f->generation;
	ensure(map64_put_ptr(&s->values, f->id, v));
	s->cover->events[SIM_STORED]++;
}

void values_apply(struct sim *s, const struct batch *batch)
{
	for (uint32_t i = 0; i < batch->nfiles; i++) {
		const struct batch_file *f = &batch->files[i];
		struct fvalue *v = map64_get_ptr(&s->values, f->id);

		if (f->keep) {
			keep(s, f);
		} else if (v && v->generation == f->generation) {
			map64_remove_ptr(&s->values, f->id);
			free(v);
		}
	}
}

static bool port_write(void *arg, uint64_t upload, uint64_t offset, uint64_t total,
	struct slice bytes, const char **why)
{
	struct sim *s = arg;
	struct fvalue *v = map64_get_ptr(&s->uploads, upload);

	(void)why;
	if (!v) {
		v = xcalloc(1, sizeof(*v));
		ensure(map64_put_ptr(&s->uploads, upload, v));
	}
	if (offset != v->n || total > sizeof(v->bytes) || bytes.n > total - offset) {
		sim_fail(s, "a part of a value that does not follow");
		return true;
	}
	memcpy(v->bytes + v->n, bytes.p, bytes.n);
	v->n += bytes.n;
	return true;
}

static void port_drop(void *arg, uint64_t upload)
{
	struct sim *s = arg;

	free(map64_get_ptr(&s->uploads, upload));
	map64_remove_ptr(&s->uploads, upload);
}

static const struct fvalue *find(const struct sim *s, uint64_t id, uint32_t generation)
{
	const struct fvalue *v = map64_get_ptr(&s->values, id);

	return v && v->generation == generation ? v : NULL;
}

static bool port_there(void *arg, uint64_t id, uint32_t generation, uint64_t size)
{
	const struct fvalue *v = find(arg, id, generation);

	return v && v->n == size;
}

static void port_give(void *arg, uint64_t conn, const struct value_wanted *w)
{
	struct sim *s = arg;
	const struct fvalue *v = find(s, w->id, w->generation);
	struct msg_data m = {.request = w->request, .offset = w->offset, .total = w->total};
	struct engine_port port;
	struct buf frames;

	if (!v || v->n != w->total) {
		sim_fail(s, "%" PRIx64 " is said to be stored, and is not", w->id);
		return;
	}
	buf_init(&frames, 1 << 20);
	do {
		size_t left = v->n - m.offset, n = left < CHUNK_BYTES ? left : CHUNK_BYTES;

		m.bytes = slice_of(v->bytes + m.offset, n);
		m.last = n == left;
		msg_data_encode(&frames, 0, &m);
		m.offset += n;
	} while (!m.last);
	engine_port_of(s, &port);
	port.send(s, conn, buf_slice(&frames));
	buf_release(&frames);
}

void values_port(struct engine_port *out)
{
	out->value_write = port_write;
	out->value_drop = port_drop;
	out->value_there = port_there;
	out->value_give = port_give;
}

/* Each file is named by a row, and each row that names one has it. */
void values_audit(struct sim *s)
{
	size_t n = 0;

	for (uint32_t i = 0; i < s->store.table[TABLE_TASK].n && !s->failed; i++) {
		struct slice key, value;
		struct task_row row;
		struct outcome o;
		const char *why;
		uint16_t round;
		uint64_t id;

		fstore_at(&s->store, TABLE_TASK, i, &key, &value);
		if (!key_read_task(key, &id, &round) || !task_row_decode(value, &row, &why) ||
			!row.outcome.n || !outcome_decode(row.outcome, &o, &why) || !o.stored)
			continue;
		n++;
		if (!port_there(s, id, row.generation, o.size))
			sim_fail(s, "%" PRIx64 ": its row names a value that is not there", id);
	}
	if (!s->failed && n != map64_count(&s->values))
		sim_fail(
			s, "%zu stored values, and rows that name %zu", map64_count(&s->values), n);
}

/* ---- the worker's side ---- */

bool value_is_due(const struct run_lease *l)
{
	return l->state == RUN_ENDED && l->end == TASK_DONE && l->store && !l->refused &&
	       l->have < l->size;
}

void values_put(struct sim *s, struct sworker *w)
{
	uint8_t bytes[BOOK_LARGE_BYTES + 128];

	for (uint32_t i = 0; i < w->nleases; i++) {
		struct run_lease *l = &w->leases[i];
		struct msg_put m = {.id = l->id,
			.epoch = l->fence.epoch,
			.seq = l->fence.seq,
			.offset = l->have,
			.total = l->size};

		if (!value_is_due(l) || l->putting)
			continue;
		l->putting = true;
		book_value(l->id, l->size, bytes);
		m.checksum = hash64(slice_of(bytes, l->size));
		m.bytes = slice_of(bytes + l->have,
			l->size - l->have < PART_BYTES ? l->size - l->have : PART_BYTES);
		msg_put_encode(&s->scratch, 0, &m);
		peer_send(s, &w->peer);
	}
}

void values_putted(struct sim *s, struct sworker *w, const struct frame *f)
{
	struct msg_putted m;
	const char *why;

	if (!msg_putted_decode(f->payload, &m, &why)) {
		sim_fail(s, "a PUTTED that is none");
		return;
	}
	for (uint32_t i = 0; i < w->nleases; i++) {
		struct run_lease *l = &w->leases[i];

		if (l->id != m.id || l->fence.epoch != m.epoch || l->fence.seq != m.seq)
			continue;
		l->putting = false;
		l->refused = m.code != 0;
		l->have = (uint32_t)m.have;
		if (m.code == DQ_E_STORE)
			s->cover->events[SIM_STORE_REFUSED]++;
	}
}

bool value_fetch(struct sim *s, const struct run_input *in, uint32_t k)
{
	uint8_t key[WIRE_TICKET_BYTES], ticket[WIRE_TICKET_BYTES];

	wire_own_ticket_key(key, slice_str(SIM_SECRET));
	wire_ticket(ticket, slice_of(key, sizeof(key)), in->id, in->generation, in->checksum);
	if (memcmp(ticket, in->ticket[k], sizeof(ticket)) != 0) {
		sim_fail(s, "a ticket for %" PRIx64 " that is not the scheduler's own", in->id);
		return false;
	}
	if (!s->engine || !find(s, in->id, in->generation))
		return false;
	s->cover->events[SIM_FETCH]++;
	return true;
}

/* ---- the client's side ---- */

void value_ask(struct sim *s, struct client *c, const struct msg_value *v, const struct outcome *o)
{
	struct msg_fetch m = {.id = v->id, .generation = v->generation, .checksum = o->checksum};
	struct slice address;
	struct cursor at;
	uint32_t n;

	if (!o->stored || !list_read_begin(&at, v->where, UINT32_MAX, &n) || n != 1 ||
		!where_read(&at, &address, &m.ticket) || address.n) {
		/* released meanwhile: forgotten before the answer */
		if (o->stored && task_is_held_for_sure(s, book_find(&s->book, v->id)))
			sim_fail(s, "%" PRIx64 " is stored, and to be had elsewhere", v->id);
		return;
	}
	m.request = ++c->next_request;
	ensure(map64_put(&c->gets, m.request, v->id));
	msg_fetch_encode(&s->scratch, 0, &m);
	peer_send(s, &c->peer);
}

void value_data(struct sim *s, struct client *c, const struct frame *f)
{
	uint8_t bytes[BOOK_LARGE_BYTES + 128];
	const struct book_task *t;
	struct msg_nodata no;
	struct msg_data m;
	const char *why;
	uint64_t id;

	if (f->type == MSG_NODATA) {
		if (!msg_nodata_decode(f->payload, &no, &why) ||
			!map64_remove(&c->gets, no.request, &id))
			sim_fail(s, "a NODATA that is none");
		else if (task_is_held_for_sure(s, book_find(&s->book, id)))
			sim_fail(s, "%" PRIx64 " is held, and its stored value is not there", id);
		return;
	}
	if (!msg_data_decode(f->payload, &m, &why) || !map64_get(&c->gets, m.request, &id)) {
		sim_fail(s, "a DATA that was not asked for");
		return;
	}
	t = book_find(&s->book, id);
	book_value(id, book_value_bytes(t), bytes);
	if (m.total != book_value_bytes(t) || m.offset + m.bytes.n > m.total ||
		!slice_eq(m.bytes, slice_of(bytes + m.offset, m.bytes.n)))
		sim_fail(s, "%" PRIx64 ": the stored value has other bytes", id);
	if (m.last)
		map64_remove(&c->gets, m.request, NULL);
}
