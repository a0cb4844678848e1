/*
 * The lists inside messages: what comes back, and each limit exceeded by one.
 */
#include "check_wire.h"

#include "model/limits.h"
#include "model/row.h"
#include "model/state.h"
#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>

static struct buf b;
static struct cursor c;

static void setup(void)
{
	buf_init(&b, 64 << 20);
}

static void teardown(void)
{
	buf_release(&b);
}

static void reading(uint32_t want)
{
	uint32_t n;

	ck_assert(list_read_begin(&c, buf_slice(&b), 1000, &n));
	ck_assert_uint_eq(n, want);
}

START_TEST(beginnings)
{
	uint32_t n = 9;

	ck_assert(list_read_begin(&c, slice_empty(), 10, &n) && n == 0);
	ck_assert(list_read_begin(&c, slice_str("\xc0"), 10, &n) && n == 0);
	ck_assert(list_read_begin(&c, slice_str("\x90"), 10, &n) && n == 0);
	ck_assert(list_read_begin(&c, slice_str("\x92\x01\x02"), 2, &n) && n == 2);
	ck_assert(!list_read_begin(&c, slice_str("\x93\x01\x02\x03"), 2, &n) && n == 0);
	ck_assert(!list_read_begin(&c, slice_str("\x01"), 2, &n));
}
END_TEST

START_TEST(outcomes)
{
	struct outcomes_entry out, e = {
					   .first = task_id(5, 1),
					   .count = 10,
					   .generation = 1,
					   .state = TASK_DONE,
					   .attempts = 2,
					   .outcome = slice_str("bytes"),
				   };

	list_begin(&b, 1);
	outcomes_write(&b, &e);
	reading(1);
	ck_assert(outcomes_read(&c, &out) && cursor_at_end(&c));
	ck_assert(out.first == e.first && out.count == 10 && out.generation == 1);
	ck_assert(out.state == TASK_DONE && out.attempts == 2);
	ck_assert(slice_eq(out.outcome, e.outcome));
}
END_TEST

static bool outcomes_taken(struct outcomes_entry e)
{
	struct outcomes_entry out;

	buf_clear(&b);
	list_begin(&b, 1);
	outcomes_write(&b, &e);
	reading(1);
	return outcomes_read(&c, &out);
}

START_TEST(outcomes_refused)
{
	uint8_t bytes[OUTCOME_MAX_BYTES + 1] = {0};
	struct outcomes_entry e = {.first = task_id(5, 1), .count = 1, .state = TASK_GONE};

	ck_assert(outcomes_taken(e));
	e.outcome = slice_of(bytes, OUTCOME_MAX_BYTES);
	ck_assert(outcomes_taken(e));
	e.outcome.n++;
	ck_assert(!outcomes_taken(e));
	e.outcome = slice_empty();
	e.count = 0;
	ck_assert(!outcomes_taken(e));
	e.count = UINT32_MAX;
	ck_assert(outcomes_taken(e));
	e.count++;
	ck_assert(!outcomes_taken(e));
	e.count = 1;
	e.state = TASK_CANCELLING;
	ck_assert(!outcomes_taken(e));
	e.state = TASK_STATE_END;
	ck_assert(!outcomes_taken(e));
}
END_TEST

START_TEST(fenced)
{
	struct fenced out, f = {.id = task_id(5, 1), .fence = {1769860800, 7}};
	static const uint64_t extras[] = {0, 9, 0, 1};
	static const char *const reports[] = {"", "", "bytes", "bytes"};

	list_begin(&b, 4);
	for (int i = 0; i < 4; i++) {
		f.extra = extras[i];
		f.outcome = slice_str(reports[i]);
		fenced_write(&b, &f);
	}
	reading(4);
	for (int i = 0; i < 4; i++) {
		ck_assert(fenced_read(&c, &out));
		ck_assert(out.id == f.id && fence_eq(out.fence, f.fence));
		ck_assert(out.extra == extras[i] && slice_eq_str(out.outcome, reports[i]));
	}
	ck_assert(cursor_at_end(&c));
}
END_TEST

START_TEST(fenced_refused)
{
	uint8_t bytes[OUTCOME_MAX_BYTES + 1] = {0};
	struct fenced out, f = {.id = 1, .outcome = slice_of(bytes, OUTCOME_MAX_BYTES + 1)};

	list_begin(&b, 1);
	fenced_write(&b, &f);
	reading(1);
	ck_assert(!fenced_read(&c, &out) && out.outcome.n == 0);
	ck_assert_ptr_nonnull(strstr(cursor_error(&c), "too long"));
}
END_TEST

static const struct lease_input inline_input = {
	.id = 3,
	.generation = 4,
	.type = {(const uint8_t *)"bytes", 5},
	.size = 2,
	.checksum = UINT64_MAX,
	.is_inline = true,
	.bytes = {(const uint8_t *)"ab", 2},
};

static struct lease_item an_item(uint32_t ninputs)
{
	return (struct lease_item){
		.id = task_id(5, 1),
		.generation = 1,
		.attempt = 2,
		.flags = LEASE_FLAG_REMAKE,
		.element = -1,
		.key = slice_str("k"),
		.spec = slice_str("spec"),
		.ninputs = ninputs,
	};
}

START_TEST(lease)
{
	struct lease_input in[2] = {inline_input, {.id = 9, .size = 1 << 30}}, got;
	struct lease_item i = an_item(2), out;
	struct slice address, ticket;
	struct buf where;
	struct cursor w;
	uint32_t n;

	buf_init(&where, 4096);
	list_begin(&where, 1);
	where_write(&where, slice_str("tcp://h:1"), slice_empty());
	in[1].where = buf_slice(&where);
	in[1].frames = slice_str("\x91\x07");
	i.element_input = slice_str("\xa3six");
	i.element = LIMIT_ARRAY_ELEMENTS - 1;
	i.timeout_us = 1500000;
	i.priority = -7;
	i.lane = 3;
	list_begin(&b, 1);
	lease_item_write(&b, &i, in);
	reading(1);
	ck_assert(lease_item_read(&c, &out) && cursor_at_end(&c));
	ck_assert(out.id == i.id && out.generation == 1 && out.attempt == 2 && out.flags == 1);
	ck_assert(out.element == i.element && slice_eq(out.key, i.key));
	ck_assert(slice_eq(out.spec, i.spec) && out.ninputs == 2);
	ck_assert(slice_eq(out.element_input, i.element_input));
	ck_assert_uint_eq(out.timeout_us, 1500000);
	ck_assert(out.cpus == 0 && out.priority == -7 && out.lane == 3);
	ck_assert(lease_input_read(&out, &got));
	ck_assert(got.id == 3 && got.generation == 4 && slice_eq_str(got.type, "bytes"));
	ck_assert(got.is_inline && slice_eq_str(got.bytes, "ab") && got.checksum == UINT64_MAX);
	ck_assert(got.where.n == 0 && got.frames.n == 0);
	ck_assert(lease_input_read(&out, &got));
	ck_assert(got.id == 9 && !got.is_inline && slice_eq(got.frames, in[1].frames));
	ck_assert(list_read_begin(&w, got.where, 4, &n) && n == 1);
	ck_assert(where_read(&w, &address, &ticket) && slice_eq_str(address, "tcp://h:1"));
	buf_release(&where);
}
END_TEST

/* Why the item is refused, or NULL; its inputs are read too. */
static const char *lease_refusal(const struct lease_item *i, const struct lease_input *in)
{
	struct lease_input got;
	struct lease_item out;

	buf_clear(&b);
	list_begin(&b, 1);
	lease_item_write(&b, i, in);
	reading(1);
	if (!lease_item_read(&c, &out))
		return cursor_error(&c);
	for (uint32_t k = 0; k < out.ninputs; k++) {
		if (!lease_input_read(&out, &got))
			return cursor_error(&out.inputs);
	}
	return NULL;
}

START_TEST(lease_limits)
{
	uint8_t *bytes = calloc(1, LIMIT_SPEC_BYTES + 1);
	struct lease_item i = an_item(0);

	ck_assert_ptr_nonnull(bytes);
	i.spec = slice_of(bytes, LIMIT_SPEC_BYTES);
	ck_assert_ptr_null(lease_refusal(&i, NULL));
	i.spec.n++;
	ck_assert_str_eq(lease_refusal(&i, NULL), LIMIT_TEXT(SPEC_BYTES));
	i = an_item(0);
	i.key = slice_of(bytes, 1000);
	ck_assert_str_eq(lease_refusal(&i, NULL), LIMIT_TEXT(KEY_BYTES));
	i = an_item(0);
	i.element = LIMIT_ARRAY_ELEMENTS;
	ck_assert_str_eq(lease_refusal(&i, NULL), LIMIT_TEXT(ARRAY_ELEMENTS));
	free(bytes);
}
END_TEST

START_TEST(input_limits)
{
	struct lease_input *in = calloc(LIMIT_DEPS_PER_TASK + 1, sizeof(*in));
	uint8_t bytes[LIMIT_INLINE_VALUE + 1] = {0};
	struct lease_item i = an_item(1);

	ck_assert_ptr_nonnull(in);
	in[0] = inline_input;
	in[0].bytes = slice_of(bytes, in[0].size = LIMIT_INLINE_VALUE);
	ck_assert_ptr_null(lease_refusal(&i, in));
	in[0].bytes = slice_of(bytes, in[0].size = LIMIT_INLINE_VALUE + 1);
	ck_assert_str_eq(lease_refusal(&i, in), LIMIT_TEXT(INLINE_VALUE));
	in[0] = inline_input;
	in[0].size++;
	ck_assert_ptr_nonnull(strstr(lease_refusal(&i, in), "size"));
	in[0] = inline_input;
	in[0].type = slice_of(bytes, LIMIT_TYPE_BYTES + 1);
	ck_assert_str_eq(lease_refusal(&i, in), LIMIT_TEXT(TYPE_BYTES));
	in[0] = inline_input;
	i.ninputs = LIMIT_DEPS_PER_TASK;
	ck_assert_ptr_null(lease_refusal(&i, in));
	i.ninputs++;
	ck_assert_str_eq(lease_refusal(&i, in), LIMIT_TEXT(DEPS_PER_TASK));
	free(in);
}
END_TEST

START_TEST(copies_and_where)
{
	struct copy got, p = {.id = 1, .generation = 2, .checksum = 3, .size = 4};
	struct slice address, ticket;
	uint8_t bytes[LIMIT_NAME_BYTES + 1];

	memset(bytes, 'a', sizeof(bytes));
	list_begin(&b, 1);
	copy_write(&b, &p);
	reading(1);
	ck_assert(copy_read(&c, &got) && cursor_at_end(&c));
	ck_assert(got.id == 1 && got.generation == 2 && got.checksum == 3 && got.size == 4);
	buf_clear(&b);
	list_begin(&b, 3);
	where_write(&b, slice_of(bytes, LIMIT_NAME_BYTES), slice_of(bytes, WIRE_TICKET_BYTES));
	where_write(&b, slice_of(bytes, 1), slice_empty());
	where_write(&b, slice_of(bytes, LIMIT_NAME_BYTES + 1), slice_empty());
	reading(3);
	ck_assert(where_read(&c, &address, &ticket) && ticket.n == WIRE_TICKET_BYTES);
	ck_assert(where_read(&c, &address, &ticket) && ticket.n == 0);
	ck_assert(!where_read(&c, &address, &ticket));
	buf_clear(&b);
	list_begin(&b, 1);
	where_write(&b, slice_of(bytes, 1), slice_of(bytes, WIRE_TICKET_BYTES - 1));
	reading(1);
	ck_assert(!where_read(&c, &address, &ticket));
}
END_TEST

TCase *case_lists(void)
{
	TCase *tc = tcase_create("lists");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, beginnings);
	tcase_add_test(tc, outcomes);
	tcase_add_test(tc, outcomes_refused);
	tcase_add_test(tc, fenced);
	tcase_add_test(tc, fenced_refused);
	tcase_add_test(tc, lease);
	tcase_add_test(tc, lease_limits);
	tcase_add_test(tc, input_limits);
	tcase_add_test(tc, copies_and_where);
	return tc;
}
