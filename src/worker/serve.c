/*
 * Serving of values. A connection asks for as many values as it likes; they are answered in order,
 * in chunks that point into the value, never more of them on their way than WINDOW_BYTES. A peer
 * that asks faster than it reads is not read.
 */
#define LOG_COMPONENT "worker"
#include "worker/serve.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/list.h"
#include "base/log.h"
#include "codec/pack.h"
#include "loop/stream.h"
#include "model/limits.h"

#include <dq/error.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)256 << 10)
#define WINDOW_BYTES ((size_t)1 << 20)
#define ASKED_MAX 256
#define CONNECTIONS_MAX 4096

struct serve {
	struct loop *loop;
	struct listener *listener;
	const struct results *results;
	struct list peers;
	unsigned npeers;
	uint8_t key[WIRE_TICKET_BYTES];
	bool has_key;
};

struct peer {
	struct list node;
	struct serve *serve;
	struct stream *stream;
	struct list asked;
	unsigned nasked;
	bool paused;
};

/* A value that a peer waits for, or, without a blob, why it gets none. */
struct asked {
	struct list node;
	uint64_t request, offset;
	struct blob *blob;
	struct slice bytes;
	int code;
	const char *text;
};

static void asked_free(struct peer *p, struct asked *a)
{
	ensure(p->nasked > 0);
	list_remove(&a->node);
	p->nasked--;
	blob_unref(&a->blob);
	free(a);
}

static void release_chunk(void *arg)
{
	struct blob *b = arg;

	blob_unref(&b);
}

/* True when that was its last chunk. */
static bool send_chunk(struct peer *p, struct asked *a)
{
	struct buf *out = stream_buf(p->stream);
	size_t left = a->bytes.n - a->offset, n = left < CHUNK_BYTES ? left : CHUNK_BYTES;
	bool last = n == left;
	size_t mark = frame_begin(out, MSG_DATA, 0, 0);

	ensure(a->blob && a->offset <= a->bytes.n);
	/* As msg_data_encode() has it; the bytes, its last field, follow without being copied. */
	pack_array(out, 5);
	pack_u64(out, a->request);
	pack_u64(out, a->offset);
	pack_u64(out, a->bytes.n);
	pack_bool(out, last);
	pack_bin_header(out, (uint32_t)n);
	stream_send_ref(p->stream, mark, slice_of(a->bytes.p + a->offset, n), release_chunk,
		blob_ref(a->blob));
	a->offset += n;
	return last;
}

static void send_nodata(struct peer *p, struct asked *a)
{
	struct msg_nodata m = {
		.request = a->request, .code = (uint64_t)a->code, .text = slice_str(a->text)};

	msg_nodata_encode(stream_buf(p->stream), 0, &m);
}

static void pump(struct peer *p)
{
	while (!list_is_empty(&p->asked) && stream_pending_bytes(p->stream) < WINDOW_BYTES) {
		struct asked *a = list_entry(list_first(&p->asked), struct asked, node);

		if (!a->blob)
			send_nodata(p, a);
		else if (!send_chunk(p, a))
			continue;
		asked_free(p, a);
	}
	if (p->paused && p->nasked < ASKED_MAX / 2) {
		p->paused = false;
		stream_resume(p->stream);
	} else if (!p->paused && p->nasked >= ASKED_MAX) {
		p->paused = true;
		stream_pause(p->stream);
	}
}

static bool ticket_is_good(const struct serve *s, const struct msg_fetch *m)
{
	uint8_t ticket[WIRE_TICKET_BYTES];

	wire_ticket(ticket, slice_of(s->key, sizeof(s->key)), m->id, (uint32_t)m->generation,
		m->checksum);
	return s->has_key && wire_equal(m->ticket, slice_of(ticket, sizeof(ticket)));
}

/* What the request gets: fills in the blob, or the reason. */
static void judge(struct serve *s, const struct msg_fetch *m, struct asked *a)
{
	struct blob *b = results_find(s->results, m->id, (uint32_t)m->generation);

	a->code = DQ_E_NOT_FOUND;
	if (m->generation > UINT32_MAX || !ticket_is_good(s, m)) {
		a->code = DQ_E_REFUSED;
		a->text = "the ticket does not open this value";
	} else if (!b || b->checksum != m->checksum) {
		a->text = "not held here";
	} else if (m->offset > b->n) {
		a->code = DQ_E_PROTOCOL;
		a->text = "the offset is past the end";
	} else if (!blob_bytes(b, &a->bytes)) {
		a->code = DQ_E_IO;
		a->text = "it cannot be read";
	} else {
		a->blob = blob_ref(b);
		a->offset = m->offset;
	}
}

static void refuse(struct peer *p, int code, const char *text)
{
	struct msg_refuse m = {.code = (uint64_t)code, .text = slice_str(text)};

	log_info("%s asks in a way that is not understood: %s", stream_peer_name(p->stream), text);
	msg_refuse_encode(stream_buf(p->stream), 0, &m);
	stream_close(p->stream);
}

/* Nobody is admitted here: the limit is that of frames before it. */
static void peer_bad_frame(struct stream *stream, const char *reason, int err, void *arg)
{
	(void)stream;
	if (err == EMSGSIZE)
		refuse(arg, DQ_E_LIMIT, LIMIT_TEXT(HELLO_BYTES));
	else
		refuse(arg, DQ_E_PROTOCOL, reason);
}

static void peer_frame(struct stream *stream, const struct frame *frame, void *arg)
{
	struct peer *p = arg;
	struct asked *a;
	struct msg_fetch m;
	const char *why = "not a fetch";

	(void)stream;
	if (frame->type != MSG_FETCH || !msg_fetch_decode(frame->payload, &m, &why)) {
		refuse(p, DQ_E_PROTOCOL, why);
		return;
	}
	a = xcalloc(1, sizeof(*a));
	a->request = m.request;
	judge(p->serve, &m, a);
	list_push_back(&p->asked, &a->node);
	p->nasked++;
	pump(p);
}

static void peer_free(struct peer *p)
{
	ensure(p->serve->npeers > 0);
	list_remove(&p->node);
	p->serve->npeers--;
	while (!list_is_empty(&p->asked))
		asked_free(p, list_entry(list_first(&p->asked), struct asked, node));
	free(p);
}

static void peer_drain(struct stream *stream, void *arg)
{
	(void)stream;
	pump(arg);
}

static void peer_close(struct stream *stream, const char *reason, int err, void *arg)
{
	(void)stream;
	log_debug("a fetching peer left: %s (%d)", reason, err);
	peer_free(arg);
}

static const struct stream_handlers peer_handlers = {.on_frame = peer_frame,
	.on_bad_frame = peer_bad_frame,
	.on_drain = peer_drain,
	.on_close = peer_close};

static void accepted(struct listener *l, struct stream *stream, void *arg)
{
	struct serve *s = arg;
	struct peer *p;

	(void)l;
	if (s->npeers >= CONNECTIONS_MAX)
		return;
	p = xcalloc(1, sizeof(*p));
	p->serve = s;
	p->stream = stream;
	list_init(&p->asked);
	list_push_back(&s->peers, &p->node);
	s->npeers++;
	stream_set_handlers(stream, &peer_handlers, p);
}

struct serve *serve_new(struct loop *loop, const char *address, const struct results *results,
	char *error, size_t error_bytes)
{
	struct serve *s = xcalloc(1, sizeof(*s));

	s->loop = loop;
	s->results = results;
	list_init(&s->peers);
	s->listener = listener_new(loop, address, accepted, s, error, error_bytes);
	if (!s->listener) {
		free(s);
		return NULL;
	}
	listener_set_frame_limit(s->listener, LIMIT_HELLO_BYTES);
	return s;
}

void serve_free(struct serve **at)
{
	struct serve *s = *at;

	*at = NULL;
	if (!s)
		return;
	while (!list_is_empty(&s->peers)) {
		struct peer *p = list_entry(list_first(&s->peers), struct peer, node);

		stream_free(&p->stream);
		peer_free(p);
	}
	listener_free(&s->listener);
	free(s);
}

const char *serve_address(const struct serve *s)
{
	return listener_address(s->listener);
}

void serve_set_key(struct serve *s, struct slice ticket_key)
{
	s->has_key = ticket_key.n == sizeof(s->key);
	if (s->has_key)
		memcpy(s->key, ticket_key.p, sizeof(s->key));
}
