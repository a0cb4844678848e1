/*
 * The small objects of a loop: timers, wake-ups from other threads, signals, watched descriptors.
 * All have one shape: struct object first, then the libuv handle, whose data points back.
 */
#include "loop/loop_private.h"

#include "base/alloc.h"
#include "base/ensure.h"

#include <errno.h>
#include <stdlib.h>

static void free_data(uv_handle_t *handle)
{
	free(handle->data);
}

/* Takes the object out of its loop and frees it once libuv lets go of its handle. */
static void drop(struct object *o, uv_handle_t *handle)
{
	object_remove(o);
	ensure(handle->data == o);
	uv_close(handle, free_data);
}

/* --- Timers --- */

struct timer {
	struct object object;
	uv_timer_t uv;
	timer_fn *fn;
	void *arg;
};

static void on_timer(uv_timer_t *uv)
{
	struct timer *t = uv->data;

	t->fn(t, t->arg);
}

static void timer_end(struct object *o)
{
	drop(o, (uv_handle_t *)&container_of(o, struct timer, object)->uv);
}

struct timer *timer_new(struct loop *loop, timer_fn *fn, void *arg)
{
	struct timer *t = try_calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->fn = fn;
	t->arg = arg;
	t->uv.data = t;
	ensure(uv_timer_init(&loop->uv, &t->uv) == 0);
	object_add(loop, &t->object, timer_end);
	return t;
}

void timer_start(struct timer *t, uint64_t delay_ms, uint64_t repeat_ms)
{
	/* libuv counts from the start of its turn, which may be long ago. */
	uv_update_time(t->uv.loop);
	ensure(uv_timer_start(&t->uv, on_timer, delay_ms, repeat_ms) == 0);
}

void timer_stop(struct timer *t)
{
	uv_timer_stop(&t->uv);
}

bool timer_is_active(const struct timer *t)
{
	return uv_is_active((const uv_handle_t *)&t->uv);
}

void timer_free(struct timer **where)
{
	if (*where)
		timer_end(&(*where)->object);
	*where = NULL;
}

/* --- Wake-ups --- */

struct wake {
	struct object object;
	uv_async_t uv;
	wake_fn *fn;
	void *arg;
};

static void on_wake(uv_async_t *uv)
{
	struct wake *w = uv->data;

	w->fn(w, w->arg);
}

static void wake_end(struct object *o)
{
	drop(o, (uv_handle_t *)&container_of(o, struct wake, object)->uv);
}

struct wake *wake_new(struct loop *loop, wake_fn *fn, void *arg)
{
	struct wake *w = try_calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return NULL;
	w->fn = fn;
	w->arg = arg;
	w->uv.data = w;
	rc = uv_async_init(&loop->uv, &w->uv, on_wake);
	if (rc != 0) {
		free(w);
		errno = -rc;
		return NULL;
	}
	object_add(loop, &w->object, wake_end);
	return w;
}

void wake_send(struct wake *w)
{
	uv_async_send(&w->uv);
}

void wake_own(struct wake *w)
{
	object_remove(&w->object);
}

void wake_free(struct wake **where)
{
	if (*where)
		wake_end(&(*where)->object);
	*where = NULL;
}

/* --- Signals --- */

struct signal_watch {
	struct object object;
	uv_signal_t uv;
	signal_watch_fn *fn;
	void *arg;
};

static void on_signal(uv_signal_t *uv, int signum)
{
	struct signal_watch *w = uv->data;

	w->fn(w, signum, w->arg);
}

static void signal_watch_end(struct object *o)
{
	drop(o, (uv_handle_t *)&container_of(o, struct signal_watch, object)->uv);
}

struct signal_watch *signal_watch_new(struct loop *loop, int signum, signal_watch_fn *fn, void *arg)
{
	struct signal_watch *w = try_calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return NULL;
	w->fn = fn;
	w->arg = arg;
	w->uv.data = w;
	rc = uv_signal_init(&loop->uv, &w->uv);
	if (rc != 0) {
		free(w);
		errno = -rc;
		return NULL;
	}
	object_add(loop, &w->object, signal_watch_end);
	rc = uv_signal_start(&w->uv, on_signal, signum);
	if (rc != 0) {
		signal_watch_end(&w->object);
		errno = -rc;
		return NULL;
	}
	return w;
}

void signal_watch_free(struct signal_watch **where)
{
	if (*where)
		signal_watch_end(&(*where)->object);
	*where = NULL;
}

/* --- Descriptors of others --- */

struct fd_watch {
	struct object object;
	uv_poll_t uv;
	struct loop *loop;
	fd_watch_fn *fn;
	void *arg;
	bool paused;
};

static void on_fd(uv_poll_t *uv, int status, int events)
{
	struct fd_watch *w = uv->data;

	(void)events;
	/* libuv stops the handle when the descriptor has an error; the callee's read will show it.
	 */
	if (status < 0 && !w->paused)
		fd_watch_resume(w);
	w->fn(w, w->arg);
}

static void fd_watch_end(struct object *o)
{
	drop(o, (uv_handle_t *)&container_of(o, struct fd_watch, object)->uv);
}

struct fd_watch *fd_watch_new(struct loop *loop, int fd, fd_watch_fn *fn, void *arg)
{
	struct fd_watch *w = try_calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return NULL;
	w->loop = loop;
	w->fn = fn;
	w->arg = arg;
	w->uv.data = w;
	rc = uv_poll_init(&loop->uv, &w->uv, fd);
	if (rc != 0) {
		free(w);
		errno = -rc;
		return NULL;
	}
	object_add(loop, &w->object, fd_watch_end);
	fd_watch_resume(w);
	return w;
}

void fd_watch_pause(struct fd_watch *w)
{
	w->paused = true;
	uv_poll_stop(&w->uv);
}

void fd_watch_resume(struct fd_watch *w)
{
	w->paused = false;
	w->loop->needs_turn = true;
	ensure(uv_poll_start(&w->uv, UV_READABLE, on_fd) == 0);
}

void fd_watch_free(struct fd_watch **where)
{
	if (*where)
		fd_watch_end(&(*where)->object);
	*where = NULL;
}
