/*
 * Sessions: opening and resuming, the numbering of requests and their stored replies (D3), expiry,
 * and the end, which drops the holds in steps (D9). A session lives on its connection; without one,
 * for its TTL of listening time.
 */
#include "core/queue.h"

/* A full store takes new sessions up to so many, since who wants to free space needs one: their
 * records are small and fit below the low water. */
#define FULL_SESSIONS 1000
#define TTL_MAX_MS (100ull * 365 * 86400 * 1000)

static bool sooner_session(const struct heap_node *a, const struct heap_node *b)
{
	return container_of(a, struct session, deadline)->expires_us <
	       container_of(b, struct session, deadline)->expires_us;
}

static bool sooner_worker(const struct heap_node *a, const struct heap_node *b)
{
	return container_of(a, struct worker, deadline)->expires_us <
	       container_of(b, struct worker, deadline)->expires_us;
}

void deadlines_init(struct core *c)
{
	heap_init(&c->deadlines_s, sooner_session);
	heap_init(&c->deadlines_w, sooner_worker);
}

void session_dirty(struct core *c, struct session *s)
{
	c->u->seal = true;
	if (s->dirty)
		return;
	s->dirty = true;
	list_push_back(&c->dirty_sessions, &s->in_dirty);
}

void sessions_write(struct core *c)
{
	while (!list_is_empty(&c->dirty_sessions)) {
		struct session *s = container_of(c->dirty_sessions.next, struct session, in_dirty);
		struct session_record r = {.incarnation = s->incarnation,
			.user = s->user->number,
			.name = slice_str(s->name),
			.ttl_ms = s->ttl_us / 1000,
			.last_seq = s->last_seq,
			.closing = s->closing,
			.created_us = s->created_us,
			.next_n = s->next_n,
			.parent = s->parent,
			.parent_fence = s->parent_fence};
		struct record *rec = update_record(c->u, RECORD_SESSION, s->number, 0);

		memcpy(r.token, s->token, TOKEN_BYTES);
		session_record_encode(&c->u->bytes, &r);
		update_record_end(c->u, rec);
		s->dirty = false;
		list_remove(&s->in_dirty);
	}
}

struct user *user_of(struct core *c, struct slice name, uint32_t uid)
{
	struct map64_iter it = {0};
	struct record *rec;
	uint64_t number;
	struct user *u;
	void *p;

	while (map64_next_ptr(&c->users, &it, &number, &p))
		if (slice_eq_str(name, ((struct user *)p)->name))
			return p;
	u = user_new(c, c->counters.next_user++, uid, name);
	c->counters_dirty = true;
	rec = update_record(c->u, RECORD_USER, u->number, 0);
	user_record_encode(
		&c->u->bytes, &(struct user_record){.name = slice_str(u->name), .uid = uid});
	update_record_end(c->u, rec);
	return u;
}

static struct session *session_new(
	struct core *c, uint32_t number, struct slice name, struct user *user)
{
	struct session *s = xcalloc(1, sizeof(*s));

	s->number = number;
	s->user = user;
	s->name = xcalloc(1, name.n + 1);
	if (name.n)
		memcpy(s->name, name.p, name.n);
	list_init(&s->in_dirty);
	list_init(&s->in_closing);
	list_init(&s->in_attempt);
	list_init(&s->claims);
	list_init(&s->in_ending);
	heap_node_init(&s->deadline);
	map64_init(&s->holds);
	replies_init(&s->replies);
	map64_init(&s->grants);
	list_init(&s->takes);
	ensure(map64_put_ptr(&c->sessions, number, s));
	return s;
}

static struct fp128 name_fingerprint(const struct user *user, struct slice name)
{
	struct hasher h;

	hasher_init(&h);
	hasher_update(&h, &user->number, sizeof(user->number));
	hasher_update(&h, name.p, name.n);
	return hasher_fp128(&h);
}

/* From now on its name leads to it. */
static void name_put(struct core *c, struct session *s)
{
	struct fp128 fp = name_fingerprint(s->user, slice_str(s->name));

	if (s->name[0] && !s->parent && !s->closing && !fpmap_get(&c->named, fp, NULL))
		ensure(fpmap_put(&c->named, fp, s->number));
}

static void name_remove(struct core *c, struct session *s)
{
	struct fp128 fp = name_fingerprint(s->user, slice_str(s->name));
	uint64_t number;

	if (s->name[0] && fpmap_get(&c->named, fp, &number) && number == s->number)
		fpmap_remove(&c->named, fp, NULL);
}

void session_free(struct core *c, struct session *s)
{
	struct conn *conn = s->conn ? conn_get(c, s->conn) : NULL;

	if (conn) {
		/* what is waited for is its */
		waiters_drop_conn(c, conn);
		conn->session = NULL;
	}
	if (heap_contains(&s->deadline))
		heap_remove(&c->deadlines_s, &s->deadline);
	list_remove(&s->in_dirty);
	list_remove(&s->in_closing);
	list_remove(&s->in_attempt);
	list_remove(&s->in_ending);
	name_remove(c, s);
	map64_remove_ptr(&c->sessions, s->number);
	if (s->stage)
		stage_free(s->stage);
	map64_release(&s->holds);
	replies_release(&s->replies);
	grants_free(s);
	free(s->name);
	free(s);
}

struct session *session_load(struct core *c, uint32_t number, const struct session_record *r)
{
	struct user *user = map64_get_ptr(&c->users, r->user);
	struct session *s;

	if (!user || map64_get_ptr(&c->sessions, number))
		return NULL;
	s = session_new(c, number, r->name, user);
	memcpy(s->token, r->token, TOKEN_BYTES);
	s->incarnation = r->incarnation;
	s->ttl_us = r->ttl_ms * 1000;
	s->last_seq = r->last_seq;
	s->created_us = r->created_us;
	s->next_n = r->next_n;
	s->parent = r->parent;
	s->parent_fence = r->parent_fence;
	s->closing = s->end_stored = r->closing;
	if (s->closing)
		list_push_back(&c->closing, &s->in_closing);
	name_put(c, s);
	return s;
}

void session_disconnect(struct core *c, struct session *s)
{
	s->conn = 0;
	if (s->closing)
		return;
	s->expires_us = c->now_us + s->ttl_us;
	ensure(heap_push(&c->deadlines_s, &s->deadline));
	session_claims_disconnected(c, s);
}

static void opened(struct core *c, struct session *s, uint64_t conn_number)
{
	struct conn *conn = conn_new(c, conn_number, CONN_CLIENT);
	struct send *send = update_send(c->u, SEND_OPENED, conn_number);

	conn->session = s;
	s->conn = conn_number;
	if (heap_contains(&s->deadline))
		heap_remove(&c->deadlines_s, &s->deadline);
	session_claims_connected(c, s);
	session_dirty(c, s);
	send->session = s->number;
	send->incarnation = s->incarnation;
	send->seq = s->last_seq;
	send->next_n = s->next_n;
	send->at = (uint32_t)c->u->bytes.n;
	buf_append(&c->u->bytes, s->token, TOKEN_BYTES);
	send->n = TOKEN_BYTES;
}

/* A name is of the user, or of the attempt alone. */
static struct session *named_session(
	struct core *c, struct user *user, const struct attempt *attempt, struct slice name)
{
	struct map64_iter it = {0};
	uint64_t number;
	void *p;

	if (!name.n)
		return NULL;
	if (!attempt)
		return fpmap_get(&c->named, name_fingerprint(user, name), &number)
			       ? map64_get_ptr(&c->sessions, number)
			       : NULL;
	while (map64_next_ptr(&c->sessions, &it, &number, &p)) {
		struct session *s = p;

		if (s->user == user && s->attempt == attempt && !s->closing &&
			slice_eq_str(name, s->name))
			return s;
	}
	return NULL;
}

static void session_resume(struct core *c, struct session *s, const struct event *e)
{
	if (s->conn) {
		uint64_t old = s->conn;

		conn_refuse(c, old, DQ_E_CONFLICT, "the session was resumed by another connection");
	}
	s->incarnation++;
	opened(c, s, e->conn);
}

static void join_attempt(struct session *s, struct attempt *a)
{
	s->attempt = a;
	s->parent = a->id;
	s->parent_fence = a->fence;
	list_push_back(&a->sessions, &s->in_attempt);
}

void session_open(struct core *c, const struct event *e)
{
	const struct conn *conn = conn_get(c, e->conn);
	struct attempt *attempt = conn ? conn->attempt : NULL;
	struct user *user =
		attempt ? attempt_user(c, attempt) : user_of(c, e->open.user, e->open.uid);
	struct session *s;

	if (e->open.session) {
		s = map64_get_ptr(&c->sessions, e->open.session);
		if (!s || s->closing || s->user != user || s->attempt != attempt ||
			!slice_eq(e->open.token, slice_of(s->token, TOKEN_BYTES))) {
			conn_refuse(c, e->conn, DQ_E_GONE, "there is no such session any more");
			return;
		}
		session_resume(c, s, e);
		return;
	}
	s = named_session(c, user, attempt, e->open.name);
	if (s) {
		/* another process: it knows nothing of a graph that the one before it began, nor of
		 * locks that it held */
		if (s->stage)
			stage_kill(c, s->stage);
		session_drops_claims(c, s);
		grants_give_back(c, s);
		session_resume(c, s, e);
		return;
	}
	if (e->no_room && map64_count(&c->sessions) >= FULL_SESSIONS) {
		conn_refuse(c, e->conn, DQ_E_STORE, "the store is full");
		return;
	}
	if (map64_count(&c->sessions) >= c->config.max_sessions) {
		conn_refuse(c, e->conn, DQ_E_LIMIT, limit_text(LIMIT_INDEX_SESSIONS));
		return;
	}
	s = session_new(c, c->counters.next_session++, e->open.name, user);
	c->counters_dirty = true;
	memcpy(s->token, e->open.new_token, TOKEN_BYTES);
	s->incarnation = 1;
	s->ttl_us = e->open.ttl_ms ? e->open.ttl_ms : c->config.session_ttl_ms;
	s->ttl_us = (s->ttl_us < TTL_MAX_MS ? s->ttl_us : TTL_MAX_MS) * 1000;
	s->created_us = c->wall_us;
	s->next_n = 1;
	if (attempt)
		join_attempt(s, attempt);
	name_put(c, s);
	opened(c, s, e->conn);
}

bool request_begin(struct core *c, const struct event *e, struct session **out)
{
	struct conn *conn = conn_get(c, e->conn);
	struct session *s = conn ? conn->session : NULL;
	struct send *send;

	if (!s) {
		conn_refuse(c, e->conn, DQ_E_PROTOCOL, "a request without a session");
		return false;
	}
	if (e->seq == s->last_seq + 1 && !s->closing) {
		s->last_seq++;
		session_dirty(c, s);
		*out = s;
		return true;
	}
	if (e->seq == 0 || e->seq > s->last_seq) {
		conn_refuse(c, e->conn, DQ_E_PROTOCOL, "a request out of order");
		return false;
	}
	send = update_send(c->u, SEND_STORED_REPLY, e->conn);
	send->session = s->number;
	send->seq = e->seq;
	send->n = reply_is_stored(s, e->seq);
	c->u->seal = true;
	return false;
}

void session_end(struct core *c, struct session *s)
{
	if (s->closing)
		return;
	s->closing = true;
	name_remove(c, s);
	if (heap_contains(&s->deadline))
		heap_remove(&c->deadlines_s, &s->deadline);
	list_push_back(&c->closing, &s->in_closing);
	session_dirty(c, s);
	if (s->stage)
		stage_kill(c, s->stage);
	session_ends_claims(c, s);
	c->u->more = true;
}

/* The session has no holds and no replies left. */
static void session_gone(struct core *c, struct session *s)
{
	update_delete(c->u, RECORD_SESSION, s->number, 0);
	c->u->seal = true;
	session_free(c, s);
}

/* Some keys of the map, as many as the budget allows, in one pass: the map may be large. */
static uint32_t some_of(const struct map64 *m, uint64_t keys[STEP_BUDGET], uint32_t *budget)
{
	struct map64_iter it = {0};
	uint32_t n = 0;
	uint64_t one;

	while (n < STEP_BUDGET && *budget && map64_next(m, &it, &keys[n], &one)) {
		(*budget)--;
		n++;
	}
	return n;
}

/* Holds on other sessions' tasks; false when none are left. */
static bool drop_other_holds(struct core *c, struct session *s, uint32_t *budget)
{
	uint64_t ids[STEP_BUDGET];
	uint32_t n = some_of(&s->holds, ids, budget);

	for (uint32_t i = 0; i < n; i++) {
		struct place p;

		if (place_of(c, ids[i], &p)) {
			hold_release(c, s, p.block, p.idx);
		} else {
			map64_remove(&s->holds, ids[i], NULL);
			update_delete(c->u, RECORD_HOLD, s->number, ids[i]);
		}
	}
	return map64_count(&s->holds) > 0;
}

/* Its own tasks, by number; the blocks may vanish on the way. */
static bool drop_own_holds(struct core *c, struct session *s, uint32_t *budget)
{
	while (*budget) {
		struct session_blocks *h = blocks_of_session(c, s->number);
		uint64_t at = task_id(s->number, s->close_at);
		struct block *b;
		uint32_t i = 0;

		if (!h)
			return false;
		for (uint32_t hi = h->n; i < hi;) {
			uint32_t mid = i + (hi - i) / 2;

			if (h->v[mid]->first + h->v[mid]->count <= at)
				i = mid + 1;
			else
				hi = mid;
		}
		if (i == h->n)
			return false;
		b = h->v[i];
		if (at < b->first)
			at = b->first;
		(*budget)--;
		if (block_is_hidden(b)) {
			/* it goes with its stage */
			s->close_at = (uint32_t)(task_id_n(b->first) + b->count);
			continue;
		}
		s->close_at = task_id_n(at) + 1;
		hold_release(c, s, b, (uint32_t)(at - b->first));
		if (task_id_n(at) == UINT32_MAX)
			return false;
	}
	return true;
}

/* Replies that were asked for again are read after the commit: so they are deleted with a later
 * one. */
void sessions_sealed(struct core *c)
{
	for (struct list *l = c->closing.next; l != &c->closing; l = l->next)
		container_of(l, struct session, in_closing)->end_stored = true;
}

bool sessions_work(struct core *c, uint32_t *budget)
{
	while (!list_is_empty(&c->closing) && *budget) {
		struct session *s = container_of(c->closing.next, struct session, in_closing);

		/* at once, so that what nobody wants any more is not leased first */
		if (session_gives_back(c, s, budget) || s->ndying || s->nclaims ||
			drop_other_holds(c, s, budget) || drop_own_holds(c, s, budget))
			break;
		if (!s->end_stored)
			return false;
		if (replies_drop(c, s, budget))
			break;
		session_gone(c, s);
	}
	return !list_is_empty(&c->closing);
}
