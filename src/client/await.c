/*
 * Waiting for what is shared by name: AWAIT, answered once by IS. A registration lives with its
 * connection, so that on a new one all that is not answered is asked again. See things.h.
 */
#include "client/client.h"
#include "client/things.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/ensure.h"
#include "model/limits.h"
#include "model/thing.h"

#include <stdlib.h>

#define DOWN_STEP_US 50000

void awaits_init(struct awaits *as)
{
	list_init(&as->all);
	map64_init(&as->by_request);
	list_init(&as->takings);
	list_init(&as->watches);
	list_init(&as->ready);
	as->next_request = 1;
}

int await_init(struct dq_client *c, struct await *a, const char *name, uint64_t after)
{
	*a = (struct await){
		.after = after, .kind = THING_VARIABLE, .request = c->awaits.next_request++};
	list_init(&a->link);
	buf_init(&a->text, LIMIT_FRAME_BYTES);
	buf_init(&a->key, LIMIT_FRAME_BYTES);
	buf_init(&a->content, LIMIT_FRAME_BYTES);
	a->name = try_strdup(name);
	if (a->name && map64_put_ptr(&c->awaits.by_request, a->request, a))
		return 0;
	return client_error_code(c, DQ_E_NO_MEMORY);
}

static void await_send(struct dq_client *c, const struct await *a)
{
	struct msg_await m = {.request = a->request,
		.kind = a->kind,
		.name = slice_str(a->name),
		.after = a->after};

	if (session_is_up(c))
		msg_await_encode(session_out(c), 0, &m);
}

void await_begin(struct dq_client *c, struct await *a)
{
	ensure(a->name);
	a->done = false;
	if (!list_is_linked(&a->link))
		list_push_back(&c->awaits.all, &a->link);
	await_send(c, a);
}

void await_release(struct dq_client *c, struct await *a)
{
	map64_remove_ptr(&c->awaits.by_request, a->request);
	if (list_is_linked(&a->link)) {
		list_remove(&a->link);
		if (!a->done && session_is_up(c))
			msg_drop_encode(
				session_out(c), 0, &(struct msg_drop){.request = a->request});
	}
	buf_release(&a->text);
	buf_release(&a->key);
	buf_release(&a->content);
	free(a->name);
	a->name = NULL;
}

void awaits_restart(struct dq_client *c)
{
	list_for_each_entry(a, &c->awaits.all, struct await, link)
		if (!a->done)
			await_send(c, a);
}

static bool answers(const struct await *a, const struct msg_is *m)
{
	if (a->kind == THING_VARIABLE)
		return m->version > a->after && (m->task == 0) != (m->content.n == 0);
	if (a->kind == THING_TOPIC)
		return m->version > a->after && m->content.n;
	return a->kind != THING_LOCK || m->version == a->after;
}

bool await_is(struct dq_client *c, const struct msg_is *m, const char **why)
{
	struct await *a = map64_get_ptr(&c->awaits.by_request, m->request);

	if (!a || a->done || !list_is_linked(&a->link))
		return true; /* it was taken back */
	if (a->kind == THING_VARIABLE && m->code == 0 && m->version == 0) {
		await_send(c, a); /* deleted meanwhile */
		return true;
	}
	if (m->code == 0 && a->kind != THING_QUEUE && !answers(a, m)) {
		*why = "IS: not what was awaited";
		return false;
	}
	buf_clear(&a->text);
	buf_clear(&a->key);
	buf_clear(&a->content);
	a->code = m->code <= INT32_MAX ? (int)m->code : DQ_E_PROTOCOL;
	a->version = m->version;
	a->task = m->task;
	buf_append_slice(&a->text, m->text);
	buf_append_slice(&a->key, m->key);
	buf_append_slice(&a->content, m->content);
	if (a->text.failed || a->key.failed || a->content.failed)
		a->code = DQ_E_NO_MEMORY;
	a->done = true;
	if (a->on_done)
		a->on_done(c, a);
	return true;
}

double things_time_left(double timeout_s, uint64_t began_us)
{
	double left;

	if (timeout_s < 0)
		return timeout_s;
	left = timeout_s - (double)(clock_mono_us() - began_us) / 1e6;
	return left > 0 ? left : 0;
}

/* The time that is up is longer by what it was without a connection. */
static int wait_connected(struct dq_client *c,
	int (*wait)(struct dq_client *c, bool (*done)(void *arg), void *arg, uint64_t deadline_us),
	bool (*done)(void *arg), void *arg, double timeout_s)
{
	uint64_t deadline_us = client_deadline(timeout_s), down_us = session_down_us(c);

	for (;;) {
		int code = wait(c, done, arg, deadline_us);
		uint64_t down_now_us = session_down_us(c);

		if (code != DQ_E_TIMEOUT || down_now_us == down_us)
			return code;
		deadline_us += down_now_us - down_us;
		down_us = down_now_us;
		if (!session_is_up(c) && deadline_us < clock_mono_us() + DOWN_STEP_US)
			deadline_us = clock_mono_us() + DOWN_STEP_US;
	}
}

int things_await(struct dq_client *c, bool (*done)(void *arg), void *arg, double timeout_s)
{
	return wait_connected(c, client_await, done, arg, timeout_s);
}

int things_wait(struct dq_client *c, bool (*done)(void *arg), void *arg, double timeout_s)
{
	return wait_connected(c, client_wait, done, arg, timeout_s);
}
