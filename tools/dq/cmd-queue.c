/*
 * dq queue: the table of its verbs, and those about queues as wholes.
 */
#include "cmd-queue.h"

#include "cli.h"
#include "cmd.h"
#include "lookup.h"
#include "output.h"
#include "verb.h"

#include "common/value.h"

#include <dq/coordination.h>

#include <stdio.h>

static uint64_t maxsize, max_deliveries;
static const char *dead_letter;

static const struct opt create_opts[] = {
	{0, "maxsize", OPT_UINT, &maxsize, "N", "items not acknowledged; a put waits for room"},
	{0, "max-deliveries", OPT_UINT, &max_deliveries, "N",
		"an item that comes back after so many goes to the dead-letter queue"},
	{0, "dead-letter", OPT_STR, &dead_letter, "QUEUE", "its name (NAME.dead)"},
	{0},
};

/* One name, and what is done to that queue. */
static int with_queue(int argc, char **argv, int (*act)(struct dq_client *client, const char *name))
{
	struct dq_client *client;
	int code, r;

	if (argc != 1)
		return cli_usage("one NAME is wanted");
	code = cli_open_for(false, QUEUE_SESSION_S, &client);
	if (code)
		return code;
	r = act(client, argv[0]);
	return cli_close(&client, r == DQ_E_OK ? 0 : cli_fail_client(r, client, argv[0]));
}

static int create(struct dq_client *client, const char *name)
{
	struct dq_queue_limits limits = {.size = sizeof limits,
		.maxsize = maxsize,
		.max_deliveries = (uint32_t)max_deliveries,
		.dead_letter = dead_letter};

	return dq_queue_create(client, name, &limits, -1);
}

static int run_create(int argc, char **argv)
{
	if (max_deliveries > UINT32_MAX)
		return cli_usage("--max-deliveries: out of range");
	return with_queue(argc, argv, create);
}

static int purge(struct dq_client *client, const char *name)
{
	return dq_queue_purge(client, name, -1);
}

static int run_purge(int argc, char **argv)
{
	return with_queue(argc, argv, purge);
}

static int delete (struct dq_client *client, const char *name)
{
	return dq_queue_delete(client, name, -1);
}

static int run_delete(int argc, char **argv)
{
	return with_queue(argc, argv, delete);
}

static void print_count(const char *key, uint64_t n)
{
	if (globals.json)
		printf("{\"%s\":%llu}\n", key, (unsigned long long)n);
	else
		printf("%llu\n", (unsigned long long)n);
}

static int kick(struct dq_client *client, const char *name)
{
	uint64_t n, all = 0;
	int r;

	do {
		r = dq_queue_kick(client, name, -1, &n);
		all += n;
	} while (r == DQ_E_OK && n > 0);
	if (r == DQ_E_OK)
		print_count("kicked", all);
	return r;
}

static int run_kick(int argc, char **argv)
{
	return with_queue(argc, argv, kick);
}

static int len(struct dq_client *client, const char *name)
{
	uint64_t n;
	int r = dq_queue_len(client, name, -1, &n);

	if (r == DQ_E_OK)
		print_count("len", n);
	return r;
}

static int run_len(int argc, char **argv)
{
	return with_queue(argc, argv, len);
}

static void print_rows(struct slice answer)
{
	struct table t;
	struct slice row;

	table_init(&t, 5);
	table_add(&t, slice_str("NAME"));
	table_add(&t, slice_str("LEN"));
	table_add(&t, slice_str("WAITING"));
	table_add(&t, slice_str("DELAYED"));
	table_add(&t, slice_str("MAXSIZE"));
	for (struct values v = values_of(answer); values_next(&v, &row);) {
		table_add(&t, value_bytes(value_member(row, "name")));
		table_add_number(&t, row, "len");
		table_add_number(&t, row, "waiting");
		table_add_number(&t, row, "delayed");
		table_add_number(&t, row, "maxsize");
	}
	table_print(&t);
	table_release(&t);
}

static int run_list(int argc, char **argv)
{
	return verb_list(argc, argv, dq_queue_list, print_rows);
}

static const struct cmd subs[] = {
	{.name = "put",
		.words = "NAME [VALUE]",
		.about = "Put an item: JSON, or @KEY, the future of a task; without a VALUE each "
			 "line of standard input.",
		.tables = {queue_put_opts},
		.run = queue_put},
	{.name = "get",
		.words = "NAME",
		.about = "Print items, one a line; they are gone from the queue.",
		.tables = {queue_get_opts},
		.run = queue_get},
	{.name = "take",
		.words = "NAME",
		.about = "Print items that are to be acknowledged while their lease lasts.",
		.tables = {queue_take_opts},
		.run = queue_take},
	{.name = "peek",
		.words = "NAME",
		.about = "Print the items that would be got next; they stay.",
		.tables = {queue_peek_opts},
		.run = queue_peek},
	{.name = "ack",
		.words = "NAME ID FENCE",
		.about = "An item that was taken is done.",
		.run = queue_ack},
	{.name = "nack",
		.words = "NAME ID FENCE",
		.about = "An item that was taken waits again.",
		.tables = {queue_nack_opts},
		.run = queue_nack},
	{.name = "extend",
		.words = "NAME ID FENCE",
		.about = "Keep an item that was taken for longer.",
		.tables = {queue_extend_opts},
		.run = queue_extend},
	{.name = "len",
		.words = "NAME",
		.about = "Print how many items are not acknowledged.",
		.run = run_len},
	{.name = "list", .words = "", .about = "List the queues.", .run = run_list},
	{.name = "create",
		.words = "NAME",
		.about = "Make a queue with limits.",
		.tables = {create_opts},
		.run = run_create},
	{.name = "purge", .words = "NAME", .about = "Empty it.", .run = run_purge},
	{.name = "kick",
		.words = "NAME",
		.about = "Put its dead letters back, and print how many.",
		.run = run_kick},
	{.name = "delete", .words = "NAME", .about = "Delete it.", .run = run_delete},
	{.name = NULL},
};

const struct cmd cmd_queue = {
	.name = "queue",
	.words = "put|get|take|peek|ack|nack|extend|len|list|create|purge|kick|delete ...",
	.about = "Queues: items that one taker each gets.",
	.subs = subs,
};
