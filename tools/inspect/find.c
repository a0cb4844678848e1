/*
 * dq-inspect: looking things up in an image. Ids by binary search; keys by walking all blocks,
 * since the store has no index by key.
 */
#include "image.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "model/limits.h"

bool image_place(
	const struct image *img, uint64_t id, const struct img_block **block, uint64_t *index)
{
	size_t low = 0, high = img->blocks.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (img->blocks.v[mid].r.first <= id)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == 0)
		return false;
	*block = &img->blocks.v[low - 1];
	if (id - (*block)->r.first >= (*block)->r.count)
		return false;
	*index = (*block)->at + (id - (*block)->r.first);
	return true;
}

const struct img_row *image_row(const struct image *img, uint64_t id)
{
	size_t low = 0, high = img->rows.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (img->rows.v[mid].id == id)
			return &img->rows.v[mid];
		if (img->rows.v[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const struct img_row *image_earlier(const struct image *img, uint64_t id, size_t *n)
{
	size_t low = 0, high = img->earlier.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (img->earlier.v[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	*n = 0;
	while (low + *n < img->earlier.n && img->earlier.v[low + *n].id == id)
		++*n;
	return *n ? &img->earlier.v[low] : NULL;
}

const struct img_lease *image_lease(const struct image *img, uint64_t id)
{
	size_t low = 0, high = img->leases.n;

	/* The last entry of the task, the only one that may live. */
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (img->leases.v[mid].id <= id)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == 0 || img->leases.v[low - 1].id != id || !img->leases.v[low - 1].live)
		return NULL;
	return &img->leases.v[low - 1];
}

#define FIND_NUMBER(vec, wanted)                                                                   \
	do {                                                                                       \
		size_t low = 0, high = (vec).n;                                                    \
                                                                                                   \
		while (low < high) {                                                               \
			size_t mid = low + (high - low) / 2;                                       \
                                                                                                   \
			if ((vec).v[mid].number == (wanted))                                       \
				return &(vec).v[mid];                                              \
			if ((vec).v[mid].number < (wanted))                                        \
				low = mid + 1;                                                     \
			else                                                                       \
				high = mid;                                                        \
		}                                                                                  \
		return NULL;                                                                       \
	} while (0)

const struct img_session *image_session(const struct image *img, uint32_t number)
{
	FIND_NUMBER(img->sessions, number);
}

const struct img_worker *image_worker(const struct image *img, uint32_t number)
{
	FIND_NUMBER(img->workers, number);
}

const struct img_user *image_user(const struct image *img, uint32_t number)
{
	FIND_NUMBER(img->users, number);
}

void img_walk_begin(struct img_walk *w, const struct img_block *block)
{
	*w = (struct img_walk){.block = block};
	block_reader_init(&w->reader, block->r.body);
}

/* The next entry, and where its dependencies stand. An array has one for all. */
static bool walk_entry(struct img_walk *w)
{
	struct block_entry *entry = &w->entry;

	if (!block_reader_next(&w->reader, entry)) {
		w->why = w->reader.why ? w->reader.why : "malformed";
		return false;
	}
	w->deps_from = w->dep_at;
	w->dep_at += entry->ndeps;
	if (w->dep_at * 8 > w->block->r.deps.n) {
		w->why = "it has fewer resolved dependencies than its tasks name";
		return false;
	}
	return true;
}

/* Nothing may be left over behind the last entry. */
static void walk_end(struct img_walk *w)
{
	struct cursor inputs;
	uint64_t n = 0;

	if (w->block->r.flags & BLOCK_ARRAY) {
		if (!block_reader_inputs(&w->reader, &n, &inputs))
			w->why = w->reader.why ? w->reader.why : "malformed inputs";
		else if (n != 0 && n != w->block->r.count)
			w->why = "an array's inputs are not as many as its elements";
	}
	if (!w->why && !(w->block->r.flags & BLOCK_ARRAY) && !block_reader_end(&w->reader))
		w->why = "more entries than tasks";
	if (!w->why && w->dep_at * 8 != w->block->r.deps.n)
		w->why = "it has more resolved dependencies than its tasks name";
}

bool img_walk_next(struct img_walk *w)
{
	bool array = w->block->r.flags & BLOCK_ARRAY;

	if (w->why)
		return false;
	if (w->next == w->block->r.count) {
		walk_end(w);
		return false;
	}
	if ((!array || w->next == 0) && !walk_entry(w))
		return false;
	w->id = w->block->r.first + w->next;
	w->index = w->block->at + w->next;
	w->next++;
	return true;
}

bool img_walk_to(struct img_walk *w, const struct img_block *block, uint64_t id)
{
	img_walk_begin(w, block);
	while (img_walk_next(w))
		if (w->id == id)
			return true;
	return false;
}

uint64_t img_walk_dep(const struct img_walk *w, uint32_t i)
{
	return block_dep(w->block->r.deps, w->deps_from + i);
}

void image_key(struct buf *out, const struct img_walk *w)
{
	bool array = w->block->r.flags & BLOCK_ARRAY;
	char generated[GENERATED_KEY_BYTES];
	size_t n;

	if (w->entry.key.n > 0) {
		buf_append_slice(out, w->entry.key);
	} else {
		n = key_generate(generated, array ? w->block->r.first : w->id);
		buf_append(out, generated, n);
	}
	if (array)
		buf_printf(out, "[%" PRIu64 "]", w->id - w->block->r.first + w->entry.first_index);
}

/* "3.17", "3-17", "dq-3-17" or a decimal; 0: none of them. */
static uint64_t parse_id(struct slice text)
{
	struct slice session, n;
	uint64_t a, b;

	if (str_to_u64(text, &a))
		return a;
	if ((str_split(text, '.', &session, &n) || str_split(text, '-', &session, &n)) &&
		str_to_u64(session, &a) && str_to_u64(n, &b) && a <= UINT32_MAX && b <= UINT32_MAX)
		return task_id((uint32_t)a, (uint32_t)b);
	return key_parse_generated(text);
}

static bool entry_has_key(const struct img_walk *w, struct slice ns, struct slice key)
{
	if (ns.n > 0 && !slice_eq(ns, w->block->r.ns))
		return false;
	return w->entry.key.n > 0 ? slice_eq(key, w->entry.key)
				  : key_parse_generated(key) == w->block->r.first &&
					    w->block->r.flags & BLOCK_ARRAY;
}

static uint64_t find_key(const struct image *img, struct slice text,
	void (*fn)(void *arg, const struct img_walk *w), void *arg)
{
	struct slice ns, key;
	int64_t element;
	uint64_t found = 0;

	if (!key_split(text, &ns, &key, &element))
		return 0;
	for (size_t b = 0; b < img->blocks.n; b++) {
		struct img_walk w;

		img_walk_begin(&w, &img->blocks.v[b]);
		while (img_walk_next(&w)) {
			bool array = w.block->r.flags & BLOCK_ARRAY;

			if (array && !entry_has_key(&w, ns, key))
				break;
			if (img->state[w.index] == TASK_GONE || !entry_has_key(&w, ns, key) ||
				(element >= 0 && (!array || w.next - 1 + w.entry.first_index !=
								    (uint64_t)element)))
				continue;
			fn(arg, &w);
			found++;
		}
	}
	return found;
}

uint64_t image_find(const struct image *img, const char *word,
	void (*fn)(void *arg, const struct img_walk *w), void *arg)
{
	struct slice text = slice_str(word);
	uint64_t id = parse_id(text), index, found = find_key(img, text, fn, arg);
	const struct img_block *block;
	struct img_walk w;

	if (found > 0 || id == 0 || !image_place(img, id, &block, &index) ||
		img->state[index] == TASK_GONE || !img_walk_to(&w, block, id))
		return found;
	fn(arg, &w);
	return 1;
}
