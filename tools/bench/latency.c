/*
 * Workloads that time one thing again and again: roundtrip, startup.
 */
#include "bench.h"
#include "limits.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

static int one_task(struct dq_client *client)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_future *future = NULL;
	struct dq_value value = {0};
	int r;

	spec.function = "noop";
	r = dq_submit(client, &spec, &future);
	if (r == DQ_E_OK)
		r = dq_result(future, -1, &value);
	if (r != DQ_E_OK && future)
		check_done(future);
	dq_value_release(&value);
	dq_future_free(&future);
	return r;
}

static int roundtrip(struct bench *b)
{
	double *took_ms = xcalloc(b->n + 1, sizeof *took_ms);
	uint64_t began_us = clock_mono_us(), done = 0;
	int r = DQ_E_OK;

	while (r == DQ_E_OK && done < b->n) {
		uint64_t one_us = clock_mono_us();

		r = one_task(b->client);
		took_ms[done++] = (double)(clock_mono_us() - one_us) / 1e3;
	}
	b->seconds = (double)(clock_mono_us() - began_us) / 1e6;
	figure(b, "p50_ms", percentile(took_ms, done, 50));
	figure(b, "p99_ms", percentile(took_ms, done, 99));
	figure(b, "p999_ms", percentile(took_ms, done, 99.9));
	free(took_ms);
	return r;
}

const struct workload workload_roundtrip = {.name = "roundtrip",
	.about = "submit one, wait for its result, again",
	.n = 2000,
	.run = roundtrip};

/* --- startup ---------------------------------------------------------------------------------- */

/* Opens, runs a task, closes; *commits (or NULL) is how many commits it took until before the
 * close. */
static int start_once(struct bench *b, uint64_t *commits)
{
	const char *modules[] = {b->module, NULL};
	struct dq_options options = DQ_OPTIONS_INIT;
	struct dq_client *client = NULL;
	int r;

	options.local_modules = modules;
	options.local_slots = b->slots;
	options.durability = b->durability;
	r = dq_client_open("local", &options, &client);
	if (r == DQ_E_OK)
		r = one_task(client);
	if (r != DQ_E_OK)
		fprintf(stderr, "dq-bench: startup: %s\n", client ? dq_client_error(client) : "");
	else if (commits)
		*commits = ask_commits(client, NULL);
	dq_client_close(&client);
	return r;
}

static int startup(struct bench *b)
{
	double *took_ms = xcalloc(b->n + 1, sizeof *took_ms);
	uint64_t began_us = clock_mono_us(), done = 0, commits = 0;
	int r = start_once(b, &commits);

	while (r == DQ_E_OK && done < b->n) {
		uint64_t one_us = clock_mono_us();

		r = start_once(b, NULL);
		took_ms[done++] = (double)(clock_mono_us() - one_us) / 1e3;
	}
	b->seconds = (double)(clock_mono_us() - began_us) / 1e6;
	figure(b, "p50_ms", percentile(took_ms, done, 50));
	figure(b, "p99_ms", percentile(took_ms, done, 99));
	figure(b, "startup_commits", (double)commits);
	figure(b, "startup_sync_ms", (double)commits * limit_sync_ms(b->dir, 200));
	free(took_ms);
	return r;
}

const struct workload workload_startup = {.name = "startup",
	.about = "in process: open, one task, its result, close",
	.n = 21,
	.opens = true,
	.run = startup};
