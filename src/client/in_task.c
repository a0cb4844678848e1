/*
 * dq_task_client: the client of a function that runs in a slot. The worker hands the function a
 * table (<dq/task.h>) with the scheduler's address, the task's token, and a place for one thing
 * that ends with the call; the client is opened here, by the libdq that the module is linked with,
 * so that the worker needs none, and two that differ never meet.
 */
#include "client/client.h"

#include <dq/task.h>

/* A scheduler that is restarting is waited for. */
#define CONNECT_S 60.0
/* How often the end of the function looks whether the task is being stopped. */
#define LOOK_S 0.2

/*
 * The function has returned. What it submitted and did not wait for is made durable first; the
 * session ends with the lease, so that nothing more has to be said.
 */
static void end_client(struct dq_task *task, void *thing)
{
	struct dq_client *c = thing;

	while (dq_client_sync(c, LOOK_S) == DQ_E_TIMEOUT && !dq_task_cancelled(task))
		;
	client_drop(&c);
}

int dq_task_client(struct dq_task *task, struct dq_client **out)
{
	struct dq_options options = DQ_OPTIONS_INIT;
	const struct dq_task_api *api = task->api;
	int code;

	*out = api->attached(task);
	if (*out) {
		code = client_enter(*out);
		if (code == 0) {
			code = client_check(*out);
			client_leave(*out);
		}
		return code;
	}
	options.task_token = api->token(task);
	options.connect_timeout_s = CONNECT_S;
	if (!options.task_token || !api->scheduler(task)) {
		*out = client_failed(DQ_E_NO_SCHEDULER, "this task has no scheduler to use");
		code = *out ? DQ_E_NO_SCHEDULER : DQ_E_NO_MEMORY;
	} else {
		code = client_connect(api->scheduler(task), &options, out);
		if (*out)
			(*out)->inside.task = task;
	}
	if (*out)
		api->attach(task, *out, end_client);
	return code;
}
