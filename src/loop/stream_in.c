/*
 * From bytes to frames.
 *
 * A transport reads into the loop's shared scratch memory, and frames are delivered from there,
 * many from one read. What is kept in the stream is only the tail: the beginning of a frame that
 * the read cut off, or, if the callee paused, what it has not seen. The next read puts the rest of
 * a cut frame straight behind its beginning.
 *
 * A peer that announces a large frame gets memory as it sends, not as it announces.
 */
#include "loop/stream_private.h"

#include "base/ensure.h"

#include <errno.h>
#include <string.h>

/* How much room a frame gets at a time, beyond what it has already. */
#define ROOM_BYTES ((size_t)256 << 10)

static struct slice held(const struct stream *s)
{
	return s->in.n ? slice_drop(buf_slice(&s->in), s->in_at) : slice_empty();
}

bool stream_in_is_partial(const struct stream *s)
{
	return s->in.n > s->in_at;
}

/* All held bytes were delivered: forgets them, and large memory too. */
static void forget_held(struct stream *s)
{
	s->in_at = 0;
	if (s->in.cap > ROOM_BYTES)
		buf_release(&s->in);
	else
		buf_clear(&s->in);
}

static void bad_frame(struct stream *s, struct slice in)
{
	const char *why = frame_bad_reason(in, s->frame_limit);
	/* The reserved bytes tell other protocols from too large frames. */
	int err = in.p[6] == 0 && in.p[7] == 0 ? EMSGSIZE : EPROTO;

	if (!s->handlers || !s->handlers->on_bad_frame) {
		stream_end(s, why, err);
		return;
	}
	s->bad_frame = why;
	s->bad_frame_err = err;
	s->handlers->on_bad_frame(s, why, err, s->arg);
	stream_close(s);
}

static void keep(struct stream *s, struct slice rest)
{
	if (s->state == STREAM_ENDED || s->closing || slice_is_empty(rest))
		return;
	buf_append_slice(&s->in, rest);
	if (s->in.failed)
		stream_end(s, "out of memory for what was received", ENOMEM);
}

static void deliver(struct stream *s, const struct frame *frame)
{
	if (s->handlers && s->handlers->on_frame)
		s->handlers->on_frame(s, frame, s->arg);
}

/*
 * Delivers the whole frames at the start of `in` while that is allowed; returns what is left. *need
 * is the size of the frame that is left, if one is cut.
 */
static struct slice deliver_all(struct stream *s, struct slice in, size_t *need)
{
	struct frame frame;

	*need = FRAME_HEADER_BYTES;
	while (stream_delivers(s)) {
		switch (frame_parse(in, s->frame_limit, &frame, need)) {
		case FRAME_OK:
			in = slice_drop(in, *need);
			deliver(s, &frame);
			break;
		case FRAME_MORE:
			return in;
		case FRAME_BAD:
			bad_frame(s, in);
			return in;
		}
	}
	return in;
}

/* Delivers from the held bytes; returns how many more the frame cut at their end needs (0: none
 * is). */
static size_t deliver_held(struct stream *s)
{
	struct slice left;
	size_t need;

	left = deliver_all(s, held(s), &need);
	if (s->state == STREAM_ENDED)
		return 0;
	s->in_at = s->in.n - left.n;
	if (left.n == 0) {
		forget_held(s);
		return 0;
	}
	return need > left.n ? need - left.n : 0;
}

/* Moves the held bytes to the start of their buffer. */
static void compact(struct stream *s)
{
	struct slice left = held(s);

	if (s->in_at == 0)
		return;
	memmove(s->in.p, left.p, left.n);
	buf_truncate(&s->in, left.n);
	s->in_at = 0;
}

struct iovec stream_in_room(struct stream *s)
{
	struct iovec none = {0};
	struct frame frame;
	size_t need, room;
	struct slice left = held(s);
	uint8_t *to;

	if (left.n == 0 || frame_parse(left, s->frame_limit, &frame, &need) != FRAME_MORE)
		return none;
	compact(s);
	room = need - left.n;
	if (room > ROOM_BYTES && room > left.n)
		room = left.n > ROOM_BYTES ? left.n : ROOM_BYTES;
	to = buf_reserve(&s->in, room);
	if (!to) {
		stream_end(s, "out of memory for what was received", ENOMEM);
		return none;
	}
	return (struct iovec){.iov_base = to, .iov_len = room};
}

void stream_in_took(struct stream *s, size_t filled, struct slice rest)
{
	size_t need;

	buf_commit(&s->in, filled);
	s->bytes_in += filled + rest.n;
	/* A cut frame is completed from the rest, header first, until nothing is held. */
	while (stream_in_is_partial(s) && stream_delivers(s)) {
		size_t more = deliver_held(s), n;

		if (s->state == STREAM_ENDED || rest.n == 0)
			return;
		if (more == 0)
			continue;
		compact(s);
		n = more < rest.n ? more : rest.n;
		keep(s, slice_of(rest.p, n));
		rest = slice_drop(rest, n);
	}
	if (!stream_in_is_partial(s))
		rest = deliver_all(s, rest, &need);
	keep(s, rest);
}

void stream_in_again(struct stream *s)
{
	deliver_held(s);
}

void stream_in_eof(struct stream *s)
{
	/* What was held back by a pause comes first; paused again, the end is met again later. */
	if (stream_in_is_partial(s))
		deliver_held(s);
	if (!stream_delivers(s))
		return;
	if (stream_in_is_partial(s))
		stream_end(s, "the peer closed in the middle of a frame", ECONNRESET);
	else
		stream_end(s, "closed by the peer", 0);
}
