/*
 * dq history: what happened to a task, a line an event, oldest first: its attempts, where they ran
 * and how they ended, and what users did to it. Of an array, element by element.
 */
#include "cmd.h"
#include "output.h"
#include "verb.h"

#include "common/history.h"
#include "common/value.h"

#include <stdio.h>

/* Several tasks: their keys begin the lines. */
static bool has_several(struct slice answer)
{
	struct slice event, key, first = slice_empty();

	for (struct values v = values_of(answer); values_next(&v, &event);) {
		key = value_bytes(value_member(event, "key"));
		if (first.n && !slice_eq(key, first))
			return true;
		first = key;
	}
	return false;
}

static void print_lines(struct slice answer)
{
	bool several = has_several(answer);
	struct slice event;
	struct buf line;

	buf_init(&line, 65536);
	for (struct values v = values_of(answer); values_next(&v, &event);) {
		buf_clear(&line);
		history_line(&line, event, several);
		print_bytes(buf_slice(&line));
	}
	buf_release(&line);
}

static int run(int argc, char **argv)
{
	return verb_key(argc, argv, DQ_QUERY_HISTORY, print_lines);
}

const struct cmd cmd_history = {
	.name = "history",
	.words = "KEY",
	.about = "What happened to a task, oldest first: attempts, retries, priorities.",
	.run = run,
};
