/*
 * dq history: what happened to a task, a line an event, oldest first: its attempts, where they ran
 * and how they ended, and what users did to it. Of an array, element by element.
 */
#include "cli.h"
#include "cmd.h"
#include "lookup.h"
#include "output.h"

#include "common/history.h"
#include "common/value.h"

#include <stdio.h>

/* Several tasks: their keys begin the lines. */
static bool has_several(struct slice answer)
{
	struct slice event, key, first = slice_empty();

	for (struct values v = values_of(answer); values_next(&v, &event);) {
		key = value_bytes(value_member(event, "key"));
		if (first.n && !slice_eq(key, first))
			return true;
		first = key;
	}
	return false;
}

static void print_lines(struct slice answer)
{
	bool several = has_several(answer);
	struct slice event;
	struct buf line;

	buf_init(&line, 65536);
	for (struct values v = values_of(answer); values_next(&v, &event);) {
		buf_clear(&line);
		history_line(&line, event, several);
		print_bytes(buf_slice(&line));
	}
	buf_release(&line);
}

static int run(int argc, char **argv)
{
	struct dq_client *client;
	struct dq_value answer;
	struct dq_args *args;
	int code;

	if (argc != 1)
		return cli_usage("one KEY is wanted");
	code = cli_open(true, &client);
	if (code)
		return code;
	args = dq_args_new();
	dq_args_str(args, argv[0]);
	code = ask(client, DQ_QUERY_HISTORY, args, argv[0], &answer);
	dq_args_free(&args);
	if (!code) {
		if (globals.json)
			code = print_answer_json(value_slice(&answer));
		else
			print_lines(value_slice(&answer));
		dq_value_release(&answer);
	}
	return cli_close(&client, code);
}

const struct cmd cmd_history = {
	.name = "history",
	.words = "KEY",
	.about = "What happened to a task, oldest first: attempts, retries, priorities.",
	.run = run,
};
