/*
 * The texts of the limits, from the table in limits.h.
 */
#include "model/limits.h"

#include "base/ensure.h"

const char *limit_text(enum limit_index limit)
{
	static const char *const texts[] = {
#define LIMIT_TEXT_ENTRY(name, value, text) text,
		LIMITS(LIMIT_TEXT_ENTRY)
#undef LIMIT_TEXT_ENTRY
	};

	ensure((unsigned)limit < LIMIT_COUNT);
	return texts[limit];
}
