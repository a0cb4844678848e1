/*
 * dq status: the scheduler at a glance.
 */
#include "cli.h"
#include "cmd.h"
#include "lookup.h"
#include "status.h"

#include "common/value.h"

#include <stdio.h>

static void print_count(struct slice status, const char *name)
{
	printf("%-10s  %llu\n", name, (unsigned long long)value_u64(value_member(status, name), 0));
}

static void print_tasks(struct slice tasks)
{
	struct slice name, count;
	bool any = false;

	printf("%-10s  ", "tasks");
	for (struct values v = values_of(tasks); values_next(&v, &name) && values_next(&v, &count);)
		if (value_u64(count, 0)) {
			name = value_bytes(name);
			printf("%s%llu %" SLICE_FMT, any ? ", " : "",
				(unsigned long long)value_u64(count, 0), SLICE_ARG(name));
			any = true;
		}
	printf("%s\n", any ? "" : "none");
}

static void print_text(struct slice status)
{
	struct slice store = value_member(status, "store");
	struct slice durability = value_bytes(value_member(store, "durability"));

	print_count(status, "epoch");
	print_tasks(value_member(status, "tasks"));
	print_count(status, "queues");
	print_count(status, "variables");
	print_count(status, "sessions");
	printf("%-10s  %" SLICE_FMT ", %llu bytes, %llu commits\n", "store", SLICE_ARG(durability),
		(unsigned long long)value_u64(value_member(store, "bytes"), 0),
		(unsigned long long)value_u64(value_member(store, "commits"), 0));
	printf("%-10s  %llu\n", "workers",
		(unsigned long long)values_of(value_member(status, "workers")).left);
	if (values_of(value_member(status, "workers")).left)
		print_workers(value_member(status, "workers"));
}

static int run(int argc, char **argv)
{
	struct dq_value answer;
	int code;

	if (argc > 0)
		return cli_usage("takes no words: %s", argv[0]);
	code = status_ask(&answer);
	if (code)
		return code;
	if (globals.json)
		code = print_answer_json(value_slice(&answer));
	else
		print_text(value_slice(&answer));
	dq_value_release(&answer);
	return code;
}

const struct cmd cmd_status = {
	.name = "status",
	.words = "",
	.about = "Show how many tasks are in which state, the workers and the store.",
	.run = run,
};
