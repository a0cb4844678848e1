/*
 * Taking from queues: TAKE registers, a grant answers, a numbered request acknowledges it. See
 * queue.h.
 *
 * Until then the grant stands in a record under the session and the number of the TAKE, so that a
 * client that comes back asks again under that number and is told the same; when the session ends
 * its items go back. Who waits for items, or for room, waits in one line.
 */
#include "core/queue.h"

#define GRANT_BYTES ((uint64_t)4 << 20)

static void tell_grant(struct core *c, uint64_t conn, const struct session *s, uint64_t request)
{
	struct send *send = update_send(c->u, SEND_GRANT, conn);

	send->session = s->number;
	send->seq = request;
	c->u->seal = true;
}

static void tell_refusal(struct core *c, const struct event *e, uint32_t code, const char *text)
{
	struct send *send = update_send(c->u, SEND_GRANT, e->conn);

	send->seq = e->seq;
	send->code = code;
	send->text = text;
}

/* ---- grants ---- */

static void grant_record(struct core *c, const struct session *s, const struct qgrant *g)
{
	struct record *rec = update_record(c->u, RECORD_GRANT, s->number, g->request);
	struct grant_record r = {.thing = g->t->number,
		.mode = g->mode,
		.lease_us = g->lease_us,
		.first = g->first,
		.count = g->n};
	struct queue *q = g->t->queue;
	struct buf entries;

	buf_init(&entries, LIMIT_GRANT_ITEMS * GRANT_ENTRY_BYTES);
	for (uint32_t i = 0; i < g->n; i++) {
		struct grant_entry e = {.rank = q->ranks[handle_slot(g->handles[i])]->rank,
			.deliveries = 1,
			.seq = handle_seq(g->handles[i])};
		const struct qspecial *sp = map64_get_ptr(&q->specials, g->handles[i]);

		if (sp)
			e.deliveries = sp->deliveries + 1;
		map64_get(&q->tasks, g->handles[i], &e.task);
		grant_entry_pack(&entries, &e);
	}
	r.entries = buf_slice(&entries);
	grant_record_encode(&c->u->bytes, &r);
	update_record_end(c->u, rec);
	buf_release(&entries);
}

static struct qgrant *grant_new(struct session *s, struct thing *t, uint64_t request, uint32_t n)
{
	struct qgrant *g = xcalloc(1, sizeof(*g) + n * sizeof(*g->handles));

	g->t = t;
	g->request = request;
	g->n = n;
	ensure(map64_put_ptr(&s->grants, request, g));
	return g;
}

/* Something waits. */
static void grant_some(struct core *c, struct thing *t, struct session *s, uint64_t request,
	const struct take_want *want)
{
	struct queue *q = t->queue;
	uint64_t n = want->count < LIMIT_GRANT_ITEMS ? want->count : LIMIT_GRANT_ITEMS;
	struct qgrant *g;

	n = n < q->waiting ? n : q->waiting;
	if (q->biggest && n > GRANT_BYTES / q->biggest)
		n = GRANT_BYTES / q->biggest;
	g = grant_new(s, t, request, (uint32_t)n);
	g->mode = want->mode;
	g->lease_us = want->lease_us;
	g->first = (struct fence){c->config.epoch, c->shared->fence_seq + 1};
	c->shared->fence_seq += n;
	for (uint32_t i = 0; i < n; i++)
		g->handles[i] = queue_pop(q);
	q->granted += n;
	grant_record(c, s, g);
}

static void grant_free(struct core *c, struct session *s, struct qgrant *g)
{
	update_delete(c->u, RECORD_GRANT, s->number, g->request);
	c->u->seal = true;
	map64_remove_ptr(&s->grants, g->request);
	free(g);
}

static void take_out(struct core *c, struct session *s, struct qgrant *g, uint32_t i)
{
	struct qspecial *sp = map64_get_ptr(&g->t->queue->specials, g->handles[i]);

	if (!sp)
		sp = special_new(g->t, g->handles[i], Q_BACK);
	sp->deliveries++;
	sp->fence = (struct fence){g->first.epoch, g->first.seq + i};
	special_out(c, sp, s, g->lease_us);
	special_record(c, sp);
	g->t->queue->out++;
}

static void queue_is_over(struct core *c, struct thing *t)
{
	if (t->queue->closing && !list_is_linked(&t->queue->in_purging))
		list_push_back(&c->shared->purging, &t->queue->in_purging);
	c->u->more = c->u->more || t->queue->closing;
}

void grant_done(struct dealing *d, uint64_t request)
{
	struct qgrant *g = map64_get_ptr(&d->s->grants, request);
	struct thing *t = g->t;

	t->queue->granted -= g->n;
	for (uint32_t i = 0; i < g->n; i++) {
		if (g->mode == TAKE_LEASE)
			take_out(d->c, d->s, g, i);
		else
			item_delete(d->c, t, g->handles[i]);
	}
	grant_free(d->c, d->s, g);
	queue_serve(d->c, t);
	queue_is_over(d->c, t);
}

static void give_back(struct core *c, struct session *s, struct qgrant *g)
{
	struct thing *t = g->t;

	t->queue->granted -= g->n;
	for (uint32_t i = 0; i < g->n; i++)
		item_back(c, t, g->handles[i], 0);
	grant_free(c, s, g);
	queue_serve(c, t);
	queue_is_over(c, t);
}

void grant_withdraw(struct dealing *d, uint64_t request)
{
	struct qgrant *g = map64_get_ptr(&d->s->grants, request);
	struct conn *conn = d->s->conn ? conn_get(d->c, d->s->conn) : NULL;
	struct waiter *w = conn ? map64_get_ptr(&conn->waiters, request) : NULL;

	if (w && w->want.mode)
		waiter_free(d->c, w);
	if (g)
		give_back(d->c, d->s, g);
}

bool grant_check(struct dealing *d, const struct deal_op *op)
{
	struct qgrant *g = map64_get_ptr(&d->s->grants, op->request);

	if (op->kind == DEAL_GRANTED && (!g || g->deal == d->c->shared->deal))
		return deal_refuse(d, DQ_E_GONE, "there is no such grant", slice_empty());
	if (g)
		g->deal = d->c->shared->deal;
	return true;
}

void grants_give_back(struct core *c, struct session *s)
{
	struct map64_iter it;
	uint64_t request;
	void *p;

	while (it = (struct map64_iter){0}, map64_next_ptr(&s->grants, &it, &request, &p))
		give_back(c, s, p);
}

void grants_free(struct session *s)
{
	struct map64_iter it = {0};
	uint64_t request;
	void *p;

	while (map64_next_ptr(&s->grants, &it, &request, &p))
		free(p);
	map64_release(&s->grants);
	while (!list_is_empty(&s->takes))
		list_remove(s->takes.next);
}

bool session_gives_back(struct core *c, struct session *s, uint32_t *budget)
{
	while (*budget && !list_is_empty(&s->takes)) {
		(*budget)--;
		item_failed(c, container_of(s->takes.next, struct qspecial, in_owner), 0);
	}
	while (*budget && map64_count(&s->grants)) {
		struct map64_iter it = {0};
		uint64_t request;
		void *p;

		map64_next_ptr(&s->grants, &it, &request, &p);
		*budget -= *budget < LIMIT_GRANT_ITEMS ? *budget : LIMIT_GRANT_ITEMS;
		give_back(c, s, p);
	}
	deal_let_go(c);
	return !list_is_empty(&s->takes) || map64_count(&s->grants);
}

/* ---- waiting ---- */

static bool has_room(const struct thing *t, uint64_t n)
{
	return !t->number || !t->queue->maxsize || queue_len(t->queue) + n <= t->queue->maxsize ||
	       queue_len(t->queue) == 0;
}

void queue_serve(struct core *c, struct thing *t)
{
	for (struct list *l = t->waiters.next, *next; l != &t->waiters; l = next) {
		struct waiter *w = container_of(l, struct waiter, in_thing);

		next = l->next;
		if (!w->want.mode) {
			if (!has_room(t, w->after))
				continue;
			thing_tell_waiter(c, w, t);
		} else {
			if (!t->number || !t->queue->waiting || w->conn->session->closing)
				continue;
			grant_some(c, t, w->conn->session, w->request, &w->want);
			tell_grant(c, w->conn->number, w->conn->session, w->request);
		}
		/* as the last one it would take the thing with it */
		if (next == &t->waiters && !t->number) {
			waiter_free(c, w);
			return;
		}
		waiter_free(c, w);
	}
}

void queue_await(struct core *c, struct waiter *w)
{
	if (!has_room(w->thing, w->after))
		return;
	thing_tell_waiter(c, w, w->thing);
	waiter_free(c, w);
}

static bool may_take(struct core *c, const struct event *e, struct session *s, struct thing **t)
{
	struct slice ns, name;
	const char *why;
	uint32_t code;

	if (!name_split(c, s->user, e->take.name, &ns, &name, &code, &why)) {
		tell_refusal(c, e, code, why);
		return false;
	}
	if (e->take.count == 0 || (e->take.mode != TAKE_GET && e->take.mode != TAKE_LEASE)) {
		tell_refusal(c, e, DQ_E_USAGE, "a take of nothing");
		return false;
	}
	if (!waiter_allowed(c, conn_get(c, e->conn), e->seq))
		return false;
	*t = thing_get(c, THING_QUEUE, ns, name);
	if (!(*t)->number && (e->no_room || map64_count(&c->shared->things) >= LIMIT_THINGS)) {
		thing_drop_if_dull(c, *t);
		tell_refusal(c, e, e->no_room ? DQ_E_STORE : DQ_E_LIMIT,
			e->no_room ? "the store is full" : limit_text(LIMIT_INDEX_THINGS));
		return false;
	}
	return true;
}

void take(struct core *c, const struct event *e)
{
	struct conn *conn = conn_get(c, e->conn);
	struct session *s = conn ? conn->session : NULL;
	struct thing *t;
	struct waiter *w;

	if (!s || s->closing) {
		conn_refuse(c, e->conn, DQ_E_PROTOCOL, "a request without a session");
		return;
	}
	if (map64_get_ptr(&s->grants, e->seq)) {
		tell_grant(c, e->conn, s, e->seq);
		return;
	}
	if (!may_take(c, e, s, &t))
		return;
	if (!t->number)
		queue_make(c, t, s->user);
	w = waiter_new(conn, e->seq, t);
	w->want = (struct take_want){.mode = (enum take_mode)e->take.mode,
		.count = e->take.count < UINT32_MAX ? (uint32_t)e->take.count : UINT32_MAX,
		.lease_us = e->take.mode == TAKE_LEASE ? e->take.lease_us : 0};
	queue_serve(c, t);
}

/* ---- loading ---- */

bool core_load_grant(struct core *c, uint32_t session, uint64_t request,
	const struct grant_record *r, const char **why)
{
	struct session *s = map64_get_ptr(&c->sessions, session);
	struct thing *t = map64_get_ptr(&c->shared->things, r->thing);
	struct qgrant *g;

	*why = "a grant of no session or queue";
	if (!s || !t || t->kind != THING_QUEUE || r->count > LIMIT_GRANT_ITEMS ||
		map64_get_ptr(&s->grants, request))
		return false;
	g = grant_new(s, t, request, r->count);
	g->n = 0;
	g->mode = r->mode;
	g->lease_us = r->lease_us;
	g->first = r->first;
	for (uint32_t i = 0; i < r->count; i++) {
		struct grant_entry e = grant_entry_at(r->entries, i);
		struct qrank *one =
			e.seq >> HANDLE_SEQ_BITS == 0 ? rank_get(t->queue, e.rank) : NULL;

		if (!one || !map64_put(t->queue->held, handle_of(one->slot, e.seq), 1))
			continue;
		g->handles[g->n++] = handle_of(one->slot, e.seq);
	}
	return true;
}
