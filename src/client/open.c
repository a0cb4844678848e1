/*
 * A client's beginning and end, and what a caller with a loop of its own needs.
 */
#include "client/client.h"
#include "client/callback.h"
#include "client/completed.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/ensure.h"
#include "base/str.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_S 5.0
#define CLOSE_TIMEOUT_S 5.0

bool options_load(struct dq_options *out, const struct dq_options *options)
{
	*out = (struct dq_options)DQ_OPTIONS_INIT;
	if (!options)
		return true;
	if (options->size < sizeof(size_t))
		return false;
	memcpy(out, options, options->size < sizeof(*out) ? options->size : sizeof(*out));
	return true;
}

/* What any client needs, before it has a loop. NULL: out of memory. */
static struct dq_client *client_new(void)
{
	struct dq_client *c = try_calloc(1, sizeof(*c));
	pthread_condattr_t attr;

	if (!c)
		return NULL;
	c->forks = forks_seen();
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->news, &attr);
	pthread_condattr_destroy(&attr);
	c->wake_fd = -1;
	outbox_init(&c->outbox);
	futures_init(&c->futures);
	watch_init(&c->watch);
	queries_init(&c->queries);
	awaits_init(&c->awaits);
	tapset_init(&c->callbacks);
	list_init(&c->callbacks_all);
	list_init(&c->completed);
	spec_scratch_init(&c->scratch);
	return c;
}

/* The client is of no use; its error says why. */
static int client_spoil(struct dq_client *c, int code)
{
	if (!c->fatal) {
		c->fatal = code;
		str_copy(c->fatal_text, sizeof(c->fatal_text), slice_str(c->error));
	}
	return code;
}

struct dq_client *client_failed(int code, const char *text)
{
	struct dq_client *c = client_new();

	if (c)
		client_spoil(c, client_error(c, code, "%s", text));
	return c;
}

static bool client_is_up(void *arg)
{
	return session_is_up(arg);
}

static int client_start(struct dq_client *c, const char *address, const struct dq_options *o)
{
	double timeout_s = o->connect_timeout_s > 0 ? o->connect_timeout_s : CONNECT_TIMEOUT_S;
	int code;

	c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->loop = loop_new();
	if (!c->loop || c->wake_fd < 0)
		return client_error(c, DQ_E_NO_MEMORY, "no descriptors or memory for a client");
	code = gets_init(c);
	if (code == 0)
		code = inside_init(c, o->task_token);
	if (code == 0)
		code = session_init(c, address, o->session, o->session_ttl_s, o->secret_file,
			o->look_only, c->inside.is);
	if (code)
		return code;
	session_start(c);
	code = client_await(c, client_is_up, c, client_deadline(timeout_s));
	if (code == DQ_E_TIMEOUT)
		code = client_error(c, DQ_E_NO_SCHEDULER, "%s",
			c->session.trouble[0] ? c->session.trouble
					      : "the scheduler does not answer");
	return code;
}

int client_connect(const char *address, const struct dq_options *options, struct dq_client **out)
{
	struct dq_options o;
	struct dq_client *c = client_new();
	int code;

	*out = c;
	if (!c)
		return DQ_E_NO_MEMORY;
	pthread_mutex_lock(&c->lock);
	if (options_load(&o, options))
		code = client_start(c, address, &o);
	else
		code = client_error(c, DQ_E_USAGE, "dq_options: size is not set");
	if (code)
		client_spoil(c, code);
	pthread_mutex_unlock(&c->lock);
	return code;
}

static void client_destroy(struct dq_client *c)
{
	ensure(!c->driving && c->sleepers == 0);
	callbacks_release(c);
	awaits_release(c);
	completed_orphan(c);
	graph_orphan(c);
	futures_release(c);
	session_release(c);
	gets_release(c);
	outbox_release(&c->outbox);
	watch_release(&c->watch);
	spec_scratch_release(&c->scratch);
	loop_free(&c->loop);
	if (c->wake_fd >= 0)
		close(c->wake_fd);
	pthread_cond_destroy(&c->news);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static bool reply_is_done(void *arg)
{
	const struct reply_wait *w = arg;

	return w->done;
}

static bool outbox_is_done(void *arg)
{
	const struct dq_client *c = arg;

	return outbox_is_empty(&c->outbox);
}

/* Ends the session on the scheduler; a connection that is not there is not waited for long: the TTL
 * ends it then. */
static int session_close(struct dq_client *c)
{
	struct reply_wait wait;
	int code;

	reply_wait_init(&wait);
	code = outbox_seal(c);
	if (code == 0)
		code = outbox_close(c, &wait);
	if (code == 0)
		code = client_await(c, reply_is_done, &wait, client_deadline(CLOSE_TIMEOUT_S));
	outbox_forget(&c->outbox, &wait);
	reply_wait_release(&wait);
	return code;
}

void client_drop(struct dq_client **client)
{
	struct dq_client *c = *client;

	*client = NULL;
	if (client_enter(c))
		return;
	pthread_mutex_unlock(&c->lock);
	client_destroy(c);
}

static int client_end(struct dq_client **client, bool leave)
{
	struct dq_client *c = client ? *client : NULL;
	void (*after)(void *arg);
	void *after_arg;
	int code;

	if (!c)
		return 0;
	code = client_enter_blocking(c);
	if (code) {
		/* The child of a fork: nothing of it may be touched. */
		if (code == DQ_E_FORKED)
			*client = NULL;
		return code;
	}
	*client = NULL;
	if (!c->fatal && !c->session.look_only)
		code = leave ? client_await(c, outbox_is_done, c, client_deadline(CLOSE_TIMEOUT_S))
			     : session_close(c);
	after = c->after_close;
	after_arg = c->after_close_arg;
	pthread_mutex_unlock(&c->lock);
	client_destroy(c);
	if (after)
		after(after_arg);
	return code;
}

int dq_client_close(struct dq_client **client)
{
	return client_end(client, false);
}

int dq_client_leave(struct dq_client **client)
{
	return client_end(client, true);
}

/* ---- the caller's loop ---- */

int dq_client_fd(const struct dq_client *client)
{
	struct dq_client *c = (struct dq_client *)client;
	int fd;

	if (client_enter(c))
		return -1;
	fd = c->loop ? loop_poll_fd(c->loop) : -1;
	client_leave(c);
	return fd;
}

/* Is there anything that the next process would send or call? */
static bool has_gathered(const struct dq_client *c)
{
	if (c->callbacks.ready > 0 || !list_is_empty(&c->awaits.ready) ||
		c->outbox.open.count > 0 || c->outbox.release.n > 0)
		return true;
	return session_is_up(c) && !c->outbox.next && (c->watch.ask.n > 0 || c->watch.drop.n > 0);
}

int dq_client_timeout_ms(const struct dq_client *client)
{
	struct dq_client *c = (struct dq_client *)client;
	int timeout_ms = 0;

	if (client_enter(c))
		return 0;
	if (c->loop && !c->fatal && !has_gathered(c))
		timeout_ms = loop_timeout_ms(c->loop);
	client_leave(c);
	return timeout_ms;
}

int dq_client_process(struct dq_client *client)
{
	int code = client_enter_blocking(client);

	if (code)
		return code;
	code = client->loop ? client_process(client) : client_check(client);
	client_leave(client);
	return code;
}

int dq_client_flush(struct dq_client *client)
{
	int code = client_enter(client);

	if (code)
		return code;
	code = client_check(client);
	if (code == 0) {
		code = client_push(client);
		client_turn(client);
	}
	client_leave(client);
	return code;
}

int dq_client_sync(struct dq_client *client, double timeout_s)
{
	int code = client_enter_blocking(client);

	if (code)
		return code;
	code = client_check(client);
	if (code == 0)
		code = client_await(client, outbox_is_done, client, client_deadline(timeout_s));
	if (code == 0 && client->refusal) {
		code = client_error(client, client->refusal, "%s", client->refusal_text);
		client->refusal = 0;
	}
	client_leave(client);
	return code;
}
