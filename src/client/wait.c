/*
 * Waiting (wait.h) and dq_wait. Waiting for all looks at the futures in order and never twice at
 * one that has ended; for any marks them; the first failed hangs a tap on each. So an end costs the
 * same however many there are, and only the call itself looks at all of them.
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

/* Asks for all that are not known. Counts those that have ended into *ended (may be NULL). */
static int futures_watch(
	struct dq_client *c, struct dq_future *const *futures, size_t n, size_t *ended)
{
	for (size_t i = 0; i < n; i++) {
		if (!futures[i] || futures[i]->client != c)
			return client_error(c, DQ_E_USAGE, "a future is NULL or of another client");
		if (!watch_future(c, futures[i]))
			return client_error_code(c, DQ_E_NO_MEMORY);
		if (ended)
			*ended += future_is_done(futures[i]);
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
	int code = futures_watch(c, futures, n, NULL);

	return code ? code : client_wait(c, all_done, &w, deadline_us);
}

/* ---- with taps ---- */

struct tapping {
	struct tapset set;
	struct tap *taps;
	bool failed;
};

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
		t->failed = future_is_bad(tap->future);
	return t->failed || t->set.waiting == 0;
}

static int wait_tapping(struct dq_client *c, struct dq_future *const *futures, size_t n,
	uint64_t deadline_us, bool (*done)(void *arg))
{
	struct tapping t = {.taps = try_malloc(n * sizeof(*t.taps))};
	int code;

	if (!t.taps)
		return client_error_code(c, DQ_E_NO_MEMORY);
	tapset_init(&t.set);
	for (size_t i = 0; i < n; i++)
		tap_on(&t.taps[i], futures[i], &t.set, done == tapping_failed);
	code = client_wait(c, done, &t, deadline_us);
	for (size_t i = 0; i < n; i++)
		tap_off(&t.taps[i]);
	free(t.taps);
	return code;
}

static bool at_once(void *arg)
{
	(void)arg;
	return true;
}

static bool any_marked(void *arg)
{
	const struct futures *fs = arg;

	return fs->awaited_ends > 0;
}

/* Without memory, for one thread at a time: its futures are marked. */
static int wait_marked(
	struct dq_client *c, struct dq_future *const *futures, size_t n, uint64_t deadline_us)
{
	struct futures *fs = &c->futures;
	int code;

	fs->awaiting = true;
	fs->awaited_ends = 0;
	for (size_t i = 0; i < n; i++)
		futures[i]->flags |= FUTURE_AWAITED;
	code = client_wait(c, any_marked, fs, deadline_us);
	for (size_t i = 0; i < n; i++)
		futures[i]->flags &= (uint16_t)~FUTURE_AWAITED;
	fs->awaiting = false;
	return code;
}

int wait_any(struct dq_client *c, struct dq_future *const *futures, size_t n, uint64_t deadline_us)
{
	size_t ended = 0;
	int code = futures_watch(c, futures, n, &ended);

	if (code)
		return code;
	if (ended || n == 0)
		return client_wait(c, at_once, NULL, deadline_us);
	/* The usual one: of many, asked for again and again. */
	if (!c->futures.awaiting)
		return wait_marked(c, futures, n, deadline_us);
	return wait_tapping(c, futures, n, deadline_us, tapping_any);
}

int wait_first_failed(
	struct dq_client *c, struct dq_future *const *futures, size_t n, uint64_t deadline_us)
{
	int code = futures_watch(c, futures, n, NULL);

	if (code)
		return code;
	if (n == 0)
		return client_wait(c, at_once, NULL, deadline_us);
	return wait_tapping(c, futures, n, deadline_us, tapping_failed);
}

struct dq_future *first_failed(struct dq_future *const *futures, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (future_is_bad(futures[i]))
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
