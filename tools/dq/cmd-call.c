/*
 * dq call: a function of a task module as a task, detached.
 */
#include "cmd.h"
#include "submit.h"

static int run(int argc, char **argv)
{
	struct task task;
	int code = task_of_call(&task, argc, argv);

	if (!code)
		code = submit_detached(&task);
	task_release(&task);
	return code;
}

const struct cmd cmd_call = {
	.name = "call",
	.words = "FUNCTION [ARG...]",
	.about = "Submit a function as a task and print its key. An ARG is JSON, or @KEY: the "
		 "result of "
		 "a task.",
	.tables = {task_opts, term_opts, task_array_opts, task_wait_opts},
	.run = run,
};
