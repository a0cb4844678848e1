/*
 * dq-inspect check: blocks, rows, gone bitmaps, dependencies and keys.
 *
 * What a crash may leave behind is no violation: an unfinished task that nothing holds (a start
 * cancels it), a waiting task whose dependency ended badly (a start ends it). An ended task that
 * nothing holds, though, should be gone: that is a leak.
 */
#include "check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "model/limits.h"

static int u64_cmp(const void *pa, const void *pb)
{
	const uint64_t *a = pa, *b = pb;

	return *a < *b ? -1 : *a > *b;
}

/* Sorted, then each value that stands twice is told. */
static void check_unique(struct image *img, uint64_t *v, size_t n, const char *what)
{
	if (n > 1)
		qsort(v, n, sizeof(*v), u64_cmp);
	for (size_t i = 1; i < n; i++)
		if (v[i] == v[i - 1])
			image_problem(img, "%s %" PRIu64 " is there twice", what, v[i]);
}

static void check_block(struct image *img, const struct img_block *block)
{
	const struct block_record *r = &block->r;
	const struct img_session *session = image_session(img, r->session);
	char id[ID_TEXT_BYTES];
	uint64_t gone = 0;

	id_text(r->first, id);
	for (uint64_t i = block->at; i < block->at + r->count; i++)
		gone += img->state[i] == TASK_GONE;
	if (gone == r->count)
		image_problem(img, "block %s: all its tasks are gone, the block is not", id);
	if (r->count >
		(r->flags & BLOCK_ARRAY ? (uint64_t)LIMIT_ARRAY_ELEMENTS : LIMIT_SUBMIT_TASKS))
		image_problem(img, "block %s: %" PRIu64 " tasks are over the limit", id, r->count);
	if (!image_user(img, r->user) && r->user != 0)
		image_problem(img, "block %s: there is no user %" PRIu32, id, r->user);
	if (session && r->seq > session->r.last_seq)
		image_problem(img,
			"block %s: request %" PRIu64 " is past its session's last, %" PRIu64, id,
			r->seq, session->r.last_seq);
	if (session && (uint64_t)task_id_n(r->first) + r->count > session->r.next_n)
		image_problem(img, "block %s: its session says that %" PRIu32 " is not used yet",
			id, session->r.next_n);
	if (img->has_counters && r->order > img->counters.order)
		image_problem(img, "block %s: order %" PRIu64 " is above the counter, %" PRIu64, id,
			r->order, img->counters.order);
}

void check_blocks(struct image *img)
{
	uint64_t *orders = xcalloc(img->blocks.n + 1, sizeof(*orders));

	for (size_t b = 0; b < img->blocks.n; b++) {
		check_block(img, &img->blocks.v[b]);
		orders[b] = img->blocks.v[b].r.order;
	}
	check_unique(img, orders, img->blocks.n, "the order of a block");
	free(orders);
}

void check_gone(struct image *img)
{
	for (size_t c = 0; c < img->chunks.n; c++) {
		const struct img_chunk *chunk = &img->chunks.v[c];
		const struct img_block *block;
		uint64_t index, left;
		char id[ID_TEXT_BYTES];

		id_text(chunk->first, id);
		if (!image_place(img, chunk->first, &block, &index)) {
			image_problem(img, "gone %s: no block has this task", id);
			continue;
		}
		if ((index - block->at) % GONE_CHUNK != 0)
			image_problem(img, "gone %s: not where a chunk of its block starts", id);
		left = block->at + block->r.count - index;
		for (uint64_t i = left; i < GONE_CHUNK; i++)
			if ((chunk->r.gone[i / 64] | chunk->r.released[i / 64]) >> (i % 64) & 1) {
				image_problem(
					img, "gone %s: a bit is set past the block's end", id);
				break;
			}
	}
}

static void check_outcome(
	struct image *img, const struct img_row *row, const struct task_row *r, const char *id)
{
	struct outcome outcome;
	const char *why;

	if (!outcome_decode(r->outcome, &outcome, &why)) {
		image_problem(img, "task %s: its outcome: %s", id, why);
		return;
	}
	if (outcome.state != row->state)
		image_problem(img, "task %s: the row says %s, its outcome %s", id,
			task_state_word(row->state), task_state_word(outcome.state));
	if (outcome.started_us && r->attempts == 0)
		image_problem(img, "task %s: a worker ran it, and no attempt was counted", id);
	if (row->state == TASK_DONE && r->attempts == 0)
		image_problem(img, "task %s: done without an attempt", id);
	/* A worker that has left is still named: the scheduler finds that out when it starts. */
	for (uint32_t i = 0; i < r->nholders; i++)
		if (!image_worker(img, r->holders[i]) &&
			(r->holders[i] == 0 || !img->has_counters ||
				r->holders[i] >= img->counters.next_worker))
			image_problem(img,
				"task %s: its value is said to be on worker %" PRIu32
				", which never was",
				id, r->holders[i]);
}

static void check_row(struct image *img, const struct img_row *row)
{
	const struct img_block *block;
	struct task_row r;
	const char *why;
	uint64_t index;
	char id[ID_TEXT_BYTES];

	id_text(row->id, id);
	if (!image_place(img, row->id, &block, &index)) {
		image_problem(img, "task %s: it has a row, and no block has it", id);
		return;
	}
	if (img->state[index] == TASK_GONE)
		image_problem(img, "task %s: it is gone, its row is not", id);
	if (!task_row_decode(row->value, &r, &why))
		return;
	if (!task_state_is_final(row->state)) {
		if (row->finish_seq)
			image_problem(
				img, "task %s: not ended, and has a place among the ends", id);
		return;
	}
	if (row->finish_seq == 0)
		image_problem(img, "task %s: ended, and has no place among the ends", id);
	if (img->has_counters && row->finish_seq > img->counters.finish_seq)
		image_problem(img, "task %s: finish_seq %" PRIu64 " is above the counter, %" PRIu64,
			id, row->finish_seq, img->counters.finish_seq);
	check_outcome(img, row, &r, id);
}

void check_rows(struct image *img)
{
	uint64_t *ends = xcalloc(img->rows.n + img->earlier.n + 1, sizeof(*ends));
	size_t n = 0;

	for (size_t i = 0; i < img->rows.n; i++) {
		check_row(img, &img->rows.v[i]);
		if (img->rows.v[i].finish_seq)
			ends[n++] = img->rows.v[i].finish_seq;
	}
	for (size_t i = 0; i < img->earlier.n; i++) {
		const struct img_row *row = &img->earlier.v[i];
		char id[ID_TEXT_BYTES];

		check_row(img, row);
		if (task_state_is_final(row->state))
			ends[n++] = row->finish_seq;
		else
			image_problem(img,
				"task %s: its round %u has not ended, and is not the last",
				id_text(row->id, id), row->round);
	}
	check_unique(img, ends, n, "the finish_seq");
	free(ends);
}

/* It was begun anew by a user, whatever had become of what depends on it. */
static bool was_retried(const struct image *img, uint64_t id)
{
	const struct img_row *row = image_row(img, id);

	return row && row->round;
}

static void check_deps(struct image *img, const struct img_walk *w, const char *id)
{
	enum task_state state = (enum task_state)img->state[w->index];
	bool ended = task_state_is_final(state) && !(img->flag[w->index] & IMG_DOOMED);
	bool any_end = image_policy(w) == DEP_RUN;
	char dep_text[ID_TEXT_BYTES];

	for (uint32_t i = 0; i < w->entry.ndeps; i++) {
		uint64_t dep = img_walk_dep(w, i), index;
		const struct img_block *block;
		enum task_state dep_state = TASK_GONE;

		if (image_place(img, dep, &block, &index))
			dep_state = (enum task_state)img->state[index];
		id_text(dep, dep_text);
		if (any_end && task_state_is_final(dep_state))
			continue;
		if (dep == w->id)
			image_problem(img, "task %s: depends on itself", id);
		else if (dep_state == TASK_GONE && !ended)
			image_problem(img, "task %s: %s, and its dependency %s is gone", id,
				task_state_word(state), dep_text);
		else if (dep_state == TASK_GONE || dep_state == TASK_DONE || was_retried(img, dep))
			continue;
		else if (state == TASK_DONE)
			image_problem(img, "task %s: done, and its dependency %s is %s", id,
				dep_text, task_state_word(dep_state));
		else if (state == TASK_LEASED)
			image_problem(img, "task %s: leased, and its dependency %s is %s", id,
				dep_text, task_state_word(dep_state));
	}
}

/* Is there anything that keeps an ended task? Lineage is taken for granted where there is a
 * dependent. */
static bool is_kept(const struct image *img, const struct img_walk *w)
{
	uint8_t flag = img->flag[w->index];
	uint64_t us;

	if (flag & (IMG_DETACHED | IMG_HELD | IMG_NEEDED | IMG_KEPT))
		return true;
	if (!(flag & IMG_OVER) && image_retention(w, &us) && us)
		return true;
	return image_session(img, w->block->r.session) && !(flag & IMG_RELEASED);
}

void check_tasks(struct image *img)
{
	for (size_t b = 0; b < img->blocks.n; b++) {
		struct img_walk w;

		img_walk_begin(&w, &img->blocks.v[b]);
		while (img_walk_next(&w)) {
			enum task_state state = (enum task_state)img->state[w.index];
			char id[ID_TEXT_BYTES];

			if (state == TASK_GONE)
				continue;
			id_text(w.id, id);
			/* what is being removed lets go of its dependencies before its record goes
			 */
			if (!w.block->dead)
				check_deps(img, &w, id);
			if (w.block->staged &&
				(state != TASK_WAITING || img->flag[w.index] & IMG_ROW))
				image_problem(img,
					"task %s: something was done with it before its graph was "
					"there",
					id);
			if (task_state_is_final(state) && !(img->flag[w.index] & IMG_DOOMED) &&
				!is_kept(img, &w))
				image_problem(img,
					"task %s: %s, and nothing holds it: it should be gone", id,
					task_state_word(state));
		}
	}
}

struct named {
	struct fp128 key;
	uint64_t id;
};

static int named_cmp(const void *pa, const void *pb)
{
	const struct named *a = pa, *b = pb;
	int rc = memcmp(&a->key, &b->key, sizeof(a->key));

	return rc ? rc : (a->id > b->id) - (a->id < b->id);
}

static struct fp128 name_of(const struct img_walk *w)
{
	struct hasher hasher;

	hasher_init(&hasher);
	hasher_update(&hasher, w->block->r.ns.p, w->block->r.ns.n);
	hasher_update(&hasher, "", 1);
	hasher_update(&hasher, w->entry.key.p, w->entry.key.n);
	return hasher_fp128(&hasher);
}

/* A key names one task in its namespace: an array counts once. */
void check_keys(struct image *img)
{
	struct named *v = NULL;
	size_t n = 0, cap = 0;
	char a[ID_TEXT_BYTES], b[ID_TEXT_BYTES];

	for (size_t at = 0; at < img->blocks.n; at++) {
		struct img_walk w;

		img_walk_begin(&w, &img->blocks.v[at]);
		while (img_walk_next(&w)) {
			bool array = w.block->r.flags & BLOCK_ARRAY;

			if (w.entry.key.n == 0 || img->state[w.index] == TASK_GONE || w.block->dead)
				continue;
			if (n == cap) {
				cap = cap ? cap * 2 : 64;
				v = xreallocarray(v, cap, sizeof(*v));
			}
			v[n++] = (struct named){.key = name_of(&w), .id = w.id};
			if (array)
				break;
		}
	}
	if (n > 1)
		qsort(v, n, sizeof(*v), named_cmp);
	for (size_t i = 1; i < n; i++)
		if (memcmp(&v[i].key, &v[i - 1].key, sizeof(v[i].key)) == 0)
			image_problem(img, "tasks %s and %s have the same key",
				id_text(v[i - 1].id, a), id_text(v[i].id, b));
	free(v);
}
