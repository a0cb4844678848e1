/*
 * dq-scheduler: the scheduler as a daemon.
 *
 * Options, then one loop with one scheduler on it. `ready ADDR...` is printed once it serves;
 * SIGTERM and SIGINT stop it: no more requests, a commit, exit 0. Whatever keeps it from starting
 * is one line and exit code 7 (2 for a wrong command line): a directory in use, no space, a newer
 * format.
 */
#include "config.h"
#include "fault.h"
#include "pidfile.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/log.h"
#include "common/address.h"
#include "common/options.h"
#include "common/stdfds.h"
#include "core/core.h"
#include "loop/loop.h"
#include "scheduler/scheduler.h"

#include <dq/error.h>

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RETENTION_MAX_S 1e11 /* some 3,000 years */

static struct settings {
	const char *config, *state, *durability, *contact, *pid_file, *log_level, *log_format;
	const char *socket_group;
	struct opt_list listen, weights;
	double lease_ttl_s, session_ttl_s, retention_s;
	uint64_t store_limit_bytes, value_limit_bytes;
	bool force_network_fs, help, version;
} set;

static const struct opt opts[] = {
	{0, "config", OPT_STR, &set.config, "FILE",
		"options by their long names, `name = value` a line; the command line beats it"},
	{0, "state", OPT_STR, &set.state, "DIR", "the store; made if absent ($XDG_STATE_HOME/dq)"},
	{0, "listen", OPT_LIST, &set.listen, "ADDR", "unix:PATH or tcp://HOST:PORT"},
	{0, "socket-group", OPT_STR, &set.socket_group, "G",
		"unix sockets admit the members of this group too, each as its own user"},
	{0, "weight", OPT_LIST, &set.weights, "USER=N",
		"a user's turns where another has one (1); repeats"},
	{0, "durability", OPT_STR, &set.durability, "D",
		"strict (the default), relaxed or volatile"},
	{0, "lease-ttl", OPT_SECONDS, &set.lease_ttl_s, "SEC",
		"how long a silent worker keeps its tasks (30)"},
	{0, "session-ttl", OPT_SECONDS, &set.session_ttl_s, "SEC",
		"how long a client that is gone keeps its holds (600)"},
	{0, "store-limit", OPT_SIZE, &set.store_limit_bytes, "SIZE",
		"how large the store may grow (1T)"},
	{0, "value-limit", OPT_SIZE, &set.value_limit_bytes, "SIZE",
		"the largest result that is stored, of tasks with --policy store (1G)"},
	{0, "retention", OPT_SECONDS, &set.retention_s, "SEC",
		"how long the outcome of what is detached stays (604800: 7 days)"},
	{0, "contact", OPT_STR, &set.contact, "FILE",
		"write the address and the secret's place here"},
	{0, "pid-file", OPT_STR, &set.pid_file, "FILE", "write the process id here"},
	{0, "log-level", OPT_STR, &set.log_level, "LEVEL",
		"error, warn (the default), info or debug"},
	{0, "log-format", OPT_STR, &set.log_format, "F", "text (the default) or json"},
	{0, "force-network-fs", OPT_FLAG, &set.force_network_fs, NULL,
		"start although the store is on a network file system"},
	{'h', "help", OPT_FLAG, &set.help, NULL, "print this help"},
	{'V', "version", OPT_FLAG, &set.version, NULL, "print the version"},
	{0},
};

struct daemon {
	struct loop *loop;
	struct scheduler *scheduler;
	struct signal_watch *term, *interrupt;
	bool stopping;
	bool contact_written, pid_written;
};

static int fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int fail(int error, const char *format, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof line, format, ap);
	va_end(ap);
	for (char *p = line; *p; p++)
		if (*p == '\n')
			*p = ' ';
	fprintf(stderr, "dq-scheduler: %s\n", line);
	return dq_exit_code(error);
}

/* --- Settings --------------------------------------------------------------------------------- */

static const char *home(void)
{
	const char *dir = getenv("HOME");
	struct passwd *user = dir && dir[0] ? NULL : getpwuid(geteuid());

	return user ? user->pw_dir : dir;
}

/* $XDG_STATE_HOME/dq; what is above it is made here, it itself by the store. */
static int default_state(char *out, size_t out_bytes)
{
	const char *base = getenv("XDG_STATE_HOME");
	int n;

	if (base && base[0])
		n = snprintf(out, out_bytes, "%s/dq", base);
	else
		n = snprintf(out, out_bytes, "%s/.local/state/dq", home() ? home() : "");
	if (n < 0 || (size_t)n >= out_bytes)
		return ENAMETOOLONG;
	return make_parents(out, 0700);
}

static bool known(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

static int check_settings(void)
{
	static const char *const durabilities[] = {"strict", "relaxed", "volatile", NULL};
	enum log_level level = LOG_WARN;
	enum log_format format = LOG_TEXT;

	if (set.durability && !known(set.durability, durabilities))
		return fail(DQ_E_USAGE, "--durability: strict, relaxed or volatile: %s",
			set.durability);
	if (set.log_level && !log_level_parse(set.log_level, &level))
		return fail(
			DQ_E_USAGE, "--log-level: error, warn, info or debug: %s", set.log_level);
	if (set.log_format && !log_format_parse(set.log_format, &format))
		return fail(DQ_E_USAGE, "--log-format: text or json: %s", set.log_format);
	if (set.retention_s > RETENTION_MAX_S)
		return fail(DQ_E_USAGE, "--retention: not a time in seconds: %g", set.retention_s);
	for (size_t i = 0; i < set.listen.n; i++)
		if (!address_is_valid(set.listen.v[i]))
			return fail(DQ_E_USAGE, "--listen: not unix:PATH or tcp://HOST:PORT: %s",
				set.listen.v[i]);
	for (size_t i = 0; i < set.weights.n; i++)
		if (!scheduler_weight_is_sound(set.weights.v[i]))
			return fail(DQ_E_USAGE,
				"--weight: not USER=N with N from 1 to " USER_WEIGHT_TEXT ": %s",
				set.weights.v[i]);
	log_set_level(level);
	log_set_format(format);
	return 0;
}

/* Shorter than a millisecond is a millisecond: 0 would be the default. */
static uint64_t to_ms(double seconds)
{
	if (seconds < 0)
		return 0;
	return seconds < 0.001 ? 1 : (uint64_t)(seconds * 1000);
}

/* 0 is none, and as an option of the scheduler the default. */
static uint64_t to_retention_us(double seconds)
{
	if (seconds < 0)
		return 0;
	return seconds > 0 ? (uint64_t)(seconds * 1e6) + 1 : SCHEDULER_NO_RETENTION;
}

/* --- Serving ---------------------------------------------------------------------------------- */

static void on_stopped(void *arg)
{
	struct daemon *d = arg;

	loop_stop(d->loop);
}

static void on_signal(struct signal_watch *watch, int signum, void *arg)
{
	struct daemon *d = arg;

	(void)watch;
	if (d->stopping)
		return;
	log_info("signal %d: stopping", signum);
	d->stopping = true;
	scheduler_stop(d->scheduler, on_stopped, d);
}

/*
 * The address for others to use: tcp where there is one, since a unix socket is of this machine.
 * A socket's path is made absolute, since who reads the file is elsewhere. free() it.
 */
static char *contact_address(const struct daemon *d)
{
	const char *address;
	char *path, *whole;

	for (size_t i = 0; (address = scheduler_address(d->scheduler, i)) != NULL; i++)
		if (strncmp(address, "tcp://", 6) == 0)
			return xstrdup(address);
	address = scheduler_address(d->scheduler, 0);
	ensure(address);
	path = strncmp(address, "unix:", 5) == 0 ? realpath(address + 5, NULL) : NULL;
	whole = path ? xasprintf("unix:%s", path) : xstrdup(address);
	free(path);
	return whole;
}

static int write_files(struct daemon *d)
{
	char *secret, *address;
	char why[512];
	int r;

	if (set.contact) {
		const char *file = scheduler_secret_file(d->scheduler);

		secret = file ? realpath(file, NULL) : NULL;
		address = contact_address(d);
		r = contact_write(set.contact, address, secret ? secret : file, why, sizeof why);
		free(address);
		free(secret);
		if (r != DQ_E_OK)
			return fail(r, "%s", why);
		d->contact_written = true;
	}
	if (set.pid_file) {
		r = pid_file_write(set.pid_file);
		if (r)
			return fail(DQ_E_IO, "%s: %s", set.pid_file, strerror(r));
		d->pid_written = true;
	}
	return 0;
}

static int print_ready(const struct daemon *d)
{
	const char *address;

	printf("ready");
	for (size_t i = 0; (address = scheduler_address(d->scheduler, i)) != NULL; i++)
		printf(" %s", address);
	printf("\n");
	return fflush(stdout) == 0 ? 0 : fail(DQ_E_IO, "standard output: %s", strerror(errno));
}

static int serve(struct daemon *d)
{
	int code = write_files(d);

	if (code)
		return code;
	d->term = signal_watch_new(d->loop, SIGTERM, on_signal, d);
	d->interrupt = signal_watch_new(d->loop, SIGINT, on_signal, d);
	if (!d->term || !d->interrupt)
		return fail(DQ_E_IO, "signals: %s", strerror(errno));
	code = print_ready(d);
	if (code)
		return code;
	loop_run(d->loop);
	return d->stopping ? 0 : fail(DQ_E_STORE, "the scheduler stopped by itself");
}

static void clean_up(struct daemon *d)
{
	if (d->contact_written)
		unlink(set.contact);
	if (d->pid_written)
		unlink(set.pid_file);
	signal_watch_free(&d->term);
	signal_watch_free(&d->interrupt);
	scheduler_free(&d->scheduler);
	loop_free(&d->loop);
}

static int start(const char *state, const char *const *listen)
{
	struct scheduler_options options = {
		.state_dir = state,
		.durability = set.durability,
		.listen = listen,
		.lease_ttl_ms = to_ms(set.lease_ttl_s),
		.session_ttl_ms = to_ms(set.session_ttl_s),
		.retention_us = to_retention_us(set.retention_s),
		.store_limit_bytes = set.store_limit_bytes,
		.value_limit_bytes = set.value_limit_bytes,
		.force_network_fs = set.force_network_fs,
		.socket_group = set.socket_group,
		.weights = set.weights.v,
	};
	struct daemon d = {.loop = loop_new()};
	char why[1024] = "";
	int code;

	if (!d.loop)
		return fail(DQ_E_NO_MEMORY, "the loop: %s", strerror(errno));
	d.scheduler = scheduler_new(d.loop, &options, why, sizeof why);
	if (d.scheduler)
		code = serve(&d);
	else
		code = fail(DQ_E_REFUSED, "%s", why);
	clean_up(&d);
	return code;
}

static int start_with_defaults(void)
{
	const char *listen[2] = {NULL, NULL};
	char socket[ADDRESS_BYTES], state[ADDRESS_BYTES], why[512];
	int r;

	if (!set.listen.n) {
		r = address_default(true, socket, sizeof socket, why, sizeof why);
		if (r != DQ_E_OK)
			return fail(r, "%s", why);
		listen[0] = socket;
	}
	if (!set.state) {
		r = default_state(state, sizeof state);
		if (r)
			return fail(DQ_E_IO, "%s: %s", state, strerror(r));
	}
	fault_in_store_named(set.state ? set.state : state);
	return start(set.state ? set.state : state, set.listen.n ? set.listen.v : listen);
}

static void forget_settings(void)
{
	opt_list_release(&set.listen);
	opt_list_release(&set.weights);
	set = (struct settings){.lease_ttl_s = -1, .session_ttl_s = -1, .retention_s = -1};
}

/* Reads the command line over what is in the file: its addresses take the place of the file's. */
static int parse_over(struct opts *parse, struct config *file, int argc, char **argv)
{
	bool listens = set.listen.n > 0;
	char **all = xcalloc((size_t)(file->argc + argc) + 1, sizeof(char *));
	int n = 0, words;

	for (int i = 0; i < file->argc; i++)
		if (!listens || strncmp(file->argv[i], "--listen=", 9) != 0)
			all[n++] = file->argv[i];
	memcpy(all + n, argv, (size_t)argc * sizeof(char *));
	forget_settings();
	words = opts_parse(parse, n + argc, all);
	free(all);
	return words;
}

int main(int argc, char **argv)
{
	const struct opt *const tables[] = {opts, NULL};
	struct opts parse = {.tables = tables};
	struct config file = {0};
	char why[512];
	int words, code;

	stdfds_fill(false);
	forget_settings();
	words = opts_parse(&parse, argc - 1, argv + 1);
	if (words == 0 && set.config && !set.help && !set.version) {
		if (!config_read(set.config, &file, why, sizeof why))
			return fail(DQ_E_USAGE, "%s", why);
		words = parse_over(&parse, &file, argc - 1, argv + 1);
		if (words < 0) {
			config_release(&file);
			return fail(DQ_E_USAGE, "--config: %s", parse.error);
		}
	}
	if (set.help) {
		printf("usage: dq-scheduler [OPTIONS]\n\n");
		opts_help(stdout, opts);
		return 0;
	}
	if (set.version) {
		printf("dq-scheduler %s\n", PACKAGE_VERSION);
		return 0;
	}
	if (words < 0)
		return fail(DQ_E_USAGE, "%s", parse.error);
	if (words > 0)
		return fail(DQ_E_USAGE, "takes no words: %s", argv[1]);
	signal(SIGPIPE, SIG_IGN);
	umask(077);
	code = check_settings();
	if (!code)
		code = start_with_defaults();
	opt_list_release(&set.weights);
	opt_list_release(&set.listen);
	config_release(&file);
	return code;
}
