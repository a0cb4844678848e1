/*
 * The invariants, recounted from scratch. Slow: for the simulator and tests.
 */
#include "core/check.h"
#include "core/timer.h"

#include <stdio.h>

bool wrong(struct tally *t, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(t->why, t->why_bytes, format, ap);
	va_end(ap);
	return false;
}

void bump(struct map64 *m, uint64_t id)
{
	uint64_t n = 0;

	map64_get(m, id, &n);
	ensure(map64_put(m, id, n + 1));
}

static void tally_deps(struct tally *y, const struct block *b, uint32_t i, const struct task *t)
{
	uint32_t n;
	const uint64_t *deps = block_deps(b, i, &n);
	enum task_state s = block_state(b, i);
	bool ended = task_state_is_final(s);

	for (uint32_t k = 0; t && k < n; k++) {
		if ((!ended && !t->remake && t->keeps_deps) || t->remake)
			bump(&y->users, deps[k]);
		if (t->keeps_deps && (ended || t->remake))
			bump(&y->lineage, deps[k]);
	}
}

static bool check_lease(struct tally *y, const struct task *t, enum task_state s, uint64_t id)
{
	bool leased = s == TASK_LEASED || s == TASK_CANCELLING;

	if (leased != (t && t->worker))
		return wrong(y, "task %llx: state %s but %s lease", (unsigned long long)id,
			task_state_word(s), leased ? "no" : "a");
	if (t && t->worker && t->bundle->entries[t->bundle_idx].id != id)
		return wrong(y, "task %llx: its bundle has another task in its place",
			(unsigned long long)id);
	if (t && t->worker && t->fence.seq != t->bundle->first.seq + t->bundle_idx)
		return wrong(
			y, "task %llx: a fence that is not its bundle's", (unsigned long long)id);
	return true;
}

/* A task of a graph that is not there yet, or whose tasks have not all been looked at. */
static bool check_staged(
	struct tally *y, const struct block *b, uint32_t i, const struct task *t, uint32_t ndeps)
{
	enum task_state s = block_state(b, i);
	uint64_t id = block_id(b, i);

	if (b->stage->state == STAGE_LIVE)
		return check_lease(y, t, s, id);
	if (s != TASK_WAITING && s != TASK_GONE)
		return wrong(y, "task %llx: %s, and its graph is not there", (unsigned long long)id,
			task_state_word(s));
	if (b->state[i] & (TASK_ROW | TASK_WATCHED) || (t && (t->worker || t->getters)))
		return wrong(y, "task %llx: something goes on with it, and its graph is not there",
			(unsigned long long)id);
	if (b->stage->state == STAGE_OPEN && s == TASK_WAITING && ndeps && !(t && t->keeps_deps))
		return wrong(y, "task %llx: of a graph, and does not hold its dependencies",
			(unsigned long long)id);
	return true;
}

/* A stored value is the only copy, of a task that is done and has nothing under way. */
static bool check_value(struct tally *y, const struct task *t, enum task_state s, uint64_t id)
{
	if (t->stored && (s != TASK_DONE || t->held_value || t->ncopies || t->remake || t->getters))
		return wrong(y, "task %llx: %s, its value stored, and not that alone",
			(unsigned long long)id, task_state_word(s));
	return true;
}

static bool check_task(const struct core *c, struct tally *y, const struct block *b, uint32_t i)
{
	struct task *t = task_peek((struct block *)b, i);
	enum task_state s = block_state(b, i);
	uint64_t id = block_id(b, i);
	const char *why;
	uint32_t n;

	if (s == 0)
		return wrong(y, "task %llx: no state", (unsigned long long)id);
	y->counts[s] += s == TASK_GONE || !block_is_hidden(b);
	tally_deps(y, b, i, t);
	block_deps(b, i, &n);
	if (b->stage)
		return check_staged(y, b, i, t, n);
	if (s == TASK_WAITING && (!t || t->waiting_on == 0) && c->doom_at == c->ndoomed)
		return wrong(y, "task %llx: waits for nothing", (unsigned long long)id);
	if (task_state_is_final(s) && !(b->state[i] & TASK_ROW))
		return wrong(y, "task %llx: ended without a row", (unsigned long long)id);
	if (task_state_is_final(s) && !task_is_held(b, i) && !(t && (t->users || t->lineage)) &&
		c->doom_at == c->ndoomed)
		return wrong(
			y, "task %llx: ended, unheld, and not forgotten", (unsigned long long)id);
	if (!task_state_is_final(s) && s != TASK_GONE && n && !(t && (t->keeps_deps || t->remake)))
		return wrong(y, "task %llx: unfinished, and does not hold its dependencies",
			(unsigned long long)id);
	if (!timer_check(c, (struct block *)b, i))
		return wrong(y, "task %llx: %s, and its timer is not what it needs",
			(unsigned long long)id, task_state_word(s));
	if (t && !check_value(y, t, s, id))
		return false;
	why = keep_check(b, i);
	if (why)
		return wrong(y, "task %llx: %s", (unsigned long long)id, why);
	return check_lease(y, t, s, id);
}

static bool check_block(const struct core *c, struct tally *y, const struct block *b)
{
	uint64_t live = 0, ended = 0;
	const char *why;

	for (uint32_t i = 0; i < b->count; i++) {
		enum task_state s = block_state(b, i);

		if (!check_task(c, y, b, i))
			return false;
		live += s != TASK_GONE;
		ended += task_state_is_final(s);
	}
	if (live != b->live || ended != b->ended || live == 0)
		return wrong(y, "block %llx: %llu live and %llu ended, counted %llu and %llu",
			(unsigned long long)b->first, (unsigned long long)b->live,
			(unsigned long long)b->ended, (unsigned long long)live,
			(unsigned long long)ended);
	why = keep_check_block(b);
	if (why)
		return wrong(y, "block %llx: %s", (unsigned long long)b->first, why);
	y->arrays_with_timer += b->timer != NULL;
	return true;
}

/* Who is counted as a user is one, and the other way. */
static bool check_users(struct tally *y, const struct block *b)
{
	for (uint32_t i = 0; i < b->count; i++) {
		const struct task *t = task_peek((struct block *)b, i);
		uint64_t users = 0, lineage = 0, holds = 0, id = block_id(b, i);

		map64_get(&y->holds, id, &holds);
		if ((t ? t->holds : 0) != holds)
			return wrong(y, "task %llx: %u holds, counted %llu", (unsigned long long)id,
				t ? t->holds : 0, (unsigned long long)holds);
		map64_get(&y->users, id, &users);
		map64_get(&y->lineage, id, &lineage);
		if ((t ? t->users : 0) != users || (t ? t->lineage : 0) != lineage)
			return wrong(y,
				"task %llx: %u users and %u in lineage, counted %llu and %llu",
				(unsigned long long)id, t ? t->users : 0, t ? t->lineage : 0,
				(unsigned long long)users, (unsigned long long)lineage);
		if ((users || lineage) && block_state(b, i) == TASK_GONE)
			return wrong(y, "task %llx: forgotten though it is needed",
				(unsigned long long)id);
	}
	return true;
}

/* Not known to have begun. */
static bool may_be_revoked(const struct task *t)
{
	return task_state(t) == TASK_LEASED && !t->started && !t->attended && !t->remake;
}

static bool check_worker(const struct core *c, struct tally *y, const struct worker *w)
{
	uint32_t n = 0, running = 0, seceded = 0;
	uint64_t revoking = 0;

	for (struct list *l = w->leases.next; l != &w->leases; l = l->next) {
		const struct task *t = container_of(l, struct task, in_worker);

		if (t->worker != w)
			return wrong(y, "worker %u: a lease of another in its list", w->number);
		n++;
		running += t->started;
		y->nrevoking += t->revoking;
		revoking += t->revoking ? demand_peek(c, t->block, t->idx)->weight : 0;
		if (list_is_linked(&t->in_level) != (may_be_revoked(t) && !t->revoking))
			return wrong(y, "task %llx: in the backlog, or not, and should not be",
				(unsigned long long)task_own_id(t));
		seceded += attempt_has_seceded(c, t);
	}
	if (revoking != w->revoking)
		return wrong(y, "worker %u: what is asked back is counted wrongly", w->number);
	if (n != w->nleases || running != w->nrunning || seceded != w->nseceded)
		return wrong(y,
			"worker %u: %u leases, %u running, %u seceded, counted %u, %u and %u",
			w->number, w->nleases, w->nrunning, w->nseceded, n, running, seceded);
	return true;
}

static bool check_revokes(const struct core *c, struct tally *y)
{
	struct map64_iter it = {0};
	uint64_t number, n = 0;
	void *p;

	while (map64_next_ptr(&c->users, &it, &number, &p))
		n += ((const struct user *)p)->backlog.nrevoking;
	return n == y->nrevoking || wrong(y, "what users are asked back is counted wrongly");
}

/* Replies that were not acknowledged are in order, and what conflicts they name is what the session
 * knows. */
static bool check_replies(struct tally *y, const struct session *s)
{
	const struct replies *q = &s->replies;
	size_t n = 0;

	for (uint32_t i = q->at; i < q->n; i++) {
		const struct stored_reply *r = &q->v[i];
		uint64_t newest;

		if (i > q->at && r[-1].seq >= r->seq)
			return wrong(y, "session %u: replies out of order", s->number);
		if (r->live && !map64_get(&q->conflicts, r->live, &newest))
			return wrong(y, "session %u: a conflict is not known", s->number);
		n += r->live && newest == r->seq;
	}
	return n == map64_count(&q->conflicts) ||
	       wrong(y, "session %u: conflicts that no reply names", s->number);
}

/* Attempts belong to live leases, and sessions of tasks to attempts. */
static bool check_attempts(const struct core *c, struct tally *y)
{
	struct map64_iter it = {0};
	const char *why = NULL;
	uint64_t id;
	size_t named = 0;
	void *p;

	while (map64_next_ptr(&c->attempts, &it, &id, &p))
		if (!attempt_check(c, p, &why))
			return wrong(y, "task %llx: %s", (unsigned long long)id, why);
	it = (struct map64_iter){0};
	while (map64_next_ptr(&c->sessions, &it, &id, &p)) {
		const struct session *s = p;

		if (s->parent && !s->attempt && !s->closing)
			return wrong(y, "session %llu: its task's lease is over, and it is not",
				(unsigned long long)id);
		if (!check_replies(y, s))
			return false;
		named += s->name[0] && !s->parent && !s->closing;
	}
	return named == fpmap_count(&c->named) ||
	       wrong(y, "sessions by name are others than those that are open");
}

/* What a watch has told of are those of its tasks that have ended, as far as it has looked. */
static bool check_watch(struct tally *y, const struct conn *conn, const struct block_watch *w)
{
	uint32_t n = 0, count = w->in_block.hi - w->in_block.lo;

	for (uint32_t i = w->in_block.lo; i < w->in_block.lo + w->scan; i++) {
		const struct task *t = task_peek(w->block, i);
		enum task_state s = block_state(w->block, i);
		bool ended = s == TASK_GONE || task_state_is_final(s) || (t && t->remake);

		n += ended;
		if (!ended && !(w->block->state[i] & TASK_WATCHED))
			return wrong(y, "task %llx: watched, and does not know",
				(unsigned long long)block_id(w->block, i));
	}
	if (w->conn != conn || n != w->told || list_is_linked(&w->in_scan) != (w->scan < count) ||
		(w->scan == count && n == count))
		return wrong(y, "a watch of %u tasks from %llx: %u of %u told, counted %u", count,
			(unsigned long long)block_id(w->block, w->in_block.lo), w->told, w->scan,
			n);
	return true;
}

static bool check_conn(struct tally *y, const struct conn *conn)
{
	uint32_t n = 0;

	for (struct list *l = conn->watches.next; l != &conn->watches; l = l->next, n++)
		if (!check_watch(y, conn, container_of(l, struct block_watch, in_conn)))
			return false;
	if (n != conn->nwatches ||
		list_is_linked(&conn->in_scans) != (!conn->slow && !list_is_empty(&conn->scans)))
		return wrong(y, "connection %llu: %u watches, counted %u, or scans that rest",
			(unsigned long long)conn->number, conn->nwatches, n);
	return true;
}

static bool check_conns(const struct core *c, struct tally *y)
{
	struct map64_iter it = {0};
	uint64_t number;
	void *p;

	while (map64_next_ptr(&c->conns, &it, &number, &p))
		if (!check_conn(y, p))
			return false;
	return true;
}

/* The parts of the stage are those blocks that say so; *n: how many blocks. */
static bool check_stage(struct tally *y, const struct stage *st, uint64_t *n)
{
	for (struct list *l = st->parts.next; l != &st->parts; l = l->next, ++*n) {
		const struct block *b = container_of(l, struct block, in_stage);

		if (b->stage != st || b->session != st->session)
			return wrong(
				y, "block %llx: in another's stage", (unsigned long long)b->first);
		if (block_is_hidden(b) &&
			!(list_is_empty(&b->ready) && itree_is_empty(&b->watches)))
			return wrong(y, "block %llx: ready or watched, and its graph is not there",
				(unsigned long long)b->first);
	}
	return true;
}

static bool check_stages(const struct core *c, struct tally *y)
{
	struct map64_iter it = {0};
	uint64_t number, n = 0, staged = 0, dying = 0, said = 0;
	void *p;

	for (struct list *l = c->stages.next; l != &c->stages; l = l->next) {
		const struct stage *st = container_of(l, struct stage, in_stages);

		if (st->state == STAGE_OPEN || !check_stage(y, st, &n))
			return wrong(y, "session %u: a stage out of place", st->session);
		dying += st->state == STAGE_DEAD && st->of;
	}
	while (map64_next_ptr(&c->sessions, &it, &number, &p)) {
		const struct session *s = p;

		said += s->ndying;
		if (s->stage && (s->stage->state != STAGE_OPEN || s->stage->of != s || s->closing))
			return wrong(y, "session %u: a stage that is not its own", s->number);
		if (s->stage && !check_stage(y, s->stage, &n))
			return false;
	}
	for (struct list *l = c->blocks.next; l != &c->blocks; l = l->next)
		staged += container_of(l, struct block, in_order)->stage != NULL;
	if (staged != n || dying != said)
		return wrong(y, "%llu blocks of stages and %llu that die, counted %llu and %llu",
			(unsigned long long)n, (unsigned long long)said, (unsigned long long)staged,
			(unsigned long long)dying);
	return true;
}

static bool check_all(const struct core *c, struct tally *y)
{
	if (!check_stages(c, y) || !check_things(c, y))
		return false;
	for (struct list *l = c->blocks.next; l != &c->blocks; l = l->next)
		if (!check_block(c, y, container_of(l, struct block, in_order)))
			return false;
	for (struct list *l = c->blocks.next; l != &c->blocks; l = l->next)
		if (!check_users(y, container_of(l, struct block, in_order)))
			return false;
	for (struct list *l = c->worker_list.next; l != &c->worker_list; l = l->next)
		if (!check_worker(c, y, container_of(l, struct worker, in_workers)))
			return false;
	if (!check_revokes(c, y) || !check_conns(c, y) || !check_attempts(c, y))
		return false;
	if (!timers_check(c, y->arrays_with_timer))
		return wrong(y, "timers without a task");
	for (int s = TASK_WAITING; s < TASK_STATE_END; s++)
		if (s != TASK_GONE && y->counts[s] != c->counts[s])
			return wrong(y, "%llu tasks are %s, counted %llu",
				(unsigned long long)c->counts[s],
				task_state_word((enum task_state)s),
				(unsigned long long)y->counts[s]);
	return true;
}

bool core_check(const struct core *c, const char **why)
{
	static _Thread_local char text[256];
	struct tally y = {.why = text, .why_bytes = sizeof(text)};
	bool ok;

	map64_init(&y.users);
	map64_init(&y.lineage);
	map64_init(&y.holds);
	ok = check_all(c, &y) && demands_check(c, text, sizeof(text)) &&
	     (labels_check(c) || wrong(&y, "labels are counted wrongly"));
	map64_release(&y.users);
	map64_release(&y.lineage);
	map64_release(&y.holds);
	*why = ok ? NULL : text;
	return ok;
}
