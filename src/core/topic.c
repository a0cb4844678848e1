/*
 * Topics: entries with cursors that count up, of which the last ones are kept, as far as a bound on
 * their number or age says. The entries are in the store alone; the core knows the cursors of the
 * first and the next one. What is no longer kept is gone for readers at once; its records go with
 * the entries that come, and in steps where that is not enough. The topic's own record is written
 * once a batch. A topic that is made again under a name goes on with higher cursors.
 */
#include "core/topic.h"

#include "codec/pack.h"
#include "model/entry.h"

/* Records that go with one entry that comes. */
#define TRIM_AT_ONCE 2

static uint64_t part_us(const struct topic *p)
{
	return p->max_age_us / TOPIC_AGE_PARTS + 1;
}

/* When the entries of the first mark are all too old. */
static uint64_t due_us(const struct topic *p)
{
	return p->marks[0].us + part_us(p) + p->max_age_us;
}

static bool age_comes_first(const struct heap_node *a, const struct heap_node *b)
{
	return due_us(container_of(a, struct topic, in_aging)) <
	       due_us(container_of(b, struct topic, in_aging));
}

void topics_init(struct shared *s)
{
	heap_init(&s->aging, age_comes_first);
	list_init(&s->dirty_topics);
	list_init(&s->trimming);
}

static struct topic *topic_new(struct thing *t)
{
	struct topic *p = xcalloc(1, sizeof(*p));

	p->thing = t;
	list_init(&p->in_dirty);
	list_init(&p->in_trimming);
	t->topic = p;
	return p;
}

void topic_free(struct core *c, struct thing *t)
{
	struct topic *p = t->topic;

	if (!p)
		return;
	if (heap_contains(&p->in_aging))
		heap_remove(&c->shared->aging, &p->in_aging);
	list_remove(&p->in_dirty);
	list_remove(&p->in_trimming);
	free(p->marks);
	free(p);
	t->topic = NULL;
}

static void dirty(struct core *c, struct topic *p)
{
	if (!list_is_linked(&p->in_dirty))
		list_push_back(&c->shared->dirty_topics, &p->in_dirty);
	c->u->seal = true;
}

void topics_write(struct core *c)
{
	struct buf marks;

	buf_init(&marks, SIZE_MAX / 2);
	while (!list_is_empty(&c->shared->dirty_topics)) {
		struct topic *p =
			container_of(c->shared->dirty_topics.next, struct topic, in_dirty);
		struct record *rec = update_record(c->u, RECORD_THING, p->thing->number, 0);
		struct thing_record r;

		list_remove(&p->in_dirty);
		buf_clear(&marks);
		pack_array(&marks, 2 * p->nmarks);
		for (uint32_t i = 0; i < p->nmarks; i++) {
			pack_u64(&marks, p->marks[i].cursor);
			pack_u64(&marks, p->marks[i].us);
		}
		thing_record_of(p->thing, &r);
		r.topic.max_entries = p->max_entries;
		r.topic.max_age_us = p->max_age_us;
		r.topic.gone_to = p->gone_to;
		r.topic.first = p->first;
		r.topic.next = p->next;
		r.topic.closing = p->closing;
		r.topic.marks = buf_slice(&marks);
		thing_record_encode(&c->u->bytes, &r);
		update_record_end(c->u, rec);
	}
	buf_release(&marks);
}

/* ---- what is kept ---- */

/* The marks changed, or the age. */
static void aging_update(struct core *c, struct topic *p)
{
	bool in = heap_contains(&p->in_aging);

	if (in && p->nmarks)
		heap_update(&c->shared->aging, &p->in_aging);
	else if (in)
		heap_remove(&c->shared->aging, &p->in_aging);
	else if (p->nmarks)
		ensure(heap_push(&c->shared->aging, &p->in_aging));
}

/* Those below `first` are not kept any more: nor are marks of nothing else. */
static void keep_from(struct core *c, struct topic *p, uint64_t first)
{
	uint32_t over = 0;

	if (p->first < first)
		p->first = first;
	while (over < p->nmarks &&
		(over + 1 < p->nmarks ? p->marks[over + 1].cursor : p->next) <= p->first)
		over++;
	if (over) {
		p->nmarks -= over;
		memmove(p->marks, p->marks + over, p->nmarks * sizeof(*p->marks));
	}
	aging_update(c, p);
	dirty(c, p);
}

/* Records of what is not kept go: at most so many. */
static void trim(struct core *c, struct topic *p, uint32_t *budget)
{
	for (; p->gone_to < p->first && *budget; p->gone_to++, (*budget)--)
		update_delete(c->u, RECORD_ENTRY, p->thing->number, p->gone_to);
	dirty(c, p);
}

static void trim_later(struct core *c, struct topic *p)
{
	if ((p->gone_to == p->first && !p->closing) || list_is_linked(&p->in_trimming))
		return;
	list_push_back(&c->shared->trimming, &p->in_trimming);
	c->u->more = true;
}

static void bound_number(struct core *c, struct topic *p)
{
	if (p->max_entries && p->next - p->first > p->max_entries)
		keep_from(c, p, p->next - p->max_entries);
}

/* One more entry came, or the topic has an age from now on. */
static void mark(struct core *c, struct topic *p, uint64_t cursor)
{
	struct topic_mark *last = p->nmarks ? &p->marks[p->nmarks - 1] : NULL;

	if (!p->max_age_us || (last && c->wall_us < last->us + part_us(p)))
		return;
	if (!p->marks)
		p->marks = xcalloc(LIMIT_TOPIC_MARKS, sizeof(*p->marks));
	if (p->nmarks == LIMIT_TOPIC_MARKS)
		last->us = c->wall_us; /* rather too long than too short */
	else
		p->marks[p->nmarks++] = (struct topic_mark){cursor, c->wall_us};
	aging_update(c, p);
}

/* ---- who waits ---- */

static void tell(struct core *c, struct waiter *w)
{
	struct topic *p = w->thing->topic;
	struct send *s;

	if (!w->after || w->after + 1 >= p->first) {
		thing_tell_waiter(c, w, w->thing);
	} else {
		s = update_send(c->u, SEND_THING, w->conn->number);
		s->seq = w->request;
		s->code = DQ_E_GONE;
		s->text = "what came after the cursor is not kept any more";
		s->count = p->first - 1;
	}
	waiter_free(c, w);
}

static bool may_tell(const struct waiter *w)
{
	const struct topic *p = w->thing->topic;

	return p && w->after < p->next - 1 && p->first < p->next;
}

void topic_await(struct core *c, struct waiter *w)
{
	const struct topic *p = w->thing->topic;
	struct send *s;

	if (may_tell(w)) {
		tell(c, w);
	} else if (p && w->after >= p->next) {
		s = update_send(c->u, SEND_THING, w->conn->number);
		s->seq = w->request;
		s->code = DQ_E_NOT_FOUND;
		s->text = "a cursor that the topic has not come to";
		waiter_free(c, w);
	}
}

static void tell_waiters(struct core *c, struct thing *t)
{
	for (struct list *l = t->waiters.next, *next; l != &t->waiters; l = next) {
		struct waiter *w = container_of(l, struct waiter, in_thing);

		next = l->next;
		if (may_tell(w))
			tell(c, w);
	}
}

/* ---- deals ---- */

bool topic_check(struct dealing *d, struct thing *t, const struct deal_op *op)
{
	struct shared *s = d->c->shared;

	if (op->kind == DEAL_DELETE) {
		if (!t->then_there)
			return deal_refuse(d, DQ_E_NOT_FOUND, "no such topic: ", op->name);
		t->then_there = false;
		if (s->then_versions < t->then_version)
			s->then_versions = t->then_version;
		s->then_things--;
		return true;
	}
	if (d->no_room)
		return deal_refuse(d, DQ_E_STORE, "the store is full", slice_empty());
	if (!t->then_there && s->then_things >= LIMIT_THINGS)
		return deal_refuse(d, DQ_E_LIMIT, limit_text(LIMIT_INDEX_THINGS), slice_empty());
	if (!t->then_there) {
		s->then_things++;
		t->then_there = true;
		t->then_version = s->then_versions;
	}
	t->then_version += op->kind == DEAL_APPEND;
	return true;
}

static struct topic *make(struct dealing *d, struct thing *t)
{
	struct topic *p = t->topic;

	if (p)
		return p;
	thing_make(d->c, t, d->user);
	p = topic_new(t);
	p->max_entries = TOPIC_ENTRIES;
	p->gone_to = p->first = p->next = d->c->counters.versions + 1;
	dirty(d->c, p);
	return p;
}

static void append(struct core *c, struct topic *p, struct slice content)
{
	struct record *rec = update_record(c->u, RECORD_ENTRY, p->thing->number, p->next);
	struct entry_record r = {.published_us = c->wall_us, .content = content};
	uint32_t budget = TRIM_AT_ONCE;

	entry_record_encode(&c->u->bytes, &r);
	update_record_end(c->u, rec);
	mark(c, p, p->next);
	p->next++;
	bound_number(c, p);
	trim(c, p, &budget);
	trim_later(c, p);
	tell_waiters(c, p->thing);
}

static void bound(struct core *c, struct topic *p, const struct deal_op *op)
{
	p->max_entries = op->max_entries;
	if (p->max_age_us != op->max_age_us) {
		p->nmarks = 0;
		p->max_age_us = op->max_age_us;
		if (p->first < p->next)
			mark(c, p, p->first);
		aging_update(c, p);
	}
	bound_number(c, p);
	trim_later(c, p);
	dirty(c, p);
}

static void topic_delete(struct core *c, struct thing *t)
{
	struct topic *p = t->topic;

	if (c->counters.versions < p->next - 1) {
		c->counters.versions = p->next - 1;
		c->counters_dirty = true;
	}
	p->closing = true;
	keep_from(c, p, p->next);
	thing_loses_name(c, t);
	trim_later(c, p);
}

bool topic_do(struct dealing *d, struct thing *t, const struct deal_op *op, struct buf *results)
{
	if (op->kind == DEAL_APPEND) {
		struct topic *p = make(d, t);

		pack_u64(results, p->next);
		append(d->c, p, op->value.content);
		return true;
	}
	if (op->kind == DEAL_BOUND)
		bound(d->c, make(d, t), op);
	else
		topic_delete(d->c, t);
	pack_nil(results);
	return false;
}

/* ---- time, and long works ---- */

bool topics_have_work(const struct core *c)
{
	return !list_is_empty(&c->shared->trimming);
}

bool topics_work(struct core *c, uint32_t *budget)
{
	struct heap_node *n;

	while ((n = heap_peek(&c->shared->aging))) {
		struct topic *p = container_of(n, struct topic, in_aging);

		if (due_us(p) > c->wall_us)
			break;
		keep_from(c, p, p->nmarks > 1 ? p->marks[1].cursor : p->next);
		trim_later(c, p);
	}
	while (topics_have_work(c) && *budget) {
		struct topic *p = container_of(c->shared->trimming.next, struct topic, in_trimming);

		trim(c, p, budget);
		if (p->gone_to < p->first)
			break;
		list_remove(&p->in_trimming);
		if (p->closing)
			thing_unmake(c, p->thing);
	}
	return topics_have_work(c);
}

uint64_t topics_next_us(const struct core *c)
{
	struct heap_node *n = heap_peek(&c->shared->aging);
	uint64_t at = n ? due_us(container_of(n, struct topic, in_aging)) : UINT64_MAX;

	return !n ? UINT64_MAX : at > c->wall_us ? at - c->wall_us : 0;
}

/* ---- a start, and looking ---- */

static void load_marks(struct topic *p, struct slice marks)
{
	struct cursor at;
	uint32_t n;

	cursor_init(&at, marks);
	n = cursor_array(&at) / 2;
	if (n && p->max_age_us)
		p->marks = xcalloc(LIMIT_TOPIC_MARKS, sizeof(*p->marks));
	for (; p->marks && p->nmarks < n; p->nmarks++) {
		p->marks[p->nmarks].cursor = cursor_u64(&at);
		p->marks[p->nmarks].us = cursor_u64(&at);
	}
}

bool topic_load(struct core *c, struct thing *t, const struct thing_record *r, const char **why)
{
	struct topic *p;

	*why = "a topic that keeps more than it may";
	if (r->topic.max_entries && r->topic.next - r->topic.first > r->topic.max_entries)
		return false;
	p = topic_new(t);
	p->max_entries = r->topic.max_entries;
	p->max_age_us = r->topic.max_age_us;
	p->gone_to = r->topic.gone_to;
	p->first = r->topic.first;
	p->next = r->topic.next;
	p->closing = r->topic.closing;
	load_marks(p, r->topic.marks);
	aging_update(c, p);
	if (p->gone_to < p->first || p->closing)
		list_push_back(&c->shared->trimming, &p->in_trimming);
	return true;
}

void topic_view(const struct thing *t, struct core_thing_view *out)
{
	out->topic.first = t->topic->first;
	out->topic.next = t->topic->next;
	out->topic.max_entries = t->topic->max_entries;
	out->topic.max_age_us = t->topic->max_age_us;
}

const char *topic_wrong(const struct thing *t)
{
	const struct topic *p = t->topic;

	if (p->thing != t || p->gone_to > p->first || p->first > p->next)
		return "its cursors are out of order";
	if (p->max_entries && p->next - p->first > p->max_entries)
		return "it keeps more than it may";
	if ((p->gone_to < p->first || p->closing) != list_is_linked(&p->in_trimming))
		return "what is not kept stays, or the other way about";
	if (heap_contains(&p->in_aging) != (p->nmarks > 0) || (p->nmarks && !p->max_age_us))
		return "its age is not watched";
	for (uint32_t i = 0; i < p->nmarks; i++)
		if (p->marks[i].cursor >= p->next ||
			(i && p->marks[i].cursor <= p->marks[i - 1].cursor))
			return "its marks are out of order";
	if (p->nmarks > 1 && p->marks[1].cursor <= p->first)
		return "a mark of what is not kept";
	return NULL;
}
