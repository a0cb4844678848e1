/*
 * dq-inspect: what the terms of a task say of its state: when it may start, and what the failure of
 * a dependency means to it, and how long it stays. As the scheduler derives it
 * (doc/disk-format.md).
 */
#include "image.h"

/* Many tasks have the same terms as the one before. */
static const struct terms *terms_of(const struct img_walk *w)
{
	static const struct terms none;
	static struct terms last;
	static struct slice last_bytes;
	const char *why;

	if (slice_is_empty(w->entry.terms))
		return &none;
	if (!slice_eq(w->entry.terms, last_bytes)) {
		last_bytes = w->entry.terms;
		if (!terms_decode(last_bytes, &last, &why))
			last = none;
	}
	return &last;
}

enum dep_policy image_policy(const struct img_walk *w)
{
	return terms_of(w)->on_dep_failure;
}

uint64_t image_start_us(const struct image *img, const struct img_walk *w)
{
	const struct terms *t = terms_of(w);
	const struct img_row *row = image_row(img, w->id);
	uint64_t at = t->delay_us ? w->block->r.submitted_us + t->delay_us : 0;

	if (at < t->at_us)
		at = t->at_us;
	return row && row->due_us > at ? row->due_us : at;
}

bool image_retention(const struct img_walk *w, uint64_t *us)
{
	*us = terms_of(w)->retention_us;
	return terms_of(w)->has_retention;
}

int32_t image_priority(const struct image *img, const struct img_walk *w)
{
	const struct img_row *row = image_row(img, w->id);
	struct task_row r;
	const char *why;

	if (row && task_row_decode(row->value, &r, &why) && r.has_priority)
		return r.priority;
	return w->block->amend.has_priority ? w->block->amend.priority : terms_of(w)->priority;
}

uint32_t image_kept_since(const struct image *img, const struct img_walk *w)
{
	uint64_t first = w->block->r.first + (w->id - w->block->r.first) / GONE_CHUNK * GONE_CHUNK;

	for (size_t i = 0; i < img->chunks.n; i++) {
		struct slice runs = img->chunks.v[i].r.kept;
		struct keep_run r;

		if (img->chunks.v[i].first != first)
			continue;
		while (keep_run_next(&runs, &r))
			if (w->id - first >= r.at && w->id - first < r.at + r.n &&
				r.since != UINT32_MAX)
				return r.since;
	}
	return 0;
}
