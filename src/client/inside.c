/*
 * Being inside a task (inside.h). The first of the client's threads that waits says SECEDE, the
 * last one that comes back says so too; it goes on at once, and the worker starts nothing new until
 * it is within its slots again.
 */
#include "client/client.h"

#include "base/clock.h"
#include "base/ensure.h"
#include "base/str.h"

#include <dq/task.h>

#include <string.h>

int inside_init(struct dq_client *c, const char *token)
{
	struct inside *in = &c->inside;
	struct slice head;

	if (!token || !*token)
		return 0;
	if (!wire_token_split(slice_str(token), &head, in->mac))
		return client_error(c, DQ_E_USAGE, "task_token: this is no token of a task");
	str_copy(in->head, sizeof(in->head), head);
	in->is = true;
	return 0;
}

static void say(struct dq_client *c, bool on)
{
	if (!session_is_up(c))
		return;
	msg_secede_encode(session_out(c), 0, &(struct msg_secede){.on = on});
	stream_flush(c->session.stream);
}

void inside_restart(struct dq_client *c)
{
	if (c->inside.seceded)
		say(c, true);
}

static void secede(struct dq_client *c)
{
	if (c->inside.seceded++ == 0)
		say(c, true);
}

static void rejoin(struct dq_client *c)
{
	ensure(c->inside.seceded > 0);
	if (--c->inside.seceded == 0)
		say(c, false);
}

#define LOOK_US (US_PER_S / 4)

/* As client_await(), but no longer than the task of a function is wanted: a worker that ends, or
 * that stops it, sets its flag and no more. */
static int await_wanted(
	struct dq_client *c, bool (*done)(void *arg), void *arg, uint64_t deadline_us)
{
	struct dq_task *task = c->inside.task;

	for (;;) {
		uint64_t look_us = clock_mono_us() + LOOK_US;
		int code = client_await(
			c, done, arg, !task || deadline_us < look_us ? deadline_us : look_us);

		if (code != DQ_E_TIMEOUT || !task || deadline_us < look_us)
			return code;
		if (dq_task_cancelled(task))
			return client_error(c, DQ_E_CANCELLED, "this task is being stopped");
	}
}

int client_wait(struct dq_client *c, bool (*done)(void *arg), void *arg, uint64_t deadline_us)
{
	int code;

	if (!c->inside.is || deadline_us == 0)
		return client_await(c, done, arg, deadline_us);
	code = client_push(c);
	if (code)
		return code;
	if (done(arg))
		return client_await(c, done, arg, deadline_us);
	secede(c);
	code = await_wanted(c, done, arg, deadline_us);
	rejoin(c);
	return code;
}

int dq_client_secede(struct dq_client *client)
{
	int code = client_enter(client);

	if (code)
		return code;
	code = client_check(client);
	if (code == 0 && client->inside.is)
		secede(client);
	client_leave(client);
	return code;
}

int dq_client_rejoin(struct dq_client *client)
{
	int code = client_enter(client);

	if (code)
		return code;
	if (client->inside.is && client->inside.seceded == 0)
		code = client_error(client, DQ_E_USAGE, "dq_client_rejoin: it had not seceded");
	else if (client->inside.is)
		rejoin(client);
	client_leave(client);
	return code;
}
