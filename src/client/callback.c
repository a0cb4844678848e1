/*
 * Callbacks (callback.h): run by the driving thread alone (drive.c), once each, never inside
 * another call.
 */
#include "client/callback.h"
#include "client/client.h"

#include "base/alloc.h"
#include "base/ensure.h"

struct callback {
	struct tap tap;
	struct list link;
	void (*fn)(struct dq_future *future, void *arg);
	void *arg;
};

int callback_new(
	struct dq_client *c, struct dq_future *f, void (*fn)(struct dq_future *, void *), void *arg)
{
	struct callback *cb = try_calloc(1, sizeof(*cb));

	if (!cb || !watch_future(c, f)) {
		free(cb);
		return client_error_code(c, DQ_E_NO_MEMORY);
	}
	cb->fn = fn;
	cb->arg = arg;
	f->refs++;
	list_push_back(&c->callbacks_all, &cb->link);
	tap_on(&cb->tap, f, &c->callbacks, false);
	return 0;
}

void callback_run(struct dq_client *c, struct tap *t)
{
	struct callback *cb = list_entry(t, struct callback, tap);
	struct dq_future *f = t->future;

	ensure(c->driving && t->state == TAP_OFF);
	list_remove(&cb->link);
	client_leave(c);
	cb->fn(f, cb->arg);
	pthread_mutex_lock(&c->lock);
	free(cb);
	future_unref(f);
}

void callbacks_release(struct dq_client *c)
{
	list_for_each_safe(at, next, &c->callbacks_all) {
		struct callback *cb = list_entry(at, struct callback, link);

		tap_off(&cb->tap);
		list_remove(&cb->link);
		free(cb);
	}
}
