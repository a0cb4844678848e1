/*
 * Content: what a variable or an item of a queue holds, as one msgpack array `[type, bytes]` or
 * `[type, bytes, frames]` (doc/protocol.md, content). Readers borrow from the bytes. Nothing
 * allocates. Any thread.
 */
#ifndef MODEL_CONTENT_H
#define MODEL_CONTENT_H

#include "base/buf.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct content {
	struct slice type;   /* 1 to LIMIT_TYPE_BYTES bytes */
	struct slice bytes;  /* all frames one after the other */
	uint32_t nframes;    /* 0: one frame */
	struct slice frames; /* msgpack array of their sizes, or empty */
};

void content_encode(struct buf *out, const struct content *c);
/* False: the bytes are no content, or one over a limit, which *why names (static text). */
bool content_decode(struct slice in, struct content *out, const char **why);

#endif
