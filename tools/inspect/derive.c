/*
 * dq-inspect: deriving states. In this order: stages, gone bitmaps, rows, leases, holds,
 * dependencies. What a task without a row is follows from its lease and its dependencies; one whose
 * dependency ended badly ends likewise at the next start (doomed). Neighbours: image.c loads,
 * check-*.c complain. Nothing fails here: what contradicts is left for `check` to name.
 */
#include "derive.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"

#define DOOM_ROUNDS 1000

/* Those that only their retention keeps, or kept. */
static void derive_kept(
	struct image *img, const struct img_chunk *chunk, uint64_t index, uint64_t n)
{
	struct slice runs = chunk->r.kept;
	struct keep_run r;

	while (keep_run_next(&runs, &r))
		for (uint64_t i = r.at; i < r.at + r.n && i < n; i++)
			img->flag[index + i] |= r.since == UINT32_MAX ? IMG_OVER : IMG_KEPT;
}

static void derive_gone(struct image *img)
{
	for (size_t c = 0; c < img->chunks.n; c++) {
		const struct img_chunk *chunk = &img->chunks.v[c];
		const struct img_block *block;
		uint64_t index;

		if (!image_place(img, chunk->first, &block, &index))
			continue;
		for (uint64_t i = 0; i < GONE_CHUNK; i++) {
			if (index + i >= block->at + block->r.count)
				break;
			if (chunk->r.gone[i / 64] >> (i % 64) & 1)
				img->state[index + i] = TASK_GONE;
			if (chunk->r.released[i / 64] >> (i % 64) & 1)
				img->flag[index + i] |= IMG_RELEASED;
		}
		derive_kept(img, chunk, index, block->at + block->r.count - index);
	}
}

static void derive_rows(struct image *img)
{
	for (size_t i = 0; i < img->rows.n; i++) {
		const struct img_row *row = &img->rows.v[i];
		const struct img_block *block;
		uint64_t index;

		if (!image_place(img, row->id, &block, &index))
			continue;
		img->flag[index] |= IMG_ROW;
		if (img->state[index] != TASK_GONE &&
			(task_state_is_final(row->state) || row->state == TASK_CANCELLING))
			img->state[index] = (uint8_t)row->state;
	}
}

static int lease_cmp(const void *pa, const void *pb)
{
	const struct img_lease *a = pa, *b = pb;

	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return fence_before(a->fence, b->fence) ? -1 : fence_before(b->fence, a->fence);
}

/* The last entry of a task is live unless it is revoked, or its task is gone or has ended in that
 * generation; a remake's while its task is done. */
static bool lease_lives(const struct image *img, const struct img_lease *lease)
{
	const struct img_row *row = image_row(img, lease->id);
	const struct img_block *block;
	uint64_t index;
	bool ended;

	if (lease->flags & LEASE_REVOKED || !image_place(img, lease->id, &block, &index) ||
		img->state[index] == TASK_GONE)
		return false;
	ended = row && task_state_is_final(row->state) && row->generation >= lease->generation;
	if (row && row->generation > lease->generation)
		return false;
	if (lease->flags & LEASE_REMAKE)
		return row && row->state == TASK_DONE && row->generation == lease->generation;
	return !ended;
}

static void derive_leases(struct image *img)
{
	if (img->leases.n > 0)
		qsort(img->leases.v, img->leases.n, sizeof(img->leases.v[0]), lease_cmp);
	for (size_t i = 0; i < img->leases.n; i++) {
		struct img_lease *lease = &img->leases.v[i];
		const struct img_block *block;
		uint64_t index;

		if (i + 1 < img->leases.n && img->leases.v[i + 1].id == lease->id)
			continue;
		lease->live = lease_lives(img, lease);
		if (lease->live && image_place(img, lease->id, &block, &index) &&
			img->state[index] == TASK_WAITING)
			img->state[index] = TASK_LEASED;
	}
}

static void derive_hold(struct image *img, uint64_t id)
{
	const struct img_block *block;
	uint64_t index;

	if (image_place(img, id, &block, &index))
		img->flag[index] |= IMG_HELD;
}

static void derive_held(void *arg, uint64_t id)
{
	derive_hold(arg, id);
}

static void derive_holds(struct image *img)
{
	for (size_t i = 0; i < img->holds.n; i++)
		derive_hold(img, img->holds.v[i].id);
	for (size_t i = 0; i < img->things.n; i++)
		thing_tasks(&img->things.v[i], derive_held, img);
	for (size_t i = 0; i < img->items.n; i++)
		derive_hold(img, img->items.v[i].task);
}

/* What a waiting task is, by its dependencies. */
static enum task_state state_by_deps(
	const struct image *img, const struct img_walk *w, bool *doomed)
{
	enum task_state state = TASK_READY;
	enum dep_policy policy = image_policy(w);

	*doomed = false;
	for (uint32_t i = 0; i < w->entry.ndeps; i++) {
		const struct img_block *block;
		enum task_state dep;
		uint64_t index;

		if (!image_place(img, img_walk_dep(w, i), &block, &index))
			continue;
		dep = (enum task_state)img->state[index];
		if ((dep == TASK_FAILED || dep == TASK_CANCELLED) && policy != DEP_RUN) {
			*doomed = true;
			return policy == DEP_SKIP ? TASK_CANCELLED : dep;
		}
		if (!task_state_is_final(dep) && dep != TASK_GONE)
			state = TASK_WAITING;
	}
	return state == TASK_READY && image_start_us(img, w) > clock_wall_us() ? TASK_SCHEDULED
									       : state;
}

static void mark_needed(struct image *img, const struct img_walk *w)
{
	for (uint32_t i = 0; i < w->entry.ndeps; i++) {
		const struct img_block *block;
		uint64_t index;

		if (image_place(img, img_walk_dep(w, i), &block, &index))
			img->flag[index] |= IMG_NEEDED;
	}
}

/* Parts of graphs that are not there: of the session's head if that is the one that they name, else
 * being removed. */
static void derive_stages(struct image *img)
{
	const struct img_stage *head = NULL;

	for (size_t i = 0; i < img->stages.n; i++) {
		const struct img_stage *stage = &img->stages.v[i];
		const struct img_block *found;
		struct img_block *block;
		uint64_t index;

		if (!stage->first)
			head = stage;
		if (!stage->first || !image_place(img, stage->first, &found, &index))
			continue;
		block = &img->blocks.v[found - img->blocks.v];
		block->staged = true;
		block->dead = !head || head->session != stage->session ||
			      head->r.number != stage->r.number;
	}
}

/* One pass over all tasks; true when one was found doomed, so that those behind it may be too. */
static bool derive_pass(struct image *img, bool first)
{
	bool again = false;

	for (size_t b = 0; b < img->blocks.n; b++) {
		struct img_walk w;

		img_walk_begin(&w, &img->blocks.v[b]);
		while (img_walk_next(&w)) {
			uint8_t *state = &img->state[w.index];
			bool doomed;

			if (*state == TASK_GONE)
				continue;
			if (first && w.entry.detached && !(img->flag[w.index] & IMG_OVER))
				img->flag[w.index] |= IMG_DETACHED;
			if (first)
				mark_needed(img, &w);
			if (img->blocks.v[b].staged ||
				(*state != TASK_WAITING && *state != TASK_READY &&
					*state != TASK_SCHEDULED))
				continue;
			*state = (uint8_t)state_by_deps(img, &w, &doomed);
			if (doomed)
				img->flag[w.index] |= IMG_DOOMED;
			again = again || doomed;
		}
		if (w.why && first) {
			img->blocks.v[b].readable = false;
			image_problem(img, "record block %u.%u: its body: %s",
				task_id_session(img->blocks.v[b].r.first),
				task_id_n(img->blocks.v[b].r.first), w.why);
		}
	}
	return again;
}

void image_derive(struct image *img)
{
	img->state = xmalloc(img->ntasks + 1);
	img->flag = xcalloc(img->ntasks + 1, 1);
	for (uint64_t i = 0; i < img->ntasks; i++)
		img->state[i] = TASK_WAITING;
	derive_stages(img);
	derive_gone(img);
	derive_rows(img);
	derive_leases(img);
	derive_holds(img);
	for (int round = 0; derive_pass(img, round == 0) && round < DOOM_ROUNDS; round++)
		continue;
	for (size_t b = 0; b < img->blocks.n; b++) {
		const struct img_block *block = &img->blocks.v[b];

		for (uint64_t i = block->at; i < block->at + block->r.count; i++)
			if (block->staged && img->state[i] != TASK_GONE)
				img->staged++;
			else
				img->counts[img->state[i]]++;
	}
}
