/*
 * dq-inspect: what the terms of a task say of its state: when it may start, and what the failure of
 * a dependency means to it. As the scheduler derives it (doc/disk-format.md).
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
