/*
 * dq dataset: names for the futures of tasks, which are held as long as the name is there. What
 * only looks needs no session, so it takes no holds: get prints keys.
 */
#include "cli.h"
#include "cmd.h"
#include "lookup.h"
#include "output.h"
#include "verb.h"

#include "common/value.h"

#include <dq/coordination.h>
#include <stdio.h>

#define TEXT_MAX ((size_t)4 << 30)

static int run_publish(int argc, char **argv)
{
	struct dq_client *client;
	int code, r;

	if (argc < 2)
		return cli_usage("NAME and KEYs are wanted");
	code = cli_open(false, &client);
	if (code)
		return code;
	r = dq_dataset_publish_keys(
		client, argv[0], (const char *const *)argv + 1, (size_t)argc - 1, -1);
	return cli_close(&client, r == DQ_E_OK ? 0 : cli_fail_client(r, client, argv[0]));
}

static int run_remove(int argc, char **argv)
{
	return verb_name(argc, argv, dq_dataset_remove, -1);
}

/* ---- looking ---- */

/* The third of [id, count, key]. */
static struct slice row_key(struct slice row)
{
	struct values v = values_of(row);
	struct slice at = slice_empty();

	for (int i = 0; i < 3 && values_next(&v, &at); i++)
		continue;
	return value_bytes(at);
}

static void print_keys(struct slice rows, const char *name)
{
	struct buf text;
	struct json j;
	struct slice row;

	buf_init(&text, TEXT_MAX);
	json_init(&j, &text);
	if (globals.json) {
		json_open_object(&j);
		json_key(&j, "name");
		json_cstr(&j, name);
		json_key(&j, "keys");
		json_open_array(&j);
	}
	for (struct values v = values_of(rows); values_next(&v, &row);) {
		if (globals.json) {
			json_str(&j, row_key(row));
			continue;
		}
		buf_append_slice(&text, row_key(row));
		buf_append_byte(&text, '\n');
	}
	if (globals.json) {
		json_end_array(&j);
		json_end_object(&j);
		json_newline(&j);
	}
	print_bytes(buf_slice(&text));
	buf_release(&text);
}

static int run_get(int argc, char **argv)
{
	struct dq_client *client;
	struct dq_value rows;
	struct dq_args *args;
	int code;

	if (argc != 1)
		return cli_usage("one NAME is wanted");
	code = cli_open(true, &client);
	if (code)
		return code;
	args = dq_args_new();
	dq_args_str(args, argv[0]);
	code = ask(client, DQ_QUERY_DATASET, args, argv[0], &rows);
	dq_args_free(&args);
	if (code)
		return cli_close(&client, code);
	print_keys(value_slice(&rows), argv[0]);
	dq_value_release(&rows);
	return cli_close(&client, 0);
}

static void print_rows(struct slice answer)
{
	struct table t;
	struct slice row;

	table_init(&t, 2);
	table_add(&t, slice_str("NAME"));
	table_add(&t, slice_str("TASKS"));
	for (struct values v = values_of(answer); values_next(&v, &row);) {
		table_add(&t, value_bytes(value_member(row, "name")));
		table_add_number(&t, row, "tasks");
	}
	table_print(&t);
	table_release(&t);
}

static int run_list(int argc, char **argv)
{
	return verb_list(argc, argv, dq_dataset_list, print_rows);
}

/* ---- the table ---- */

static const struct cmd subs[] = {
	{.name = "publish",
		.words = "NAME KEY...",
		.about = "Name these tasks, and hold them until the dataset is removed.",
		.run = run_publish},
	{.name = "get", .words = "NAME", .about = "Print its keys.", .run = run_get},
	{.name = "list", .words = "", .about = "List the datasets.", .run = run_list},
	{.name = "remove",
		.words = "NAME",
		.about = "Remove it, and let go of its tasks.",
		.run = run_remove},
	{.name = NULL},
};

const struct cmd cmd_dataset = {
	.name = "dataset",
	.words = "publish|get|list|remove ...",
	.about = "Datasets: names for the futures of tasks, which they hold.",
	.subs = subs,
};
