/*
 * Futures in the order they end: dq_completed. A tap for each future, allocated a batch at a time
 * as they are added; ends queue in the set, from where they are handed out. A future freed while in
 * a set leaves it. Batches of which nothing is left are freed as others come, so that a set that
 * runs for long is as large as what is in it.
 */
#include "client/client.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "client/completed.h"

struct tap_batch {
	struct tap_batch *next;
	size_t n;
	struct tap taps[];
};

struct dq_completed {
	struct dq_client *client; /* NULL: the client has been closed */
	struct list link;         /* client.completed */
	struct tapset set;
	struct tap_batch *batches;
	size_t taps, sweep_at; /* in all batches; look for empty ones at so many */
};

#define SWEEP_MIN 1024

static bool batch_is_empty(const struct tap_batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->taps[i].state != TAP_OFF)
			return false;
	return true;
}

static void batches_sweep(struct dq_completed *s)
{
	struct tap_batch **at = &s->batches;

	while (*at) {
		struct tap_batch *b = *at;

		if (!batch_is_empty(b)) {
			at = &b->next;
			continue;
		}
		*at = b->next;
		s->taps -= b->n;
		free(b);
	}
	s->sweep_at = s->taps * 2 + SWEEP_MIN;
}

void completed_orphan(struct dq_client *c)
{
	while (!list_is_empty(&c->completed)) {
		struct dq_completed *s = list_entry(c->completed.next, struct dq_completed, link);

		list_remove(&s->link);
		s->client = NULL;
	}
}

static int completed_add(struct dq_completed *s, struct dq_future *const *futures, size_t n)
{
	struct dq_client *c = s->client;
	struct tap_batch *b;

	if (n == 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (!futures[i] || futures[i]->client != c)
			return client_error(c, DQ_E_USAGE, "a future is NULL or of another client");
		if (!watch_future(c, futures[i]))
			return client_error_code(c, DQ_E_NO_MEMORY);
	}
	if (s->taps + n > s->sweep_at)
		batches_sweep(s);
	b = try_malloc(sizeof(*b) + n * sizeof(*b->taps));
	if (!b)
		return client_error_code(c, DQ_E_NO_MEMORY);
	s->taps += n;
	b->n = n;
	b->next = s->batches;
	s->batches = b;
	for (size_t i = 0; i < n; i++)
		tap_on(&b->taps[i], futures[i], &s->set, false);
	return 0;
}

int dq_completed_new(struct dq_client *client, struct dq_future *const *futures, size_t n,
	struct dq_completed **out)
{
	struct dq_completed *s;
	int code = client_enter(client);

	*out = NULL;
	if (code)
		return code;
	s = try_calloc(1, sizeof(*s));
	if (s) {
		s->client = client;
		tapset_init(&s->set);
		list_push_back(&client->completed, &s->link);
		code = completed_add(s, futures, n);
	} else {
		code = client_error_code(client, DQ_E_NO_MEMORY);
	}
	client_leave(client);
	if (code && s)
		dq_completed_free(&s);
	*out = s;
	return code;
}

int dq_completed_add(struct dq_completed *c, struct dq_future *const *futures, size_t n)
{
	int code = client_enter(c ? c->client : NULL);

	if (code)
		return code;
	code = completed_add(c, futures, n);
	client_leave(c->client);
	return code;
}

static bool completed_has(void *arg)
{
	const struct dq_completed *s = arg;

	return s->set.ready > 0 || s->set.waiting == 0;
}

int dq_completed_batch(
	struct dq_completed *c, double timeout_s, struct dq_future **out, size_t max, size_t *n)
{
	uint64_t deadline_us = client_deadline(timeout_s);
	int code = client_enter_blocking(c ? c->client : NULL);

	*n = 0;
	if (code)
		return code;
	code = client_wait(c->client, completed_has, c, deadline_us);
	while (code == 0 && *n < max) {
		struct tap *t = tapset_pop(&c->set);

		if (!t)
			break;
		out[(*n)++] = t->future;
	}
	client_leave(c->client);
	return code;
}

int dq_completed_next(struct dq_completed *c, double timeout_s, struct dq_future **out)
{
	size_t n;

	*out = NULL;
	return dq_completed_batch(c, timeout_s, out, 1, &n);
}

void dq_completed_free(struct dq_completed **c)
{
	struct dq_completed *s = c ? *c : NULL;
	bool live;

	if (!s)
		return;
	*c = NULL;
	live = s->client && client_enter(s->client) == 0;
	while (s->batches) {
		struct tap_batch *b = s->batches;

		s->batches = b->next;
		for (size_t i = 0; live && i < b->n; i++)
			tap_off(&b->taps[i]);
		free(b);
	}
	if (live) {
		list_remove(&s->link);
		client_leave(s->client);
	}
	free(s);
}
