/*
 * A store for stories: a sorted array of records. What is loaded goes through the decoders of
 * model/, in the order that core.h gives.
 */
#include "story_store.h"

#include "base/alloc.h"

#include <check.h>
#include <stdlib.h>

struct stored {
	enum record_kind kind;
	uint64_t a, b;
	uint32_t c;
	uint8_t *p;
	uint32_t n;
};

struct story_store {
	struct stored *v;
	uint32_t n, cap;
};

struct story_store *story_store_new(void)
{
	return xcalloc(1, sizeof(struct story_store));
}

void story_store_free(struct story_store *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		free(s->v[i].p);
	free(s->v);
	free(s);
}

static int order(const struct stored *x, const struct record *r)
{
	if (x->kind != r->kind)
		return x->kind < r->kind ? -1 : 1;
	if (x->a != r->a)
		return x->a < r->a ? -1 : 1;
	if (x->c != r->c)
		return x->c < r->c ? -1 : 1;
	return (x->b > r->b) - (x->b < r->b);
}

/* The first that is not before the record. */
static uint32_t place(const struct story_store *s, const struct record *r)
{
	uint32_t lo = 0, hi = s->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (order(&s->v[mid], r) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void insert(struct story_store *s, uint32_t at, const struct record *r, const uint8_t *p)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 64;
		s->v = xreallocarray(s->v, s->cap, sizeof(*s->v));
	}
	memmove(s->v + at + 1, s->v + at, (s->n++ - at) * sizeof(*s->v));
	s->v[at] = (struct stored){.kind = r->kind, .a = r->a, .b = r->b, .c = r->c, .n = r->n};
	s->v[at].p = xmemdup(p, r->n);
}

static void move(struct story_store *s, uint32_t at, const struct record *r)
{
	struct record to = {.kind = r->kind, .a = r->to_a, .b = r->to_b, .c = r->to_c};
	uint8_t *p = s->v[at].p;

	to.n = s->v[at].n;
	memmove(s->v + at, s->v + at + 1, (--s->n - at) * sizeof(*s->v));
	insert(s, place(s, &to), &to, p);
	free(p);
}

static void take(struct story_store *s, const struct update *u, const struct record *r)
{
	uint32_t at = place(s, r);
	bool there = at < s->n && order(&s->v[at], r) == 0;

	if (r->move) {
		ck_assert(there);
		move(s, at, r);
		return;
	}
	if (there)
		free(s->v[at].p);
	if (r->del) {
		if (there)
			memmove(s->v + at, s->v + at + 1, (--s->n - at) * sizeof(*s->v));
		return;
	}
	if (!there) {
		insert(s, at, r, u->bytes.p + r->at);
		return;
	}
	s->v[at].n = r->n;
	s->v[at].p = xmemdup(u->bytes.p + r->at, r->n);
}

void story_store_take(struct story_store *s, const struct update *u)
{
	for (uint32_t i = 0; i < u->nrecords; i++)
		take(s, u, &u->records[i]);
}

uint32_t story_store_count(const struct story_store *s, enum record_kind kind)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n; i++)
		n += s->v[i].kind == kind;
	return n;
}

static bool load_more(struct core *c, const struct stored *r, struct slice in, const char **why)
{
	union {
		struct task_row row;
		struct lease_bundle lease;
		struct work_record work;
		struct reply_record reply;
		struct stage_record stage;
		struct amend_record amend;
		struct thing_record thing;
		struct item_record item;
		struct delivery_record delivery;
		struct grant_record grant;
	} v;

	switch (r->kind) {
	case RECORD_TASK:
		return task_row_decode(in, &v.row, why) &&
		       core_load_row(c, r->a, (uint16_t)r->b, &v.row, why);
	case RECORD_LEASE:
		return lease_bundle_decode(in, &v.lease, why) &&
		       core_load_lease(c, (struct fence){r->a, r->b}, &v.lease, why);
	case RECORD_REPLY:
		return reply_record_decode(in, &v.reply, why) &&
		       core_load_reply(c, (uint32_t)r->a, r->b, &v.reply, why);
	case RECORD_HOLD:
		return core_load_hold(c, (uint32_t)r->a, r->b, why);
	case RECORD_WORK:
		return work_record_decode(in, &v.work, why) &&
		       core_load_work(c, r->a, &v.work, why);
	case RECORD_STAGE:
		return stage_record_decode(in, &v.stage, why) &&
		       core_load_stage(c, (uint32_t)r->a, r->b, &v.stage, why);
	case RECORD_THING:
		return thing_record_decode(in, &v.thing, why) &&
		       core_load_thing(c, r->a, &v.thing, why);
	case RECORD_ENTRY:
		return true;
	case RECORD_ITEM:
		return item_record_decode(in, &v.item, why) &&
		       core_load_item(c, r->a, r->c, r->b, &v.item, why);
	case RECORD_DELIVERY:
		return delivery_record_decode(in, &v.delivery, why) &&
		       core_load_delivery(c, r->a, r->c, r->b, &v.delivery, why);
	case RECORD_GRANT:
		return grant_record_decode(in, &v.grant, why) &&
		       core_load_grant(c, (uint32_t)r->a, r->b, &v.grant, why);
	case RECORD_AMEND:
		return amend_record_decode(in, &v.amend, why) &&
		       core_load_amend(c, r->a, &v.amend, why);
	default:
		return false;
	}
}

static bool load(struct core *c, const struct stored *r, const char **why)
{
	struct slice in = slice_of(r->p, r->n);
	union {
		struct gone_record gone;
		struct counters counters;
		struct user_record user;
		struct worker_record worker;
		struct session_record session;
		struct block_record block;
	} v;

	switch (r->kind) {
	case RECORD_COUNTERS:
		if (!counters_decode(in, &v.counters, why))
			return false;
		core_load_counters(c, &v.counters);
		return true;
	case RECORD_USER:
		return user_record_decode(in, &v.user, why) &&
		       core_load_user(c, (uint32_t)r->a, &v.user, why);
	case RECORD_WORKER:
		return worker_record_decode(in, &v.worker, why) &&
		       core_load_worker(c, (uint32_t)r->a, &v.worker, why);
	case RECORD_SESSION:
		return session_record_decode(in, &v.session, why) &&
		       core_load_session(c, (uint32_t)r->a, &v.session, why);
	case RECORD_BLOCK:
		return block_record_decode(in, &v.block, why) && core_load_block(c, &v.block, why);
	case RECORD_GONE:
		return gone_record_decode(in, &v.gone, why) &&
		       core_load_gone(c, r->a, &v.gone, why);
	default:
		return load_more(c, r, in, why);
	}
}

void story_store_load(const struct story_store *s, struct core *core)
{
	static const enum record_kind kinds[] = {RECORD_COUNTERS, RECORD_USER, RECORD_WORKER,
		RECORD_SESSION, RECORD_BLOCK, RECORD_STAGE, RECORD_AMEND, RECORD_GONE, RECORD_TASK,
		RECORD_LEASE, RECORD_REPLY, RECORD_HOLD, RECORD_WORK, RECORD_THING, RECORD_DELIVERY,
		RECORD_GRANT, RECORD_ITEM};

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		for (uint32_t i = 0; i < s->n; i++) {
			const char *why = "malformed";

			if (s->v[i].kind == kinds[k] && !load(core, &s->v[i], &why))
				ck_abort_msg("a record of kind %d: %s", (int)kinds[k], why);
		}
	}
}
