/*
 * Claims: who holds locks, or waits for them (doc/disk-format.md, thing), and the operations of a
 * deal on locks and events. A claim names one or several locks, which it gets together. Readers
 * borrow from the bytes. Nothing allocates. Any thread.
 */
#ifndef MODEL_CLAIM_H
#define MODEL_CLAIM_H

#include "base/buf.h"
#include "base/slice.h"
#include "codec/cursor.h"

#include <stdbool.h>
#include <stdint.h>

/* Stored, and on the wire: do not renumber. */
#define CLAIM_HELD 1u /* it has what it claims; of records alone */
#define CLAIM_BEAT                                                                                 \
	2u             /* its lease runs while its session is connected too: it is to be extended  \
			*/
#define CLAIM_ALONE 4u /* once held it is nobody's but its lease's */
#define CLAIM_TRY 8u   /* only if that can be at once; of operations alone */

/* Of one lock: so many of its units, of so many that it has. A plain lock has one. */
struct claim_part {
	struct slice name; /* as users write it; in a record always ns/name */
	uint32_t count, units;
};

/* False: malformed parts, or none, or too many; *why. They are all read once, so that reading them
 * again cannot fail. */
bool claim_parts_check(struct slice parts, const char **why);
/* How many; then each, at the cursor. */
uint32_t claim_parts(struct slice parts, struct cursor *at);
void claim_part_next(struct cursor *at, struct claim_part *out);
/* Appends one; the array's own head is the caller's. */
void claim_part_encode(struct buf *out, const struct claim_part *p);

struct deal_op;
/* Of the kinds from DEAL_CLAIM to DEAL_EVENT_CLEAR: reads what follows the kind, and returns how
 * many elements the operation has; appends it. */
uint32_t guard_op_read(struct cursor *c, struct deal_op *op);
void guard_op_encode(struct buf *out, const struct deal_op *op);

#endif
