/*
 * pipeline [ADDRESS [COUNT]]
 *
 * Counts by which digits squares end. Numbers go through a queue to tasks that square them, and the
 * digits through another to tasks that count them, in a variable for each digit. Whatever is killed
 * meanwhile, scheduler or workers, each number is counted once.
 *
 * Without an address it brings scheduler and workers along; else the workers need the module:
 *	dq-worker --module pipeline.so
 */
#include <dq/coordination.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AT_ONCE 4 /* tasks of a stage */

static struct dq_client *client;

static void must(int code)
{
	if (code == DQ_E_OK)
		return;
	fprintf(stderr, "pipeline: %s\n", dq_client_error(client));
	exit(1);
}

static const char *counter(int digit)
{
	static char name[32];

	snprintf(name, sizeof(name), "pipeline-count-%d", digit);
	return name;
}

/* What an earlier run may have left is gone, and all counters are 0. */
static void begin(void)
{
	const char *queues[] = {"pipeline-numbers", "pipeline-digits"};
	struct dq_content zero = DQ_CONTENT_INIT;
	struct dq_args *args = dq_args_new();

	for (int i = 0; i < 2; i++) {
		int code = dq_queue_delete(client, queues[i], -1);

		must(code == DQ_E_NOT_FOUND ? DQ_E_OK : code);
	}
	dq_args_int(args, 0);
	zero.args = args;
	for (int digit = 0; digit < 10; digit++)
		must(dq_variable_set(client, counter(digit), &zero, -1, NULL));
	dq_args_free(&args);
}

static void put_numbers(uint64_t count)
{
	struct dq_content item = DQ_CONTENT_INIT;
	struct dq_args *args = dq_args_new();

	for (uint64_t i = 0; i < count; i++) {
		dq_args_clear(args);
		dq_args_uint(args, i);
		item.args = args;
		must(dq_queue_put(client, "pipeline-numbers", &item, 1, NULL, -1, NULL));
	}
	dq_args_free(&args);
}

/* n tasks of a function, some at a time. */
static struct dq_future *start(const char *function, uint64_t n)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_future *array;

	spec.function = function;
	spec.at_once = AT_ONCE;
	must(dq_map(client, &spec, n, NULL, &array));
	return array;
}

static void must_end_well(struct dq_future *array)
{
	struct dq_failure failure;

	must(dq_wait(client, &array, 1, DQ_WAIT_ALL, -1));
	if (dq_future_failure(array, &failure) == DQ_E_OK) {
		fprintf(stderr, "pipeline: %s\n", failure.message);
		exit(1);
	}
}

/* Prints the counts; whether they are those of the numbers below `count`. */
static bool right(uint64_t count)
{
	int64_t expected[10] = {0}, counted;
	struct dq_variable v;
	bool same = true;

	for (uint64_t i = 0; i < count; i++)
		expected[i * i % 10]++;
	for (int digit = 0; digit < 10; digit++) {
		must(dq_variable_get(client, counter(digit), 0, -1, &v));
		must(dq_value_int(&v.value, &counted));
		dq_variable_release(&v);
		if (counted > 0)
			printf("%d: %" PRId64 ", ", digit, counted);
		same = same && counted == expected[digit];
	}
	return same;
}

int main(int argc, char **argv)
{
	struct dq_options options = DQ_OPTIONS_INIT;
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 200;
	struct dq_future *stages[2];
	char module[4096 + 4] = "";
	bool as_expected;

	/* The module stands beside this program. */
	if (readlink("/proc/self/exe", module, 4096) > 0)
		snprintf(module + strlen(module), 4, ".so");
	options.local_modules = (const char *const[]){module, NULL};
	must(dq_client_open(argc > 1 ? argv[1] : NULL, &options, &client));
	begin();
	stages[0] = start("square", count);
	stages[1] = start("count", count);
	put_numbers(count);
	for (int i = 0; i < 2; i++)
		must_end_well(stages[i]);
	as_expected = right(count);
	printf("as expected: %s\n", as_expected ? "yes" : "no");
	return dq_client_close(&client) || !as_expected;
}
