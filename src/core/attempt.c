/*
 * Tasks that use the scheduler. A client inside a task proves a lease, and enters: what it submits
 * belongs to that lease, the attempt. When the lease ends, in whatever way, so do the attempt's
 * sessions, and with their holds what nothing else wants of what they submitted (D12). A session's
 * record names its parent, so that a start knows which of them are over.
 *
 * A task that waits for others says so (SECEDE): its lease takes no slot while it does, on as many
 * connections as it likes. That is not durable: who waits says it again on a new connection.
 *
 * Only such tasks, and those that tell of their progress, have a struct attempt.
 */
#include "core/impl.h"

static struct attempt *attempt_get(const struct core *c, const struct task *t)
{
	return t->attended ? map64_get_ptr(&c->attempts, task_own_id(t)) : NULL;
}

static struct attempt *attempt_of(struct core *c, struct task *t)
{
	struct attempt *a = attempt_get(c, t);

	if (a)
		return a;
	a = xcalloc(1, sizeof(*a));
	a->id = task_own_id(t);
	a->fence = t->fence;
	list_init(&a->conns);
	list_init(&a->sessions);
	ensure(map64_put_ptr(&c->attempts, a->id, a));
	backlog_remove(c, t);
	t->attended = true;
	return a;
}

/* The task, if that is its current lease; NULL else. */
static struct task *leased(const struct core *c, uint64_t id, struct fence fence)
{
	struct place p;
	struct task *t = place_of(c, id, &p) ? task_peek(p.block, p.idx) : NULL;

	return t && t->worker && fence_eq(t->fence, fence) ? t : NULL;
}

uint32_t core_lease_worker(const struct core *c, uint64_t id, struct fence fence)
{
	const struct task *t = leased(c, id, fence);

	return t ? t->worker->number : 0;
}

struct user *attempt_user(const struct core *c, const struct attempt *a)
{
	struct place p;

	ensure(place_of(c, a->id, &p));
	return p.block->owner;
}

void attempt_enter(struct core *c, const struct event *e)
{
	struct task *t = leased(c, e->enter.id, e->enter.fence);
	struct conn *conn;

	if (!t || task_state(t) != TASK_LEASED) {
		conn_refuse(c, e->conn, DQ_E_GONE, "the task's lease is over");
		return;
	}
	conn = conn_new(c, e->conn, CONN_LOOK);
	ensure(!conn->attempt);
	conn->attempt = attempt_of(c, t);
	list_push_back(&conn->attempt->conns, &conn->in_attempt);
}

bool attempt_adopt(struct core *c, struct session *s)
{
	struct task *t = leased(c, s->parent, s->parent_fence);

	if (!t || task_state(t) != TASK_LEASED)
		return false;
	s->attempt = attempt_of(c, t);
	list_push_back(&s->attempt->sessions, &s->in_attempt);
	return true;
}

/* ---- giving the slot back ---- */

static void tell_seceded(struct core *c, const struct worker *w, const struct attempt *a)
{
	struct send *s;

	if (!w->conn)
		return;
	s = update_send(c->u, SEND_SECEDED, w->conn);
	s->id = a->id;
	s->fence = a->fence;
	s->count = a->nseceded ? 1 : 0;
}

static void set_seceded(struct core *c, struct conn *conn, bool on)
{
	struct attempt *a = conn->attempt;
	struct task *t;
	bool was = a->nseceded;

	if (conn->seceded == on)
		return;
	conn->seceded = on;
	a->nseceded = on ? a->nseceded + 1 : a->nseceded - 1;
	if (was == (a->nseceded != 0))
		return;
	t = leased(c, a->id, a->fence);
	ensure(t);
	if (on) {
		t->worker->nseceded++;
		worker_unuse(t->worker, demand_of(c, t->block, t->idx));
	} else {
		t->worker->nseceded--;
		worker_use(t->worker, demand_of(c, t->block, t->idx));
	}
	worker_touch(c, t->worker);
	tell_seceded(c, t->worker, a);
	c->ready_changed = true;
}

void attempt_secede(struct core *c, const struct event *e)
{
	struct conn *conn = conn_get(c, e->conn);

	if (conn && conn->attempt)
		set_seceded(c, conn, e->secede);
	else
		conn_refuse(c, e->conn, DQ_E_PROTOCOL, "a client that is in no task has no slot");
}

void attempts_tell(struct core *c, const struct worker *w)
{
	for (struct list *l = w->leases.next; l != &w->leases && w->nseceded; l = l->next) {
		const struct task *t = container_of(l, struct task, in_worker);

		if (attempt_has_seceded(c, t))
			tell_seceded(c, w, attempt_get(c, t));
	}
}

/* ---- ends ---- */

void attempt_conn_gone(struct core *c, struct conn *conn)
{
	if (!conn->attempt)
		return;
	set_seceded(c, conn, false);
	list_remove(&conn->in_attempt);
	conn->attempt = NULL;
}

void attempt_end(struct core *c, struct task *t, uint32_t code, const char *why)
{
	struct attempt *a = attempt_get(c, t);

	if (!a)
		return;
	while (!list_is_empty(&a->sessions)) {
		struct session *s = container_of(a->sessions.next, struct session, in_attempt);

		list_remove(&s->in_attempt);
		s->attempt = NULL;
		session_end(c, s);
	}
	while (!list_is_empty(&a->conns))
		conn_refuse(
			c, container_of(a->conns.next, struct conn, in_attempt)->number, code, why);
	ensure(a->nseceded == 0);
	map64_remove_ptr(&c->attempts, a->id);
	t->attended = false;
	free(a);
}

bool attempt_check(const struct core *c, const struct attempt *a, const char **why)
{
	struct task *t = leased(c, a->id, a->fence);
	uint32_t seceded = 0;

	for (struct list *l = a->conns.next; l != &a->conns; l = l->next) {
		const struct conn *conn = container_of(l, struct conn, in_attempt);

		seceded += conn->seceded;
		if (conn->attempt != a)
			*why = "an attempt has another's connection";
	}
	for (struct list *l = a->sessions.next; l != &a->sessions; l = l->next) {
		const struct session *s = container_of(l, struct session, in_attempt);

		if (s->attempt != a || s->parent != a->id || !fence_eq(s->parent_fence, a->fence))
			*why = "an attempt has another's session";
	}
	if (!t || !t->attended || task_state(t) != TASK_LEASED)
		*why = "an attempt without its lease";
	if (seceded != a->nseceded)
		*why = "an attempt whose seceded connections are counted wrongly";
	return !*why;
}

bool attempt_has_seceded(const struct core *c, const struct task *t)
{
	const struct attempt *a = attempt_get(c, t);

	return a && a->nseceded;
}

void attempts_free(struct core *c)
{
	struct map64_iter it = {0};
	uint64_t id;
	void *a;

	while (map64_next_ptr(&c->attempts, &it, &id, &a))
		free(a);
	map64_release(&c->attempts);
}

/* ---- progress ---- */

void attempt_progress(struct core *c, const struct event *e)
{
	struct conn *conn = conn_get(c, e->conn);
	struct task *t = leased(c, e->progress.id, e->progress.fence);
	struct attempt *a;

	if (!conn || !conn->worker) {
		conn_refuse(c, e->conn, DQ_E_PROTOCOL, "not a worker's connection");
		return;
	}
	if (!t || t->worker != conn->worker || task_state(t) != TASK_LEASED)
		return;
	a = attempt_of(c, t);
	a->told = true;
	a->millionths = e->progress.millionths;
	a->text_n = (uint32_t)(e->progress.text.n < PROGRESS_TEXT_BYTES ? e->progress.text.n
									: PROGRESS_TEXT_BYTES);
	if (a->text_n)
		memcpy(a->text, e->progress.text.p, a->text_n);
}

bool core_view_progress(const struct core *c, uint64_t id, uint32_t *millionths, struct slice *text)
{
	const struct attempt *a = map64_get_ptr(&c->attempts, id);

	if (!a || !a->told)
		return false;
	*millionths = a->millionths;
	*text = slice_of(a->text, a->text_n);
	return true;
}

uint64_t core_session_parent(const struct core *c, uint32_t session)
{
	const struct session *s = map64_get_ptr(&c->sessions, session);

	return s ? s->parent : 0;
}
