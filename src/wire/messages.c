/*
 * Encoders and decoders of all messages, made from messages.def: one function each, straight-line
 * code field by field. A decoder refuses what is missing, skips elements past the ones it knows (a
 * later version's), and refuses bytes after the end.
 */
#include "wire/wire.h"

#include "model/decode.h"
#include "model/limits.h"

/* How many fields a message has. */
enum message_fields {
#define F(type, field) +1
#define MESSAGE(NAME, name, number, direction, fields) FIELDS_##NAME = 0 fields,
#include "wire/messages.def"
#undef MESSAGE
#undef F
};

/* One writer and one reader for each field type. */
static inline void put_U(struct buf *out, uint64_t v)
{
	pack_u64(out, v);
}

static inline void put_T(struct buf *out, bool v)
{
	pack_bool(out, v);
}

static inline void put_S(struct buf *out, struct slice v)
{
	pack_str(out, v);
}

static inline void put_B(struct buf *out, struct slice v)
{
	pack_bin(out, v);
}

static inline void put_R(struct buf *out, struct slice v)
{
	if (v.n)
		pack_raw(out, v);
	else
		pack_nil(out);
}

#define get_U cursor_u64
#define get_T cursor_bool
#define get_S cursor_str
#define get_B cursor_bin
#define get_R cursor_raw_or_nil

/* Closes a frame; one that no peer would take is cut off again and fails the buffer. */
static void finish(struct buf *out, size_t mark)
{
	if (!out->failed && out->n - mark > FRAME_HEADER_BYTES + LIMIT_FRAME_BYTES) {
		frame_cancel(out, mark);
		out->failed = true;
		return;
	}
	frame_end(out, mark);
}

#define F(type, field) put_##type(out, m->field);
#define MESSAGE(NAME, name, number, direction, fields)                                             \
	void msg_##name##_encode(struct buf *out, uint64_t seq, const struct msg_##name *m)        \
	{                                                                                          \
		size_t mark = frame_begin(out, number, 0, seq);                                    \
                                                                                                   \
		pack_array(out, FIELDS_##NAME);                                                    \
		fields finish(out, mark);                                                          \
	}
#include "wire/messages.def"
#undef MESSAGE
#undef F

#define F(type, field) m->field = get_##type(&c);
#define MESSAGE(NAME, name, number, direction, fields)                                             \
	bool msg_##name##_decode(struct slice payload, struct msg_##name *m, const char **why)     \
	{                                                                                          \
		struct cursor c;                                                                   \
		uint32_t have;                                                                     \
                                                                                                   \
		cursor_init(&c, payload);                                                          \
		have = cursor_array_min(&c, FIELDS_##NAME);                                        \
		fields return record_end(&c, have, FIELDS_##NAME, why);                            \
	}
#include "wire/messages.def"
#undef MESSAGE
#undef F

const char *message_name(unsigned type)
{
	switch (type) {
#define F(type, field)
#define MESSAGE(NAME, name, number, direction, fields)                                             \
	case number:                                                                               \
		return #NAME;
#include "wire/messages.def"
#undef MESSAGE
#undef F
	default:
		return "?";
	}
}
