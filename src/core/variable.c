/*
 * Variables: a version that counts the sets, and a content, which is in the store alone, or the
 * future of a task, which is held. Who awaits a version above the one it knows is told of the next
 * set; the shell reads the content after the commit.
 */
#include "core/guard.h"
#include "core/topic.h"

static void tell_refusal(struct core *c, const struct event *e, uint32_t code, const char *text)
{
	struct send *s = update_send(c->u, SEND_THING, e->conn);

	s->seq = e->seq;
	s->code = code;
	s->text = text;
}

/* ---- deals ---- */

static bool check_value(struct dealing *d, struct thing *t, const struct deal_op *op)
{
	struct core *c = d->c;

	if (d->no_room)
		return deal_refuse(d, DQ_E_STORE, "the store is full", slice_empty());
	if (!op->value.content.n && !deal_has_task(d, &op->value))
		return deal_refuse(
			d, DQ_E_NOT_FOUND, "there is no such task to hold in: ", op->name);
	if (t->then_there) {
		t->then_version++;
		return true;
	}
	if (c->shared->then_things >= LIMIT_THINGS)
		return deal_refuse(d, DQ_E_LIMIT, limit_text(LIMIT_INDEX_THINGS), slice_empty());
	c->shared->then_things++;
	t->then_there = true;
	t->then_version = c->shared->then_versions + 1;
	return true;
}

static bool check_version(struct dealing *d, const struct thing *t, const struct deal_op *op)
{
	uint64_t version = t->then_there ? t->then_version : 0;

	if (op->version == version || MUTANT(NO_VERSION))
		return true;
	d->version = version;
	if (op->version == 0)
		return deal_refuse(d, DQ_E_CONFLICT, "it is there already: ", op->name);
	if (!t->then_there)
		return deal_refuse(d, DQ_E_CONFLICT, "it is not there: ", op->name);
	return deal_refuse(d, DQ_E_CONFLICT, "it has another version: ", op->name);
}

static bool check_delete(struct dealing *d, struct thing *t, const struct deal_op *op)
{
	struct core *c = d->c;

	if (!t->then_there)
		return deal_refuse(d, DQ_E_NOT_FOUND, "no such variable: ", op->name);
	t->then_there = false;
	if (c->shared->then_versions < t->then_version)
		c->shared->then_versions = t->then_version;
	c->shared->then_things--;
	return true;
}

bool variable_check(struct dealing *d, struct thing *t, const struct deal_op *op)
{
	switch (op->kind) {
	case DEAL_SET:
		return check_value(d, t, op);
	case DEAL_SET_IF:
		return check_version(d, t, op) && check_value(d, t, op);
	case DEAL_EXPECT:
		return check_version(d, t, op);
	case DEAL_DELETE:
		return check_delete(d, t, op);
	default:
		unreachable();
	}
}

static void record_write(struct core *c, const struct thing *t, struct slice content)
{
	struct record *rec = update_record(c->u, RECORD_THING, t->number, 0);
	struct thing_record r;

	thing_record_of(t, &r);
	r.variable.version = t->variable.version;
	r.variable.task = t->variable.task;
	r.variable.content = content;
	thing_record_encode(&c->u->bytes, &r);
	update_record_end(c->u, rec);
	c->u->seal = true;
}

static void tell_waiters(struct core *c, struct thing *t)
{
	for (struct list *l = t->waiters.next, *next; l != &t->waiters; l = next) {
		struct waiter *w = container_of(l, struct waiter, in_thing);

		next = l->next;
		if (w->after >= t->variable.version)
			continue;
		thing_tell_waiter(c, w, t);
		waiter_free(c, w);
	}
}

uint64_t variable_set(struct dealing *d, struct thing *t, const struct deal_value *v)
{
	struct core *c = d->c;
	uint64_t old = t->number ? t->variable.task : 0;

	if (!t->number) {
		thing_make(c, t, d->user);
		t->variable = (struct variable){.version = c->counters.versions};
	}
	t->variable.version++;
	t->variable.task = deal_task(c, d->user, v);
	t->variable.bytes = (uint32_t)v->content.n;
	if (t->variable.task)
		hold_pin(c, t->variable.task);
	if (old)
		deal_unpin(c, old);
	record_write(c, t, v->content);
	tell_waiters(c, t);
	return t->variable.version;
}

void variable_delete(struct core *c, struct thing *t)
{
	if (c->counters.versions < t->variable.version) {
		c->counters.versions = t->variable.version;
		c->counters_dirty = true;
	}
	if (t->variable.task)
		deal_unpin(c, t->variable.task);
	thing_unmake(c, t);
	t->variable = (struct variable){0};
}

bool variable_load(struct core *c, struct thing *t, const struct thing_record *r, const char **why)
{
	struct place p;

	if (r->variable.task && (!place_shown(c, r->variable.task, &p) ||
					block_state(p.block, p.idx) == TASK_GONE)) {
		*why = "a variable with the future of no task";
		return false;
	}
	t->variable = (struct variable){.version = r->variable.version,
		.task = r->variable.task,
		.bytes = (uint32_t)r->variable.content.n};
	if (r->variable.task)
		hold_pin(c, r->variable.task);
	return true;
}

/* ---- waiting ---- */

void thing_await(struct core *c, const struct event *e)
{
	struct conn *conn = conn_get(c, e->conn);
	const struct user *u;
	struct slice ns, name;
	struct waiter *w;
	struct thing *t;
	const char *why;
	uint32_t code;

	if (!conn)
		conn = conn_new(c, e->conn, CONN_LOOK);
	u = map64_get_ptr(&c->users, core_conn_user(c, e->conn));
	if (e->await.kind == THING_LOCK) {
		claim_await(c, conn, e);
		return;
	}
	if (e->await.kind != THING_VARIABLE && e->await.kind != THING_EVENT &&
		e->await.kind != THING_TOPIC && e->await.kind != THING_QUEUE) {
		tell_refusal(c, e, DQ_E_USAGE, "what cannot be awaited");
		return;
	}
	if (!name_split(c, u, e->await.name, &ns, &name, &code, &why)) {
		tell_refusal(c, e, code, why);
		return;
	}
	if (!waiter_allowed(c, conn, e->seq))
		return;
	t = thing_get(c, (enum thing_kind)e->await.kind, ns, name);
	if (t->kind == THING_EVENT) {
		flag_await(c, conn, t, e);
		return;
	}
	w = waiter_new(conn, e->seq, t);
	w->after = e->await.after;
	if (t->kind == THING_TOPIC) {
		topic_await(c, w);
	} else if (t->kind == THING_QUEUE) {
		queue_await(c, w);
	} else if (t->number && t->variable.version > w->after) {
		thing_tell_waiter(c, w, t);
		waiter_free(c, w);
	}
}
