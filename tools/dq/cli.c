/*
 * Global options, connecting, errors, interrupts and waiting, for all verbs of `dq`.
 *
 * Waiting drives the client from here rather than in dq_wait(), so that a signal can end it: the
 * handler writes into a pipe that is polled beside the client. Nothing polls on a clock. A first
 * dq_wait() that does not wait tells the scheduler what is of interest.
 */
#include "cli.h"

#include "base/clock.h"
#include "base/ensure.h"
#include "common/address.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAMED_BYTES 80

/* A wait shorter than this asks once, so that it does not miss what has long ended. */
#define LOOK_S 0.5

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

void cli_set_verb(const char *verb)
{
	cli_verb = verb;
}

/* --- Failing ---------------------------------------------------------------------------------- */

/* One line whatever is in it: a newline in a key or a message would make two. */
static void print_error(const char *format, va_list ap) __attribute__((format(printf, 1, 0)));

static void print_error(const char *format, va_list ap)
{
	char line[2048];

	vsnprintf(line, sizeof line, format, ap);
	for (char *p = line; *p; p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
	fflush(stdout);
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
	if (what && is_named(text, what))
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

int cli_open(bool look_only, struct dq_client **out)
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

/* --- Waiting ---------------------------------------------------------------------------------- */

/* *first: all before it are known to have ended. */
static bool have_ended(struct dq_future *const *futures, size_t n, bool any, size_t *first)
{
	if (any) {
		for (size_t i = 0; i < n; i++)
			if (dq_future_done(futures[i]))
				return true;
		return n == 0;
	}
	while (*first < n && dq_future_done(futures[*first]))
		++*first;
	return *first == n;
}

/* How long poll may sleep: the client's own limit, and what is left of ours. */
static int sleep_ms(const struct dq_client *client, uint64_t deadline_us, uint64_t now_us)
{
	int limit = dq_client_timeout_ms(client);
	uint64_t left_ms;

	if (deadline_us == UINT64_MAX)
		return limit;
	left_ms = (deadline_us - now_us) / US_PER_MS + 1;
	if (left_ms > INT_MAX)
		left_ms = INT_MAX;
	return limit >= 0 && (uint64_t)limit < left_ms ? limit : (int)left_ms;
}

int cli_watch(struct dq_client *client, struct dq_future *const *futures, size_t n, bool any)
{
	return dq_wait(client, futures, n, any ? DQ_WAIT_ANY : DQ_WAIT_ALL, 0);
}

/*
 * One question and its answer: what had ended before is known after it. So a wait with next to no
 * time still sees what is there.
 */
static void look_once(struct dq_client *client)
{
	struct dq_args *none = dq_args_new();
	struct dq_value answer = {0};

	dq_args_array(none, 0);
	if (dq_query(client, DQ_QUERY_STATE, none, LOOK_S, &answer) == DQ_E_OK)
		dq_client_process(client);
	dq_value_release(&answer);
	dq_args_free(&none);
}

int cli_wait(struct dq_client *client, struct dq_future *const *futures, size_t n, bool any,
	double timeout_s)
{
	uint64_t deadline_us = UINT64_MAX;
	size_t first = 0;
	int r = cli_watch(client, futures, n, any);

	if (r != DQ_E_TIMEOUT)
		return r;
	if (timeout_s >= 0 && timeout_s < LOOK_S)
		look_once(client);
	if (timeout_s >= 0 && timeout_s < 1e9)
		deadline_us = clock_mono_us() + (uint64_t)(timeout_s * 1e6);
	for (;;) {
		struct pollfd fds[2] = {{.fd = dq_client_fd(client), .events = POLLIN},
			{.fd = wake_pipe[0], .events = POLLIN}};
		uint64_t now_us;

		r = dq_client_process(client);
		if (have_ended(futures, n, any, &first))
			return DQ_E_OK;
		if (r != DQ_E_OK)
			return r;
		if (interrupt_signal())
			return CLI_INTERRUPTED;
		now_us = clock_mono_us();
		if (now_us >= deadline_us)
			return DQ_E_TIMEOUT;
		if (poll(fds, 2, sleep_ms(client, deadline_us, now_us)) < 0 && errno != EINTR)
			return DQ_E_IO;
	}
}
