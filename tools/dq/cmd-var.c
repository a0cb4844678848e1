/*
 * dq var: variables, which tasks and clients share by name.
 *
 * What only looks on needs no session: watch and list. A get has one, so that it can ask what is
 * there now when its time is up.
 */
#include "cli.h"
#include "cmd.h"
#include "lookup.h"
#include "output.h"
#include "put.h"
#include "verb.h"

#include "base/str.h"
#include "common/value.h"

#include <stdio.h>

#define TEXT_MAX ((size_t)4 << 30)

static double timeout_s = -1;

static const struct opt get_opts[] = {
	{'t', "timeout", OPT_SECONDS, &timeout_s, "SEC", "wait at most so long; then exit 3"},
	{0},
};

/* ---- setting ---- */

static void print_version(uint64_t version)
{
	if (globals.json)
		printf("{\"version\":%llu}\n", (unsigned long long)version);
	else
		printf("%llu\n", (unsigned long long)version);
}

/* expected NULL: whatever its version is. */
static int set(const char *name, const uint64_t *expected, const char *word)
{
	struct dq_client *client;
	struct dq_content content;
	struct dq_args *args;
	uint64_t version;
	int code = content_of_word(word, &args, &content), r;

	if (!code)
		code = cli_open(false, &client);
	if (code) {
		dq_args_free(&args);
		return code;
	}
	r = expected ? dq_variable_set_if(client, name, *expected, &content, -1, &version)
		     : dq_variable_set(client, name, &content, -1, &version);
	dq_args_free(&args);
	if (r == DQ_E_OK)
		print_version(version);
	else
		code = put_failed(r, client, name, word);
	return cli_close(&client, code);
}

static int run_set(int argc, char **argv)
{
	return argc == 2 ? set(argv[0], NULL, argv[1]) : cli_usage("NAME and VALUE are wanted");
}

static int run_cas(int argc, char **argv)
{
	uint64_t expected;

	if (argc != 3)
		return cli_usage("NAME, VERSION and VALUE are wanted");
	if (!str_to_u64(slice_str(argv[1]), &expected))
		return cli_usage("%s: not a version", argv[1]);
	return set(argv[0], &expected, argv[2]);
}

static int run_delete(int argc, char **argv)
{
	return verb_name(argc, argv, dq_variable_delete, -1);
}

/* ---- looking ---- */

static void print_variable(const struct dq_variable *v)
{
	struct json j;
	struct buf text;

	buf_init(&text, TEXT_MAX);
	json_init(&j, &text);
	if (globals.json) {
		json_open_object(&j);
		json_key(&j, "version");
		json_uint(&j, v->version);
		json_key(&j, "value");
	}
	content_json(&j, &v->value, v->future);
	if (globals.json)
		json_end_object(&j);
	json_newline(&j);
	print_bytes(buf_slice(&text));
	buf_release(&text);
}

static int run_get(int argc, char **argv)
{
	struct dq_client *client;
	struct dq_variable v;
	int code, r;

	if (argc != 1)
		return cli_usage("one NAME is wanted");
	code = cli_open(false, &client);
	if (code)
		return code;
	r = dq_variable_get(client, argv[0], 0, timeout_s, &v);
	if (r == DQ_E_OK)
		print_variable(&v);
	else if (r == DQ_E_TIMEOUT)
		code = cli_fail(r, "%s: %s", argv[0], dq_strerror(r));
	else
		code = cli_fail_client(r, client, argv[0]);
	dq_variable_release(&v);
	return cli_close(&client, code);
}

static int run_watch(int argc, char **argv)
{
	struct dq_client *client;
	uint64_t version = 0;
	int code, r;

	if (argc != 1)
		return cli_usage("one NAME is wanted");
	code = cli_open(true, &client);
	if (code)
		return code;
	do {
		struct dq_variable v;

		r = dq_variable_get(client, argv[0], version, -1, &v);
		if (r == DQ_E_OK)
			print_variable(&v);
		version = v.version;
		dq_variable_release(&v);
	} while (r == DQ_E_OK && fflush(stdout) == 0);
	if (r != DQ_E_OK)
		code = cli_fail_client(r, client, argv[0]);
	return cli_close(&client, code);
}

static void print_rows(struct slice answer)
{
	struct table t;
	struct slice row;

	table_init(&t, 3);
	table_add(&t, slice_str("NAME"));
	table_add(&t, slice_str("VERSION"));
	table_add(&t, slice_str("HOLDS"));
	for (struct values v = values_of(answer); values_next(&v, &row);) {
		struct slice key = value_bytes(value_member(row, "key"));
		char bytes[40];

		snprintf(bytes, sizeof bytes, "%llu bytes",
			(unsigned long long)value_u64(value_member(row, "bytes"), 0));
		table_add(&t, value_bytes(value_member(row, "name")));
		table_add_number(&t, row, "version");
		table_add(&t, key.n ? key : slice_str(bytes));
	}
	table_print(&t);
	table_release(&t);
}

static int run_list(int argc, char **argv)
{
	return verb_list(argc, argv, dq_variable_list, print_rows);
}

/* ---- the table ---- */

static const struct cmd subs[] = {
	{.name = "set",
		.words = "NAME VALUE",
		.about = "Set it and print its version. A VALUE is JSON, or @KEY: the future of a "
			 "task, which it holds.",
		.run = run_set},
	{.name = "get",
		.words = "NAME",
		.about = "Print its value, once it is set.",
		.tables = {get_opts},
		.run = run_get},
	{.name = "cas",
		.words = "NAME VERSION VALUE",
		.about = "Set it if that is its version, 0: if it is not there; else exit 6.",
		.run = run_cas},
	{.name = "watch",
		.words = "NAME",
		.about = "Print its value, and again whenever it is set.",
		.run = run_watch},
	{.name = "list", .words = "", .about = "List the variables.", .run = run_list},
	{.name = "delete", .words = "NAME", .about = "Delete it.", .run = run_delete},
	{.name = NULL},
};

const struct cmd cmd_var = {
	.name = "var",
	.words = "set|get|cas|watch|list|delete ...",
	.about = "Variables: values, or futures, under a name that all share.",
	.subs = subs,
};
