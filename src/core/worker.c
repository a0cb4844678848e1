/*
 * Workers: joining with an inventory of what they run and hold, credit, starts, reports, and their
 * loss. A connection that closes is not yet a lost worker: its leases are honoured for one TTL of
 * listening time.
 */
#include "core/impl.h"
#include "core/past.h"

static char *text_of(struct slice s)
{
	char *t = xcalloc(1, s.n + 1);

	if (s.n)
		memcpy(t, s.p, s.n);
	return t;
}

static struct worker *worker_new(
	struct core *c, uint32_t number, struct slice uuid, struct slice name, struct user *user)
{
	struct worker *w = xcalloc(1, sizeof(*w));
	struct list *l;

	ensure(uuid.n == WORKER_UUID_BYTES);
	w->number = number;
	memcpy(w->uuid, uuid.p, uuid.n);
	w->name = text_of(name);
	w->address = text_of(slice_empty());
	w->user = user;
	list_init(&w->leases);
	list_init(&w->in_touched);
	heap_node_init(&w->by_load);
	map64_init(&w->held);
	heap_node_init(&w->deadline);
	for (l = c->worker_list.prev; l != &c->worker_list; l = l->prev)
		if (container_of(l, struct worker, in_workers)->number < number)
			break;
	list_insert_between(&w->in_workers, l, l->next);
	ensure(map64_put_ptr(&c->workers, number, w));
	return w;
}

struct worker *worker_load(struct core *c, uint32_t number, const struct worker_record *r)
{
	struct user *user = map64_get_ptr(&c->users, r->user);
	struct worker *w;

	if (!user || map64_get_ptr(&c->workers, number))
		return NULL;
	w = worker_new(c, number, slice_of(r->uuid, WORKER_UUID_BYTES), r->name, user);
	w->ninstance = (uint32_t)r->instance.n;
	free(w->address);
	w->address = text_of(r->address);
	if (r->instance.n)
		memcpy(w->instance, r->instance.p, r->instance.n);
	worker_offer_load(w, r->offer);
	demand_worker_in(c, w);
	return w;
}

void core_worker_free(struct core *c, struct worker *w)
{
	if (heap_contains(&w->deadline))
		heap_remove(&c->deadlines_w, &w->deadline);
	room_leave(c, w);
	list_remove(&w->in_workers);
	map64_remove_ptr(&c->workers, w->number);
	map64_release(&w->held);
	free(w->name);
	free(w->address);
	free(w->offer_bytes);
	free(w);
}

static void worker_write(struct core *c, const struct worker *w)
{
	struct worker_record rec = {.name = slice_str(w->name),
		.address = slice_str(w->address),
		.user = w->user->number,
		.instance = slice_of(w->instance, w->ninstance),
		.offer = slice_of(w->offer_bytes, w->noffer_bytes)};
	struct record *r = update_record(c->u, RECORD_WORKER, w->number, 0);

	memcpy(rec.uuid, w->uuid, WORKER_UUID_BYTES);
	worker_record_encode(&c->u->bytes, &rec);
	update_record_end(c->u, r);
	c->u->seal = true;
}

/* Forgets that the value is with w, in memory alone: its row may still name w, which a start knows
 * how to take. */
static void lose_copies(struct core *c, struct worker *w)
{
	struct map64_iter it = {0};
	uint64_t id, one;

	while (map64_next(&w->held, &it, &id, &one)) {
		struct place p;
		struct task *t = place_of(c, id, &p) ? task_peek(p.block, p.idx) : NULL;

		ensure(t);
		for (uint32_t i = 0; i < t->ncopies; i++)
			if (t->copies[i] == w)
				t->copies[i--] = t->copies[--t->ncopies];
	}
	map64_clear(&w->held);
	w->held_bytes = 0;
}

static bool may_not_repeat(const struct task *t)
{
	return block_option(t->block, t->idx) & OPTION_ONCE;
}

/* By its worker, or by what it did itself: that may be known though a start of the scheduler, or a
 * lost connection, took the worker's word. */
static bool has_started(const struct task *t)
{
	return t->started || t->attended;
}

/*
 * The worker's process ended with the lease. Only a task that is known to have started is charged;
 * the others are suspects. One that was submitted with `once` may not be tried again in doubt.
 */
static void died_with(struct worker *w, struct task *t)
{
	if (!has_started(t) && !may_not_repeat(t)) {
		t->suspect = true;
		return;
	}
	t->deaths++;
	if (t->started)
		return;
	t->started = true;
	t->attempts++;
	w->nrunning++;
}

static void lose_leases(struct core *c, struct worker *w, bool died)
{
	while (!list_is_empty(&w->leases)) {
		struct task *t = container_of(w->leases.next, struct task, in_worker);

		if (died)
			died_with(w, t);
		if (t->started)
			past_attempt(c, t, died ? PAST_LOST : PAST_BACK, NULL);
		lease_lost(c, t);
	}
}

void worker_lost(struct core *c, struct worker *w)
{
	lose_leases(c, w, true);
	lose_copies(c, w);
	update_delete(c->u, RECORD_WORKER, w->number, 0);
	c->u->seal = true;
	c->u->more = true;
	core_worker_free(c, w);
}

void worker_disconnect(struct core *c, struct worker *w)
{
	w->conn = 0;
	backlog_forget_revokes(c, w);
	worker_touch(c, w);
	c->ready_changed = c->ready_changed || w->reserved;
	w->expires_us = c->now_us + c->config.lease_ttl_ms * 1000;
	if (!heap_contains(&w->deadline))
		ensure(heap_push(&c->deadlines_w, &w->deadline));
}

static struct worker *worker_of_uuid(struct core *c, struct slice uuid)
{
	for (struct list *l = c->worker_list.next; l != &c->worker_list; l = l->next) {
		struct worker *w = container_of(l, struct worker, in_workers);

		if (slice_eq(uuid, slice_of(w->uuid, WORKER_UUID_BYTES)))
			return w;
	}
	return NULL;
}

static bool name_is_taken(struct core *c, const struct event *e)
{
	for (struct list *l = c->worker_list.next; l != &c->worker_list; l = l->next) {
		struct worker *w = container_of(l, struct worker, in_workers);

		if (w->conn && slice_eq_str(e->join.name, w->name) &&
			!slice_eq(e->join.uuid, slice_of(w->uuid, WORKER_UUID_BYTES)))
			return true;
	}
	return false;
}

/* Of what it runs, the leases that are its own: task id -> its place in the inventory, from 1. */
static void list_running(
	struct core *c, struct worker *w, const struct event *e, struct map64 *running)
{
	map64_init(running);
	for (uint32_t i = 0; i < e->join.nrunning; i++) {
		const struct event_lease *r = &e->join.running[i];
		struct place p;
		struct task *t = place_of(c, r->id, &p) ? task_peek(p.block, p.idx) : NULL;

		if (t && t->worker == w && fence_eq(t->fence, r->fence))
			ensure(map64_put(running, r->id, i + 1));
	}
}

/* What the worker still holds: a copy counts when it is the one that the scheduler knows, or one
 * that its report is about to tell of. The others are dropped. */
static void offer_copies(
	struct core *c, struct worker *w, const struct event *e, const struct map64 *running)
{
	for (uint32_t i = 0; i < e->join.ncopies; i++) {
		const struct event_copy *o = &e->join.copies[i];
		struct place p;
		struct task *t = place_of(c, o->id, &p) ? task_peek(p.block, p.idx) : NULL;

		if (t && t->held_value && t->generation == o->generation &&
			t->checksum == o->checksum && t->size == o->size) {
			copy_add(c, t, w);
		} else if (!map64_get(running, o->id, NULL)) {
			struct send *s = update_send(c->u, SEND_FREE, w->conn);

			s->id = o->id;
			s->generation = o->generation;
		}
	}
}

/* Leases of the worker that its inventory has are adopted; the others are sent again under the same
 * fence, or given up where the process that had them is another one. */
static void settle_leases(struct core *c, struct worker *w, const struct event *e,
	const struct map64 *running, bool same_process)
{
	struct list *l, *next;
	for (l = w->leases.next; l != &w->leases; l = next) {
		struct task *t = container_of(l, struct task, in_worker);
		uint64_t place = 0;
		const struct event_lease *r = NULL;

		next = l->next;
		if (map64_get(running, task_own_id(t), &place))
			r = &e->join.running[place - 1];
		if (r) {
			if (r->started && !t->started) {
				backlog_remove(c, t);
				t->started = true;
				t->started_us = c->wall_us;
				t->attempts++;
				w->nrunning++;
			}
			if (task_state(t) == TASK_CANCELLING)
				cancel_again(c, t);
		} else if (task_state(t) == TASK_CANCELLING) {
			lease_lost(c, t);
		} else if (!same_process && (has_started(t) || may_not_repeat(t))) {
			died_with(w, t);
			if (t->started)
				past_attempt(c, t, PAST_LOST, NULL);
			lease_lost(c, t);
		} else {
			lease_send(c, w, t->fence, &t, 1);
		}
	}
}

/* What it runs and should not: leases that are another's by now, or over. */
static void stop_strangers(struct core *c, struct worker *w, const struct event *e)
{
	for (uint32_t i = 0; i < e->join.nrunning; i++) {
		const struct event_lease *r = &e->join.running[i];
		struct place p;
		struct task *t = place_of(c, r->id, &p) ? task_peek(p.block, p.idx) : NULL;
		struct send *s;

		if (t && t->worker == w && fence_eq(t->fence, r->fence))
			continue;
		s = update_send(c->u, SEND_STOP, w->conn);
		s->id = r->id;
		s->fence = r->fence;
		s->cause = CAUSE_WORKER;
	}
}

/* May it join? w: the worker that has this identity, or NULL. False: it was refused. */
static bool may_join(struct core *c, const struct event *e, const struct worker *w)
{
	const struct conn *conn = conn_get(c, e->conn);

	if (conn && conn->worker)
		conn_refuse(c, e->conn, DQ_E_PROTOCOL, "a second JOIN");
	else if (name_is_taken(c, e))
		conn_refuse(c, e->conn, DQ_E_CONFLICT, "another worker has this name");
	else if (w && !slice_eq_str(e->join.user, w->user->name))
		conn_refuse(c, e->conn, DQ_E_CONFLICT, "another user's worker has this identity");
	else if (!w && map64_count(&c->workers) >= c->config.max_workers)
		conn_refuse(c, e->conn, DQ_E_LIMIT, limit_text(LIMIT_INDEX_WORKERS));
	else
		return true;
	return false;
}

void worker_join(struct core *c, const struct event *e)
{
	struct worker *w = worker_of_uuid(c, e->join.uuid);
	bool same_process, same_record;
	struct map64 running;
	struct conn *conn;
	struct send *s;

	if (!may_join(c, e, w))
		return;
	if (!w) {
		w = worker_new(c, c->counters.next_worker++, e->join.uuid, e->join.name,
			user_of(c, e->join.user, e->join.uid));
		c->counters_dirty = true;
	} else if (w->conn) {
		conn_refuse(c, w->conn, DQ_E_CONFLICT, "the worker joined over another connection");
		backlog_forget_revokes(c, w);
	}
	demand_worker_out(c, w);
	same_process = e->join.instance.n &&
		       slice_eq(e->join.instance, slice_of(w->instance, w->ninstance));
	same_record = same_process && slice_eq_str(e->join.name, w->name) &&
		      slice_eq_str(e->join.address, w->address);
	free(w->name);
	free(w->address);
	w->name = text_of(e->join.name);
	w->address = text_of(e->join.address);
	w->limit = 0;
	w->ninstance =
		e->join.instance.n <= WORKER_INSTANCE_BYTES ? (uint32_t)e->join.instance.n : 0;
	if (w->ninstance)
		memcpy(w->instance, e->join.instance.p, w->ninstance);
	if (heap_contains(&w->deadline))
		heap_remove(&c->deadlines_w, &w->deadline);
	conn = conn_new(c, e->conn, CONN_WORKER);
	conn->worker = w;
	w->conn = e->conn;
	same_record = !worker_offer_take(c, w, e->join.offer) && same_record;
	demand_worker_in(c, w);
	worker_touch(c, w);
	if (!same_record)
		worker_write(c, w);
	s = update_send(c->u, SEND_JOINED, e->conn);
	s->worker = w->number;
	if (!same_process)
		lose_copies(c, w);
	list_running(c, w, e, &running);
	offer_copies(c, w, e, &running);
	settle_leases(c, w, e, &running, same_process);
	map64_release(&running);
	stop_strangers(c, w, e);
	attempts_tell(c, w);
	c->ready_changed = true;
	c->u->seal = true;
}

static struct worker *worker_of(struct core *c, const struct event *e)
{
	struct conn *conn = conn_get(c, e->conn);

	if (conn && conn->worker)
		return conn->worker;
	conn_refuse(c, e->conn, DQ_E_PROTOCOL, "not a worker's connection");
	return NULL;
}

void worker_credit(struct core *c, const struct event *e)
{
	struct worker *w = worker_of(c, e);

	if (!w)
		return;
	w->limit = e->credit < LIMIT_CREDIT ? e->credit : LIMIT_CREDIT;
	worker_touch(c, w);
	c->ready_changed = true;
	c->u->seal = c->u->seal || c->counts[TASK_READY];
}

/* The task if the lease is its current one, and w's. */
static struct task *leased(struct core *c, const struct worker *w, const struct event_lease *l)
{
	struct place p;
	struct task *t = place_of(c, l->id, &p) ? task_peek(p.block, p.idx) : NULL;

	if (MUTANT(NO_FENCE))
		return t && t->worker ? t : NULL;
	return t && t->worker == w && fence_eq(t->fence, l->fence) ? t : NULL;
}

void worker_started(struct core *c, const struct event *e)
{
	struct worker *w = worker_of(c, e);

	for (uint32_t i = 0; w && i < e->leases.n; i++) {
		struct task *t = leased(c, w, &e->leases.items[i]);

		if (!t || t->started)
			continue;
		backlog_remove(c, t);
		t->started = true;
		t->started_us = c->wall_us;
		t->suspect = false;
		t->attempts++;
		t->worker->nrunning++;
	}
}

void worker_report(struct core *c, const struct event *e)
{
	struct worker *w = worker_of(c, e);
	struct send *s;

	if (!w)
		return;
	for (uint32_t i = 0; i < e->leases.n; i++) {
		struct task *t = leased(c, w, &e->leases.items[i]);

		if (t)
			finish_report(c, t, w, &e->leases.items[i], e->no_room);
	}
	s = update_send(c->u, SEND_REPORTED, e->conn);
	s->seq = e->seq;
	c->u->seal = true;
	c->u->more = c->u->more || c->ndoomed;
}

/* A value that nobody can have from its holders: one that can be made again is freed there; another
 * may be found when they join. */
static void give_up_copies(struct core *c, struct task *t)
{
	if (remake_allowed(t)) {
		copies_free(c, t);
		return;
	}
	while (t->ncopies)
		copy_remove(c, t, t->copies[0]);
}

/*
 * The worker could not have these values: its copies' holders are taken not to have them. The
 * leases that it names come back; another that needs such a value may have it in hand and begin.
 */
void worker_missing(struct core *c, const struct event *e)
{
	struct worker *w = worker_of(c, e);

	for (uint32_t i = 0; w && i < e->missing.ncopies; i++) {
		const struct event_copy *m = &e->missing.copies[i];
		struct place p;
		struct task *d = place_of(c, m->id, &p) ? task_peek(p.block, p.idx) : NULL;

		if (d && d->held_value && d->generation == m->generation)
			give_up_copies(c, d);
	}
	for (uint32_t i = 0; w && i < e->missing.nleases; i++) {
		struct task *t = leased(c, w, &e->missing.leases[i]);

		if (t && !t->started)
			lease_lost(c, t);
	}
}

void worker_leave(struct core *c, const struct event *e)
{
	struct worker *w = worker_of(c, e);
	struct conn *conn = conn_get(c, e->conn);

	if (!w)
		return;
	conn->worker = NULL;
	w->conn = 0;
	lose_leases(c, w, false);
	lose_copies(c, w);
	update_delete(c->u, RECORD_WORKER, w->number, 0);
	c->u->seal = true;
	c->u->more = true;
	core_worker_free(c, w);
}
