/*
 * dq state: one word a key, for other tools to ask.
 */
#include "cli.h"
#include "cmd.h"
#include "lookup.h"

#include "base/ensure.h"
#include "common/value.h"

#include <stdio.h>

static int print_words(struct slice answer, int argc, char **argv)
{
	struct values words = values_of(answer);
	struct slice word;
	int code = 0;

	for (int i = 0; i < argc; i++) {
		if (!values_next(&words, &word) || value_is_nil(word)) {
			printf("unknown\n");
			code = cli_fail(DQ_E_NOT_FOUND, "%s: not found", argv[i]);
			continue;
		}
		word = value_bytes(word);
		printf("%" SLICE_FMT "\n", SLICE_ARG(word));
	}
	return code;
}

static int print_json(struct slice answer, int argc, char **argv)
{
	struct values words = values_of(answer);
	struct slice word;
	struct json j;
	struct buf text;
	int code = 0;

	buf_init(&text, INT32_MAX);
	json_init(&j, &text);
	json_open_object(&j);
	for (int i = 0; i < argc; i++) {
		json_key(&j, argv[i]);
		if (values_next(&words, &word) && !value_is_nil(word)) {
			value_json(&j, word);
		} else {
			json_put_null(&j);
			code = cli_fail(DQ_E_NOT_FOUND, "%s: not found", argv[i]);
		}
	}
	json_end_object(&j);
	json_newline(&j);
	fwrite(text.p, 1, text.n, stdout);
	buf_release(&text);
	return code;
}

static int run(int argc, char **argv)
{
	struct dq_client *client;
	struct dq_value answer;
	struct dq_args *args;
	int code;

	if (argc == 0)
		return cli_usage("no KEY given");
	code = cli_open(true, &client);
	if (code)
		return code;
	args = dq_args_new();
	dq_args_array(args, (uint32_t)argc);
	for (int i = 0; i < argc; i++)
		dq_args_str(args, argv[i]);
	code = ask(client, DQ_QUERY_STATE, args, NULL, &answer);
	if (!code) {
		code = globals.json ? print_json(value_slice(&answer), argc, argv)
				    : print_words(value_slice(&answer), argc, argv);
		dq_value_release(&answer);
	}
	dq_args_free(&args);
	return cli_close(&client, code);
}

const struct cmd cmd_state = {
	.name = "state",
	.words = "KEY...",
	.about = "Print one word for each key: the state of its task.",
	.run = run,
};
