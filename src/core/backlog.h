/*
 * Backlogs: leases whose tasks are not heard to have begun, by user and priority, and asking for
 * them back when something comes before them (backlog.c). For core/ alone.
 *
 * Memory alone: a start makes it again from the leases, and decides anew what to ask for.
 */
#ifndef CORE_BACKLOG_H
#define CORE_BACKLOG_H

#include "base/heap.h"
#include "base/list.h"
#include "base/map64.h"

#include <stdbool.h>
#include <stdint.h>

struct core;
struct demand;
struct task;
struct user;
struct worker;

/* Of one priority: as they were leased. */
struct lease_level {
	int32_t priority;
	struct list leases; /* struct task.in_level */
	struct heap_node in_backlog;
};

struct backlog {
	struct heap levels;       /* the lowest first; an empty one goes when it comes up */
	struct map64 by_priority; /* all but that of priority 0 */
	struct lease_level common;
	uint32_t nrevoking; /* asked back, and not answered */
};

void backlog_init(struct backlog *b);
void backlog_release(struct backlog *b);
/* It was leased. */
void backlog_add(struct core *c, struct task *t);
/* It was asked back, and is no more: it began, or its lease is over. */
void backlog_answered(struct core *c, struct task *t);
/* Its priority is another now: leased by the old one, it is asked back. */
void backlog_move(struct core *c, struct task *t);
/* Its connection is another, or none: what was asked back over it may not have been heard. */
void backlog_forget_revokes(struct core *c, struct worker *w);

/* After leases were given: asks back what ready tasks without room come before. */
void backlogs_revoke(struct core *c);
/* The first task of a user who has no lease: somebody who has several gives way. */
void backlog_pass(struct core *c, const struct demand *d);

#endif
