/* Several threads on one client; fork. */
#include "check_client.h"

#include <sys/wait.h>
#include <unistd.h>

struct job {
	struct dq_client *c;
	struct dq_future *future;
	int code;
};

static void *wait_for_it(void *arg)
{
	struct job *job = arg;

	job->code = dq_wait(job->c, &job->future, 1, DQ_WAIT_ALL, 10);
	return NULL;
}

START_TEST(threads_wait_together)
{
	pthread_t threads[8];
	struct job jobs[8];
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	f.script.hold_outcomes = true;
	c = client_of(&f);
	for (int i = 0; i < 8; i++) {
		jobs[i] = (struct job){.c = c, .future = submit_one(c, NULL), .code = -1};
		ck_assert_int_eq(thread_start(&threads[i], "waiter", wait_for_it, &jobs[i]), 0);
	}
	usleep(20000);
	fake_release(&f);
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_int_eq(jobs[i].code, 0);
	}
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

static void *submit_and_wait(void *arg)
{
	struct job *job = arg;

	for (int i = 0; i < 200 && job->code == 0; i++) {
		struct dq_future *one = submit_one(job->c, NULL);
		struct dq_value v;

		job->code = dq_result(one, 10, &v);
		dq_value_release(&v);
		dq_future_free(&one);
	}
	return NULL;
}

START_TEST(threads_submit_while_others_wait)
{
	pthread_t threads[4];
	struct job jobs[4];
	struct fake f;
	struct dq_client *c;

	fake_start(&f);
	c = client_of(&f);
	for (int i = 0; i < 4; i++) {
		jobs[i] = (struct job){.c = c};
		ck_assert_int_eq(thread_start(&threads[i], "worker", submit_and_wait, &jobs[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_int_eq(jobs[i].code, 0);
	}
	ck_assert_int_eq(dq_client_sync(c, 5), 0);
	ck_assert_uint_eq(f.ntasks, 800);
	ck_assert_uint_eq(f.released_ids, 800);
	dq_client_close(&c);
	fake_stop(&f);
}
END_TEST

START_TEST(a_forked_child_is_told)
{
	struct dq_future *one, *two;
	struct fake f;
	struct dq_client *c;
	int status;
	pid_t pid;

	fake_start(&f);
	c = client_of(&f);
	one = submit_one(c, NULL);
	pid = fork();
	if (pid == 0) {
		struct dq_spec spec = DQ_SPEC_INIT;
		struct dq_value v;
		int wrong = 0;

		spec.function = "f";
		wrong += dq_submit(c, &spec, &two) != DQ_E_FORKED;
		wrong += dq_result(one, 1, &v) != DQ_E_FORKED;
		wrong += dq_client_process(c) != DQ_E_FORKED;
		wrong += dq_client_fd(c) != -1;
		dq_future_free(&one);
		wrong += dq_client_close(&c) != DQ_E_FORKED;
		wrong += c != NULL;
		_exit(wrong);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(dq_wait(c, &one, 1, DQ_WAIT_ALL, 5), 0);
	ck_assert_uint_eq(f.connections, 1);
	ck_assert_int_eq(dq_client_close(&c), 0);
	fake_stop(&f);
}
END_TEST

TCase *tcase_threads(void)
{
	TCase *tc = tcase_create("threads");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, threads_wait_together);
	tcase_add_test(tc, threads_submit_while_others_wait);
	tcase_add_test(tc, a_forked_child_is_told);
	return tc;
}
