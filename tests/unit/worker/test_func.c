/*
 * Functions, in threads (_i 0) and in processes (_i 1).
 */
#include "check_worker.h"
#include "fake.h"

#include "base/hash.h"
#include "codec/pack.h"
#include "model/block.h"

#include <signal.h>
#include <string.h>

static struct fake fake;
static struct loop *loop;
static struct worker *worker;

static void begin(int in_process, unsigned slots)
{
	test_begin();
	loop = loop_new();
	fake_start(&fake, loop, "inproc:test");
	worker = test_worker(&fake, "w", in_process ? WORKER_PROCESS : WORKER_THREAD, slots);
}

static void end(void)
{
	worker_free(&worker);
	fake_end(&fake);
	loop_free(&loop);
	test_done();
}

START_TEST(returns_nil)
{
	const struct fake_report *r;
	struct fence fence;

	begin(_i, 1);
	fence = fake_func(&fake, 100, "noop", slice_empty());
	r = fake_report(&fake, 100);
	ck_assert(fence_eq(r->fence, fence));
	ck_assert_value(r, "\xc0");
	ck_assert(slice_eq_str(r->outcome.type, "msgpack"));
	ck_assert_uint_eq(r->outcome.checksum, hash64(slice_str("\xc0")));
	ck_assert_uint_gt(r->outcome.started_us, 1000000);
	/* It came alone: its start was told. */
	ck_assert_uint_eq(fake.nstarted, 1);
	ck_assert_uint_eq(fake.started[0].id, 100);
	end();
}
END_TEST

START_TEST(gets_arguments_and_inputs)
{
	const struct fake_report *r;
	struct lease_input in[2] = {{.id = 5,
					    .generation = 1,
					    .type = slice_str("bytes"),
					    .size = 3,
					    .is_inline = true,
					    .bytes = slice_str("abc")},
		{.id = 6,
			.generation = 1,
			.type = slice_str("msgpack"),
			.size = 1,
			.is_inline = true,
			.bytes = slice_str("\x2a")}};
	struct buf args;

	begin(_i, 1);
	buf_init(&args, 100);
	pack_array(&args, 3);
	pack_u64(&args, 1);
	pack_ext(&args, EXT_FUTURE, slice_of("\0\0\0\1", 4));
	pack_ext(&args, EXT_FUTURE, slice_of("\0\0\0\0", 4));
	fake_func_inputs(&fake, 1, "echo", buf_slice(&args), in, 2);
	r = fake_report(&fake, 1);
	ck_assert_value(r, "\x93\x01\x2a\xc4\x03"
			   "abc");
	fake_func_inputs(&fake, 2, "join", buf_slice(&args), in, 2);
	r = fake_report(&fake, 2);
	ck_assert_value(r, "abc\x2a");
	buf_release(&args);
	end();
}
END_TEST

START_TEST(knows_itself)
{
	struct lease_item item = {.id = 77, .generation = 2, .attempt = 3, .element = 9};
	struct fence fence;
	struct buf spec;

	begin(_i, 1);
	buf_init(&spec, 100);
	pack_array(&spec, 3);
	pack_u64(&spec, 0);
	pack_cstr(&spec, "about");
	pack_nil(&spec);
	item.key = slice_str("a key");
	item.spec = buf_slice(&spec);
	fake_item(&fake, &item, NULL, &fence);
	ck_assert_value(fake_report(&fake, 77), "a key|77|3|9|3e8.1");
	buf_clear(&spec);
	pack_array(&spec, 3);
	pack_u64(&spec, 0);
	pack_cstr(&spec, "echo");
	pack_array(&spec, 2);
	pack_ext(&spec, EXT_ELEMENT, slice_empty());
	pack_ext(&spec, EXT_INDEX, slice_empty());
	item.id = 78;
	item.spec = buf_slice(&spec);
	item.element_input = slice_str("\xa1x");
	fake_item(&fake, &item, NULL, &fence);
	ck_assert_value(fake_report(&fake, 78), "\x92\xa1x\x09");
	buf_release(&spec);
	end();
}
END_TEST

START_TEST(fails_with_its_message)
{
	begin(_i, 1);
	fake_func(&fake, 1, "fail", slice_empty());
	ck_assert_failed(fake_report(&fake, 1), CAUSE_ERROR, "it is meant that it fails: 42");
	fake_func(&fake, 2, "number", slice_empty());
	ck_assert_failed(fake_report(&fake, 2), CAUSE_ERROR, "number returned 7");
	fake_func(&fake, 3, "twice", slice_empty());
	ck_assert_failed(fake_report(&fake, 3), CAUSE_ERROR, "called twice");
	fake_func(&fake, 4, "nowhere", slice_empty());
	ck_assert_failed(
		fake_report(&fake, 4), CAUSE_SPEC, "no module here has the function nowhere");
	fake_func(&fake, 5, "echo", slice_of("\xd6\x01\0\0\0\5", 6));
	fake_report(&fake, 5);
	end();
}
END_TEST

START_TEST(holds_a_big_result)
{
	const struct fake_report *r;

	begin(_i, 1);
	fake_func(&fake, 1, "big", slice_empty());
	r = fake_report(&fake, 1);
	ck_assert_int_eq(r->outcome.state, TASK_DONE);
	ck_assert(r->outcome.has_value && !r->outcome.is_inline);
	ck_assert_uint_eq(r->outcome.size, 100000);
	end();
}
END_TEST

START_TEST(runs_many)
{
	begin(_i, 2);
	fake_many(&fake, 1, 3000, "noop");
	fake_until(&fake, fake.nreports == 3000);
	if (!_i)
		ck_assert_uint_gt(fake.credit, 2);
	for (unsigned i = 0; i < 3000; i++)
		ck_assert_int_eq(fake.reports[i].outcome.state, TASK_DONE);
	if (!_i)
		ck_assert_uint_lt(fake.nframes, 300);
	end();
}
END_TEST

START_TEST(a_long_one_does_not_keep_the_others)
{
	begin(_i, 2);
	fake_many(&fake, 1, 1000, "noop");
	fake_until(&fake, fake.nreports == 1000);
	fake_func(&fake, 5000, "patient", slice_empty());
	fake_many(&fake, 2000, 1000, "noop");
	fake_until(&fake, fake.nreports == 2000);
	fake_until(&fake, fake.nstarted >= 1);
	end();
}
END_TEST

START_TEST(stops_the_patient)
{
	const struct fake_report *r;
	struct fence fence;

	begin(_i, 1);
	fence = fake_func(&fake, 1, "patient", slice_empty());
	fake_until(&fake, fake.nstarted == 1);
	fake_run_ms(&fake, 20);
	fake_stop(&fake, 1, fence);
	r = fake_report(&fake, 1);
	ck_assert_int_eq(r->outcome.state, TASK_CANCELLED);
	ck_assert_int_eq(r->outcome.cause, CAUSE_CANCELLED);
	fake_func(&fake, 2, "noop", slice_empty());
	ck_assert_value(fake_report(&fake, 2), "\xc0");
	end();
}
END_TEST

START_TEST(stops_what_has_not_begun)
{
	const struct fake_report *r;
	struct fence first, second;

	begin(_i, 1);
	first = fake_func(&fake, 1, "patient", slice_empty());
	fake_until(&fake, fake.nstarted == 1);
	fake_run_ms(&fake, 20);
	second = fake_func(&fake, 2, "noop", slice_empty());
	fake_run_ms(&fake, 20);
	fake_stop(&fake, 2, second);
	r = fake_report(&fake, 2);
	ck_assert_int_eq(r->outcome.state, TASK_CANCELLED);
	ck_assert_uint_eq(r->outcome.started_us, 0);
	fake_stop(&fake, 1, first);
	fake_report(&fake, 1);
	/* One that is not here is answered too. */
	fake_stop(&fake, 3, first);
	ck_assert_int_eq(fake_report(&fake, 3)->outcome.state, TASK_CANCELLED);
	end();
}
END_TEST

START_TEST(survives_a_crash)
{
	const struct fake_report *r;

	begin(1, 1);
	fake_func(&fake, 1, "crash", slice_empty());
	r = fake_report(&fake, 1);
	ck_assert_failed(r, CAUSE_SIGNAL, "signal 11 (Segmentation fault)");
	ck_assert_int_eq(r->outcome.signal, SIGSEGV);
	fake_func(&fake, 2, "leave", slice_empty());
	r = fake_report(&fake, 2);
	ck_assert_failed(r, CAUSE_EXIT, "status 3");
	ck_assert_int_eq(r->outcome.exit_status, 3);
	fake_func(&fake, 3, "noop", slice_empty());
	ck_assert_value(fake_report(&fake, 3), "\xc0");
	end();
}
END_TEST

START_TEST(kills_the_deaf)
{
	struct fence fence;
	uint64_t began;

	begin(1, 1);
	fence = fake_func(&fake, 1, "deaf", slice_empty());
	fake_until(&fake, fake.nstarted == 1);
	fake_run_ms(&fake, 50);
	began = loop_now_us(loop);
	fake_stop(&fake, 1, fence);
	ck_assert_int_eq(fake_report(&fake, 1)->outcome.state, TASK_CANCELLED);
	ck_assert_uint_gt(loop_now_us(loop) - began, 1900000);
	fake_func(&fake, 2, "noop", slice_empty());
	ck_assert_value(fake_report(&fake, 2), "\xc0");
	end();
}
END_TEST

START_TEST(a_newer_lease_replaces)
{
	const struct fake_report *r;
	struct fence second;

	begin(_i, 2);
	fake_func(&fake, 1, "patient", slice_empty());
	fake_until(&fake, fake.nstarted == 1);
	fake_run_ms(&fake, 20);
	second = fake_func(&fake, 1, "nap", slice_empty());
	fake_until(&fake, fake.nreports == 2);
	r = fake_report(&fake, 1);
	ck_assert(fence_eq(r->fence, second));
	ck_assert_value(r, "\xc0");
	end();
}
END_TEST

TCase *func_tests(void)
{
	TCase *t = tcase_create("func");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, returns_nil, 0, 2);
	tcase_add_loop_test(t, gets_arguments_and_inputs, 0, 2);
	tcase_add_loop_test(t, knows_itself, 0, 2);
	tcase_add_loop_test(t, fails_with_its_message, 0, 2);
	tcase_add_loop_test(t, holds_a_big_result, 0, 2);
	tcase_add_loop_test(t, runs_many, 0, 2);
	tcase_add_loop_test(t, a_long_one_does_not_keep_the_others, 0, 2);
	tcase_add_loop_test(t, stops_the_patient, 0, 2);
	tcase_add_loop_test(t, stops_what_has_not_begun, 0, 2);
	tcase_add_test(t, survives_a_crash);
	tcase_add_test(t, kills_the_deaf);
	tcase_add_loop_test(t, a_newer_lease_replaces, 0, 2);
	return t;
}
