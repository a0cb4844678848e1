/*
 * producers [ADDRESS [COUNT]]
 *
 * Three producers put numbers into a queue that has room for a few hundred; four consumers take
 * them, look for the least divisor of each, and put that into another queue, from which this
 * program gets it. All seven are tasks: who waits at a queue gives its slot to another, so that one
 * slot is enough, and schedulers and workers may be killed meanwhile. Then a number may be heard of
 * twice, and none is lost.
 *
 * Without an address it brings scheduler and workers along; else the workers need the module:
 *	dq-worker --module producers.so
 */
#include "producers.h"

#include <dq/coordination.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PRODUCERS 3
#define CONSUMERS 4
#define ROOM 256

static struct dq_client *client;

static void must(int code)
{
	if (code == DQ_E_OK)
		return;
	fprintf(stderr, "producers: %s\n", dq_client_error(client));
	exit(1);
}

/* n tasks of a function; args may be NULL. */
static struct dq_future *start(const char *function, struct dq_args *args, uint64_t n)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_future *array;

	spec.function = function;
	spec.args = args;
	must(dq_map(client, &spec, n, NULL, &array));
	dq_args_free(&args);
	return array;
}

/* Ends the program if one of these tasks has failed. */
static void must_live(struct dq_future *array)
{
	struct dq_failure failure;

	if (dq_future_failure(array, &failure) == DQ_E_OK) {
		fprintf(stderr, "producers: %s\n", failure.message);
		exit(1);
	}
}

/* Gets what was found until it is all there: divisors[i] of i + 2. How often it was there already.
 */
static uint64_t collect(uint64_t *divisors, uint64_t count, struct dq_future *producers,
	struct dq_future *consumers)
{
	struct dq_item items[BATCH];
	uint64_t there = 0, again = 0;

	while (there < count) {
		size_t n = 0;
		int code = dq_queue_get(client, FOUND, BATCH, 1, items, &n);

		if (code != DQ_E_TIMEOUT)
			must(code);
		must_live(producers);
		must_live(consumers);
		for (size_t i = 0; i < n; i++) {
			struct found found;

			memcpy(&found, items[i].value.bytes, sizeof(found));
			dq_item_release(&items[i]);
			if (found.number - 2 >= count || divisors[found.number - 2]) {
				again++;
				continue;
			}
			divisors[found.number - 2] = found.divisor;
			there++;
		}
	}
	return again;
}

/* What they found is what a sieve finds. */
static bool right(const uint64_t *divisors, uint64_t count, uint64_t *primes)
{
	uint64_t *least = calloc(count + 2, sizeof(*least));
	bool same = least;

	*primes = 0;
	for (uint64_t i = 2; same && i < count + 2; i++) {
		bool prime = least[i] == 0;

		*primes += prime;
		for (uint64_t k = i; prime && k < count + 2; k += i)
			least[k] = least[k] ? least[k] : i;
		same = divisors[i - 2] == least[i];
	}
	free(least);
	return same;
}

int main(int argc, char **argv)
{
	struct dq_options options = DQ_OPTIONS_INIT;
	struct dq_queue_limits limits = {.size = sizeof(limits), .maxsize = ROOM};
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 3000, primes, again;
	uint64_t *divisors = calloc(count + 1, sizeof(*divisors));
	struct dq_future *producers, *consumers;
	struct dq_args *args = dq_args_new();
	char module[4096 + 4] = "";
	bool as_expected;

	if (!divisors || !args)
		return 1;
	/* The module stands beside this program. */
	if (readlink("/proc/self/exe", module, 4096) > 0)
		snprintf(module + strlen(module), 4, ".so");
	options.local_modules = (const char *const[]){module, NULL};
	must(dq_client_open(argc > 1 ? argv[1] : NULL, &options, &client));
	must(dq_queue_create(client, NUMBERS, &limits, -1));
	dq_args_array(args, 2);
	dq_args_uint(args, PRODUCERS);
	dq_args_uint(args, count);
	producers = start("produce", args, PRODUCERS);
	consumers = start("consume", NULL, CONSUMERS);
	again = collect(divisors, count, producers, consumers);
	must(dq_wait(client, &producers, 1, DQ_WAIT_ALL, -1));
	must_live(producers);
	must(dq_future_cancel(consumers));
	must(dq_wait(client, &consumers, 1, DQ_WAIT_ALL, -1));
	must(dq_queue_delete(client, NUMBERS, -1));
	must(dq_queue_delete(client, FOUND, -1));
	as_expected = right(divisors, count, &primes);
	printf("%" PRIu64 " numbers, %" PRIu64 " of them again, %" PRIu64
	       " primes, as expected: %s\n",
		count, again, primes, as_expected ? "yes" : "no");
	free(divisors);
	return dq_client_close(&client) || !as_expected;
}
