/*
 * dq_variable_watch: an AWAIT that is asked again with the version it was told. The answer queues
 * the watch; the driving thread calls the function without the lock, and asks for the next. See
 * things.h.
 */
#include "client/client.h"
#include "client/things.h"

#include "base/alloc.h"
#include "base/ensure.h"

#include <stdlib.h>

struct dq_watch {
	struct await await;
	struct dq_client *client; /* NULL: it has been closed */
	struct list in_watches;   /* awaits.watches */
	struct list in_ready;     /* awaits.ready */
	dq_variable_fn *fn;
	void *arg;
	bool running, freed;
};

static void watch_done(struct dq_client *c, struct await *a)
{
	struct dq_watch *w = container_of(a, struct dq_watch, await);

	list_push_back(&c->awaits.ready, &w->in_ready);
}

static int watch_new(struct dq_client *c, struct dq_watch *w, const char *name, uint64_t above)
{
	int code = client_check(c);

	if (code == 0)
		code = thing_name_check(c, name);
	if (code)
		return code;
	code = await_init(c, &w->await, name, above);
	if (code) {
		await_release(c, &w->await);
		return code;
	}
	w->await.on_done = watch_done;
	w->client = c;
	list_push_back(&c->awaits.watches, &w->in_watches);
	await_begin(c, &w->await);
	return 0;
}

int dq_variable_watch(struct dq_client *client, const char *name, uint64_t above,
	dq_variable_fn *fn, void *arg, struct dq_watch **out)
{
	int code = client_enter(client);
	struct dq_watch *w;

	*out = NULL;
	if (code)
		return code;
	w = try_calloc(1, sizeof(*w));
	if (w) {
		list_init(&w->in_watches);
		list_init(&w->in_ready);
		w->fn = fn;
		w->arg = arg;
		code = watch_new(client, w, name, above);
	} else {
		code = client_error_code(client, DQ_E_NO_MEMORY);
	}
	if (code)
		free(w);
	else
		*out = w;
	if (code == 0)
		client_wake(client);
	client_leave(client);
	return code;
}

static void watch_destroy(struct dq_client *c, struct dq_watch *w)
{
	list_remove(&w->in_watches);
	list_remove(&w->in_ready);
	await_release(c, &w->await);
	free(w);
}

void dq_watch_free(struct dq_watch **watch)
{
	struct dq_watch *w = watch ? *watch : NULL;
	struct dq_client *c;

	if (!w)
		return;
	*watch = NULL;
	c = w->client;
	if (!c) {
		free(w);
		return;
	}
	if (client_enter(c))
		return;
	w->freed = true;
	if (!w->running)
		watch_destroy(c, w);
	client_leave(c);
}

/* Owners still have their handles, and free them later. */
void awaits_release(struct dq_client *c)
{
	while (!list_is_empty(&c->awaits.watches)) {
		struct dq_watch *w =
			container_of(c->awaits.watches.next, struct dq_watch, in_watches);

		list_remove(&w->in_watches);
		list_remove(&w->in_ready);
		await_release(c, &w->await);
		w->client = NULL;
	}
	ensure(list_is_empty(&c->awaits.all));
	map64_release(&c->awaits.by_request);
}

static void watch_run(struct dq_client *c, struct dq_watch *w)
{
	struct dq_variable v;
	int code = variable_of(c, &w->await, &v);
	char text[sizeof(c->error)] = "";

	if (code)
		memcpy(text, c->error, sizeof(text));
	w->running = true;
	client_leave(c);
	w->fn(code ? NULL : &v, code, text, w->arg);
	pthread_mutex_lock(&c->lock);
	w->running = false;
	variable_clear(&v);
	if (w->freed) {
		watch_destroy(c, w);
		return;
	}
	w->await.after = w->await.version;
	if (code == 0)
		await_begin(c, &w->await);
}

void watches_run(struct dq_client *c)
{
	while (!list_is_empty(&c->awaits.ready)) {
		struct dq_watch *w = container_of(c->awaits.ready.next, struct dq_watch, in_ready);

		list_remove(&w->in_ready);
		watch_run(c, w);
	}
}
