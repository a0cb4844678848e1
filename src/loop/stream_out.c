/*
 * From frames to bytes: one buffer of appended frames, and between its bytes the data that goes out
 * by reference.
 *
 * A flush hands the transport up to STREAM_IOV_MAX pieces at a time until all is gone or it takes
 * no more. What is gone is cut off when that is cheap: at once if nothing is left, else when it is
 * the larger half.
 *
 * A write that fails does not end the stream: the peer may have said why before it left. The output
 * is dropped, and reading meets the end.
 */
#include "loop/stream_private.h"

#include "base/alloc.h"
#include "base/ensure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

size_t stream_pending_bytes(const struct stream *s)
{
	return s->out.n - s->out_sent + s->refs_bytes;
}

void stream_set_pending_max(struct stream *s, size_t bytes)
{
	size_t headroom = (size_t)FRAME_MAX_PAYLOAD * 2;

	s->pending_max = bytes;
	s->out.max = bytes < SIZE_MAX - headroom ? bytes + headroom : SIZE_MAX;
}

static bool takes_output(const struct stream *s)
{
	return s->state != STREAM_ENDED && !s->closing && !s->dropping;
}

struct buf *stream_buf(struct stream *s)
{
	struct buf *sink = &s->loop->sink;

	if (!takes_output(s)) {
		if (sink->cap > STREAM_KEEP_BYTES)
			buf_release(sink);
		buf_clear(sink);
		return sink;
	}
	s->flush_due = true;
	stream_attend(s);
	return &s->out;
}

static bool push_ref(struct stream *s, const struct out_ref *ref)
{
	if (s->refs_n == s->refs_cap) {
		size_t cap = s->refs_cap ? s->refs_cap * 2 : 8;
		struct out_ref *refs = try_realloc(s->refs, cap * sizeof(*refs));

		if (!refs)
			return false;
		s->refs = refs;
		s->refs_cap = cap;
	}
	s->refs[s->refs_n++] = *ref;
	s->refs_bytes += ref->left.n;
	return true;
}

bool stream_send_ref(struct stream *s, size_t mark, struct slice data, void (*release)(void *),
	void *release_arg)
{
	struct buf *b = takes_output(s) ? &s->out : &s->loop->sink;
	struct out_ref ref = {.left = data, .release = release, .release_arg = release_arg};
	uint8_t header[FRAME_HEADER_BYTES];
	size_t length;

	length = b->n - mark - FRAME_HEADER_BYTES + data.n;
	if (b->failed || b->n < mark + FRAME_HEADER_BYTES || length > FRAME_MAX_PAYLOAD) {
		frame_cancel(b, mark);
		release(release_arg);
		return false;
	}
	memcpy(header, b->p + mark, sizeof(header));
	frame_header(b->p + mark, (uint32_t)length, header[4], header[5], 0);
	memcpy(b->p + mark + 8, header + 8, 8);
	ref.at = b->n;
	if (b != &s->out || data.n == 0) {
		release(release_arg);
		return true;
	}
	if (!push_ref(s, &ref)) {
		/* No memory for the note: the copy may still find some, else the stream ends at the
		 * flush. */
		buf_append_slice(b, data);
		release(release_arg);
	}
	return true;
}

/* Fills iov with what is to go; returns how many pieces. */
static int gather(struct stream *s, struct iovec *iov)
{
	size_t at = s->out_sent, ref = s->refs_first;
	int n = 0;

	while (n < STREAM_IOV_MAX) {
		size_t stop = ref < s->refs_n ? s->refs[ref].at : s->out.n;

		if (at < stop) {
			iov[n++] = (struct iovec){.iov_base = s->out.p + at, .iov_len = stop - at};
			at = stop;
			continue;
		}
		if (ref == s->refs_n)
			break;
		iov[n++] = (struct iovec){
			.iov_base = (void *)(uintptr_t)s->refs[ref].left.p,
			.iov_len = s->refs[ref].left.n,
		};
		ref++;
	}
	return n;
}

/* Counts n bytes as gone; a ref that is gone is released. */
static void advance(struct stream *s, size_t n)
{
	s->bytes_out += n;
	while (n > 0) {
		struct out_ref *ref = s->refs_first < s->refs_n ? &s->refs[s->refs_first] : NULL;
		size_t piece = (ref ? ref->at : s->out.n) - s->out_sent;

		if (piece > 0) {
			piece = piece < n ? piece : n;
			s->out_sent += piece;
			n -= piece;
			continue;
		}
		ensure(ref);
		piece = ref->left.n < n ? ref->left.n : n;
		ref->left = slice_drop(ref->left, piece);
		s->refs_bytes -= piece;
		n -= piece;
		if (ref->left.n == 0) {
			s->refs_first++;
			ref->release(ref->release_arg);
		}
	}
}

static void tidy(struct stream *s)
{
	if (s->refs_first == s->refs_n)
		s->refs_first = s->refs_n = 0;
	if (s->out_sent == s->out.n && s->refs_n == 0) {
		s->out_sent = 0;
		if (s->out.cap > STREAM_KEEP_BYTES)
			buf_release(&s->out);
		else
			buf_clear(&s->out);
		return;
	}
	if (s->out_sent < STREAM_LOW_WATER_BYTES || s->out_sent < s->out.n / 2)
		return;
	memmove(s->out.p, s->out.p + s->out_sent, s->out.n - s->out_sent);
	for (size_t i = s->refs_first; i < s->refs_n; i++)
		s->refs[i].at -= s->out_sent;
	buf_truncate(&s->out, s->out.n - s->out_sent);
	s->out_sent = 0;
}

void stream_out_drop(struct stream *s)
{
	for (size_t i = s->refs_first; i < s->refs_n; i++)
		s->refs[i].release(s->refs[i].release_arg);
	s->refs_first = s->refs_n = 0;
	s->refs_bytes = 0;
	s->out_sent = 0;
	buf_release(&s->out);
}

static bool try_take(struct stream *s)
{
	size_t n = s->out.n;

	if (!s->transport->take || s->out_sent > 0 || s->refs_n > 0 || n == 0)
		return false;
	if (!s->transport->take(s->t, &s->out))
		return false;
	s->bytes_out += n;
	return true;
}

static void failed_write(struct stream *s, int err)
{
	if (err != EPIPE && err != ECONNRESET) {
		stream_end(s, strerror(err), err);
		return;
	}
	s->dropping = true;
	stream_out_drop(s);
}

static void write_pending(struct stream *s)
{
	struct iovec iov[STREAM_IOV_MAX];
	ssize_t wrote;

	s->blocked = false;
	while (stream_pending_bytes(s) > 0 && !try_take(s)) {
		wrote = s->transport->write(s->t, iov, gather(s, iov));
		if (wrote < 0) {
			failed_write(s, (int)-wrote);
			return;
		}
		if (wrote == 0) {
			s->blocked = true;
			break;
		}
		advance(s, (size_t)wrote);
	}
	tidy(s);
}

void stream_out_flush(struct stream *s)
{
	if (s->state == STREAM_ENDED)
		return;
	if (s->out.failed) {
		stream_end(s, "the peer reads too slowly", ENOBUFS);
		return;
	}
	if (stream_pending_bytes(s) > STREAM_LOW_WATER_BYTES)
		s->drain_due = true;
	if (s->state == STREAM_OPEN && !s->blocked && !s->dropping) {
		write_pending(s);
		stream_update_wants(s);
	}
	if (stream_pending_bytes(s) > s->pending_max)
		stream_end(s, "the peer reads too slowly", ENOBUFS);
}

void stream_flush(struct stream *s)
{
	stream_out_flush(s);
}

void stream_writable(struct stream *s)
{
	if (s->state != STREAM_OPEN)
		return;
	s->blocked = false;
	s->flush_due = true;
	stream_attend(s);
}
