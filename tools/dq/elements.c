/*
 * Elements in order (elements.h). Those that have ended are fetched together, a window at a time,
 * so that many results cost few round trips.
 */
#include "elements.h"

#include "cli.h"

#include "base/clock.h"

#include <dq/error.h>
#include <string.h>

#define WINDOW 256
#define FETCH_S 10

struct window {
	struct dq_client *client;
	struct dq_future *array;
	double timeout_s;
	uint64_t began_us;
	uint64_t at, end; /* the elements in v */
	struct dq_future *v[WINDOW];
};

static struct dq_future *element_at(const struct window *w, uint64_t i)
{
	return w->v[i % WINDOW];
}

/* Makes the handles of the next ones. */
static int window_fill(struct window *w)
{
	uint64_t count = dq_future_count(w->array);
	int r = DQ_E_OK;

	while (r == DQ_E_OK && w->end < count && w->end - w->at < WINDOW) {
		r = dq_future_element(w->array, w->end, &w->v[w->end % WINDOW]);
		w->end += r == DQ_E_OK;
	}
	return r;
}

/* How many of the next have ended. */
static size_t window_ended(const struct window *w)
{
	size_t n = 0;

	while (w->at + n < w->end && dq_future_done(element_at(w, w->at + n)))
		n++;
	return n;
}

static double time_to_fetch(const struct window *w)
{
	double left = cli_time_left(w->timeout_s, w->began_us);

	return left >= 0 && left < FETCH_S ? FETCH_S : left;
}

/* The first n of the window, fetched together; one that did not come says why by itself. */
static bool window_hand_out(struct window *w, size_t n,
	bool (*fn)(struct dq_client *client, const struct element *e, void *arg), void *arg)
{
	struct dq_future *futures[WINDOW];
	struct dq_value values[WINDOW];
	bool go_on = true;

	for (size_t i = 0; i < n; i++)
		futures[i] = element_at(w, w->at + i);
	(void)dq_gather(w->client, futures, n, DQ_SKIP, time_to_fetch(w), values);
	for (size_t i = 0; i < n; i++) {
		struct element e = {.future = futures[i], .index = w->at + i, .value = values[i]};

		if (go_on && !e.value.type)
			e.error = dq_result(e.future, time_to_fetch(w), &e.value);
		go_on = go_on && fn(w->client, &e, arg);
		dq_value_release(&e.value);
		dq_future_free(&futures[i]);
	}
	w->at += n;
	return go_on;
}

int elements_each(struct dq_client *client, struct dq_future *array, double timeout_s,
	bool (*fn)(struct dq_client *client, const struct element *e, void *arg), void *arg)
{
	struct window w = {.client = client,
		.array = array,
		.timeout_s = timeout_s,
		.began_us = clock_mono_us()};
	int r = DQ_E_OK;
	bool go_on = true;

	cli_watch(client, &array, 1);
	while (go_on && r == DQ_E_OK && w.at < dq_future_count(array)) {
		struct dq_future *first;

		r = window_fill(&w);
		first = element_at(&w, w.at);
		if (r == DQ_E_OK)
			r = cli_wait(
				client, &first, 1, false, cli_time_left(timeout_s, w.began_us));
		if (r == DQ_E_OK)
			go_on = window_hand_out(&w, window_ended(&w), fn, arg);
	}
	for (; w.at < w.end; w.at++)
		dq_future_free(&w.v[w.at % WINDOW]);
	return r;
}
