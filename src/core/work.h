/*
 * Works: what a request asks of many tasks, in steps, and what users do by them to tasks that are
 * there: begin them anew, forget them, set their priority. For core/ alone.
 */
#ifndef CORE_WORK_H
#define CORE_WORK_H

#include "core/impl.h"

/* Where a retry stands on its way from a task up to what it needs. */
struct climb {
	uint64_t id;
	uint32_t dep; /* the next dependency to look at */
};

/* What a request asks of many tasks, in steps. */
struct work {
	uint64_t seq; /* 0: of this step alone */
	enum work_kind kind;
	uint32_t session, user;
	int64_t arg;
	struct run *runs; /* of a retry: in order */
	uint32_t nruns, at;
	uint64_t done;
	struct list in_works;
	/* WORK_FORGET: how many tasks stay for their dependents, and the first of them */
	uint64_t nkept, kept;
	/* WORK_RETRY */
	struct climb *climb;
	uint32_t nclimb, climb_cap;
	struct map64 blocked; /* tasks that cannot be begun anew, as something they need is gone */
};

/* ---- work.c ---- */
/* rec: all but its runs, which rr has. */
struct work *work_new(
	struct core *c, uint64_t seq, const struct work_record *rec, struct runs_reader *rr);
void work_free(struct core *c, struct work *w);
/* Does it whole, or begins what later steps go on with; *w is freed in the first case: then *kept
 * is how many tasks a FORGET had to leave, *first one of them. */
void work_begin(struct core *c, struct work *w, uint64_t size, uint64_t *kept, uint64_t *first);
/* How many tasks the runs name, as far as a step would go. */
uint64_t runs_size(struct runs_reader rr);
/* CANCEL and RELEASE. */
void runs_request(struct core *c, const struct event *e, enum work_kind kind);
bool works_work(struct core *c, uint32_t *budget);

/* ---- again.c, priority.c: what users do to tasks that are there ---- */
/* The task begins anew, and what it needs of those that failed before it. False: not yet, the
 * budget is used up. */
bool retry_one(struct core *c, struct work *w, struct place p, uint32_t *budget);
/* NULL: a user may have it begun anew, as far as a look at so many tasks tells. */
const char *retry_refusal(struct core *c, const struct session *s, struct place p);
/* A retry that is under way has the task still before it. */
bool retry_is_due(const struct core *c, const struct block *b, uint32_t idx);
void priority_load(struct block *b, uint32_t idx, int32_t priority);
void priority_set(struct core *c, struct block *b, uint32_t idx, int32_t priority);
/* Of all of the block's tasks at once. False: some have one of their own. */
bool priority_set_all(struct core *c, struct block *b, int32_t priority);

/* ---- hold.c, watch.c, ready.c ---- */
/* Drops the holds of an ended task by sessions, and without one. False: its dependents, or
 * something that has a name, still need it. */
bool hold_drop_all(struct core *c, struct block *b, uint32_t idx, uint32_t *budget);
/* The task has not ended any more: who was told so hears of its next end if it still watches. */
void watch_again(struct core *c, struct block *b, uint32_t idx);
/* The priority of the task, or of all of the block, was changed: what is ready goes into its new
 * queue. The entry that it has in the old one is stale. */
void ready_again(struct core *c, struct block *b, uint32_t at, uint32_t count);

#endif
