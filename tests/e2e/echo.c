/* A module for the tests: the arguments back as the result. */
#include <dq/task.h>

static int echo(struct dq_task *task)
{
	const void *args;
	size_t n;

	dq_task_args(task, &args, &n);
	return dq_task_return(task, "msgpack", args, n);
}

DQ_MODULE({"echo", echo})
