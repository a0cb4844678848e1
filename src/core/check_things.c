/*
 * The recount of what is shared by name: the registry, waiters, and the holds of records.
 */
#include "core/check.h"
#include "core/guard.h"
#include "core/topic.h"

static bool is_reached(const struct thing *t, uint64_t after)
{
	switch (t->kind) {
	case THING_EVENT:
		return true;
	case THING_QUEUE:
		return false;
	case THING_TOPIC:
		return t->topic->next - 1 > after && t->topic->first < t->topic->next;
	default:
		return t->variable.version > after;
	}
}
#include "core/queue.h"

static bool check_waiters(struct tally *y, const struct thing *t)
{
	for (struct list *l = t->waiters.next; l != &t->waiters; l = l->next) {
		const struct waiter *w = container_of(l, struct waiter, in_thing);

		if (w->thing != t || map64_get_ptr(&w->conn->waiters, w->request) != w)
			return wrong(y, "%s %s: a waiter that is another's",
				thing_kind_word(t->kind), t->name);
		if (t->number && is_reached(t, w->after))
			return wrong(y, "%s %s: who waits for a version that is there",
				thing_kind_word(t->kind), t->name);
	}
	return true;
}

static bool has_body(const struct thing *t)
{
	switch (t->kind) {
	case THING_VARIABLE:
		return t->variable.version != 0;
	case THING_QUEUE:
		return t->queue != NULL;
	case THING_TOPIC:
		return t->topic != NULL;
	case THING_DATASET:
		return t->dataset != NULL;
	default:
		return true;
	}
}

static void tally_dataset(struct tally *y, const struct dataset *s)
{
	for (uint32_t i = 0; i < s->nruns; i++)
		for (uint64_t k = 0; k < s->runs[i].count; k++)
			bump(&y->holds, s->runs[i].first + k);
}

static bool check_special(struct tally *y, const struct qspecial *sp, uint64_t n[Q_BACK + 1])
{
	bool timed = sp->state == Q_OUT ? sp->lease_us != 0 : heap_contains(&sp->node);

	if (heap_contains(&sp->node) != timed ||
		(sp->state == Q_OUT && (sp->owner != NULL) == (sp->lease_us != 0)) ||
		(sp->state == Q_DELAYED) != (sp->deliveries == 0))
		return wrong(y, "queue %s: an item that is neither out nor back", sp->t->name);
	/* what was purged is not due any more, and goes in steps */
	if (sp->state != Q_OUT && timed && item_is_purged(sp->t, sp->handle))
		return list_is_linked(&sp->t->queue->in_purging) ||
		       wrong(y, "queue %s: what was purged stays", sp->t->name);
	n[sp->state == Q_OUT ? Q_OUT : timed ? Q_DELAYED : Q_BACK]++;
	return true;
}

static bool check_queue(struct tally *y, const struct thing *t)
{
	const struct queue *q = t->queue;
	uint64_t n[Q_BACK + 1] = {0}, waiting = 0, handle, task;
	struct map64_iter it = {0};
	void *p;

	for (uint32_t i = 0; i < q->nranks; i++) {
		if (!rank_check(q->ranks[i]))
			return wrong(y, "queue %s: what waits is not counted", t->name);
		waiting += q->ranks[i]->waiting;
	}
	while (map64_next_ptr(&q->specials, &it, &handle, &p))
		if (!check_special(y, p, n))
			return false;
	if (waiting != q->waiting || n[Q_OUT] != q->out || n[Q_DELAYED] != q->delayed)
		return wrong(y, "queue %s: its items are not counted", t->name);
	if (q->ndoomed > q->doomed_at && !list_is_linked(&q->in_purging))
		return wrong(y, "queue %s: what was purged stays", t->name);
	it = (struct map64_iter){0};
	while (map64_next(&q->tasks, &it, &handle, &task))
		bump(&y->holds, task);
	for (struct list *l = t->waiters.next; l != &t->waiters; l = l->next)
		if (container_of(l, struct waiter, in_thing)->want.mode && q->waiting &&
			!container_of(l, struct waiter, in_thing)->conn->session->closing)
			return wrong(y, "queue %s: who waits for an item that is there", t->name);
	return true;
}

static bool check_thing(const struct core *c, struct tally *y, const struct thing *t)
{
	if (t->guard && (t->kind != THING_LOCK || t->number || guard_check_one(t->guard)))
		return wrong(y, "lock %s: %s", t->name, guard_check_one(t->guard));
	if (!t->number && !t->guard && list_is_empty(&t->waiters))
		return wrong(y, "%s %s: known for nothing", thing_kind_word(t->kind), t->name);
	if (t->number && (map64_get_ptr(&c->shared->things, t->number) != t ||
				 !list_is_linked(&t->in_order) || !has_body(t)))
		return wrong(y, "%s %s: not where it should be", thing_kind_word(t->kind), t->name);
	if (t->number && t->queue && !check_queue(y, t))
		return false;
	if (t->number && t->variable.task)
		bump(&y->holds, t->variable.task);
	if (t->dataset)
		tally_dataset(y, t->dataset);
	return check_waiters(y, t);
}

/* In the order of their numbers, and as many as are said. */
static bool check_order(const struct core *c, struct tally *y)
{
	uint64_t n[THING_KINDS] = {0}, last = 0;

	for (struct list *l = c->shared->in_order.next; l != &c->shared->in_order; l = l->next) {
		const struct thing *t = container_of(l, struct thing, in_order);

		if (t->number <= last || t->number >= c->counters.next_thing)
			return wrong(y, "%s %s: out of order", thing_kind_word(t->kind), t->name);
		last = t->number;
		n[t->kind] += !t->nameless;
		if (t->queue && t->nameless && !check_queue(y, t))
			return false;
		if (t->topic && topic_wrong(t))
			return wrong(y, "topic %s: %s", t->name, topic_wrong(t));
	}
	if (memcmp(n, c->shared->n, sizeof(n)) != 0 || c->shared->nunpinned)
		return wrong(y, "things that are not counted, or tasks not let go of");
	return true;
}

static void tally_sessions(const struct core *c, struct tally *y)
{
	struct map64_iter it = {0};
	uint64_t number, id, one;
	void *p;

	while (map64_next_ptr(&c->sessions, &it, &number, &p)) {
		struct map64_iter at = {0};

		while (map64_next(&((struct session *)p)->holds, &at, &id, &one))
			bump(&y->holds, id);
	}
}

bool check_things(const struct core *c, struct tally *y)
{
	struct fpmap_iter it = {0};
	struct fp128 fp;
	uint64_t p;
	const char *why = guards_check(c);

	if (why)
		return wrong(y, "%s", why);
	tally_sessions(c, y);
	while (fpmap_next(&c->shared->names, &it, &fp, &p))
		if (!check_thing(c, y, (const struct thing *)(uintptr_t)p))
			return false;
	return check_order(c, y);
}
