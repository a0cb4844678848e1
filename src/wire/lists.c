/*
 * The lists inside messages (doc/protocol.md, Lists). Leases and reports pass here by the hundred
 * thousand a second: an entry is one pass over its bytes, specs and outcomes travel as bin, so that
 * who only carries them steps over them at once. Faults are in the cursor; an entry read after one
 * is empty.
 */
#include "wire/wire.h"

#include "model/decode.h"
#include "model/limits.h"
#include "model/row.h"

enum {
	OUTCOMES_FIELDS = 6,
	LEASE_FIELDS = 9, /* at least */
	INPUT_FIELDS = 8,
	FENCED_FIELDS = 3, /* at least */
	COPY_FIELDS = 4,
	WHERE_FIELDS = 2,
};

/* Values as wide as a task's key in another namespace, or an element's. */
#define LEASE_KEY_BYTES (LIMIT_NAMESPACE_BYTES + 1 + LIMIT_KEY_BYTES + 12)
/* Most holders that an input names. */
#define WHERE_BYTES 4096

bool list_read_begin(struct cursor *c, struct slice field, uint32_t max, uint32_t *n)
{
	cursor_init(c, field);
	*n = 0;
	if (field.n == 0 || cursor_try_nil(c))
		return true;
	*n = cursor_array_limit(c, max, "list: more entries than allowed");
	return cursor_ok(c);
}

static void put_raw(struct buf *list, struct slice v)
{
	if (v.n)
		pack_raw(list, v);
	else
		pack_nil(list);
}

static inline bool entry_end(struct cursor *c, uint32_t have, uint32_t read)
{
	if (__builtin_expect(have > read, 0))
		cursor_skip_rest(c, have, read);
	return cursor_ok(c);
}

/* --- outcomes --- */

void outcomes_write(struct buf *list, const struct outcomes_entry *e)
{
	pack_array(list, OUTCOMES_FIELDS);
	pack_u64(list, e->first);
	pack_u64(list, e->count);
	pack_u64(list, e->generation);
	pack_u64(list, e->state);
	pack_u64(list, e->attempts);
	pack_bin(list, e->outcome);
}

bool outcomes_read(struct cursor *c, struct outcomes_entry *e)
{
	uint32_t have = cursor_array_min(c, OUTCOMES_FIELDS);

	e->first = cursor_u64(c);
	e->count = cursor_u64(c);
	e->generation = cursor_u32(c);
	e->state = cursor_u32(c);
	e->attempts = cursor_u32(c);
	e->outcome = cursor_bin(c);
	if (e->count == 0 || e->count - 1 > UINT32_MAX - task_id_n(e->first))
		cursor_fail(c, "outcomes: not a run of one session's tasks");
	if (e->state < TASK_DONE || e->state > TASK_GONE)
		cursor_fail(c, "outcomes: not a final state");
	if (e->outcome.n > OUTCOME_MAX_BYTES)
		cursor_fail(c, "outcomes: an outcome is too long");
	return entry_end(c, have, OUTCOMES_FIELDS);
}

/* --- leases --- */

static void input_write(struct buf *list, const struct lease_input *in)
{
	pack_array(list, INPUT_FIELDS);
	pack_u64(list, in->id);
	pack_u64(list, in->generation);
	pack_str(list, in->type);
	pack_u64(list, in->size);
	pack_u64(list, in->checksum);
	if (in->is_inline)
		pack_bin(list, in->bytes);
	else
		pack_nil(list);
	put_raw(list, in->where);
	put_raw(list, in->frames);
}

void lease_item_write(
	struct buf *list, const struct lease_item *i, const struct lease_input *inputs)
{
	uint32_t more = i->priority || i->lane ? 4 : i->cpus ? 2 : i->timeout_us != 0;

	pack_array(list, LEASE_FIELDS + more);
	pack_u64(list, i->id);
	pack_u64(list, i->generation);
	pack_u64(list, i->attempt);
	pack_u64(list, i->flags);
	pack_i64(list, i->element);
	pack_str(list, i->key);
	pack_bin(list, i->spec);
	pack_array(list, i->ninputs);
	for (uint32_t k = 0; k < i->ninputs; k++)
		input_write(list, &inputs[k]);
	put_raw(list, i->element_input);
	if (more >= 1)
		pack_u64(list, i->timeout_us);
	if (more >= 2)
		pack_u64(list, i->cpus);
	if (more < 4)
		return;
	pack_i64(list, i->priority);
	pack_u64(list, i->lane);
}

static int64_t read_element(struct cursor *c)
{
	int64_t v = cursor_i64(c);

	if (v < -1 || v >= LIMIT_ARRAY_ELEMENTS) {
		cursor_fail(c, LIMIT_TEXT(ARRAY_ELEMENTS));
		return -1;
	}
	return v;
}

static int32_t read_priority(struct cursor *c)
{
	int64_t v = cursor_i64(c);

	if (v >= INT32_MIN && v <= INT32_MAX)
		return (int32_t)v;
	cursor_fail(c, "lease: a priority out of range");
	return 0;
}

bool lease_item_read(struct cursor *c, struct lease_item *i)
{
	uint32_t have = cursor_array_min(c, LEASE_FIELDS), read = LEASE_FIELDS;

	i->id = cursor_u64(c);
	i->generation = cursor_u32(c);
	i->attempt = cursor_u32(c);
	i->flags = cursor_u32(c);
	i->element = read_element(c);
	i->key = cursor_str_limit(c, LEASE_KEY_BYTES, LIMIT_TEXT(KEY_BYTES));
	i->spec = cursor_bin_limit(c, LIMIT_SPEC_BYTES, LIMIT_TEXT(SPEC_BYTES));
	i->ninputs = cursor_array_limit(c, LIMIT_DEPS_PER_TASK, LIMIT_TEXT(DEPS_PER_TASK));
	i->inputs = *c;
	for (uint32_t k = 0; k < i->ninputs && cursor_ok(c); k++)
		cursor_skip(c);
	i->element_input = cursor_raw_or_nil(c);
	i->timeout_us = i->cpus = 0;
	i->priority = 0;
	i->lane = 0;
	if (have > read && ++read)
		i->timeout_us = cursor_u64(c);
	if (have > read && ++read)
		i->cpus = cursor_u64(c);
	if (have > read && ++read)
		i->priority = read_priority(c);
	if (have > read && ++read)
		i->lane = cursor_u32(c);
	return entry_end(c, have, read);
}

static void read_input_bytes(struct cursor *c, struct lease_input *in)
{
	in->is_inline = !cursor_try_nil(c);
	in->bytes = slice_empty();
	if (!in->is_inline)
		return;
	in->bytes = cursor_bin_limit(c, LIMIT_INLINE_VALUE, LIMIT_TEXT(INLINE_VALUE));
	if (in->bytes.n != in->size)
		cursor_fail(c, "input: its bytes are not as many as its size says");
}

bool lease_input_read(struct lease_item *i, struct lease_input *in)
{
	struct cursor *c = &i->inputs;
	uint32_t have = cursor_array_min(c, INPUT_FIELDS);

	in->id = cursor_u64(c);
	in->generation = cursor_u32(c);
	in->type = cursor_str_limit(c, LIMIT_TYPE_BYTES, LIMIT_TEXT(TYPE_BYTES));
	in->size = cursor_u64(c);
	in->checksum = cursor_u64(c);
	read_input_bytes(c, in);
	in->where = cursor_raw_or_nil(c);
	in->frames = cursor_raw_or_nil(c);
	if (in->where.n > WHERE_BYTES)
		cursor_fail(c, "input: too many holders");
	return entry_end(c, have, INPUT_FIELDS);
}

/* --- tasks under their fences --- */

/* The optional parts tell themselves apart: extra is a number, an outcome is bin. */
void fenced_write(struct buf *list, const struct fenced *f)
{
	pack_array(
		list, FENCED_FIELDS + (f->extra != 0) + (f->outcome.n != 0) + (f->effects.n != 0));
	pack_u64(list, f->id);
	pack_u64(list, f->fence.epoch);
	pack_u64(list, f->fence.seq);
	if (f->extra)
		pack_u64(list, f->extra);
	if (f->outcome.n)
		pack_bin(list, f->outcome);
	if (f->effects.n)
		pack_bin(list, f->effects);
}

bool fenced_read(struct cursor *c, struct fenced *f)
{
	uint32_t have = cursor_array_min(c, FENCED_FIELDS);
	uint32_t read = FENCED_FIELDS;

	f->id = cursor_u64(c);
	f->fence.epoch = cursor_u64(c);
	f->fence.seq = cursor_u64(c);
	f->extra = 0;
	f->outcome = f->effects = slice_empty();
	if (read < have && cursor_type(c) == CURSOR_UINT) {
		f->extra = cursor_u64(c);
		read++;
	}
	if (read < have) {
		f->outcome =
			cursor_bin_limit(c, OUTCOME_MAX_BYTES, "report: an outcome is too long");
		read++;
	}
	if (read < have && f->outcome.n && cursor_type(c) == CURSOR_BIN) {
		f->effects = cursor_bin_limit(c, LIMIT_EFFECTS_BYTES, LIMIT_TEXT(EFFECTS_BYTES));
		read++;
	}
	return entry_end(c, have, read);
}

/* --- copies of values --- */

void copy_write(struct buf *list, const struct copy *p)
{
	pack_array(list, COPY_FIELDS);
	pack_u64(list, p->id);
	pack_u64(list, p->generation);
	pack_u64(list, p->checksum);
	pack_u64(list, p->size);
}

bool copy_read(struct cursor *c, struct copy *p)
{
	uint32_t have = cursor_array_min(c, COPY_FIELDS);

	p->id = cursor_u64(c);
	p->generation = cursor_u32(c);
	p->checksum = cursor_u64(c);
	p->size = cursor_u64(c);
	return entry_end(c, have, COPY_FIELDS);
}

/* --- where a value is --- */

void where_write(struct buf *list, struct slice address, struct slice ticket)
{
	pack_array(list, WHERE_FIELDS);
	pack_str(list, address);
	pack_bin(list, ticket);
}

bool where_read(struct cursor *c, struct slice *address, struct slice *ticket)
{
	uint32_t have = cursor_array_min(c, WHERE_FIELDS);

	*address = cursor_str_limit(c, LIMIT_NAME_BYTES, "where: an address is too long");
	*ticket = cursor_bin_limit(c, WIRE_TICKET_BYTES, "where: a ticket of another length");
	if (cursor_ok(c) && ticket->n != 0 && ticket->n != WIRE_TICKET_BYTES)
		cursor_fail(c, "where: a ticket of another length");
	return entry_end(c, have, WHERE_FIELDS);
}
