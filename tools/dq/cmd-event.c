/*
 * dq event: set and cleared, and waited for.
 */
#include "cli.h"
#include "cmd.h"

#include <dq/coordination.h>
#include <dq/error.h>

static double timeout_s = -1;

static const struct opt wait_opts[] = {
	{'t', "timeout", OPT_SECONDS, &timeout_s, "SEC", "wait at most so long; then exit 3"},
	{0},
};

static int act(int argc, char **argv,
	int (*call)(struct dq_client *client, const char *name, double timeout_s), double limit_s)
{
	struct dq_client *client;
	int code, r;

	if (argc != 1)
		return cli_usage("one NAME is wanted");
	code = cli_open(false, &client);
	if (code)
		return code;
	r = call(client, argv[0], limit_s);
	if (r == DQ_E_TIMEOUT)
		code = cli_fail(r, "%s: %s", argv[0], dq_strerror(r));
	else if (r != DQ_E_OK)
		code = cli_fail_client(r, client, argv[0]);
	return cli_close(&client, code);
}

static int run_set(int argc, char **argv)
{
	return act(argc, argv, dq_event_set, -1);
}

static int run_clear(int argc, char **argv)
{
	return act(argc, argv, dq_event_clear, -1);
}

static int run_wait(int argc, char **argv)
{
	return act(argc, argv, dq_event_wait, timeout_s);
}

static const struct cmd subs[] = {
	{.name = "set",
		.words = "NAME",
		.about = "Set it: who waits for it goes on.",
		.run = run_set},
	{.name = "clear", .words = "NAME", .about = "Set it back.", .run = run_clear},
	{.name = "wait",
		.words = "NAME",
		.about = "Wait until it is set.",
		.tables = {wait_opts},
		.run = run_wait},
	{.name = NULL},
};

const struct cmd cmd_event = {
	.name = "event",
	.words = "set|clear|wait ...",
	.about = "Events: set or not, for all to wait for.",
	.subs = subs,
};
