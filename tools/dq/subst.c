/*
 * Placeholders: a word is cut where one begins, and where it ends.
 */
#include "subst.h"

#include "base/ensure.h"

/* Is there a placeholder at the front of s? Then *n is its length. */
static bool placeholder(struct slice s, bool in_array, struct part *out, size_t *n)
{
	static const struct slice in = {.p = (const uint8_t *)"{in:", .n = 4};
	const uint8_t *end;

	if (slice_starts_with(s, in) && (end = memchr(s.p, '}', s.n)) != NULL) {
		*n = (size_t)(end - s.p) + 1;
		*out = (struct part){PART_INPUT, slice_of(s.p + in.n, *n - in.n - 1)};
		return true;
	}
	if (in_array && slice_starts_with(s, slice_str("{}"))) {
		*n = 2;
		*out = (struct part){.kind = PART_ELEMENT};
		return true;
	}
	if (in_array && slice_starts_with(s, slice_str("{index}"))) {
		*n = 7;
		*out = (struct part){.kind = PART_INDEX};
		return true;
	}
	return false;
}

bool subst_next(struct slice *rest, bool in_array, struct part *out)
{
	struct part next;
	size_t n, text = 0;

	if (rest->n == 0)
		return false;
	if (placeholder(*rest, in_array, out, &n)) {
		*rest = slice_drop(*rest, n);
		return true;
	}
	do
		text++;
	while (text < rest->n && !placeholder(slice_drop(*rest, text), in_array, &next, &n));
	ensure(text <= rest->n);
	*out = (struct part){PART_TEXT, slice_of(rest->p, text)};
	*rest = slice_drop(*rest, text);
	return true;
}
