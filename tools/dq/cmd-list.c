/*
 * dq list: the tasks, one a line.
 */
#include "cli.h"
#include "cmd.h"
#include "lookup.h"
#include "output.h"

#include "common/value.h"

#include <stdio.h>

static const char *state, *label, *user;
static uint64_t limit;

static const struct opt opts[] = {
	{0, "state", OPT_STR, &state, "STATE", "only those in this state"},
	{'l', "label", OPT_STR, &label, "LABEL", "only those with this label"},
	{0, "user", OPT_STR, &user, "USER", "only those of this user"},
	{'n', "limit", OPT_UINT, &limit, "N", "at most so many"},
	{0},
};

static void add_str(struct dq_args *args, const char *key, const char *value)
{
	if (!value)
		return;
	dq_args_str(args, key);
	dq_args_str(args, value);
}

static struct dq_args *make_args(void)
{
	struct dq_args *args = dq_args_new();

	dq_args_map(
		args, (uint32_t)((state != NULL) + (label != NULL) + (user != NULL) + (limit > 0)));
	add_str(args, "state", state);
	add_str(args, "label", label);
	add_str(args, "user", user);
	if (limit) {
		dq_args_str(args, "limit");
		dq_args_uint(args, limit);
	}
	return args;
}

static void add_labels(struct table *t, struct slice labels)
{
	struct slice label_raw;
	struct buf text;

	buf_init(&text, 65536);
	for (struct values v = values_of(labels); values_next(&v, &label_raw);) {
		if (text.n)
			buf_append_byte(&text, ' ');
		buf_append_slice(&text, value_bytes(label_raw));
	}
	table_add(t, buf_slice(&text));
	buf_release(&text);
}

/* An array: how many of its elements are how. */
static void add_state(struct table *t, struct slice row)
{
	struct slice name, count;
	struct buf text;

	buf_init(&text, 4096);
	buf_append_slice(&text, value_bytes(value_member(row, "state")));
	if (value_u64(value_member(row, "count"), 0))
		buf_printf(&text, " (");
	for (struct values v = values_of(value_member(row, "tasks"));
		values_next(&v, &name) && values_next(&v, &count);)
		if (value_u64(count, 0)) {
			name = value_bytes(name);
			buf_printf(&text, "%s%llu %" SLICE_FMT,
				text.p[text.n - 1] == '(' ? "" : ", ",
				(unsigned long long)value_u64(count, 0), SLICE_ARG(name));
		}
	if (value_u64(value_member(row, "count"), 0))
		buf_printf(&text, ")");
	table_add(t, buf_slice(&text));
	buf_release(&text);
}

static void print_rows(struct slice answer)
{
	struct table t;
	struct slice row;

	table_init(&t, 5);
	table_add(&t, slice_str("KEY"));
	table_add(&t, slice_str("STATE"));
	table_add(&t, slice_str("KIND"));
	table_add(&t, slice_str("ATTEMPTS"));
	table_add(&t, slice_str("LABELS"));
	for (struct values v = values_of(answer); values_next(&v, &row);) {
		char attempts[24];

		snprintf(attempts, sizeof attempts, "%llu",
			(unsigned long long)value_u64(value_member(row, "attempts"), 0));
		table_add(&t, value_bytes(value_member(row, "key")));
		add_state(&t, row);
		table_add(&t, value_bytes(value_member(row, "kind")));
		table_add(&t, slice_str(attempts));
		add_labels(&t, value_member(row, "labels"));
	}
	table_print(&t);
	table_release(&t);
}

static int run(int argc, char **argv)
{
	struct dq_client *client;
	struct dq_value answer;
	struct dq_args *args;
	int code;

	if (argc > 0)
		return cli_usage("takes no words: %s", argv[0]);
	code = cli_open(true, &client);
	if (code)
		return code;
	args = make_args();
	code = ask(client, DQ_QUERY_LIST, args, NULL, &answer);
	dq_args_free(&args);
	if (!code) {
		if (globals.json)
			code = print_answer_json(value_slice(&answer));
		else
			print_rows(value_slice(&answer));
		dq_value_release(&answer);
	}
	return cli_close(&client, code);
}

const struct cmd cmd_list = {
	.name = "list",
	.words = "",
	.about = "List the tasks.",
	.tables = {opts},
	.run = run,
};
