/*
 * dq: the command. Finds the verb, reads its options by its table, runs it.
 *
 * Global options may stand before or after the verb. What stdout could not take is a failure too: a
 * script that reads a result must not take half of it for the whole.
 */
#include "cli.h"
#include "cmd.h"

#include "common/stdfds.h"

#include <dq/error.h>
#include <dq/version.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CMD_ENTRY(name) &cmd_##name,
static const struct cmd *const cmds[] = {CMDS(CMD_ENTRY)};
#undef CMD_ENTRY

#define CMD_COUNT (sizeof cmds / sizeof *cmds)

static const struct cmd *find_cmd(const char *name)
{
	for (size_t i = 0; i < CMD_COUNT; i++)
		if (strcmp(cmds[i]->name, name) == 0)
			return cmds[i];
	return NULL;
}

static void help_all(void)
{
	printf("usage: dq [OPTIONS] VERB ...\n\n");
	for (size_t i = 0; i < CMD_COUNT; i++)
		printf("  %-10s %s\n", cmds[i]->name, cmds[i]->about);
	printf("\nOptions of all verbs, before or after the verb:\n");
	opts_help(stdout, global_opts);
	printf("\ndq VERB --help shows the options of a verb.\n");
}

static void help_cmd(const char *verb, const struct cmd *cmd)
{
	printf("usage: dq %s%s%s%s\n\n%s\n\n", verb, cmd->tables[0] ? " [OPTIONS]" : "",
		cmd->words[0] ? " " : "", cmd->words, cmd->about);
	for (const struct cmd *sub = cmd->subs; sub && sub->name; sub++)
		printf("  %-10s %s\n", sub->name, sub->about);
	if (cmd->subs)
		printf("\n");
	for (size_t i = 0; i < CMD_TABLES_MAX && cmd->tables[i]; i++)
		opts_help(stdout, cmd->tables[i]);
	printf("\nOptions of all verbs:\n");
	opts_help(stdout, global_opts);
}

static int print_version(void)
{
	printf("dq %s\n", dq_version());
	return 0;
}

static int run_cmd(const char *verb, const struct cmd *cmd, int argc, char **argv)
{
	const struct opt *tables[CMD_TABLES_MAX + 2] = {global_opts};
	struct opts opts = {.tables = tables, .words_end = cmd->words_end};
	int words;

	for (size_t i = 0; i < CMD_TABLES_MAX && cmd->tables[i]; i++)
		tables[i + 1] = cmd->tables[i];
	cli_set_verb(verb);
	words = opts_parse(&opts, argc, argv);
	if (globals.help) {
		help_cmd(verb, cmd);
		return 0;
	}
	if (globals.version)
		return print_version();
	if (words < 0)
		return cli_usage("%s", opts.error);
	return cmd->run(words, argv);
}

/* The verbs of a verb. */
static int run_subs(const struct cmd *cmd, int argc, char **argv)
{
	const struct opt *const tables[] = {global_opts, NULL};
	struct opts opts = {.tables = tables, .words_end = true};
	int words = opts_parse(&opts, argc, argv);
	static char verb[64];

	if (words <= 0) {
		cli_set_verb(cmd->name);
		if (globals.help)
			help_cmd(cmd->name, cmd);
		else if (globals.version)
			print_version();
		else
			return words < 0 ? cli_usage("%s", opts.error)
					 : cli_usage("which? %s", cmd->words);
		return 0;
	}
	for (const struct cmd *sub = cmd->subs; sub->name; sub++) {
		if (strcmp(sub->name, argv[0]) != 0)
			continue;
		snprintf(verb, sizeof verb, "%s %s", cmd->name, sub->name);
		return run_cmd(verb, sub, words - 1, argv + 1);
	}
	cli_set_verb(cmd->name);
	return cli_usage(
		"%s: no such verb of %s: dq %s --help lists them", argv[0], cmd->name, cmd->name);
}

static int run_all(int argc, char **argv)
{
	const struct opt *const tables[] = {global_opts, NULL};
	struct opts opts = {.tables = tables, .words_end = true};
	int words = opts_parse(&opts, argc, argv);
	const struct cmd *cmd;

	if (globals.version)
		return print_version();
	if (words < 0)
		return cli_usage("%s", opts.error);
	if (words == 0 && globals.help) {
		help_all();
		return 0;
	}
	if (words == 0)
		return cli_usage("no verb given: dq --help lists them");
	cmd = find_cmd(argv[0]);
	if (!cmd)
		return cli_usage("%s: no such verb: dq --help lists them", argv[0]);
	return cmd->subs ? run_subs(cmd, words - 1, argv + 1)
			 : run_cmd(cmd->name, cmd, words - 1, argv + 1);
}

int main(int argc, char **argv)
{
	int code;

	stdfds_fill(true);
	code = run_all(argc > 0 ? argc - 1 : 0, argv + 1);
	opt_list_release(&globals.modules);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		int failed = cli_fail(DQ_E_IO, "standard output: %s", strerror(errno));

		return code ? code : failed;
	}
	return code;
}
