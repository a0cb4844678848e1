/* Locks, semaphores and events, as stories. Connections 10 and 11 are the sessions 1 and 2. */
#include "check_core.h"
#include "story.h"

#include "codec/pack.h"
#include "model/claim.h"

#include <stdio.h>
#include <string.h>

#define LEASE_S 30

/* Claims of `units` of a lock, for each name (separated by spaces). */
static void claim(struct story *s, uint64_t conn, uint64_t request, const char *names,
	uint32_t count, uint32_t units, uint32_t flags)
{
	struct deal_op op = {.kind = DEAL_CLAIM, .flags = flags, .lease_us = LEASE_S * 1000000ull};
	uint32_t n = 1;
	struct buf parts;

	for (const char *p = names; *p; p++)
		n += *p == ' ';
	buf_init(&parts, 65536);
	pack_array(&parts, n);
	for (const char *p = names; n--; p += strcspn(p, " ") + 1)
		claim_part_encode(&parts, &(struct claim_part){.name = slice_of(p, strcspn(p, " ")),
						  .count = count,
						  .units = units});
	op.parts = buf_slice(&parts);
	story_deal(s, conn, request, &op, 1);
	buf_release(&parts);
}

static void act_on(
	struct story *s, uint64_t conn, uint64_t request, enum deal_kind kind, uint64_t number)
{
	story_deal(s, conn, request, &(struct deal_op){.kind = kind, .claim = number}, 1);
}

static void event(struct story *s, uint64_t request, enum deal_kind kind)
{
	story_deal(s, 10, request, &(struct deal_op){.kind = kind, .name = slice_str("e")}, 1);
}

static void await(struct story *s, uint64_t conn, enum thing_kind kind, uint64_t after)
{
	struct event e = {.kind = EVENT_AWAIT, .conn = conn, .seq = 1};

	e.await.kind = kind;
	e.await.name = slice_str("e");
	e.await.after = after;
	story_step(s, &e);
}

static void resume(struct story *s, uint64_t conn, uint32_t session)
{
	struct event e = {.kind = EVENT_OPEN, .conn = conn};
	static const uint8_t zero[TOKEN_BYTES];

	e.open.session = session;
	e.open.token = slice_of(zero, TOKEN_BYTES);
	e.open.user = slice_str("ann");
	story_step(s, &e);
}

/* Sessions 1 and 2, not told. */
static void begin(struct story *s)
{
	story_begin_kept(s);
	s->quiet = true;
	story_open(s, 11);
	story_seal(s);
	story_told(s);
}

static void restart(struct story *s)
{
	story_seal(s);
	story_restart(s);
	story_go_on(s);
	resume(s, 10, 1);
	resume(s, 11, 2);
	story_seal(s);
	story_told(s);
}

START_TEST(first_come_first_served)
{
	struct story s;

	begin(&s);
	claim(&s, 10, 1, "l", 1, 1, 0);
	told_eq(&s, "put thing 1 lock l held\nput reply 1 1\n-> 10 reply 1 code 0\n");
	claim(&s, 11, 1, "l", 1, 1, 0);
	told_eq(&s, "put thing 2 lock l waits\nput reply 2 1\n-> 11 reply 1 code 0\n");
	await(&s, 11, THING_LOCK, 2);
	claim(&s, 10, 2, "l", 1, 1, 0);
	story_told(&s);
	/* a start in between: the order stands */
	restart(&s);
	await(&s, 11, THING_LOCK, 2);
	await(&s, 10, THING_LOCK, 3);
	told_eq(&s, "");
	act_on(&s, 10, 3, DEAL_UNLOCK, 1);
	told_eq(&s,
		"del thing 1\nput thing 2 lock l held\n-> 10 reply 3 code 0\n-> 11 thing 1 is 2\n");
	restart(&s);
	act_on(&s, 11, 2, DEAL_UNLOCK, 2);
	told_eq(&s, "del thing 2\nput thing 3 lock l held\n-> 11 reply 2 code 0\n");
	await(&s, 10, THING_LOCK, 3);
	told_eq(&s, "-> 10 thing 1 is 3\n");
	act_on(&s, 10, 4, DEAL_UNLOCK, 3);
	told_eq(&s, "del thing 3\n-> 10 reply 4 code 0\n");
	/* the fence goes on */
	claim(&s, 10, 5, "l", 1, 1, 0);
	told_eq(&s, "put thing 4 lock l held\nput reply 1 5\n-> 10 reply 5 code 0\n");
	story_end(&s);
}
END_TEST

START_TEST(a_stale_fence_is_refused)
{
	static const enum deal_kind kinds[] = {DEAL_UNLOCK, DEAL_EXTEND_LOCK, DEAL_EXPECT_HELD};
	struct story s;

	begin(&s);
	claim(&s, 10, 1, "l", 1, 1, CLAIM_BEAT);
	act_on(&s, 10, 2, DEAL_EXPECT_HELD, 1);
	story_pass(&s, LEASE_S - 1);
	act_on(&s, 10, 3, DEAL_EXTEND_LOCK, 1);
	story_pass(&s, LEASE_S - 1);
	ck_assert_ptr_null(strstr(story_told(&s), "del thing"));
	story_pass(&s, 2);
	told_eq(&s, "del thing 1\n");
	for (uint32_t i = 0; i < 3; i++) {
		act_on(&s, 10, 4 + i, kinds[i], 1);
		ck_assert_ptr_nonnull(strstr(
			story_told(&s), "code 8 the lock is not held under that fence any more"));
	}
	await(&s, 10, THING_LOCK, 1);
	ck_assert_ptr_nonnull(strstr(story_told(&s), "-> 10 thing 1 code 8"));
	/* one without an end */
	claim(&s, 10, 7, "l", 1, 1, CLAIM_BEAT);
	story_deal(&s, 10, 8,
		&(struct deal_op){.kind = DEAL_EXTEND_LOCK, .claim = 2, .lease_us = UINT64_MAX}, 1);
	story_told(&s);
	story_pass(&s, 10 * LEASE_S);
	told_eq(&s, "");
	story_end(&s);
}
END_TEST

START_TEST(a_lease_runs_from_the_disconnection)
{
	struct story s;

	begin(&s);
	claim(&s, 10, 1, "l", 1, 1, 0);
	claim(&s, 11, 1, "l", 1, 1, 0);
	await(&s, 11, THING_LOCK, 2);
	story_pass(&s, 3 * LEASE_S);
	story_told(&s);
	story_leave(&s, 10);
	story_pass(&s, LEASE_S - 1);
	resume(&s, 12, 1);
	story_pass(&s, 2 * LEASE_S);
	ck_assert_ptr_null(strstr(story_told(&s), "thing"));
	story_leave(&s, 12);
	story_pass(&s, LEASE_S + 1);
	told_eq(&s, "del thing 1\nput thing 2 lock l held\n-> 11 thing 1 is 2\n");
	/* who waits and is gone loses its place likewise */
	resume(&s, 13, 1);
	claim(&s, 13, 2, "l", 1, 1, 0);
	story_leave(&s, 13);
	story_told(&s);
	story_pass(&s, LEASE_S + 1);
	told_eq(&s, "del thing 3\n");
	story_end(&s);
}
END_TEST

START_TEST(a_start_gives_a_full_lease)
{
	struct story s;

	begin(&s);
	claim(&s, 10, 1, "l", 1, 1, CLAIM_BEAT);
	story_pass(&s, LEASE_S - 1);
	story_seal(&s);
	story_restart(&s);
	story_pass(&s, LEASE_S - 1);
	told_eq(&s, "");
	story_pass(&s, 2);
	ck_assert_ptr_nonnull(strstr(story_told(&s), "del thing 1\n"));
	story_end(&s);
}
END_TEST

START_TEST(a_session_takes_its_locks_with_it)
{
	struct event close = {.kind = EVENT_CLOSE, .conn = 10, .seq = 3};
	struct story s;

	begin(&s);
	claim(&s, 10, 1, "l", 1, 1, CLAIM_BEAT);
	claim(&s, 10, 2, "m", 1, 1, CLAIM_ALONE);
	claim(&s, 11, 1, "l", 1, 1, 0);
	claim(&s, 11, 2, "m", 1, 1, 0);
	await(&s, 11, THING_LOCK, 3);
	story_told(&s);
	story_step(&s, &close);
	told_eq(&s,
		"del thing 1\nput thing 3 lock l held\n-> 10 reply 3 code 0\n-> 11 thing 1 is 3\n");
	/* the other was its lease's alone */
	story_pass(&s, LEASE_S + 1);
	ck_assert_ptr_nonnull(strstr(story_told(&s), "del thing 2\nput thing 4 lock m held\n"));
	story_end(&s);
}
END_TEST

START_TEST(an_end_that_a_start_goes_on_with)
{
	struct event close = {.kind = EVENT_CLOSE, .conn = 10, .seq = 301};
	struct story s;

	begin(&s);
	for (uint32_t i = 1; i <= 300; i++)
		claim(&s, 10, i, "l", 400, 1, 0);
	claim(&s, 11, 1, "l", 400, 200, 0);
	story_step(&s, &close);
	story_seal(&s);
	story_restart(&s);
	story_go_on(&s);
	resume(&s, 11, 2);
	story_told(&s);
	await(&s, 11, THING_LOCK, 301);
	told_eq(&s, "-> 11 thing 1 is 301\n");
	story_end(&s);
}
END_TEST

START_TEST(units_of_a_semaphore)
{
	struct story s;

	begin(&s);
	claim(&s, 10, 1, "p", 3, 2, 0);
	claim(&s, 10, 2, "p", 3, 2, 0);
	story_told(&s);
	/* behind one that waits, though there is room */
	claim(&s, 11, 1, "p", 3, 1, 0);
	told_eq(&s, "put thing 3 lock p waits\nput reply 2 1\n-> 11 reply 1 code 0\n");
	claim(&s, 11, 2, "p", 3, 1, CLAIM_TRY);
	told_eq(&s, "put reply 2 2\n-> 11 reply 2 code 4 it is held: p\n");
	claim(&s, 11, 3, "p", 4, 1, 0);
	told_eq(&s, "put reply 2 3\n-> 11 reply 3 code 8 it is used with another count: p\n");
	/* withdrawn: the next one goes on */
	act_on(&s, 10, 3, DEAL_UNLOCK, 2);
	told_eq(&s, "del thing 2\nput thing 3 lock p held\n-> 10 reply 3 code 0\n");
	act_on(&s, 10, 4, DEAL_UNLOCK, 1);
	act_on(&s, 11, 4, DEAL_UNLOCK, 3);
	story_told(&s);
	claim(&s, 11, 5, "p", 4, 1, CLAIM_TRY);
	told_eq(&s, "put thing 4 lock p held\nput reply 2 5\n-> 11 reply 5 code 0\n");
	story_end(&s);
}
END_TEST

START_TEST(several_at_once_or_none)
{
	struct story s;

	begin(&s);
	claim(&s, 10, 1, "a", 1, 1, 0);
	claim(&s, 11, 1, "b a", 1, 1, 0);
	story_told(&s);
	/* b is free, but somebody was there before */
	claim(&s, 10, 2, "b", 1, 1, CLAIM_TRY);
	told_eq(&s, "put reply 1 2\n-> 10 reply 2 code 4 it is held: b\n");
	claim(&s, 10, 3, "a b", 1, 1, 0);
	restart(&s);
	await(&s, 11, THING_LOCK, 2);
	act_on(&s, 10, 4, DEAL_UNLOCK, 1);
	told_eq(&s,
		"del thing 1\nput thing 2 lock b held\n-> 10 reply 4 code 0\n-> 11 thing 1 is 2\n");
	restart(&s);
	act_on(&s, 11, 2, DEAL_UNLOCK, 2);
	told_eq(&s, "del thing 2\nput thing 3 lock a held\n-> 11 reply 2 code 0\n");
	claim(&s, 10, 5, "c c", 1, 1, 0);
	told_eq(&s, "put reply 1 5\n-> 10 reply 5 code 3 a lock that is named twice: c\n");
	claim(&s, 10, 6, "bob/c", 1, 1, 0);
	told_eq(&s, "put reply 1 6\n-> 10 reply 6 code 9 the namespace is another user's: bob/c\n");
	story_end(&s);
}
END_TEST

START_TEST(one_deal_gives_back_and_takes)
{
	struct deal_op ops[2] = {{.kind = DEAL_UNLOCK, .claim = 1},
		{.kind = DEAL_CLAIM, .flags = CLAIM_TRY, .lease_us = 1000000}};
	struct story s;
	struct buf parts;

	begin(&s);
	claim(&s, 10, 1, "l", 1, 1, 0);
	story_told(&s);
	buf_init(&parts, 4096);
	pack_array(&parts, 1);
	claim_part_encode(
		&parts, &(struct claim_part){.name = slice_str("l"), .count = 5, .units = 5});
	ops[1].parts = buf_slice(&parts);
	/* it is somebody else's afterwards, of another count even */
	story_deal(&s, 10, 2, ops, 2);
	told_eq(&s, "del thing 1\nput thing 2 lock l held\nput reply 1 2\n-> 10 reply 2 code 0\n");
	/* a second end of the same claim: nothing is done */
	ops[0].claim = 2;
	ops[1] = ops[0];
	story_deal(&s, 10, 3, ops, 2);
	ck_assert_ptr_null(strstr(story_told(&s), "del thing"));
	buf_release(&parts);
	story_end(&s);
}
END_TEST

START_TEST(what_a_task_locks_ends_with_it)
{
	struct event enter = {.kind = EVENT_ENTER, .conn = 30};
	struct story s;

	begin(&s);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{0}}, 1);
	story_seal(&s);
	story_started(&s, 20, ID(1), 1);
	enter.enter.id = ID(1);
	enter.enter.fence = (struct fence){7, 1};
	story_step(&s, &enter);
	story_open(&s, 30);
	claim(&s, 30, 1, "l", 1, 1, CLAIM_BEAT);
	claim(&s, 11, 1, "l", 1, 1, 0);
	await(&s, 11, THING_LOCK, 2);
	story_told(&s);
	story_report(&s, 20, ID(1), 1, TASK_DONE, 0);
	ck_assert_ptr_nonnull(strstr(story_told(&s), "-> 11 thing 1 is 2\n"));
	story_end(&s);
}
END_TEST

START_TEST(events_are_set_and_cleared)
{
	struct story s;

	begin(&s);
	await(&s, 11, THING_EVENT, 0);
	told_eq(&s, "");
	event(&s, 1, DEAL_EVENT_SET);
	told_eq(&s, "put thing 1 event e\n-> 11 thing 1 is 1\n-> 10 reply 1 code 0\n");
	event(&s, 2, DEAL_EVENT_SET);
	told_eq(&s, "-> 10 reply 2 code 0\n");
	restart(&s);
	await(&s, 11, THING_EVENT, 0);
	told_eq(&s, "-> 11 thing 1 is 1\n");
	event(&s, 3, DEAL_EVENT_CLEAR);
	told_eq(&s, "del thing 1\n-> 10 reply 3 code 0\n");
	event(&s, 4, DEAL_EVENT_CLEAR);
	told_eq(&s, "-> 10 reply 4 code 0\n");
	await(&s, 11, THING_EVENT, 0);
	told_eq(&s, "");
	story_end(&s);
}
END_TEST

/* Who takes over a session by its name knows nothing of its locks. */
START_TEST(another_process_under_the_name)
{
	struct event e = {.kind = EVENT_OPEN, .conn = 13};
	struct story s;

	begin(&s);
	e.open.user = slice_str("ann");
	e.open.name = slice_str("daemon");
	story_step(&s, &e);
	claim(&s, 13, 1, "l", 1, 1, 0);
	claim(&s, 11, 1, "l", 1, 1, 0);
	await(&s, 11, THING_LOCK, 2);
	story_told(&s);
	e.conn = 14;
	story_step(&s, &e);
	ck_assert_ptr_nonnull(strstr(story_told(&s), "del thing 1\nput thing 2 lock l held\n"));
	story_end(&s);
}
END_TEST

/* Each of many claims costs as little as the first. */
START_TEST(a_long_line)
{
	struct story s;
	char told[32];

	begin(&s);
	for (uint32_t i = 1; i <= 1024; i++)
		claim(&s, 10, i, "l", 1, 1, 0);
	story_told(&s);
	claim(&s, 10, 1025, "l", 1, 1, 0);
	ck_assert_ptr_nonnull(strstr(story_told(&s), "code 10 holds of locks"));
	for (uint32_t i = 1; i < 1024; i++) {
		act_on(&s, 10, 1025 + i, DEAL_UNLOCK, i);
		snprintf(told, sizeof(told), "put thing %u lock l held", i + 1);
		ck_assert_ptr_nonnull(strstr(story_told(&s), told));
	}
	story_end(&s);
}
END_TEST

Suite *suite_guard(void)
{
	Suite *suite = suite_create("guard");
	TCase *t = tcase_create("guard");

	tcase_add_test(t, first_come_first_served);
	tcase_add_test(t, a_stale_fence_is_refused);
	tcase_add_test(t, a_lease_runs_from_the_disconnection);
	tcase_add_test(t, a_start_gives_a_full_lease);
	tcase_add_test(t, a_session_takes_its_locks_with_it);
	tcase_add_test(t, an_end_that_a_start_goes_on_with);
	tcase_add_test(t, units_of_a_semaphore);
	tcase_add_test(t, several_at_once_or_none);
	tcase_add_test(t, one_deal_gives_back_and_takes);
	tcase_add_test(t, what_a_task_locks_ends_with_it);
	tcase_add_test(t, another_process_under_the_name);
	tcase_add_test(t, a_long_line);
	tcase_add_test(t, events_are_set_and_cleared);
	suite_add_tcase(suite, t);
	return suite;
}
