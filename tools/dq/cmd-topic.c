/*
 * dq topic: entries that are appended under a name, kept for a time, and read from a cursor on. A
 * read needs no session.
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
#define PAGE 1024

static const char *from;
static bool follow;
static uint64_t max_entries;
static double max_age_s;

static const struct opt read_opts[] = {
	{0, "from", OPT_STR, &from, "CURSOR", "what comes after this one; else from the oldest"},
	{'f', "follow", OPT_FLAG, &follow, NULL, "go on with what is published from now on"},
	{0},
};

static const struct opt bound_opts[] = {
	{0, "max-entries", OPT_UINT, &max_entries, "N", "keep the last N entries; else all"},
	{0, "max-age", OPT_SECONDS, &max_age_s, "SEC", "keep an entry for so long; else for ever"},
	{0},
};

/* ---- changing ---- */

static int run_publish(int argc, char **argv)
{
	struct dq_client *client;
	struct dq_content content;
	struct dq_args *args;
	uint64_t cursor;
	int code, r;

	if (argc != 2)
		return cli_usage("NAME and VALUE are wanted");
	if (argv[1][0] == '@')
		return cli_usage("%.80s: a topic has values, and no futures", argv[1]);
	code = content_of_word(argv[1], &args, &content);
	if (!code)
		code = cli_open(false, &client);
	if (code) {
		dq_args_free(&args);
		return code;
	}
	r = dq_topic_publish(client, argv[0], &content, -1, &cursor);
	dq_args_free(&args);
	if (r != DQ_E_OK)
		code = cli_fail_client(r, client, argv[0]);
	else
		printf(globals.json ? "{\"cursor\":%llu}\n" : "%llu\n", (unsigned long long)cursor);
	return cli_close(&client, code);
}

static int bound(struct dq_client *client, const char *name, double timeout_s)
{
	return dq_topic_bound(client, name, max_entries, max_age_s, timeout_s);
}

static int run_create(int argc, char **argv)
{
	return verb_name(argc, argv, bound, -1);
}

static int run_delete(int argc, char **argv)
{
	return verb_name(argc, argv, dq_topic_delete, -1);
}

/* ---- reading ---- */

static void entry_text(struct buf *text, const struct dq_entry *e)
{
	struct json j;

	json_init(&j, text);
	if (globals.json) {
		json_open_object(&j);
		json_key(&j, "cursor");
		json_uint(&j, e->cursor);
		json_key(&j, "published");
		json_double(&j, e->published);
		json_key(&j, "value");
	} else {
		buf_printf(text, "%llu ", (unsigned long long)e->cursor);
	}
	content_json(&j, &e->value, NULL);
	if (globals.json)
		json_end_object(&j);
	json_newline(&j);
}

static void print_page(const struct dq_entries *page)
{
	struct buf text;

	buf_init(&text, TEXT_MAX);
	for (size_t i = 0; i < page->n; i++)
		entry_text(&text, &page->entries[i]);
	print_bytes(buf_slice(&text));
	buf_release(&text);
}

static int read_all(struct dq_client *client, const char *name, uint64_t after)
{
	struct dq_entries page;
	int r;

	do {
		r = dq_topic_read(client, name, after, PAGE, follow ? -1 : 0, &page);
		if (r == DQ_E_GONE)
			r = cli_fail(r,
				"%s: what came after cursor %llu is not kept any more: go on from "
				"%llu",
				name, (unsigned long long)after, (unsigned long long)page.cursor);
		else if (r != DQ_E_OK)
			r = cli_fail_client(r, client, name);
		if (r)
			return r;
		print_page(&page);
		after = page.cursor;
		r = page.n || follow;
		dq_entries_release(&page);
	} while (r && fflush(stdout) == 0);
	return 0;
}

static int run_read(int argc, char **argv)
{
	struct dq_client *client;
	uint64_t after = 0;
	int code;

	if (argc != 1)
		return cli_usage("one NAME is wanted");
	if (from && !str_to_u64(slice_str(from), &after))
		return cli_usage("%s: not a cursor", from);
	code = cli_open(true, &client);
	if (code)
		return code;
	return cli_close(&client, read_all(client, argv[0], after));
}

static void print_rows(struct slice answer)
{
	struct table t;
	struct slice row;

	table_init(&t, 4);
	table_add(&t, slice_str("NAME"));
	table_add(&t, slice_str("ENTRIES"));
	table_add(&t, slice_str("OLDEST"));
	table_add(&t, slice_str("LAST"));
	for (struct values v = values_of(answer); values_next(&v, &row);) {
		table_add(&t, value_bytes(value_member(row, "name")));
		table_add_number(&t, row, "entries");
		table_add_number(&t, row, "oldest");
		table_add_number(&t, row, "last");
	}
	table_print(&t);
	table_release(&t);
}

static int run_list(int argc, char **argv)
{
	return verb_list(argc, argv, dq_topic_list, print_rows);
}

/* ---- the table ---- */

static const struct cmd subs[] = {
	{.name = "publish",
		.words = "NAME VALUE",
		.about = "Append a VALUE, which is JSON, and print its cursor.",
		.run = run_publish},
	{.name = "read",
		.words = "NAME",
		.about = "Print the entries, oldest first, a line each: the cursor and the value.",
		.tables = {read_opts},
		.run = run_read},
	{.name = "create",
		.words = "NAME",
		.about = "Make it with these bounds, or give it these; a publish makes one that "
			 "keeps "
			 "100000 entries.",
		.tables = {bound_opts},
		.run = run_create},
	{.name = "list", .words = "", .about = "List the topics.", .run = run_list},
	{.name = "delete", .words = "NAME", .about = "Delete it.", .run = run_delete},
	{.name = NULL},
};

const struct cmd cmd_topic = {
	.name = "topic",
	.words = "publish|read|create|list|delete ...",
	.about = "Topics: entries that are kept for a time, and read from a cursor on.",
	.subs = subs,
};
