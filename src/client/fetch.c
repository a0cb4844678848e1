/*
 * Fetching from workers (get.h): a connection to each holder's data address, on which FETCHes queue
 * and DATA comes in their order. A holder that closes, refuses, or is silent for a while is left
 * for the next one; its connection stays for later fetches as long as it stands.
 */
#include "client/client.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "model/limits.h"

#include <stdio.h>
#include <string.h>

static const struct stream_handlers holder_handlers;

static void holder_free(struct holder *h)
{
	ensure(list_is_empty(&h->gets));
	list_remove(&h->link);
	stream_free(&h->stream);
	free(h->address);
	free(h);
}

void fetch_release(struct dq_client *c)
{
	while (!list_is_empty(&c->gets.holders))
		holder_free(list_entry(c->gets.holders.next, struct holder, link));
}

void fetch_stop(struct get *g)
{
	list_remove(&g->in_holder);
	g->holder = NULL;
}

/* The holder is of no use: all that waits there goes on elsewhere. */
static void holder_fail(struct holder *h, const char *why)
{
	struct dq_client *c = h->client;
	struct list gets;

	list_init(&gets);
	list_splice_back(&gets, &h->gets);
	holder_free(h);
	while (!list_is_empty(&gets)) {
		struct get *g = list_entry(gets.next, struct get, in_holder);

		get_fetched(c, g, false, why);
	}
}

static struct get *holder_find(struct holder *h, uint64_t request)
{
	list_for_each_entry(g, &h->gets, struct get, in_holder)
		if (g->request == request)
			return g;
	return NULL;
}

/* False: malformed; *why. */
static bool on_data(struct holder *h, const struct frame *f, const char **why)
{
	struct msg_data m;
	struct get *g;

	if (!msg_data_decode(f->payload, &m, why))
		return false;
	g = holder_find(h, m.request);
	if (!g)
		return true; /* given up meanwhile */
	if (m.total != g->size || m.offset != g->got || m.bytes.n > g->size - g->got) {
		get_fetched(h->client, g, false, "the worker has another value");
		return true;
	}
	if (m.bytes.n)
		memcpy(g->bytes + g->got, m.bytes.p, m.bytes.n);
	g->got += m.bytes.n;
	if (m.last)
		get_fetched(h->client, g, g->got == g->size, "the worker's value is too short");
	return true;
}

static bool on_nodata(struct holder *h, const struct frame *f, const char **why)
{
	struct msg_nodata m;
	struct get *g;

	if (!msg_nodata_decode(f->payload, &m, why))
		return false;
	g = holder_find(h, m.request);
	if (g)
		get_fetched(h->client, g, false, "the worker does not have the value any more");
	return true;
}

bool fetch_own_frame(struct dq_client *c, const struct frame *f, const char **why)
{
	return f->type == MSG_DATA ? on_data(&c->gets.own, f, why)
				   : on_nodata(&c->gets.own, f, why);
}

/* The holder closes the connection, and says why. */
static void on_refuse(struct holder *h, const struct frame *f)
{
	struct msg_refuse m;
	const char *why;
	char text[256];

	if (!msg_refuse_decode(f->payload, &m, &why)) {
		holder_fail(h, why);
		return;
	}
	snprintf(text, sizeof(text), "the worker refuses: %" SLICE_FMT, SLICE_ARG(m.text));
	holder_fail(h, text);
}

static void on_frame(struct stream *stream, const struct frame *f, void *arg)
{
	struct holder *h = arg;
	const char *why = "an unexpected message";
	bool ok = true;

	h->heard_us = loop_now_us(h->client->loop);
	switch (f->type) {
	case MSG_DATA:
		ok = on_data(h, f, &why);
		break;
	case MSG_NODATA:
		ok = on_nodata(h, f, &why);
		break;
	case MSG_PING:
		msg_pong_encode(stream_buf(stream), 0, &(struct msg_pong){0});
		break;
	case MSG_PONG:
		break;
	case MSG_REFUSE:
		on_refuse(h, f);
		return;
	default:
		ok = false;
	}
	if (!ok)
		holder_fail(h, why);
}

static void on_close(struct stream *stream, const char *reason, int err, void *arg)
{
	struct holder *h = arg;

	(void)err;
	ensure(stream == h->stream);
	h->stream = NULL; /* its memory goes when this returns */
	holder_fail(h, reason);
}

static const struct stream_handlers holder_handlers = {.on_frame = on_frame, .on_close = on_close};

/* The connection to the address, made if there is none. NULL: it cannot be. */
static struct holder *holder_get(struct dq_client *c, struct slice address)
{
	struct holder *h;

	list_for_each_entry(at, &c->gets.holders, struct holder, link)
		if (slice_eq_str(address, at->address))
			return at;
	h = try_calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->client = c;
	list_init(&h->gets);
	list_init(&h->link);
	h->address = try_memdup(address.p, address.n);
	if (h->address)
		h->stream = stream_connect(c->loop, h->address, &holder_handlers, h);
	if (!h->stream) {
		holder_free(h);
		return NULL;
	}
	stream_set_frame_limit(h->stream, LIMIT_FRAME_BYTES);
	h->heard_us = loop_now_us(c->loop);
	list_push_back(&c->gets.holders, &h->link);
	return h;
}

static bool fetch_from(
	struct dq_client *c, struct get *g, struct slice address, struct slice ticket)
{
	bool own = address.n == 0;
	struct holder *h = !own ? holder_get(c, address) : session_is_up(c) ? &c->gets.own : NULL;
	struct msg_fetch m = {.request = g->request,
		.id = g->id,
		.generation = g->generation,
		.checksum = g->checksum,
		.offset = 0,
		.ticket = ticket};

	if (!h)
		return false;
	if (list_is_empty(&h->gets))
		h->heard_us = loop_now_us(c->loop);
	g->got = 0;
	g->holder = h;
	list_push_back(&h->gets, &g->in_holder);
	msg_fetch_encode(own ? session_out(c) : stream_buf(h->stream), 0, &m);
	return true;
}

bool fetch_next(struct dq_client *c, struct get *g)
{
	struct slice address, ticket;
	struct cursor at;
	uint32_t n;

	if (!list_read_begin(&at, buf_slice(&g->where), LIMIT_WORKERS, &n))
		return false;
	for (uint32_t i = 0; i < n && where_read(&at, &address, &ticket); i++) {
		if (i < g->tried)
			continue;
		g->tried++;
		if (fetch_from(c, g, address, ticket))
			return true;
	}
	return false;
}

void fetch_tick(struct dq_client *c, uint64_t now_us)
{
	/* A failing holder may make others, or end them: one a tick is enough. */
	list_for_each_entry(h, &c->gets.holders, struct holder, link) {
		if (list_is_empty(&h->gets) || now_us - h->heard_us < HOLDER_SILENCE_US)
			continue;
		holder_fail(h, "the worker does not answer");
		return;
	}
}
