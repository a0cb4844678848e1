/*
 * Clients inside tasks, as frames: a HELLO that names a lease.
 */
#include "check_scheduler.h"
#include "rig.h"

#include "model/limits.h"

#include <dq/error.h>

#define ID task_id(1, 1)
#define INSIDE 6

static const struct engine_peer peer = {.by_kernel = true, .uid = 1000};

/* The first lease of the worker is of this task. */
static struct engine *leased(void)
{
	struct engine *e = both();

	say_submit(e, 1, 1, NULL, 0, 0);
	store_all(e);
	heard(MSG_REPLY);
	heard(MSG_LEASE);
	return e;
}

static void enter(struct engine *e, uint64_t conn, const char *head)
{
	ck_assert(engine_connect(e, conn, &peer));
	talking = conn;
	buf_clear(&sent);
	say_hello_of(e, ROLE_CLIENT, slice_str(head));
}

START_TEST(a_lease_that_is_there)
{
	struct engine *e = leased();

	enter(e, INSIDE, "100000001.7.1");
	heard(MSG_CHALLENGE);
	ck_assert(!closed);
	engine_end(e);
}
END_TEST

/* A crash before the end is stored, and the lease goes on: nobody has been told that it is over. */
START_TEST(a_lease_whose_end_is_not_stored)
{
	struct engine *e = leased();

	say_done(e, ID, 1, 10);
	enter(e, INSIDE, "100000001.7.1");
	ck_assert_uint_eq(sent.n, 0);
	ck_assert(!closed);
	store_all(e);
	heard_refusal(DQ_E_GONE, "the task's lease is over");
	engine_end(e);
}
END_TEST

START_TEST(a_lease_that_never_was)
{
	struct engine *e = leased();

	enter(e, INSIDE, "100000001.7.2");
	store_all(e);
	heard_refusal(DQ_E_GONE, "the task's lease is over");
	closed = false;
	enter(e, INSIDE + 1, "no token");
	heard_refusal(DQ_E_GONE, "no task's token");
	engine_end(e);
}
END_TEST

TCase *tcase_inside(void)
{
	TCase *t = tcase_create("inside");

	tcase_add_test(t, a_lease_that_is_there);
	tcase_add_test(t, a_lease_whose_end_is_not_stored);
	tcase_add_test(t, a_lease_that_never_was);
	return t;
}
