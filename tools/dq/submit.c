/*
 * Detached submits. The key is printed once the submit is durable, and not before. The command
 * stays with --wait, and where the scheduler is inside it and its state would go with it.
 */
#include "submit.h"

#include "cli.h"
#include "lookup.h"
#include "output.h"
#include "progress.h"

#include <signal.h>
#include <stdio.h>

static int stay(struct dq_client *client, struct dq_future *future)
{
	int r;

	if (progress_begin(client, &future, 1))
		interrupt_catch();
	r = cli_wait(client, &future, 1, false, -1);
	progress_end();
	if (r == CLI_INTERRUPTED)
		return 128 + interrupt_signal();
	if (r != DQ_E_OK)
		return cli_fail_client(r, client, dq_future_key(future));
	return task_options.wait ? print_failure(client, future) : 0;
}

int submit_detached(struct task *t)
{
	struct dq_future *future = NULL;
	struct dq_client *client;
	int code = cli_open(false, &client);

	if (code)
		return code;
	t->spec.detached = true;
	code = task_submit(client, t, &future);
	if (!code) {
		print_submitted(future);
		fflush(stdout);
		if (task_options.wait || cli_local_stays())
			code = stay(client, future);
	}
	dq_future_free(&future);
	return cli_close(&client, code);
}
