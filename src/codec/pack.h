/*
 * Writes msgpack to a struct buf with msgpack-c's packer, inlined: one to a few nanoseconds a
 * value.
 *
 * Nothing is returned: a buffer that cannot take it fails stickily (buf.h), test b->failed at the
 * end. Integers take the shortest form. The same values always give the same bytes.
 */
#ifndef CODEC_PACK_H
#define CODEC_PACK_H

#include "base/buf.h"
#include "base/slice.h"

#include <msgpack/pack.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline int pack_write(void *b, const char *p, size_t n)
{
	buf_append((struct buf *)b, p, n);
	return 0;
}

#define PACK_PACKER(b)                                                                             \
	{                                                                                          \
		.data = (b), .callback = pack_write                                                \
	}

static inline void pack_nil(struct buf *b)
{
	buf_append_byte(b, 0xc0);
}

static inline void pack_bool(struct buf *b, bool v)
{
	buf_append_byte(b, v ? 0xc3 : 0xc2);
}

static inline void pack_u64(struct buf *b, uint64_t v)
{
	msgpack_packer pk = PACK_PACKER(b);

	msgpack_pack_uint64(&pk, v);
}

static inline void pack_i64(struct buf *b, int64_t v)
{
	msgpack_packer pk = PACK_PACKER(b);

	msgpack_pack_int64(&pk, v);
}

static inline void pack_double(struct buf *b, double v)
{
	msgpack_packer pk = PACK_PACKER(b);

	msgpack_pack_double(&pk, v);
}

static inline void pack_str(struct buf *b, struct slice s)
{
	msgpack_packer pk = PACK_PACKER(b);

	msgpack_pack_str(&pk, s.n);
	buf_append_slice(b, s);
}

static inline void pack_cstr(struct buf *b, const char *s)
{
	pack_str(b, slice_str(s));
}

static inline void pack_bin(struct buf *b, struct slice s)
{
	msgpack_packer pk = PACK_PACKER(b);

	msgpack_pack_bin(&pk, s.n);
	buf_append_slice(b, s);
}

/* Headers: the caller packs n elements, or n pairs, next. */
static inline void pack_array(struct buf *b, uint32_t n)
{
	msgpack_packer pk = PACK_PACKER(b);

	msgpack_pack_array(&pk, n);
}

static inline void pack_map(struct buf *b, uint32_t n)
{
	msgpack_packer pk = PACK_PACKER(b);

	msgpack_pack_map(&pk, n);
}

/* The header of n bytes that the caller appends next, where they are not in one piece. */
static inline void pack_bin_header(struct buf *b, uint32_t n)
{
	msgpack_packer pk = PACK_PACKER(b);

	msgpack_pack_bin(&pk, n);
}

static inline void pack_ext(struct buf *b, int8_t type, struct slice s)
{
	msgpack_packer pk = PACK_PACKER(b);

	msgpack_pack_ext(&pk, s.n, type);
	buf_append_slice(b, s);
}

/* Bytes that are one or more whole msgpack values already; not checked. */
static inline void pack_raw(struct buf *b, struct slice values)
{
	buf_append_slice(b, values);
}

#endif
