/* The account of a task: which attempts count, what its row says of the earlier ones. */
#include "check_core.h"
#include "story.h"

#define ID(n) task_id(1, n)

static void begin(struct story *s)
{
	story_begin(s);
	story_open(s, 10);
	story_join(s, 20, 1, "one", NULL, 0);
	story_credit(s, 20, 2);
	story_seal(s);
	story_told(s);
}

START_TEST(poison_names_its_workers)
{
	struct story s;

	begin(&s);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{.key = "bad"}}, 1);
	story_seal(&s);
	for (uint8_t i = 1; i <= 3; i++) {
		story_started(&s, 19 + i, ID(1), i);
		story_leave(&s, 19 + i);
		story_told(&s);
		story_pass(&s, 31);
		if (i == 3)
			break;
		story_join(&s, 20 + i, i + 1, "its", NULL, 0);
		story_credit(&s, 20 + i, 1);
		story_seal(&s);
	}
	told_eq(&s, "del lease 3\nput task 1-1 failed attempts 3 deaths 3 past: lost w1, lost w2, "
		    "lost w3\ndel worker 3\n");
	story_end(&s);
}
END_TEST

/* What a worker gives back counts as an attempt once it has started, and as no death. */
START_TEST(given_back)
{
	struct event leave = {.kind = EVENT_LEAVE, .conn = 20};
	struct story s;

	begin(&s);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{0}, {0}}, 2);
	story_seal(&s);
	story_started(&s, 20, ID(1), 1);
	story_told(&s);
	story_step(&s, &leave);
	told_eq(&s, "put task 1-1 leased attempts 1 past: given back w1\ndel lease 1\n"
		    "del worker 1\n");
	story_end(&s);
}
END_TEST

START_TEST(given_up_by_its_worker)
{
	struct story s;

	begin(&s);
	s.ran_from_us = 5;
	story_submit(&s, 10, 1, 1, (struct story_task[]){{0}}, 1);
	story_seal(&s);
	story_told(&s);
	story_report(&s, 20, ID(1), 1, TASK_CANCELLED, 0);
	told_eq(&s, "del lease 1\nput task 1-1 leased attempts 1 past: given back w1\n"
		    "-> 20 reported\n");
	story_end(&s);
}
END_TEST

Suite *suite_account(void)
{
	Suite *s = suite_create("account");
	TCase *t = tcase_create("account");

	tcase_add_test(t, poison_names_its_workers);
	tcase_add_test(t, given_back);
	tcase_add_test(t, given_up_by_its_worker);
	suite_add_tcase(s, t);
	return s;
}
