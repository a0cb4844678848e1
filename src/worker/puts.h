/*
 * Results that the scheduler stores: each is sent there in parts, before its report, and the report
 * waits until the scheduler has all of it. One at a time, a part at a time, so that other reports
 * pass. Kept until the report is acknowledged, and sent again on a new connection. Loop's thread.
 */
#ifndef WORKER_PUTS_H
#define WORKER_PUTS_H

#include "base/list.h"
#include "wire/wire.h"
#include "worker/reports.h"

struct puts {
	struct list waiting; /* leases; the first one's turn it is */
	bool asked;          /* a part of it is on its way */
	uint64_t have;       /* so much of it is there */
};

void puts_init(struct puts *p);
/* A lease that ended with a value to be stored: lease->value and lease->entry. */
void puts_add(struct puts *p, struct lease *l);
/* Sends the next part, if none is on its way. What cannot be read becomes a failure in r. */
void puts_send(struct puts *p, struct reports *r, struct buf *out);
/* PUTTED: the report goes, or one of a failure, or the next part is due. False: nothing of that
 * kind was sent; *why. */
bool puts_answer(struct puts *p, struct reports *r, const struct msg_putted *m, const char **why);
/* A new connection: all are sent from the start, and those that were reported before them. */
void puts_restart(struct puts *p, struct list *reported);
bool puts_is_empty(const struct puts *p);

#endif
