/*
 * wordcount-run [--local] [--scheduler ADDR] [--module FILE] [--top N] [--keep] [--pace MS] FILE...
 *
 * Counts the words of files as a graph of tasks: `count` a file, `merge` two by two, one `report`.
 * It needs libdq alone. The workers need the module (dq-worker --module wordcount.so); --local
 * brings scheduler and workers along.
 *
 * --keep leaves the tasks on the scheduler when this program is gone, to be looked at; --pace lets
 * each count rest that long, so that there is something to watch.
 */
#include <dq/client.h>

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct settings {
	const char *scheduler, *module;
	bool local, keep;
	uint64_t top, pace_ms;
} set = {.top = 10};

static int complain(const char *what, const char *why)
{
	fprintf(stderr, "wordcount-run: %s: %s\n", what, why);
	return 1;
}

/* Submits a function with these arguments, which are freed. NULL: the client has the error. */
static struct dq_future *submit(
	struct dq_client *client, const char *function, struct dq_args *args)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_future *f = NULL;

	spec.function = function;
	spec.args = args;
	spec.detached = set.keep;
	dq_submit(client, &spec, &f);
	dq_args_free(&args);
	return f;
}

static struct dq_future *submit_count(struct dq_client *client, const char *file)
{
	char path[PATH_MAX];
	struct dq_args *args = dq_args_new();

	dq_args_array(args, 2);
	/* Workers run elsewhere: a path must not depend on where we are. */
	dq_args_str(args, realpath(file, path) ? path : file);
	dq_args_uint(args, set.pace_ms);
	return submit(client, "count", args);
}

static struct dq_future *submit_merge(
	struct dq_client *client, const struct dq_future *a, const struct dq_future *b)
{
	struct dq_args *args = dq_args_new();

	dq_args_array(args, 2);
	dq_args_future(args, a);
	dq_args_future(args, b);
	return submit(client, "merge", args);
}

static struct dq_future *submit_report(struct dq_client *client, const struct dq_future *all)
{
	struct dq_args *args = dq_args_new();

	dq_args_array(args, 2);
	dq_args_future(args, all);
	dq_args_uint(args, set.top);
	return submit(client, "report", args);
}

/*
 * The whole graph; returns the report's future, and those of the counts in `counts`. Merges are
 * given back at once: a task is kept while another waits for it.
 */
static struct dq_future *submit_graph(
	struct dq_client *client, char **files, size_t n, struct dq_future **counts)
{
	struct dq_future **level = calloc(n, sizeof(*level)), *merged, *all;

	if (!level)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		counts[i] = submit_count(client, files[i]);
		level[i] = dq_future_ref(counts[i]);
	}
	for (; n > 1; n = (n + 1) / 2) {
		for (size_t i = 0; i + 1 < n; i += 2) {
			merged = submit_merge(client, level[i], level[i + 1]);
			dq_future_free(&level[i]);
			dq_future_free(&level[i + 1]);
			level[i / 2] = merged;
		}
		if (n % 2)
			level[n / 2] = level[n - 1];
	}
	all = submit_report(client, level[0]);
	dq_future_free(&level[0]);
	free(level);
	return all;
}

/* A report that failed is not to blame where a count did: those that failed by themselves are
 * named. */
static int explain(
	struct dq_client *client, struct dq_future *report, struct dq_future **counts, size_t n)
{
	struct dq_failure failure;
	size_t told = 0;

	dq_wait(client, counts, n, DQ_WAIT_ALL, 10);
	for (size_t i = 0; i < n; i++) {
		if (dq_future_failure(counts[i], &failure) == 0) {
			complain(dq_future_key(counts[i]), failure.message);
			told++;
		}
	}
	if (told == 0 && dq_future_failure(report, &failure) == 0)
		return complain(dq_future_key(report), failure.message);
	return told ? 1 : complain("the result", dq_client_error(client));
}

static int print_result(
	struct dq_client *client, struct dq_future *report, struct dq_future **counts, size_t n)
{
	struct dq_value value;

	if (dq_result(report, -1, &value))
		return explain(client, report, counts, n);
	fwrite(value.bytes, 1, value.n, stdout);
	dq_value_release(&value);
	return fflush(stdout) == 0 ? 0 : complain("standard output", "cannot be written");
}

static int run(char **files, size_t n)
{
	const char *modules[] = {set.module, NULL};
	struct dq_options options = DQ_OPTIONS_INIT;
	struct dq_client *client = NULL;
	struct dq_future *report = NULL, **counts = calloc(n, sizeof(*counts));
	int rc;

	if (!counts)
		return complain("memory", dq_strerror(DQ_E_NO_MEMORY));

	options.local_modules = modules;
	rc = dq_client_open(set.local ? NULL : set.scheduler, &options, &client);
	if (rc) {
		complain(set.local ? "a local client" : set.scheduler,
			client ? dq_client_error(client) : dq_strerror(rc));
		rc = dq_exit_code(rc);
	} else {
		report = submit_graph(client, files, n, counts);
		rc = report ? print_result(client, report, counts, n)
			    : complain("submit", dq_client_error(client));
	}
	for (size_t i = 0; i < n; i++)
		dq_future_free(&counts[i]);
	free(counts);
	dq_future_free(&report);
	dq_client_close(&client);
	return rc;
}

/* Beside this program, or where make has put it. */
static const char *default_module(void)
{
	static const char *const names[] = {"wordcount.so", ".libs/wordcount.so"};
	static char path[PATH_MAX + 32];
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", self, names[i]);
		if (access(path, R_OK) == 0)
			return path;
	}
	return "wordcount.so";
}

static void usage(FILE *to)
{
	fprintf(to, "usage: wordcount-run [--local] [--scheduler ADDR] [--module FILE] [--top N] "
		    "[--keep] [--pace MS] FILE...\n");
}

static bool read_number(const char *text, uint64_t *out)
{
	char *end;

	*out = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"local", no_argument, NULL, 'l'},
		{"scheduler", required_argument, NULL, 's'},
		{"module", required_argument, NULL, 'm'}, {"top", required_argument, NULL, 't'},
		{"keep", no_argument, NULL, 'k'}, {"pace", required_argument, NULL, 'p'},
		{"help", no_argument, NULL, 'h'}, {0}};
	bool ok = true;
	int c;

	set.scheduler = getenv("DQ_SCHEDULER");
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'l':
			set.local = true;
			break;
		case 's':
			set.scheduler = optarg;
			break;
		case 'm':
			set.module = optarg;
			break;
		case 't':
			ok = ok && read_number(optarg, &set.top);
			break;
		case 'k':
			set.keep = true;
			break;
		case 'p':
			ok = ok && read_number(optarg, &set.pace_ms);
			break;
		default:
			usage(c == 'h' ? stdout : stderr);
			return c == 'h' ? 0 : 2;
		}
	}
	if (!ok || optind == argc || (!set.local && !set.scheduler)) {
		usage(stderr);
		return 2;
	}
	if (!set.module)
		set.module = default_module();
	return run(argv + optind, (size_t)(argc - optind));
}
