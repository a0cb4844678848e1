/*
 * The client's lock, and waiting under it (client.h).
 *
 * A thread that waits becomes the driver when there is none: it sends what gathered, sleeps in
 * poll() without the lock, turns the loop, runs callbacks without the lock, and looks again whether
 * what it waits for is there. The others sleep on the condition and are woken after each of its
 * turns; when it leaves, one of them takes over. A thread that gives the connection something to do
 * while the driver sleeps wakes it through the eventfd.
 *
 * fork: a child must not touch the parent's connection. pthread_atfork counts forks in the child; a
 * client remembers the count.
 */
#include "client/client.h"
#include "client/callback.h"

#include "base/clock.h"
#include "base/ensure.h"
#include "base/str.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TURN_US 1000

static unsigned forks;
static pthread_once_t forks_once = PTHREAD_ONCE_INIT;

static void count_fork(void)
{
	__atomic_add_fetch(&forks, 1, __ATOMIC_RELAXED);
}

static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, count_fork);
}

unsigned forks_seen(void)
{
	pthread_once(&forks_once, watch_forks);
	return __atomic_load_n(&forks, __ATOMIC_RELAXED);
}

/* ---- the lock ---- */

int client_enter(struct dq_client *c)
{
	if (!c)
		return DQ_E_USAGE;
	if (c->forks != __atomic_load_n(&forks, __ATOMIC_RELAXED))
		return DQ_E_FORKED;
	pthread_mutex_lock(&c->lock);
	return 0;
}

void client_leave(struct dq_client *c)
{
	pthread_mutex_unlock(&c->lock);
}

int client_enter_blocking(struct dq_client *c)
{
	int code = client_enter(c);

	if (code)
		return code;
	if (c->in_callback && pthread_equal(c->driver, pthread_self())) {
		code = client_error(c, DQ_E_USAGE, "a callback must not wait");
		client_leave(c);
	}
	return code;
}

int client_error(struct dq_client *c, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->error, sizeof(c->error), fmt, ap);
	va_end(ap);
	return code;
}

int client_error_code(struct dq_client *c, int code)
{
	return client_error(c, code, "%s", dq_strerror(code));
}

int client_check(struct dq_client *c)
{
	return c->fatal ? client_error(c, c->fatal, "%s", c->fatal_text) : 0;
}

const char *dq_client_error(const struct dq_client *client)
{
	static _Thread_local char text[sizeof(client->error)];
	struct dq_client *c = (struct dq_client *)client;

	if (!c)
		return "out of memory";
	if (c->forks != __atomic_load_n(&forks, __ATOMIC_RELAXED))
		return dq_strerror(DQ_E_FORKED);
	pthread_mutex_lock(&c->lock);
	str_copy(text, sizeof(text), slice_str(c->error));
	pthread_mutex_unlock(&c->lock);
	return text;
}

/* ---- driving ---- */

void client_wake(struct dq_client *c)
{
	uint64_t one = 1;

	if (c->polling && write(c->wake_fd, &one, sizeof(one)) < 0)
		ensure(errno == EAGAIN); /* it is full of wake-ups */
}

int client_push(struct dq_client *c)
{
	int code = outbox_seal(c);

	outbox_pump(c);
	watch_push(c);
	if (c->session.stream)
		stream_flush(c->session.stream);
	return code;
}

/* Runs the callbacks that are due, each without the lock. */
static void run_callbacks(struct dq_client *c)
{
	struct tap *t;

	c->in_callback = true;
	while ((t = tapset_pop(&c->callbacks)))
		callback_run(c, t);
	watches_run(c);
	c->in_callback = false;
}

void client_turn(struct dq_client *c)
{
	if (c->driving) {
		client_wake(c);
		return;
	}
	loop_run_once(c->loop, 0);
	if (c->sleepers)
		pthread_cond_broadcast(&c->news);
}

/* Sleeps until the loop has something, or somebody wakes us, or the deadline. */
static void driver_sleep(struct dq_client *c, uint64_t deadline_us)
{
	struct pollfd fds[2] = {{.fd = loop_poll_fd(c->loop), .events = POLLIN},
		{.fd = c->wake_fd, .events = POLLIN}};
	int timeout = loop_timeout_ms(c->loop);
	uint64_t now = clock_mono_us(), count;

	if (deadline_us != UINT64_MAX) {
		uint64_t left = deadline_us > now ? (deadline_us - now + 999) / 1000 : 0;

		if (timeout < 0 || left < (uint64_t)timeout)
			timeout = left > INT32_MAX ? INT32_MAX : (int)left;
	}
	if (timeout == 0)
		return;
	c->polling = true;
	pthread_mutex_unlock(&c->lock);
	(void)poll(fds, 2, timeout);
	pthread_mutex_lock(&c->lock);
	c->polling = false;
	if (fds[1].revents && read(c->wake_fd, &count, sizeof(count)) < 0)
		ensure(errno == EAGAIN);
}

/* A turn of the loop, and the callbacks that are due then. */
static void driver_turn(struct dq_client *c, uint64_t deadline_us)
{
	c->driving = true;
	c->driver = pthread_self();
	driver_sleep(c, deadline_us);
	loop_run_once(c->loop, 0);
	run_callbacks(c);
	c->turned_us = clock_mono_us();
	c->driving = false;
	if (c->sleepers)
		pthread_cond_broadcast(&c->news);
}

/* Who never has to wait, as one that takes ended futures from a long queue, takes a turn all the
 * same, now and then. */
static bool turn_is_due(const struct dq_client *c)
{
	return !c->driving && (c->callbacks.ready > 0 || !list_is_empty(&c->awaits.ready) ||
				      clock_mono_us() - c->turned_us > TURN_US);
}

static void sleep_for_news(struct dq_client *c, uint64_t deadline_us)
{
	struct timespec until = {.tv_sec = (time_t)(deadline_us / 1000000),
		.tv_nsec = (long)(deadline_us % 1000000 * 1000)};

	c->sleepers++;
	if (deadline_us == UINT64_MAX)
		pthread_cond_wait(&c->news, &c->lock);
	else
		pthread_cond_timedwait(&c->news, &c->lock, &until);
	c->sleepers--;
}

uint64_t client_deadline(double timeout_s)
{
	if (timeout_s < 0 || timeout_s > 1e9)
		return UINT64_MAX;
	if (!(timeout_s > 0))
		return 0;
	return clock_mono_us() + (uint64_t)(timeout_s * 1e6);
}

int client_await(struct dq_client *c, bool (*done)(void *arg), void *arg, uint64_t deadline_us)
{
	bool last = false, turned = false, first = true;

	for (;; turned = true) {
		int code = client_push(c);

		if (code)
			return code;
		if (done(arg)) {
			if (!turned && turn_is_due(c))
				driver_turn(c, 0);
			return 0;
		}
		if (c->fatal)
			return client_check(c);
		if (last)
			return client_error(c, DQ_E_TIMEOUT, "%s%s%s", dq_strerror(DQ_E_TIMEOUT),
				c->session.trouble[0] ? ": " : "", c->session.trouble);
		/* Past the deadline what is there already is still looked at once. */
		last = deadline_us != UINT64_MAX && clock_mono_us() >= deadline_us;
		if (!c->driving) {
			driver_turn(c, deadline_us);
			continue;
		}
		/* The driver may sleep on less than what we have just sent needs. */
		if (first)
			client_wake(c);
		first = false;
		sleep_for_news(c, deadline_us);
	}
}

int client_process(struct dq_client *c)
{
	int code = client_push(c);

	if (!c->driving) {
		driver_turn(c, 0);
		if (code == 0)
			code = client_push(c);
	}
	return code ? code : client_check(c);
}
