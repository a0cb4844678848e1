/*
 * dq result: waits for a task and prints its result. Looks only.
 *
 * A command's result is its standard output, printed as it was. Any other result is printed as one
 * line of JSON. Which it is, is asked only where the value does not tell: bytes may be either.
 */
#include "cli.h"
#include "cmd.h"
#include "lookup.h"
#include "output.h"

#include "base/clock.h"
#include "common/value.h"

#include <stdio.h>
#include <string.h>

#define FETCH_S 10

static bool raw;
static double timeout_s = -1;

static const struct opt opts[] = {
	{'t', "timeout", OPT_SECONDS, &timeout_s, "SEC", "wait at most so long; then exit 3"},
	{0, "raw", OPT_FLAG, &raw, NULL, "print the bytes of the value"},
	{0},
};

enum kind { KIND_UNKNOWN, KIND_COMMAND, KIND_OTHER };

static enum kind ask_kind(struct dq_client *client, const char *key)
{
	struct dq_args *args = dq_args_new();
	struct dq_value answer;
	enum kind kind = KIND_OTHER;

	dq_args_str(args, key);
	if (dq_query(client, DQ_QUERY_SHOW, args, -1, &answer) == DQ_E_OK) {
		struct slice word = value_bytes(value_member(value_slice(&answer), "kind"));

		kind = slice_eq_str(word, "exec") ? KIND_COMMAND : KIND_OTHER;
		dq_value_release(&answer);
	}
	dq_args_free(&args);
	return kind;
}

static void print(
	struct dq_client *client, const char *key, const struct dq_value *value, enum kind *kind)
{
	bool bytes = value->type && strcmp(value->type, "bytes") == 0;

	if (*kind == KIND_UNKNOWN && bytes && !raw && !globals.json)
		*kind = ask_kind(client, key);
	if (raw || (bytes && *kind == KIND_COMMAND))
		print_bytes(value_slice(value));
	else
		print_result_json(value);
}

static double time_left(uint64_t began_us)
{
	double left = timeout_s - (double)(clock_mono_us() - began_us) / 1e6;

	if (timeout_s < 0)
		return -1;
	return left > 0 ? left : 0;
}

/* The time is for waiting: what is there is fetched, within reason. */
static double time_to_fetch(uint64_t began_us)
{
	double left = time_left(began_us);

	return left >= 0 && left < FETCH_S ? FETCH_S : left;
}

static int wait_and_print(
	struct dq_client *client, struct dq_future *future, uint64_t began_us, enum kind *kind)
{
	const char *key = dq_future_key(future);
	struct dq_value value = {0};
	int r = cli_wait(client, &future, 1, false, time_left(began_us)), code = 0;

	if (r == CLI_INTERRUPTED)
		return 128 + interrupt_signal();
	if (r == DQ_E_OK && dq_future_state(future) != DQ_STATE_DONE)
		return print_failure(client, future);
	if (r == DQ_E_OK)
		r = dq_result(future, time_to_fetch(began_us), &value);
	if (r == DQ_E_OK)
		print(client, key, &value, kind);
	else
		code = r == DQ_E_TIMEOUT ? cli_fail(r, "%s: %s", key, dq_strerror(r))
					 : cli_fail_client(r, client, key);
	dq_value_release(&value);
	return code;
}

/* An array's failed element does not keep the others back; running out of time does. */
static int print_array(struct dq_client *client, struct dq_future *array, uint64_t began_us)
{
	enum kind kind = KIND_UNKNOWN;
	uint64_t n = dq_future_count(array);
	int worst = 0;

	cli_watch(client, &array, 1, false);
	for (uint64_t i = 0; i < n; i++) {
		struct dq_future *element = NULL;
		int r = dq_future_element(array, i, &element);
		int code = r == DQ_E_OK ? wait_and_print(client, element, began_us, &kind)
					: cli_fail_client(r, client, dq_future_key(array));

		dq_future_free(&element);
		if (code)
			worst = code;
		if (code && code != dq_exit_code(DQ_E_TASK_FAILED))
			break;
	}
	return worst;
}

static int run(int argc, char **argv)
{
	enum kind kind = KIND_UNKNOWN;
	struct dq_client *client;
	struct watched watched;
	uint64_t began_us = clock_mono_us();
	int code;

	if (argc != 1)
		return cli_usage("one KEY is wanted");
	code = cli_open(true, &client);
	if (code)
		return code;
	code = watch_keys(client, argv, 1, &watched);
	if (!code && dq_future_count(watched.v[0]) == 1)
		code = wait_and_print(client, watched.v[0], began_us, &kind);
	else if (!code)
		code = print_array(client, watched.v[0], began_us);
	watched_release(&watched);
	return cli_close(&client, code);
}

const struct cmd cmd_result = {
	.name = "result",
	.words = "KEY",
	.about = "Wait for a task and print its result; of an array, those of its elements in "
		 "order.",
	.tables = {opts},
	.run = run,
};
