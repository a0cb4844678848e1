/*
 * Workloads that count tasks a second: noop, array, chain, exec.
 */
#include "bench.h"
#include "limits.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define BATCH 1000

/* Submits n tasks of one spec, 1,000 in a call, and lets each call's tasks leave at once. */
static int submit_all(struct bench *b, const struct dq_spec *spec, struct dq_future **futures)
{
	struct dq_spec specs[BATCH];
	int r = DQ_E_OK;

	for (size_t i = 0; i < BATCH; i++)
		specs[i] = *spec;
	for (uint64_t at = 0; r == DQ_E_OK && at < b->n; at += BATCH) {
		size_t n = b->n - at < BATCH ? (size_t)(b->n - at) : BATCH;

		r = dq_submit_many(b->client, specs, n, futures + at);
		if (r == DQ_E_OK)
			r = dq_client_process(b->client);
	}
	return r;
}

static int check_all(struct dq_future **futures, uint64_t n)
{
	int r = DQ_E_OK;

	for (uint64_t i = 0; r == DQ_E_OK && i < n; i++)
		r = check_done(futures[i]);
	return r;
}

static int many(struct bench *b, const struct dq_spec *spec)
{
	struct dq_future **futures = xcalloc(b->n + 1, sizeof(struct dq_future *));
	uint64_t began_us = clock_mono_us();
	int r = submit_all(b, spec, futures);

	if (r == DQ_E_OK)
		r = dq_wait(b->client, futures, b->n, DQ_WAIT_ALL, -1);
	figure_rate(b, began_us);
	if (r == DQ_E_OK)
		r = check_all(futures, b->n);
	free_futures(futures, b->n);
	return r;
}

static int noop(struct bench *b)
{
	struct dq_spec spec = DQ_SPEC_INIT;

	spec.function = "noop";
	return many(b, &spec);
}

const struct workload workload_noop = {
	.name = "noop", .about = "N tasks that do nothing", .n = 200000, .run = noop};

static int array(struct bench *b)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_future *future = NULL;
	uint64_t began_us = clock_mono_us();
	int r;

	spec.function = "noop";
	r = dq_map(b->client, &spec, b->n, NULL, &future);
	if (r == DQ_E_OK)
		r = dq_wait(b->client, &future, 1, DQ_WAIT_ALL, -1);
	figure_rate(b, began_us);
	if (r == DQ_E_OK)
		r = check_done(future);
	dq_future_free(&future);
	return r;
}

const struct workload workload_array = {
	.name = "array", .about = "the same as one array", .n = 1000000, .run = array};

/* --- chain ------------------------------------------------------------------------------------ */

static int submit_chain(struct bench *b, struct dq_future **futures)
{
	struct dq_args *args = dq_args_new();
	struct dq_spec spec = DQ_SPEC_INIT;
	int r = DQ_E_OK;

	spec.function = "inc";
	spec.args = args;
	for (uint64_t i = 0; r == DQ_E_OK && i < b->n; i++) {
		dq_args_clear(args);
		if (i == 0)
			dq_args_int(args, 0);
		else
			dq_args_future(args, futures[i - 1]);
		r = dq_submit(b->client, &spec, &futures[i]);
	}
	dq_args_free(&args);
	return r;
}

static int check_chain(struct dq_future *last, uint64_t n)
{
	struct dq_value value;
	int64_t v = 0;
	int r = dq_result(last, -1, &value);

	if (r != DQ_E_OK)
		return check_done(last) ? DQ_E_TASK_FAILED : r;
	r = dq_value_int(&value, &v);
	dq_value_release(&value);
	if (r == DQ_E_OK && (uint64_t)v != n) {
		fprintf(stderr, "dq-bench: the chain gave %lld, not %llu\n", (long long)v,
			(unsigned long long)n);
		r = DQ_E_BUG;
	}
	return r;
}

static int chain(struct bench *b)
{
	struct dq_future **futures = xcalloc(b->n + 1, sizeof(struct dq_future *));
	uint64_t began_us = clock_mono_us();
	int r = submit_chain(b, futures);

	if (r == DQ_E_OK)
		r = dq_wait(b->client, &futures[b->n - 1], 1, DQ_WAIT_ALL, -1);
	figure_rate(b, began_us);
	figure(b, "step_ms", b->seconds * 1e3 / (double)b->n);
	if (r == DQ_E_OK)
		r = check_chain(futures[b->n - 1], b->n);
	free_futures(futures, b->n);
	return r;
}

const struct workload workload_chain = {
	.name = "chain", .about = "N tasks, each on the one before", .n = 2000, .run = chain};

/* --- exec ------------------------------------------------------------------------------------- */

static int exec(struct bench *b)
{
	static const char *const argv[] = {"/bin/true", NULL};
	struct dq_spec spec = DQ_SPEC_INIT;
	double limit;
	int r;

	spec.argv = argv;
	limit = limit_spawn_per_s(b->n, 2);
	r = many(b, &spec);
	figure(b, "limit_per_s", limit);
	figure(b, "ratio", (double)b->n / b->seconds / limit);
	return r;
}

const struct workload workload_exec = {.name = "exec",
	.about = "N times /bin/true, against spawning it bare",
	.n = 2000,
	.run = exec};
