/*
 * The workload fair: what a backlog of one user costs another, who has one task at a time. Tasks
 * last 5 ms. The other user is a process of another uid, so it takes root.
 */
#include "bench.h"
#include "limits.h"
#include "servers.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 300

static int nap_once(struct dq_client *client)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_future *future = NULL;
	struct dq_value value = {0};
	int r;

	spec.function = "nap";
	r = dq_submit(client, &spec, &future);
	if (r == DQ_E_OK)
		r = dq_result(future, 60, &value);
	dq_value_release(&value);
	dq_future_free(&future);
	return r;
}

/* In a process of its own. */
static int be_the_other(const char *address, int out)
{
	struct dq_options options = DQ_OPTIONS_INIT;
	struct dq_client *client = NULL;
	double took_ms[ROUNDS];
	int r;

	if (setgroups(0, NULL) || setresgid(SECOND_USER, SECOND_USER, SECOND_USER) ||
		setresuid(SECOND_USER, SECOND_USER, SECOND_USER))
		return 1;
	r = dq_client_open(address, &options, &client);
	for (int i = 0; r == DQ_E_OK && i < ROUNDS; i++) {
		uint64_t began_us = clock_mono_us();

		r = nap_once(client);
		took_ms[i] = (double)(clock_mono_us() - began_us) / 1e3;
	}
	if (r != DQ_E_OK)
		fprintf(stderr, "dq-bench: the other user: %s\n",
			client ? dq_client_error(client) : dq_strerror(r));
	dq_client_close(&client);
	return r == DQ_E_OK && write(out, took_ms, sizeof took_ms) == sizeof took_ms ? 0 : 1;
}

/* The other user's p95 in ms; negative: it failed. */
static double p95_of_other(const char *address)
{
	double took_ms[ROUNDS];
	size_t n = 0;
	int fds[2], status = 1;
	ssize_t got;
	pid_t pid;

	if (pipe(fds))
		return -1;
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(be_the_other(address, fds[1]));
	close(fds[1]);
	while (n < sizeof took_ms &&
		(got = read(fds[0], (char *)took_ms + n, sizeof took_ms - n)) > 0)
		n += (size_t)got;
	close(fds[0]);
	if (pid > 0)
		waitpid(pid, &status, 0);
	return status == 0 && n == sizeof took_ms ? percentile(took_ms, ROUNDS, 95) : -1;
}

static int fair(struct bench *b)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_future *backlog = NULL;
	uint64_t began_us = clock_mono_us();
	double alone, beside;
	int r;

	if (geteuid() != 0) {
		fprintf(stderr, "dq-bench: fair: a second user takes root\n");
		return DQ_E_REFUSED;
	}
	alone = p95_of_other(b->address);
	spec.function = "nap";
	r = dq_map(b->client, &spec, b->n, NULL, &backlog);
	if (r == DQ_E_OK)
		r = dq_client_sync(b->client, 60);
	beside = r == DQ_E_OK ? p95_of_other(b->address) : -1;
	b->seconds = (double)(clock_mono_us() - began_us) / 1e6;
	dq_future_free(&backlog);
	if (r != DQ_E_OK || alone <= 0 || beside <= 0)
		return r == DQ_E_OK ? DQ_E_BUG : r;
	figure(b, "alone_p95_ms", alone);
	figure(b, "p95_ms", beside);
	figure(b, "ratio", beside / alone);
	return DQ_E_OK;
}

const struct workload workload_fair = {.name = "fair",
	.about = "one user has so many queued, another one task at a time; takes root",
	.n = 100000,
	.users = true,
	.run = fair};
