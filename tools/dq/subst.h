/*
 * Placeholders in the words of a command: `{in:KEY}`, and in arrays `{index}` and `{}`, anywhere in
 * a word. Anything else in braces is text. Pure. Threads: any.
 */
#ifndef DQ_SUBST_H
#define DQ_SUBST_H

#include "base/slice.h"

#include <stdbool.h>

enum part_kind { PART_TEXT, PART_INPUT, PART_INDEX, PART_ELEMENT };

struct part {
	enum part_kind kind;
	struct slice text; /* of PART_TEXT; of PART_INPUT the key, which may be empty (a mistake) */
};

/*
 * Takes the next part from the front of *rest; false at its end. An empty word has no parts. Texts
 * that follow each other come as one.
 */
bool subst_next(struct slice *rest, bool in_array, struct part *out);

#endif
