/*
 * dq submit: a command as a task, detached.
 */
#include "cmd.h"
#include "submit.h"

static int run(int argc, char **argv)
{
	struct task task;
	int code = task_of_command(&task, argc, argv, NULL);

	if (!code)
		code = submit_detached(&task);
	task_release(&task);
	return code;
}

const struct cmd cmd_submit = {
	.name = "submit",
	.words = "-- ARGV...",
	.about = "Submit a command as a task, or as an array of them, and print its key.",
	.tables = {task_opts, term_opts, task_exec_opts, task_array_opts, task_wait_opts},
	.words_end = true,
	.run = run,
};
