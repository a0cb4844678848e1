/*
 * A client that adds 1 to the variable "sum", by compare-and-set, for so many seconds, or until it
 * has done so COUNT times, and prints how often it has: counter ADDRESS SECONDS [COUNT]. A conflict
 * is another client's, and tried again.
 */
#include <dq/coordination.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* 0, DQ_E_CONFLICT, or what is wrong. */
static int add_one(struct dq_client *client, struct dq_args *args)
{
	struct dq_content content = DQ_CONTENT_INIT;
	struct dq_variable v;
	int64_t sum = 0;
	int r = dq_variable_get(client, "sum", 0, 60, &v);

	if (r == 0)
		r = dq_value_int(&v.value, &sum);
	if (r == 0) {
		dq_args_clear(args);
		dq_args_int(args, sum + 1);
		content.args = args;
		r = dq_variable_set_if(client, "sum", v.version, &content, 60, NULL);
	}
	dq_variable_release(&v);
	return r;
}

int main(int argc, char **argv)
{
	struct dq_options options = DQ_OPTIONS_INIT;
	struct dq_args *args = dq_args_new();
	struct dq_client *client;
	uint64_t added = 0, conflicts = 0, count = UINT64_MAX;
	double until;
	int r;

	if (argc < 3 || argc > 4 || !args)
		return 2;
	if (argc == 4)
		count = strtoull(argv[3], NULL, 10);
	options.connect_timeout_s = 30;
	r = dq_client_open(argv[1], &options, &client);
	until = now() + strtod(argv[2], NULL);
	while (r == 0 && added < count && now() < until) {
		r = add_one(client, args);
		added += r == 0;
		conflicts += r == DQ_E_CONFLICT;
		if (r == DQ_E_CONFLICT)
			r = 0;
	}
	if (r)
		fprintf(stderr, "%s\n", dq_client_error(client));
	printf("%" PRIu64 " %" PRIu64 "\n", added, conflicts);
	dq_args_free(&args);
	dq_client_close(&client);
	return r ? 1 : 0;
}
