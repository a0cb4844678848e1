/* Variables and deals, as stories. */
#include "check_core.h"
#include "story.h"

#include <dq/error.h>

/* The content `["b", ""]`. */
#define CONTENT                                                                                    \
	slice_of("\x92\xa1"                                                                        \
		 "b\xc4\x00",                                                                      \
		5)
#define SET(var)                                                                                   \
	{                                                                                          \
		.kind = DEAL_SET, .name = slice_str(var), .value.content = CONTENT                 \
	}
#define SET_IF(var, v)                                                                             \
	{                                                                                          \
		.kind = DEAL_SET_IF, .name = slice_str(var), .version = (v),                       \
		.value.content = CONTENT                                                           \
	}
#define SET_TASK(var, id)                                                                          \
	{                                                                                          \
		.kind = DEAL_SET, .name = slice_str(var), .value.task = (id)                       \
	}
#define EXPECT(var, v)                                                                             \
	{                                                                                          \
		.kind = DEAL_EXPECT, .name = slice_str(var), .version = (v)                        \
	}
#define DELETE(var)                                                                                \
	{                                                                                          \
		.kind = DEAL_DELETE, .thing = THING_VARIABLE, .name = slice_str(var)               \
	}
#define DEAL(story, request, ...)                                                                  \
	story_deal(story, 10, request, (struct deal_op[]){__VA_ARGS__},                            \
		sizeof((struct deal_op[]){__VA_ARGS__}) / sizeof(struct deal_op))

START_TEST(versions_count_the_sets)
{
	struct story s;

	story_begin_usual(&s);
	DEAL(&s, 1, SET("x"));
	told_eq(&s, "put thing 1 variable x version 1\nput reply 1 1\n-> 10 reply 1 code 0\n");
	DEAL(&s, 2, SET("x"));
	told_eq(&s, "put thing 1 variable x version 2\nput reply 1 2\n-> 10 reply 2 code 0\n");
	/* in a namespace of one's own, by its name too */
	DEAL(&s, 3, SET("ann/x"));
	told_eq(&s, "put thing 1 variable x version 3\nput reply 1 3\n-> 10 reply 3 code 0\n");
	DEAL(&s, 4, DELETE("x"));
	told_eq(&s, "del thing 1\n-> 10 reply 4 code 0\n");
	/* made again: no version comes a second time */
	DEAL(&s, 5, SET("x"));
	told_eq(&s, "put thing 2 variable x version 4\nput reply 1 5\n-> 10 reply 5 code 0\n");
	story_end(&s);
}
END_TEST

START_TEST(set_if)
{
	struct story s;

	story_begin_usual(&s);
	DEAL(&s, 1, SET_IF("x", 0));
	told_eq(&s, "put thing 1 variable x version 1\nput reply 1 1\n-> 10 reply 1 code 0\n");
	DEAL(&s, 2, SET_IF("x", 0));
	told_eq(&s, "put reply 1 2\n-> 10 reply 2 code 8 it is there already: x\n");
	DEAL(&s, 3, SET_IF("x", 2));
	told_eq(&s, "put reply 1 3\n-> 10 reply 3 code 8 it has another version: x\n");
	DEAL(&s, 4, SET_IF("x", 1));
	told_eq(&s, "put thing 1 variable x version 2\nput reply 1 4\n-> 10 reply 4 code 0\n");
	DEAL(&s, 5, SET_IF("y", 1));
	told_eq(&s, "put reply 1 5\n-> 10 reply 5 code 8 it is not there: y\n");
	/* a request sent again is not done again */
	DEAL(&s, 4, SET_IF("x", 1));
	told_eq(&s, "-> 10 stored reply 4\n");
	story_end(&s);
}
END_TEST

START_TEST(all_or_nothing)
{
	struct story s;

	story_begin_usual(&s);
	DEAL(&s, 1, SET("a"), SET("b"), EXPECT("c", 1));
	told_eq(&s, "put reply 1 1\n-> 10 reply 1 code 8 it is not there: c\n");
	/* each sees what those before it do */
	DEAL(&s, 2, SET("a"), EXPECT("a", 1), SET_IF("a", 1), DELETE("a"), EXPECT("a", 0),
		SET_IF("a", 0));
	told_eq(&s, "put thing 1 variable a version 1\nput thing 1 variable a version 2\n"
		    "del thing 1\nput thing 2 variable a version 3\n"
		    "put reply 1 2\n-> 10 reply 2 code 0\n");
	DEAL(&s, 3, DELETE("a"), DELETE("a"));
	told_eq(&s, "put reply 1 3\n-> 10 reply 3 code 5 no such variable: a\n");
	DEAL(&s, 4, EXPECT("a", 3));
	told_eq(&s, "-> 10 reply 4 code 0\n");
	story_end(&s);
}
END_TEST

START_TEST(names_that_are_none)
{
	struct story s;

	story_begin_usual(&s);
	DEAL(&s, 1, SET("bob/x"));
	told_eq(&s, "put reply 1 1\n-> 10 reply 1 code 9 the namespace is another user's: bob/x\n");
	DEAL(&s, 2, SET("x[1]"));
	told_eq(&s, "put reply 1 2\n-> 10 reply 2 code 3 not a name: x[1]\n");
	DEAL(&s, 3, {.kind = DEAL_DELETE, .name = slice_str("x")});
	told_eq(&s, "put reply 1 3\n-> 10 reply 3 code 3 there is no such kind of thing\n");
	story_await(&s, 10, 1, "a/b/c", 0);
	told_eq(&s, "-> 10 thing 1 code 3 not a name\n");
	story_end(&s);
}
END_TEST

START_TEST(a_future_is_held)
{
	struct story s;

	story_begin_usual(&s);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{.key = "k"}, {0}}, 2);
	story_seal(&s);
	story_told(&s);
	DEAL(&s, 2, SET_TASK("x", ID(2)),
		{.kind = DEAL_SET, .name = slice_str("y"), .value.key = slice_str("k")});
	told_eq(&s, "put thing 1 variable x version 1 1-2\nput thing 2 variable y version 1 1-1\n"
		    "put reply 1 2\n-> 10 reply 2 code 0\n");
	story_report(&s, 20, ID(1), 1, TASK_DONE, 0);
	story_report(&s, 20, ID(2), 2, TASK_DONE, 0);
	story_runs(&s, EVENT_RELEASE, 10, 3, ID(1), 2);
	story_seal(&s);
	story_told(&s);
	/* the session has let go: the variables alone keep them */
	DEAL(&s, 4, SET("x"));
	told_eq(&s, "put thing 1 variable x version 2\ndel task 1-2\nput reply 1 4\n"
		    "-> 10 reply 4 code 0\n");
	DEAL(&s, 5, SET_TASK("x", ID(2)));
	told_eq(&s, "put reply 1 5\n-> 10 reply 5 code 5 there is no such task to hold in: x\n");
	/* from one variable to the other */
	DEAL(&s, 6, DELETE("y"), SET_TASK("x", ID(1)));
	told_eq(&s, "del thing 2\nput thing 1 variable x version 3 1-1\nput reply 1 6\n"
		    "-> 10 reply 6 code 0\n");
	DEAL(&s, 7, DELETE("x"));
	told_eq(&s,
		"del thing 1\ndel task 1-1\ndel gone 1-1\ndel block 1-1\n-> 10 reply 7 code 0\n");
	story_end(&s);
}
END_TEST

START_TEST(an_unfinished_task_that_only_a_variable_held)
{
	struct story s;

	story_begin_usual(&s);
	story_credit(&s, 20, 0);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{0}}, 1);
	DEAL(&s, 2, SET_TASK("x", ID(1)));
	story_runs(&s, EVENT_RELEASE, 10, 3, ID(1), 1);
	story_pass(&s, 0.1);
	story_seal(&s);
	story_told(&s);
	DEAL(&s, 4, DELETE("x"));
	story_pass(&s, 0.1);
	told_eq(&s, "del thing 1\nput task 1-1 cancelled attempts 0\ndel task 1-1\ndel gone 1-1\n"
		    "del block 1-1\n-> 10 reply 4 code 0\n");
	story_end(&s);
}
END_TEST

START_TEST(who_awaits_is_told)
{
	struct story s;
	struct event drop = {.kind = EVENT_DROP, .conn = 11, .seq = 3};

	story_begin_usual(&s);
	story_await(&s, 11, 1, "x", 0);
	story_await(&s, 11, 2, "x", 7);
	story_await(&s, 11, 3, "x", 0);
	story_step(&s, &drop);
	told_eq(&s, "");
	DEAL(&s, 1, SET("x"));
	told_eq(&s, "put thing 1 variable x version 1\nput reply 1 1\n-> 11 thing 1\n"
		    "-> 10 reply 1 code 0\n");
	/* at once where there is a later version; else with the next set */
	story_await(&s, 11, 4, "x", 0);
	story_await(&s, 11, 5, "x", 1);
	told_eq(&s, "-> 11 thing 4\n");
	DEAL(&s, 2, SET("x"));
	told_eq(&s, "put thing 1 variable x version 2\nput reply 1 2\n-> 11 thing 5\n"
		    "-> 10 reply 2 code 0\n");
	/* across a deletion */
	story_await(&s, 11, 6, "x", 2);
	DEAL(&s, 3, DELETE("x"));
	told_eq(&s, "del thing 1\n-> 10 reply 3 code 0\n");
	DEAL(&s, 4, SET("x"));
	told_eq(&s, "put thing 2 variable x version 3\nput reply 1 4\n-> 11 thing 6\n"
		    "-> 10 reply 4 code 0\n");
	/* who is gone is not told */
	story_await(&s, 11, 7, "x", 3);
	story_leave(&s, 11);
	DEAL(&s, 5, SET("x"));
	told_eq(&s, "put thing 2 variable x version 4\nput reply 1 5\n-> 10 reply 5 code 0\n");
	story_end(&s);
}
END_TEST

START_TEST(the_same_number_twice)
{
	struct story s;

	story_begin_usual(&s);
	story_await(&s, 11, 1, "x", 0);
	story_await(&s, 11, 1, "x", 0);
	told_eq(&s, "-> 11 close code 13 a wait under a number that waits\n");
	story_end(&s);
}
END_TEST

START_TEST(acknowledged_replies_go)
{
	struct story s;
	struct event acked = {.kind = EVENT_ACKED, .conn = 10, .seq = 2};

	story_begin_usual(&s);
	DEAL(&s, 1, SET("x"));
	DEAL(&s, 2, SET("x"));
	DEAL(&s, 3, SET("x"));
	story_told(&s);
	story_step(&s, &acked);
	told_eq(&s, "del reply 1 1\ndel reply 1 2\n");
	story_end(&s);
}
END_TEST

START_TEST(no_room_for_a_set)
{
	struct story s;
	struct event e = {.kind = EVENT_DEAL, .conn = 10, .seq = 2, .no_room = true};
	uint8_t set[] = {0x91, 0x94, 16, 0xa1, 'x', 0xc4, 5, 0x92, 0xa1, 'b', 0xc4, 0, 0xc0};
	uint8_t del[] = {0x91, 0x93, 7, 2, 0xa1, 'x'};

	story_begin_usual(&s);
	DEAL(&s, 1, SET("x"));
	story_told(&s);
	e.ops = slice_of(set, sizeof(set));
	story_step(&s, &e);
	told_eq(&s, "put reply 1 2\n-> 10 reply 2 code 11 the store is full\n");
	e.ops = slice_of(del, sizeof(del));
	e.seq = 3;
	story_step(&s, &e);
	told_eq(&s, "del thing 1\n-> 10 reply 3 code 0\n");
	story_end(&s);
}
END_TEST

START_TEST(hostile_deals)
{
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {{"\xc0", 1}, {"\x90", 1}, {"\x91\xc0", 2}, {"\x91\x92\x63\xa1x", 5},
		{"\x91\x94\x10\xa1x\xc0\xc0", 7}, {"\x91\x94\x10\xa1x\xc4\x01z\xc0", 9},
		{"\x91\x93\x10\xa1x\xc0", 6}, {"\x91\x93\x12\xa1x\x00\x00", 7}};
	struct event e = {.kind = EVENT_DEAL, .conn = 10};
	struct story s;

	story_begin_usual(&s);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		e.seq = i + 1;
		e.ops = slice_of(bad[i].bytes, bad[i].n);
		story_step(&s, &e);
		ck_assert_ptr_nonnull(strstr(story_told(&s), "code 3"));
	}
	story_end(&s);
}
END_TEST

Suite *suite_variable(void)
{
	Suite *suite = suite_create("variable");
	TCase *t = tcase_create("variable");

	tcase_add_test(t, versions_count_the_sets);
	tcase_add_test(t, set_if);
	tcase_add_test(t, all_or_nothing);
	tcase_add_test(t, names_that_are_none);
	tcase_add_test(t, a_future_is_held);
	tcase_add_test(t, an_unfinished_task_that_only_a_variable_held);
	tcase_add_test(t, who_awaits_is_told);
	tcase_add_test(t, the_same_number_twice);
	tcase_add_test(t, acknowledged_replies_go);
	tcase_add_test(t, no_room_for_a_set);
	tcase_add_test(t, hostile_deals);
	suite_add_tcase(suite, t);
	return suite;
}
