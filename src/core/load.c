/*
 * Taking the store's records back into the core, in the order that core.h gives. They say what was
 * submitted, what ended, what is leased and what was released; the rest is derived from them
 * (settle.c).
 */
#include "core/load.h"
#include "core/past.h"
#include "core/work.h"
#include "core/timer.h"

static bool bad(const char **why, const char *text)
{
	*why = text;
	return false;
}

/* A number that is in use is not given again, even where the counters were lost. */
static void in_use(uint32_t *next, uint32_t number)
{
	if (*next <= number)
		*next = number + 1;
}

void core_load_counters(struct core *c, const struct counters *counters)
{
	c->counters = *counters;
}

bool core_load_user(struct core *c, uint32_t number, const struct user_record *r, const char **why)
{
	struct user *u = map64_get_ptr(&c->users, number);

	if (u && number)
		return bad(why, "a user twice");
	in_use(&c->counters.next_user, number);
	if (u)
		user_rename(c, u, r->uid, r->name);
	else
		user_new(c, number, r->uid, r->name);
	return true;
}

bool core_load_worker(
	struct core *c, uint32_t number, const struct worker_record *r, const char **why)
{
	in_use(&c->counters.next_worker, number);
	return worker_load(c, number, r) || bad(why, "a worker twice, or of an unknown user");
}

bool core_load_session(
	struct core *c, uint32_t number, const struct session_record *r, const char **why)
{
	in_use(&c->counters.next_session, number);
	return session_load(c, number, r) || bad(why, "a session twice, or of an unknown user");
}

/* The fingerprints under which a later submit finds the task; as submit.c makes them. */
static void load_key(const struct core *c, struct block *b, uint32_t i,
	const struct block_record *r, const struct block_entry *e, struct slice inputs)
{
	uint32_t n;
	const uint64_t *deps = block_deps(b, i, &n);

	b->keys[i].key = key_fingerprint(r->ns, e->key);
	b->keys[i].spec =
		spec_fingerprint(b->flags & BLOCK_ARRAY ? array_shape(b->count, e->first_index) : 0,
			e->spec, deps, n, inputs, terms_resources(c, b->terms[i]));
}

/* The bytes of an array's inputs. */
static bool load_inputs(struct block_reader *reader, struct slice *inputs)
{
	struct cursor at = {0};
	uint64_t n = 0;

	if (!block_reader_inputs(reader, &n, &at))
		return false;
	*inputs = n ? slice_of(at.p, (size_t)(reader->c.p - at.p)) : slice_empty();
	return true;
}

static void drop_unless(bool used, void **array)
{
	if (used)
		return;
	free(*array);
	*array = NULL;
}

/* What the entries of a body say of each task. */
static bool load_body(
	struct core *c, struct block *b, const struct block_record *r, bool session_lives)
{
	bool any_key = false, any_option = false, any_label = false, any_terms = false;
	const char *why = NULL;
	struct block_reader reader;
	struct block_entry e;
	struct slice inputs = slice_empty();
	uint32_t n = b->flags & BLOCK_ARRAY ? 1 : (uint32_t)b->count;
	uint64_t ndeps = r->deps.n / sizeof(uint64_t), at = 0;

	b->keys = xcalloc(n, sizeof(*b->keys));
	b->option = xcalloc(n, 1);
	b->label = xcalloc(n, sizeof(*b->label));
	b->terms = xcalloc(n, sizeof(*b->terms));
	if (ndeps) {
		b->dep_at = xcalloc(n + 1, sizeof(*b->dep_at));
		b->deps = xcalloc(ndeps, sizeof(*b->deps));
	}
	block_reader_init(&reader, r->body);
	for (uint32_t i = 0; i < n; i++) {
		if (!block_reader_next(&reader, &e) || at + e.ndeps > ndeps)
			return false;
		b->at_once = e.at_once;
		b->first_index = e.first_index;
		for (uint32_t k = 0; k < e.ndeps; k++, at++)
			b->deps[at] = block_dep(r->deps, at);
		if (ndeps)
			b->dep_at[i + 1] = (uint32_t)at;
		b->option[i] = (uint8_t)((e.once ? OPTION_ONCE : 0) |
					 (e.recompute ? OPTION_RECOMPUTE : 0) |
					 (e.kind == SPEC_EXEC ? OPTION_EXEC : 0));
		b->label[i] = e.nlabels ? labels_take(c, &e) : 0;
		b->terms[i] = terms_take(c, e.terms, &why);
		if (why)
			return false;
		if (b->flags & BLOCK_ARRAY && !load_inputs(&reader, &inputs))
			return false;
		if (!slice_is_empty(e.key))
			load_key(c, b, i, r, &e, inputs);
		any_key = any_key || !slice_is_empty(e.key);
		any_option = any_option || b->option[i];
		any_label = any_label || b->label[i];
		any_terms = any_terms || b->terms[i];
		memset(b->state + i,
			e.detached      ? TASK_DETACHED
			: session_lives ? TASK_HELD
					: 0,
			b->flags & BLOCK_ARRAY ? b->count : 1);
	}
	drop_unless(any_key, (void **)&b->keys);
	drop_unless(any_option, (void **)&b->option);
	drop_unless(any_label, (void **)&b->label);
	drop_unless(any_terms, (void **)&b->terms);
	return at == ndeps;
}

bool core_load_block(struct core *c, const struct block_record *r, const char **why)
{
	const struct session *s = map64_get_ptr(&c->sessions, r->session);
	struct place p;
	struct block *b;

	if (!r->count || r->count > LIMIT_ARRAY_ELEMENTS ||
		task_id_session(r->first) != r->session ||
		task_id_session(r->first + r->count - 1) != r->session)
		return bad(why, "a block with a wrong range");
	if (place_of(c, r->first, &p) || place_of(c, r->first + r->count - 1, &p))
		return bad(why, "a block inside another");
	if (!map64_get_ptr(&c->users, r->user))
		return bad(why, "a block of an unknown user");
	in_use(&c->counters.next_session, r->session);
	if (c->counters.order < r->order)
		c->counters.order = r->order;
	b = block_new(c, r);
	if (load_body(c, b, r, s != NULL))
		return true;
	block_free(c, b);
	return bad(why, "a block whose body does not fit its head");
}

bool core_load_amend(struct core *c, uint64_t first, const struct amend_record *r, const char **why)
{
	struct place p;

	if (!place_of(c, first, &p) || p.idx)
		return bad(why, "an amendment of no block");
	p.block->has_priority = r->has_priority;
	p.block->block_priority = r->priority;
	return true;
}

bool core_load_gone(struct core *c, uint64_t first, const struct gone_record *r, const char **why)
{
	struct place p;
	bool lives;
	uint64_t n;

	if (!place_of(c, first, &p) || p.idx % GONE_CHUNK)
		return bad(why, "forgotten tasks of no block");
	lives = map64_get_ptr(&c->sessions, p.block->session);
	n = p.block->count - p.idx < GONE_CHUNK ? p.block->count - p.idx : GONE_CHUNK;
	p.block->gone_stored[p.idx / GONE_CHUNK / 64] |= 1ull << (p.idx / GONE_CHUNK % 64);
	for (uint64_t i = 0; i < n; i++) {
		uint32_t idx = p.idx + (uint32_t)i;

		if (r->gone[i / 64] >> (i % 64) & 1) {
			p.block->state[idx] = 0;
			task_born(c, p.block, idx, TASK_GONE, 0);
		} else if (r->released[i / 64] >> (i % 64) & 1) {
			p.block->state[idx] &= (uint8_t)~TASK_HELD;
		} else if (lives) {
			/* a detached one too, that its own session took a hold on */
			p.block->state[idx] |= TASK_HELD;
		}
	}
	keep_load(c, p.block, p.idx, r->kept);
	return true;
}

void load_born(struct core *c, struct block *b, uint32_t idx, enum task_state s, uint8_t more)
{
	uint8_t flags = (uint8_t)(b->state[idx] | more);

	b->state[idx] = 0;
	task_born(c, b, idx, s, flags);
}

/* A later round of a task has a row: how the earlier one ended is over. */
static void forget_round(struct core *c, struct block *b, uint32_t idx)
{
	struct task *t = task_peek(b, idx);

	if (block_state(b, idx))
		task_unborn(c, b, idx);
	while (t && t->ncopies)
		copy_remove(c, t, t->copies[0]);
}

bool core_load_row(
	struct core *c, uint64_t id, uint16_t round, const struct task_row *r, const char **why)
{
	struct place p;
	struct task *t;
	struct outcome o = {.has_value = false};
	struct past_reader past;

	if (!place_shown(c, id, &p) || block_state(p.block, p.idx) == TASK_GONE)
		return bad(why, "a row of no task, or of a forgotten one");
	if (task_state_is_final(r->state) && !outcome_decode(r->outcome, &o, why))
		return bad(why, "a row whose outcome is malformed");
	if (!past_reader_init(&past, r->past, why))
		return false;
	if (round) {
		forget_round(c, p.block, p.idx);
		block_set_round(p.block, p.idx, round);
	} else if (block_state(p.block, p.idx)) {
		return bad(why, "a row for a second time");
	}
	if (r->state == TASK_LEASED)
		p.block->state[p.idx] |= TASK_ROW;
	else
		load_born(c, p.block, p.idx, r->state, TASK_ROW);
	t = task_get(c, p.block, p.idx);
	t->attempts = r->attempts;
	t->deaths = r->deaths;
	t->generation = r->generation;
	t->failures = r->failures;
	t->conflicts = r->conflicts;
	t->due_us = r->due_us;
	p.block->has_due = p.block->has_due || r->due_us;
	t->stop = r->stop;
	past_load(t, r->past);
	if (r->has_priority)
		priority_load(p.block, p.idx, r->priority);
	if (keep_may(p.block, p.idx))
		keep_load_row(c, p.block, p.idx, r->finished_us);
	t->stored = o.stored;
	t->held_value = o.has_value && !o.is_inline && !o.stored && r->state == TASK_DONE;
	t->started_us = o.started_us;
	t->finished_us = r->finished_us;
	if (o.cause == CAUSE_DEPENDENCY && o.blame)
		ensure(map64_put(&c->roots, id, o.blame));
	t->size = o.size;
	t->checksum = o.checksum;
	if (c->counters.finish_seq < r->finish_seq)
		c->counters.finish_seq = r->finish_seq;
	for (uint32_t i = 0; t->held_value && i < r->nholders; i++) {
		struct worker *w = map64_get_ptr(&c->workers, r->holders[i]);

		if (w)
			copy_add(c, t, w);
	}
	if (task_state_is_final(r->state))
		task_drop_if_dull(c, t);
	return true;
}

void load_supersede(struct core *c, struct task *t)
{
	t->bundle->live--;
	t->block->nleased--;
	t->worker->nleases--;
	t->block->owner->nleases--;
	worker_unuse(t->worker, demand_of(c, t->block, t->idx));
	list_remove(&t->in_worker);
	list_remove(&t->in_level);
	t->worker = NULL;
	t->bundle = NULL;
}

bool core_load_lease(
	struct core *c, struct fence first, const struct lease_bundle *r, const char **why)
{
	struct worker *w = map64_get_ptr(&c->workers, r->worker);
	struct bundle *b;

	if (!w)
		return bad(why, "leases of an unknown worker");
	b = bundle_new(c, w, first, r->count);
	b->issued_us = r->issued_us;
	if (c->nloaded == c->loaded_cap) {
		c->loaded_cap = c->loaded_cap ? c->loaded_cap * 2 : 64;
		c->loaded = xreallocarray(c->loaded, c->loaded_cap, sizeof(struct bundle *));
	}
	c->loaded[c->nloaded++] = b;
	for (uint32_t i = 0; i < r->count; i++) {
		struct place p;
		enum task_state s;
		struct task *t;

		b->entries[i] = lease_bundle_entry(r, i);
		if (b->entries[i].flags & (LEASE_REVOKED | LEASE_REMAKE) ||
			!place_shown(c, b->entries[i].id, &p))
			continue;
		s = block_state(p.block, p.idx);
		if (s && s != TASK_CANCELLING)
			continue;
		/* of an earlier round, whose end the entry did not outlive */
		if (b->entries[i].generation >> 16 != block_round(p.block, p.idx))
			continue;
		t = task_get(c, p.block, p.idx);
		if (t->worker)
			load_supersede(c, t);
		lease_adopt(c, t, b, i);
	}
	return true;
}

bool core_load_reply(struct core *c, uint32_t session, uint64_t seq, const struct reply_record *r,
	const char **why)
{
	struct session *s = map64_get_ptr(&c->sessions, session);
	struct cursor at;
	uint64_t live = 0;

	if (!s)
		return bad(why, "a reply of no session");
	if (seq > s->last_seq)
		return bad(why, "a reply to a request that was not made");
	if (r->code == DQ_E_CONFLICT && r->data.n) {
		cursor_init(&at, r->data);
		live = cursor_u64(&at);
		if (!cursor_at_end(&at))
			live = 0;
	}
	reply_load(s, seq, live);
	return true;
}

bool core_load_hold(struct core *c, uint32_t session, uint64_t id, const char **why)
{
	struct session *s = map64_get_ptr(&c->sessions, session);
	struct place p;

	if ((!s && session) || !place_of(c, id, &p) || block_state(p.block, p.idx) == TASK_GONE)
		return bad(why, "a hold of no session, or on no task");
	if (session)
		hold_take(c, s, p.block, p.idx);
	else
		hold_detach(c, p.block, p.idx);
	return true;
}

bool core_load_work(struct core *c, uint64_t seq, const struct work_record *r, const char **why)
{
	struct runs_reader rr;

	if (!runs_reader_init(&rr, r->runs, why))
		return false;
	if (c->counters.next_work <= seq)
		c->counters.next_work = seq + 1;
	work_new(c, seq, r, &rr);
	return true;
}
