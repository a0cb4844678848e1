/*
 * dq-inspect: looks into a state directory, its scheduler running or not, without disturbing it.
 *
 * Happy path: find the command, start a child, in it open the store read-only and a snapshot, run
 * the command, print. The child is there for damaged pages: LMDB trusts its file, and reading a bad
 * one can kill the reader; the parent tells of that death. Failures: exit codes of cli.md.
 */
#include "inspect.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "common/stdfds.h"

#define CMD_ENTRY(name) &cmd_##name,
static const struct cmd *const cmds[] = {CMDS(CMD_ENTRY)};
#undef CMD_ENTRY

#define CMD_COUNT (sizeof(cmds) / sizeof(cmds[0]))

static struct {
	const char *state;
	double timeout_s;
	bool json, help, version;
} globals = {.timeout_s = 30};

static const struct opt global_opts[] = {
	{0, "state", OPT_STR, &globals.state, "DIR", "the scheduler's state directory"},
	{0, "json", OPT_FLAG, &globals.json, NULL, "print JSON"},
	{0, "timeout", OPT_SECONDS, &globals.timeout_s, "SEC",
		"longest look at a live store, 0: any (30)"},
	{'h', "help", OPT_FLAG, &globals.help, NULL, "print this"},
	{0, "version", OPT_FLAG, &globals.version, NULL, "print the version"},
	{0},
};

static const struct cmd *find_cmd(const char *name)
{
	for (size_t i = 0; i < CMD_COUNT; i++)
		if (strcmp(cmds[i]->name, name) == 0)
			return cmds[i];
	return NULL;
}

static void help_all(void)
{
	printf("usage: dq-inspect --state DIR COMMAND [OPTIONS]\n\n"
	       "Reads the store of a dq scheduler, which may be running.\n\n");
	for (size_t i = 0; i < CMD_COUNT; i++)
		printf("  %-9s %-18s %s\n", cmds[i]->name, cmds[i]->words, cmds[i]->about);
	printf("\nOptions of all commands:\n");
	opts_help(stdout, global_opts);
}

static void help_cmd(const struct cmd *cmd)
{
	printf("usage: dq-inspect --state DIR %s%s%s\n\n%s\n\n", cmd->name,
		cmd->words[0] ? " " : "", cmd->words, cmd->about);
	if (cmd->opts)
		opts_help(stdout, cmd->opts);
	printf("\nOptions of all commands:\n");
	opts_help(stdout, global_opts);
}

/* The default state directory, as dq-scheduler has it. */
static const char *default_state(void)
{
	static char path[4096];
	const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (base && base[0] == '/')
		snprintf(path, sizeof(path), "%s/dq", base);
	else
		snprintf(path, sizeof(path), "%s/.local/state/dq", home ? home : "");
	return path;
}

/* A store that cannot be opened for damage is what `check` is there to find. */
static int refuse_store(const struct cmd *cmd, const struct store_error *err)
{
	if (cmd != &cmd_check || err->code != STORE_DAMAGED)
		return fail_store(err);
	printf("%s\n", err->text);
	return EXIT_VIOLATED;
}

static int open_store(const struct cmd *cmd, struct inspect *in)
{
	struct store_options options = {.dir = in->dir, .read_only = true};
	struct store_error err = {.code = STORE_OK};

	if (store_open(&options, &in->store, &err) != STORE_OK)
		return refuse_store(cmd, &err);
	store_info(in->store, &in->info);
	if (store_snapshot_begin(in->store, &in->snapshot, &err) != STORE_OK)
		return fail_store(&err);
	if (in->info.live && in->timeout_s > 0)
		in->until_us = clock_mono_us() + (uint64_t)(in->timeout_s * 1e6);
	return 0;
}

/* In the child. */
static int run_cmd(const struct cmd *cmd, struct inspect *in)
{
	int code;

	buf_init(&in->out, SIZE_MAX / 2);
	json_init(&in->j, &in->out);
	code = cmd->reads ? open_store(cmd, in) : 0;
	if (code == 0)
		code = cmd->run(in);
	if (!out_flush(in) && code == 0)
		code = fail(EXIT_REFUSED, "standard output: %s", strerror(errno));
	store_snapshot_end(&in->snapshot);
	store_close(&in->store);
	buf_release(&in->out);
	return code;
}

/* The child's death is a finding of `check`, and a failure of any other command. */
static int tell_death(const struct cmd *cmd, const struct inspect *in, int sig)
{
	if (sig == SIGINT || sig == SIGTERM || sig == SIGPIPE || sig == SIGHUP || sig == SIGKILL)
		return 128 + sig;
	if (cmd == &cmd_check) {
		printf("store: its pages are damaged: reading them ended with signal %d (%s)\n",
			sig, strsignal(sig));
		return EXIT_VIOLATED;
	}
	return fail(EXIT_REFUSED, "%s: the store is damaged: reading it ended with signal %d (%s)",
		in->dir, sig, strsignal(sig));
}

static int run_in_child(const struct cmd *cmd, struct inspect *in)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return fail(EXIT_REFUSED, "cannot start a process: %s", strerror(errno));
	if (pid == 0) {
		struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};

		setrlimit(RLIMIT_CORE, &none);
		exit(run_cmd(cmd, in));
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return fail(EXIT_BUG, "waiting: %s", strerror(errno));
	if (WIFSIGNALED(status))
		return tell_death(cmd, in, WTERMSIG(status));
	return WEXITSTATUS(status);
}

static int start(const struct cmd *cmd, int argc, char **argv)
{
	/* Its own first: after `tasks`, --state is a task's. */
	const struct opt *const tables[] = {
		cmd->opts ? cmd->opts : global_opts, cmd->opts ? global_opts : NULL, NULL};
	struct opts opts = {.tables = tables};
	struct inspect in = {.argv = argv};

	in.argc = opts_parse(&opts, argc, argv);
	if (globals.help) {
		help_cmd(cmd);
		return 0;
	}
	if (in.argc < 0)
		return fail(EXIT_USAGE, "%s: %s", cmd->name, opts.error);
	if (in.argc < cmd->words_min || in.argc > cmd->words_max)
		return fail(
			EXIT_USAGE, "usage: dq-inspect --state DIR %s %s", cmd->name, cmd->words);
	in.dir = globals.state ? globals.state : default_state();
	in.json = globals.json;
	in.timeout_s = globals.timeout_s;
	return run_in_child(cmd, &in);
}

int main(int argc, char **argv)
{
	const struct opt *const tables[] = {global_opts, NULL};
	struct opts opts = {.tables = tables, .words_end = true};
	const struct cmd *cmd;
	int words;

	stdfds_fill(true);
	words = opts_parse(&opts, argc - 1, argv + 1);
	if (globals.version) {
		printf("dq-inspect %s\n", PACKAGE_VERSION);
		return 0;
	}
	if (words < 0)
		return fail(EXIT_USAGE, "%s", opts.error);
	if (words == 0 && globals.help) {
		help_all();
		return 0;
	}
	if (words == 0)
		return fail(EXIT_USAGE, "no command given: dq-inspect --help lists them");
	cmd = find_cmd(argv[1]);
	if (!cmd)
		return fail(
			EXIT_USAGE, "%s: no such command: dq-inspect --help lists them", argv[1]);
	return start(cmd, words - 1, argv + 2);
}
