/*
 * dq map: a command for each line of standard input, as one array, results in input order.
 *
 * Results are printed as soon as all before them are. A failed element costs a line on stderr and
 * the exit code, not the results after it.
 */
#include "cli.h"
#include "cmd.h"
#include "elements.h"
#include "lookup.h"
#include "output.h"
#include "progress.h"
#include "task.h"

#include <stdio.h>

#define CANCEL_S 10

static void print_element_json(struct dq_client *client, const struct element *e)
{
	struct json j;
	struct buf text;

	buf_init(&text, INT32_MAX);
	json_init(&j, &text);
	json_open_object(&j);
	json_key(&j, "index");
	json_uint(&j, e->index);
	json_key(&j, "key");
	json_cstr(&j, dq_future_key(e->future));
	json_key(&j, "state");
	json_cstr(&j, state_word(dq_future_state(e->future)));
	json_key(&j, "value");
	if (e->value.type)
		result_json(&j, &e->value);
	else
		json_put_null(&j);
	json_key(&j, "error");
	failure_json(&j, client, e->future);
	json_end_object(&j);
	json_newline(&j);
	print_bytes(buf_slice(&text));
	buf_release(&text);
}

/* arg: the worst exit code so far. */
static bool print_element(struct dq_client *client, const struct element *e, void *arg)
{
	int *worst = arg;

	if (globals.json)
		print_element_json(client, e);
	else if (e->error == DQ_E_OK)
		print_bytes(value_slice(&e->value));
	if (e->error != DQ_E_OK)
		*worst = dq_future_state(e->future) == DQ_STATE_DONE
				 ? cli_fail_client(e->error, client, dq_future_key(e->future))
				 : print_failure(client, e->future);
	return true;
}

static int print_all(struct dq_client *client, struct dq_future *array)
{
	int worst = 0, r;

	progress_begin(client, &array, 1);
	r = elements_each(client, array, -1, print_element, &worst);
	progress_end();
	fflush(stdout);
	if (r == CLI_INTERRUPTED) {
		if (dq_future_cancel(array) == DQ_E_OK)
			dq_client_sync(client, CANCEL_S);
		return 128 + interrupt_signal();
	}
	return r == DQ_E_OK ? worst : cli_fail_client(r, client, dq_future_key(array));
}

static int map(struct task *task)
{
	struct dq_future *array = NULL;
	struct dq_client *client;
	int code = cli_open(false, &client);

	if (code)
		return code;
	interrupt_catch();
	code = task_submit(client, task, &array);
	if (!code)
		code = print_all(client, array);
	dq_future_free(&array);
	return cli_close(&client, code);
}

static int run(int argc, char **argv)
{
	struct task task;
	int code = task_of_command(&task, argc, argv, "-");

	if (!code && task.count > 0)
		code = map(&task);
	task_release(&task);
	return code;
}

const struct cmd cmd_map = {
	.name = "map",
	.words = "-- ARGV...",
	.about = "Run a command for each line of standard input ({} in ARGV), print the results in "
		 "input "
		 "order. Ctrl-C cancels.",
	.tables = {task_opts, term_opts, task_exec_opts},
	.words_end = true,
	.run = run,
};
