/*
 * dq-worker: a worker as a daemon.
 *
 * Options, then one loop with one worker on it. `ready NAME` is printed when it is registered;
 * without a scheduler it tries again for ever. SIGTERM and SIGINT drain it, then it exits 0; a
 * second one leaves at once: helpers of slots see the end of their socket and end what they run.
 */
#include "offers.h"
#include "places.h"

#include "base/ensure.h"
#include "base/log.h"
#include "common/address.h"
#include "common/options.h"
#include "common/stdfds.h"
#include "loop/loop.h"
#include "loop/stream.h"
#include "model/limits.h"
#include "worker/dir.h"
#include "worker/worker.h"

#include <dq/error.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOTS_NOT_SET UINT64_MAX

static struct settings {
	const char *scheduler, *contact, *secret, *name, *dir, *isolation, *listen;
	const char *log_level, *log_format;
	struct opt_list modules, resources, labels, users;
	uint64_t slots;
	bool help, version;
} set = {.slots = SLOTS_NOT_SET};

static const struct opt opts[] = {
	{0, "scheduler", OPT_STR, &set.scheduler, "ADDR", "unix:PATH or tcp://HOST:PORT"},
	{0, "contact", OPT_STR, &set.contact, "FILE", "the contact file that the scheduler writes"},
	{0, "secret", OPT_STR, &set.secret, "FILE", "the secret to prove, for tcp"},
	{0, "name", OPT_STR, &set.name, "NAME", "its name (that of the host)"},
	{0, "dir", OPT_STR, &set.dir, "DIR",
		"identity and results ($XDG_STATE_HOME/dq-worker/NAME)"},
	{0, "slots", OPT_UINT, &set.slots, "N", "how many tasks at a time (the CPUs it may use)"},
	{0, "resource", OPT_LIST, &set.resources, "K=V",
		"an amount it has, such as gpus=1 (cpus: its slots, memory: as found); repeats"},
	{0, "label", OPT_LIST, &set.labels, "K=V", "a label; repeats"},
	{0, "users", OPT_LIST, &set.users, "U,...",
		"users besides its own whose tasks it runs, or any: who trust each other"},
	{0, "module", OPT_LIST, &set.modules, "FILE", "a task module; repeats"},
	{0, "isolation", OPT_STR, &set.isolation, "I",
		"functions run in a process a slot, or in a thread (process)"},
	{0, "listen", OPT_STR, &set.listen, "ADDR", "where others fetch results"},
	{0, "log-level", OPT_STR, &set.log_level, "LEVEL",
		"error, warn (the default), info or debug"},
	{0, "log-format", OPT_STR, &set.log_format, "F", "text (the default) or json"},
	{'h', "help", OPT_FLAG, &set.help, NULL, "print this help"},
	{'V', "version", OPT_FLAG, &set.version, NULL, "print the version"},
	{0},
};

struct daemon {
	struct loop *loop;
	struct worker *worker;
	struct signal_watch *term, *interrupt;
	const char *name;
	bool draining;
	int code; /* what to exit with */
};

static int fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int fail(int error, const char *format, ...)
{
	char line[2048];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	for (char *p = line; *p; p++) {
		if (*p == '\n')
			*p = ' ';
	}
	fprintf(stderr, "dq-worker: %s\n", line);
	return dq_exit_code(error);
}

/* --- Settings ------------------------------------------------------------------------------- */

static int check_settings(void)
{
	enum log_level level = LOG_WARN;
	enum log_format format = LOG_TEXT;

	if (set.log_level && !log_level_parse(set.log_level, &level))
		return fail(
			DQ_E_USAGE, "--log-level: error, warn, info or debug: %s", set.log_level);
	if (set.log_format && !log_format_parse(set.log_format, &format))
		return fail(DQ_E_USAGE, "--log-format: text or json: %s", set.log_format);
	if (set.isolation && strcmp(set.isolation, "process") != 0 &&
		strcmp(set.isolation, "thread") != 0)
		return fail(DQ_E_USAGE, "--isolation: process or thread: %s", set.isolation);
	if (set.slots != SLOTS_NOT_SET && (set.slots == 0 || set.slots > LIMIT_SLOTS))
		return fail(DQ_E_USAGE, "--slots: %s",
			set.slots ? LIMIT_TEXT(SLOTS)
				  : "from 1: a worker without slots runs nothing");
	if (set.name && (!set.name[0] || strlen(set.name) > LIMIT_NAME_BYTES))
		return fail(DQ_E_USAGE, "--name: %s", LIMIT_TEXT(NAME_BYTES));
	if (set.listen && !stream_address_is_valid(set.listen))
		return fail(
			DQ_E_USAGE, "--listen: not unix:PATH or tcp://HOST:PORT: %s", set.listen);
	log_set_level(level);
	log_set_format(format);
	return 0;
}

/* --- Working -------------------------------------------------------------------------------- */

static void on_ready(struct worker *w, void *arg)
{
	struct daemon *d = arg;

	(void)w;
	printf("ready %s\n", d->name);
	if (fflush(stdout) != 0)
		log_warn("standard output: %s", strerror(errno));
}

static void on_end(struct worker *w, int code, const char *error, void *arg)
{
	struct daemon *d = arg;

	(void)w;
	d->code = code == DQ_E_OK ? 0 : fail(code, "%s", error ? error : dq_strerror(code));
	loop_stop(d->loop);
}

static void on_signal(struct signal_watch *watch, int signum, void *arg)
{
	struct daemon *d = arg;

	(void)watch;
	if (d->draining) {
		log_info("signal %d again: leaving at once", signum);
		_exit(1);
	}
	d->draining = true;
	worker_drain(d->worker);
}

static int run(struct daemon *d, const struct worker_options *options)
{
	char why[2048] = "";
	size_t n, in_use = strlen(WORKER_DIR_IN_USE);

	d->worker = worker_new(d->loop, options, why, sizeof(why));
	if (!d->worker) {
		n = strlen(why);
		if (n >= in_use && strcmp(why + n - in_use, WORKER_DIR_IN_USE) == 0)
			return fail(DQ_E_CONFLICT, "%s", why);
		return fail(DQ_E_REFUSED, "%s", why);
	}
	d->term = signal_watch_new(d->loop, SIGTERM, on_signal, d);
	d->interrupt = signal_watch_new(d->loop, SIGINT, on_signal, d);
	if (!d->term || !d->interrupt)
		return fail(DQ_E_IO, "signals: %s", strerror(errno));
	loop_run(d->loop);
	return d->code;
}

static int start(const struct address *address)
{
	char *name = set.name ? NULL : host_name(), *dir = NULL, *listen = NULL;
	struct offer offer;
	char *helper = find_helper(), *for_tasks = absolute_address(address->scheduler);
	struct daemon d = {.loop = loop_new(), .name = set.name ? set.name : name};
	struct worker_options options = {
		.scheduler = address->scheduler,
		.secret_file = address->secret_file[0] ? address->secret_file : NULL,
		.name = d.name,
		.slots = set.slots == SLOTS_NOT_SET ? usable_cpus() : (unsigned)set.slots,
		.offer = &offer,
		.modules = set.modules.v,
		.helper = helper,
		.dq_scheduler = for_tasks,
		.on_ready = on_ready,
		.on_end = on_end,
		.arg = &d,
	};
	char why[400];
	int code;

	if (!read_offer(&set.resources, &set.labels, &set.users, &offer, why, sizeof why)) {
		code = fail(DQ_E_USAGE, "%s", why);
		goto out;
	}
	if (set.isolation && strcmp(set.isolation, "thread") == 0)
		options.isolation = WORKER_THREAD;
	if (!set.dir)
		dir = default_dir(d.name);
	if (!set.listen)
		listen = default_listen(address->scheduler);
	options.dir = set.dir ? set.dir : dir;
	options.listen = set.listen ? set.listen : listen;
	ensure(d.loop);
	code = run(&d, &options);
	signal_watch_free(&d.term);
	signal_watch_free(&d.interrupt);
	worker_free(&d.worker);
out:
	loop_free(&d.loop);
	free(name);
	free(dir);
	free(listen);
	free(helper);
	free(for_tasks);
	return code;
}

int main(int argc, char **argv)
{
	const struct opt *const tables[] = {opts, NULL};
	struct opts parse = {.tables = tables};
	struct address address;
	char why[512];
	int words, code;

	stdfds_fill(false);
	words = opts_parse(&parse, argc - 1, argv + 1);
	if (set.help) {
		printf("usage: dq-worker [OPTIONS]\n\n");
		opts_help(stdout, opts);
		return 0;
	}
	if (set.version) {
		printf("dq-worker %s\n", PACKAGE_VERSION);
		return 0;
	}
	if (words < 0)
		return fail(DQ_E_USAGE, "%s", parse.error);
	if (words > 0)
		return fail(DQ_E_USAGE, "takes no words: %s", argv[1]);
	signal(SIGPIPE, SIG_IGN);
	code = check_settings();
	if (!code) {
		struct address_options where = {
			.scheduler = set.scheduler, .contact = set.contact, .secret = set.secret};

		code = address_resolve(&where, &address, why, sizeof(why));
		code = code ? fail(code, "%s", why) : start(&address);
	}
	opt_list_release(&set.modules);
	opt_list_release(&set.resources);
	opt_list_release(&set.labels);
	opt_list_release(&set.users);
	return code;
}
