/*
 * Frames on a byte stream: a header of 16 bytes, then the payload.
 *
 *	0  u32 LE  payload length in bytes, without the header
 *	4  u8      type
 *	5  u8      flags
 *	6  u16 LE  reserved, must be 0
 *	8  u64 LE  sequence number
 *
 * A frame longer than FRAME_MAX_PAYLOAD, or than the reader's own limit, is bad; the stream cannot
 * be followed after it.
 */
#ifndef CODEC_FRAME_H
#define CODEC_FRAME_H

#include "base/buf.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADER_BYTES ((size_t)16)
#define FRAME_MAX_PAYLOAD ((uint32_t)64 << 20)

struct frame {
	uint8_t type;
	uint8_t flags;
	uint64_t seq;
	struct slice payload; /* points into the input */
};

enum frame_result {
	FRAME_OK,
	FRAME_MORE, /* not all there yet */
	FRAME_BAD,
};

/*
 * Parses the frame at the start of `in`. `limit` bounds the payload (at most FRAME_MAX_PAYLOAD
 * counts). FRAME_OK: *out is filled, *consumed is the size of the whole frame. FRAME_MORE:
 * *consumed is how many bytes the frame will need from its start, as far as that is known.
 * FRAME_BAD: frame_bad_reason says why.
 */
enum frame_result frame_parse(struct slice in, uint32_t limit, struct frame *out, size_t *consumed);
/* Why frame_parse called this input bad: a literal. */
const char *frame_bad_reason(struct slice in, uint32_t limit);

/*
 * Writing: frame_begin puts a header, the caller appends the payload, frame_end fills in its
 * length. `mark` is what frame_begin returned. frame_end: false if the buffer failed or the payload
 * is over FRAME_MAX_PAYLOAD; the frame is then cut off again (b->failed stays as it is).
 */
size_t frame_begin(struct buf *b, uint8_t type, uint8_t flags, uint64_t seq);
bool frame_end(struct buf *b, size_t mark);
/* Drops a frame begun. */
void frame_cancel(struct buf *b, size_t mark);
/* A whole frame at once; false as frame_end. */
bool frame_append(struct buf *b, uint8_t type, uint8_t flags, uint64_t seq, struct slice payload);
/* Only a header, of a payload that goes out separately. */
void frame_header(uint8_t out[FRAME_HEADER_BYTES], uint32_t payload_bytes, uint8_t type,
	uint8_t flags, uint64_t seq);

#endif
