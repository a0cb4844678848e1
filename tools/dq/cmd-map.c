/*
 * dq map: a command for each line of standard input, as one array, results in input order.
 *
 * Results are printed as soon as all before them are. A failed element costs a line on stderr and
 * the exit code, not the results after it.
 */
#include "cli.h"
#include "cmd.h"
#include "lookup.h"
#include "output.h"
#include "task.h"

#include <stdio.h>

#define CANCEL_S 10

static void print_element_json(struct dq_client *client, struct dq_future *element, uint64_t index,
	const struct dq_value *v)
{
	struct json j;
	struct buf text;

	buf_init(&text, INT32_MAX);
	json_init(&j, &text);
	json_open_object(&j);
	json_key(&j, "index");
	json_uint(&j, index);
	json_key(&j, "key");
	json_cstr(&j, dq_future_key(element));
	json_key(&j, "state");
	json_cstr(&j, state_word(dq_future_state(element)));
	json_key(&j, "value");
	if (v->type)
		result_json(&j, v);
	else
		json_put_null(&j);
	json_key(&j, "error");
	failure_json(&j, client, element);
	json_end_object(&j);
	json_newline(&j);
	print_bytes(buf_slice(&text));
	buf_release(&text);
}

/* Returns the exit code; *interrupted where the wait was. */
static int print_element(
	struct dq_client *client, struct dq_future *element, uint64_t index, bool *interrupted)
{
	struct dq_value value = {0};
	int r = cli_wait(client, &element, 1, false, -1);
	int code = 0;

	*interrupted = r == CLI_INTERRUPTED;
	if (*interrupted)
		return 0;
	if (r != DQ_E_OK)
		return cli_fail_client(r, client, dq_future_key(element));
	r = dq_result(element, -1, &value);
	if (globals.json)
		print_element_json(client, element, index, &value);
	else if (r == DQ_E_OK)
		print_bytes(value_slice(&value));
	if (r != DQ_E_OK)
		code = dq_future_state(element) == DQ_STATE_DONE
			       ? cli_fail_client(r, client, dq_future_key(element))
			       : print_failure(client, element);
	dq_value_release(&value);
	return code;
}

static int print_all(struct dq_client *client, struct dq_future *array)
{
	uint64_t n = dq_future_count(array);
	bool interrupted = false;
	int worst = 0;

	cli_watch(client, &array, 1, false);
	for (uint64_t i = 0; i < n && !interrupted; i++) {
		struct dq_future *element = NULL;
		int code, r = dq_future_element(array, i, &element);

		code = r == DQ_E_OK ? print_element(client, element, i, &interrupted)
				    : cli_fail_client(r, client, dq_future_key(array));
		if (code)
			worst = code;
		dq_future_free(&element);
	}
	fflush(stdout);
	if (!interrupted)
		return worst;
	if (dq_future_cancel(array) == DQ_E_OK)
		dq_client_sync(client, CANCEL_S);
	return 128 + interrupt_signal();
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
