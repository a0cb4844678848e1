/* What was leased and has not begun, asked back for what comes before it: who is quicker, who dies
 * in between, in what order it goes on. */
#include "check_core.h"
#include "story.h"

#include "model/row.h"

#include <string.h>

static const struct terms high = {.priority = 5}, higher = {.priority = 9};

/* Among what was told, as lines. */
#define has_told(story, text)                                                                      \
	do {                                                                                       \
		const char *all = story_told(story);                                               \
		ck_assert_msg(strstr(all, text) != NULL, "told: %s", all);                         \
	} while (0)

/* The answer of a worker that had not begun it. */
static void not_begun(struct story *s, uint64_t conn, uint64_t id, uint64_t epoch, uint64_t seq)
{
	struct outcome o = {.state = TASK_CANCELLED, .cause = CAUSE_REVOKED};
	struct event_lease l = {.id = id, .fence = {epoch, seq}};
	struct event e = {.kind = EVENT_REPORT, .conn = conn, .seq = 1};
	struct buf b;

	buf_init(&b, OUTCOME_MAX_BYTES);
	outcome_encode(&b, &o);
	l.outcome = buf_slice(&b);
	e.leases.items = &l;
	e.leases.n = 1;
	story_step(s, &e);
	buf_release(&b);
}

static void submit(
	struct story *s, uint64_t conn, uint64_t request, uint32_t n, const struct terms *t)
{
	story_submit(s, conn, request, n, &(struct story_task){.terms = t}, 1);
}

/* A worker with two slots and credit for four has the tasks 1 to 4, and runs the first two; 5 and 6
 * are ready. */
static void begin(struct story *s)
{
	static const struct story_task six[6] = {{0}};

	story_begin_kept(s);
	story_credit(s, 20, 4);
	story_submit(s, 10, 1, 1, six, 6);
	story_seal(s);
	story_started(s, 20, ID(1), 1);
	story_started(s, 20, ID(2), 2);
	story_told(s);
}

/* And it is asked for the last one. */
static void begin_asked(struct story *s)
{
	begin(s);
	submit(s, 10, 2, 7, &high);
	story_told(s);
	story_seal(s);
	told_eq(s, "-> 20 revoke 1-4\n");
}

static uint32_t attempts_of(struct story *s, uint32_t n)
{
	struct core_task_view v;

	ck_assert(core_view_task(s->core, ID(n), &v));
	return v.attempts;
}

static enum task_state state_of(struct story *s, uint32_t n)
{
	struct core_task_view v;

	ck_assert(core_view_task(s->core, ID(n), &v));
	return v.state;
}

START_TEST(gives_way_and_keeps_its_place)
{
	struct story s;

	begin_asked(&s);
	/* asked once */
	story_credit(&s, 20, 4);
	story_seal(&s);
	told_eq(&s, "");
	not_begun(&s, 20, ID(4), 7, 4);
	story_seal(&s);
	told_eq(&s, "-> 20 reported\n"
		    "put lease 1 to worker 1: 1-1 1-2 1-3 1-4(revoked)\n"
		    "put lease 5 to worker 1: 1-7\n"
		    "-> 20 lease 5: 1-7\n");
	ck_assert_uint_eq(attempts_of(&s, 4), 0);
	/* there is nothing more to give way to */
	story_seal(&s);
	told_eq(&s, "");
	/* before 5 and 6 */
	story_report(&s, 20, ID(1), 1, TASK_DONE, 0);
	story_seal(&s);
	has_told(&s, "-> 20 lease 6: 1-4\n");
	story_report(&s, 20, ID(2), 2, TASK_DONE, 0);
	story_seal(&s);
	has_told(&s, "-> 20 lease 7: 1-5\n");
	story_end(&s);
}
END_TEST

/* It began before it heard: it stays, and another is asked for. */
START_TEST(had_begun)
{
	struct story s;

	begin_asked(&s);
	story_started(&s, 20, ID(4), 4);
	story_seal(&s);
	told_eq(&s, "-> 20 revoke 1-3\n");
	ck_assert_uint_eq(attempts_of(&s, 4), 1);
	story_report(&s, 20, ID(3), 3, TASK_DONE, 0);
	has_told(&s, "put task 1-3 done attempts 1\n");
	story_seal(&s);
	has_told(&s, "-> 20 lease 5: 1-7\n");
	story_end(&s);
}
END_TEST

/* It was told to begin at once, and was stopped from it after all. */
START_TEST(had_begun_as_it_seemed)
{
	struct story s;

	begin(&s);
	story_started(&s, 20, ID(3), 3);
	ck_assert_uint_eq(attempts_of(&s, 3), 1);
	not_begun(&s, 20, ID(3), 7, 3);
	ck_assert_uint_eq(attempts_of(&s, 3), 0);
	ck_assert(state_of(&s, 3) == TASK_READY);
	story_told(&s);
	story_seal(&s);
	has_told(&s, "-> 20 lease 5: 1-3\n");
	story_end(&s);
}
END_TEST

/* Of two answers, the second is under a fence that is over. */
START_TEST(an_answer_for_a_second_time)
{
	struct story s;

	begin_asked(&s);
	not_begun(&s, 20, ID(4), 7, 4);
	story_report(&s, 20, ID(1), 1, TASK_DONE, 0);
	story_seal(&s);
	has_told(&s, "-> 20 lease 5: 1-7 1-4\n");
	not_begun(&s, 20, ID(4), 7, 4);
	story_seal(&s);
	told_eq(&s, "-> 20 reported\n");
	ck_assert(state_of(&s, 4) == TASK_LEASED);
	story_started(&s, 20, ID(4), 4);
	ck_assert_uint_eq(attempts_of(&s, 4), 0);
	story_end(&s);
}
END_TEST

/* The worker's process comes back over another connection, with all four leases. */
static void rejoin(struct story *s, uint64_t conn)
{
	struct event_lease has[4];

	for (uint32_t i = 0; i < 4; i++)
		has[i] = (struct event_lease){
			.id = ID(i + 1), .fence = {7, i + 1}, .started = i < 2};
	story_join(s, conn, 1, "one", has, 4);
	story_credit(s, conn, 4);
}

START_TEST(a_start_before_the_answer)
{
	struct story s;

	begin_asked(&s);
	story_restart(&s);
	ck_assert(state_of(&s, 4) == TASK_LEASED);
	/* the answer was on its way */
	rejoin(&s, 21);
	not_begun(&s, 21, ID(4), 7, 4);
	story_told(&s);
	story_seal(&s);
	has_told(&s, "-> 21 lease 1: 1-7\n");
	ck_assert_uint_eq(attempts_of(&s, 4), 0);
	story_restart(&s);
	ck_assert(state_of(&s, 4) == TASK_READY);
	ck_assert(state_of(&s, 3) == TASK_LEASED);
	ck_assert(state_of(&s, 7) == TASK_LEASED);
	story_end(&s);
}
END_TEST

START_TEST(a_start_before_it_was_heard)
{
	struct story s;

	begin_asked(&s);
	story_restart(&s);
	story_seal(&s);
	told_eq(&s, "");
	rejoin(&s, 21);
	story_told(&s);
	story_seal(&s);
	has_told(&s, "-> 21 revoke 1-4\n");
	not_begun(&s, 21, ID(4), 7, 4);
	story_told(&s);
	story_seal(&s);
	has_told(&s, "-> 21 lease 1: 1-7\n");
	story_end(&s);
}
END_TEST

START_TEST(another_connection)
{
	struct story s;

	begin_asked(&s);
	story_leave(&s, 20);
	story_seal(&s);
	told_eq(&s, "");
	rejoin(&s, 21);
	story_told(&s);
	story_seal(&s);
	told_eq(&s, "-> 21 revoke 1-4\n");
	not_begun(&s, 21, ID(4), 7, 4);
	story_seal(&s);
	has_told(&s, "-> 21 lease 5: 1-7\n");
	story_end(&s);
}
END_TEST

START_TEST(the_worker_is_lost)
{
	struct story s;

	begin_asked(&s);
	story_leave(&s, 20);
	story_pass(&s, 40);
	story_go_on(&s);
	ck_assert(state_of(&s, 4) == TASK_READY);
	ck_assert_uint_eq(attempts_of(&s, 4), 0);
	ck_assert_uint_eq(attempts_of(&s, 1), 1);
	story_told(&s);
	story_join(&s, 21, 2, "two", NULL, 0);
	story_credit(&s, 21, 1);
	story_told(&s);
	story_seal(&s);
	has_told(&s, "-> 21 lease 5: 1-7\n");
	story_end(&s);
}
END_TEST

START_TEST(cancelled_meanwhile)
{
	struct story s;

	begin_asked(&s);
	s.causes = true;
	story_runs(&s, EVENT_CANCEL, 10, 3, ID(4), 1);
	story_seal(&s);
	has_told(&s, "-> 20 stop 1-4\n");
	not_begun(&s, 20, ID(4), 7, 4);
	ck_assert(state_of(&s, 4) == TASK_CANCELLED);
	has_told(&s, "put task 1-4 cancelled attempts 0\n");
	story_seal(&s);
	has_told(&s, "-> 20 lease 5: 1-7\n");
	story_end(&s);
}
END_TEST

START_TEST(forgotten_meanwhile)
{
	struct story s;
	struct core_task_view v;

	begin_asked(&s);
	story_runs(&s, EVENT_RELEASE, 10, 3, ID(4), 1);
	not_begun(&s, 20, ID(4), 7, 4);
	story_go_on(&s);
	ck_assert(!core_view_task(s.core, ID(4), &v));
	story_seal(&s);
	has_told(&s, "-> 20 lease 5: 1-7\n");
	story_end(&s);
}
END_TEST

/* What it was for went elsewhere: it goes back where it was. */
START_TEST(for_nothing)
{
	struct story s;

	begin_asked(&s);
	story_join(&s, 21, 2, "two", NULL, 0);
	story_credit(&s, 21, 1);
	story_told(&s);
	story_seal(&s);
	has_told(&s, "-> 21 lease 5: 1-7\n");
	not_begun(&s, 20, ID(4), 7, 4);
	story_told(&s);
	story_seal(&s);
	has_told(&s, "-> 20 lease 6: 1-4\n");
	story_seal(&s);
	told_eq(&s, "");
	story_end(&s);
}
END_TEST

/* The lowest first, and nothing for what is not higher. */
START_TEST(only_what_is_lower)
{
	struct story s;

	story_begin_usual(&s);
	story_credit(&s, 20, 4);
	submit(&s, 10, 1, 1, &high);
	submit(&s, 10, 2, 2, NULL);
	submit(&s, 10, 3, 3, &higher);
	submit(&s, 10, 4, 4, &high);
	story_seal(&s);
	submit(&s, 10, 5, 5, &higher);
	submit(&s, 10, 6, 6, &higher);
	story_told(&s);
	story_seal(&s);
	told_eq(&s, "-> 20 revoke 1-2\n-> 20 revoke 1-4\n");
	submit(&s, 10, 7, 7, &higher);
	submit(&s, 10, 8, 8, &higher);
	story_told(&s);
	story_seal(&s);
	told_eq(&s, "-> 20 revoke 1-1\n");
	story_end(&s);
}
END_TEST

/* A worker that turned out slow has more than it wants: all of that comes back. */
START_TEST(more_than_its_credit)
{
	static const struct story_task many[8] = {{0}};
	struct story s;

	story_begin_usual(&s);
	story_credit(&s, 20, 8);
	story_submit(&s, 10, 1, 1, many, 8);
	story_seal(&s);
	story_started(&s, 20, ID(1), 1);
	story_credit(&s, 20, 3);
	submit(&s, 10, 2, 9, &high);
	story_told(&s);
	story_seal(&s);
	told_eq(&s, "-> 20 revoke 1-8\n-> 20 revoke 1-7\n-> 20 revoke 1-6\n-> 20 revoke 1-5\n"
		    "-> 20 revoke 1-4\n-> 20 revoke 1-3\n");
	story_end(&s);
}
END_TEST

/* In whatever order they come back, they are leased in their own. */
START_TEST(in_their_order)
{
	static const uint32_t back[] = {5, 7, 6, 8, 3, 4};
	static const struct story_task one[1] = {{0}};
	struct story s;

	story_begin_usual(&s);
	story_credit(&s, 20, 8);
	for (uint32_t i = 0; i < 4; i++)
		story_submit(&s, 10, i + 1, i + 1, one, 1);
	story_array(&s, 10, 5, 5, "arr", 6);
	story_seal(&s);
	story_credit(&s, 20, 3);
	submit(&s, 10, 6, 11, &high);
	story_seal(&s);
	for (uint32_t i = 0; i < 6; i++)
		not_begun(&s, 20, ID(back[i]), 7, back[i]);
	story_credit(&s, 20, 20);
	story_told(&s);
	story_seal(&s);
	has_told(&s, "-> 20 lease 9: 1-11 1-3 1-4 1-5 1-6 1-7 1-8 1-9 1-10\n");
	story_end(&s);
}
END_TEST

START_TEST(of_an_array_with_a_bound)
{
	struct story s;

	story_begin_usual(&s);
	story_credit(&s, 20, 4);
	story_array_at_once(&s, 10, 1, 10, 4);
	story_seal(&s);
	submit(&s, 10, 2, 11, &high);
	submit(&s, 10, 3, 12, &high);
	story_told(&s);
	story_seal(&s);
	told_eq(&s, "-> 20 revoke 1-4\n-> 20 revoke 1-3\n");
	not_begun(&s, 20, ID(4), 7, 4);
	not_begun(&s, 20, ID(3), 7, 3);
	story_credit(&s, 20, 8);
	story_told(&s);
	story_seal(&s);
	has_told(&s, "-> 20 lease 5: 1-11 1-12 1-3 1-4\n");
	story_end(&s);
}
END_TEST

/* Leased under its old priority, it is asked back, and comes where it belongs. */
START_TEST(another_priority)
{
	struct story s;

	begin(&s);
	story_act(&s, 10, 2, ACT_PRIORITY, 0, 5, ID(4), 1);
	has_told(&s, "-> 20 revoke 1-4\n");
	not_begun(&s, 20, ID(4), 7, 4);
	story_told(&s);
	story_seal(&s);
	has_told(&s, "-> 20 lease 5: 1-4\n");
	ck_assert_uint_eq(attempts_of(&s, 4), 0);
	story_end(&s);
}
END_TEST

START_TEST(another_priority_of_all)
{
	struct story s;

	begin(&s);
	submit(&s, 10, 2, 7, &high);
	story_credit(&s, 20, 3);
	/* all but 7, which is now the last */
	story_act(&s, 10, 3, ACT_PRIORITY, 0, 9, ID(1), 6);
	has_told(&s, "-> 20 revoke 1-3\n-> 20 revoke 1-4\n");
	not_begun(&s, 20, ID(4), 7, 4);
	not_begun(&s, 20, ID(3), 7, 3);
	story_credit(&s, 20, 8);
	story_told(&s);
	story_seal(&s);
	has_told(&s, "-> 20 lease 5: 1-3 1-4 1-5 1-6 1-7\n");
	story_end(&s);
}
END_TEST

/* Whoever has nothing at all passes; where that cannot be, the greediest gives way. */
START_TEST(a_user_who_has_nothing)
{
	static const struct story_task many[8] = {{0}};
	struct story s;
	struct event bob = {.kind = EVENT_OPEN, .conn = 11};

	story_begin(&s);
	story_open(&s, 10);
	bob.open.user = slice_str("bob");
	story_step(&s, &bob);
	story_join_as(&s, 20, 1, &(struct offer){.slots = 2, .any_user = true});
	story_credit(&s, 20, 8);
	story_submit(&s, 10, 1, 1, many, 8);
	story_seal(&s);
	story_credit(&s, 20, 2);
	story_submit(&s, 11, 1, 1, many, 2);
	story_told(&s);
	story_seal(&s);
	told_eq(&s, "-> 20 revoke 1-8\n-> 20 revoke 1-7\n-> 20 revoke 1-6\n-> 20 revoke 1-5\n"
		    "-> 20 revoke 1-4\n-> 20 revoke 1-3\n-> 20 revoke 1-2\n");
	story_seal(&s);
	told_eq(&s, "");
	for (uint32_t n = 8; n >= 5; n--)
		not_begun(&s, 20, ID(n), 7, n);
	story_told(&s);
	story_seal(&s);
	told_eq(&s, "put lease 1 to worker 1: 1-1 1-2 1-3 1-4 1-5(revoked) 1-6(revoked) "
		    "1-7(revoked) 1-8(revoked)\n");
	not_begun(&s, 20, ID(4), 7, 4);
	story_told(&s);
	story_seal(&s);
	has_told(&s, "-> 20 lease 9: 2-1\n");
	story_end(&s);
}
END_TEST

Suite *suite_revoke(void)
{
	Suite *s = suite_create("revoke");
	TCase *t = tcase_create("revoke");

	tcase_add_test(t, gives_way_and_keeps_its_place);
	tcase_add_test(t, had_begun);
	tcase_add_test(t, had_begun_as_it_seemed);
	tcase_add_test(t, an_answer_for_a_second_time);
	tcase_add_test(t, a_start_before_the_answer);
	tcase_add_test(t, a_start_before_it_was_heard);
	tcase_add_test(t, another_connection);
	tcase_add_test(t, the_worker_is_lost);
	tcase_add_test(t, cancelled_meanwhile);
	tcase_add_test(t, forgotten_meanwhile);
	tcase_add_test(t, for_nothing);
	tcase_add_test(t, only_what_is_lower);
	tcase_add_test(t, more_than_its_credit);
	tcase_add_test(t, in_their_order);
	tcase_add_test(t, of_an_array_with_a_bound);
	tcase_add_test(t, another_priority);
	tcase_add_test(t, another_priority_of_all);
	tcase_add_test(t, a_user_who_has_nothing);
	suite_add_tcase(s, t);
	return s;
}
