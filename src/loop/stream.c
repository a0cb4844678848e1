/*
 * Streams: their life and their callbacks.
 *
 * Whatever happens to a stream is noted in its flags, and the stream is put on the loop's work
 * list; at the end of the turn stream_work() does what is due, in order: on_open, frames left from
 * a pause, the flush, on_drain, the end. So no function of the interface calls back, and a stream
 * is freed in one place only, when nothing of it is on the stack.
 *
 * The end: stream_end() notes the reason, lets the transport go and drops what is pending;
 * stream_work() calls on_close and frees. A graceful close flushes first; the transport then
 * lingers by itself until the peer has closed too.
 */
#include "loop/stream_private.h"

#include "base/alloc.h"
#include "base/ensure.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Callbacks of one stream may give work to others in the same turn: so many times over. */
#define WORK_ROUNDS 4

struct stream *stream_new(
	struct loop *loop, const char *name, const struct stream_handlers *handlers, void *arg)
{
	struct stream *s = try_calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->name = try_strdup(name);
	if (!s->name) {
		free(s);
		return NULL;
	}
	s->loop = loop;
	s->handlers = handlers;
	s->arg = arg;
	s->frame_limit = FRAME_MAX_PAYLOAD;
	stream_set_pending_max(s, STREAM_PENDING_MAX_BYTES);
	buf_init(&s->in, FRAME_MAX_PAYLOAD + LOOP_SCRATCH_BYTES * 2);
	list_init(&s->work);
	list_push_back(&loop->streams, &s->all);
	return s;
}

void stream_attach(struct stream *s, const struct transport *transport, void *t)
{
	ensure(!s->transport);
	s->transport = transport;
	s->t = t;
}

static void destroy(struct stream *s)
{
	ensure(!s->transport);
	if (s->ref)
		*s->ref = NULL;
	stream_out_drop(s);
	list_remove(&s->all);
	list_remove(&s->work);
	buf_release(&s->out);
	buf_release(&s->in);
	free(s->refs);
	free(s->name);
	free(s);
}

static void let_go(struct stream *s, bool graceful)
{
	const struct transport *transport = s->transport;

	s->transport = NULL;
	if (transport)
		transport->let_go(s->t, graceful);
}

void stream_discard(struct stream *s)
{
	let_go(s, false);
	destroy(s);
}

void stream_attend(struct stream *s)
{
	if (!list_is_linked(&s->work))
		list_push_back(&s->loop->work, &s->work);
}

void stream_connected(struct stream *s)
{
	ensure(s->state == STREAM_CONNECTING);
	s->state = STREAM_OPEN;
	s->open_due = true;
	s->flush_due = true;
	stream_attend(s);
}

static void end_gracefully(struct stream *s, bool graceful, const char *reason, int err)
{
	if (s->state == STREAM_ENDED)
		return;
	s->state = STREAM_ENDED;
	snprintf(s->end_reason, sizeof(s->end_reason), "%s", reason);
	s->end_err = err;
	let_go(s, graceful);
	stream_out_drop(s);
	stream_attend(s);
}

void stream_end(struct stream *s, const char *reason, int err)
{
	end_gracefully(s, false, reason, err);
}

bool stream_delivers(const struct stream *s)
{
	return s->state == STREAM_OPEN && s->reading && !s->paused && !s->closing;
}

void stream_update_wants(struct stream *s)
{
	if (s->transport && s->state == STREAM_OPEN)
		s->transport->want(s->t, stream_delivers(s), s->blocked);
}

/* --- The end of a turn --- */

static void work_open(struct stream *s)
{
	s->open_due = false;
	s->reading = true;
	if (s->handlers && s->handlers->on_open && !s->closing)
		s->handlers->on_open(s, s->arg);
	if (stream_delivers(s))
		stream_update_wants(s);
}

static void work_drain(struct stream *s)
{
	s->drain_due = false;
	if (s->handlers && s->handlers->on_drain)
		s->handlers->on_drain(s, s->arg);
}

static void work_flush(struct stream *s)
{
	s->flush_due = false;
	stream_out_flush(s);
	if (s->state != STREAM_OPEN)
		return;
	if (s->closing && s->dropping) {
		stream_end(s, "the peer left before all was written", EPIPE);
		return;
	}
	if (s->closing && stream_pending_bytes(s) == 0) {
		end_gracefully(s, true, s->bad_frame ? s->bad_frame : "closed", s->bad_frame_err);
		return;
	}
	if (s->drain_due && stream_pending_bytes(s) <= STREAM_LOW_WATER_BYTES)
		work_drain(s);
}

static void work_end(struct stream *s)
{
	const struct stream_handlers *handlers = s->handlers;

	s->handlers = NULL;
	if (handlers && handlers->on_close)
		handlers->on_close(s, s->end_reason, s->end_err, s->arg);
	destroy(s);
}

/* Does what one stream needs, which may be its end. */
static void stream_work(struct stream *s)
{
	if (s->open_due && s->state == STREAM_OPEN)
		work_open(s);
	if (stream_delivers(s) && s->in.n > s->in_at)
		stream_in_again(s);
	if (s->state == STREAM_OPEN)
		work_flush(s);
	if (s->state == STREAM_ENDED)
		work_end(s);
}

void loop_work_streams(struct loop *loop)
{
	struct list *node;
	struct list batch;

	for (int round = 0; round < WORK_ROUNDS && !list_is_empty(&loop->work); round++) {
		list_init(&batch);
		list_splice_back(&batch, &loop->work);
		while ((node = list_pop_front(&batch)))
			stream_work(container_of(node, struct stream, work));
	}
	if (!list_is_empty(&loop->work))
		loop_again(loop);
}

bool loop_reap(struct loop *loop, uint64_t now_us)
{
	bool more = sock_reap(loop, now_us, false);

	list_for_each_entry(s, &loop->streams, struct stream, all) {
		if (!s->closing || s->state == STREAM_ENDED)
			continue;
		if (now_us >= s->close_by_us)
			stream_end(
				s, "the peer did not take what was pending at the end", ETIMEDOUT);
		else
			more = true;
	}
	return more;
}

void loop_end_streams(struct loop *loop)
{
	struct list *node;

	while ((node = list_first(&loop->streams))) {
		struct stream *s = container_of(node, struct stream, all);

		stream_end(s, "the loop ended", ECANCELED);
		list_remove(&s->work);
		work_end(s);
	}
	sock_reap(loop, 0, true);
}

/* --- The interface --- */

struct stream *stream_connect(
	struct loop *loop, const char *address, const struct stream_handlers *handlers, void *arg)
{
	struct address a = address_parse(address);

	ensure(handlers);
	switch (a.kind) {
	case ADDRESS_UNIX:
		return sock_connect_unix(loop, a.path, handlers, arg);
	case ADDRESS_TCP:
		return sock_connect_tcp(loop, a.path, a.port, address, handlers, arg);
	case ADDRESS_INPROC:
		return inproc_connect(loop, a.path, handlers, arg);
	case ADDRESS_BAD:
		break;
	}
	errno = EINVAL;
	return NULL;
}

struct stream *stream_adopt(
	struct loop *loop, int fd, const struct stream_handlers *handlers, void *arg)
{
	char name[32];
	struct stream *s;

	ensure(fd >= 0);
	snprintf(name, sizeof(name), "fd:%d", fd);
	s = sock_stream(loop, fd, name, handlers, arg);
	if (s)
		stream_connected(s);
	return s;
}

void stream_set_handlers(struct stream *s, const struct stream_handlers *handlers, void *arg)
{
	s->handlers = handlers;
	s->arg = arg;
}

void *stream_arg(const struct stream *s)
{
	return s->arg;
}

struct loop *stream_loop(const struct stream *s)
{
	return s->loop;
}

void stream_set_frame_limit(struct stream *s, uint32_t payload_bytes)
{
	s->frame_limit = payload_bytes;
}

void stream_pause(struct stream *s)
{
	s->paused = true;
	stream_update_wants(s);
}

void stream_resume(struct stream *s)
{
	s->paused = false;
	if (stream_delivers(s)) {
		stream_attend(s);
		stream_update_wants(s);
	}
}

bool stream_peer_cred(const struct stream *s, struct stream_cred *out)
{
	return s->transport && s->transport->peer_cred(s->t, out);
}

const char *stream_peer_name(const struct stream *s)
{
	return s->name;
}

bool stream_is_open(const struct stream *s)
{
	return s->state == STREAM_OPEN && !s->closing;
}

uint64_t stream_bytes_in(const struct stream *s)
{
	return s->bytes_in;
}

uint64_t stream_bytes_out(const struct stream *s)
{
	return s->bytes_out;
}

void stream_close(struct stream *s)
{
	if (s->state == STREAM_ENDED || s->closing)
		return;
	s->closing = true;
	s->close_by_us = loop_now_us(s->loop) + STREAM_CLOSE_MAX_US;
	loop_start_reaper(s->loop);
	stream_update_wants(s);
	s->flush_due = true;
	stream_attend(s);
}

void stream_abort(struct stream *s)
{
	stream_end(s, "aborted", ECANCELED);
}

void stream_free(struct stream **where)
{
	struct stream *s = *where;

	if (!s)
		return;
	s->handlers = NULL;
	stream_end(s, "freed", ECANCELED);
	*where = NULL;
}
