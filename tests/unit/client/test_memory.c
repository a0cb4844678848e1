/*
 * A client's whole life with the n-th allocation failing, for each n: calls give an error or do
 * what they are for, and nothing crashes, hangs, or is done twice. The fake is another process,
 * which has memory.
 */
#include "check_client.h"

#include "base/fault.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* True: there was memory enough for the call to do its work. */
static bool fine(int code)
{
	ck_assert_msg(
		code == 0 || code == DQ_E_NO_MEMORY || code == DQ_E_NO_SCHEDULER, "code %d", code);
	return code == 0;
}

static void expect_value(const struct dq_future *f, const struct dq_value *v)
{
	ck_assert_uint_eq(v->n, 100005);
	ck_assert_uint_eq(((const uint8_t *)v->bytes)[5], dq_future_id(f) & 0xff);
}

/* A task and an array in two parts, and an end that may need to be tried twice. */
static void live_graph(struct dq_client *c)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_future *f[2] = {NULL};
	struct dq_graph *g;

	spec.function = "f";
	if (!fine(dq_graph_new(c, &g)))
		return;
	fine(dq_graph_add(g, &spec, &f[0]));
	fine(dq_graph_map(g, &spec, 10, NULL, &f[1]));
	if (!fine(dq_graph_commit(&g)) && !fine(dq_graph_abort(&g)))
		fine(dq_graph_abort(&g));
	ck_assert_ptr_null(g);
	dq_future_free(&f[0]);
	dq_future_free(&f[1]);
}

static void live(const char *address)
{
	struct dq_options o = DQ_OPTIONS_INIT;
	struct dq_future *f[5] = {NULL}, *array = NULL, *keyed = NULL, *got;
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_completed *set;
	struct dq_args *args;
	struct dq_value v[5];
	struct dq_client *c;
	size_t n = 0;

	o.connect_timeout_s = 2;
	if (!fine(client_connect(address, &o, &c))) {
		dq_client_close(&c);
		return;
	}
	spec.function = "f";
	while (n < 5 && fine(dq_submit(c, &spec, &f[n])))
		n++;
	args = dq_args_new();
	if (args && n > 0) {
		dq_args_future(args, f[0]);
		spec.args = args;
		spec.key = "k";
		fine(dq_submit(c, &spec, &keyed));
		spec.key = NULL;
	}
	fine(dq_map(c, &spec, 10, NULL, &array));
	live_graph(c);
	if (fine(dq_completed_new(c, f, n, &set))) {
		fine(dq_completed_next(set, 5, &got));
		dq_completed_free(&set);
	}
	if (array)
		fine(dq_wait(c, &array, 1, DQ_WAIT_ALL, 5));
	if (fine(dq_gather(c, f, n, DQ_RAISE, 5, v)))
		for (size_t i = 0; i < n; i++)
			expect_value(f[i], &v[i]);
	for (size_t i = 0; i < n; i++)
		dq_value_release(&v[i]);
	if (keyed)
		fine(dq_future_cancel(keyed));
	if (fine(dq_query(c, DQ_QUERY_STATUS, NULL, 5, v)))
		dq_value_release(v);
	for (size_t i = 0; i < n; i++)
		dq_future_free(&f[i]);
	fine(dq_client_sync(c, 5));
	dq_future_free(&array);
	dq_future_free(&keyed);
	dq_args_free(&args);
	fine(dq_client_close(&c));
}

static pid_t fake_process(const char *address, int *ready)
{
	int fds[2];
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		struct fake f;

		fake_start_at(&f, address);
		fake_lock(&f);
		f.script.held_values = true;
		fake_unlock(&f);
		ck_assert_int_eq(write(fds[1], "r", 1), 1);
		for (;;)
			pause();
	}
	close(fds[1]);
	*ready = fds[0];
	return pid;
}

/* Each of the `step`-th allocations: the loop's test number chooses where to begin. */
START_TEST(the_nth_allocation_fails)
{
	char address[80], fault[160], r;
	const char *why = "";
	int ready;
	pid_t pid;

	if (!fault_is_built_in())
		return;
	snprintf(address, sizeof(address), "unix:/tmp/dq-check-client-%d", (int)getpid());
	pid = fake_process(address, &ready);
	ck_assert_int_eq(read(ready, &r, 1), 1);
	for (int nth = _i + 1; nth <= 400; nth += 8) {
		fault_reset_counts();
		snprintf(fault, sizeof(fault), "alloc.try:%d:error:ENOMEM", nth);
		ck_assert(fault_arm(fault, &why));
		live(address);
		ck_assert(fault_arm(NULL, &why));
	}
	live(address);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	unlink(address + 5);
	snprintf(fault, sizeof(fault), "%s-data", address + 5);
	unlink(fault);
}
END_TEST

TCase *tcase_memory(void)
{
	TCase *tc = tcase_create("memory");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, the_nth_allocation_fails, 0, 8);
	return tc;
}
