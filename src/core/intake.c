/*
 * The reading of a submit (core/intake.h): keys and dependencies are resolved into the scratch
 * arrays, everything is checked.
 */
#include "core/intake.h"
#include "core/timer.h"

struct fp128 key_fingerprint(struct slice ns, struct slice key)
{
	struct hasher h;
	uint8_t zero = 0;

	hasher_init(&h);
	hasher_update(&h, ns.p, ns.n);
	hasher_update(&h, &zero, 1);
	hasher_update(&h, key.p, key.n);
	return hasher_fp128(&h);
}

static bool refuse(struct intake *in, uint32_t code, const char *text, struct slice more)
{
	in->code = code;
	in->text = text;
	in->more = more;
	return false;
}

static void scratch_push(struct core *c, uint32_t at, uint64_t id)
{
	if (at == c->scratch_cap) {
		c->scratch_cap = c->scratch_cap ? c->scratch_cap * 2 : 1024;
		c->scratch_deps = xreallocarray(c->scratch_deps, c->scratch_cap, sizeof(uint64_t));
	}
	c->scratch_deps[at] = id;
}

/* May the submit name the task? One of a graph in parts only in the graph's own parts. */
static bool is_there(const struct intake *in, struct place p)
{
	return block_state(p.block, p.idx) != TASK_GONE &&
	       (!block_is_hidden(p.block) || p.block->stage == in->stage);
}

/* The id that a reference means, which must be there; i: the entry that makes it. */
static bool resolve_dep(struct intake *in, const struct dep_ref *ref, uint32_t i, uint64_t *out)
{
	struct run run;
	struct place p;

	if (ref->id >= in->first && ref->id < in->first + in->count) {
		uint64_t j = ref->id - in->first;

		if (in->array || j >= i)
			return refuse(in, DQ_E_USAGE, "a task depends on itself or on a later one",
				slice_empty());
		*out = in->alias[j] ? in->alias[j] : ref->id;
		return true;
	}
	if (ref->id) {
		*out = ref->id;
		if (place_of(in->c, ref->id, &p) && p.block->owner == in->user && is_there(in, p))
			return true;
		return refuse(
			in, DQ_E_NOT_FOUND, "a dependency is not there any more", slice_empty());
	}
	if (in->any_key && !memchr(ref->key.p, '/', ref->key.n)) {
		struct fp128 fp = key_fingerprint(in->ns, ref->key);
		uint64_t id;

		if (fpmap_get(&in->c->keys, fp, &id) && id >= in->first &&
			id < in->first + in->count) {
			*out = id;
			return !in->array ||
			       refuse(in, DQ_E_USAGE, "a task depends on itself", slice_empty());
		}
	}
	if (!resolve_any(in->c, in->user->number, ref->key, &run) ||
		!place_of(in->c, run.first, &p) || !is_there(in, p))
		return refuse(in, DQ_E_NOT_FOUND, "no such dependency: ", ref->key);
	/* the client does not know yet that its own submit under this key was refused */
	if (in->s && map64_get(&in->s->replies.conflicts,
			     p.block->flags & BLOCK_ARRAY ? p.block->first : run.first, NULL))
		return refuse(in, DQ_E_NOT_FOUND,
			"the submit of this dependency was refused: ", ref->key);
	if (run.count != 1)
		return refuse(in, DQ_E_USAGE,
			"a dependency on a whole array: name an element: ", ref->key);
	*out = run.first;
	return true;
}

static bool read_deps(struct intake *in, struct block_entry *entry, uint32_t i)
{
	in->dep_at[i] = in->ndeps;
	for (uint32_t k = 0; k < entry->ndeps; k++) {
		struct dep_ref ref;
		uint64_t id;

		if (!block_entry_dep(entry, &ref))
			return refuse(in, DQ_E_USAGE, "a malformed dependency", slice_empty());
		if (!resolve_dep(in, &ref, i, &id))
			return false;
		scratch_push(in->c, in->ndeps++, id);
	}
	in->dep_at[i + 1] = in->ndeps;
	return true;
}

struct fp128 spec_fingerprint(uint64_t shape, struct slice spec, const uint64_t *deps,
	uint32_t ndeps, struct slice inputs, struct fp128 resources)
{
	struct hasher h;

	hasher_init(&h);
	hasher_update(&h, &shape, sizeof(shape));
	hasher_update(&h, spec.p, spec.n);
	if (ndeps)
		hasher_update(&h, deps, ndeps * sizeof(uint64_t));
	hasher_update(&h, inputs.p, inputs.n);
	if (resources.hi || resources.lo)
		hasher_update(&h, &resources, sizeof(resources));
	return hasher_fp128(&h);
}

/* The same task again: held by one record an element, unless it is so already. */
static bool claim_same(struct intake *in, const struct block *b, uint32_t i)
{
	bool held = in->detached[i] ? b->state[0] & TASK_DETACHED
				    : in->s && b->session == in->s->number;

	if (in->stage && in->detached[i]) {
		in->ndetach += in->array ? in->count : 1;
		if (!stage_may_detach(in->stage, in->ndetach))
			return refuse(in, DQ_E_LIMIT, HOLD_TASKS_TEXT, slice_empty());
	}
	return !in->array || held || in->count <= HOLD_TASKS_MAX ||
	       refuse(in, DQ_E_LIMIT, HOLD_TASKS_TEXT, slice_empty());
}

/* Is the key free? Else *id has it. That of a graph which is being taken away is free. */
static bool key_is_free(struct intake *in, const struct task_key *k, uint64_t *id)
{
	struct place p;

	return !fpmap_get(&in->c->keys, k->key, id) ||
	       ((*id < in->first || *id >= in->first + in->count) && place_of(in->c, *id, &p) &&
		       p.block->stage && p.block->stage->state == STAGE_DEAD);
}

static bool same_spec(const struct task_key *a, const struct task_key *b)
{
	return a->spec.hi == b->spec.hi && a->spec.lo == b->spec.lo;
}

/* Is it, or some of an array, being stopped since nobody wanted it? It will end cancelled whoever
 * wants it now. */
static bool is_given_up(const struct block *b, uint32_t idx, uint64_t count)
{
	for (uint64_t i = idx; i < idx + count; i++)
		if (block_state(b, (uint32_t)i) == TASK_CANCELLING && !task_is_held(b, (uint32_t)i))
			return true;
	return false;
}

/* The key is that of another submit's task. */
static bool claim_taken(
	struct intake *in, const struct block_entry *entry, uint32_t i, struct place p)
{
	bool array = p.block->flags & BLOCK_ARRAY;

	if (block_is_hidden(p.block) && p.block->stage != in->stage)
		return refuse(in, DQ_E_CONFLICT,
			"a graph that is being submitted has the key: ", entry->key);
	if (!same_spec(&p.block->keys[array ? 0 : p.idx], &in->keys[i]) || array != in->array) {
		in->live = in->alias[i];
		return refuse(in, DQ_E_CONFLICT, "another task has the key: ", entry->key);
	}
	in->live = in->alias[i];
	if (is_given_up(p.block, p.idx, array ? p.block->count : 1))
		return refuse(in, DQ_E_CONFLICT,
			"a task that is being stopped has the key: ", entry->key);
	if (p.block->live == p.block->count || !in->array) {
		in->live = 0;
		return claim_same(in, p.block, i);
	}
	return refuse(in, DQ_E_CONFLICT,
		"an array of which a part was released has the key: ", entry->key);
}

/* An entry with a key of the user's: new, or the same task, or a conflict. */
static bool claim_key(
	struct intake *in, const struct block_entry *entry, uint32_t i, struct slice inputs)
{
	const char *why;
	struct task_key *k = &in->keys[i];
	struct place p;
	uint64_t id;

	if (!key_is_valid(entry->key, &why))
		return refuse(in, DQ_E_USAGE, why, slice_empty());
	k->key = key_fingerprint(in->ns, entry->key);
	k->spec = spec_fingerprint(in->array ? array_shape(in->count, in->first_index) : 0,
		entry->spec, in->c->scratch_deps + in->dep_at[i], in->dep_at[i + 1] - in->dep_at[i],
		inputs, terms_resources(in->c, in->terms[i]));
	if (key_is_free(in, k, &id)) {
		in->any_key = true;
		ensure(fpmap_put(&in->c->keys, k->key, in->first + i));
		return true;
	}
	in->alias[i] = id;
	in->any_alias = true;
	if (id < in->first || id >= in->first + in->count) {
		ensure(place_of(in->c, id, &p));
		return claim_taken(in, entry, i, p);
	}
	if (same_spec(&in->keys[id - in->first], k))
		return true;
	in->live = id;
	return refuse(in, DQ_E_CONFLICT, "another task has the key: ", entry->key);
}

static bool read_entry(
	struct intake *in, struct block_entry *entry, uint32_t i, struct slice inputs)
{
	if (!read_deps(in, entry, i))
		return false;
	if (in->array && in->ndeps * in->count > LIMIT_ARRAY_EDGES)
		return refuse(in, DQ_E_LIMIT, limit_text(LIMIT_INDEX_ARRAY_EDGES), slice_empty());
	in->option[i] = (uint8_t)((entry->once ? OPTION_ONCE : 0) |
				  (entry->recompute ? OPTION_RECOMPUTE : 0) |
				  (entry->kind == SPEC_EXEC ? OPTION_EXEC : 0));
	in->any_option = in->any_option || in->option[i];
	in->detached[i] = entry->detached;
	if (!in->s && !entry->detached)
		return refuse(in, DQ_E_USAGE, "what a task's transaction submits must be detached",
			slice_empty());
	if (intake_is_dealt(in) && !entry->detached && in->count > HOLD_TASKS_MAX)
		return refuse(in, DQ_E_LIMIT, HOLD_TASKS_TEXT, slice_empty());
	if (entry->first_index && (!in->array || entry->first_index + in->count > UINT32_MAX))
		return refuse(in, DQ_E_USAGE,
			in->array ? "an array's indexes end at 4294967294"
				  : "a first index without an array",
			slice_empty());
	in->first_index = entry->first_index;
	if (entry->at_once && !in->array)
		return refuse(
			in, DQ_E_USAGE, "a bound on tasks at once without an array", slice_empty());
	in->at_once = entry->at_once;
	if (entry->nlabels) {
		in->any_label = true;
		in->label[i] = labels_take(in->c, entry);
		if (!in->label[i])
			return refuse(in, DQ_E_USAGE, "a malformed label", slice_empty());
	}
	if (entry->terms.n) {
		const char *why = NULL;

		in->any_terms = true;
		in->terms[i] = terms_take(in->c, entry->terms, &why);
		if (!in->terms[i])
			return refuse(in, DQ_E_USAGE, why, slice_empty());
		in->any_timed = in->any_timed || terms_are_timed(in->c, in->terms[i]);
	}
	return slice_is_empty(entry->key) || claim_key(in, entry, i, inputs);
}

bool intake_body(struct intake *in)
{
	struct block_reader r;
	struct block_entry entry;
	struct cursor inputs = {0};
	uint64_t ninputs = 0;

	block_reader_init(&r, in->e->submit.body);
	if (!in->array) {
		for (uint32_t i = 0; i < in->entries; i++) {
			if (!block_reader_next(&r, &entry))
				return refuse(in, DQ_E_USAGE, r.why, slice_empty());
			if (!read_entry(in, &entry, i, slice_empty()))
				return false;
		}
	} else {
		if (!block_reader_next(&r, &entry) || !block_reader_inputs(&r, &ninputs, &inputs))
			return refuse(in, DQ_E_USAGE, r.why, slice_empty());
		if (ninputs && ninputs != in->count)
			return refuse(in, DQ_E_USAGE,
				"an array with another number of inputs than elements",
				slice_empty());
		if (!read_entry(in, &entry, 0,
			    ninputs ? slice_of(inputs.p, (size_t)(r.c.p - inputs.p))
				    : slice_empty()))
			return false;
	}
	if (!block_reader_end(&r))
		return refuse(in, DQ_E_USAGE, r.why ? r.why : "bytes left over after the last task",
			slice_empty());
	return true;
}

bool intake_head(struct intake *in)
{
	const struct event *e = in->e;

	in->array = e->submit.flags & BLOCK_ARRAY;
	in->first = task_id(in->home, e->submit.first_n);
	in->count = e->submit.count;
	in->ns = slice_str(in->user->name);
	if (in->count == 0)
		return refuse(in, DQ_E_USAGE, "an empty submit", slice_empty());
	if (e->submit.flags & ~(BLOCK_ARRAY | SUBMIT_STAGED | SUBMIT_BEGIN) ||
		(intake_is_dealt(in) && e->submit.flags & ~BLOCK_ARRAY) ||
		(e->submit.flags & SUBMIT_BEGIN && !(e->submit.flags & SUBMIT_STAGED)))
		return refuse(in, DQ_E_USAGE, "SUBMIT: unknown flags", slice_empty());
	if (e->submit.ns.n > LIMIT_NAMESPACE_BYTES)
		return refuse(
			in, DQ_E_LIMIT, limit_text(LIMIT_INDEX_NAMESPACE_BYTES), slice_empty());
	if (e->submit.ns.n && !slice_eq(e->submit.ns, in->ns))
		return refuse(in, DQ_E_REFUSED, "not your namespace: ", e->submit.ns);
	if (in->array ? in->count > LIMIT_ARRAY_ELEMENTS : in->count > LIMIT_SUBMIT_TASKS)
		return refuse(in, DQ_E_LIMIT,
			limit_text(
				in->array ? LIMIT_INDEX_ARRAY_ELEMENTS : LIMIT_INDEX_SUBMIT_TASKS),
			slice_empty());
	if (e->submit.body.n > LIMIT_SUBMIT_BYTES)
		return refuse(in, DQ_E_LIMIT, limit_text(LIMIT_INDEX_SUBMIT_BYTES), slice_empty());
	if ((!intake_is_dealt(in) && e->submit.first_n < in->s->next_n) ||
		e->submit.first_n + in->count > UINT32_MAX)
		return refuse(in, DQ_E_USAGE, "task numbers that were used", slice_empty());
	if (e->no_room)
		return refuse(in, DQ_E_STORE, "the store is full", slice_empty());
	if (e->submit.flags & SUBMIT_STAGED &&
		!stage_for_part(in->c, in->s, e, &in->stage, &in->code, &in->text))
		return false;
	in->entries = in->array ? 1 : (uint32_t)in->count;
	return true;
}

void intake_alloc(struct intake *in)
{
	in->keys = xcalloc(in->entries, sizeof(*in->keys));
	in->dep_at = xcalloc(in->entries + 1, sizeof(*in->dep_at));
	in->option = xcalloc(in->entries, 1);
	in->label = xcalloc(in->entries, sizeof(*in->label));
	in->terms = xcalloc(in->entries, sizeof(*in->terms));
	in->alias = xcalloc(in->entries, sizeof(*in->alias));
	in->detached = xcalloc(in->entries, 1);
}

void intake_hand_over(struct intake *in, struct block *b)
{
	if (in->any_key) {
		b->keys = in->keys;
		in->keys = NULL;
	}
	if (in->ndeps) {
		b->dep_at = in->dep_at;
		in->dep_at = NULL;
		b->deps = xmemdup(in->c->scratch_deps, in->ndeps * sizeof(uint64_t));
	}
	if (in->any_option) {
		b->option = in->option;
		in->option = NULL;
	}
	if (in->any_label) {
		b->label = in->label;
		in->label = NULL;
	}
	if (in->any_terms) {
		b->terms = in->terms;
		in->terms = NULL;
	}
}

void intake_free(struct intake *in)
{
	free(in->keys);
	free(in->dep_at);
	free(in->option);
	for (uint32_t i = 0; in->label && i < in->entries; i++)
		labels_drop(in->c, in->label[i]);
	free(in->label);
	for (uint32_t i = 0; in->terms && i < in->entries; i++)
		terms_drop(in->c, in->terms[i]);
	free(in->terms);
	free(in->alias);
	free(in->detached);
}

void intake_take_back(struct intake *in)
{
	for (uint32_t i = 0; in->keys && i < in->entries; i++) {
		uint64_t id;

		if ((in->keys[i].key.hi || in->keys[i].key.lo) &&
			fpmap_get(&in->c->keys, in->keys[i].key, &id) && id == in->first + i)
			fpmap_remove(&in->c->keys, in->keys[i].key, NULL);
	}
}
