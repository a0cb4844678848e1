/*
 * Connections to holders, one each, opened when needed and closed when idle; requests on one are
 * answered in order, so the first one asked is the one whose chunks come. The checksum is counted
 * chunk by chunk. Whatever goes wrong sends what was asked to its next holder (fetch.c).
 */
#define LOG_COMPONENT "worker"
#include "worker/fetch_private.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/ensure.h"
#include "base/log.h"
#include "wire/wire.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SILENCE_US (30 * US_PER_S)
#define IDLE_US (30 * US_PER_S)
#define ASKED_MAX 8 /* a holder, at a time */
#define FILE_FROM_BYTES ((size_t)64 << 20)

struct holder_arg {
	struct fetcher *fetcher;
	struct holder *holder;
};

static struct fetch *first_asked(struct holder *h)
{
	struct list *node = list_first(&h->asked);

	ensure((node != NULL) == (h->nasked > 0));
	return node ? list_entry(node, struct fetch, node) : NULL;
}

/* Off the holder it was asked of. */
static void unask(struct fetcher *f, struct holder *h, struct fetch *t)
{
	ensure(t->state == FETCH_ASKED);
	ensure(h->nasked > 0 && f->in_flight >= t->size);
	list_remove(&t->node);
	h->nasked--;
	f->in_flight -= t->size;
	t->state = FETCH_WAITING;
}

/* --- What holders say ----------------------------------------------------------------------- */

static bool make_room(struct fetcher *f, struct fetch *t)
{
	char *path;

	if (t->blob)
		return true;
	path = xasprintf("%s/%" PRIu64 ".%" PRIu32 ".%" PRIu64 ".fetched", f->dir, t->id,
		t->generation, t->request);
	t->blob = blob_new_room(t->size, FILE_FROM_BYTES, path, &t->room);
	free(path);
	if (!t->blob) {
		log_warn("no room for an input of %zu bytes: %s", t->size, strerror(errno));
		return false;
	}
	t->have = 0;
	hasher_init(&t->hasher);
	return true;
}

/* False: not what was asked for. Of the scheduler's own connection what nobody waits for any more
 * is passed over. */
static bool take_chunk(struct fetcher *f, struct holder *h, const struct msg_data *m)
{
	struct fetch *t = first_asked(h);

	if (h == &f->own && (!t || t->request != m->request))
		return true;
	if (!t || t->request != m->request || m->total != t->size || m->offset != t->have ||
		m->bytes.n > t->size - t->have || m->last != (m->bytes.n == t->size - t->have))
		return false;
	if (!make_room(f, t)) {
		unask(f, h, t);
		fetch_try_next(f, t);
		return h == &f->own;
	}
	if (m->bytes.n)
		memcpy(t->room + t->have, m->bytes.p, m->bytes.n);
	hasher_update(&t->hasher, m->bytes.p, m->bytes.n);
	t->have += m->bytes.n;
	if (!m->last)
		return true;
	unask(f, h, t);
	if (hasher_hash64(&t->hasher) == t->checksum) {
		fetch_complete(f, t);
	} else {
		log_warn("%s gave other bytes for task %" PRIu64 " than it should", h->address,
			t->id);
		fetch_try_next(f, t);
	}
	return true;
}

static bool take_nodata(struct fetcher *f, struct holder *h, const struct msg_nodata *m)
{
	struct fetch *t = first_asked(h);

	if (!t || t->request != m->request)
		return h == &f->own;
	log_info("%s does not give task %" PRIu64 ": %" SLICE_FMT, h->address, t->id,
		SLICE_ARG(m->text));
	unask(f, h, t);
	fetch_try_next(f, t);
	return true;
}

static void on_frame(struct stream *s, const struct frame *frame, void *arg)
{
	struct holder_arg a = *(struct holder_arg *)arg;
	struct msg_data data;
	struct msg_nodata nodata;
	struct msg_refuse refuse;
	const char *why;
	bool ok = false;

	a.holder->heard_us = clock_mono_us();
	if (frame->type == MSG_DATA && msg_data_decode(frame->payload, &data, &why))
		ok = take_chunk(a.fetcher, a.holder, &data);
	else if (frame->type == MSG_NODATA && msg_nodata_decode(frame->payload, &nodata, &why))
		ok = take_nodata(a.fetcher, a.holder, &nodata);
	else if (frame->type == MSG_REFUSE && msg_refuse_decode(frame->payload, &refuse, &why))
		log_warn("%s refuses: %" SLICE_FMT, a.holder->address, SLICE_ARG(refuse.text));
	if (!ok)
		stream_abort(s);
	fetcher_pump(a.fetcher);
}

bool fetcher_frame(struct fetcher *f, const struct frame *frame, const char **why)
{
	struct msg_data data;
	struct msg_nodata nodata;
	bool ok;

	if (frame->type == MSG_DATA) {
		if (!msg_data_decode(frame->payload, &data, why))
			return false;
		*why = "a part of a value that does not follow";
		ok = take_chunk(f, &f->own, &data);
	} else {
		if (!msg_nodata_decode(frame->payload, &nodata, why))
			return false;
		ok = take_nodata(f, &f->own, &nodata);
	}
	fetcher_pump(f);
	return ok;
}

void fetcher_connected(struct fetcher *f, struct stream *stream)
{
	fetcher_disconnected(f);
	f->own.stream = stream;
	timer_start(f->tick, 0, FETCH_TICK_MS);
}

void fetcher_disconnected(struct fetcher *f)
{
	struct fetch *t;

	f->own.stream = NULL;
	while ((t = first_asked(&f->own))) {
		unask(f, &f->own, t);
		fetch_wait_again(f, t);
	}
}

static void on_close(struct stream *s, const char *reason, int err, void *arg)
{
	struct holder_arg a = *(struct holder_arg *)arg;
	struct fetch *t;

	(void)s;
	(void)err;
	free(arg);
	a.holder->stream = NULL;
	if (a.holder->nasked)
		log_info("fetching from %s: %s", a.holder->address, reason);
	while ((t = first_asked(a.holder))) {
		unask(a.fetcher, a.holder, t);
		fetch_try_next(a.fetcher, t);
	}
	list_remove(&a.holder->node);
	free(a.holder->address);
	free(a.holder);
	fetcher_pump(a.fetcher);
}

static const struct stream_handlers handlers = {.on_frame = on_frame, .on_close = on_close};

/* --- Asking --------------------------------------------------------------------------------- */

static struct holder *holder_of(struct fetcher *f, struct slice address)
{
	struct holder_arg *arg;
	struct holder *h;

	list_for_each_entry(known, &f->holders, struct holder, node) {
		if (slice_eq_str(address, known->address))
			return known;
	}
	h = xcalloc(1, sizeof(*h));
	arg = xcalloc(1, sizeof(*arg));
	*arg = (struct holder_arg){.fetcher = f, .holder = h};
	h->address = xmemdup(address.p, address.n);
	h->heard_us = clock_mono_us();
	list_init(&h->asked);
	h->stream = stream_connect(f->loop, h->address, &handlers, arg);
	if (!h->stream) {
		log_warn("fetching from %s: %s", h->address, strerror(errno));
		free(h->address);
		free(h);
		free(arg);
		return NULL;
	}
	list_push_back(&f->holders, &h->node);
	return h;
}

enum holder_answer holder_ask(
	struct fetcher *f, struct fetch *t, struct slice address, struct slice ticket)
{
	struct holder *h = address.n ? holder_of(f, address) : &f->own;
	struct msg_fetch m;

	if (!h)
		return HOLDER_UNREACHABLE;
	if (!h->stream || h->nasked >= ASKED_MAX)
		return HOLDER_BUSY;
	if (h->nasked == 0)
		h->heard_us = clock_mono_us();
	t->request = f->next_request++;
	m = (struct msg_fetch){.request = t->request,
		.id = t->id,
		.generation = t->generation,
		.checksum = t->checksum,
		.ticket = ticket};
	msg_fetch_encode(stream_buf(h->stream), 0, &m);
	list_remove(&t->node);
	list_push_back(&h->asked, &t->node);
	h->nasked++;
	f->in_flight += t->size;
	t->state = FETCH_ASKED;
	return HOLDER_ASKED;
}

void holders_tend(struct fetcher *f, uint64_t now_us)
{
	list_for_each_entry(h, &f->holders, struct holder, node) {
		if (h->stream && now_us - h->heard_us > (h->nasked ? SILENCE_US : IDLE_US))
			stream_abort(h->stream);
	}
}

void holders_free(struct fetcher *f)
{
	struct list *node;
	struct fetch *t;

	fetcher_disconnected(f);
	while ((node = list_pop_front(&f->holders))) {
		struct holder *h = list_entry(node, struct holder, node);

		if (h->stream)
			free(stream_arg(h->stream));
		stream_free(&h->stream);
		while ((t = first_asked(h))) {
			unask(f, h, t);
			fetch_free(f, t);
		}
		free(h->address);
		free(h);
	}
}
