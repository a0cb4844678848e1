/*
 * dq run: a command as a task, as if it ran here: prints what it prints and exits as it does. The
 * task is held by this command's session, so that it ends if the command is lost.
 *
 * Where dq itself fails the exit code is 125, which no other part of dq uses.
 */
#include "cli.h"
#include "cmd.h"
#include "lookup.h"
#include "output.h"
#include "progress.h"
#include "task.h"

#include <stdio.h>
#include <string.h>

#define CANCEL_S 10
#define KEPT_BYTES 4096 /* of the output of a command that failed */
#define KEPT_STDERR_BYTES 2048

/* The end of its standard error is what is kept of it. */
static void print_stderr(struct dq_future *future)
{
	struct dq_value value = {0};

	if (dq_error_output(future, -1, &value) == DQ_E_OK && value.n)
		fwrite(value.bytes, 1, value.n, stderr);
	if (value.n == KEPT_STDERR_BYTES)
		cli_fail(DQ_E_OK, "%s: only the last %d bytes of its standard error were kept",
			dq_future_key(future), KEPT_STDERR_BYTES);
	dq_value_release(&value);
}

static int print_outcome(struct dq_client *client, struct dq_future *future)
{
	struct dq_value value = {0};
	struct dq_failure failure;
	int r = dq_output(future, -1, &value);

	if (r == DQ_E_OK)
		print_bytes(value_slice(&value));
	if (r == DQ_E_OK && value.n == KEPT_BYTES && dq_future_state(future) != DQ_STATE_DONE)
		cli_fail(r, "%s: only the last %d bytes of its output were kept",
			dq_future_key(future), KEPT_BYTES);
	dq_value_release(&value);
	fflush(stdout);
	print_stderr(future);
	if (dq_future_state(future) == DQ_STATE_DONE) {
		if (r != DQ_E_OK) {
			cli_fail_client(r, client, dq_future_key(future));
			return EXIT_RUN_FAILED;
		}
		return 0;
	}
	if (dq_future_failure(future, &failure) != DQ_E_OK) {
		cli_fail_client(r, client, dq_future_key(future));
		return EXIT_RUN_FAILED;
	}
	if (failure.signal > 0) {
		/* its end was not its own doing: by a timeout, the memory limit */
		if (strcmp(failure.cause, "signal") != 0)
			print_failure(client, future);
		return 128 + failure.signal;
	}
	if (failure.exit_status > 0)
		return failure.exit_status;
	print_failure(client, future);
	return EXIT_RUN_FAILED;
}

static int cancel(struct dq_client *client, struct dq_future *future)
{
	if (dq_future_cancel(future) == DQ_E_OK)
		dq_client_sync(client, CANCEL_S);
	return 128 + interrupt_signal();
}

static int run_task(struct dq_client *client, struct task *task)
{
	struct dq_future *future = NULL;
	int code = EXIT_RUN_FAILED, r;

	if (task_submit(client, task, &future) == 0) {
		progress_begin(client, &future, 1);
		r = cli_wait(client, &future, 1, false, -1);
		progress_end();
		if (r == CLI_INTERRUPTED)
			code = cancel(client, future);
		else if (r == DQ_E_OK)
			code = print_outcome(client, future);
		else
			cli_fail_client(r, client, dq_future_key(future));
	}
	dq_future_free(&future);
	return code;
}

static int run(int argc, char **argv)
{
	struct dq_client *client;
	struct task task;
	int code = task_of_command(&task, argc, argv, NULL);

	if (!code && cli_open(false, &client) != 0)
		code = EXIT_RUN_FAILED;
	else if (!code) {
		interrupt_catch();
		code = cli_close(&client, run_task(client, &task));
	}
	task_release(&task);
	return code;
}

const struct cmd cmd_run = {
	.name = "run",
	.words = "-- ARGV...",
	.about = "Run a command as a task: print what it prints, exit as it does. Ctrl-C cancels "
		 "it.",
	.tables = {task_opts, term_opts, task_exec_opts},
	.words_end = true,
	.run = run,
};
