/*
 * The decoders of wire/ and of codec/frame.h. A message's input is one byte that says which message
 * it is, then its payload.
 */
#include "targets.h"

#include "base/ensure.h"
#include "codec/frame.h"
#include "model/limits.h"
#include "wire/wire.h"

#define MAX_BYTES (64 << 20)
#define LIST_ENTRIES 65536

static struct slice payload_of(const struct buf *b)
{
	struct frame f;
	size_t used;

	ensure(frame_parse(buf_slice(b), LIMIT_FRAME_BYTES, &f, &used) == FRAME_OK);
	ensure(used == b->n && f.seq == 7);
	return f.payload;
}

#define F(type, field)
#define MESSAGE(NAME, name, number, direction, fields)                                             \
	static bool run_##name(struct slice in)                                                    \
	{                                                                                          \
		struct msg_##name m;                                                               \
		struct buf first, second;                                                          \
		const char *why = NULL;                                                            \
                                                                                                   \
		if (!msg_##name##_decode(in, &m, &why)) {                                          \
			ensure(why &&*why);                                                        \
			return false;                                                              \
		}                                                                                  \
		buf_init(&first, MAX_BYTES);                                                       \
		buf_init(&second, MAX_BYTES);                                                      \
		msg_##name##_encode(&first, 7, &m);                                                \
		ensure(msg_##name##_decode(payload_of(&first), &m, &why));                         \
		msg_##name##_encode(&second, 7, &m);                                               \
		targets_same(&first, &second);                                                     \
		buf_release(&first);                                                               \
		buf_release(&second);                                                              \
		return true;                                                                       \
	}
#include "wire/messages.def"
#undef MESSAGE
#undef F

static bool run_message(struct slice in)
{
	if (in.n == 0)
		return false;
	switch (in.p[0]) {
#define F(type, field)
#define MESSAGE(NAME, name, number, direction, fields)                                             \
	case number:                                                                               \
		ensure(message_name(number)[0] == #NAME[0]);                                       \
		return run_##name(slice_drop(in, 1));
#include "wire/messages.def"
#undef MESSAGE
#undef F
	default:
		return false;
	}
}

static bool run_frame(struct slice in)
{
	struct buf out;
	struct frame f;
	size_t used;
	enum frame_result r = frame_parse(in, LIMIT_FRAME_BYTES, &f, &used);

	if (r == FRAME_BAD)
		ensure(frame_bad_reason(in, LIMIT_FRAME_BYTES) != NULL);
	if (r != FRAME_OK)
		return false;
	ensure(used <= in.n && f.payload.n + FRAME_HEADER_BYTES == used);
	buf_init(&out, MAX_BYTES);
	ensure(frame_append(&out, f.type, f.flags, f.seq, f.payload));
	ensure(slice_eq(buf_slice(&out), slice_of(in.p, used)));
	buf_release(&out);
	return true;
}

/* --- lists --- */

/* Reads the entries of a list and writes each again. */
typedef bool entry_copy(struct cursor *c, struct buf *out);

static bool list_copy(struct buf *out, struct slice in, entry_copy *copy)
{
	struct cursor c;
	uint32_t n;

	if (!list_read_begin(&c, in, LIST_ENTRIES, &n)) {
		ensure(cursor_error(&c)[0]);
		return false;
	}
	list_begin(out, n);
	for (uint32_t i = 0; i < n; i++) {
		if (!copy(&c, out)) {
			ensure(cursor_error(&c)[0]);
			return false;
		}
	}
	return cursor_at_end(&c);
}

static bool list_run(struct slice in, entry_copy *copy)
{
	struct buf first, second;
	bool ok;

	buf_init(&first, MAX_BYTES);
	buf_init(&second, MAX_BYTES);
	ok = list_copy(&first, in, copy);
	if (ok) {
		ensure(list_copy(&second, buf_slice(&first), copy));
		targets_same(&first, &second);
	}
	buf_release(&first);
	buf_release(&second);
	return ok;
}

static bool copy_outcomes(struct cursor *c, struct buf *out)
{
	struct outcomes_entry e;

	if (!outcomes_read(c, &e))
		return false;
	outcomes_write(out, &e);
	return true;
}

static bool copy_fenced(struct cursor *c, struct buf *out)
{
	struct fenced f;

	if (!fenced_read(c, &f))
		return false;
	fenced_write(out, &f);
	return true;
}

static bool copy_copy(struct cursor *c, struct buf *out)
{
	struct copy p;

	if (!copy_read(c, &p))
		return false;
	copy_write(out, &p);
	return true;
}

static bool copy_where(struct cursor *c, struct buf *out)
{
	struct slice address, ticket;

	if (!where_read(c, &address, &ticket))
		return false;
	where_write(out, address, ticket);
	return true;
}

/* Inputs past the first few are read and not written again. */
static bool copy_lease(struct cursor *c, struct buf *out)
{
	struct lease_item i;
	struct lease_input inputs[4], in;

	if (!lease_item_read(c, &i))
		return false;
	for (uint32_t k = 0; k < i.ninputs; k++) {
		if (!lease_input_read(&i, &in)) {
			ensure(cursor_error(&i.inputs)[0]);
			cursor_fail(c, cursor_error(&i.inputs));
			return false;
		}
		if (k < 4)
			inputs[k] = in;
	}
	if (i.ninputs > 4)
		i.ninputs = 4;
	lease_item_write(out, &i, inputs);
	return true;
}

#define LIST_RUN(name)                                                                             \
	static bool run_list_##name(struct slice in)                                               \
	{                                                                                          \
		return list_run(in, copy_##name);                                                  \
	}
LIST_RUN(outcomes)
LIST_RUN(fenced)
LIST_RUN(copy)
LIST_RUN(where)
LIST_RUN(lease)

/* --- samples --- */

#define SAMPLE_U 0x500000011
#define SAMPLE_T true
#define SAMPLE_S slice_str("some text")
#define SAMPLE_B slice_of("\x00\x01\xff\xfe", 4)
#define SAMPLE_R slice_of("\x93\x01\xa1x\xc0", 5)

#define F(type, field) .field = SAMPLE_##type,
#define MESSAGE(NAME, name, number, direction, fields)                                             \
	static void sample_##name(struct buf *out)                                                 \
	{                                                                                          \
		struct msg_##name m = {fields};                                                    \
		struct buf whole;                                                                  \
                                                                                                   \
		buf_init(&whole, MAX_BYTES);                                                       \
		msg_##name##_encode(&whole, 7, &m);                                                \
		buf_append_byte(out, number);                                                      \
		buf_append_slice(out, payload_of(&whole));                                         \
		buf_release(&whole);                                                               \
	}
#include "wire/messages.def"
#undef MESSAGE
#undef F

static void (*const message_samples[])(struct buf *out) = {
#define F(type, field)
#define MESSAGE(NAME, name, number, direction, fields) sample_##name,
#include "wire/messages.def"
#undef MESSAGE
#undef F
};

static void sample_message(struct buf *out, unsigned i)
{
	message_samples[i](out);
}

static void sample_frame(struct buf *out, unsigned i)
{
	struct msg_hello m = {
		.version_min = 1,
		.version_max = 1,
		.role = ROLE_CLIENT,
		.user = slice_str("alice"),
		.nonce = slice_str("0123456789abcdef"),
	};

	msg_hello_encode(out, i, &m);
}

static void sample_list_outcomes(struct buf *out, unsigned i)
{
	struct outcomes_entry e = {
		.first = 0x500000011,
		.count = 1,
		.generation = i,
		.state = 5,
		.attempts = 1,
		.outcome = slice_of("\x95\x05\x00\x00\xc0\xc0", 6),
	};

	list_begin(out, 2);
	outcomes_write(out, &e);
	e.state = 8;
	e.count = 4000;
	e.outcome = slice_empty();
	outcomes_write(out, &e);
}

static void sample_list_fenced(struct buf *out, unsigned i)
{
	struct fenced f = {.id = 0x500000011, .fence = {1769860800, 300}};

	list_begin(out, i == 2 ? 1 : 4);
	if (i == 2) {
		f.outcome = slice_of("\x95\x05\x00\x00\xc0\xc0", 6);
		f.effects = slice_of("\x91\x93\x12\xa1v\x00", 6);
		fenced_write(out, &f);
		return;
	}
	fenced_write(out, &f);
	f.extra = 9 + i;
	fenced_write(out, &f);
	f.outcome = slice_of("\x95\x05\x00\x00\xc0\xc0", 6);
	fenced_write(out, &f);
	f.extra = 0;
	fenced_write(out, &f);
}

static void sample_list_copy(struct buf *out, unsigned i)
{
	struct copy p = {0x500000011, i, 0x1122334455667788, 3000000000};

	list_begin(out, 2);
	copy_write(out, &p);
	copy_write(out, &p);
}

static void sample_list_where(struct buf *out, unsigned i)
{
	list_begin(out, 2);
	where_write(out, slice_str("tcp://10.0.0.7:4001"),
		i == 0 ? slice_empty() : slice_str("0123456789abcdef0123456789abcdef"));
	where_write(out, slice_str("unix:/run/w.sock"), slice_empty());
}

static void sample_list_lease(struct buf *out, unsigned i)
{
	struct buf where;
	struct lease_input in[2] = {
		{
			.id = 0x500000010,
			.type = slice_str("msgpack"),
			.size = 1,
			.is_inline = true,
			.bytes = slice_str("\x07"),
		},
		{
			.id = 0x500000012,
			.generation = 1,
			.type = slice_str("bytes"),
			.size = 3000000000,
			.checksum = 0x1122334455667788,
			.frames = slice_of("\x92\xce\x80\x00\x00\x00\xce\x32\xd0\x5e\x00", 11),
		},
	};
	struct lease_item item = {
		.id = 0x500000011,
		.attempt = 1,
		.element = i == 0 ? -1 : 17,
		.key = slice_str(i == 0 ? "report" : "squares[17]"),
		.spec = slice_str("\x93\x00\xa5twice\x2a"),
		.element_input = i == 0 ? slice_empty() : slice_str("\x2a"),
		.ninputs = i == 0 ? 0 : 2,
	};

	buf_init(&where, MAX_BYTES);
	sample_list_where(&where, 1);
	in[1].where = buf_slice(&where);
	list_begin(out, 2);
	lease_item_write(out, &item, in);
	item.flags = LEASE_FLAG_REMAKE;
	lease_item_write(out, &item, in);
	buf_release(&where);
}

#define LIST_TARGET(name, count)                                                                   \
	{                                                                                          \
		"list_" #name, run_list_##name, sample_list_##name, count, true                    \
	}

const struct target wire_targets[] = {
	{"message", run_message, sample_message,
		sizeof(message_samples) / sizeof(message_samples[0]), false},
	{"frame", run_frame, sample_frame, 1, false},
	LIST_TARGET(outcomes, 2),
	LIST_TARGET(fenced, 3),
	LIST_TARGET(copy, 2),
	LIST_TARGET(where, 2),
	LIST_TARGET(lease, 2),
};
const unsigned wire_target_count = sizeof(wire_targets) / sizeof(wire_targets[0]);
