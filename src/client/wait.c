/*
 * Waiting (wait.h) and dq_wait. Waiting for all looks at the futures in order and never twice at
 * one that has ended; the other ways hang a tap on each future, so that an end costs the same
 * however many there are.
 */
#include "client/wait.h"
#include "client/array.h"
#include "client/client.h"

#include "base/alloc.h"
#include "base/ensure.h"

struct waiting {
	struct dq_future *const *futures;
	size_t n, at;
};

static int futures_watch(struct dq_client *c, struct dq_future *const *futures, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!futures[i] || futures[i]->client != c)
			return client_error(c, DQ_E_USAGE, "a future is NULL or of another client");
		if (!watch_future(c, futures[i]))
			return client_error_code(c, DQ_E_NO_MEMORY);
	}
	return 0;
}

static bool all_done(void *arg)
{
	struct waiting *w = arg;

	while (w->at < w->n && future_is_done(w->futures[w->at]))
		w->at++;
	return w->at == w->n;
}

int wait_all(struct dq_client *c, struct dq_future *const *futures, size_t n, uint64_t deadline_us)
{
	struct waiting w = {.futures = futures, .n = n};
	int code = futures_watch(c, futures, n);

	return code ? code : client_wait(c, all_done, &w, deadline_us);
}

/* ---- with taps ---- */

struct tapping {
	struct tapset set;
	struct tap *taps;
	size_t n;
	bool stop_at_failed;
	bool failed;
};

static int tapping_begin(
	struct dq_client *c, struct tapping *t, struct dq_future *const *futures, size_t n)
{
	int code = futures_watch(c, futures, n);

	if (code)
		return code;
	tapset_init(&t->set);
	t->n = n;
	t->taps = try_calloc(n, sizeof(*t->taps));
	if (!t->taps)
		return client_error_code(c, DQ_E_NO_MEMORY);
	for (size_t i = 0; i < n; i++)
		tap_on(&t->taps[i], futures[i], &t->set);
	return 0;
}

static void tapping_end(struct tapping *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->taps[i].state == TAP_WAITING)
			tap_off(&t->taps[i]);
	free(t->taps);
}

static bool tapping_any(void *arg)
{
	const struct tapping *t = arg;

	return t->set.ready > 0;
}

static bool tapping_failed(void *arg)
{
	struct tapping *t = arg;
	struct tap *tap;

	while (!t->failed && (tap = tapset_pop(&t->set)))
		t->failed = future_state(tap->future) != DQ_STATE_DONE;
	return t->failed || t->set.waiting == 0;
}

static int wait_tapping(struct dq_client *c, struct dq_future *const *futures, size_t n,
	uint64_t deadline_us, bool (*done)(void *arg))
{
	struct tapping t = {.n = 0};
	int code;

	if (n == 0)
		return 0;
	code = tapping_begin(c, &t, futures, n);
	if (code)
		return code;
	code = client_wait(c, done, &t, deadline_us);
	tapping_end(&t);
	return code;
}

int wait_any(struct dq_client *c, struct dq_future *const *futures, size_t n, uint64_t deadline_us)
{
	return wait_tapping(c, futures, n, deadline_us, tapping_any);
}

int wait_first_failed(
	struct dq_client *c, struct dq_future *const *futures, size_t n, uint64_t deadline_us)
{
	return wait_tapping(c, futures, n, deadline_us, tapping_failed);
}

static bool array_done_or_bad(void *arg)
{
	const struct dq_future *f = arg;

	return future_is_done(f) || f->more->array->first_bad != UINT64_MAX;
}

int wait_array_first_failed(struct dq_client *c, struct dq_future *array, uint64_t deadline_us)
{
	int code = futures_watch(c, &array, 1);

	ensure(array->kind == FUTURE_ARRAY);
	return code ? code : client_wait(c, array_done_or_bad, array, deadline_us);
}

struct dq_future *first_failed(struct dq_future *const *futures, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (future_is_done(futures[i]) && future_state(futures[i]) != DQ_STATE_DONE)
			return futures[i];
	return NULL;
}

int dq_wait(struct dq_client *client, struct dq_future *const *futures, size_t n, enum dq_wait mode,
	double timeout_s)
{
	uint64_t deadline_us = client_deadline(timeout_s);
	int code = client_enter_blocking(client);

	if (code)
		return code;
	switch (mode) {
	case DQ_WAIT_ALL:
		code = wait_all(client, futures, n, deadline_us);
		break;
	case DQ_WAIT_ANY:
		code = wait_any(client, futures, n, deadline_us);
		break;
	case DQ_WAIT_FIRST_FAILED:
		code = wait_first_failed(client, futures, n, deadline_us);
		break;
	default:
		code = client_error(client, DQ_E_USAGE, "dq_wait: no such mode");
	}
	client_leave(client);
	return code;
}
