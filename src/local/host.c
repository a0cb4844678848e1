/*
 * Threads with loops (host.h). The thread makes its loop and all that lives on it; the owner only
 * starts, awaits and stops it: the wake is the one thing both touch, and it lives until the thread
 * was joined.
 */
#include "local/host.h"

#include "base/ensure.h"
#include "base/str.h"
#include "base/thread.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void host_tell(struct host *h, bool up, const char *error)
{
	pthread_mutex_lock(&h->lock);
	if (!up)
		str_copy(h->error, sizeof(h->error), slice_str(error));
	h->state = up ? HOST_UP : HOST_FAILED;
	pthread_cond_signal(&h->news);
	pthread_mutex_unlock(&h->lock);
}

static void on_stop(struct wake *wake, void *arg)
{
	struct host *h = arg;

	(void)wake;
	h->kind->end(h);
}

static void *host_main(void *arg)
{
	struct host *h = arg;
	char error[256] = "no descriptors or memory for a loop";

	h->loop = loop_new();
	if (h->loop)
		h->stop = wake_new(h->loop, on_stop, h);
	if (h->stop && h->kind->begin(h, h->loop, error, sizeof(error))) {
		host_tell(h, true, "");
		loop_run(h->loop);
	} else {
		host_tell(h, false, error);
	}
	h->kind->release(h);
	return NULL;
}

bool host_start(struct host *h, const char *name, const struct host_kind *kind, void *arg)
{
	int code;

	*h = (struct host){.kind = kind, .arg = arg, .state = HOST_STARTING};
	str_copy(h->name, sizeof(h->name), slice_str(name));
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->news, NULL);
	code = thread_start(&h->thread, h->name, host_main, h);
	if (code) {
		errno = code;
		return false;
	}
	h->running = true;
	return true;
}

bool host_await(struct host *h)
{
	bool up;

	ensure(h->running);
	pthread_mutex_lock(&h->lock);
	while (h->state == HOST_STARTING)
		pthread_cond_wait(&h->news, &h->lock);
	up = h->state == HOST_UP;
	pthread_mutex_unlock(&h->lock);
	return up;
}

void host_ended(struct host *h)
{
	loop_stop(h->loop);
}

void host_stop(struct host *h)
{
	if (!h->running)
		return;
	if (host_await(h))
		wake_send(h->stop);
	pthread_join(h->thread, NULL);
	h->running = false;
	wake_free(&h->stop);
	loop_free(&h->loop);
	pthread_cond_destroy(&h->news);
	pthread_mutex_destroy(&h->lock);
}
