/*
 * dq-bench: measures dq, side by side with what the machine can do.
 *
 * This process starts a scheduler and workers, and a child that is the client and measures. So it
 * is still there to end them and to remove the directory if the client fails, crashes or is
 * interrupted. With --local the client has them inside; with --scheduler they are somebody else's.
 * The last line of the output is one JSON object.
 */
#include "bench.h"
#include "limits.h"
#include "servers.h"

#include "base/buf.h"
#include "base/clock.h"
#include "common/options.h"
#include "common/value.h"

#include <dq/error.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SYNC_ROUNDS 200
#define CLIENTS_MAX 64
#define WINDOW_MAX 1024 /* as many as a get has */

const struct workload *const workloads[] = {&workload_noop, &workload_array, &workload_chain,
	&workload_roundtrip, &workload_exec, &workload_startup, &workload_fair, &workload_queue,
	&workload_variable, &workload_lock, NULL};

static struct settings {
	uint64_t n, workers, slots, clients, window;
	const char *durability, *isolation, *scheduler, *dir;
	bool local, json, help;
} set = {.workers = 1, .clients = 4, .window = 64};

static const struct opt opts[] = {
	{'n', "n", OPT_UINT, &set.n, "N", "how many; each workload has its own default"},
	{0, "durability", OPT_STR, &set.durability, "D", "strict (the default), relaxed, volatile"},
	{0, "workers", OPT_UINT, &set.workers, "N", "workers to start (1)"},
	{0, "slots", OPT_UINT, &set.slots, "N", "slots of each (one a CPU)"},
	{0, "clients", OPT_UINT, &set.clients, "N", "queue, variable, lock: so many at a time (4)"},
	{0, "window", OPT_UINT, &set.window, "N", "queue: items that a call carries (64)"},
	{0, "isolation", OPT_STR, &set.isolation, "I", "thread (the default) or process"},
	{0, "local", OPT_FLAG, &set.local, NULL, "all in one process"},
	{0, "scheduler", OPT_STR, &set.scheduler, "ADDR",
		"use this one, and its workers, which must have the module"},
	{0, "dir", OPT_STR, &set.dir, "DIR", "make the temporary directory here ($TMPDIR or /tmp)"},
	{'j', "json", OPT_FLAG, &set.json, NULL, "print the JSON line alone"},
	{'h', "help", OPT_FLAG, &set.help, NULL, "print this help"},
	{0},
};

static int fail(int error, const char *what, const char *why)
{
	fprintf(stderr, "dq-bench: %s: %s\n", what, why);
	return dq_exit_code(error);
}

/* --- For the workloads ------------------------------------------------------------------------ */

void figure(struct bench *b, const char *name, double value)
{
	json_key(b->line, name);
	json_double(b->line, value);
	if (!set.json)
		printf("%-16s %.6g\n", name, value);
}

void figure_rate(struct bench *b, uint64_t began_us)
{
	b->seconds = (double)(clock_mono_us() - began_us) / 1e6;
	figure(b, "tasks_per_s", (double)b->n / b->seconds);
}

int check_done(struct dq_future *future)
{
	struct dq_failure failure;

	if (dq_future_state(future) == DQ_STATE_DONE)
		return DQ_E_OK;
	if (dq_future_failure(future, &failure) != DQ_E_OK)
		return DQ_E_OK;
	fprintf(stderr, "dq-bench: task %s: %s: %s\n", dq_future_key(future),
		failure.cause ? failure.cause : "failed", failure.message ? failure.message : "");
	return failure.error ? failure.error : DQ_E_TASK_FAILED;
}

void free_futures(struct dq_future **futures, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		dq_future_free(&futures[i]);
	free(futures);
}

uint64_t ask_commits(struct dq_client *client, char *durability)
{
	struct dq_value answer;
	struct slice store, word;
	uint64_t commits;

	if (dq_query(client, DQ_QUERY_STATUS, NULL, 30, &answer) != DQ_E_OK)
		return 0;
	store = value_member(slice_of(answer.bytes, answer.n), "store");
	commits = value_u64(value_member(store, "commits"), 0);
	word = value_bytes(value_member(store, "durability"));
	if (durability)
		snprintf(durability, 16, "%" SLICE_FMT, SLICE_ARG(word));
	dq_value_release(&answer);
	return commits;
}

/* --- The client ------------------------------------------------------------------------------- */

struct usage {
	uint64_t cpu_us, commits;
};

/* The scheduler's process; in local mode it is this one, client included. */
static pid_t measured_pid(const struct servers *s)
{
	if (set.local)
		return getpid();
	return s->scheduler;
}

static struct usage usage_now(struct bench *b, const struct servers *s, char *durability)
{
	struct usage u = {0};

	if (b->client)
		u.commits = ask_commits(b->client, durability);
	if (measured_pid(s))
		u.cpu_us = process_cpu_us(measured_pid(s));
	return u;
}

static void add_number(struct json *j, const char *key, bool known, double value)
{
	json_key(j, key);
	if (known)
		json_double(j, value);
	else
		json_put_null(j);
}

static void finish_line(struct bench *b, const struct servers *s, struct usage before,
	struct usage after, const char *durability)
{
	pid_t pid = b->client ? measured_pid(s) : 0;
	struct json *j = b->line;

	json_key(j, "seconds");
	json_double(j, b->seconds);
	json_key(j, "durability");
	json_cstr(j, durability);
	add_number(j, "cpu_us_per_task", pid != 0,
		(double)(after.cpu_us - before.cpu_us) / (double)b->n);
	add_number(j, "rss_bytes", pid != 0, pid ? (double)process_rss_bytes(pid) : 0);
	add_number(j, "commits", b->client != NULL, (double)(after.commits - before.commits));
	add_number(j, "sync_p50_ms", true, limit_sync_ms(b->dir, SYNC_ROUNDS));
	if (set.local || !b->client) {
		json_key(j, "local");
		json_bool(j, true);
	}
}

static int open_client(struct bench *b, const char *address)
{
	const char *modules[] = {b->module, NULL};
	struct dq_options options = DQ_OPTIONS_INIT;
	int r;

	options.local_modules = modules;
	options.local_workers = (unsigned)set.workers;
	options.local_slots = b->slots;
	options.durability = b->durability;
	options.local_processes = set.isolation && strcmp(set.isolation, "process") == 0;
	r = dq_client_open(address, &options, &b->client);
	return r == DQ_E_OK ? 0 : fail(r, address, b->client ? dq_client_error(b->client) : "");
}

static int measure(const struct workload *w, struct servers *s, struct json *line)
{
	struct bench b = {.n = set.n ? set.n : w->n,
		.module = servers_module(s),
		.durability = set.durability ? set.durability : "strict",
		.dir = s->dir,
		.slots = (unsigned)set.slots,
		.clients = (unsigned)set.clients,
		.window = (unsigned)set.window,
		.address = s->address,
		.line = line};
	struct usage before, after;
	char durability[16];
	int r, code = 0;

	snprintf(durability, sizeof durability, "%s", b.durability);
	json_key(line, "workload");
	json_cstr(line, w->name);
	json_key(line, "n");
	json_uint(line, b.n);
	if (!w->opens)
		code = open_client(&b, set.local ? "local" : s->address);
	if (!code) {
		before = usage_now(&b, s, durability);
		r = w->run(&b);
		after = usage_now(&b, s, durability);
		finish_line(&b, s, before, after, durability);
		if (r != DQ_E_OK)
			code = fail(r, w->name,
				b.client && dq_client_error(b.client)[0] ? dq_client_error(b.client)
									 : dq_strerror(r));
	}
	dq_client_close(&b.client);
	return code;
}

static int be_client(const struct workload *w, struct servers *s)
{
	struct json line;
	struct buf text;
	int code;

	buf_init(&text, 65536);
	json_init(&line, &text);
	json_open_object(&line);
	code = measure(w, s, &line);
	json_end_object(&line);
	json_newline(&line);
	if (!code)
		fwrite(text.p, 1, text.n, stdout);
	buf_release(&text);
	return fflush(stdout) == 0 ? code : fail(DQ_E_IO, "standard output", strerror(errno));
}

/* --- The process around it -------------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;
static volatile pid_t client_pid;

static void on_signal(int signum)
{
	interrupted = signum;
	if (client_pid > 0)
		kill(client_pid, SIGKILL);
}

static void catch_signals(void)
{
	struct sigaction act = {.sa_handler = on_signal};

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
}

static int run_client(const struct workload *w, struct servers *s)
{
	int status = 0;

	fflush(NULL);
	client_pid = fork();
	if (client_pid < 0)
		return fail(DQ_E_IO, "fork", strerror(errno));
	if (client_pid == 0) {
		signal(SIGINT, SIG_IGN);
		signal(SIGTERM, SIG_DFL);
		_exit(be_client(w, s));
	}
	while (waitpid(client_pid, &status, 0) < 0 && errno == EINTR)
		;
	client_pid = 0;
	if (interrupted)
		return 128 + interrupted;
	if (WIFSIGNALED(status))
		return fail(DQ_E_BUG, w->name, strsignal(WTERMSIG(status)));
	return WEXITSTATUS(status);
}

static int run(const struct workload *w)
{
	struct servers_options options = {.parent = set.dir,
		.durability = set.durability,
		.isolation = set.isolation,
		.users = w->users,
		.workers = (unsigned)set.workers,
		.slots = (unsigned)set.slots};
	struct servers servers = {.nworkers = 0};
	int code = dq_exit_code(DQ_E_IO);
	bool ok = servers_prepare(&servers, &options);

	catch_signals();
	if (ok && set.scheduler)
		snprintf(servers.address, sizeof servers.address, "%s", set.scheduler);
	else if (ok && !set.local && !w->opens)
		ok = servers_start(&servers, &options);
	if (ok && !interrupted)
		code = run_client(w, &servers);
	servers_stop(&servers);
	return code;
}

static void help(void)
{
	printf("usage: dq-bench WORKLOAD [OPTIONS]\n\nWorkloads:\n");
	for (size_t i = 0; workloads[i]; i++)
		printf("  %-12s %s (%llu)\n", workloads[i]->name, workloads[i]->about,
			(unsigned long long)workloads[i]->n);
	printf("\nOptions:\n");
	opts_help(stdout, opts);
}

static int check_settings(void)
{
	if (set.workers == 0 || set.workers > WORKERS_MAX)
		return fail(DQ_E_USAGE, "--workers", "from 1 to 64");
	if (set.clients == 0 || set.clients > CLIENTS_MAX)
		return fail(DQ_E_USAGE, "--clients", "from 1 to 64");
	if (set.window == 0 || set.window > WINDOW_MAX)
		return fail(DQ_E_USAGE, "--window", "from 1 to 1024");
	if (set.slots > 4096)
		return fail(DQ_E_USAGE, "--slots", "at most 4096");
	if (set.local && set.scheduler)
		return fail(DQ_E_USAGE, "--local and --scheduler", "one of them");
	if (set.slots == 0) {
		long cpus = sysconf(_SC_NPROCESSORS_ONLN);

		set.slots = cpus > 0 ? (uint64_t)cpus : 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct opt *const tables[] = {opts, NULL};
	struct opts parse = {.tables = tables};
	int words = opts_parse(&parse, argc - 1, argv + 1), code;

	if (set.help) {
		help();
		return 0;
	}
	if (words < 0)
		return fail(DQ_E_USAGE, "usage", parse.error);
	if (words != 1)
		return fail(
			DQ_E_USAGE, "usage", "one WORKLOAD is wanted: dq-bench --help lists them");
	code = check_settings();
	if (code)
		return code;
	for (size_t i = 0; workloads[i]; i++)
		if (strcmp(workloads[i]->name, argv[1]) == 0)
			return run(workloads[i]);
	return fail(DQ_E_USAGE, argv[1], "no such workload: dq-bench --help lists them");
}
