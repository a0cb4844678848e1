/*
 * For the tests of datasets and topics:
 *	shared ADDR publish NAME N	submits N echoes of 1, publishes them, prints their keys
 *	shared ADDR gather NAME		prints the sum of the results of a dataset
 *	shared ADDR feed TOPIC SECONDS	publishes 1, 2, 3 ... for so long, prints how many
 */
#include <dq/coordination.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void check(struct dq_client *c, int code, const char *what)
{
	if (code == DQ_E_OK)
		return;
	fprintf(stderr, "shared: %s: %s\n", what, c ? dq_client_error(c) : dq_strerror(code));
	exit(1);
}

static void publish(struct dq_client *c, const char *name, size_t n)
{
	const char *const argv[] = {"echo", "1", NULL};
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_future **all = calloc(n, sizeof(*all));

	spec.argv = argv;
	for (size_t i = 0; i < n; i++)
		check(c, dq_submit(c, &spec, &all[i]), "submit");
	check(c, dq_dataset_publish(c, name, all, n, 60), "publish");
	for (size_t i = 0; i < n; i++) {
		puts(dq_future_key(all[i]));
		dq_future_free(&all[i]);
	}
	free(all);
}

static void gather(struct dq_client *c, const char *name)
{
	struct dq_dataset data;
	long sum = 0;

	check(c, dq_dataset_get(c, name, 60, &data), "get");
	for (size_t i = 0; i < data.n; i++) {
		struct dq_value v;

		check(c, dq_result(data.futures[i], 60, &v), "result");
		sum += v.n >= 1 && *(const char *)v.bytes == '1';
		dq_value_release(&v);
	}
	dq_dataset_release(&data);
	printf("%ld\n", sum);
}

static void feed(struct dq_client *c, const char *name, double seconds)
{
	struct dq_args *args = dq_args_new();
	time_t end = time(NULL) + (time_t)seconds;
	uint64_t n = 0, last = 0, cursor;

	while (time(NULL) < end) {
		struct dq_content content = DQ_CONTENT_INIT;

		dq_args_clear(args);
		dq_args_uint(args, ++n);
		content.args = args;
		check(c, dq_topic_publish(c, name, &content, 60, &cursor), "publish");
		if (cursor <= last) {
			fprintf(stderr, "shared: a cursor that does not count up\n");
			exit(1);
		}
		last = cursor;
	}
	dq_args_free(&args);
	printf("%llu\n", (unsigned long long)n);
}

int main(int argc, char **argv)
{
	struct dq_options options = DQ_OPTIONS_INIT;
	struct dq_client *c = NULL;

	if (argc < 4)
		return 2;
	options.connect_timeout_s = 30;
	check(NULL, dq_client_open(argv[1], &options, &c), "open");
	if (strcmp(argv[2], "publish") == 0 && argc == 5)
		publish(c, argv[3], strtoul(argv[4], NULL, 10));
	else if (strcmp(argv[2], "gather") == 0)
		gather(c, argv[3]);
	else if (strcmp(argv[2], "feed") == 0 && argc == 5)
		feed(c, argv[3], strtod(argv[4], NULL));
	else
		return 2;
	dq_client_close(&c);
	return 0;
}
