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

/* "gpus 0.5/1": what is in use, of what there is. */
static void add_resources(struct table *t, struct slice w)
{
	struct slice total = value_member(w, "resources"), used = value_member(w, "used");
	struct slice name, amount, same, in_use;
	struct values u = values_of(used);
	struct buf text;

	buf_init(&text, 65536);
	for (struct values v = values_of(total);
		values_next(&v, &name) && values_next(&v, &amount) && values_next(&u, &same) &&
		values_next(&u, &in_use);) {
		name = value_bytes(name);
		buf_printf(&text, "%s%" SLICE_FMT " ", text.n ? ", " : "", SLICE_ARG(name));
		value_put_amount(&text, in_use);
		buf_printf(&text, "/");
		value_put_amount(&text, amount);
	}
	table_add(t, buf_slice(&text));
	buf_release(&text);
}

/* The elements of an array with commas, or of a map as NAME=VALUE; a word as it is. */
static void add_words(struct table *t, struct slice list)
{
	bool map = value_type(list) == CURSOR_MAP;
	struct slice word, value;
	struct buf text;

	buf_init(&text, 65536);
	if (value_type(list) == CURSOR_STR)
		buf_append_slice(&text, value_bytes(list));
	for (struct values v = values_of(list); values_next(&v, &word);) {
		if (text.n)
			buf_append_byte(&text, ' ');
		buf_append_slice(&text, value_bytes(word));
		if (!map || !values_next(&v, &value))
			continue;
		buf_append_byte(&text, '=');
		buf_append_slice(&text, value_bytes(value));
	}
	table_add(t, buf_slice(&text));
	buf_release(&text);
}

void print_workers(struct slice workers)
{
	static const char *const heads[] = {"NAME", "STATE", "SLOTS", "RUNNING", "HELD",
		"RESOURCES", "HOST", "USERS", "LABELS"};
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
		add_resources(&t, w);
		table_add(&t, value_bytes(value_member(w, "host")));
		add_words(&t, value_member(w, "users"));
		add_words(&t, value_member(w, "labels"));
	}
	table_print(&t);
	table_release(&t);
}
