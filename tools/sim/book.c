/*
 * The book of tasks. Neighbours: client.c and submit.c write what was asked and answered, runner.c
 * what ran, watch.c what was shown.
 */
#include "sim/book.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/hash.h"
#include "model/ids.h"

#include <string.h>

const char *fn_word(enum fn fn)
{
	static const char *const words[] = {
#define FN_WORD(name, word) word,
		SIM_FUNCTIONS(FN_WORD)
#undef FN_WORD
	};

	return fn < FN_COUNT ? words[fn] : "?";
}

enum fn fn_of_word(struct slice word)
{
	for (int i = 0; i < FN_COUNT; i++)
		if (slice_eq_str(word, fn_word((enum fn)i)))
			return (enum fn)i;
	return FN_COUNT;
}

void book_init(struct book *b)
{
	*b = (struct book){.n = 0};
	map64_init(&b->by_id);
}

void book_release(struct book *b)
{
	for (uint32_t i = 0; i < b->n; i++)
		free(b->v[i]);
	free(b->v);
	map64_release(&b->by_id);
	book_init(b);
}

struct book_task *book_add(struct book *b, uint64_t id)
{
	struct book_task *t = xcalloc(1, sizeof(*t));

	ensure(!map64_get(&b->by_id, id, NULL));
	if (b->n == b->cap) {
		b->cap = b->cap ? b->cap * 2 : 128;
		b->v = xreallocarray(b->v, b->cap, sizeof(struct book_task *));
	}
	t->id = id;
	t->element = -1;
	b->v[b->n++] = t;
	ensure(map64_put_ptr(&b->by_id, id, t));
	return t;
}

struct book_task *book_find(const struct book *b, uint64_t id)
{
	return map64_get_ptr(&b->by_id, id);
}

const struct book_task *book_forget(struct book *b, uint64_t from)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		struct book_task *t = b->v[i];

		if (t->id >= from && task_id_session(t->id) == task_id_session(from)) {
			if (t->submit == SUBMIT_TAKEN || t->submit == SUBMIT_SAME)
				return t;
			map64_remove(&b->by_id, t->id, NULL);
			free(t);
		} else {
			b->v[k++] = t;
		}
	}
	b->n = k;
	return NULL;
}

struct book_hold *book_hold(struct book_task *t, uint32_t session)
{
	for (uint32_t i = 0; i < t->nholds; i++)
		if (t->holds[i].session == session)
			return &t->holds[i];
	return NULL;
}

void book_hold_add(struct book_task *t, uint32_t session)
{
	struct book_hold *h = book_hold(t, session);

	if (h) {
		h->releasing = h->released = false;
		return;
	}
	/* more holders than fit: the task is then only known to be held by the first ones */
	if (t->nholds < BOOK_HOLDS_MAX)
		t->holds[t->nholds++] = (struct book_hold){.session = session};
}

void book_session_ended(struct book *b, uint32_t session)
{
	for (uint32_t i = 0; i < b->n; i++) {
		struct book_task *t = b->v[i];
		struct book_hold *h = book_hold(t, session);

		if (!h)
			continue;
		*h = t->holds[--t->nholds];
		t->ever_unheld = true;
	}
}

/* Those under the key; NULL: all with one. */
static void again_by_key(struct book *b, const char *key)
{
	for (uint32_t i = 0; i < b->n; i++)
		if (b->v[i]->key[0] && (!key || strcmp(b->v[i]->key, key) == 0))
			book_again(b, b->v[i]);
}

bool book_key_is_again(const struct book *b, const char *key)
{
	for (uint32_t i = 0; i < b->n; i++)
		if (b->v[i]->again && strcmp(b->v[i]->key, key) == 0)
			return true;
	return false;
}

void book_again(struct book *b, struct book_task *t)
{
	struct book_task *d;

	if (t->again)
		return;
	t->again = true;
	if (t->key[0])
		again_by_key(b, t->key);
	if (t->dep_by_key)
		again_by_key(b, NULL);
	for (uint32_t i = 0; i < t->ndeps; i++) {
		d = book_find(b, t->deps[i]);
		if (d)
			book_again(b, d);
	}
}

uint32_t book_value_bytes(const struct book_task *t)
{
	switch (t->fn) {
	case FN_SMALL:
		return 8 + (uint32_t)(t->id % 90);
	case FN_MEDIUM:
		return 300 + (uint32_t)(t->id % 900);
	case FN_LARGE:
		return BOOK_LARGE_BYTES + (uint32_t)(t->id % 100);
	default:
		return 16;
	}
}

void book_value(uint64_t id, uint32_t n, uint8_t *out)
{
	for (uint32_t i = 0; i < n; i += 8) {
		uint64_t v = hash_mix64(id * 1000003 + i);

		memcpy(out + i, &v, n - i < 8 ? n - i : 8);
	}
}

uint64_t book_checksum(uint64_t id, uint32_t n)
{
	uint8_t bytes[BOOK_LARGE_BYTES + 128];

	ensure(n <= sizeof(bytes));
	book_value(id, n, bytes);
	return hash64(slice_of(bytes, n));
}

uint64_t book_digest(const struct outcome *o)
{
	struct hasher h;
	uint64_t words[8] = {o->state, o->has_value, o->size, o->checksum, o->cause, o->blame,
		(uint64_t)(int64_t)o->exit_status, o->is_inline || !o->has_value};

	hasher_init(&h);
	hasher_update(&h, words, sizeof(words) - sizeof(words[0]));
	hasher_update(&h, o->message.p, o->message.n);
	return hasher_hash64(&h);
}

/* Could any of its dependencies have ended in this state? */
static bool dep_may_end(
	const struct book *b, const struct book_task *t, enum task_state state, bool calm)
{
	if (t->dep_by_key)
		return true;
	for (uint32_t i = 0; i < t->ndeps; i++) {
		const struct book_task *d = book_find(b, t->deps[i]);

		if (d && d->submit == SUBMIT_SAME)
			d = book_find(b, d->same_as);

		/* whether it is another task by its key is not known yet */
		if (!d || (d->submit == SUBMIT_SENT && d->key[0]) || d->again ||
			(d->shown ? d->state == state
				  : !book_may_end(b, d, state, CAUSE_DEPENDENCY, calm) ||
						!book_may_end(b, d, state, CAUSE_NONE, calm)))
			return true;
	}
	return false;
}

/* What is kept for a time may have lost its value before the submit came that depends on it. */
static bool dep_was_let_go(const struct book *b, const struct book_task *t)
{
	for (uint32_t i = 0; i < t->ndeps; i++) {
		const struct book_task *d = book_find(b, t->deps[i]);

		if (d && d->detached && d->times.retains)
			return true;
	}
	return false;
}

static const char *may_fail(
	const struct book *b, const struct book_task *t, enum cause cause, bool calm)
{
	if (t->fn == FN_FAIL && (cause == CAUSE_ERROR || cause == CAUSE_NONE))
		return NULL;
	if (t->fn == FN_LARGE && b->stores && (cause == CAUSE_ERROR || cause == CAUSE_NONE))
		return NULL;
	if (t->times.deadline_us && (cause == CAUSE_DEADLINE || cause == CAUSE_NONE))
		return NULL;
	if (cause == CAUSE_DEADLINE)
		return "a deadline, and it has none";
	if (cause == CAUSE_DEPENDENCY && t->times.on_dep_failure != DEP_FAIL)
		return "it failed for a dependency, and was to do otherwise";
	if (dep_may_end(b, t, TASK_FAILED, calm))
		return NULL;
	if ((cause == CAUSE_LOST || cause == CAUSE_NONE) && dep_was_let_go(b, t))
		return NULL;
	if (calm)
		return "it failed, and nothing gave it a reason to";
	if (cause == CAUSE_POISON)
		return t->leases ? NULL : "poison, and it was never leased";
	if (cause == CAUSE_WORKER)
		return t->once ? NULL : "its worker is blamed, and it may be tried again";
	if (cause == CAUSE_LOST)
		return t->ndeps ? NULL : "a lost input, and it has none";
	return cause == CAUSE_NONE ? NULL : "it failed, and nothing gave it a reason to";
}

const char *book_may_end(const struct book *b, const struct book_task *t, enum task_state state,
	enum cause cause, bool calm)
{
	switch (state) {
	case TASK_DONE:
		if (t->fn == FN_FAIL || t->fn == FN_DEADLY)
			return "it is done, and can only fail";
		return NULL;
	case TASK_FAILED:
		return may_fail(b, t, cause, calm);
	case TASK_CANCELLED:
		if (t->cancel_made || t->ever_unheld || dep_may_end(b, t, TASK_CANCELLED, calm) ||
			(t->times.on_dep_failure == DEP_SKIP &&
				dep_may_end(b, t, TASK_FAILED, calm)))
			return NULL;
		return "it was cancelled, and nobody asked for it";
	default:
		return "this is no end";
	}
}
