/*
 * dq show: all that is known of a task, and why it is not running.
 */
#include "cmd.h"
#include "output.h"
#include "verb.h"

#include "common/value.h"

#include <stdio.h>

/* "key: value" lines; text as it is, other values as JSON, what is empty left out. */
static void print_fields(struct slice map)
{
	struct slice name, value;

	for (struct values v = values_of(map); values_next(&v, &name) && values_next(&v, &value);) {
		struct json j;
		struct buf text;
		struct slice plain = value_bytes(value);

		name = value_bytes(name);
		if (value_is_nil(value) || (value_type(value) == CURSOR_STR && plain.n == 0))
			continue;
		buf_init(&text, INT32_MAX);
		json_init(&j, &text);
		if (value_type(value) == CURSOR_STR)
			buf_append_slice(&text, plain);
		else
			value_json(&j, value);
		printf("%-10" SLICE_FMT "  ", SLICE_ARG(name));
		print_bytes(buf_slice(&text));
		printf("\n");
		buf_release(&text);
	}
}

static int run(int argc, char **argv)
{
	return verb_key(argc, argv, DQ_QUERY_SHOW, print_fields);
}

const struct cmd cmd_show = {
	.name = "show",
	.words = "KEY",
	.about = "Show a task: its state, why it waits, its error, where its result is.",
	.run = run,
};
