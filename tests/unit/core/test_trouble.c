/* Keys, numbering, workers that go and come back, values that are lost, as stories. */
#include "check_core.h"
#include "story.h"

START_TEST(the_same_key)
{
	struct story s;

	story_begin_usual(&s);
	story_credit(&s, 20, 0);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{.key = "k"}}, 1);
	story_told(&s);
	/* the same spec: the same task; the reply says which */
	story_submit(&s, 10, 2, 2, (struct story_task[]){{.key = "k"}}, 1);
	told_eq(&s, "put reply 1 2\n-> 10 reply 2 code 0\n");
	story_submit(&s, 10, 3, 3, (struct story_task[]){{.key = "k", .function = "other"}}, 1);
	told_eq(&s, "put reply 1 3\n-> 10 reply 3 code 8 another task has the key: k\n");
	/* refused whole: the first task of the block is not there either */
	story_submit(&s, 10, 4, 4,
		(struct story_task[]){{.key = "new"}, {.key = "k", .function = "other"}}, 2);
	story_told(&s);
	story_submit(&s, 10, 5, 6, (struct story_task[]){{.key = "new", .function = "g"}}, 1);
	told_eq(&s, "put block 1-6\n-> 10 reply 5 code 0\n");
	story_end(&s);
}
END_TEST

/* What was sent before its client knew of a conflict must not take the other task for its own. */
START_TEST(a_dependent_of_what_was_refused)
{
	struct story s;

	story_begin_usual(&s);
	story_credit(&s, 20, 0);
	story_open(&s, 11);
	story_submit(&s, 11, 1, 1, (struct story_task[]){{.key = "k"}}, 1);
	story_array(&s, 11, 2, 2, "a", 3);
	story_told(&s);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{.key = "k", .function = "mine"}}, 1);
	story_submit(&s, 10, 2, 2, (struct story_task[]){{.key = "a", .function = "mine"}}, 1);
	story_submit(&s, 10, 3, 3, (struct story_task[]){{.dep_key = "k"}}, 1);
	story_submit(&s, 10, 4, 4, (struct story_task[]){{.dep_key = "a[1]"}}, 1);
	told_eq(&s, "put reply 1 1\n-> 10 reply 1 code 8 another task has the key: k\n"
		    "put reply 1 2\n-> 10 reply 2 code 8 another task has the key: a\n"
		    "put reply 1 3\n"
		    "-> 10 reply 3 code 5 the submit of this dependency was refused: k\n"
		    "put reply 1 4\n"
		    "-> 10 reply 4 code 5 the submit of this dependency was refused: a[1]\n");
	/* others may name it, and so may this client once it knows */
	story_submit(&s, 11, 3, 5, (struct story_task[]){{.dep_key = "k"}}, 1);
	told_eq(&s, "put block 2-5\n-> 11 reply 3 code 0\n");
	story_acked(&s, 10, 1);
	story_submit(&s, 10, 5, 5, (struct story_task[]){{.dep_key = "k"}}, 1);
	told_eq(&s, "del reply 1 1\nput block 1-5\n-> 10 reply 5 code 0\n");
	/* up to the one that is named */
	story_acked(&s, 10, 4);
	told_eq(&s, "del reply 1 2\ndel reply 1 3\ndel reply 1 4\n");
	story_end(&s);
}
END_TEST

/* It ends cancelled whoever wants it now. */
START_TEST(the_key_of_a_task_that_is_being_given_up)
{
	struct story s;

	story_begin_usual(&s);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{.key = "k"}}, 1);
	story_seal(&s);
	story_started(&s, 20, ID(1), 1);
	story_runs(&s, EVENT_RELEASE, 10, 2, ID(1), 1);
	story_pass(&s, 0.1);
	story_told(&s);
	story_submit(&s, 10, 3, 2, (struct story_task[]){{.key = "k"}}, 1);
	told_eq(&s, "put reply 1 3\n"
		    "-> 10 reply 3 code 8 a task that is being stopped has the key: k\n");
	story_report(&s, 20, ID(1), 1, TASK_CANCELLED, 0);
	story_told(&s);
	story_submit(&s, 10, 4, 3, (struct story_task[]){{.key = "k"}}, 1);
	told_eq(&s, "put block 1-3\n-> 10 reply 4 code 0\n");
	/* one that is cancelled and held is the same task */
	story_seal(&s);
	story_started(&s, 20, ID(3), 2);
	story_runs(&s, EVENT_CANCEL, 10, 5, ID(3), 1);
	story_pass(&s, 0.1);
	story_told(&s);
	story_submit(&s, 10, 6, 4, (struct story_task[]){{.key = "k"}}, 1);
	told_eq(&s, "put reply 1 6\n-> 10 reply 6 code 0\n");
	story_end(&s);
}
END_TEST

START_TEST(numbered_requests)
{
	struct story s;

	story_begin_usual(&s);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{0}}, 1);
	story_told(&s);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{0}}, 1);
	told_eq(&s, "-> 10 stored reply 1\n");
	story_submit(&s, 10, 3, 2, (struct story_task[]){{0}}, 1);
	told_eq(&s, "-> 10 close code 13 a request out of order\n");
	story_end(&s);
}
END_TEST

START_TEST(a_dependency_that_is_not_there)
{
	struct story s;

	story_begin_usual(&s);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{.deps = {ID(77)}}}, 1);
	told_eq(&s, "put reply 1 1\n-> 10 reply 1 code 5 a dependency is not there any more\n");
	story_submit(&s, 10, 2, 2, (struct story_task[]){{.deps = {ID(2)}}}, 1);
	told_eq(&s,
		"put reply 1 2\n-> 10 reply 2 code 3 a task depends on itself or on a later one\n");
	story_end(&s);
}
END_TEST

START_TEST(a_worker_comes_back)
{
	struct story s;
	struct event_lease running = {.id = ID(1), .fence = {7, 1}, .started = true};

	story_begin_usual(&s);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{0}, {0}}, 2);
	story_seal(&s);
	story_leave(&s, 20);
	story_told(&s);
	/* what it runs is adopted; what its inventory lacks is sent again under the same fence */
	story_join(&s, 21, 1, "one", &running, 1);
	told_eq(&s, "-> 21 joined as worker 1\n-> 21 lease 2: 1-2\n");
	story_report(&s, 21, ID(1), 1, TASK_DONE, 0);
	told_eq(&s, "put task 1-1 done attempts 1\n-> 21 reported\n");
	story_end(&s);
}
END_TEST

START_TEST(a_worker_lost_its_process)
{
	struct story s;

	story_begin_usual(&s);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{0}, {.once = true}}, 2);
	story_seal(&s);
	story_started(&s, 20, ID(1), 1);
	story_started(&s, 20, ID(2), 2);
	story_leave(&s, 20);
	story_told(&s);
	story_join(&s, 21, 1, "another", NULL, 0);
	story_credit(&s, 21, 2);
	story_seal(&s);
	told_eq(&s,
		"put worker 1\nput task 1-1 leased attempts 1 deaths 1 past: lost w1\ndel lease 1\n"
		"put task 1-2 failed attempts 1 deaths 1 past: lost w1\n-> 21 joined as worker 1\n"
		"put lease 3 to worker 1: 1-1\n-> 21 lease 3: 1-1\n");
	story_end(&s);
}
END_TEST

/* Four leases in one bundle, of which one started, and the worker dies. */
static void begin_with_a_death(struct story *s)
{
	story_begin_usual(s);
	story_credit(s, 20, 4);
	story_submit(s, 10, 1, 1, (struct story_task[]){{0}, {0}, {0}, {0}}, 4);
	story_seal(s);
	story_started(s, 20, ID(1), 1);
	story_leave(s, 20);
	story_told(s);
	story_pass(s, 31);
}

START_TEST(only_a_started_task_is_charged)
{
	struct story s;
	struct core_task_view v;

	begin_with_a_death(&s);
	told_eq(&s,
		"put task 1-1 leased attempts 1 deaths 1 past: lost w1\ndel lease 1\ndel worker "
		"1\n");
	for (uint32_t n = 1; n <= 4; n++) {
		ck_assert(core_view_task(s.core, ID(n), &v));
		ck_assert_uint_eq(v.deaths, n == 1);
		ck_assert_uint_eq(v.attempts, n == 1);
	}
	story_end(&s);
}
END_TEST

START_TEST(suspects_are_leased_alone)
{
	struct story s;

	begin_with_a_death(&s);
	story_submit(&s, 10, 2, 5, (struct story_task[]){{0}, {0}}, 2);
	story_join(&s, 21, 2, "two", NULL, 0);
	story_credit(&s, 21, 6);
	story_told(&s);
	story_seal(&s);
	/* a bundle each; the one that is known to have started, and the new ones, share one */
	told_eq(&s, "put lease 5 to worker 2: 1-4\nput lease 6 to worker 2: 1-3\n"
		    "put lease 7 to worker 2: 1-2\nput lease 8 to worker 2: 1-1 1-5 1-6\n"
		    "-> 21 lease 5: 1-4\n-> 21 lease 6: 1-3\n-> 21 lease 7: 1-2\n"
		    "-> 21 lease 8: 1-1 1-5 1-6\n");
	/* one that started is a suspect no longer */
	story_started(&s, 21, ID(2), 7);
	story_leave(&s, 21);
	story_pass(&s, 31);
	story_join(&s, 22, 3, "three", NULL, 0);
	story_credit(&s, 22, 2);
	story_runs(&s, EVENT_CANCEL, 10, 3, ID(3), 4);
	story_runs(&s, EVENT_CANCEL, 10, 4, ID(1), 1);
	story_told(&s);
	story_submit(&s, 10, 5, 7, (struct story_task[]){{0}}, 1);
	story_seal(&s);
	told_eq(&s, "put block 1-7\n-> 10 reply 5 code 0\n"
		    "put lease 11 to worker 3: 1-2 1-7\n-> 22 lease 11: 1-2 1-7\n");
	story_end(&s);
}
END_TEST

START_TEST(a_lost_value_is_made_again)
{
	struct story s;
	struct story_task two[] = {{0}, {.deps = {ID(1)}}};

	story_begin_usual(&s);
	story_credit(&s, 20, 1);
	story_submit(&s, 10, 1, 1, two, 2);
	story_seal(&s);
	story_report(&s, 20, ID(1), 1, TASK_DONE, 5000);
	story_leave(&s, 20);
	story_pass(&s, 31);
	story_join(&s, 21, 2, "two", NULL, 0);
	story_credit(&s, 21, 1);
	story_told(&s);
	story_seal(&s);
	told_eq(&s, "put lease 2 to worker 2: 1-1(remake)\n-> 21 lease 2: 1-1\n");
	story_report(&s, 21, ID(1), 2, TASK_DONE, 5000);
	story_seal(&s);
	told_eq(&s, "put task 1-1 done attempts 2 on worker 2 past: done, value lost\ndel lease "
		    "2\n-> 21 reported\n"
		    "put lease 3 to worker 2: 1-2\n-> 21 lease 3: 1-2\n");
	story_end(&s);
}
END_TEST

/* Of two that need a value only the lease that could not have it comes back. */
START_TEST(a_value_that_one_lease_could_not_have)
{
	struct story s;
	struct story_task three[] = {{0}, {.deps = {ID(1)}, .once = true}, {.deps = {ID(1)}}};

	story_begin_usual(&s);
	story_credit(&s, 20, 1);
	story_submit(&s, 10, 1, 1, three, 3);
	story_seal(&s);
	story_report(&s, 20, ID(1), 1, TASK_DONE, 5000);
	story_join(&s, 21, 2, "two", NULL, 0);
	story_credit(&s, 20, 0);
	story_credit(&s, 21, 2);
	story_told(&s);
	story_seal(&s);
	told_eq(&s, "put lease 2 to worker 2: 1-3 1-2\n-> 21 lease 2: 1-3 1-2\n");
	story_missing(&s, 21, ID(1), ID(3), 2);
	story_seal(&s);
	told_eq(&s, "-> 20 free 1-1\nput lease 2 to worker 2: 1-3(revoked) 1-2\n"
		    "put lease 4 to worker 2: 1-1(remake)\n-> 21 lease 4: 1-1\n");
	story_started(&s, 21, ID(2), 3);
	story_report(&s, 21, ID(2), 3, TASK_DONE, 0);
	told_eq(&s, "del lease 2\nput task 1-2 done attempts 1\n-> 21 reported\n");
	story_end(&s);
}
END_TEST

START_TEST(a_lost_value_of_a_command_stays_lost)
{
	struct story s;
	struct story_task two[] = {{.exec = true}, {.deps = {ID(1)}}};

	story_begin_usual(&s);
	story_credit(&s, 20, 1);
	story_submit(&s, 10, 1, 1, two, 2);
	story_seal(&s);
	story_report(&s, 20, ID(1), 1, TASK_DONE, 5000);
	story_leave(&s, 20);
	story_pass(&s, 31);
	story_join(&s, 21, 2, "two", NULL, 0);
	story_credit(&s, 21, 1);
	story_seal(&s);
	story_told(&s);
	story_pass(&s, 0.1);
	told_eq(&s, "put task 1-2 failed attempts 0\n");
	story_end(&s);
}
END_TEST

START_TEST(time_in_which_nothing_was_heard)
{
	struct story s;
	struct event tick = {.kind = EVENT_TICK};

	story_begin_usual(&s);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{0}}, 1);
	story_seal(&s);
	story_leave(&s, 20);
	story_told(&s);
	/* the scheduler was stopped for an hour: the worker has not been silent for it */
	s.mono_us += 3600000000u;
	story_step(&s, &tick);
	told_eq(&s, "");
	story_pass(&s, 28);
	told_eq(&s, "");
	story_pass(&s, 2);
	told_eq(&s, "del lease 1\ndel worker 1\n");
	story_end(&s);
}
END_TEST

START_TEST(no_room)
{
	struct story s;
	struct event e = {.kind = EVENT_SUBMIT, .conn = 10, .seq = 1, .no_room = true};
	uint8_t body[] = {0x94, 0xc0, 0xc0, 0xc0, 0xc4, 0x04, 0x93, 0x00, 0xa1, 'f'};

	story_begin_usual(&s);
	e.submit.first_n = 1;
	e.submit.count = 1;
	e.submit.body = slice_of(body, sizeof(body));
	story_step(&s, &e);
	told_eq(&s, "put reply 1 1\n-> 10 reply 1 code 11 the store is full\n");
	story_end(&s);
}
END_TEST

Suite *suite_trouble(void)
{
	Suite *suite = suite_create("trouble");
	TCase *t = tcase_create("trouble");

	tcase_add_test(t, the_same_key);
	tcase_add_test(t, a_dependent_of_what_was_refused);
	tcase_add_test(t, the_key_of_a_task_that_is_being_given_up);
	tcase_add_test(t, numbered_requests);
	tcase_add_test(t, a_dependency_that_is_not_there);
	tcase_add_test(t, a_worker_comes_back);
	tcase_add_test(t, a_worker_lost_its_process);
	tcase_add_test(t, only_a_started_task_is_charged);
	tcase_add_test(t, suspects_are_leased_alone);
	tcase_add_test(t, a_lost_value_is_made_again);
	tcase_add_test(t, a_value_that_one_lease_could_not_have);
	tcase_add_test(t, a_lost_value_of_a_command_stays_lost);
	tcase_add_test(t, time_in_which_nothing_was_heard);
	tcase_add_test(t, no_room);
	suite_add_tcase(suite, t);
	return suite;
}
