/*
 * Waiting, for the verbs that do. It drives the client from here rather than in a call that blocks,
 * so that a signal can end it and the progress line is drawn: the client, and the pipe that a
 * signal's handler writes into, are polled. Nothing else polls on a clock.
 */
#include "cli.h"
#include "progress.h"

#include "base/clock.h"

#include <dq/error.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>

/* A wait shorter than this asks, so that it does not miss what has long ended. */
#define LOOK_S 0.5
#define SYNC_S 0.2 /* between looks at a signal */
#define TAKE 256

void cli_watch(struct dq_client *client, struct dq_future *const *futures, size_t n)
{
	(void)dq_wait(client, futures, n, DQ_WAIT_ALL, 0);
}

double cli_time_left(double timeout_s, uint64_t began_us)
{
	double left = timeout_s - (double)(clock_mono_us() - began_us) / 1e6;

	if (timeout_s < 0)
		return -1;
	return left > 0 ? left : 0;
}

static int less_ms(int a, int b)
{
	return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

/* How long poll may sleep: the client's own limit, what is left of ours, the progress line. */
static int sleep_ms(const struct dq_client *client, uint64_t deadline_us, uint64_t now_us)
{
	int limit = less_ms(dq_client_timeout_ms(client), progress_sleep_ms());
	uint64_t left_ms;

	if (deadline_us == UINT64_MAX)
		return limit;
	left_ms = (deadline_us - now_us) / US_PER_MS + 1;
	return less_ms(limit, left_ms < INT_MAX ? (int)left_ms : INT_MAX);
}

struct waiting {
	struct dq_client *client;
	struct dq_future *const *futures;
	size_t n;
	struct dq_completed *set;
	size_t left; /* ends to wait for */
};

/* Takes out what has ended: 0, also where more is to come, or an error. */
static int take(struct waiting *w)
{
	struct dq_future *ended[TAKE];
	size_t n = 1;
	int r = 0;

	while (r == DQ_E_OK && w->left > 0 && n > 0) {
		r = dq_completed_batch(w->set, 0, ended, TAKE, &n);
		w->left -= n < w->left ? n : w->left;
	}
	return r == DQ_E_TIMEOUT ? DQ_E_OK : r;
}

static uint64_t count_ended(const struct waiting *w)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < w->n; i++) {
		struct dq_counts c;

		if (dq_future_counts(w->futures[i], &c) == DQ_E_OK)
			sum += c.done + c.failed + c.cancelled;
	}
	return sum;
}

/*
 * One question and its answer: what had ended before is known after it, or more of it where it is
 * much. So a wait with next to no time still sees what is there.
 */
static int look(struct waiting *w)
{
	struct dq_args *none = dq_args_new();
	uint64_t before, now = count_ended(w);
	int r;

	dq_args_array(none, 0);
	do {
		struct dq_value answer = {0};

		before = now;
		r = dq_query(w->client, DQ_QUERY_STATE, none, LOOK_S, &answer);
		dq_value_release(&answer);
		if (r == DQ_E_OK)
			r = take(w);
		now = count_ended(w);
	} while (r == DQ_E_OK && w->left > 0 && now > before);
	dq_args_free(&none);
	return r == DQ_E_TIMEOUT ? DQ_E_OK : r;
}

static int wait_for(struct waiting *w, uint64_t deadline_us)
{
	for (;;) {
		struct pollfd fds[2] = {{.fd = dq_client_fd(w->client), .events = POLLIN},
			{.fd = interrupt_fd(), .events = POLLIN}};
		int r = take(w);
		uint64_t now_us;

		if (w->left == 0 || r != DQ_E_OK)
			return r;
		if (interrupt_signal())
			return CLI_INTERRUPTED;
		progress_tick();
		now_us = clock_mono_us();
		if (now_us >= deadline_us)
			return DQ_E_TIMEOUT;
		if (poll(fds, 2, sleep_ms(w->client, deadline_us, now_us)) < 0 && errno != EINTR)
			return DQ_E_IO;
	}
}

int cli_sync(struct dq_client *client)
{
	int r;

	do
		r = dq_client_sync(client, SYNC_S);
	while (r == DQ_E_TIMEOUT && !interrupt_signal());
	return r == DQ_E_TIMEOUT ? CLI_INTERRUPTED : r;
}

int cli_wait(struct dq_client *client, struct dq_future *const *futures, size_t n, bool any,
	double timeout_s)
{
	struct waiting w = {
		.client = client, .futures = futures, .n = n, .left = any && n > 0 ? 1 : n};
	uint64_t deadline_us = UINT64_MAX;
	int r = dq_completed_new(client, futures, n, &w.set);

	if (r == DQ_E_OK && timeout_s >= 0 && timeout_s < LOOK_S)
		r = look(&w);
	if (timeout_s >= 0 && timeout_s < 1e9)
		deadline_us = clock_mono_us() + (uint64_t)(timeout_s * 1e6);
	if (r == DQ_E_OK) {
		/* inside a task: its slot is for others meanwhile */
		dq_client_secede(client);
		r = wait_for(&w, deadline_us);
		dq_client_rejoin(client);
	}
	dq_completed_free(&w.set);
	return r;
}
