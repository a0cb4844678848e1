/*
 * dq result: waits for a task and prints its result. Looks only.
 *
 * A command's result is its standard output, printed as it was. Any other result is printed as one
 * line of JSON. Which it is, is asked only where the value does not tell: bytes may be either.
 */
#include "cli.h"
#include "cmd.h"
#include "elements.h"
#include "lookup.h"
#include "output.h"
#include "progress.h"

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

struct printing {
	enum kind kind;
	int worst;
};

/* Of a task or an element that was waited for: 0, or the exit code. */
static int print_one(struct dq_client *client, struct dq_future *future, int r,
	const struct dq_value *value, struct printing *p)
{
	const char *key = dq_future_key(future);

	if (r == DQ_E_OK)
		print(client, key, value, &p->kind);
	else if (dq_future_done(future) && dq_future_state(future) != DQ_STATE_DONE)
		return print_failure(client, future);
	else if (r == DQ_E_TIMEOUT)
		return cli_fail(r, "%s: %s", key, dq_strerror(r));
	else
		return cli_fail_client(r, client, key);
	return 0;
}

static int print_task(struct dq_client *client, struct dq_future *future)
{
	struct printing p = {.kind = KIND_UNKNOWN};
	uint64_t began_us = clock_mono_us();
	struct dq_value value = {0};
	double left;
	int r = cli_wait(client, &future, 1, false, timeout_s), code;

	if (r == CLI_INTERRUPTED)
		return interrupt_end();
	left = cli_time_left(timeout_s, began_us);
	/* The time is for waiting: what is there is fetched, within reason. */
	if (r == DQ_E_OK)
		r = dq_result(future, left >= 0 && left < FETCH_S ? FETCH_S : left, &value);
	code = print_one(client, future, r, &value, &p);
	dq_value_release(&value);
	return code;
}

/* An array's failed element does not keep the others back; running out of time does. */
static bool print_element(struct dq_client *client, const struct element *e, void *arg)
{
	struct printing *p = arg;
	int code = print_one(client, e->future, e->error, &e->value, p);

	if (code)
		p->worst = code;
	return !code || code == dq_exit_code(DQ_E_TASK_FAILED);
}

static int print_array(struct dq_client *client, struct dq_future *array)
{
	struct printing p = {.kind = KIND_UNKNOWN};
	int r = elements_each(client, array, timeout_s, print_element, &p);

	if (r == CLI_INTERRUPTED)
		return interrupt_end();
	return r == DQ_E_OK ? p.worst : print_one(client, array, r, NULL, &p);
}

static int run(int argc, char **argv)
{
	struct dq_client *client;
	struct watched watched;
	int code;

	if (argc != 1)
		return cli_usage("one KEY is wanted");
	code = cli_open(true, &client);
	if (code)
		return code;
	code = watch_keys(client, argv, 1, &watched);
	if (!code && progress_begin(client, watched.v, 1))
		interrupt_catch();
	if (!code)
		code = dq_future_count(watched.v[0]) == 1 ? print_task(client, watched.v[0])
							  : print_array(client, watched.v[0]);
	progress_end();
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
