/*
 * Stored values on the server's side: parts of uploads into the store's directory, values to the
 * peers that asked, and the sweep at a start. A peer is given its values one after the other, in
 * chunks, never more of them unread than WINDOW_BYTES; a file is open while its turn lasts, so that
 * it may be forgotten meanwhile.
 */
#include "scheduler/server_impl.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/hash.h"
#include "base/log.h"
#include "core/core.h"
#include "model/limits.h"
#include "store/values.h"
#include "wire/wire.h"

#include <dq/error.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_BYTES ((size_t)256 << 10)
#define WINDOW_BYTES ((size_t)1 << 20)

struct gift {
	struct list node;
	struct value_wanted wanted;
	int fd;     /* -1: its turn has not come */
	bool whole; /* given from its start: its checksum is counted */
	struct hasher hasher;
};

static void gift_free(struct peer *p, struct gift *g)
{
	ensure(p->ngifts > 0);
	p->ngifts--;
	list_remove(&g->node);
	if (g->fd >= 0)
		close(g->fd);
	free(g);
}

void gifts_release(struct peer *p)
{
	while (!list_is_empty(&p->gifts))
		gift_free(p, container_of(p->gifts.next, struct gift, node));
}

static void send_nodata(struct peer *p, uint64_t request, uint32_t code, const char *text)
{
	msg_nodata_encode(stream_buf(p->stream), 0,
		&(struct msg_nodata){.request = request, .code = code, .text = slice_str(text)});
}

/* False: its file is not what the record says. */
static bool gift_open(struct peer *p, struct gift *g)
{
	const struct value_wanted *w = &g->wanted;
	uint64_t size = 0;

	g->fd = store_value_open(p->s->store, w->id, w->generation, &size);
	return g->fd >= 0 && size == w->total;
}

static ssize_t read_all(int fd, uint8_t *to, size_t n, uint64_t offset)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r = pread(fd, to + done, n - done, (off_t)(offset + done));

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return -1;
		done += (size_t)r;
	}
	return (ssize_t)n;
}

/* The next chunk. True: that was the last, or all that there is. */
static bool gift_send(struct peer *p, struct gift *g, uint8_t *room)
{
	struct value_wanted *w = &g->wanted;
	uint64_t left = w->total - w->offset;
	size_t n = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
	struct msg_data m = {
		.request = w->request, .offset = w->offset, .total = w->total, .last = n == left};

	if ((g->fd < 0 && !gift_open(p, g)) || read_all(g->fd, room, n, w->offset) < 0) {
		send_nodata(p, w->request, DQ_E_IO, "the stored value cannot be read");
		engine_spoilt(p->s->engine, w->id, w->generation);
		return true;
	}
	hasher_update(&g->hasher, room, n);
	if (m.last && g->whole && hasher_hash64(&g->hasher) != w->checksum)
		engine_spoilt(p->s->engine, w->id, w->generation);
	m.bytes = slice_of(room, n);
	msg_data_encode(stream_buf(p->stream), 0, &m);
	w->offset += n;
	return m.last;
}

void gifts_pump(struct peer *p)
{
	uint8_t *room;

	if (list_is_empty(&p->gifts))
		return;
	room = xmalloc(CHUNK_BYTES);
	while (!list_is_empty(&p->gifts) && stream_pending_bytes(p->stream) < WINDOW_BYTES) {
		struct gift *g = container_of(p->gifts.next, struct gift, node);

		if (gift_send(p, g, room))
			gift_free(p, g);
	}
	free(room);
}

/* ---- the engine's port ---- */

void values_give(void *arg, uint64_t conn, const struct value_wanted *wanted)
{
	struct scheduler *s = arg;
	struct peer *p = map64_get_ptr(&s->by_conn, conn);
	struct gift *g;

	if (!p)
		return;
	if (p->ngifts >= LIMIT_GETS) {
		send_nodata(p, wanted->request, DQ_E_LIMIT, limit_text(LIMIT_INDEX_GETS));
		return;
	}
	g = xcalloc(1, sizeof(*g));
	g->wanted = *wanted;
	g->fd = -1;
	g->whole = wanted->offset == 0;
	hasher_init(&g->hasher);
	list_push_back(&p->gifts, &g->node);
	p->ngifts++;
	gifts_pump(p);
}

bool values_write(void *arg, uint64_t upload, uint64_t offset, uint64_t total, struct slice bytes,
	const char **why)
{
	static _Thread_local struct store_error err;
	struct scheduler *s = arg;

	if (store_upload_write(s->store, upload, offset, total, bytes, &err) == STORE_OK)
		return true;
	log_warn("a result cannot be stored: %s", err.text);
	*why = err.text;
	return false;
}

bool values_there(void *arg, uint64_t id, uint32_t generation, uint64_t size)
{
	struct scheduler *s = arg;
	uint64_t have = 0;
	int fd = store_value_open(s->store, id, generation, &have);

	if (fd >= 0)
		close(fd);
	return fd >= 0 && have == size;
}

void values_drop(void *arg, uint64_t upload)
{
	struct scheduler *s = arg;

	store_upload_drop(s->store, upload);
}

/* ---- a start ---- */

static void sweep_one(const struct store_value_file *f, void *arg)
{
	struct scheduler *s = arg;
	struct core_task_view v;

	if (f->is_value && core_view_task(engine_core(s->engine), f->id, &v) && v.stored &&
		v.generation == f->generation)
		return;
	log_info("values/%s is of no task: removed", f->name);
	store_value_remove(s->store, f->name);
}

void values_sweep(struct scheduler *s)
{
	struct store_error err;

	if (!store_values_each(s->store, sweep_one, s, &err))
		log_warn("%s", err.text);
}
