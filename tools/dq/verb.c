/*
 * Verbs of one shape (verb.h).
 */
#include "verb.h"

#include "cli.h"
#include "lookup.h"

#include "common/value.h"

#include <dq/error.h>
#include <stdio.h>

int verb_name(int argc, char **argv, verb_call *call, double timeout_s)
{
	struct dq_client *client;
	int code, r;

	if (argc != 1)
		return cli_usage("one NAME is wanted");
	code = cli_open(false, &client);
	if (code)
		return code;
	r = call(client, argv[0], timeout_s);
	if (r == DQ_E_TIMEOUT)
		code = cli_fail(r, "%s: %s", argv[0], dq_strerror(r));
	else if (r != DQ_E_OK)
		code = cli_fail_client(r, client, argv[0]);
	return cli_close(&client, code);
}

static int print_answer(const struct dq_value *answer, void (*print)(struct slice answer))
{
	if (globals.json)
		return print_answer_json(value_slice(answer));
	print(value_slice(answer));
	return 0;
}

int verb_list(int argc, char **argv, verb_list_call *call, void (*print)(struct slice answer))
{
	struct dq_client *client;
	struct dq_value answer;
	int code, r;

	if (argc > 0)
		return cli_usage("takes no words: %s", argv[0]);
	code = cli_open(true, &client);
	if (code)
		return code;
	r = call(client, -1, &answer);
	if (r == DQ_E_OK)
		code = print_answer(&answer, print);
	else
		code = cli_fail_client(r, client, NULL);
	dq_value_release(&answer);
	return cli_close(&client, code);
}

int verb_key(int argc, char **argv, enum dq_query what, void (*print)(struct slice answer))
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
	code = ask(client, what, args, argv[0], &answer);
	dq_args_free(&args);
	if (!code) {
		code = print_answer(&answer, print);
		dq_value_release(&answer);
	}
	return cli_close(&client, code);
}

void table_add_number(struct table *t, struct slice row, const char *name)
{
	char text[24];

	snprintf(text, sizeof text, "%llu",
		(unsigned long long)value_u64(value_member(row, name), 0));
	table_add(t, slice_str(text));
}
