/*
 * Global options, connecting, errors and interrupts, for all verbs of `dq`. A signal's handler
 * writes into a pipe that is polled where a command waits (wait.c).
 */
#include "cli.h"
#include "progress.h"

#include "base/clock.h"
#include "base/ensure.h"
#include "common/address.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMED_BYTES 80

struct globals globals = {.connect_timeout_s = 5};

const struct opt global_opts[] = {
	{0, "scheduler", OPT_STR, &globals.scheduler, "ADDR",
		"where the scheduler is: unix:PATH or tcp://HOST:PORT"},
	{0, "contact", OPT_STR, &globals.contact, "FILE",
		"the contact file that a scheduler wrote"},
	{0, "secret", OPT_STR, &globals.secret, "FILE", "the file with the user's secret, for tcp"},
	{0, "connect-timeout", OPT_SECONDS, &globals.connect_timeout_s, "SEC",
		"how long connecting is tried (5)"},
	{0, "local", OPT_MAYBE, &globals.local, "DIR",
		"a scheduler and a worker inside this command, its state in DIR"},
	{0, "module", OPT_LIST, &globals.modules, "FILE",
		"with --local: a task module of its worker; repeats"},
	{'j', "json", OPT_FLAG, &globals.json, NULL, "print JSON"},
	{'h', "help", OPT_FLAG, &globals.help, NULL, "print this help"},
	{'V', "version", OPT_FLAG, &globals.version, NULL, "print the version"},
	{0},
};

static const char *cli_verb;

static const char *cli_place;

void cli_set_verb(const char *verb)
{
	cli_verb = verb;
}

void cli_set_place(const char *place)
{
	cli_place = place;
}

/* --- Failing ---------------------------------------------------------------------------------- */

/* One line whatever is in it: a newline in a key or a message would make two. */
static void print_error(const char *format, va_list ap) __attribute__((format(printf, 1, 0)));

static void print_error(const char *format, va_list ap)
{
	char line[2048];
	size_t n = 0;

	if (cli_place)
		n = (size_t)snprintf(line, sizeof line, "%.200s: ", cli_place);
	vsnprintf(line + n, sizeof line - n, format, ap);
	for (char *p = line; *p; p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
	fflush(stdout);
	progress_clear();
	fprintf(stderr, "dq: %s%s%s\n", cli_verb ? cli_verb : "", cli_verb ? ": " : "", line);
}

int cli_fail(int error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	print_error(format, ap);
	va_end(ap);
	return dq_exit_code(error);
}

int cli_usage(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	print_error(format, ap);
	va_end(ap);
	return dq_exit_code(DQ_E_USAGE);
}

/* The client and the scheduler name a key too, at the beginning or the end of their text; a long
 * one by its first bytes. */
static bool is_named(const char *text, const char *what)
{
	char begin[NAMED_BYTES + 3];
	size_t n = strlen(text), k;

	k = (size_t)snprintf(begin, sizeof begin, ": %.*s", NAMED_BYTES, what);
	return (n >= k && strcmp(text + n - k, begin) == 0) ||
	       (strncmp(text, what, strlen(what)) == 0 && text[strlen(what)] == ':');
}

int cli_fail_client(int error, const struct dq_client *client, const char *what)
{
	const char *text = client ? dq_client_error(client) : "";

	if (!text[0])
		text = dq_strerror(error);
	if (what && (!what[0] || is_named(text, what)))
		what = NULL;
	return what ? cli_fail(error, "%s: %s", what, text) : cli_fail(error, "%s", text);
}

/* --- The client ------------------------------------------------------------------------------- */

bool cli_local_stays(void)
{
	return globals.local.given && !globals.local.value;
}

static int open_local(struct dq_options *options, struct dq_client **out)
{
	interrupt_catch();
	options->local_dir = globals.local.value;
	options->local_modules = globals.modules.v;
	options->look_only = false;
	return dq_client_open("local", options, out);
}

/* Inside a task: its token, which is for the scheduler that the task came from. */
static const char *token_for(const char *scheduler)
{
	const char *token = getenv("DQ_TOKEN"), *own = getenv("DQ_SCHEDULER");

	return token && token[0] && own && strcmp(own, scheduler) == 0 ? token : NULL;
}

int cli_open(bool look_only, struct dq_client **out)
{
	return cli_open_for(look_only, 0, out);
}

int cli_open_for(bool look_only, double session_ttl_s, struct dq_client **out)
{
	struct address_options given = {.scheduler = globals.scheduler,
		.contact = globals.contact,
		.secret = globals.secret};
	struct dq_options options = DQ_OPTIONS_INIT;
	struct address address;
	char why[512];
	int r;

	*out = NULL;
	if (globals.modules.n && !globals.local.given)
		return cli_usage("--module: of --local; a worker has its own");
	options.look_only = look_only;
	options.session_ttl_s = session_ttl_s;
	/* 0 would be the default; the least that is more. */
	options.connect_timeout_s =
		globals.connect_timeout_s > 0 ? globals.connect_timeout_s : 0.001;
	if (globals.local.given) {
		r = open_local(&options, out);
	} else {
		r = address_resolve(&given, &address, why, sizeof why);
		if (r != DQ_E_OK)
			return cli_fail(r, "%s", why);
		options.secret_file = address.secret_file[0] ? address.secret_file : NULL;
		options.task_token = token_for(address.scheduler);
		r = dq_client_open(address.scheduler, &options, out);
	}
	if (r != DQ_E_OK) {
		r = cli_fail_client(r, *out, NULL);
		dq_client_close(out);
	}
	return r;
}

int cli_close(struct dq_client **client, int exit_code)
{
	dq_client_close(client);
	ensure(*client == NULL);
	return exit_code;
}

/* --- Interrupts ------------------------------------------------------------------------------- */

/* A second signal sooner than this is the same wish again: some send theirs to the group as well.
 */
#define SAME_WISH_US US_PER_S

static volatile sig_atomic_t caught;
static volatile uint64_t caught_us;
static int wake_pipe[2] = {-1, -1};

static void on_signal(int signum)
{
	int saved = errno;
	uint64_t now_us = clock_mono_us();
	char byte = 0;

	if (caught && now_us - caught_us > SAME_WISH_US) {
		signal(signum, SIG_DFL);
		raise(signum);
	} else if (!caught) {
		caught_us = now_us;
		caught = signum;
		if (write(wake_pipe[1], &byte, 1) < 0) {
			/* full: it is readable already */
		}
	}
	errno = saved;
}

void interrupt_catch(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	struct sigaction old;

	if (wake_pipe[0] >= 0 || pipe2(wake_pipe, O_CLOEXEC | O_NONBLOCK) != 0)
		return;
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &act, NULL);
}

int interrupt_signal(void)
{
	return caught;
}

int interrupt_fd(void)
{
	return wake_pipe[0];
}

int interrupt_end(void)
{
	signal(caught, SIG_DFL);
	raise(caught);
	return 128 + caught;
}
