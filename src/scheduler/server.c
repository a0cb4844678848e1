/*
 * The scheduler on a loop: streams and timers on one side, the store on the other, the engine
 * between. One turn of the loop handles all frames that are there; at its end the open batch goes
 * to the store unless one is under way, so that a batch is what gathered while the last one
 * committed. A commit that fails is a restart inside the process (D6): connections dropped, store
 * reopened, engine rebuilt.
 */
#include "scheduler/server_impl.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/ensure.h"
#include "base/fault.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map64.h"
#include "base/rng.h"
#include "core/core.h"
#include "model/limits.h"
#include "scheduler/engine.h"
#include "scheduler/secret.h"
#include "store/store.h"
#include "wire/wire.h"

#include <dq/error.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REOPEN_MS 200
#define REOPEN_MAX_MS 5000

static void turn(void *arg);

/* ---- the engine's port ---- */

static bool snapshot_now(struct scheduler *s)
{
	struct store_error err;

	if (s->snapshot_fresh)
		return true;
	if (!s->snapshot.store ? store_snapshot_begin(s->store, &s->snapshot, &err)
			       : store_snapshot_renew(&s->snapshot, &err)) {
		log_error("reading the store: %s", err.text);
		return false;
	}
	s->snapshot_fresh = true;
	return true;
}

/* The next read sees the last commit; no read transaction spans a wait. */
static void snapshot_park(struct scheduler *s)
{
	if (s->snapshot_fresh)
		store_snapshot_park(&s->snapshot);
	s->snapshot_fresh = false;
}

static bool port_get(void *arg, enum table table, struct slice key, struct slice *value)
{
	struct scheduler *s = arg;
	struct store_error err;
	enum store_code code;

	if (!snapshot_now(s))
		return false;
	code = store_get(&s->snapshot, table, key_of_slice(key), value, &err);
	if (code != STORE_OK && code != STORE_END)
		log_error("reading the store: %s", err.text);
	return code == STORE_OK;
}

static bool port_scan(void *arg, enum table table,
	bool (*fn)(void *fn_arg, struct slice key, struct slice value), void *fn_arg,
	const char **why)
{
	static _Thread_local char text[400];
	struct scheduler *s = arg;
	struct store_scan scan = {0};
	struct slice key, value;
	struct store_error err;
	enum store_code code;

	*why = "the store cannot be read";
	if (!snapshot_now(s))
		return false;
	code = store_scan_begin(&scan, &s->snapshot, table, NULL, &err);
	while (code == STORE_OK || code == STORE_BAD_RECORD) {
		code = store_scan_next(&scan, &key, &value, &err);
		if (code == STORE_OK && !fn(fn_arg, key, value))
			code = STORE_END;
		else if (code == STORE_BAD_RECORD)
			log_error("left out: %s", err.text);
	}
	store_scan_end(&scan);
	if (code == STORE_END)
		return true;
	snprintf(text, sizeof(text), "%s", err.text);
	*why = text;
	return false;
}

static void port_random(void *arg, uint8_t *p, size_t n)
{
	(void)arg;
	rng_os_bytes(p, n);
}

static void port_status(void *arg, struct engine_store_status *out)
{
	static const char *const words[] = {"strict", "relaxed", "volatile"};
	struct scheduler *s = arg;
	struct store_stat st;

	out->durability = words[s->durability];
	if (store_stat(s->store, &st, NULL) != STORE_OK)
		return;
	out->bytes = st.pages * st.page_bytes;
	out->commits = st.commits;
	out->oldest_reader_s = st.oldest_reader_s;
}

/* ---- batches ---- */

void server_stored(void *arg, uint64_t seq, const struct store_error *error)
{
	struct scheduler *s = arg;

	pthread_mutex_lock(&s->lock);
	s->done = true;
	s->done_seq = seq;
	s->failed = error != NULL;
	if (error)
		snprintf(s->failure, sizeof(s->failure), "%s", error->text);
	pthread_mutex_unlock(&s->lock);
	wake_send(s->committed);
}

static bool engine_start(struct scheduler *s, const char **why)
{
	struct engine_port port = {.arg = s,
		.get = port_get,
		.scan = port_scan,
		.send = peers_send,
		.close = peers_close_one,
		.random = port_random,
		.value_write = values_write,
		.value_drop = values_drop,
		.value_there = values_there,
		.value_give = values_give,
		.store_status = port_status};
	struct store_info info;
	uint64_t mono, wall;

	store_info(s->store, &info);
	s->config.epoch = info.epoch;
	memcpy(s->config.store_id, info.store_id, sizeof(s->config.store_id));
	s->batch_shift = info.applied;
	s->engine = engine_new(&s->config, &port);
	server_now(&mono, &wall);
	if (!engine_load(s->engine, mono, wall, why)) {
		engine_free(&s->engine);
		return false;
	}
	values_sweep(s);
	snapshot_park(s);
	return true;
}

/* What was not stored never happened: start again from the store. */
static void fall_sick(struct scheduler *s, const char *why)
{
	log_error("a commit failed: %s: starting again from the store", why);
	s->sick = true;
	s->under_way = false;
	peers_drop(s);
	if (s->snapshot.store)
		store_snapshot_end(&s->snapshot);
	memset(&s->snapshot, 0, sizeof(s->snapshot));
	s->snapshot_fresh = false;
	engine_free(&s->engine);
	s->reopen_ms = REOPEN_MS;
	timer_start(s->reopen, 0, 0);
}

static void on_reopen(struct timer *timer, void *arg)
{
	struct scheduler *s = arg;
	struct store_error err;
	const char *why = err.text;

	if (store_reopen(s->store, &err) == STORE_OK && engine_start(s, &why)) {
		log_info(
			"the store is open again, epoch %llu", (unsigned long long)s->config.epoch);
		s->sick = false;
		loop_again(s->loop);
		return;
	}
	log_error("the store cannot be opened again: %s", why);
	timer_start(timer, s->reopen_ms, 0);
	s->reopen_ms = s->reopen_ms * 2 < REOPEN_MAX_MS ? s->reopen_ms * 2 : REOPEN_MAX_MS;
}

static void on_committed(struct wake *wake, void *arg)
{
	struct scheduler *s = arg;
	char failure[400];
	bool done, failed;
	uint64_t seq;

	(void)wake;
	pthread_mutex_lock(&s->lock);
	done = s->done;
	failed = s->failed;
	seq = s->done_seq;
	s->done = false;
	memcpy(failure, s->failure, sizeof(failure));
	pthread_mutex_unlock(&s->lock);
	if (!done || !s->under_way)
		return;
	if (failed) {
		fall_sick(s, failure);
		return;
	}
	s->under_way = false;
	snapshot_park(s);
	(void)fault_point("scheduler.release.before");
	engine_committed(s->engine, seq - s->batch_shift);
	(void)fault_point("scheduler.release.after");
	peers_resume(s);
	/* the next batch goes out in this same turn */
}

static void seal(struct scheduler *s)
{
	uint64_t mono, wall, seq;
	const struct batch *batch;

	server_now(&mono, &wall);
	batch = engine_seal(s->engine, mono, wall, &seq);
	if (!batch)
		return;
	s->under_way = true;
	if (fault_point("scheduler.append")) {
		fall_sick(s, "injected");
		return;
	}
	store_append(s->store, (struct batch *)(uintptr_t)batch, seq + s->batch_shift);
}

static void arm_tick(struct scheduler *s)
{
	uint64_t at = engine_next_tick_us(s->engine), mono = clock_mono_us();

	if (!at)
		timer_stop(s->tick);
	else
		timer_start(s->tick, at > mono ? (at - mono + 999) / 1000 : 0, 0);
}

static void on_tick(struct timer *timer, void *arg)
{
	struct scheduler *s = arg;
	uint64_t mono, wall;

	(void)timer;
	if (!s->engine)
		return;
	server_now(&mono, &wall);
	engine_tick(s->engine, mono, wall);
}

static void set_room(struct scheduler *s)
{
	struct store_room room;

	store_room(s->store, &room);
	engine_set_room(s->engine, room.bytes <= room.low_water);
}

static void finish_stop(struct scheduler *s)
{
	void (*fn)(void *) = s->on_stopped;

	s->on_stopped = NULL;
	peers_close(s);
	fn(s->on_stopped_arg);
}

/* The end of each turn. */
static void turn(void *arg)
{
	struct scheduler *s = arg;
	uint64_t mono, wall;

	if (!s->engine)
		return;
	server_now(&mono, &wall);
	peers_tell_slow(s, mono, wall);
	if (engine_backlog_bytes(s->engine) < BACKLOG_BYTES &&
		engine_continue(s->engine, mono, wall))
		loop_again(s->loop);
	if (!s->under_way && engine_wants_seal(s->engine))
		seal(s);
	if (!s->engine)
		return;
	/* Sealed, there is room for more. */
	if (engine_has_work(s->engine) && engine_backlog_bytes(s->engine) < BACKLOG_BYTES)
		loop_again(s->loop);
	set_room(s);
	snapshot_park(s);
	arm_tick(s);
	if (s->on_stopped && !s->under_way && !engine_wants_seal(s->engine))
		finish_stop(s);
}

/* ---- life ---- */

_Static_assert(SCHEDULER_NO_RETENTION == RETENTION_NONE, "the same");

struct scheduler *scheduler_new(
	struct loop *loop, const struct scheduler_options *o, char *error, size_t error_bytes)
{
	struct scheduler *s = xcalloc(1, sizeof(*s));
	const char *why;

	s->loop = loop;
	s->config.lease_ttl_ms = o->lease_ttl_ms ? o->lease_ttl_ms : 30000;
	s->config.session_ttl_ms = o->session_ttl_ms ? o->session_ttl_ms : 600000;
	s->config.retention_us = o->retention_us;
	s->config.value_limit_bytes = o->value_limit_bytes;
	list_init(&s->peers);
	list_init(&s->slow);
	map64_init(&s->by_conn);
	pthread_mutex_init(&s->lock, NULL);
	s->committed = wake_new(loop, on_committed, s);
	s->tick = timer_new(loop, on_tick, s);
	s->reopen = timer_new(loop, on_reopen, s);
	ensure(s->committed && s->tick && s->reopen);
	if (!server_open(s, o, error, error_bytes)) {
		scheduler_free(&s);
		return NULL;
	}
	if (!engine_start(s, &why)) {
		snprintf(error, error_bytes, "%s: %s", o->state_dir, why);
		scheduler_free(&s);
		return NULL;
	}
	if (!server_listen(s, o, error, error_bytes)) {
		scheduler_free(&s);
		return NULL;
	}
	ensure(loop_on_idle(loop, turn, s));
	loop_again(loop);
	return s;
}

void scheduler_stop(struct scheduler *s, void (*done)(void *arg), void *arg)
{
	s->stopping = true;
	s->on_stopped = done;
	s->on_stopped_arg = arg;
	for (size_t i = 0; i < s->nlisteners; i++)
		listener_pause(s->listeners[i]);
	peers_pause(s);
	if (s->sick)
		finish_stop(s);
	else
		loop_again(s->loop);
}

void scheduler_free(struct scheduler **scheduler)
{
	struct scheduler *s = *scheduler;

	*scheduler = NULL;
	if (!s)
		return;
	loop_off_idle(s->loop, turn, s);
	for (size_t i = 0; i < s->nlisteners; i++)
		listener_free(&s->listeners[i]);
	free(s->listeners);
	peers_drop(s);
	if (s->snapshot.store)
		store_snapshot_end(&s->snapshot);
	store_close(&s->store);
	engine_free(&s->engine);
	timer_free(&s->tick);
	timer_free(&s->reopen);
	wake_free(&s->committed);
	map64_release(&s->by_conn);
	pthread_mutex_destroy(&s->lock);
	secret_forget(&s->secret);
	free(s->secret_file);
	free(s->weights);
	free(s->user);
	free(s);
}

const char *scheduler_address(const struct scheduler *s, size_t i)
{
	return i < s->nlisteners ? listener_address(s->listeners[i]) : NULL;
}

const char *scheduler_secret_file(const struct scheduler *s)
{
	return s->secret_file;
}
