/*
 * dq workers: who is here.
 */
#include "cli.h"
#include "cmd.h"
#include "lookup.h"
#include "status.h"

#include "common/value.h"

static int run(int argc, char **argv)
{
	struct dq_value answer;
	struct slice workers;
	int code;

	if (argc > 0)
		return cli_usage("takes no words: %s", argv[0]);
	code = status_ask(&answer);
	if (code)
		return code;
	workers = value_member(value_slice(&answer), "workers");
	if (globals.json)
		code = print_answer_json(workers);
	else
		print_workers(workers);
	dq_value_release(&answer);
	return code;
}

const struct cmd cmd_workers = {
	.name = "workers",
	.words = "",
	.about = "List the workers.",
	.run = run,
};
