/*
 * waits ADDRESS wake N: waits for all of N tasks that end one by one, each cancelled when the one
 * before was told; no worker must be there. Prints what a wake-up cost, in µs of CPU.
 *
 * waits ADDRESS slow N: runs an array of N functions `echo` with much to tell of each, watches it
 * once it is done, reads nothing for a while, then waits. Prints how many are done.
 */
#include <dq/client.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WAKE_UPS 500

static int fail(struct dq_client *c)
{
	fprintf(stderr, "waits: %s\n", dq_client_error(c));
	return 1;
}

static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

struct row {
	struct dq_client *c;
	struct dq_future **v;
	size_t n, ended;
	double us;
};

static void cancel_next(struct dq_future *f, void *arg)
{
	struct row *r = arg;

	(void)f;
	if (++r->ended == 1)
		r->us = cpu_us();
	if (r->ended < WAKE_UPS) {
		dq_future_on_done(r->v[r->ended], cancel_next, r);
		dq_future_cancel(r->v[r->ended]);
	} else {
		r->us = cpu_us() - r->us;
		dq_cancel_many(r->c, r->v, r->n);
	}
}

static int wake(struct dq_client *c, size_t n)
{
	struct row r = {.c = c, .v = calloc(n, sizeof(struct dq_future *)), .n = n};
	struct dq_spec spec = DQ_SPEC_INIT;

	spec.function = "echo";
	for (size_t i = 0; i < n; i++)
		if (dq_submit(c, &spec, &r.v[i]))
			return fail(c);
	if (dq_client_sync(c, 60) || dq_future_on_done(r.v[0], cancel_next, &r) ||
		dq_future_cancel(r.v[0]) || dq_wait(c, r.v, n, DQ_WAIT_ALL, 100))
		return fail(c);
	printf("%.0f\n", r.us / WAKE_UPS);
	free(r.v);
	return 0;
}

/* Without a watch. */
static int until_done(struct dq_client *c, struct dq_future *array)
{
	struct dq_args *keys = dq_args_new();
	struct dq_value answer;
	int code, tries = 0;
	bool done = false;

	dq_args_array(keys, 1);
	dq_args_str(keys, dq_future_key(array));
	do {
		usleep(50000);
		code = dq_query(c, DQ_QUERY_STATE, keys, 60, &answer);
		done = code == 0 && answer.n == 6 &&
		       memcmp(answer.bytes,
			       "\x91\xa4"
			       "done",
			       6) == 0;
		dq_value_release(&answer);
	} while (code == 0 && !done && ++tries < 2000);
	dq_args_free(&keys);
	return code;
}

static void nothing(struct dq_future *f, void *arg)
{
	(void)f;
	(void)arg;
}

static int slow(struct dq_client *c, uint64_t n)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_args *args = dq_args_new();
	struct dq_counts counts;
	struct dq_future *array;
	char text[231];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = 0;
	dq_args_array(args, 2);
	dq_args_index(args);
	dq_args_str(args, text);
	spec.function = "echo";
	spec.args = args;
	if (dq_map(c, &spec, n, NULL, &array) || dq_client_sync(c, 60) || until_done(c, array))
		return fail(c);
	dq_args_free(&args);
	if (dq_future_on_done(array, nothing, NULL) || dq_client_process(c))
		return fail(c);
	sleep(2);
	if (dq_wait(c, &array, 1, DQ_WAIT_ALL, 100) || dq_future_counts(array, &counts))
		return fail(c);
	printf("%llu\n", (unsigned long long)counts.done);
	return 0;
}

int main(int argc, char **argv)
{
	struct dq_client *c;
	int code;

	if (argc != 4)
		return 2;
	if (dq_client_open(argv[1], NULL, &c))
		return fail(c);
	code = strcmp(argv[2], "wake") ? slow(c, strtoull(argv[3], NULL, 10))
				       : wake(c, strtoull(argv[3], NULL, 10));
	dq_client_close(&c);
	return code;
}
