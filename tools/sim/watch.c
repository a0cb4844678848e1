/*
 * Looks at each frame that the scheduler sends, at the moment it leaves, and at each batch before
 * it is applied: what is told must be on stable storage, must be what was told before, and must be
 * what the book allows. Neighbours: driver.c calls, lookup.c reads.
 */
#include "sim/sim.h"

#include "base/ensure.h"
#include "base/hash.h"
#include "model/decode.h"

#include <inttypes.h>

/* ---- to clients ---- */

static bool session_row(struct sim *s, uint32_t session, struct session_record *r)
{
	struct key key = key_session(session);
	struct slice value;
	const char *why;

	if (!fstore_get(&s->store, TABLE_SESSION, key_slice(&key), &value))
		return false;
	return session_record_decode(value, r, &why) || sim_fail(s, "session %u: %s", session, why);
}

static void sent_opened(struct sim *s, struct link *l, const struct frame *f)
{
	struct session_record r;
	struct msg_opened m;
	const char *why;

	if (!msg_opened_decode(f->payload, &m, &why))
		return;
	l->session = (uint32_t)m.session;
	if (!session_row(s, l->session, &r)) {
		struct client *c = client_of_session(s, l->session);

		if (c && client_session_is_sure(s, c))
			sim_fail(s, "OPENED for session %u, which is not stored", l->session);
		return;
	}
	if (r.incarnation < m.incarnation || r.last_seq < m.last_seq)
		sim_fail(s, "OPENED for session %u tells of what is not stored", l->session);
}

static void sent_reply(struct sim *s, struct link *l, const struct frame *f)
{
	struct client *c = client_of_session(s, l->session);
	struct session_record r;
	struct msg_reply m;
	struct hasher h;
	uint64_t key = (uint64_t)l->session << 32 | f->seq, before, digest = 0;
	const char *why;

	if (!l->session || f->flags & WIRE_NOT_TAKEN || !msg_reply_decode(f->payload, &m, &why))
		return;
	if (session_row(s, l->session, &r)) {
		if (r.last_seq < f->seq)
			sim_fail(s,
				"the reply to request %" PRIu64
				" of session %u leaves before its commit",
				f->seq, l->session);
	} else if (c && client_session_is_sure(s, c)) {
		sim_fail(s, "a reply to session %u, which is not stored", l->session);
	}
	if (m.code || m.data.n) {
		hasher_init(&h);
		hasher_update(&h, &m.code, sizeof(m.code));
		hasher_update(&h, m.text.p, m.text.n);
		hasher_update(&h, m.data.p, m.data.n);
		digest = hasher_hash64(&h);
	}
	if (map64_get(&s->told, key, &before) && before != digest)
		sim_fail(s, "request %" PRIu64 " of session %u is answered another time, otherwise",
			f->seq, l->session);
	ensure(map64_put(&s->told, key, digest));
}

/* What is shown stands in its row, byte for byte but for a longer value. */
static void shown_is_stored(
	struct sim *s, const struct book_task *t, const struct outcomes_entry *e)
{
	struct task_row row;
	struct buf cut;

	if (!lookup_round(s, t->id, (uint16_t)ROUND_OF(e->generation), &row)) {
		/* the rows of long past rounds go */
		if (task_is_held_for_sure(s, t) && !t->again)
			sim_fail(s, "the end of %" PRIx64 " is shown and is not stored", t->id);
		return;
	}
	/* a value that was made again may be shown by its older row */
	if (row.state != e->state ||
		(row.generation != e->generation && row.generation < e->generation)) {
		sim_fail(s, "%" PRIx64 " is shown as %s, and stored as %s", t->id,
			task_state_word((enum task_state)e->state), task_state_word(row.state));
		return;
	}
	buf_init(&cut, OUTCOME_MAX_BYTES);
	if (row.generation == e->generation &&
		outcome_copy_short(&cut, row.outcome, WIRE_PUSH_VALUE) &&
		!slice_eq(buf_slice(&cut), e->outcome) && !slice_eq(row.outcome, e->outcome)) {
		struct outcome a, b;
		const char *why;

		if (!outcome_decode(row.outcome, &a, &why) ||
			!outcome_decode(e->outcome, &b, &why) || book_digest(&a) != book_digest(&b))
			sim_fail(s, "the outcome of %" PRIx64 " is not the one that is stored",
				t->id);
	}
	buf_release(&cut);
}

static void shown_first(
	struct sim *s, struct book_task *t, const struct outcomes_entry *e, const struct outcome *o)
{
	const struct client *owner = client_of_session(s, t->session);
	const char *why;

	/* its session may have run out without its client having heard */
	if (!owner || !client_session_is_sure(s, owner))
		t->ever_unheld = true;
	why = book_may_end(&s->book, t, o->state, o->cause, s->flavor.calm);
	s->cover->causes[o->cause & 31]++;
	t->shown = true;
	t->state = o->state;
	t->cause = o->cause;
	t->generation = e->generation;
	t->digest = book_digest(o);
	if (why)
		sim_fail(s, "%" PRIx64 " (%s, from %s): %s", t->id, task_state_word(o->state),
			cause_word(o->cause), why);
	if (o->cause == CAUSE_UNHELD && task_is_held_for_sure(s, t))
		sim_fail(s, "%" PRIx64 " was cancelled as wanted by nothing, and is held", t->id);
	if (t->cancel_shown && o->state == TASK_DONE && !t->runs)
		sim_fail(s, "%" PRIx64 " is done, and never ran", t->id);
}

static void shown(struct sim *s, const struct outcomes_entry *e, uint64_t id)
{
	struct book_task *t = book_find(&s->book, id);
	struct outcome o;
	const char *why;

	if (!t)
		return;
	if (e->state == TASK_GONE) {
		if (task_is_held_for_sure(s, t))
			sim_fail(s, "%" PRIx64 " is held, and is said to be gone", id);
		return;
	}
	if (!outcome_decode(e->outcome, &o, &why) || o.state != e->state) {
		sim_fail(s, "the outcome of %" PRIx64 " cannot be read: %s", id, why);
		return;
	}
	shown_is_stored(s, t, e);
	if (t->shown && ROUND_OF(e->generation) != ROUND_OF(t->generation) && !t->again)
		sim_fail(s, "%" PRIx64 " has begun anew, and nobody asked for that", id);
	if (!t->shown || ROUND_OF(e->generation) > ROUND_OF(t->generation))
		shown_first(s, t, e, &o);
	else if (ROUND_OF(e->generation) < ROUND_OF(t->generation))
		return; /* to who asked before it began anew */
	else if (t->state != o.state ||
		 (t->generation == e->generation && t->digest != book_digest(&o)))
		sim_fail(s, "%" PRIx64 " was shown as %s, now as %s (generations %u, %u)", id,
			task_state_word(t->state), task_state_word(o.state), t->generation,
			e->generation);
}

static void sent_outcomes(struct sim *s, const struct frame *f)
{
	struct msg_outcomes m;
	struct outcomes_entry e;
	struct cursor at;
	const char *why;
	uint32_t n;

	if (!msg_outcomes_decode(f->payload, &m, &why) ||
		!list_read_begin(&at, m.entries, UINT32_MAX, &n))
		return;
	while (n-- && outcomes_read(&at, &e))
		for (uint64_t i = 0; i < e.count; i++)
			shown(s, &e, e.first + i);
}

/* ---- to workers ---- */

static void inputs_are_done(struct sim *s, struct lease_item *item, bool any_end)
{
	struct lease_input in;
	struct task_row row;

	for (uint32_t i = 0; i < item->ninputs && lease_input_read(item, &in); i++)
		if (!lookup_row(s, in.id, &row) ||
			(row.state != TASK_DONE && !book_find(&s->book, in.id)->again &&
				(!any_end || !task_state_is_final(row.state))))
			sim_fail(s, "%" PRIx64 " is leased before %" PRIx64 " is stored as done",
				item->id, in.id);
}

static void leased(struct sim *s, struct link *l, struct lease_item *item, struct fence fence)
{
	struct book_task *t = book_find(&s->book, item->id);
	uint32_t worker = 0;

	if (!t) {
		sim_fail(s, "%" PRIx64 " is leased, and nobody submitted it", item->id);
		return;
	}
	if (!lookup_lease(s, item->id, fence, &worker))
		sim_fail(s,
			"the lease %" PRIu64 ".%" PRIu64 " of %" PRIx64
			" leaves, and is not stored",
			fence.epoch, fence.seq, item->id);
	else if (worker != l->worker)
		sim_fail(s, "the lease of %" PRIx64 " leaves to worker %u, and is worker %u's",
			item->id, l->worker, worker);
	inputs_are_done(s, item, t->times.on_dep_failure == DEP_RUN);
	if (item->flags & LEASE_FLAG_REMAKE)
		return;
	t->leases++;
	times_leased(s, t);
	if (t->shown && ROUND_OF(item->generation) <= ROUND_OF(t->generation))
		sim_fail(s, "%" PRIx64 " has ended (%s) and is leased again", t->id,
			task_state_word(t->state));
	if (t->cancel_shown && !t->again && s->continued > t->cancel_step)
		sim_fail(s, "%" PRIx64 " was cancelled and is leased", t->id);
}

static void sent_lease(struct sim *s, struct link *l, const struct frame *f)
{
	struct msg_lease m;
	struct lease_item item;
	struct cursor at;
	const char *why;
	uint32_t n;

	if (!msg_lease_decode(f->payload, &m, &why) ||
		!list_read_begin(&at, m.entries, UINT32_MAX, &n))
		return;
	for (uint32_t i = 0; i < n && lease_item_read(&at, &item); i++)
		leased(s, l, &item, (struct fence){.epoch = m.epoch, .seq = m.first_seq + i});
}

static void sent_joined(struct sim *s, struct link *l, const struct frame *f)
{
	struct msg_joined m;
	struct slice value;
	struct key key;
	const char *why;

	if (!msg_joined_decode(f->payload, &m, &why))
		return;
	l->worker = (uint32_t)m.worker;
	key = key_worker(l->worker);
	if (!fstore_get(&s->store, TABLE_WORKER, key_slice(&key), &value))
		sim_fail(s, "worker %u has joined and is not stored", l->worker);
}

static bool others_hold(struct sim *s, const struct link *l, uint64_t id)
{
	for (uint32_t i = 0; i < s->flavor.workers; i++)
		if (&s->workers[i].peer != l->peer && worker_held(&s->workers[i], id))
			return true;
	return false;
}

/* It was missing somewhere, and can be made again. */
static bool may_remake(const struct book_task *t)
{
	return t->missed && !t->once && (!t->exec || t->recompute);
}

/* A value that is wanted is not freed with its last copy. */
static void sent_free(struct sim *s, struct link *l, const struct frame *f)
{
	struct msg_free m;
	struct copy e;
	struct cursor at;
	const char *why;
	uint32_t n;

	if (!msg_free_decode(f->payload, &m, &why) ||
		!list_read_begin(&at, m.entries, UINT32_MAX, &n))
		return;
	while (n-- && copy_read(&at, &e)) {
		struct book_task *t = book_find(&s->book, e.id);
		struct task_row row;

		if (t && task_is_held_for_sure(s, t) && lookup_row(s, e.id, &row) &&
			row.state == TASK_DONE && row.generation == e.generation &&
			!others_hold(s, l, e.id) && !may_remake(t))
			sim_fail(s, "the last copy of %" PRIx64 ", which is held, is freed", e.id);
	}
}

void watch_sent(struct sim *s, struct link *l, const struct frame *f)
{
	switch (f->type) {
	case MSG_OPENED:
		sent_opened(s, l, f);
		break;
	case MSG_REPLY:
		sent_reply(s, l, f);
		break;
	case MSG_OUTCOMES:
		sent_outcomes(s, f);
		break;
	case MSG_LEASE:
		sent_lease(s, l, f);
		break;
	case MSG_JOINED:
		sent_joined(s, l, f);
		break;
	case MSG_FREE:
		sent_free(s, l, f);
		break;
	default:
		break;
	}
}

/* ---- batches ---- */

/* A value that says under which lease it was made: that lease must be the task's. */
static void check_stamp(struct sim *s, uint64_t id, const struct outcome *o)
{
	struct fence fence;
	uint32_t worker;

	if (o->bytes.n != 16) {
		sim_fail(s, "%" PRIx64 ": the stamp has %zu bytes", id, o->bytes.n);
		return;
	}
	fence.epoch = le_get(o->bytes.p, 8);
	fence.seq = le_get(o->bytes.p + 8, 8);
	if (!lookup_lease(s, id, fence, &worker))
		sim_fail(s,
			"%" PRIx64 " is done by a report under the lease %" PRIu64 ".%" PRIu64
			", which is not live",
			id, fence.epoch, fence.seq);
}

static void row_put(struct sim *s, uint64_t id, uint16_t round, const struct task_row *row)
{
	struct book_task *t = book_find(&s->book, id);
	struct task_row old;
	struct outcome a, b;
	const char *why;
	bool was = lookup_round(s, id, round, &old) && task_state_is_final(old.state);

	if (!t) {
		sim_fail(s, "a row for %" PRIx64 ", which nobody submitted", id);
		return;
	}
	if (round && !t->again)
		sim_fail(s, "%" PRIx64 " begins anew, and nobody asked for that", id);
	if (was && row->state != old.state) {
		sim_fail(s, "%" PRIx64 " was stored as %s, now as %s", id,
			task_state_word(old.state), task_state_word(row->state));
		return;
	}
	if (!task_state_is_final(row->state))
		return;
	if (!outcome_decode(row->outcome, &a, &why)) {
		sim_fail(s, "the outcome of %" PRIx64 ": %s", id, why);
		return;
	}
	if (was && row->generation == old.generation && outcome_decode(old.outcome, &b, &why) &&
		book_digest(&a) != book_digest(&b))
		sim_fail(s, "the outcome of %" PRIx64 " was changed", id);
	if (!was && row->state == TASK_DONE && t->fn == FN_STAMP)
		check_stamp(s, id, &a);
}

void watch_batch(struct sim *s, const struct batch *batch)
{
	struct batch_op op;
	size_t pos = 0;

	qbook_batch(s, batch);
	claims_batch(s, batch);
	while (batch_next(batch, &pos, &op)) {
		struct slice value;
		struct task_row row;
		const char *why;
		uint64_t id;
		uint16_t round;

		if (op.is_put && op.table == TABLE_BLOCK &&
			fstore_get(&s->store, TABLE_BLOCK, op.key, &value))
			sim_fail(s, "a block is written a second time");
		if (!op.is_put || op.table != TABLE_TASK)
			continue;
		if (!key_read_task(op.key, &id, &round) || !task_row_decode(op.value, &row, &why))
			sim_fail(s, "a row that cannot be read");
		else
			row_put(s, id, round, &row);
	}
}
