/*
 * Reports on their way: ended leases gather in an open report, which is sent at the end of the
 * turn, kept until the scheduler says that it is durable, and sent again on a new connection.
 * Loop's thread.
 */
#ifndef WORKER_REPORTS_H
#define WORKER_REPORTS_H

#include "base/buf.h"
#include "base/list.h"
#include "model/row.h"
#include "worker/slots.h"

#include <stdbool.h>
#include <stdint.h>

struct report;

struct reports {
	struct list sent;   /* and not acknowledged, in order */
	struct list unsent; /* likewise; the last may be open */
	struct report *open;
	uint64_t next_seq; /* of this connection */
};

void reports_init(struct reports *r);
/* Leases in reports are not touched. */
void reports_release(struct reports *r);
/* Takes the batch's leases and entries; the batch is empty after. */
void reports_add(struct reports *r, struct batch *b);
/* One entry; l is NULL for a lease that this worker does not know. */
void reports_add_one(struct reports *r, struct lease *l, uint64_t id, struct fence fence,
	const struct outcome *o);
/* lease->entry, of one whose value the scheduler has: a report of its own, since it counts on this
 * connection alone. */
void reports_add_stored(struct reports *r, struct lease *l);
/* Appends what is unsent as frames. */
void reports_send(struct reports *r, struct buf *out);
/* A new connection: everything is unsent again, numbers start from 1. Leases whose values were
 * stored are moved to `stored`, and are in no report any more. */
void reports_restart(struct reports *r, struct list *stored);
/* Acknowledged up to seq: their leases are moved to `leases`. False: that number was never sent. */
bool reports_acked(struct reports *r, uint64_t seq, struct list *leases);
bool reports_is_empty(const struct reports *r);

#endif
