/*
 * Recounts: the records of the fake store against each other and against the book, the core against
 * itself and the book, and the moves that tasks make against the table of moves. Neighbours:
 * reload.c compares two loads; world.c and driver.c say when.
 */
#include "sim/sim.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/ensure.h"
#include "core/core.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- the records ---- */

static void audit_rows(struct sim *s)
{
	for (uint32_t i = 0; i < s->store.table[TABLE_TASK].n && !s->failed; i++) {
		struct block_record block;
		struct task_row row;
		struct slice key, value;
		uint64_t id = 0;
		uint16_t round;
		const char *why;

		fstore_at(&s->store, TABLE_TASK, i, &key, &value);
		if (!key_read_task(key, &id, &round) || !task_row_decode(value, &row, &why)) {
			sim_fail(s, "a row that cannot be read");
			return;
		}
		if (!lookup_task(s, id, &block))
			sim_fail(s, "a row for %" PRIx64 ", which is in no block", id);
	}
}

static void audit_entry(struct sim *s, struct map64 *live, uint64_t id, struct fence fence)
{
	uint32_t worker;

	if (!lookup_lease(s, id, fence, &worker))
		return;
	if (map64_get(live, id, NULL))
		sim_fail(s, "%" PRIx64 " has two live leases; one is %" PRIu64 ".%" PRIu64, id,
			fence.epoch, fence.seq);
	ensure(map64_put(live, id, 1));
}

static void audit_leases(struct sim *s)
{
	struct map64 live;

	map64_init(&live);
	for (uint32_t i = 0; i < s->store.table[TABLE_LEASE].n && !s->failed; i++) {
		struct lease_bundle b;
		struct slice key, value;
		struct fence f = {0, 0};
		const char *why;

		fstore_at(&s->store, TABLE_LEASE, i, &key, &value);
		if (!key_read_lease(key, &f.epoch, &f.seq) ||
			!lease_bundle_decode(value, &b, &why)) {
			sim_fail(s, "a bundle that cannot be read");
			break;
		}
		for (uint32_t k = 0; k < b.count; k++, f.seq++)
			/* of two remakes the later one counts: they have no effects */
			if (!(lease_bundle_entry(&b, k).flags & LEASE_REMAKE))
				audit_entry(s, &live, lease_bundle_entry(&b, k).id, f);
	}
	map64_release(&live);
}

/* What belongs to a lease is over, or ends, when the lease is. */
static void audit_inside(struct sim *s)
{
	for (uint32_t i = 0; i < s->store.table[TABLE_SESSION].n && !s->failed; i++) {
		struct session_record r;
		struct slice key, value;
		uint32_t worker;
		const char *why;

		fstore_at(&s->store, TABLE_SESSION, i, &key, &value);
		if (!session_record_decode(value, &r, &why))
			sim_fail(s, "a session that cannot be read");
		else if (r.parent && !r.closing &&
			 !lookup_lease(s, r.parent, r.parent_fence, &worker))
			sim_fail(s, "a session inside %" PRIx64 " is there without its lease",
				r.parent);
	}
}

/* Replies and holds belong to sessions, holds to tasks. */
static void audit_sessions(struct sim *s)
{
	struct slice key, value, row;
	struct block_record block;
	uint32_t session = 0;
	struct key of;
	uint64_t n = 0;

	for (uint32_t i = 0; i < s->store.table[TABLE_REPLY].n; i++) {
		fstore_at(&s->store, TABLE_REPLY, i, &key, &value);
		of = key_session(key_read_reply(key, &session, &n) ? session : 0);
		if (!fstore_get(&s->store, TABLE_SESSION, key_slice(&of), &row))
			sim_fail(s, "a reply to session %u, which is not there", session);
	}
	for (uint32_t i = 0; i < s->store.table[TABLE_HOLD].n; i++) {
		fstore_at(&s->store, TABLE_HOLD, i, &key, &value);
		of = key_session(key_read_hold(key, &session, &n) ? session : 0);
		if ((session && !fstore_get(&s->store, TABLE_SESSION, key_slice(&of), &row)) ||
			!lookup_task(s, n, &block))
			sim_fail(s, "session %u holds %" PRIx64 ", and one of the two is not there",
				session, n);
	}
}

/* What was acknowledged and is held is there. */
static void audit_book(struct sim *s)
{
	for (uint32_t i = 0; i < s->book.n && !s->failed; i++) {
		struct book_task *t = s->book.v[i];
		struct block_record block;

		if (task_is_held_for_sure(s, t) && !lookup_task(s, t->id, &block))
			sim_fail(s, "%" PRIx64 " was acknowledged, is held, and is not stored",
				t->id);
	}
}

void audit_store(struct sim *s)
{
	if (s->failed)
		return;
	s->cover->events[SIM_RECOUNT]++;
	audit_rows(s);
	audit_leases(s);
	audit_sessions(s);
	audit_inside(s);
	audit_book(s);
	values_audit(s);
	vars_audit(s);
	if (s->flavor.queues)
		qbook_audit(s);
	claims_audit(s);
}

/* ---- the core ---- */

static void audit_view(struct sim *s, const struct core *core, const struct book_task *t)
{
	struct core_task_view v;

	if (t->staged && core_view_task(core, t->id, &v)) {
		sim_fail(s, "%" PRIx64 " is there, and its graph was never committed", t->id);
		return;
	}
	if (!core_view_task(core, t->id, &v)) {
		if (task_is_held_for_sure(s, t))
			sim_fail(s, "%" PRIx64 " was acknowledged, is held, and is not there",
				t->id);
		return;
	}
	if (t->gone_for_good)
		sim_fail(s, "%" PRIx64 " was forgotten, and is there", t->id);
	if (t->shown && v.state != t->state && !t->again)
		sim_fail(s, "%" PRIx64 " was shown as %s, and is %s", t->id,
			task_state_word(t->state), task_state_word(v.state));
}

void audit_core(struct sim *s)
{
	const char *why = "";

	if (s->failed || !s->engine)
		return;
	s->cover->events[SIM_RECOUNT]++;
	if (!core_check(engine_core(s->engine), &why)) {
		sim_fail(s, "the core's recount: %s", why);
		return;
	}
	for (uint32_t i = 0; i < s->book.n && !s->failed; i++)
		audit_view(s, engine_core(s->engine), s->book.v[i]);
}

/* A detached submit under its key, whose reply may never have been heard. */
static bool may_be_detached(const struct sim *s, const struct book_task *t)
{
	for (uint32_t i = 0; t->key[0] && i < s->book.n; i++)
		if (s->book.v[i]->detached && strcmp(s->book.v[i]->key, t->key) == 0)
			return true;
	return false;
}

static bool is_unended(const struct sim *s, uint64_t id)
{
	struct core_task_view v;

	return s->engine && core_view_task(engine_core(s->engine), id, &v) &&
	       !task_state_is_final(v.state);
}

/* Its time is not over, or just now. */
static bool is_retained(const struct sim *s, uint64_t id)
{
	struct core_task_view v;

	return s->engine && core_view_task(engine_core(s->engine), id, &v) &&
	       v.kept_until_us + 3 * US_PER_S > s->wall_us;
}

/* A detached task that has not ended is waited for by nobody, may still be leased, and keeps all
 * that it depends on. */
static bool detached_waits(const struct sim *s)
{
	for (uint32_t i = 0; i < s->book.n; i++)
		if (s->book.v[i]->detached && is_unended(s, s->book.v[i]->id))
			return true;
	return false;
}

void audit_empty(struct sim *s)
{
	static const enum table none[] = {
		TABLE_SESSION, TABLE_REPLY, TABLE_LEASE, TABLE_WORK, TABLE_STAGE};
	bool waits = detached_waits(s);

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (s->store.table[none[i]].n && !(waits && none[i] == TABLE_LEASE))
			sim_fail(s, "all sessions are over, and %u records are left in %s",
				s->store.table[none[i]].n, table_name(none[i]));
	if (s->locks.nlive)
		sim_fail(s, "all sessions are over, and %u claims of locks are left",
			s->locks.nlive);
	for (uint32_t i = 0; i < s->book.n; i++) {
		struct book_task *t = s->book.v[i];
		struct block_record block;
		bool there = lookup_task(s, t->id, &block);
		/* a value that could only be made again from this one's keeps it too */
		bool late = there && !waits && !s->detached_large && !is_retained(s, t->id);

		if (late && !t->detached && !may_be_detached(s, t))
			sim_fail(s, "%" PRIx64 " is there, and nothing holds it", t->id);
		if (late && t->detached && t->times.retains)
			sim_fail(s, "%" PRIx64 " is there, and its retention is over", t->id);
		if (there && t->staged)
			sim_fail(s, "%" PRIx64 " is left of a graph that was never committed",
				t->id);
		if (!there && t->detached && !t->forgotten && !t->times.retains &&
			t->submit == SUBMIT_TAKEN)
			sim_fail(s, "%" PRIx64 " is detached, and is gone", t->id);
	}
}

/* ---- moves ---- */

/* The book is told of ends, and asked whether it was time to forget. */
static void note_move(struct sim *s, uint64_t id, enum task_state to)
{
	struct book_task *t = book_find(&s->book, id);

	if (!t)
		return;
	/* a value that is made again is no other end */
	if (task_state_is_final(to) && !t->ended_us) {
		t->ended_us = s->wall_us;
		t->ended_jumps = s->wall_jumps;
	}
	if (to == TASK_GONE && !t->forgotten && !t->again)
		times_gone(s, t);
}

struct shadow {
	uint64_t count;
	bool seen;
	uint8_t state[];
};

#define STATE_BITS 0x0f

static void forget_shadows(struct sim *s, bool all)
{
	struct map64_iter it = {0};
	uint64_t first, *gone = NULL;
	uint32_t n = 0, cap = 0;
	void *p;

	while (map64_next_ptr(&s->shadow, &it, &first, &p)) {
		if (!all && ((struct shadow *)p)->seen)
			continue;
		if (n == cap) {
			cap = cap ? cap * 2 : 16;
			gone = xreallocarray(gone, cap, sizeof(*gone));
		}
		gone[n++] = first;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct shadow *h = map64_remove_ptr(&s->shadow, gone[i]);

		for (uint64_t k = 0; k < h->count && !all; k++)
			if (task_move_allowed((enum task_state)h->state[k], TASK_GONE)) {
				s->cover->moves[h->state[k]][TASK_GONE]++;
				if (h->state[k] != TASK_GONE)
					note_move(s, gone[i] + k, TASK_GONE);
			}
		free(h);
	}
	free(gone);
}

void audit_moves_forget(struct sim *s)
{
	forget_shadows(s, true);
}

/* Some moves are two in one step: the table must allow both. */
static bool moved(struct sim *s, enum task_state from, enum task_state to)
{
	if (task_move_allowed(from, to)) {
		s->cover->moves[from][to]++;
		return true;
	}
	for (int by = TASK_WAITING; by < TASK_STATE_END; by++) {
		if (by == TASK_GONE || !task_move_allowed(from, (enum task_state)by))
			continue;
		for (int then = by; then < TASK_STATE_END; then++)
			if ((then == by || task_move_allowed(
						   (enum task_state)by, (enum task_state)then)) &&
				((int)to == then || task_move_allowed((enum task_state)then, to)))
				return true;
	}
	return false;
}

static bool look_at_block(const struct core_block_view *b, void *arg)
{
	struct sim *s = arg;
	struct shadow *h = map64_get_ptr(&s->shadow, b->first);

	if (!h) {
		h = xcalloc(1, sizeof(*h) + b->count);
		h->count = b->count;
		for (uint64_t i = 0; i < b->count; i++)
			h->state[i] = b->states[i] & STATE_BITS;
		ensure(map64_put_ptr(&s->shadow, b->first, h));
	}
	h->seen = true;
	for (uint64_t i = 0; i < b->count; i++) {
		uint8_t to = b->states[i] & STATE_BITS;

		if (h->state[i] == to)
			continue;
		if (!moved(s, (enum task_state)h->state[i], (enum task_state)to))
			sim_fail(s, "%" PRIx64 " moved from %s to %s", b->first + i,
				task_state_word((enum task_state)h->state[i]),
				task_state_word((enum task_state)to));
		note_move(s, b->first + i, (enum task_state)to);
		h->state[i] = to;
	}
	return true;
}

void audit_moves(struct sim *s)
{
	struct map64_iter it = {0};
	uint64_t first;
	void *p;

	while (map64_next_ptr(&s->shadow, &it, &first, &p))
		((struct shadow *)p)->seen = false;
	core_each_block(engine_core(s->engine), look_at_block, s);
	forget_shadows(s, false);
}
