/*
 * sum-transpose [ADDRESS]
 *
 * The sum of x + x transposed, where x is a matrix of 3 x 3 blocks of a million doubles each. The
 * blocks, 8 MB each, are made by the workers and stay there: what travels is what one worker needs
 * of the other, and the sum.
 *
 * Without an address it brings scheduler and two workers along; else the workers need the module:
 *	dq-worker --module sum-transpose.so
 */
#include <dq/client.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIDE 3 /* blocks */
#define N 1000 /* elements of a block's side */

static struct dq_client *client;

static void must(int code)
{
	if (code == DQ_E_OK)
		return;
	fprintf(stderr, "sum-transpose: %s\n", dq_client_error(client));
	exit(1);
}

/* Submits function(args), and frees the args. */
static struct dq_future *call(const char *function, struct dq_args *args)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_future *future;

	spec.function = function;
	spec.args = args;
	must(dq_submit(client, &spec, &future));
	dq_args_free(&args);
	return future;
}

static struct dq_future *make(uint32_t row, uint32_t col)
{
	struct dq_args *args = dq_args_new();

	dq_args_array(args, 3);
	dq_args_uint(args, N);
	dq_args_uint(args, row * N);
	dq_args_uint(args, col * N);
	return call("make", args);
}

/* function([futures…]); gives them back: what a task waits for is kept for it. */
static struct dq_future *of(const char *function, struct dq_future **futures, uint32_t n)
{
	struct dq_args *args = dq_args_new();
	struct dq_future *out;

	dq_args_array(args, n);
	for (uint32_t i = 0; i < n; i++)
		dq_args_future(args, futures[i]);
	out = call(function, args);
	for (uint32_t i = 0; i < n; i++)
		dq_future_free(&futures[i]);
	return out;
}

/* As the module makes them: element (i, j) is 7 i + 3 j. */
static double expected(void)
{
	double total = 0;

	for (int i = 0; i < SIDE * N; i++)
		for (int j = 0; j < SIDE * N; j++)
			total += 2 * (7 * i + 3 * j);
	return total;
}

int main(int argc, char **argv)
{
	struct dq_options options = DQ_OPTIONS_INIT;
	struct dq_future *x[SIDE][SIDE], *sums[SIDE * SIDE], *total;
	char module[4096 + 4] = "";
	struct dq_value value;
	double sum;

	/* The module stands beside this program. */
	if (readlink("/proc/self/exe", module, 4096) > 0)
		snprintf(module + strlen(module), 4, ".so");
	options.local_modules = (const char *const[]){module, NULL};
	options.local_workers = 2;
	must(dq_client_open(argc > 1 ? argv[1] : NULL, &options, &client));
	for (uint32_t i = 0; i < SIDE; i++)
		for (uint32_t j = 0; j < SIDE; j++)
			x[i][j] = make(i, j);
	for (int i = 0; i < SIDE; i++)
		for (int j = 0; j < SIDE; j++) {
			struct dq_future *y,
				*two[] = {dq_future_ref(x[i][j]), dq_future_ref(x[j][i])};

			y = of("add_transposed", two, 2);
			sums[i * SIDE + j] = of("sum", &y, 1);
		}
	total = of("sum", sums, SIDE * SIDE);
	for (int i = 0; i < SIDE * SIDE; i++)
		dq_future_free(&x[i / SIDE][i % SIDE]);
	must(dq_result(total, -1, &value));
	must(dq_value_double(&value, &sum));
	dq_value_release(&value);
	printf("sum %.0f, as expected: %s\n", sum, sum == expected() ? "yes" : "no");
	return dq_client_close(&client);
}
