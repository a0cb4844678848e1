/*
 * A task module for the tests: what functions may do with their slot besides computing.
 *
 *	later()      asks for another attempt, half a second later, until it is the third
 *	count()      how often the state of this process was used, which was made once
 *	tell()       tells of its progress, and waits to be stopped
 *	forget()     submits `count` under the key "forgotten", lets go of it, and ends
 */
#include <dq/client.h>
#include <dq/task.h>

#include <stdlib.h>
#include <time.h>

static int give(struct dq_task *task, unsigned number)
{
	uint8_t byte = (uint8_t)number;

	return dq_task_return(task, "msgpack", &byte, 1);
}

static int later(struct dq_task *task)
{
	if (dq_task_attempt(task) < 3)
		return dq_task_reschedule(task, 0.5);
	return give(task, dq_task_attempt(task));
}

static void *make_counter(struct dq_task *task)
{
	(void)task;
	return calloc(1, sizeof(unsigned));
}

static int count(struct dq_task *task)
{
	unsigned *counter = dq_task_state(task, "counter", make_counter, free);

	return give(task, ++*counter);
}

static int tell(struct dq_task *task)
{
	dq_task_progress(task, 0.25, "a quarter, on");
	dq_task_progress(task, 0.25, dq_task_worker(task));
	while (!dq_task_cancelled(task))
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	return 0;
}

static int forget(struct dq_task *task)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_future *future = NULL;
	struct dq_client *client;
	int error = dq_task_client(task, &client);

	spec.function = "count";
	spec.key = "forgotten";
	if (!error)
		error = dq_submit(client, &spec, &future);
	if (!error)
		error = dq_fire_and_forget(future);
	dq_future_free(&future);
	return error ? dq_task_fail(task, "%s", dq_client_error(client)) : 0;
}

DQ_MODULE({"later", later}, {"count", count}, {"tell", tell}, {"forget", forget})
