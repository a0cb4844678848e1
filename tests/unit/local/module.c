/* Functions for the tests of local mode. */
#include <dq/task.h>

static int noop(struct dq_task *task)
{
	(void)task;
	return 0;
}

/* The arguments back as the result. */
static int echo(struct dq_task *task)
{
	const void *args;
	size_t n;

	dq_task_args(task, &args, &n);
	return dq_task_return(task, "msgpack", args, n);
}

/* 100,000 bytes: more than travels in a report. */
static int large(struct dq_task *task)
{
	static unsigned char bytes[100000];

	return dq_task_return(task, "bytes", bytes, sizeof(bytes));
}

static int fail(struct dq_task *task)
{
	return dq_task_fail(task, "it was to fail");
}

DQ_MODULE({"noop", noop}, {"echo", echo}, {"large", large}, {"fail", fail})
