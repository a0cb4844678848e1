/*
 * dq cancel: stops tasks, by their keys, or all of the user's with a label or in a state.
 *
 * What has ended already is left as it is. Acknowledged means durable: when the command has
 * returned, no restart brings the tasks back.
 */
#include "cli.h"
#include "cmd.h"
#include "lookup.h"

#include "base/alloc.h"
#include "common/value.h"

#include <stdio.h>
#include <stdlib.h>

static const char *label, *state;

static const struct opt opts[] = {
	{'l', "label", OPT_STR, &label, "LABEL", "all of the user's tasks with this label"},
	{0, "state", OPT_STR, &state, "STATE", "all of the user's tasks in this state"},
	{0},
};

/* A row of the list. By state, an array's elements have a row each. */
static void add_row(struct ids *ids, struct slice row)
{
	ids->first[ids->n] = id_of_text(value_bytes(value_member(row, "id")));
	ids->count[ids->n++] = 1;
}

static int find_in_state(struct dq_client *client, struct ids *out)
{
	struct dq_args *args = dq_args_new();
	struct dq_value answer;
	struct values v;
	struct slice row;
	int code;

	*out = (struct ids){0};
	dq_args_map(args, label ? 2 : 1);
	dq_args_str(args, "state");
	dq_args_str(args, state);
	if (label) {
		dq_args_str(args, "label");
		dq_args_str(args, label);
	}
	code = ask(client, DQ_QUERY_LIST, args, state, &answer);
	dq_args_free(&args);
	if (code)
		return code;
	v = values_of(value_slice(&answer));
	out->first = xcalloc((size_t)v.left + 1, sizeof *out->first);
	out->count = xcalloc((size_t)v.left + 1, sizeof *out->count);
	while (values_next(&v, &row))
		add_row(out, row);
	dq_value_release(&answer);
	return 0;
}

static int find(struct dq_client *client, int argc, char **argv, struct ids *out)
{
	if (argc > 0)
		return find_keys(client, argv, (size_t)argc, out);
	if (state)
		return find_in_state(client, out);
	return find_unfinished(client, label, out);
}

/* In blocks that a request may have. */
static int cancel_ids(struct dq_client *client, const struct ids *ids, const char *about)
{
	int r = DQ_E_OK;

	for (size_t at = 0; r == DQ_E_OK && at < ids->n; at += IDS_MAX) {
		size_t n = ids->n - at < IDS_MAX ? ids->n - at : IDS_MAX;

		r = dq_cancel_ids(client, ids->first + at, ids->count + at, n, -1);
	}
	return r == DQ_E_OK ? 0 : cli_fail_client(r, client, about);
}

static int run(int argc, char **argv)
{
	struct dq_client *client;
	struct ids ids;
	bool more;
	int code;

	if ((argc > 0) == (label || state))
		return cli_usage("what to cancel: KEY..., or --label or --state");
	code = cli_open(false, &client);
	if (code)
		return code;
	do {
		code = find(client, argc, argv, &ids);
		if (!code)
			code = cancel_ids(client, &ids, argc == 1 ? argv[0] : NULL);
		more = !code && argc == 0 && !state && ids.n >= IDS_MAX;
		ids_release(&ids);
	} while (more);
	return cli_close(&client, code);
}

const struct cmd cmd_cancel = {
	.name = "cancel",
	.words = "[KEY...]",
	.about = "Stop tasks, and cancel those that depend on them.",
	.tables = {opts},
	.run = run,
};
