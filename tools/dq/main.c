/*
 * dq: the command. Finds the verb, reads its options by its table, runs it.
 *
 * Global options may stand before or after the verb. What stdout could not take is a failure too: a
 * script that reads a result must not take half of it for the whole.
 */
#include "cli.h"
#include "cmd.h"

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

static void help_cmd(const struct cmd *cmd)
{
	printf("usage: dq %s%s%s%s\n\n%s\n\n", cmd->name, cmd->tables[0] ? " [OPTIONS]" : "",
		cmd->words[0] ? " " : "", cmd->words, cmd->about);
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

static int run_cmd(const struct cmd *cmd, int argc, char **argv)
{
	const struct opt *tables[CMD_TABLES_MAX + 2] = {global_opts};
	struct opts opts = {.tables = tables, .words_end = cmd->words_end};
	int words;

	for (size_t i = 0; i < CMD_TABLES_MAX && cmd->tables[i]; i++)
		tables[i + 1] = cmd->tables[i];
	cli_set_verb(cmd->name);
	words = opts_parse(&opts, argc, argv);
	if (globals.help) {
		help_cmd(cmd);
		return 0;
	}
	if (globals.version)
		return print_version();
	if (words < 0)
		return cli_usage("%s", opts.error);
	return cmd->run(words, argv);
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
	return run_cmd(cmd, words - 1, argv + 1);
}

int main(int argc, char **argv)
{
	int code = run_all(argc > 0 ? argc - 1 : 0, argv + 1);

	opt_list_release(&globals.modules);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		int failed = cli_fail(DQ_E_IO, "standard output: %s", strerror(errno));

		return code ? code : failed;
	}
	return code;
}
