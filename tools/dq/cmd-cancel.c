/*
 * dq cancel: stops tasks, by their keys, or all of the user's with a label or in a state.
 *
 * What has ended already is left as it is. Acknowledged means durable: when the command has
 * returned, no restart brings the tasks back.
 */
#include "cli.h"
#include "cmd.h"
#include "lookup.h"

#include <dq/client.h>

static const char *label, *state;

static const struct opt opts[] = {
	{'l', "label", OPT_STR, &label, "LABEL", "all of the user's tasks with this label"},
	{0, "state", OPT_STR, &state, "STATE", "all of the user's tasks in this state"},
	{0},
};

static int find(struct dq_client *client, int argc, char **argv, struct ids *out)
{
	if (argc > 0)
		return find_keys(client, argv, (size_t)argc, out);
	if (state)
		return find_selected(client, state, label, out);
	return find_unfinished(client, label, out);
}

static int run(int argc, char **argv)
{
	struct dq_client *client;
	struct ids ids;
	int code, r;

	if ((argc > 0) == (label || state))
		return cli_usage("what to cancel: KEY..., or --label or --state");
	code = cli_open(false, &client);
	if (code)
		return code;
	code = find(client, argc, argv, &ids);
	if (!code) {
		r = dq_cancel_ids(client, ids.first, ids.count, ids.n, -1);
		code = r == DQ_E_OK ? 0 : cli_fail_client(r, client, argc == 1 ? argv[0] : NULL);
	}
	ids_release(&ids);
	return cli_close(&client, code);
}

const struct cmd cmd_cancel = {
	.name = "cancel",
	.words = "[KEY...]",
	.about = "Stop tasks, and cancel those that depend on them.",
	.tables = {opts},
	.run = run,
};
