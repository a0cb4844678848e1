/*
 * The loop: a uv_loop_t with a prepare and a check handle that mark the two places in a turn where
 * hooks run and streams are flushed; and the small objects on it: timers, wakes, signals, watched
 * descriptors.
 *
 * Each object is one allocation that starts with struct object. libuv frees nothing at once: *_free
 * takes the object out of the loop's list, so that no callback of the user's runs any more, and the
 * memory goes in libuv's close callback.
 *
 * Failures: only making things can fail (memory, descriptors); everything later is ensure()d, since
 * libuv documents no failure there.
 */
#include "loop/loop_private.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/ensure.h"

#include <errno.h>
#include <stdlib.h>

#define REAP_EVERY_MS 250

struct hook {
	struct list node;
	loop_hook_fn *fn; /* NULL: removed while hooks ran */
	void *arg;
};

void object_add(struct loop *loop, struct object *o, void (*end)(struct object *o))
{
	o->end = end;
	list_push_back(&loop->objects, &o->node);
}

void object_remove(struct object *o)
{
	list_remove(&o->node);
}

/* --- Turns --- */

static void sweep_hooks(struct loop *loop)
{
	list_for_each_entry_safe(h, next, &loop->hooks, struct hook, node) {
		if (h->fn)
			continue;
		list_remove(&h->node);
		free(h);
	}
	loop->hooks_changed = false;
}

static void end_of_turn(struct loop *loop)
{
	/* A hook added by a hook is at the end of the list and runs too. */
	list_for_each_entry(h, &loop->hooks, struct hook, node) {
		if (h->fn)
			h->fn(h->arg);
	}
	if (loop->hooks_changed)
		sweep_hooks(loop);
	if (!list_is_empty(&loop->work))
		loop_work_streams(loop);
}

static void on_prepare(uv_prepare_t *handle)
{
	struct loop *loop = handle->data;

	end_of_turn(loop);
	/* The poll that follows tells the kernel of all watchers. */
	loop->needs_turn = false;
}

static void on_check(uv_check_t *handle)
{
	end_of_turn(handle->data);
}

static void on_idle(uv_idle_t *handle)
{
	uv_idle_stop(handle);
}

static void on_limit(uv_timer_t *handle)
{
	(void)handle;
}

static void on_reap(uv_timer_t *handle)
{
	struct loop *loop = handle->data;

	if (!loop_reap(loop, loop_now_us(loop)))
		uv_timer_stop(handle);
}

void loop_start_reaper(struct loop *loop)
{
	if (!uv_is_active((uv_handle_t *)&loop->reaper))
		ensure(uv_timer_start(&loop->reaper, on_reap, REAP_EVERY_MS, REAP_EVERY_MS) == 0);
}

void loop_again(struct loop *loop)
{
	ensure(uv_idle_start(&loop->idle, on_idle) == 0);
}

/* --- Life of the loop --- */

struct loop *loop_new(void)
{
	struct loop *loop = try_calloc(1, sizeof(*loop));
	int rc;

	if (!loop)
		goto fail;
	loop->scratch = try_malloc(LOOP_SCRATCH_BYTES);
	if (!loop->scratch)
		goto fail_loop;
	rc = uv_loop_init(&loop->uv);
	if (rc != 0) {
		errno = -rc;
		goto fail_scratch;
	}
	list_init(&loop->hooks);
	list_init(&loop->objects);
	list_init(&loop->streams);
	list_init(&loop->work);
	list_init(&loop->lingering);
	buf_init(&loop->sink, (size_t)256 << 20);
	loop->prepare.data = loop->check.data = loop->reaper.data = loop;
	ensure(uv_prepare_init(&loop->uv, &loop->prepare) == 0);
	ensure(uv_check_init(&loop->uv, &loop->check) == 0);
	ensure(uv_idle_init(&loop->uv, &loop->idle) == 0);
	ensure(uv_timer_init(&loop->uv, &loop->limit) == 0);
	ensure(uv_timer_init(&loop->uv, &loop->reaper) == 0);
	ensure(uv_prepare_start(&loop->prepare, on_prepare) == 0);
	ensure(uv_check_start(&loop->check, on_check) == 0);
	return loop;
fail_scratch:
	free(loop->scratch);
fail_loop:
	free(loop);
fail:
	return NULL;
}

static void close_own_handles(struct loop *loop)
{
	uv_close((uv_handle_t *)&loop->prepare, NULL);
	uv_close((uv_handle_t *)&loop->check, NULL);
	uv_close((uv_handle_t *)&loop->idle, NULL);
	uv_close((uv_handle_t *)&loop->limit, NULL);
	uv_close((uv_handle_t *)&loop->reaper, NULL);
}

void loop_free(struct loop **where)
{
	struct loop *loop = *where;
	struct list *node;

	if (!loop)
		return;
	ensure(!loop->running);
	/* Callbacks of dying streams may still make things: go on until all is quiet. */
	do {
		loop_end_streams(loop);
		while ((node = list_first(&loop->objects))) {
			struct object *o = container_of(node, struct object, node);

			o->end(o);
		}
	} while (!list_is_empty(&loop->streams));
	list_for_each_entry(h, &loop->hooks, struct hook, node)
		h->fn = NULL;
	sweep_hooks(loop);
	close_own_handles(loop);
	while (uv_run(&loop->uv, UV_RUN_DEFAULT) != 0)
		continue;
	ensure(uv_loop_close(&loop->uv) == 0);
	buf_release(&loop->sink);
	free(loop->scratch);
	free(loop);
	*where = NULL;
}

static void run_turn(struct loop *loop, int timeout_ms)
{
	ensure(!loop->running);
	loop->running = true;
	if (timeout_ms > 0) {
		uv_update_time(&loop->uv);
		ensure(uv_timer_start(&loop->limit, on_limit, (uint64_t)timeout_ms, 0) == 0);
	}
	uv_run(&loop->uv, timeout_ms == 0 ? UV_RUN_NOWAIT : UV_RUN_ONCE);
	if (timeout_ms > 0)
		uv_timer_stop(&loop->limit);
	/* libuv runs timers once more at the end of a single turn. */
	if (!list_is_empty(&loop->work))
		loop_work_streams(loop);
	loop->running = false;
}

bool loop_run_once(struct loop *loop, int timeout_ms)
{
	bool stopped;

	run_turn(loop, timeout_ms);
	stopped = loop->stopped;
	loop->stopped = false;
	return !stopped;
}

void loop_run(struct loop *loop)
{
	while (!loop->stopped)
		run_turn(loop, -1);
	loop->stopped = false;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
	/* Also when called between turns: the next one must not block. */
	loop_again(loop);
}

int loop_poll_fd(struct loop *loop)
{
	return uv_backend_fd(&loop->uv);
}

int loop_timeout_ms(struct loop *loop)
{
	if (loop->needs_turn || !list_is_empty(&loop->work))
		return 0;
	uv_update_time(&loop->uv);
	return uv_backend_timeout(&loop->uv);
}

uint64_t loop_now_us(const struct loop *loop)
{
	(void)loop;
	return clock_mono_us();
}

bool loop_on_idle(struct loop *loop, loop_hook_fn *fn, void *arg)
{
	struct hook *h = try_malloc(sizeof(*h));

	if (!h)
		return false;
	h->fn = fn;
	h->arg = arg;
	list_push_back(&loop->hooks, &h->node);
	return true;
}

void loop_off_idle(struct loop *loop, loop_hook_fn *fn, void *arg)
{
	list_for_each_entry(h, &loop->hooks, struct hook, node) {
		if (h->fn != fn || h->arg != arg)
			continue;
		h->fn = NULL;
		loop->hooks_changed = true;
		if (!loop->running)
			sweep_hooks(loop);
		return;
	}
}
