/*
 * dq event: set and cleared, and waited for.
 */
#include "cmd.h"
#include "verb.h"

#include <dq/coordination.h>

static double timeout_s = -1;

static const struct opt wait_opts[] = {
	{'t', "timeout", OPT_SECONDS, &timeout_s, "SEC", "wait at most so long; then exit 3"},
	{0},
};

static int run_set(int argc, char **argv)
{
	return verb_name(argc, argv, dq_event_set, -1);
}

static int run_clear(int argc, char **argv)
{
	return verb_name(argc, argv, dq_event_clear, -1);
}

static int run_wait(int argc, char **argv)
{
	return verb_name(argc, argv, dq_event_wait, timeout_s);
}

static const struct cmd subs[] = {
	{.name = "set",
		.words = "NAME",
		.about = "Set it: who waits for it goes on.",
		.run = run_set},
	{.name = "clear", .words = "NAME", .about = "Set it back.", .run = run_clear},
	{.name = "wait",
		.words = "NAME",
		.about = "Wait until it is set.",
		.tables = {wait_opts},
		.run = run_wait},
	{.name = NULL},
};

const struct cmd cmd_event = {
	.name = "event",
	.words = "set|clear|wait ...",
	.about = "Events: set or not, for all to wait for.",
	.subs = subs,
};
