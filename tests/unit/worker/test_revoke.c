/* What is asked back: what has not begun is given back, what has goes on; and the order in which
 * leases begin. */
#include "check_worker.h"
#include "fake.h"

#include "codec/pack.h"

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

static struct fence fence_of(uint64_t seq)
{
	return (struct fence){fake.epoch, seq};
}

static bool is_given_back(const struct fake_report *r)
{
	return r->outcome.state == TASK_CANCELLED && r->outcome.cause == CAUSE_REVOKED &&
	       r->outcome.started_us == 0;
}

static bool has_started(uint64_t id)
{
	for (unsigned i = 0; i < fake.nstarted; i++)
		if (fake.started[i].id == id)
			return true;
	return false;
}

static struct fence lease(uint64_t id, const char *function, int32_t priority, uint32_t lane)
{
	struct lease_item item = {.id = id,
		.generation = 1,
		.attempt = 1,
		.element = -1,
		.priority = priority,
		.lane = lane};
	struct fence fence;
	struct buf spec;

	buf_init(&spec, 4096);
	pack_array(&spec, 3);
	pack_u64(&spec, 0);
	pack_str(&spec, slice_str(function));
	pack_nil(&spec);
	item.spec = buf_slice(&spec);
	fake_item(&fake, &item, NULL, &fence);
	buf_release(&spec);
	return fence;
}

/* Also where a slot has taken them all at once, since those before took no time. */
START_TEST(gives_back_what_has_not_begun)
{
	uint64_t first;

	begin(1);
	if (_i) {
		fake_many(&fake, 1, 2000, "noop");
		fake_until(&fake, fake.nreports == 2000);
	}
	fake.nreports = fake.nstarted = 0;
	first = fake.next_seq;
	fake_many(&fake, 3001, 10, "nap");
	fake_until(&fake, has_started(3001) || fake.nreports);
	fake_revoke(&fake, 3010, fence_of(first + 9));
	fake_revoke(&fake, 3005, fence_of(first + 4));
	ck_assert(is_given_back(fake_report(&fake, 3010)));
	ck_assert(is_given_back(fake_report(&fake, 3005)));
	ck_assert_value(fake_report(&fake, 3009), "\xc0");
	fake_run_ms(&fake, 100);
	ck_assert_uint_eq(fake.nreports, 10);
	ck_assert(!has_started(3010) && !has_started(3005));
	ck_assert_value(fake_report(&fake, 3001), "\xc0");
	end();
}
END_TEST

/* The start was not told yet: it is, by way of an answer. */
START_TEST(says_what_has_begun)
{
	struct fence fence;

	begin(1);
	fake_many(&fake, 1, 2, "patient");
	fence = fence_of(fake.next_seq - 2);
	fake_revoke(&fake, 1, fence);
	fake_until(&fake, has_started(1) || fake.nreports);
	if (fake.nreports)
		ck_assert(is_given_back(fake_report(&fake, 1)));
	fake_stop(&fake, 1, fence);
	fake_stop(&fake, 2, fence_of(fence.seq + 1));
	fake_until(&fake, fake.nreports >= 2);
	end();
}
END_TEST

START_TEST(does_not_have_it)
{
	begin(1);
	fake_revoke(&fake, 7, fence_of(1));
	ck_assert(is_given_back(fake_report(&fake, 7)));
	end();
}
END_TEST

/* A scheduler that has not heard the answer must not take it for begun. */
START_TEST(over_another_connection)
{
	struct fence fence;

	begin(1);
	fake.no_ack = true;
	fake_func(&fake, 1, "patient", slice_empty());
	fake_until(&fake, fake.nstarted == 1);
	fence = fake_func(&fake, 2, "noop", slice_empty());
	fake_revoke(&fake, 2, fence);
	ck_assert(is_given_back(fake_report(&fake, 2)));
	stream_free(&fake.stream);
	fake.nreports = 0;
	fake_until(&fake, fake.joins == 2);
	ck_assert_uint_eq(fake.nrunning, 2);
	for (uint32_t i = 0; i < 2; i++)
		ck_assert_uint_eq(fake.running[i].extra, fake.running[i].id == 1);
	ck_assert(is_given_back(fake_report(&fake, 2)));
	ck_assert(!has_started(2));
	end();
}
END_TEST

/* Leased anew while the older run goes on: it is given back once that has ended. */
START_TEST(while_an_older_run_goes_on)
{
	struct fence fence;

	begin(1);
	fake_func(&fake, 1, "patient", slice_empty());
	fake_until(&fake, fake.nstarted == 1);
	fake_run_ms(&fake, 50);
	fence = fake_func(&fake, 1, "noop", slice_empty());
	fake_revoke(&fake, 1, fence);
	fake_until(&fake, fake.nreports == 2);
	for (unsigned i = 0; i < 2; i++)
		ck_assert(
			is_given_back(&fake.reports[i]) == fence_eq(fake.reports[i].fence, fence));
	end();
}
END_TEST

START_TEST(higher_priorities_begin_first)
{
	static const uint64_t order[] = {10, 4, 7, 5, 1, 2, 3, 6};
	struct fence first;

	begin(1);
	fake_many(&fake, 100, 2000, "noop");
	fake_until(&fake, fake.nreports == 2000);
	first = lease(10, "patient", 0, 0);
	fake_until(&fake, has_started(10));
	fake_run_ms(&fake, 50);
	fake.nreports = 0;
	lease(1, "nap", 0, 0);
	lease(2, "noop", 0, 0);
	fake_many(&fake, 3, 1, "noop");
	lease(4, "noop", 5, 0);
	lease(5, "noop", 3, 0);
	/* another's: his high priority passes his own alone */
	lease(6, "noop", 9, 7);
	lease(7, "noop", 5, 0);
	fake_run_ms(&fake, 50);
	fake_stop(&fake, 10, first);
	fake_until(&fake, fake.nreports == 8);
	for (unsigned i = 0; i < 8; i++)
		ck_assert_uint_eq(fake.reports[i].id, order[i]);
	end();
}
END_TEST

/* It waits for the slot: its attempt has not begun. Of a suspect it is told all the same. */
START_TEST(a_start_is_told_when_it_starts)
{
	struct lease_item item = {.id = 3,
		.generation = 1,
		.attempt = 1,
		.element = -1,
		.flags = LEASE_FLAG_SUSPECT,
		.spec = slice_of("\x93\x00\xa4noop\xc0", 8)};
	struct fence first, fence;

	begin(1);
	first = fake_func(&fake, 1, "patient", slice_empty());
	fake_until(&fake, has_started(1));
	fake_func(&fake, 2, "nap", slice_empty());
	fake_run_ms(&fake, 100);
	ck_assert(!has_started(2));
	fake_item(&fake, &item, NULL, &fence);
	fake_until(&fake, has_started(3));
	ck_assert(!has_started(2));
	fake_stop(&fake, 1, first);
	fake_until(&fake, has_started(2));
	end();
}
END_TEST

TCase *revoke_tests(void)
{
	TCase *t = tcase_create("revoke");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, gives_back_what_has_not_begun, 0, 2);
	tcase_add_test(t, says_what_has_begun);
	tcase_add_test(t, does_not_have_it);
	tcase_add_test(t, over_another_connection);
	tcase_add_test(t, while_an_older_run_goes_on);
	tcase_add_test(t, higher_priorities_begin_first);
	tcase_add_test(t, a_start_is_told_when_it_starts);
	return t;
}
