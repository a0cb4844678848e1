/*
 * Watching: a connection registers runs of ids and is told of each end, at once of those that had
 * ended. Registrations live with the connection; a client makes them again after a reconnect.
 *
 * The watches of a block are a tree of intervals, so that an end costs what it tells, however many
 * others watch other tasks of the block. What had ended already is told in steps, connection by
 * connection in turn, and not to one that does not read what it was sent: its scans rest until it
 * does.
 */
#include "core/impl.h"
#include "core/past.h"
#include "core/work.h"

#define SCAN_QUANTUM 1024 /* tasks looked at before it is another connection's turn */

static struct block_watch *watch_at(struct itree_node *n)
{
	return container_of(n, struct block_watch, in_block);
}

static uint32_t watch_count(const struct block_watch *w)
{
	return w->in_block.hi - w->in_block.lo;
}

static bool is_scanning(const struct block_watch *w)
{
	return list_is_linked(&w->in_scan);
}

static void tell_gone(struct core *c, uint64_t conn, uint64_t id, uint64_t count)
{
	struct send *s = update_send(c->u, SEND_OUTCOME, conn);

	s->id = id;
	s->count = count;
	s->state = TASK_GONE;
}

static void watch_free(struct block_watch *w)
{
	itree_remove(&w->block->watches, &w->in_block);
	list_remove(&w->in_conn);
	list_remove(&w->in_scan);
	w->conn->nwatches--;
	free(w);
}

/* One more of its tasks was told of; it is over with the last. */
static void told(struct block_watch *w)
{
	w->told++;
	if (!is_scanning(w) && w->told == watch_count(w))
		watch_free(w);
}

static void hit(struct itree_node *n, void *arg)
{
	struct core *c = arg;

	if (c->nhits == c->hits_cap) {
		c->hits_cap = c->hits_cap ? c->hits_cap * 2 : 16;
		c->hits = xreallocarray(c->hits, c->hits_cap, sizeof(struct block_watch *));
	}
	c->hits[c->nhits++] = watch_at(n);
}

/* The watches that touch these indexes, into c->hits: they may be freed then. */
static void find(struct core *c, struct block *b, uint32_t lo, uint32_t hi)
{
	c->nhits = 0;
	itree_each(&b->watches, lo, hi, hit, c);
}

void watch_tell(struct core *c, struct task *t, uint64_t id, enum task_state state,
	struct slice outcome, bool made)
{
	uint32_t to = c->u->nto;
	struct send *s;

	find(c, t->block, t->idx, t->idx + 1);
	for (uint32_t i = 0; i < c->nhits; i++) {
		struct block_watch *w = c->hits[i];

		/* one that has not come to it yet is told by its scan */
		if (w->conn->leaving || (is_scanning(w) && t->idx - w->in_block.lo >= w->scan))
			continue;
		update_to(c->u, w->conn->number);
		told(w);
	}
	if (c->u->nto == to)
		return;
	s = update_send(c->u, SEND_OUTCOME, c->u->to[to]);
	s->to_at = to;
	s->to_n = c->u->nto - to;
	s->id = id;
	s->count = 1;
	s->state = state;
	s->generation = t->generation;
	s->attempts = t->attempts;
	s->outcome = outcome;
	if (made) {
		s->at = (uint32_t)c->u->bytes.n;
		s->n = (uint32_t)outcome.n;
		buf_append_slice(&c->u->bytes, outcome);
	}
}

void watch_again(struct core *c, struct block *b, uint32_t idx)
{
	find(c, b, idx, idx + 1);
	for (uint32_t i = 0; i < c->nhits; i++) {
		struct block_watch *w = c->hits[i];

		if (is_scanning(w) && idx - w->in_block.lo >= w->scan)
			continue;
		w->told--;
		b->state[idx] |= TASK_WATCHED;
	}
}

void watches_drop_conn(struct core *c, struct conn *conn)
{
	list_remove(&conn->in_scans);
	conn->leaving = true;
	list_push_back(&c->leaving, &conn->in_scans);
}

void watches_drop_block(struct block *b)
{
	while (!itree_is_empty(&b->watches))
		watch_free(watch_at(itree_any(&b->watches)));
}

void watches_end_block(struct core *c, struct block *b)
{
	find(c, b, 0, (uint32_t)b->count);
	for (uint32_t i = 0; i < c->nhits; i++) {
		const struct block_watch *w = c->hits[i];

		if (is_scanning(w) && !w->conn->leaving)
			tell_gone(c, w->conn->number, block_id(b, w->in_block.lo + w->scan),
				watch_count(w) - w->scan);
	}
	watches_drop_block(b);
}

/* ---- telling of what had ended ---- */

static void scan_one(struct core *c, struct block_watch *w)
{
	uint32_t idx = w->in_block.lo + w->scan++;
	enum task_state s = block_state(w->block, idx);
	struct task *t = task_peek(w->block, idx);

	if (s == TASK_GONE) {
		tell_gone(c, w->conn->number, block_id(w->block, idx), 1);
		w->told++;
	} else if (task_state_is_final(s) || (t && t->remake)) {
		struct send *send = update_send(c->u, SEND_STORED_OUTCOME, w->conn->number);

		send->id = block_id(w->block, idx);
		send->generation = block_generation(w->block, idx);
		w->told++;
		c->u->seal = true;
	} else {
		w->block->state[idx] |= TASK_WATCHED;
	}
}

/* What the connection may have of the budget. */
static void scan_conn(struct core *c, struct conn *conn, uint32_t *budget)
{
	uint32_t quantum = *budget < SCAN_QUANTUM ? *budget : SCAN_QUANTUM;

	*budget -= quantum;
	while (quantum && !list_is_empty(&conn->scans)) {
		struct block_watch *w = container_of(conn->scans.next, struct block_watch, in_scan);

		for (; quantum && w->scan < watch_count(w); quantum--) {
			/* its end is about to be another one */
			if (retry_is_due(c, w->block, w->in_block.lo + w->scan))
				break;
			scan_one(c, w);
		}
		if (w->scan < watch_count(w))
			break;
		list_remove(&w->in_scan);
		if (w->told == watch_count(w))
			watch_free(w);
	}
	*budget += quantum;
}

static void leave_one(struct conn *conn, uint32_t *budget)
{
	for (; *budget && !list_is_empty(&conn->watches); (*budget)--)
		watch_free(container_of(conn->watches.next, struct block_watch, in_conn));
	if (!list_is_empty(&conn->watches))
		return;
	list_remove(&conn->in_scans);
	free(conn);
}

bool watch_work(struct core *c, bool no_scan, uint32_t *budget)
{
	while (!list_is_empty(&c->leaving) && *budget)
		leave_one(container_of(c->leaving.next, struct conn, in_scans), budget);
	while (!no_scan && !list_is_empty(&c->scans) && *budget) {
		struct conn *conn = container_of(c->scans.next, struct conn, in_scans);

		scan_conn(c, conn, budget);
		list_remove(&conn->in_scans);
		if (!list_is_empty(&conn->scans))
			list_push_back(&c->scans, &conn->in_scans);
	}
	return !list_is_empty(&c->leaving);
}

/* Its scans run if it has any and reads. */
static void scans_go(struct core *c, struct conn *conn)
{
	if (!conn->slow && !list_is_empty(&conn->scans) && !list_is_linked(&conn->in_scans))
		list_push_back(&c->scans, &conn->in_scans);
}

void flow(struct core *c, const struct event *e)
{
	struct conn *conn = conn_get(c, e->conn);

	if (!conn)
		return;
	conn->slow = e->slow;
	if (conn->slow)
		list_remove(&conn->in_scans);
	else
		scans_go(c, conn);
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
	n = n < left ? n : left;
	itree_add(&p.block->watches, &w->in_block, p.idx, p.idx + (uint32_t)n);
	list_push_back(&conn->watches, &w->in_conn);
	list_push_back(&conn->scans, &w->in_scan);
	scans_go(c, conn);
	return n;
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

			if (place_shown(c, r.first + i, &p) && conn_may_see(c, conn, p.block)) {
				n = watch_part(c, conn, p, r.count - i);
				if (n == 0)
					return;
			} else {
				n = place_of(c, r.first + i, &p) ? p.block->count - p.idx
								 : place_gap(c, r.first + i);
				n = n < r.count - i ? n : r.count - i;
				tell_gone(c, e->conn, r.first + i, n);
			}
			i += n;
		}
	}
	c->u->more = true;
}

/* The connection's watches that lie in the run, from this place on. */
static void unwatch_block(struct core *c, const struct conn *conn, struct place p, struct run r)
{
	uint64_t first = p.block->first, end = r.first + r.count - first;

	find(c, p.block, p.idx, end < p.block->count ? (uint32_t)end : (uint32_t)p.block->count);
	for (uint32_t i = 0; i < c->nhits; i++) {
		struct block_watch *w = c->hits[i];

		if (w->conn == conn && first + w->in_block.lo >= r.first && w->in_block.hi <= end)
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
				unwatch_block(c, conn, p, r);
				n = p.block->count - p.idx;
			} else {
				n = place_gap(c, r.first + i);
			}
			n = n < r.count - i ? n : r.count - i;
		}
	}
}
