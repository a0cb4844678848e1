/*
 * The core's life and its step: time, the event, then the long works within a budget.
 */
#include "core/impl.h"
#include "core/work.h"
#include "core/guard.h"
#include "core/topic.h"
#include "core/queue.h"
#include "core/timer.h"

#define TICK_US 500000
#define KEEP_TICK_US 30000000 /* nothing is late that is let go so much later */
#define GAP_US 1000000

struct core *core_new(const struct core_config *config)
{
	struct core *c = xcalloc(1, sizeof(*c));

	c->config = *config;
	c->config.user0_name = slice_empty();
	if (!c->config.max_sessions)
		c->config.max_sessions = LIMIT_SESSIONS;
	if (!c->config.retention_us)
		c->config.retention_us = RETENTION_US;
	if (c->config.retention_us == RETENTION_NONE)
		c->config.retention_us = 0;
	if (!c->config.max_workers)
		c->config.max_workers = LIMIT_WORKERS;
	c->counters = (struct counters){.next_session = 1,
		.next_worker = 1,
		.next_user = 1,
		.next_work = 1,
		.next_thing = 1};
	c->loading = true;
	map64_init(&c->sessions);
	map64_init(&c->blocks_of);
	map64_init(&c->users);
	map64_init(&c->workers);
	map64_init(&c->conns);
	map64_init(&c->attempts);
	map64_init(&c->dirty_gone);
	map64_init(&c->detached);
	fpmap_init(&c->keys);
	fpmap_init(&c->named);
	fpmap_init(&c->label_ids);
	fpmap_init(&c->terms_ids);
	list_init(&c->blocks);
	list_init(&c->worker_list);
	list_init(&c->dirty_sessions);
	list_init(&c->dirty_bundles);
	list_init(&c->closing);
	list_init(&c->works);
	list_init(&c->stages);
	list_init(&c->scans);
	list_init(&c->leaving);
	list_init(&c->demands);
	fpmap_init(&c->demand_ids);
	list_init(&c->parked);
	list_init(&c->touched);
	heap_init(&c->turns, turn_comes_first);
	heap_init(&c->by_load, load_comes_first);
	deadlines_init(c);
	things_init(c);
	timers_init(c);
	keeps_init(c);
	map64_init(&c->roots);
	user_new(c, 0, config->user0_uid, config->user0_name);
	return c;
}

static void free_bundles(struct core *c)
{
	struct list *l;

	for (l = c->worker_list.next; l != &c->worker_list; l = l->next) {
		struct worker *w = container_of(l, struct worker, in_workers);

		while (!list_is_empty(&w->leases)) {
			struct task *t = container_of(w->leases.next, struct task, in_worker);

			list_remove(&t->in_worker);
			if (--t->bundle->live == 0) {
				free(t->bundle->entries);
				free(t->bundle);
			}
		}
	}
	for (uint32_t i = 0; i < c->nloaded; i++) {
		if (c->loaded[i]->live)
			continue;
		free(c->loaded[i]->entries);
		free(c->loaded[i]);
	}
	free(c->loaded);
}

static void free_maps(struct core *c)
{
	struct map64_iter it = {0};
	uint64_t k;
	void *p;

	heap_release(&c->turns);
	heap_release(&c->by_load);
	while (map64_next_ptr(&c->users, &it, &k, &p))
		user_free(c, p);
	fpmap_release(&c->demand_ids);
	for (uint32_t i = 0; i < c->nlabels; i++)
		free(c->labels[i].text);
	map64_release(&c->users);
	map64_release(&c->sessions);
	map64_release(&c->blocks_of);
	map64_release(&c->workers);
	map64_release(&c->conns);
	map64_release(&c->dirty_gone);
	map64_release(&c->roots);
	map64_release(&c->detached);
	fpmap_release(&c->keys);
	fpmap_release(&c->named);
	fpmap_release(&c->label_ids);
	heap_release(&c->deadlines_s);
	heap_release(&c->deadlines_w);
	free(c->labels);
	free(c->doomed);
	free(c->edges);
	free(c->scratch_deps);
	free(c->hits);
}

void core_free(struct core **core)
{
	struct core *c = *core;
	struct map64_iter it;
	uint64_t k;
	void *p;

	*core = NULL;
	if (!c)
		return;
	free_bundles(c);
	timers_free(c);
	while (it = (struct map64_iter){0}, map64_next_ptr(&c->conns, &it, &k, &p))
		conn_free(c, p);
	watch_work(c, true, &(uint32_t){UINT32_MAX});
	while (!list_is_empty(&c->blocks))
		block_free(c, container_of(c->blocks.next, struct block, in_order));
	while (!list_is_empty(&c->stages))
		stage_free(container_of(c->stages.next, struct stage, in_stages));
	while (it = (struct map64_iter){0}, map64_next_ptr(&c->sessions, &it, &k, &p))
		session_free(c, p);
	attempts_free(c);
	while (!list_is_empty(&c->worker_list))
		core_worker_free(c, container_of(c->worker_list.next, struct worker, in_workers));
	while (!list_is_empty(&c->works))
		work_free(c, container_of(c->works.next, struct work, in_works));
	while (c->task_free) {
		struct task *t = c->task_free;

		c->task_free = (struct task *)(void *)t->block;
		free(t);
	}
	keeps_free(c);
	terms_free(c);
	things_free(c);
	free_maps(c);
	free(c);
}

struct conn *conn_get(struct core *c, uint64_t number)
{
	return map64_get_ptr(&c->conns, number);
}

struct conn *conn_new(struct core *c, uint64_t number, enum conn_kind kind)
{
	struct conn *conn = conn_get(c, number);

	if (!conn) {
		conn = xcalloc(1, sizeof(*conn));
		conn->number = number;
		list_init(&conn->watches);
		list_init(&conn->scans);
		list_init(&conn->in_scans);
		list_init(&conn->in_attempt);
		map64_init(&conn->waiters);
		ensure(map64_put_ptr(&c->conns, number, conn));
	}
	conn->kind = kind;
	return conn;
}

/* The connection is over: whoever had it is without one. */
void conn_free(struct core *c, struct conn *conn)
{
	attempt_conn_gone(c, conn);
	if (conn->session)
		session_disconnect(c, conn->session);
	if (conn->worker)
		worker_disconnect(c, conn->worker);
	conn->session = NULL;
	conn->worker = NULL;
	map64_remove_ptr(&c->conns, conn->number);
	waiters_drop_conn(c, conn);
	watches_drop_conn(c, conn);
}

void conn_refuse(struct core *c, uint64_t number, uint32_t code, const char *text)
{
	struct conn *conn = conn_get(c, number);
	struct send *s = update_send(c->u, SEND_CLOSE, number);

	s->code = code;
	s->text = text;
	if (conn)
		conn_free(c, conn);
}

static void disconnect(struct core *c, const struct event *e)
{
	struct conn *conn = conn_get(c, e->conn);

	if (conn)
		conn_free(c, conn);
}

/* Time in which nothing could be heard does not count (D10). */
static void pass_time(struct core *c, const struct event *e)
{
	uint64_t gap = e->mono_us > c->last_mono_us ? e->mono_us - c->last_mono_us : 0;

	if (e->mono_us > c->last_mono_us)
		c->last_mono_us = e->mono_us;
	c->now_us += gap < GAP_US ? gap : GAP_US;
	c->mono_us = e->mono_us;
	c->wall_us = e->wall_us;
}

static void expire(struct core *c)
{
	struct heap_node *n;

	while ((n = heap_peek(&c->deadlines_s)) &&
		container_of(n, struct session, deadline)->expires_us <= c->now_us)
		session_end(c, container_of(n, struct session, deadline));
	while ((n = heap_peek(&c->deadlines_w)) &&
		container_of(n, struct worker, deadline)->expires_us <= c->now_us)
		worker_lost(c, container_of(n, struct worker, deadline));
}

static void close_session(struct core *c, const struct event *e)
{
	struct session *s;

	if (!request_begin(c, e, &s))
		return;
	reply_plain(c, s, e->conn);
	session_end(c, s);
}

static void seal(struct core *c)
{
	assign(c);
	bundles_write(c);
	sessions_write(c);
	sessions_sealed(c);
	gone_write(c);
	topics_write(c);
	if (c->counters_dirty) {
		struct record *r = update_record(c->u, RECORD_COUNTERS, 0, 0);

		counters_encode(&c->u->bytes, &c->counters);
		update_record_end(c->u, r);
		c->counters_dirty = false;
	}
	c->u->seal = c->ready_changed;
}

static void dispatch(struct core *c, const struct event *e)
{
	static void (*const on[])(struct core *, const struct event *) = {
		[EVENT_OPEN] = session_open,
		[EVENT_ENTER] = attempt_enter,
		[EVENT_DISCONNECT] = disconnect,
		[EVENT_SUBMIT] = submit,
		[EVENT_CANCEL] = cancel,
		[EVENT_RELEASE] = release,
		[EVENT_HOLD] = hold,
		[EVENT_DETACH] = detach,
		[EVENT_ACT] = act,
		[EVENT_CLOSE] = close_session,
		[EVENT_DEAL] = deal,
		[EVENT_AWAIT] = thing_await,
		[EVENT_DROP] = drop_wait,
		[EVENT_TAKE] = take,
		[EVENT_ACKED] = session_acked,
		[EVENT_WATCH] = watch,
		[EVENT_UNWATCH] = unwatch,
		[EVENT_FLOW] = flow,
		[EVENT_GET] = get,
		[EVENT_SECEDE] = attempt_secede,
		[EVENT_JOIN] = worker_join,
		[EVENT_CREDIT] = worker_credit,
		[EVENT_STARTED] = worker_started,
		[EVENT_REPORT] = worker_report,
		[EVENT_MISSING] = worker_missing,
		[EVENT_PROGRESS] = attempt_progress,
		[EVENT_SPOILT] = value_spoilt,
		[EVENT_LEAVE] = worker_leave,
	};

	ensure(e->kind <= EVENT_SEAL);
	if (e->kind < sizeof(on) / sizeof(on[0]) && on[e->kind])
		on[e->kind](c, e);
	else if (e->kind == EVENT_LOOK)
		conn_new(c, e->conn, CONN_LOOK)->user = user_of(c, e->open.user, e->open.uid);
	else if (e->kind == EVENT_SEAL)
		seal(c);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t next_tick(const struct core *c)
{
	struct heap_node *s = heap_peek(&c->deadlines_s), *w = heap_peek(&c->deadlines_w);
	uint64_t at = UINT64_MAX, timer = timers_next_us(c), keep = keeps_next_us(c),
		 topic = topics_next_us(c);

	timer = least(timer, queues_next_us(c));
	if (s)
		at = container_of(s, struct session, deadline)->expires_us;
	if (w)
		at = least(at, container_of(w, struct worker, deadline)->expires_us);
	at = least(at, guards_due_us(c));
	if (at != UINT64_MAX)
		at = at > c->now_us ? at - c->now_us : 0;
	timer = least(timer, topic);
	/* the wall clock may step: a tick looks at it again */
	if (at != UINT64_MAX || timer != UINT64_MAX)
		at = least(least(at, timer), TICK_US);
	if (keep != UINT64_MAX)
		at = least(least(at, keep), KEEP_TICK_US);
	return at == UINT64_MAX ? 0 : c->mono_us + at;
}

void core_step(struct core *c, const struct event *e, struct update *u)
{
	uint32_t budget = STEP_BUDGET;
	bool more;

	ensure(!c->loading);
	c->u = u;
	pass_time(c, e);
	dispatch(c, e);
	if (e->kind == EVENT_SEAL) {
		u->more = c->doom_at < c->ndoomed || !list_is_empty(&c->works) ||
			  !list_is_empty(&c->stages) || !list_is_empty(&c->closing) ||
			  !list_is_empty(&c->leaving) || guards_have_work(c) ||
			  topics_have_work(c) || !list_is_empty(&c->shared->purging);
		u->scans = !list_is_empty(&c->scans);
		u->next_tick_us = next_tick(c);
		return;
	}
	expire(c);
	more = timers_work(c, &budget);
	more = keeps_work(c, &budget) || more;
	more = works_work(c, &budget) || more;
	more = stages_work(c, &budget) || more;
	more = guards_work(c, &budget) || more;
	more = queues_work(c, &budget) || more;
	more = sessions_work(c, &budget) || more;
	more = watch_work(c, e->no_scan, &budget) || more;
	more = topics_work(c, &budget) || more;
	more = doom_work(c, &budget) || more;
	u->more = more || guards_have_work(c);
	u->scans = !list_is_empty(&c->scans);
	if (c->ready_changed && c->counts[TASK_READY])
		u->seal = true;
	u->next_tick_us = next_tick(c);
}
