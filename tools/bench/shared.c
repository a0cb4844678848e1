/*
 * Workloads of what is shared by name: queue, variable, lock. Each has several clients, a thread
 * with a connection each, that work at the same time, phase after phase.
 *
 * What is in flight is what one call carries: a put, a get, a take and an acknowledgement of
 * `window` items. Variables and locks are each client's own, one call after the other.
 */
#include "bench.h"
#include "limits.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <dq/coordination.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ITEM_BYTES 100
#define QUEUE "dq-bench"
#define LEASE_S 600

struct member {
	struct bench *b;
	struct dq_client *client;
	pthread_t thread;
	int (*work)(struct member *m);
	char name[32];
	uint64_t first, n;  /* its part of the items, or how many rounds */
	uint64_t done, sum; /* items got, and their numbers added up */
	double *took_ms;    /* of each call */
	size_t calls, cap;
	int result;
	/* of a queue's calls */
	struct dq_content *contents;
	uint8_t *bytes;
	struct dq_item *items;
};

static void took(struct member *m, uint64_t began_us)
{
	if (m->calls == m->cap) {
		m->cap = m->cap ? m->cap * 2 : 1024;
		m->took_ms = xreallocarray(m->took_ms, m->cap, sizeof *m->took_ms);
	}
	m->took_ms[m->calls++] = (double)(clock_mono_us() - began_us) / 1e3;
}

/* ---- members ---- */

static int open_member(struct bench *b, struct member *m, unsigned i)
{
	struct dq_options options = DQ_OPTIONS_INIT;
	int r = DQ_E_OK;

	m->b = b;
	m->first = b->n * i / b->clients;
	m->n = b->n * (i + 1) / b->clients - m->first;
	snprintf(m->name, sizeof m->name, "dq-bench-%u", i);
	if (i == 0)
		m->client = b->client;
	else
		r = dq_client_open(b->address, &options, &m->client);
	if (r != DQ_E_OK)
		fprintf(stderr, "dq-bench: client %u: %s\n", i,
			m->client ? dq_client_error(m->client) : dq_strerror(r));
	m->contents = xcalloc(b->window, sizeof *m->contents);
	m->bytes = xcalloc(b->window, ITEM_BYTES);
	m->items = xcalloc(b->window, sizeof *m->items);
	for (unsigned k = 0; k < b->window; k++)
		m->contents[k] = (struct dq_content){.size = sizeof *m->contents,
			.type = "bytes",
			.bytes = m->bytes + (size_t)k * ITEM_BYTES,
			.n = ITEM_BYTES};
	return r;
}

static void close_members(struct member *ms, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (i > 0)
			dq_client_close(&ms[i].client);
		free(ms[i].contents);
		free(ms[i].bytes);
		free(ms[i].items);
		free(ms[i].took_ms);
	}
	free(ms);
}

static struct member *open_members(struct bench *b, int *r)
{
	struct member *ms = xcalloc(b->clients, sizeof *ms);

	*r = DQ_E_OK;
	for (unsigned i = 0; i < b->clients && *r == DQ_E_OK; i++)
		*r = open_member(b, &ms[i], i);
	return ms;
}

static void *member_run(void *arg)
{
	struct member *m = arg;

	m->result = m->work(m);
	if (m->result != DQ_E_OK)
		fprintf(stderr, "dq-bench: %s: %s\n", m->name, dq_client_error(m->client));
	return NULL;
}

/* All of them do it; *seconds is what that took. */
static int all(struct bench *b, struct member *ms, int (*work)(struct member *m), double *seconds)
{
	uint64_t began_us = clock_mono_us();
	unsigned started = 0;
	int r = DQ_E_OK;

	for (; started < b->clients; started++) {
		ms[started].work = work;
		ms[started].done = ms[started].sum = 0;
		if (pthread_create(&ms[started].thread, NULL, member_run, &ms[started]) != 0) {
			r = DQ_E_NO_MEMORY;
			break;
		}
	}
	for (unsigned i = 0; i < started; i++) {
		pthread_join(ms[i].thread, NULL);
		if (r == DQ_E_OK)
			r = ms[i].result;
	}
	*seconds = (double)(clock_mono_us() - began_us) / 1e6;
	b->seconds += *seconds;
	return r;
}

/* The times of all calls so far. */
static void figure_calls(struct bench *b, struct member *ms)
{
	double *all_ms;
	size_t n = 0, at = 0;

	for (unsigned i = 0; i < b->clients; i++)
		n += ms[i].calls;
	all_ms = xcalloc(n + 1, sizeof *all_ms);
	for (unsigned i = 0; i < b->clients; i++) {
		if (ms[i].calls)
			memcpy(all_ms + at, ms[i].took_ms, ms[i].calls * sizeof *all_ms);
		at += ms[i].calls;
		ms[i].calls = 0;
	}
	figure(b, "p50_ms", percentile(all_ms, n, 50));
	figure(b, "p99_ms", percentile(all_ms, n, 99));
	free(all_ms);
}

static bool allowed(const struct bench *b)
{
	if (b->clients == 1 || b->address[0])
		return true;
	fprintf(stderr, "dq-bench: --local has one client\n");
	return false;
}

/* ---- queue ---- */

static int put_all(struct member *m)
{
	int r = DQ_E_OK;

	for (uint64_t at = 0; r == DQ_E_OK && at < m->n;) {
		size_t n = m->n - at < m->b->window ? (size_t)(m->n - at) : m->b->window;
		uint64_t began_us = clock_mono_us();

		for (size_t k = 0; k < n; k++) {
			uint64_t number = m->first + at + k;

			memcpy(m->bytes + k * ITEM_BYTES, &number, sizeof number);
		}
		r = dq_queue_put(m->client, QUEUE, m->contents, n, NULL, -1, NULL);
		took(m, began_us);
		at += n;
	}
	return r;
}

static void count_items(struct member *m, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		uint64_t number = 0;

		if (m->items[k].value.n == ITEM_BYTES)
			memcpy(&number, m->items[k].value.bytes, sizeof number);
		m->sum += number;
		dq_item_release(&m->items[k]);
	}
	m->done += n;
}

/* How many of its part the next call is to have. */
static size_t wanted(const struct member *m)
{
	return m->n - m->done < m->b->window ? (size_t)(m->n - m->done) : m->b->window;
}

static int get_all(struct member *m)
{
	int r = DQ_E_OK;

	while (r == DQ_E_OK && m->done < m->n) {
		uint64_t began_us = clock_mono_us();
		size_t n;

		r = dq_queue_get(m->client, QUEUE, wanted(m), -1, m->items, &n);
		took(m, began_us);
		count_items(m, n);
	}
	return r;
}

static int take_all(struct member *m)
{
	int r = DQ_E_OK;

	while (r == DQ_E_OK && m->done < m->n) {
		size_t n;

		r = dq_queue_take(m->client, QUEUE, wanted(m), LEASE_S, -1, m->items, &n);
		if (r == DQ_E_OK)
			r = dq_queue_ack_many(m->client, QUEUE, m->items, n, -1, NULL);
		count_items(m, n);
	}
	return r;
}

/* Each item came, and once. */
static int check_items(const struct bench *b, const struct member *ms)
{
	uint64_t n = 0, sum = 0;

	for (unsigned i = 0; i < b->clients; i++) {
		n += ms[i].done;
		sum += ms[i].sum;
	}
	if (n == b->n && sum == b->n * (b->n - 1) / 2)
		return DQ_E_OK;
	fprintf(stderr, "dq-bench: queue: %llu items came out of %llu\n", (unsigned long long)n,
		(unsigned long long)b->n);
	return DQ_E_BUG;
}

static int queue_run(struct bench *b, struct member *ms)
{
	double put_s = 0, get_s = 0, again_s = 0, take_s = 0;
	int r = all(b, ms, put_all, &put_s);

	if (r == DQ_E_OK)
		r = all(b, ms, get_all, &get_s);
	if (r == DQ_E_OK)
		r = check_items(b, ms);
	if (r != DQ_E_OK)
		return r;
	figure(b, "ops_per_s", 2 * (double)b->n / (put_s + get_s));
	figure(b, "put_per_s", (double)b->n / put_s);
	figure(b, "get_per_s", (double)b->n / get_s);
	figure_calls(b, ms);
	r = all(b, ms, put_all, &again_s);
	if (r == DQ_E_OK)
		r = all(b, ms, take_all, &take_s);
	if (r == DQ_E_OK)
		r = check_items(b, ms);
	if (r == DQ_E_OK)
		figure(b, "take_ack_per_s", (double)b->n / take_s);
	return r;
}

/* Runs a workload with its clients. */
static int with_members(struct bench *b, int (*run)(struct bench *b, struct member *ms))
{
	struct member *ms;
	int r;

	if (!allowed(b))
		return DQ_E_USAGE;
	ms = open_members(b, &r);
	if (r == DQ_E_OK) {
		figure(b, "clients", b->clients);
		r = run(b, ms);
	}
	close_members(ms, b->clients);
	return r;
}

static int queue(struct bench *b)
{
	figure(b, "window", b->window);
	return with_members(b, queue_run);
}

const struct workload workload_queue = {.name = "queue",
	.about = "N items of 100 bytes: put, get; put, take and acknowledge",
	.n = 400000,
	.run = queue};

/* ---- variable, lock ---- */

static int set_and_get(struct member *m)
{
	int r = DQ_E_OK;

	for (uint64_t i = 0; r == DQ_E_OK && i < m->n; i++) {
		uint64_t began_us = clock_mono_us(), version;
		struct dq_variable v;

		r = dq_variable_set(m->client, m->name, &m->contents[0], -1, &version);
		if (r == DQ_E_OK)
			r = dq_variable_get(m->client, m->name, version - 1, -1, &v);
		if (r != DQ_E_OK)
			break;
		dq_variable_release(&v);
		took(m, began_us);
	}
	return r;
}

static int lock_and_unlock(struct member *m)
{
	const struct dq_lock one = {.name = m->name};
	int r = DQ_E_OK;

	for (uint64_t i = 0; r == DQ_E_OK && i < m->n; i++) {
		uint64_t began_us = clock_mono_us(), fence;

		r = dq_lock_acquire(m->client, &one, 1, NULL, -1, &fence);
		if (r == DQ_E_OK)
			r = dq_lock_release(m->client, fence, -1);
		took(m, began_us);
	}
	return r;
}

/* Two operations a round. */
static int rounds(struct bench *b, struct member *ms, int (*work)(struct member *m))
{
	double seconds;
	int r = all(b, ms, work, &seconds);

	if (r == DQ_E_OK) {
		figure(b, "ops_per_s", 2 * (double)b->n / seconds);
		figure_calls(b, ms);
	}
	return r;
}

static int variable_run(struct bench *b, struct member *ms)
{
	return rounds(b, ms, set_and_get);
}

static int variable(struct bench *b)
{
	return with_members(b, variable_run);
}

const struct workload workload_variable = {
	.name = "variable", .about = "N times: set, then get", .n = 20000, .run = variable};

static int lock_run(struct bench *b, struct member *ms)
{
	return rounds(b, ms, lock_and_unlock);
}

static int lock(struct bench *b)
{
	return with_members(b, lock_run);
}

const struct workload workload_lock = {
	.name = "lock", .about = "N times: acquire, then release", .n = 20000, .run = lock};
