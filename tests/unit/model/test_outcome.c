/*
 * Outcomes and rows: what comes back, limits, and what the scheduler looks at.
 */
#include "check_model.h"

#include "codec/pack.h"
#include "model/limits.h"
#include "model/row.h"

#include <string.h>

static struct buf b;
static char text[LIMIT_INLINE_VALUE + 1];

static void setup(void)
{
	buf_init(&b, 1 << 20);
	memset(text, 't', sizeof(text));
}

static void teardown(void)
{
	buf_release(&b);
}

static const char *refusal(const struct outcome *o)
{
	struct outcome out;
	const char *why = NULL;
	bool ok;

	buf_clear(&b);
	outcome_encode(&b, o);
	ok = outcome_decode(buf_slice(&b), &out, &why);
	return ok ? NULL : why;
}

static struct outcome inline_value(size_t n)
{
	return (struct outcome){
		.state = TASK_DONE,
		.has_value = true,
		.is_inline = true,
		.type = slice_str("bytes"),
		.size = n,
		.bytes = slice_of(text, n),
	};
}

START_TEST(failure_comes_back)
{
	struct outcome out, o = {
				    .state = TASK_FAILED,
				    .started_us = 5,
				    .run_us = 6,
				    .cause = CAUSE_EXIT,
				    .message = slice_str("exit status -3"),
				    .has_exit = true,
				    .exit_status = -3,
				    .signal = 9,
				    .stderr_tail = slice_of("\xff\0", 2),
				    .peak_bytes = 1,
				    .user_us = 2,
				    .system_us = 3,
				    .blame = 4,
			    };
	const char *why;

	ck_assert_ptr_null(refusal(&o));
	ck_assert(outcome_decode(buf_slice(&b), &out, &why));
	ck_assert(out.state == TASK_FAILED && out.started_us == 5 && out.run_us == 6);
	ck_assert(!out.has_value && out.cause == CAUSE_EXIT && out.has_exit);
	ck_assert(out.exit_status == -3 && out.signal == 9 && out.blame == 4);
	ck_assert(slice_eq_str(out.message, "exit status -3") && out.stderr_tail.n == 2);
	ck_assert(out.peak_bytes == 1 && out.user_us == 2 && out.system_us == 3);
}
END_TEST

START_TEST(limits)
{
	struct outcome o = inline_value(LIMIT_INLINE_VALUE);

	ck_assert_ptr_null(refusal(&o));
	o = inline_value(LIMIT_INLINE_VALUE + 1);
	ck_assert_str_eq(refusal(&o), LIMIT_TEXT(INLINE_VALUE));
	o = inline_value(0);
	o.type = slice_of(text, LIMIT_TYPE_BYTES);
	ck_assert_ptr_null(refusal(&o));
	o.type = slice_of(text, LIMIT_TYPE_BYTES + 1);
	ck_assert_str_eq(refusal(&o), LIMIT_TEXT(TYPE_BYTES));
	o = (struct outcome){.state = TASK_FAILED, .message = slice_of(text, LIMIT_MESSAGE_BYTES)};
	ck_assert_ptr_null(refusal(&o));
	o.message.n++;
	ck_assert_str_eq(refusal(&o), LIMIT_TEXT(MESSAGE_BYTES));
	o = (struct outcome){
		.state = TASK_FAILED, .stderr_tail = slice_of(text, LIMIT_STDERR_TAIL)};
	ck_assert_ptr_null(refusal(&o));
	o.stderr_tail.n++;
	ck_assert_str_eq(refusal(&o), LIMIT_TEXT(STDERR_TAIL));
}
END_TEST

START_TEST(stored)
{
	struct outcome out, o = inline_value(0);
	const char *why = NULL;

	o.is_inline = false;
	o.size = 1 << 20;
	o.stored = true;
	buf_clear(&b);
	outcome_encode(&b, &o);
	ck_assert(outcome_decode(buf_slice(&b), &out, &why));
	ck_assert(out.has_value && out.stored && !out.is_inline && out.size == 1 << 20);
	/* of a task that is not done there is nothing to store */
	o.state = TASK_FAILED;
	ck_assert_ptr_nonnull(strstr(refusal(&o), "not done"));
}
END_TEST

START_TEST(frames)
{
	struct outcome o = inline_value(0);
	struct buf sizes;

	buf_init(&sizes, 4096);
	o.is_inline = false;
	pack_array(&sizes, LIMIT_VALUE_FRAMES);
	for (int i = 0; i < LIMIT_VALUE_FRAMES; i++)
		pack_u64(&sizes, 2);
	o.size = 2 * LIMIT_VALUE_FRAMES;
	o.nframes = LIMIT_VALUE_FRAMES;
	o.frames = buf_slice(&sizes);
	ck_assert_ptr_null(refusal(&o));
	o.size++;
	ck_assert_ptr_nonnull(strstr(refusal(&o), "add up"));
	buf_clear(&sizes);
	pack_array(&sizes, LIMIT_VALUE_FRAMES + 1);
	for (int i = 0; i < LIMIT_VALUE_FRAMES + 1; i++)
		pack_u64(&sizes, 0);
	o.frames = buf_slice(&sizes);
	ck_assert_str_eq(refusal(&o), LIMIT_TEXT(VALUE_FRAMES));
	buf_clear(&sizes);
	pack_array(&sizes, 2);
	pack_u64(&sizes, UINT64_MAX);
	pack_u64(&sizes, 3);
	o.frames = buf_slice(&sizes);
	o.size = 2;
	ck_assert_ptr_nonnull(refusal(&o));
	buf_release(&sizes);
}
END_TEST

/* An outcome by hand: state, then a value of which the inline bytes are not as many as its size
 * says. */
START_TEST(malformed)
{
	struct outcome out;
	const char *why = NULL;

	pack_array(&b, 5);
	pack_u64(&b, TASK_LEASED);
	for (int i = 0; i < 4; i++)
		pack_nil(&b);
	ck_assert(!outcome_decode(buf_slice(&b), &out, &why));
	ck_assert_ptr_nonnull(strstr(why, "state"));
	buf_clear(&b);
	pack_array(&b, 5);
	pack_u64(&b, TASK_DONE);
	pack_u64(&b, 1);
	pack_u64(&b, 1);
	pack_array(&b, 5);
	pack_cstr(&b, "t");
	pack_u64(&b, 5);
	pack_u64(&b, 0);
	pack_bin(&b, slice_str("four"));
	pack_nil(&b);
	pack_nil(&b);
	ck_assert(!outcome_decode(buf_slice(&b), &out, &why));
	ck_assert_ptr_nonnull(strstr(why, "size"));
}
END_TEST

START_TEST(later_meta_is_skipped)
{
	struct outcome out;
	const char *why = NULL;

	pack_array(&b, 6);
	pack_u64(&b, TASK_FAILED);
	pack_u64(&b, 1);
	pack_u64(&b, 1);
	pack_nil(&b);
	pack_map(&b, 2);
	pack_u64(&b, 200);
	pack_array(&b, 0);
	pack_u64(&b, 1);
	pack_u64(&b, CAUSE_ERROR);
	pack_cstr(&b, "later");
	ck_assert(outcome_decode(buf_slice(&b), &out, &why));
	ck_assert_int_eq(out.cause, CAUSE_ERROR);
}
END_TEST

START_TEST(short_copy)
{
	struct outcome out, o = inline_value(300);
	struct buf to;
	const char *why;

	buf_init(&to, 4096);
	ck_assert_ptr_null(refusal(&o));
	ck_assert(outcome_copy_short(&to, buf_slice(&b), 300));
	ck_assert(slice_eq(buf_slice(&to), buf_slice(&b)));
	buf_clear(&to);
	ck_assert(outcome_copy_short(&to, buf_slice(&b), 299));
	ck_assert(outcome_decode(buf_slice(&to), &out, &why));
	ck_assert(out.has_value && !out.is_inline && out.size == 300);
	buf_clear(&to);
	ck_assert(!outcome_copy_short(&to, slice_str("x"), 299) && to.n == 0);
	buf_release(&to);
}
END_TEST

START_TEST(row_comes_back)
{
	struct task_row out, r = {
				     .state = TASK_FAILED,
				     .generation = 1,
				     .attempts = 2,
				     .deaths = 3,
				     .finish_seq = 4,
				     .finished_us = 5,
				     .nholders = ROW_HOLDERS,
				     .holders = {1, 2, 3, 4, 5, 6, 7, UINT32_MAX},
				     .outcome = slice_str("bytes"),
			     };
	const char *why = NULL;

	task_row_encode(&b, &r);
	ck_assert(task_row_decode(buf_slice(&b), &out, &why));
	ck_assert(out.state == r.state && out.generation == 1 && out.attempts == 2);
	ck_assert(out.deaths == 3 && out.finish_seq == 4 && out.finished_us == 5);
	ck_assert(out.nholders == ROW_HOLDERS && out.holders[7] == UINT32_MAX);
	ck_assert(slice_eq(out.outcome, r.outcome));
	ck_assert(out.failures == 0 && out.due_us == 0 && out.stop == CAUSE_NONE);
	b.p[2] = TASK_READY;
	ck_assert(!task_row_decode(buf_slice(&b), &out, &why));
	ck_assert_ptr_nonnull(strstr(why, "state"));
	b.p[2] = TASK_FAILED;
	b.p[1] = 2;
	ck_assert(!task_row_decode(buf_slice(&b), &out, &why));
	ck_assert_ptr_nonnull(strstr(why, "version"));
}
END_TEST

START_TEST(row_of_one_that_is_tried_again)
{
	struct task_row out, r = {.state = TASK_LEASED, .failures = 2, .due_us = 7};
	const char *why = NULL;

	task_row_encode(&b, &r);
	ck_assert(task_row_decode(buf_slice(&b), &out, &why));
	ck_assert(out.failures == 2 && out.due_us == 7 && out.stop == CAUSE_NONE);
	buf_clear(&b);
	r = (struct task_row){.state = TASK_CANCELLING, .stop = CAUSE_DEADLINE};
	task_row_encode(&b, &r);
	ck_assert(task_row_decode(buf_slice(&b), &out, &why));
	ck_assert(out.failures == 0 && out.due_us == 0 && out.stop == CAUSE_DEADLINE);
	b.p[b.n - 1] = 0x7f;
	ck_assert(!task_row_decode(buf_slice(&b), &out, &why));
	ck_assert_ptr_nonnull(strstr(why, "cause"));
}
END_TEST

TCase *case_outcome(void)
{
	TCase *tc = tcase_create("outcome");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, failure_comes_back);
	tcase_add_test(tc, limits);
	tcase_add_test(tc, stored);
	tcase_add_test(tc, frames);
	tcase_add_test(tc, malformed);
	tcase_add_test(tc, later_meta_is_skipped);
	tcase_add_test(tc, short_copy);
	tcase_add_test(tc, row_comes_back);
	tcase_add_test(tc, row_of_one_that_is_tried_again);
	return tc;
}
