/*
 * A story: a core fed with events, and what it decided as text, a line each, so that a test reads
 * as what happened.
 *
 *	put KIND KEY ...      a record to write; "del KIND KEY" one to delete
 *	-> CONN what ...      a message to send
 * Fences are written SEQ (the epoch is always 7), task ids SESSION-N.
 */
#ifndef TESTS_UNIT_CORE_STORY_H
#define TESTS_UNIT_CORE_STORY_H

#include "core/core.h"
#include "model/terms.h"
#include "model/deal.h"

#include <check.h>

struct story {
	struct core *core;
	struct update update;
	struct buf told; /* the text since the last story_told() */
	uint64_t mono_us;
	int64_t wall_ahead_us; /* of the monotonic clock, so that it can step */
	bool more;             /* what the last step said of long works */
	bool causes;           /* of ends that no worker reported are told */
	uint64_t epoch;
	struct story_store *store; /* what was written so far; NULL: that is not kept */
	bool quiet;                /* counters and sessions are not told */
	struct slice effects;      /* of the next reports */
	uint64_t ran_from_us;      /* when the tasks of later reports started; 0: they do not say */
};

/* A task of the first session, whose stories these are. */
#define ID(n) task_id(1, n)

void story_begin(struct story *s);
/* The usual beginning, not told: the client 10 with a session, the worker 20 with credit for two.
 */
void story_begin_usual(struct story *s);
/* The same, of a story in which the scheduler is started again. */
void story_begin_kept(struct story *s);
/* At most so many of them; 0: the declared limit. */
void story_begin_with(struct story *s, uint32_t max_sessions, uint32_t max_workers);
void story_end(struct story *s);
/* The scheduler dies and starts again, from what was written; not told. Connections are gone. */
void story_restart(struct story *s);
/* How many records of the kind there are. */
uint32_t story_records(const struct story *s, enum record_kind kind);
/* The text since the last call, and empties it. Checks the core's invariants. */
const char *story_told(struct story *s);
#define told_eq(story, text) ck_assert_str_eq(story_told(story), text)

void story_step(struct story *s, struct event *e);
void story_pass(struct story *s, double seconds);
/* Goes on with long works until there are none; returns the steps. */
uint32_t story_go_on(struct story *s);
void story_seal(struct story *s);
void story_open(struct story *s, uint64_t conn);
void story_acked(struct story *s, uint64_t conn, uint64_t request);
void story_leave(struct story *s, uint64_t conn); /* the connection is gone */
void story_join(struct story *s, uint64_t conn, uint8_t uuid, const char *instance,
	const struct event_lease *running, uint32_t nrunning);
/* As that, of a process "one", with what it offers. */
void story_join_as(struct story *s, uint64_t conn, uint8_t uuid, const struct offer *offer);
void story_credit(struct story *s, uint64_t conn, uint32_t credit);
void story_watch(struct story *s, uint64_t conn, uint64_t first, uint64_t count);
void story_started(struct story *s, uint64_t conn, uint64_t id, uint64_t seq);
/* held: bytes of a value that stays on the worker; 0: none */
void story_report(struct story *s, uint64_t conn, uint64_t id, uint64_t seq, enum task_state state,
	uint64_t held);
/* Done, with a value of so many bytes that came before. */
void story_report_stored(struct story *s, uint64_t conn, uint64_t id, uint64_t seq, uint64_t bytes);
/* The value (generation 0) could not be had for this lease. */
void story_missing(struct story *s, uint64_t conn, uint64_t value, uint64_t id, uint64_t seq);
void story_runs(struct story *s, enum event_kind kind, uint64_t conn, uint64_t request,
	uint64_t first, uint64_t count);

/* ACT, of kind and flags. */
void story_act(struct story *s, uint64_t conn, uint64_t request, uint32_t kind, uint32_t flags,
	int64_t arg, uint64_t first, uint64_t count);

/* story_queue.c: of a queue's record, the rest of its line; false: it is another. */
bool story_tell_queue(struct story *s, const struct record *r);

/* A submit of n tasks from first_n on, each with the key (NULL: generated) and the dependencies
 * that a task gives. */
struct story_task {
	const char *key;
	const char *function; /* NULL: "f" */
	uint64_t deps[4];     /* ended by 0 */
	const char *dep_key;  /* a further one, by its key; NULL: none */
	const char *label;    /* NULL: none */
	bool detached, exec, once;
	uint32_t at_once, first_index; /* of arrays */
	const struct terms *terms;     /* NULL: none */
};
void story_submit(struct story *s, uint64_t conn, uint64_t request, uint32_t first_n,
	const struct story_task *tasks, uint32_t n);
/* Appends what a submit's body has of one. */
void story_body(struct buf *body, const struct story_task *t);
/* A part of a graph, SUBMIT_BEGIN or 0; its commit (count: of all tasks) or abort. */
void story_part(struct story *s, uint64_t conn, uint64_t request, uint32_t first_n,
	const struct story_task *tasks, uint32_t n, uint32_t flags);
void story_stage_end(
	struct story *s, uint64_t conn, uint64_t request, uint32_t flag, uint64_t count);
void story_array(struct story *s, uint64_t conn, uint64_t request, uint32_t first_n,
	const char *key, uint64_t count);
/* Numbered on from 1, by one task's description. */
void story_array_of(struct story *s, uint64_t conn, uint64_t request, const struct story_task *t,
	uint64_t count);
/* Its elements are KEY[first_index] and on. */
void story_array_from(struct story *s, uint64_t conn, uint64_t request, uint32_t first_n,
	const char *key, uint64_t count, uint32_t first_index);
void story_array_at_once(
	struct story *s, uint64_t conn, uint64_t request, uint64_t count, uint32_t at_once);

/* A DO of these operations; and a wait for a version of a variable above `after`. */
void story_deal(
	struct story *s, uint64_t conn, uint64_t request, const struct deal_op *ops, uint32_t n);
void story_await(
	struct story *s, uint64_t conn, uint64_t request, const char *name, uint64_t after);
void story_await_thing(struct story *s, uint64_t conn, uint64_t request, enum thing_kind kind,
	const char *name, uint64_t after);

#endif
