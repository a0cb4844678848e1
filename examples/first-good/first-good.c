/*
 * first-good [ADDRESS]
 *
 * Many look, one finds: searches a hundred ranges for a number whose hash begins with 22 zero bits,
 * takes the first that is told, and cancels the rest, those that run among them.
 *
 * Without an address it brings scheduler and workers along; else the workers need the module:
 *	dq-worker --module first-good.so
 */
#include <dq/client.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RANGES 100
#define NUMBERS 4000000 /* in each */
#define ZEROS 22

static struct dq_client *client;

static void must(int code)
{
	if (code == DQ_E_OK)
		return;
	fprintf(stderr, "first-good: %s\n", dq_client_error(client));
	exit(1);
}

static struct dq_future *search(uint64_t first)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_args *args = dq_args_new();
	struct dq_future *future;

	dq_args_array(args, 3);
	dq_args_uint(args, first);
	dq_args_uint(args, NUMBERS);
	dq_args_uint(args, ZEROS);
	spec.function = "search";
	spec.args = args;
	must(dq_submit(client, &spec, &future));
	dq_args_free(&args);
	return future;
}

/* The first result that is a number, in the order they are told; 0: none. */
static int64_t first_good(struct dq_future **futures)
{
	struct dq_completed *completed;
	struct dq_future *future;
	struct dq_value value;
	int64_t found = 0;

	must(dq_completed_new(client, futures, RANGES, &completed));
	do {
		must(dq_completed_next(completed, -1, &future));
		if (!future)
			break;
		must(dq_result(future, -1, &value));
		if (dq_value_int(&value, &found) != DQ_E_OK)
			found = 0;
		dq_value_release(&value);
	} while (found == 0);
	dq_completed_free(&completed);
	return found;
}

int main(int argc, char **argv)
{
	struct dq_options options = DQ_OPTIONS_INIT;
	struct dq_future *futures[RANGES];
	char module[4096 + 4] = "";
	unsigned cancelled = 0;
	int64_t found;

	/* The module stands beside this program. */
	if (readlink("/proc/self/exe", module, 4096) > 0)
		snprintf(module + strlen(module), 4, ".so");
	options.local_modules = (const char *const[]){module, NULL};
	must(dq_client_open(argc > 1 ? argv[1] : NULL, &options, &client));
	for (uint64_t i = 0; i < RANGES; i++)
		futures[i] = search(1 + i * NUMBERS);
	found = first_good(futures);
	must(dq_cancel_many(client, futures, RANGES));
	must(dq_wait(client, futures, RANGES, DQ_WAIT_ALL, -1));
	for (int i = 0; i < RANGES; i++)
		cancelled += dq_future_state(futures[i]) == DQ_STATE_CANCELLED;
	printf("found %lld, cancelled %u of %d\n", (long long)found, cancelled, RANGES);
	return dq_client_close(&client);
}
