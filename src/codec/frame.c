/*
 * Frame headers, read and written byte by byte so that the host's byte order does not matter. Only
 * lengths and the reserved field are judged here; types, flags and payloads belong to wire/.
 */
#include "codec/frame.h"

#include "base/ensure.h"

enum { AT_LENGTH = 0, AT_TYPE = 4, AT_FLAGS = 5, AT_RESERVED = 6, AT_SEQ = 8 };

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

static uint32_t limit_of(uint32_t limit)
{
	return limit < FRAME_MAX_PAYLOAD ? limit : FRAME_MAX_PAYLOAD;
}

enum frame_result frame_parse(struct slice in, uint32_t limit, struct frame *out, size_t *consumed)
{
	uint32_t length;

	*consumed = FRAME_HEADER_BYTES;
	if (in.n < FRAME_HEADER_BYTES)
		return FRAME_MORE;
	length = get_u32(in.p + AT_LENGTH);
	if (length > limit_of(limit) || in.p[AT_RESERVED] != 0 || in.p[AT_RESERVED + 1] != 0)
		return FRAME_BAD;
	*consumed += length;
	if (in.n < *consumed)
		return FRAME_MORE;
	out->type = in.p[AT_TYPE];
	out->flags = in.p[AT_FLAGS];
	out->seq = (uint64_t)get_u32(in.p + AT_SEQ) | (uint64_t)get_u32(in.p + AT_SEQ + 4) << 32;
	out->payload = slice_of(in.p + FRAME_HEADER_BYTES, length);
	return FRAME_OK;
}

const char *frame_bad_reason(struct slice in, uint32_t limit)
{
	ensure(in.n >= FRAME_HEADER_BYTES);
	if (in.p[AT_RESERVED] != 0 || in.p[AT_RESERVED + 1] != 0)
		return "not a frame: its reserved bytes are not zero";
	ensure(get_u32(in.p + AT_LENGTH) > limit_of(limit));
	return "a frame over the size limit";
}

void frame_header(uint8_t out[FRAME_HEADER_BYTES], uint32_t payload_bytes, uint8_t type,
	uint8_t flags, uint64_t seq)
{
	put_u32(out + AT_LENGTH, payload_bytes);
	out[AT_TYPE] = type;
	out[AT_FLAGS] = flags;
	out[AT_RESERVED] = 0;
	out[AT_RESERVED + 1] = 0;
	put_u32(out + AT_SEQ, (uint32_t)seq);
	put_u32(out + AT_SEQ + 4, (uint32_t)(seq >> 32));
}

size_t frame_begin(struct buf *b, uint8_t type, uint8_t flags, uint64_t seq)
{
	size_t mark = b->n;
	uint8_t *to = buf_reserve(b, FRAME_HEADER_BYTES);

	if (to) {
		frame_header(to, 0, type, flags, seq);
		buf_commit(b, FRAME_HEADER_BYTES);
	}
	return mark;
}

bool frame_end(struct buf *b, size_t mark)
{
	size_t length;

	if (b->failed || b->n < mark + FRAME_HEADER_BYTES) {
		frame_cancel(b, mark);
		return false;
	}
	length = b->n - mark - FRAME_HEADER_BYTES;
	if (length > FRAME_MAX_PAYLOAD) {
		frame_cancel(b, mark);
		return false;
	}
	put_u32(b->p + mark + AT_LENGTH, (uint32_t)length);
	return true;
}

void frame_cancel(struct buf *b, size_t mark)
{
	buf_truncate(b, mark);
}

bool frame_append(struct buf *b, uint8_t type, uint8_t flags, uint64_t seq, struct slice payload)
{
	size_t mark = frame_begin(b, type, flags, seq);

	buf_append_slice(b, payload);
	return frame_end(b, mark);
}
