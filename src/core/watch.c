/*
 * Watching: a connection registers runs of ids and is told of each end, at once of those that had
 * ended. Registrations live with the connection; a client makes them again after a reconnect. What
 * had ended already is told in steps.
 */
#include "core/impl.h"

static void tell_gone(struct core *c, uint64_t conn, uint64_t id, uint64_t count)
{
	struct send *s = update_send(c->u, SEND_OUTCOME, conn);

	s->id = id;
	s->count = count;
	s->state = TASK_GONE;
}

static void watch_free(struct block_watch *w)
{
	list_remove(&w->in_block);
	list_remove(&w->in_conn);
	list_remove(&w->in_scan);
	w->conn->nwatches--;
	free(w);
}

/* One more of its tasks was told of; it is over with the last. */
static void told(struct block_watch *w)
{
	w->told++;
	if (!w->scanning && w->told == w->count)
		watch_free(w);
}

void watch_tell(struct core *c, struct task *t, uint64_t id, enum task_state state,
	struct slice outcome, bool made)
{
	struct block *b = t->block;
	struct list *l, *next;

	for (l = b->watches.next; l != &b->watches; l = next) {
		struct block_watch *w = container_of(l, struct block_watch, in_block);
		struct send *s;

		next = l->next;
		/* one that has not been scanned yet is told by the scan */
		if (t->idx < w->at || t->idx - w->at >= w->count ||
			(w->scanning && t->idx - w->at >= w->scan))
			continue;
		s = update_send(c->u, SEND_OUTCOME, w->conn->number);
		s->id = id;
		s->state = state;
		s->generation = t->generation;
		s->attempts = t->attempts;
		if (made) {
			s->at = (uint32_t)c->u->bytes.n;
			s->n = (uint32_t)outcome.n;
			buf_append_slice(&c->u->bytes, outcome);
		} else {
			s->outcome = outcome;
		}
		s->count = 1;
		told(w);
	}
}

void watches_drop_conn(struct core *c, struct conn *conn)
{
	(void)c;
	while (!list_is_empty(&conn->watches))
		watch_free(container_of(conn->watches.next, struct block_watch, in_conn));
}

void watches_drop_block(struct core *c, struct block *b)
{
	(void)c;
	while (!list_is_empty(&b->watches))
		watch_free(container_of(b->watches.next, struct block_watch, in_block));
}

void watches_end_block(struct core *c, struct block *b)
{
	for (struct list *l = b->watches.next; l != &b->watches; l = l->next) {
		struct block_watch *w = container_of(l, struct block_watch, in_block);

		if (w->scanning && w->scan < w->count)
			tell_gone(c, w->conn->number, block_id(b, w->at + w->scan),
				w->count - w->scan);
	}
	watches_drop_block(c, b);
}

static void scan_one(struct core *c, struct block_watch *w)
{
	uint32_t idx = w->at + w->scan++;
	enum task_state s = block_state(w->block, idx);
	struct task *t = task_peek(w->block, idx);

	if (s == TASK_GONE) {
		tell_gone(c, w->conn->number, block_id(w->block, idx), 1);
		w->told++;
	} else if (task_state_is_final(s) || (t && t->remake)) {
		struct send *send = update_send(c->u, SEND_STORED_OUTCOME, w->conn->number);

		send->id = block_id(w->block, idx);
		w->told++;
		c->u->seal = true;
	} else {
		w->block->state[idx] |= TASK_WATCHED;
	}
}

bool watch_work(struct core *c, uint32_t *budget)
{
	while (!list_is_empty(&c->scans) && *budget) {
		struct block_watch *w = container_of(c->scans.next, struct block_watch, in_scan);

		for (; *budget && w->scan < w->count; (*budget)--)
			scan_one(c, w);
		if (w->scan < w->count)
			break;
		w->scanning = false;
		list_remove(&w->in_scan);
		if (w->told == w->count)
			watch_free(w);
	}
	return !list_is_empty(&c->scans);
}

/* The part of a run that lies in the block; returns how far it got, 0: there are too many. */
static uint64_t watch_part(struct core *c, struct conn *conn, struct place p, uint64_t left)
{
	uint64_t n = p.block->count - p.idx;
	struct block_watch *w;

	if (conn->nwatches >= LIMIT_WATCHES) {
		conn_refuse(c, conn->number, DQ_E_LIMIT, limit_text(LIMIT_INDEX_WATCHES));
		return 0;
	}
	conn->nwatches++;
	w = xcalloc(1, sizeof(*w));
	w->block = p.block;
	w->conn = conn;
	w->at = p.idx;
	w->count = (uint32_t)(n < left ? n : left);
	w->scanning = true;
	list_push_back(&p.block->watches, &w->in_block);
	list_push_back(&conn->watches, &w->in_conn);
	list_push_back(&c->scans, &w->in_scan);
	return w->count;
}

void watch(struct core *c, const struct event *e)
{
	struct conn *conn = conn_get(c, e->conn);
	struct runs_reader rr;
	struct run r;
	const char *why = NULL;

	if (!conn)
		conn = conn_new(c, e->conn, CONN_LOOK);
	if (!runs_reader_init(&rr, e->runs, &why)) {
		conn_refuse(c, e->conn, DQ_E_USAGE, why);
		return;
	}
	while (runs_reader_next(&rr, &r)) {
		for (uint64_t i = 0; i < r.count;) {
			struct place p;

			uint64_t n;

			if (place_of(c, r.first + i, &p)) {
				n = watch_part(c, conn, p, r.count - i);
				if (n == 0)
					return;
			} else {
				n = place_gap(c, r.first + i);
				n = n < r.count - i ? n : r.count - i;
				tell_gone(c, e->conn, r.first + i, n);
			}
			i += n;
		}
	}
	c->u->more = true;
}

static void unwatch_block(const struct conn *conn, struct block *b, struct run r)
{
	struct list *l, *next;

	for (l = b->watches.next; l != &b->watches; l = next) {
		struct block_watch *w = container_of(l, struct block_watch, in_block);
		uint64_t first = block_id(b, w->at);

		next = l->next;
		if (w->conn == conn && first >= r.first && first + w->count <= r.first + r.count)
			watch_free(w);
	}
}

void unwatch(struct core *c, const struct event *e)
{
	struct conn *conn = conn_get(c, e->conn);
	struct runs_reader rr;
	struct run r;
	const char *why = NULL;

	if (!conn || !runs_reader_init(&rr, e->runs, &why))
		return;
	while (conn->nwatches && runs_reader_next(&rr, &r)) {
		for (uint64_t i = 0, n; i < r.count; i += n) {
			struct place p;

			if (place_of(c, r.first + i, &p)) {
				unwatch_block(conn, p.block, r);
				n = p.block->count - p.idx;
			} else {
				n = place_gap(c, r.first + i);
			}
			n = n < r.count - i ? n : r.count - i;
		}
	}
}
