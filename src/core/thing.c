/*
 * The registry of things shared by name, what names mean, and who waits for a thing. The things
 * that are there stand in the order of their numbers, which is that of their making.
 */
#include "core/guard.h"
#include "core/topic.h"
#include "core/queue.h"

static struct fp128 fingerprint(enum thing_kind kind, struct slice ns, struct slice name)
{
	struct hasher h;
	uint8_t k = (uint8_t)kind, zero = 0;

	hasher_init(&h);
	hasher_update(&h, &k, 1);
	hasher_update(&h, ns.p, ns.n);
	hasher_update(&h, &zero, 1);
	hasher_update(&h, name.p, name.n);
	return hasher_fp128(&h);
}

bool name_split(const struct core *c, const struct user *u, struct slice text, struct slice *ns,
	struct slice *name, uint32_t *code, const char **why)
{
	int64_t element = -1;

	*code = DQ_E_USAGE;
	*why = "not a name";
	if (text.n == 0 || !key_split(text, ns, name, &element) || element >= 0)
		return false;
	if (slice_is_empty(*ns))
		*ns = slice_str(u->name);
	*code = DQ_E_REFUSED;
	*why = "the namespace is another user's";
	return slice_eq(*ns, core_user_name(c, u->number));
}

struct thing *thing_find(
	const struct core *c, enum thing_kind kind, struct slice ns, struct slice name)
{
	uint64_t p;

	return fpmap_get(&c->shared->names, fingerprint(kind, ns, name), &p)
		       ? (struct thing *)(uintptr_t)p
		       : NULL;
}

char *thing_text(struct slice s)
{
	char *text = xcalloc(1, s.n + 1);

	if (s.n)
		memcpy(text, s.p, s.n);
	return text;
}

static struct thing *thing_new(enum thing_kind kind, struct slice ns, struct slice name)
{
	struct thing *t = xcalloc(1, sizeof(*t));

	t->kind = kind;
	t->fp = fingerprint(kind, ns, name);
	t->ns = thing_text(ns);
	t->name = thing_text(name);
	list_init(&t->in_order);
	list_init(&t->waiters);
	return t;
}

struct thing *thing_get(struct core *c, enum thing_kind kind, struct slice ns, struct slice name)
{
	struct thing *t = thing_find(c, kind, ns, name);

	if (t)
		return t;
	t = thing_new(kind, ns, name);
	ensure(fpmap_put(&c->shared->names, t->fp, (uint64_t)(uintptr_t)t));
	return t;
}

static void thing_free(struct core *c, struct thing *t)
{
	if (!t->nameless)
		fpmap_remove(&c->shared->names, t->fp, NULL);
	topic_free(c, t);
	dataset_free(t);
	if (t->queue)
		queue_free(t->queue);
	free(t->ns);
	free(t->name);
	free(t);
}

void thing_drop_if_dull(struct core *c, struct thing *t)
{
	if (!t->number && !t->guard && list_is_empty(&t->waiters))
		thing_free(c, t);
}

void thing_make(struct core *c, struct thing *t, struct user *owner)
{
	ensure(!t->number);
	t->number = c->counters.next_thing++;
	c->counters_dirty = true;
	t->owner = owner;
	t->created_us = c->wall_us;
	ensure(map64_put_ptr(&c->shared->things, t->number, t));
	list_push_back(&c->shared->in_order, &t->in_order);
	c->shared->n[t->kind]++;
}

void thing_unmake(struct core *c, struct thing *t)
{
	update_delete(c->u, RECORD_THING, t->number, 0);
	c->u->seal = true;
	map64_remove_ptr(&c->shared->things, t->number);
	list_remove(&t->in_order);
	if (t->nameless) {
		thing_free(c, t);
		return;
	}
	c->shared->n[t->kind]--;
	t->number = 0;
}

void thing_loses_name(struct core *c, struct thing *t)
{
	struct thing *heir;

	fpmap_remove(&c->shared->names, t->fp, NULL);
	c->shared->n[t->kind]--;
	t->nameless = true;
	if (list_is_empty(&t->waiters))
		return;
	heir = thing_get(c, t->kind, slice_str(t->ns), slice_str(t->name));
	while (!list_is_empty(&t->waiters)) {
		struct waiter *w = container_of(t->waiters.next, struct waiter, in_thing);

		list_remove(&w->in_thing);
		w->thing = heir;
		list_push_back(&heir->waiters, &w->in_thing);
	}
}

void thing_tell_waiter(struct core *c, const struct waiter *w, const struct thing *t)
{
	struct send *s = update_send(c->u, SEND_THING, w->conn->number);

	s->seq = w->request;
	s->id = t->number;
	s->after = w->after;
	s->until = t->topic ? t->topic->next - 1 : 0;
	c->u->seal = true;
}

void thing_record_of(const struct thing *t, struct thing_record *r)
{
	*r = (struct thing_record){.kind = t->kind,
		.ns = slice_str(t->ns),
		.name = slice_str(t->name),
		.owner = t->owner->number,
		.created_us = t->created_us};
}

void things_init(struct core *c)
{
	c->shared = xcalloc(1, sizeof(*c->shared));
	fpmap_init(&c->shared->names);
	map64_init(&c->shared->things);
	list_init(&c->shared->in_order);
	guards_init(c);
	topics_init(c->shared);
	deliveries_init(c->shared);
}

/* When the core ends: the connections are gone, and with them who waited. */
void things_free(struct core *c)
{
	guards_free(c);
	deliveries_free(c);
	while (!list_is_empty(&c->shared->in_order)) {
		struct thing *t = container_of(c->shared->in_order.next, struct thing, in_order);

		list_remove(&t->in_order);
		thing_free(c, t);
	}
	ensure(fpmap_count(&c->shared->names) == 0);
	fpmap_release(&c->shared->names);
	map64_release(&c->shared->things);
	heap_release(&c->shared->aging);
	free(c->shared->unpinned);
	free(c->shared);
}

static bool load_body(
	struct core *c, struct thing *t, const struct thing_record *r, const char **why)
{
	switch (t->kind) {
	case THING_VARIABLE:
		return variable_load(c, t, r, why);
	case THING_TOPIC:
		return topic_load(c, t, r, why);
	case THING_DATASET:
		return dataset_load(c, t, r, why);
	case THING_QUEUE:
		return queue_load(c, t, r, why);
	case THING_EVENT:
		return true;
	case THING_LOCK:
		break;
	}
	unreachable();
}

static bool is_closing(const struct thing_record *r)
{
	return (r->kind == THING_TOPIC && r->topic.closing) ||
	       (r->kind == THING_QUEUE && r->queue.closing);
}

bool core_load_thing(
	struct core *c, uint64_t number, const struct thing_record *r, const char **why)
{
	struct user *owner = map64_get_ptr(&c->users, r->owner);
	bool closing = is_closing(r);
	struct thing *t = closing ? NULL : thing_find(c, r->kind, r->ns, r->name);

	if (r->kind == THING_LOCK)
		return claim_load(c, number, r, why);
	*why = "a thing of an unknown user";
	if (!owner)
		return false;
	*why = "a thing twice";
	if (t || number == 0 || map64_get_ptr(&c->shared->things, number))
		return false;
	t = closing ? thing_new(r->kind, r->ns, r->name) : thing_get(c, r->kind, r->ns, r->name);
	t->nameless = closing;
	if (!load_body(c, t, r, why)) {
		thing_free(c, t);
		return false;
	}
	t->number = number;
	t->owner = owner;
	t->created_us = r->created_us;
	ensure(map64_put_ptr(&c->shared->things, number, t));
	list_push_back(&c->shared->in_order, &t->in_order);
	c->shared->n[t->kind] += !closing;
	if (c->counters.next_thing <= number)
		c->counters.next_thing = number + 1;
	return true;
}

/* ---- looking ---- */

static void view(const struct thing *t, struct core_thing_view *out)
{
	*out = (struct core_thing_view){.number = t->number,
		.kind = t->kind,
		.ns = slice_str(t->ns),
		.name = slice_str(t->name),
		.owner = t->owner->number,
		.created_us = t->created_us};
	out->variable.version = t->variable.version;
	out->variable.task = t->variable.task;
	out->variable.bytes = t->variable.bytes;
	if (t->dataset)
		dataset_view(t, out);
	if (t->topic)
		topic_view(t, out);
	if (!t->queue)
		return;
	out->queue.len = queue_len(t->queue);
	out->queue.waiting = t->queue->waiting;
	out->queue.delayed = t->queue->delayed;
	out->queue.maxsize = t->queue->maxsize;
	out->queue.max_deliveries = t->queue->max_deliveries;
	out->queue.dead = slice_str(t->queue->dead);
}

bool core_view_thing(const struct core *c, uint64_t number, struct core_thing_view *out)
{
	const struct thing *t = map64_get_ptr(&c->shared->things, number);

	if (t)
		view(t, out);
	return t != NULL;
}

bool core_find_thing(const struct core *c, uint32_t user, enum thing_kind kind, struct slice name,
	struct core_thing_view *out, uint32_t *code, const char **why)
{
	const struct thing *t;
	struct slice ns, bare;

	if (!name_split(c, map64_get_ptr(&c->users, user), name, &ns, &bare, code, why))
		return false;
	t = thing_find(c, kind, ns, bare);
	*code = DQ_E_NOT_FOUND;
	*why = kind == THING_TOPIC   ? "there is no such topic"
	       : kind == THING_QUEUE ? "no such queue"
				     : "there is no such dataset";
	if (!t || !t->number)
		return false;
	view(t, out);
	return true;
}

void core_each_thing(const struct core *c, enum thing_kind kind, uint64_t above,
	bool (*fn)(const struct core_thing_view *v, void *arg), void *arg)
{
	const struct thing *from = map64_get_ptr(&c->shared->things, above);

	for (struct list *l = from ? from->in_order.next : c->shared->in_order.next;
		l != &c->shared->in_order; l = l->next) {
		const struct thing *t = container_of(l, struct thing, in_order);
		struct core_thing_view v;

		if (t->kind != kind || t->number <= above || t->nameless)
			continue;
		view(t, &v);
		if (!fn(&v, arg))
			return;
	}
}

/* ---- waiters ---- */

bool waiter_allowed(struct core *c, struct conn *conn, uint64_t request)
{
	if (map64_get_ptr(&conn->waiters, request))
		conn_refuse(c, conn->number, DQ_E_PROTOCOL, "a wait under a number that waits");
	else if (map64_count(&conn->waiters) >= LIMIT_AWAITS)
		conn_refuse(c, conn->number, DQ_E_LIMIT, limit_text(LIMIT_INDEX_AWAITS));
	else
		return true;
	return false;
}

static struct waiter *waiter_in(struct conn *conn, uint64_t request, struct list *waiters)
{
	struct waiter *w = xcalloc(1, sizeof(*w));

	w->conn = conn;
	w->request = request;
	list_push_back(waiters, &w->in_thing);
	ensure(map64_put_ptr(&conn->waiters, request, w));
	return w;
}

struct waiter *waiter_new(struct conn *conn, uint64_t request, struct thing *t)
{
	struct waiter *w = waiter_in(conn, request, &t->waiters);

	w->thing = t;
	return w;
}

void waiter_join(struct conn *conn, uint64_t request, struct list *waiters)
{
	waiter_in(conn, request, waiters);
}

void thing_tell(struct core *c, uint64_t conn, uint64_t request, uint64_t version, const char *why)
{
	struct send *s = update_send(c->u, SEND_THING, conn);

	s->seq = request;
	s->count = version;
	s->code = why ? DQ_E_CONFLICT : DQ_E_OK;
	s->text = why;
	c->u->seal = true;
}

/* Its thing may be forgotten with it. */
void waiter_free(struct core *c, struct waiter *w)
{
	struct thing *t = w->thing;

	map64_remove_ptr(&w->conn->waiters, w->request);
	list_remove(&w->in_thing);
	free(w);
	if (t)
		thing_drop_if_dull(c, t);
}

void waiters_drop_conn(struct core *c, struct conn *conn)
{
	size_t n = map64_count(&conn->waiters), i = 0;
	struct waiter **all = xcalloc(n + 1, sizeof(struct waiter *));
	struct map64_iter it = {0};
	uint64_t request;
	void *p;

	while (map64_next_ptr(&conn->waiters, &it, &request, &p))
		all[i++] = p;
	while (i)
		waiter_free(c, all[--i]);
	free(all);
	map64_release(&conn->waiters);
}

void drop_wait(struct core *c, const struct event *e)
{
	struct conn *conn = conn_get(c, e->conn);
	struct waiter *w = conn ? map64_get_ptr(&conn->waiters, e->seq) : NULL;

	if (w)
		waiter_free(c, w);
}
