/*
 * dq retry, forget, priority: what is done to tasks that are there, by their keys, or to all of the
 * user's with a label or in a state.
 *
 * By keys, all tasks must be there and suit, or nothing is done; of an array, and of what was
 * selected, tasks that it does not suit are left as they are. Acknowledged means durable.
 */
#include "cli.h"
#include "cmd.h"
#include "lookup.h"

#include "base/str.h"

#include <dq/client.h>

#include <stdio.h>

static const char *label, *state;

static const struct opt opts[] = {
	{'l', "label", OPT_STR, &label, "LABEL", "all of the user's tasks with this label"},
	{0, "state", OPT_STR, &state, "STATE", "all of the user's tasks in this state"},
	{0},
};

struct doing {
	enum dq_act act;
	int32_t priority;
	struct dq_client *client;
	char **keys; /* NULL: selected */
	struct ids ids;
};

/* The key that a task was named by. */
static const char *key_of(const struct doing *d, uint64_t id)
{
	for (size_t i = 0; d->keys && id && i < d->ids.n; i++)
		if (id >= d->ids.first[i] && id - d->ids.first[i] < d->ids.count[i])
			return d->keys[i];
	return NULL;
}

/* What is forgotten, and something still needs. */
static void tell_kept(const struct doing *d, const struct dq_acted *acted)
{
	const char *key = key_of(d, acted->first_kept);

	if (acted->kept == 1 && key)
		fprintf(stderr, "dq: forget: %s stays until what depends on it has ended\n", key);
	else if (acted->kept)
		fprintf(stderr,
			"dq: forget: %llu tasks stay until what depends on them has ended\n",
			(unsigned long long)acted->kept);
}

static int act(struct doing *d, const struct ids *ids, bool leave_others)
{
	struct dq_acted acted;
	int r = dq_act_ids(d->client, d->act, d->priority, leave_others, ids->first, ids->count,
		ids->n, -1, &acted);

	if (r == DQ_E_OK) {
		tell_kept(d, &acted);
		return 0;
	}
	return cli_fail_client(r, d->client, key_of(d, acted.refused));
}

/* Single tasks first: if one is refused, nothing is done. */
static int act_keys(struct doing *d)
{
	struct ids part;
	int code = 0;

	for (int arrays = 0; arrays < 2 && !code; arrays++) {
		ids_init(&part, d->ids.n);
		for (size_t i = 0; i < d->ids.n; i++)
			if ((d->ids.count[i] > 1) == (arrays == 1))
				ids_add(&part, d->ids.first[i], d->ids.count[i]);
		if (part.n)
			code = act(d, &part, arrays == 1);
		ids_release(&part);
	}
	return code;
}

static int act_on(struct doing *d, int argc, char **argv)
{
	int code;

	if ((argc > 0) == (label || state))
		return cli_usage("which tasks: KEY..., or --label or --state");
	code = cli_open(false, &d->client);
	if (code)
		return code;
	d->keys = argc > 0 ? argv : NULL;
	if (d->keys)
		code = find_keys(d->client, argv, (size_t)argc, &d->ids);
	else
		code = find_selected(d->client, state, label, &d->ids);
	if (!code)
		code = d->keys ? act_keys(d) : act(d, &d->ids, true);
	ids_release(&d->ids);
	return cli_close(&d->client, code);
}

static int run_retry(int argc, char **argv)
{
	return act_on(&(struct doing){.act = DQ_ACT_RETRY}, argc, argv);
}

static int run_forget(int argc, char **argv)
{
	return act_on(&(struct doing){.act = DQ_ACT_FORGET}, argc, argv);
}

static int run_priority(int argc, char **argv)
{
	struct doing d = {.act = DQ_ACT_PRIORITY};
	int64_t n;

	if (argc < 1 || !str_to_i64(slice_str(argv[0]), &n))
		return cli_usage("N is wanted, a number: %s", argc < 1 ? "nothing" : argv[0]);
	if (n < -INT32_MAX || n > INT32_MAX)
		return cli_usage("a priority is from -2147483647 to 2147483647: %s", argv[0]);
	d.priority = (int32_t)n;
	return act_on(&d, argc - 1, argv + 1);
}

const struct cmd cmd_retry = {
	.name = "retry",
	.words = "[KEY...]",
	.about = "Begin anew what failed or was cancelled, and what it needs of that kind.",
	.tables = {opts},
	.run = run_retry,
};

const struct cmd cmd_forget = {
	.name = "forget",
	.words = "[KEY...]",
	.about = "Forget tasks that have ended, with their results; their keys are free.",
	.tables = {opts},
	.run = run_forget,
};

const struct cmd cmd_priority = {
	.name = "priority",
	.words = "N [KEY...]",
	.about = "Set the priority of tasks that have not ended.",
	.tables = {opts},
	.run = run_priority,
};
