/*
 * Things shared by name, inside the core. A thing is there when it has a number; one without is
 * known because somebody waits for it, or because a deal that is being checked names it.
 *  - the registry, names, waiters: thing.c; what a variable holds: variable.c; deals: deal.c
 *  - locks, which have no number but claims that have: guard.h; events: flag.c
 */
#ifndef CORE_THING_H
#define CORE_THING_H

#include "core/event.h"
#include "core/impl.h"
#include "model/deal.h"
#include "model/thing.h"

/* What the core has of them. */
struct shared {
	struct fpmap names;   /* (kind, namespace, name) -> struct thing */
	struct map64 things;  /* number -> struct thing: those that are there */
	struct list in_order; /* likewise, by number */
	uint64_t n[THING_KINDS];
	/* the deal that is being checked or done */
	uint64_t deal;
	uint64_t then_things, then_versions; /* how many there would be, and counters.versions */
	/* topics, core/topic.h */
	struct heap aging;        /* by the time when the oldest entries are too old */
	struct list dirty_topics; /* whose records are written at the seal */
	struct list trimming;     /* of whose entries some records are to go */
	/* of queues */
	struct heap leases, due; /* struct qspecial: by listening time, by the wall clock */
	struct list purging;     /* queue.in_purging: of which records are to go */
	uint64_t fence_seq;      /* of deliveries; a sequence of their own */
	uint64_t *unpinned;      /* tasks that the deal lets go of */
	uint32_t nunpinned, unpinned_cap;
	struct guards *guards; /* core/guard.h */
};

struct variable {
	uint64_t version; /* 0: never set */
	uint64_t task;    /* whose future it holds; 0: a content */
	uint32_t bytes;   /* of the content */
};

struct thing {
	enum thing_kind kind;
	uint64_t number; /* 0: it is not there */
	struct fp128 fp; /* of kind, namespace and name */
	char *ns, *name;
	struct user *owner;
	uint64_t created_us;
	struct list in_order; /* shared.in_order, if it is there */
	struct list waiters;  /* struct waiter, the first come first */
	/* as it would be after what was checked of the deal of this number */
	uint64_t deal;
	bool then_there;
	uint64_t then_version;
	uint64_t then_maxsize; /* of a queue */
	bool nameless;         /* deleted, until its last record is gone */
	struct variable variable;
	struct guard *guard;     /* of a lock: what claims it; NULL: nothing does */
	struct dataset *dataset; /* NULL: it is not there, or no dataset */
	struct topic *topic;     /* likewise */
	struct queue *queue;     /* core/queue.h; NULL: it is not there, or no queue */
};

/* Of who waits for items of a queue. */
struct take_want {
	uint32_t mode; /* enum take_mode; 0: for a version, or for room */
	uint32_t count;
	uint64_t lease_us;
};

/* What a connection waits for; it goes with the connection. */
struct waiter {
	struct conn *conn;
	uint64_t request;     /* the client's number for it */
	struct thing *thing;  /* NULL: it waits for a claim on locks */
	struct list in_thing; /* or in the claim */
	uint64_t after; /* a version, or an entry, above this one is waited for; of a queue: room
			   for so many */
	struct take_want want;
};

/* A deal being checked or done. */
struct dealing {
	struct core *c;
	struct session *s; /* NULL: of a task's transaction */
	struct user *user;
	bool no_room;
	/* why not */
	uint32_t code;
	const char *text;  /* static */
	struct slice more; /* said after it */
	uint64_t version;  /* that is there instead, or how many have room; UINT64_MAX: neither */
	uint64_t tasks;    /* of datasets that it publishes and removes */
	struct intake *intake; /* of its submit, from its check on; NULL: there is none */
	struct event submit;   /* which it reads from */
};

/* Notes why the operation cannot be done. Returns false. */
bool deal_refuse(struct dealing *d, uint32_t code, const char *text, struct slice more);
/* For a name that name_split() did not take, with its code. */
bool deal_refuse_name(struct dealing *d, uint32_t code, struct slice name);
/* Does the operations for d->user, without a session; false: one of them, *index, cannot be done,
 * and nothing is. */
bool deal_effects(struct dealing *d, struct slice ops, uint32_t *index);
/* Is there such a task of the user's, or does the deal submit it? */
bool deal_has_task(const struct dealing *d, const struct deal_value *v);
/* deal_submit.c */
bool deal_submit_check(struct dealing *d, const struct deal_op *op);
/* Returns the first of the ids. */
uint64_t deal_submit_do(struct dealing *d);
bool deal_submits_key(const struct dealing *d, struct slice key);
/* It was done, or is not to be. */
void deal_submit_end(struct dealing *d, bool done);
/* The deal lets go of a task when it is done. */
void deal_unpin(struct core *c, uint64_t task);
void deal_let_go(struct core *c);
/* The task that a value names; 0: there is none such of the user's. */
uint64_t deal_task(const struct core *c, const struct user *u, const struct deal_value *v);

/* ---- the events ---- */
void deal(struct core *c, const struct event *e);
void thing_await(struct core *c, const struct event *e);
void drop_wait(struct core *c, const struct event *e);

/* ---- thing.c ---- */
/* What a name as users write it means for the user: false with a code and text where it is none, or
 * not theirs to reach. The slices borrow from text. */
bool name_split(const struct core *c, const struct user *u, struct slice text, struct slice *ns,
	struct slice *name, uint32_t *code, const char **why);
/* NULL: it is not known. */
struct thing *thing_find(
	const struct core *c, enum thing_kind kind, struct slice ns, struct slice name);
/* Makes it known. */
struct thing *thing_get(struct core *c, enum thing_kind kind, struct slice ns, struct slice name);
/* Forgets it if it is not there and nobody waits for it. */
void thing_drop_if_dull(struct core *c, struct thing *t);
/* It is there from now on, under a new number; its record is the caller's to write. */
void thing_make(struct core *c, struct thing *t, struct user *owner);
/* It is there no more, and its record goes. */
void thing_unmake(struct core *c, struct thing *t);
/* Its name is free, though it is not gone: who waits for it waits for another of its name. */
void thing_loses_name(struct core *c, struct thing *t);
/* IS, after the commit. */
void thing_tell_waiter(struct core *c, const struct waiter *w, const struct thing *t);
char *thing_text(struct slice s);
/* The head of its record; the body is the caller's to fill. */
void thing_record_of(const struct thing *t, struct thing_record *r);
void things_init(struct core *c);
void things_free(struct core *c);
void waiters_drop_conn(struct core *c, struct conn *conn);

/* May the connection register one more, under this number? False: it has been refused and closed.
 */
bool waiter_allowed(struct core *c, struct conn *conn, uint64_t request);
struct waiter *waiter_new(struct conn *conn, uint64_t request, struct thing *t);
/* One that waits for something else than a thing, in that list. */
void waiter_join(struct conn *conn, uint64_t request, struct list *waiters);
/* Answers a wait by what the core knows: the version, or why it is over (a conflict). */
void thing_tell(struct core *c, uint64_t conn, uint64_t request, uint64_t version, const char *why);
void waiter_free(struct core *c, struct waiter *w);

/* ---- hold.c ---- */
/* A record holds the task, which is there; and no longer does. */
void hold_pin(struct core *c, uint64_t id);
void hold_unpin(struct core *c, uint64_t id);

/* ---- take.c ---- */
void take(struct core *c, const struct event *e);
/* For room of so many in a queue. */
void queue_await(struct core *c, struct waiter *w);

/* ---- variable.c ---- */
bool variable_check(struct dealing *d, struct thing *t, const struct deal_op *op);
/* Returns the version. */
uint64_t variable_set(struct dealing *d, struct thing *t, const struct deal_value *v);
void variable_delete(struct core *c, struct thing *t);
bool variable_load(struct core *c, struct thing *t, const struct thing_record *r, const char **why);

#endif
