/*
 * The text of a progress line. Pure. Threads: any.
 */
#ifndef DQ_METER_H
#define DQ_METER_H

#include <dq/client.h>

#include <stddef.h>
#include <stdint.h>

struct meter {
	const char *key, *state, *why; /* of one task; key NULL: of many */
	struct dq_counts counts;
	uint64_t leased; /* of many; 0: none, or not known */
	double elapsed_s;
	double rate; /* ends a second; 0: not known yet */
};

/* One line of at most so many columns, its parts left out from the least wanted on. */
void meter_text(const struct meter *m, unsigned columns, char *out, size_t out_bytes);

#endif
