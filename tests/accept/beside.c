/*
 * beside ADDRESS COMMAND [WORD...]: runs the command, and until it ends submits one task at a time
 * (noop, of a worker's module) and waits for its result. Prints how many, and how long they took:
 * "beside: N round trips, p50 X ms, p99 X ms, longest X ms". Exits as the command does, or 125.
 */
#include <dq/client.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS_MAX = 1000000, FAILED = 125 };

static double took_ms[ROUNDS_MAX];

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int round_trip(struct dq_client *client)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_future *future = NULL;
	struct dq_value value = {0};
	int rc;

	spec.function = "noop";
	rc = dq_submit(client, &spec, &future);
	if (rc == 0)
		rc = dq_result(future, 60, &value);
	dq_value_release(&value);
	dq_future_free(&future);
	return rc;
}

static int by_size(const void *pa, const void *pb)
{
	const double *a = pa, *b = pb;

	return (*a > *b) - (*a < *b);
}

static void tell(size_t n)
{
	if (n == 0)
		return;
	qsort(took_ms, n, sizeof *took_ms, by_size);
	printf("beside: %zu round trips, p50 %.2f ms, p99 %.2f ms, longest %.2f ms\n", n,
		took_ms[n / 2], took_ms[n * 99 / 100], took_ms[n - 1]);
}

/* Until the child has ended; its status. */
static int measure(struct dq_client *client, pid_t child)
{
	size_t n = 0;
	int status = 0, rc = 0;

	while (rc == 0 && n < ROUNDS_MAX && waitpid(child, &status, WNOHANG) == 0) {
		double began = now_ms();

		rc = round_trip(client);
		took_ms[n++] = now_ms() - began;
	}
	if (rc) {
		fprintf(stderr, "beside: %s\n", dq_client_error(client));
		return FAILED;
	}
	tell(n);
	return WIFEXITED(status) ? WEXITSTATUS(status) : FAILED;
}

int main(int argc, char **argv)
{
	struct dq_client *client = NULL;
	int rc = argc > 2 ? dq_client_open(argv[1], NULL, &client) : DQ_E_USAGE;
	pid_t child;

	if (rc == 0)
		rc = round_trip(client);
	if (rc) {
		fprintf(stderr, "beside: %s\n", client ? dq_client_error(client) : "usage");
		return FAILED;
	}
	child = fork();
	if (child == 0) {
		execvp(argv[2], argv + 2);
		_exit(FAILED);
	}
	rc = child < 0 ? FAILED : measure(client, child);
	dq_client_close(&client);
	return rc;
}
