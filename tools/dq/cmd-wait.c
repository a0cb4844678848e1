/*
 * dq wait: until tasks have ended. Looks only: it holds nothing and leaves no trace.
 */
#include "cli.h"
#include "cmd.h"
#include "lookup.h"
#include "output.h"
#include "progress.h"

#include "base/clock.h"

#include <stdio.h>

static const char *label;
static bool all, any;
static double timeout_s = -1;

static const struct opt opts[] = {
	{0, "any", OPT_FLAG, &any, NULL, "until the first of them has ended"},
	{0, "all", OPT_FLAG, &all, NULL, "for all of the user's tasks that have not ended now"},
	{'l', "label", OPT_STR, &label, "LABEL", "likewise, for those with this label"},
	{'t', "timeout", OPT_SECONDS, &timeout_s, "SEC", "at most so long; then exit 3"},
	{0},
};

static int watch(struct dq_client *client, int argc, char **argv, struct watched *out)
{
	struct ids ids;
	int code;

	*out = (struct watched){0};
	if (argc > 0)
		return watch_keys(client, argv, (size_t)argc, out);
	code = find_unfinished(client, label, &ids);
	if (!code)
		code = watch_ids(client, NULL, &ids, out);
	ids_release(&ids);
	return code;
}

static void print_json(struct dq_client *client, const struct watched *w)
{
	struct json j;
	struct buf text;

	buf_init(&text, INT32_MAX);
	json_init(&j, &text);
	json_open_array(&j);
	for (size_t i = 0; i < w->n; i++) {
		json_open_object(&j);
		json_key(&j, "key");
		json_cstr(&j, dq_future_key(w->v[i]));
		json_key(&j, "state");
		json_cstr(&j, state_word(dq_future_state(w->v[i])));
		json_key(&j, "error");
		failure_json(&j, client, w->v[i]);
		json_end_object(&j);
	}
	json_end_array(&j);
	json_newline(&j);
	print_bytes(buf_slice(&text));
	buf_release(&text);
}

/* One line for the first that ended badly: a script wants the code, a person one reason. */
static int outcome(struct dq_client *client, const struct watched *w)
{
	if (globals.json)
		print_json(client, w);
	for (size_t i = 0; i < w->n; i++)
		if (dq_future_done(w->v[i]) && dq_future_state(w->v[i]) != DQ_STATE_DONE)
			return print_failure(client, w->v[i]);
	return 0;
}

static int wait_for(struct dq_client *client, int argc, char **argv, uint64_t began_us)
{
	struct watched watched;
	int code = watch(client, argc, argv, &watched), r;

	if (!code) {
		if (progress_begin(client, watched.v, watched.n))
			interrupt_catch();
		r = cli_wait(client, watched.v, watched.n, any, cli_time_left(timeout_s, began_us));
		progress_end();
		if (r == DQ_E_OK)
			code = outcome(client, &watched);
		else if (r == CLI_INTERRUPTED)
			code = interrupt_end();
		else if (r == DQ_E_TIMEOUT)
			code = cli_fail(r, "%s", dq_strerror(r));
		else
			code = cli_fail_client(r, client, NULL);
	}
	watched_release(&watched);
	return code;
}

static int run(int argc, char **argv)
{
	uint64_t began_us = clock_mono_us();
	struct dq_client *client;
	int code;

	if ((argc > 0) + all + (label != NULL) != 1)
		return cli_usage("what to wait for: KEY..., --all or --label, one of them");
	code = cli_open(true, &client);
	if (code)
		return code;
	return cli_close(&client, wait_for(client, argc, argv, began_us));
}

static const char about[] = "Wait until tasks have ended. Exit 1 if one failed or was cancelled.";

const struct cmd cmd_wait = {
	.name = "wait",
	.words = "[KEY...]",
	.about = about,
	.tables = {opts},
	.run = run,
};
