/*
 * Asking for the status, and the workers in it.
 */
#include "status.h"

#include "cli.h"
#include "lookup.h"
#include "output.h"

#include "common/value.h"

#include <stdio.h>

int status_ask(struct dq_value *out)
{
	struct dq_client *client;
	int code = cli_open(true, &client);

	if (code)
		return code;
	code = ask(client, DQ_QUERY_STATUS, NULL, NULL, out);
	return cli_close(&client, code);
}

static void add_number(struct table *t, struct slice value)
{
	char text[24];

	snprintf(text, sizeof text, "%llu", (unsigned long long)value_u64(value, 0));
	table_add(t, slice_str(text));
}

void print_workers(struct slice workers)
{
	static const char *const heads[] = {"NAME", "STATE", "SLOTS", "RUNNING", "HELD"};
	struct table t;
	struct slice w;

	table_init(&t, sizeof heads / sizeof *heads);
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
		table_add(&t, slice_str(heads[i]));
	for (struct values v = values_of(workers); values_next(&v, &w);) {
		table_add(&t, value_bytes(value_member(w, "name")));
		table_add(&t, value_bytes(value_member(w, "state")));
		add_number(&t, value_member(w, "slots"));
		add_number(&t, value_member(w, "running"));
		add_number(&t, value_member(w, "held_bytes"));
	}
	table_print(&t);
	table_release(&t);
}
