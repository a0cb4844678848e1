/*
 * What is said with the scheduler: joining, losing it, coming back, leaving.
 */
/* before check.h, which has a macro fail() */
#include "worker/lease.h"
#include "worker/state.h"

#include "check_worker.h"
#include "fake.h"

#include "model/limits.h"

#include <dq/error.h>

#include <string.h>

static struct fake fake;
static struct loop *loop;
static struct worker *worker;

static void begin(unsigned slots)
{
	char address[128];

	test_begin();
	loop = loop_new();
	snprintf(address, sizeof(address), "unix:%s/sched.sock", test_dir);
	fake_start(&fake, loop, address);
	worker = test_worker(&fake, "w", WORKER_THREAD, slots);
}

static void end(void)
{
	worker_free(&worker);
	fake_end(&fake);
	loop_free(&loop);
	test_done();
}

START_TEST(joins)
{
	begin(3);
	ck_assert_str_eq(fake.name, "w");
	ck_assert_uint_eq(fake.credit, 3);
	ck_assert_uint_eq(fake.nrunning, 0);
	ck_assert_uint_eq(fake.ncopies, 0);
	ck_assert_int_eq(strncmp(fake.address, "unix:", 5), 0);
	end();
}
END_TEST

START_TEST(waits_for_a_scheduler)
{
	char error[256], address[128], dir[128];
	struct worker_options o = {.scheduler = address,
		.name = "w",
		.dir = dir,
		.slots = 1,
		.isolation = WORKER_THREAD};

	test_begin();
	loop = loop_new();
	snprintf(address, sizeof(address), "unix:%s/sched.sock", test_dir);
	snprintf(dir, sizeof(dir), "%s/w", test_dir);
	worker = worker_new(loop, &o, error, sizeof(error));
	ck_assert_msg(worker != NULL, "%s", error);
	for (int i = 0; i < 20; i++)
		loop_run_once(loop, 10);
	fake_start(&fake, loop, address);
	fake_until(&fake, fake.joins == 1);
	end();
}
END_TEST

START_TEST(ignores_a_lease_it_has)
{
	struct lease_item item = {.id = 1, .generation = 1, .attempt = 1, .element = -1};
	struct fence fence;

	begin(1);
	item.spec = slice_of("\x93\x00\xa3nap\xc0", 7);
	fake_item(&fake, &item, NULL, &fence);
	fake.next_seq--;
	fake_item(&fake, &item, NULL, &fence);
	fake_run_ms(&fake, 150);
	ck_assert_uint_eq(fake.nreports, 1);
	end();
}
END_TEST

START_TEST(comes_back_and_reports_again)
{
	begin(2);
	fake.no_ack = true;
	fake_func(&fake, 1, "noop", slice_empty());
	fake_report(&fake, 1);
	fake_func(&fake, 2, "nap", slice_empty());
	fake_until(&fake, fake.nstarted == 2);
	ck_assert_uint_eq(fake.last_report_seq, 1);
	stream_free(&fake.stream);
	fake.no_ack = false;
	fake_until(&fake, fake.joins == 2);
	/* Both leases are offered, and the report of the first comes again. */
	ck_assert_uint_eq(fake.nrunning, 2);
	ck_assert_uint_eq(fake.running[0].extra, 1);
	ck_assert_uint_eq(fake.running[1].extra, 1);
	fake_until(&fake, fake.nreports >= 3);
	ck_assert_uint_eq(fake.reports[1].id, 1);
	ck_assert_uint_eq(fake.reports[2].id, 2);
	ck_assert_value(&fake.reports[2], "\xc0");
	fake_run_ms(&fake, 100);
	ck_assert_uint_eq(fake.nreports, 3);
	/* Acknowledged: the next time there is nothing to say. */
	stream_free(&fake.stream);
	fake_until(&fake, fake.joins == 3);
	ck_assert_uint_eq(fake.nrunning, 0);
	end();
}
END_TEST

START_TEST(closes_a_silent_connection)
{
	begin(1);
	stream_free(&fake.stream);
	fake.ttl_ms = 300;
	fake_until(&fake, fake.joins == 2);
	/* PING and PONG keep it. */
	fake_run_ms(&fake, 1000);
	ck_assert_uint_eq(fake.joins, 2);
	stream_pause(fake.stream);
	fake_until(&fake, fake.joins == 3);
	end();
}
END_TEST

START_TEST(a_conflict_ends_it)
{
	char address[128];

	test_begin();
	loop = loop_new();
	snprintf(address, sizeof(address), "unix:%s/sched.sock", test_dir);
	fake_start(&fake, loop, address);
	fake.refuse_join = DQ_E_CONFLICT;
	worker = test_worker(&fake, "w", WORKER_THREAD, 1);
	fake_until(&fake, test_end_code >= 0);
	ck_assert_int_eq(test_end_code, DQ_E_CONFLICT);
	fake_run_ms(&fake, 200);
	ck_assert_uint_eq(fake.joins, 1);
	end();
}
END_TEST

/* What it would say when it comes back fits no frame: no other try would be shorter. */
START_TEST(has_more_than_a_join_can_tell)
{
	/* each of them takes 29 bytes or more */
	static const uint64_t first = 1ull << 60, n = LIMIT_FRAME_BYTES / 29 + 1;
	struct lease lease = {.state = LEASE_REPORTING, .fence = {UINT64_MAX, UINT64_MAX}};

	begin(1);
	for (uint64_t i = 0; i < n; i++)
		ck_assert(map64_put_ptr(&worker->leases, first + i, &lease));
	stream_free(&fake.stream);
	fake_until(&fake, test_end_code >= 0);
	ck_assert_int_eq(test_end_code, DQ_E_LIMIT);
	ck_assert_uint_eq(fake.joins, 1);
	for (uint64_t i = 0; i < n; i++)
		map64_remove_ptr(&worker->leases, first + i);
	end();
}
END_TEST

/* What has begun ends, the rest is given back at once. */
START_TEST(drains)
{
	unsigned ended = 0, back = 0;

	begin(1);
	fake_many(&fake, 1, 200, "nap");
	fake_until(&fake, fake.nstarted >= 1);
	worker_drain(worker);
	fake_until(&fake, test_end_code >= 0);
	ck_assert_int_eq(test_end_code, 0);
	fake_until(&fake, fake.leaves == 1);
	ck_assert_uint_eq(fake.credit, 0);
	ck_assert_uint_eq(fake.nreports, 200);
	for (unsigned i = 0; i < 200; i++) {
		ended += fake.reports[i].outcome.state == TASK_DONE;
		back += fake.reports[i].outcome.cause == CAUSE_REVOKED;
	}
	ck_assert(ended >= 1 && ended < 100 && ended + back == 200);
	end();
}
END_TEST

START_TEST(one_worker_a_directory)
{
	char error[256], dir[128];
	struct worker_options o = {.scheduler = "unix:/nowhere",
		.name = "w",
		.dir = dir,
		.slots = 1,
		.isolation = WORKER_THREAD};
	struct worker *other;

	begin(1);
	snprintf(dir, sizeof(dir), "%s/w", test_dir);
	other = worker_new(loop, &o, error, sizeof(error));
	ck_assert_ptr_null(other);
	ck_assert_ptr_nonnull(strstr(error, "live worker"));
	worker_free(&worker);
	other = worker_new(loop, &o, error, sizeof(error));
	ck_assert_msg(other != NULL, "%s", error);
	worker_free(&other);
	end();
}
END_TEST

START_TEST(bad_modules_are_named)
{
	char error[512], dir[128];
	const char *modules[] = {"/no/such/module.so", NULL};
	struct worker_options o = {.scheduler = "unix:/nowhere",
		.name = "w",
		.dir = dir,
		.slots = 1,
		.modules = modules,
		.helper = test_helper(),
		.isolation = _i ? WORKER_PROCESS : WORKER_THREAD};

	test_begin();
	loop = loop_new();
	snprintf(dir, sizeof(dir), "%s/w", test_dir);
	worker = worker_new(loop, &o, error, sizeof(error));
	ck_assert_ptr_null(worker);
	ck_assert_msg(strstr(error, "/no/such/module.so: No such file"), "%s", error);
	loop_free(&loop);
	test_done();
}
END_TEST

TCase *session_tests(void)
{
	TCase *t = tcase_create("session");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, joins);
	tcase_add_test(t, waits_for_a_scheduler);
	tcase_add_test(t, ignores_a_lease_it_has);
	tcase_add_test(t, comes_back_and_reports_again);
	tcase_add_test(t, closes_a_silent_connection);
	tcase_add_test(t, a_conflict_ends_it);
	tcase_add_test(t, has_more_than_a_join_can_tell);
	tcase_add_test(t, drains);
	tcase_add_test(t, one_worker_a_directory);
	tcase_add_loop_test(t, bad_modules_are_named, 0, 2);
	return t;
}
