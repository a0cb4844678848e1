/*
 * Deals: the operations of a DO. All are checked, each against what those before it in the list
 * will have done, which the things note beside what they are (thing.then_...); then all are done,
 * or none. What they let go of is let go at the end, since a later operation may take hold of it.
 */
#include "core/guard.h"
#include "core/topic.h"
#include "core/queue.h"

#include "codec/pack.h"

bool deal_refuse(struct dealing *d, uint32_t code, const char *text, struct slice more)
{
	d->code = code;
	d->text = text;
	d->more = more;
	return false;
}

bool deal_refuse_name(struct dealing *d, uint32_t code, struct slice name)
{
	return deal_refuse(d, code,
		code == DQ_E_USAGE ? "not a name: " : "the namespace is another user's: ", name);
}

void deal_unpin(struct core *c, uint64_t task)
{
	if (c->shared->nunpinned == c->shared->unpinned_cap) {
		c->shared->unpinned_cap =
			c->shared->unpinned_cap ? c->shared->unpinned_cap * 2 : 16;
		c->shared->unpinned = xreallocarray(
			c->shared->unpinned, c->shared->unpinned_cap, sizeof(uint64_t));
	}
	c->shared->unpinned[c->shared->nunpinned++] = task;
}

uint64_t deal_task(const struct core *c, const struct user *u, const struct deal_value *v)
{
	struct run r = {v->task, 1};
	struct place p;

	if (v->content.n || (!v->task && !core_resolve(c, u->number, v->key, &r)) || r.count != 1)
		return 0;
	if (!place_shown(c, r.first, &p) || block_state(p.block, p.idx) == TASK_GONE ||
		p.block->user != u->number)
		return 0;
	return r.first;
}

bool deal_has_task(const struct dealing *d, const struct deal_value *v)
{
	return deal_task(d->c, d->user, v) || (!v->task && deal_submits_key(d, v->key));
}

void deal_let_go(struct core *c)
{
	while (c->shared->nunpinned)
		hold_unpin(c, c->shared->unpinned[--c->shared->nunpinned]);
}

static enum thing_kind kind_of(const struct deal_op *op)
{
	if (op->kind == DEAL_EVENT_SET || op->kind == DEAL_EVENT_CLEAR)
		return THING_EVENT;
	if (deal_is_guard(op->kind))
		return THING_LOCK;
	switch (op->kind) {
	case DEAL_DELETE:
		return op->thing;
	case DEAL_PUBLISH:
		return THING_DATASET;
	case DEAL_APPEND:
	case DEAL_BOUND:
		return THING_TOPIC;
	default:
		return op->kind >= DEAL_SET ? THING_VARIABLE : THING_QUEUE;
	}
}

/* Is it there, as far as the deal has been checked? */
static void look_at(struct dealing *d, struct thing *t)
{
	if (t->deal == d->c->shared->deal)
		return;
	t->deal = d->c->shared->deal;
	t->then_there = t->number != 0;
	t->then_version = t->topic ? t->topic->next - 1 : t->variable.version;
}

/* Some are there by other operations alone. */
static bool can_be_deleted(enum thing_kind kind)
{
	return kind == THING_VARIABLE || kind == THING_TOPIC || kind == THING_DATASET ||
	       kind == THING_QUEUE;
}

/* What belongs to the session that asks for it. */
static bool is_of_session(const struct deal_op *op)
{
	return op->kind == DEAL_CLAIM || op->kind == DEAL_GRANTED || op->kind == DEAL_WITHDRAW;
}

/* About a grant, and no thing by its name. */
static bool is_of_grant(const struct deal_op *op)
{
	return op->kind == DEAL_GRANTED || op->kind == DEAL_WITHDRAW;
}

static bool check_one(struct dealing *d, const struct deal_op *op)
{
	enum thing_kind kind = kind_of(op);
	struct slice ns, name;
	struct thing *t;
	const char *why;
	uint32_t code;

	if (!d->s && is_of_session(op))
		return deal_refuse(
			d, DQ_E_USAGE, "a task's transaction has no session for it", slice_empty());
	if (op->kind == DEAL_SUBMIT)
		return deal_submit_check(d, op);
	if (is_of_grant(op))
		return grant_check(d, op);
	if (kind == THING_LOCK && op->kind != DEAL_DELETE)
		return guard_check(d, op);
	if (op->kind == DEAL_DELETE && !can_be_deleted(kind))
		return deal_refuse(d, DQ_E_USAGE, "there is no such kind of thing", slice_empty());
	if (!name_split(d->c, d->user, op->name, &ns, &name, &code, &why))
		return deal_refuse_name(d, code, op->name);
	t = thing_get(d->c, kind, ns, name);
	if (t->kind == THING_EVENT)
		return flag_check(d, t, op);
	if (t->kind == THING_QUEUE)
		return queue_check(d, t, op);
	look_at(d, t);
	if (t->kind == THING_DATASET)
		return dataset_check(d, t, op);
	if (t->kind == THING_TOPIC)
		return topic_check(d, t, op);
	return variable_check(d, t, op);
}

/* How many of the operations can be done, one after the other: all of them, if true. */
static bool check_all(struct dealing *d, struct slice ops, uint32_t *n)
{
	struct core *c = d->c;
	struct deal_reader r;
	struct deal_op op;
	const char *why = NULL;

	c->shared->deal++;
	c->shared->then_versions = c->counters.versions;
	c->shared->then_things = map64_count(&c->shared->things);
	guards_deal_begin(c);
	*n = 0;
	if (!deal_reader_init(&r, ops, &why))
		return deal_refuse(d, DQ_E_USAGE, why, slice_empty());
	for (; deal_reader_next(&r, &op, &why); ++*n)
		if (!check_one(d, &op))
			return false;
	return !why || deal_refuse(d, DQ_E_USAGE, why, slice_empty());
}

/* The thing of an operation that was checked; NULL: it has none, or acts on claims. known: made
 * known where one before it deleted it. */
static struct thing *thing_of(const struct dealing *d, const struct deal_op *op, bool known)
{
	struct slice ns, name;
	const char *why;
	uint32_t code;

	if (op->kind == DEAL_SUBMIT || is_of_grant(op) ||
		(kind_of(op) != THING_EVENT && !can_be_deleted(kind_of(op))) ||
		!name_split(d->c, d->user, op->name, &ns, &name, &code, &why))
		return NULL;
	return known ? thing_get(d->c, kind_of(op), ns, name)
		     : thing_find(d->c, kind_of(op), ns, name);
}

/* Things that were only made known to be checked. */
static void forget_dull(struct dealing *d, struct slice ops)
{
	struct deal_reader r;
	struct deal_op op;
	const char *why;

	guards_deal_end(d->c);
	if (!deal_reader_init(&r, ops, &why))
		return;
	while (deal_reader_next(&r, &op, &why)) {
		struct thing *t = thing_of(d, &op, false);

		if (t)
			thing_drop_if_dull(d->c, t);
	}
}

static bool do_one(struct dealing *d, const struct deal_op *op, struct buf *results)
{
	struct thing *t = thing_of(d, op, true);
	bool any = false;

	if (t && t->kind == THING_TOPIC)
		return topic_do(d, t, op, results);
	if (t && t->kind == THING_QUEUE) {
		queue_do(d, t, op, results, &any);
		return any;
	}
	switch (op->kind) {
	case DEAL_SET:
	case DEAL_SET_IF:
		pack_u64(results, variable_set(d, t, &op->value));
		return true;
	case DEAL_DELETE:
		if (t->kind == THING_DATASET)
			dataset_remove(d->c, t);
		else
			variable_delete(d->c, t);
		break;
	case DEAL_SUBMIT:
		pack_u64(results, deal_submit_do(d));
		return true;
	case DEAL_PUBLISH:
		dataset_publish(d, t, op);
		break;
	case DEAL_GRANTED:
		grant_done(d, op->request);
		break;
	case DEAL_WITHDRAW:
		grant_withdraw(d, op->request);
		break;
	case DEAL_EXPECT:
		break;
	case DEAL_EVENT_SET:
	case DEAL_EVENT_CLEAR:
		flag_do(d, t, op);
		break;
	default:
		return guard_do(d, op, results);
	}
	pack_nil(results);
	return false;
}

/* True: there is a result that is not nil. */
static bool do_all(struct dealing *d, struct slice ops, uint32_t n, struct buf *results)
{
	struct core *c = d->c;
	struct deal_reader r;
	struct deal_op op;
	const char *why;
	bool any = false;

	pack_array(results, n);
	ensure(deal_reader_init(&r, ops, &why));
	while (deal_reader_next(&r, &op, &why))
		any = do_one(d, &op, results) || any;
	deal_let_go(c);
	return any;
}

static void answer_refusal(struct dealing *d, uint64_t conn, uint32_t index)
{
	struct buf data;

	buf_init(&data, LIMIT_HELLO_BYTES);
	pack_array(&data, d->version == UINT64_MAX ? 1 : 2);
	pack_u64(&data, index);
	if (d->version != UINT64_MAX)
		pack_u64(&data, d->version);
	reply_stored(d->c, d->s, conn, d->code, d->text, d->more, buf_slice(&data));
	buf_release(&data);
}

bool deal_effects(struct dealing *d, struct slice ops, uint32_t *index)
{
	struct buf results;
	bool ok;

	buf_init(&results, LIMIT_FRAME_BYTES);
	ok = check_all(d, ops, index);
	if (ok)
		do_all(d, ops, *index, &results);
	deal_submit_end(d, ok);
	forget_dull(d, ops);
	buf_release(&results);
	return ok;
}

void deal(struct core *c, const struct event *e)
{
	struct dealing d = {.c = c, .no_room = e->no_room, .version = UINT64_MAX};
	struct buf results;
	uint32_t n;
	bool ok;

	if (!request_begin(c, e, &d.s))
		return;
	d.user = d.s->user;
	buf_init(&results, LIMIT_FRAME_BYTES);
	ok = check_all(&d, e->ops, &n);
	if (!ok)
		answer_refusal(&d, e->conn, n);
	else if (do_all(&d, e->ops, n, &results))
		reply_stored(c, d.s, e->conn, DQ_E_OK, "", slice_empty(), buf_slice(&results));
	else
		reply_plain(c, d.s, e->conn);
	deal_submit_end(&d, ok);
	forget_dull(&d, e->ops);
	buf_release(&results);
}
