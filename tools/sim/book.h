/*
 * The book: what the simulator knows to be true of every task that a client ever submitted, from
 * what it sent, what was answered, what ran and what was shown. The engine is held against it. One
 * thread.
 */
#ifndef SIM_BOOK_H
#define SIM_BOOK_H

#include "base/map64.h"
#include "base/slice.h"
#include "model/row.h"
#include "model/state.h"
#include "model/terms.h"

#include <stdbool.h>
#include <stdint.h>

/* What a simulated task does. The name is its function, or its command's first word. */
#define SIM_FUNCTIONS(X)                                                                           \
	X(SMALL, "small")   /* an inline value */                                                  \
	X(MEDIUM, "medium") /* inline, past what OUTCOMES carries */                               \
	X(LARGE, "large")   /* held by its worker */                                               \
	X(STAMP, "stamp")   /* inline; the value is its fence */                                   \
	X(FAIL, "fail")     /* fails by itself */                                                  \
	X(DEADLY, "deadly") /* ends the worker that runs it */                                     \
	X(PARENT, "parent") /* inline; a client inside it submits tasks */

enum fn {
#define FN_ENUM(name, word) FN_##name,
	SIM_FUNCTIONS(FN_ENUM)
#undef FN_ENUM
		FN_COUNT
};

const char *fn_word(enum fn fn);
/* FN_COUNT: no such function. */
enum fn fn_of_word(struct slice word);

enum submit_state {
	SUBMIT_SENT,    /* no answer yet */
	SUBMIT_TAKEN,   /* acknowledged */
	SUBMIT_REFUSED, /* nothing of the block was made */
	SUBMIT_SAME     /* another task has its key: `same_as` */
};

#define BOOK_KEY_BYTES 16
#define BOOK_DEPS_MAX 4
#define BOOK_HOLDS_MAX 8

/* What a task asks of its worker. Amounts as in its terms; places by index, -1: none named. */
struct book_ask {
	int32_t priority;
	uint64_t gpus, cpus;
	int worker, host, zone;
	bool allow_other;
};

/* When it may run; as in its terms. */
struct book_times {
	uint64_t delay_us, at_us, deadline_us, backoff_us;
	uint32_t retries;
	enum dep_policy on_dep_failure;
	bool store;   /* a large result goes to the scheduler */
	bool retains; /* a retention of its own, and short */
	uint64_t retention_us;
};

/* A session's hold on a task. */
struct book_hold {
	uint32_t session;
	bool releasing; /* a release of it was made: it may be gone at any time */
	bool released;  /* and was acknowledged */
};

struct book_task {
	uint64_t id, same_as;
	uint32_t session, user;
	enum fn fn;
	uint32_t salt;
	uint32_t depth;  /* how many tasks it is inside of */
	int32_t element; /* -1 outside arrays */
	bool exec, detached, once, recompute;
	char key[BOOK_KEY_BYTES]; /* "": generated */
	struct book_ask ask;
	struct book_times times;
	enum submit_state submit;
	uint64_t deps[BOOK_DEPS_MAX];
	uint32_t ndeps;
	bool dep_by_key; /* and others, by key: not known here */
	bool part;       /* of a graph */
	bool staged;     /* and never committed: it must not be there */
	struct book_hold holds[BOOK_HOLDS_MAX];
	uint32_t nholds;
	bool ever_unheld;     /* at some time nothing was sure to hold it */
	bool cancel_made;     /* somebody made a request to cancel it */
	bool cancel_shown;    /* and saw its acknowledgement, */
	uint64_t cancel_step; /* at this step */
	uint32_t runs;        /* starts of its code, remakes not counted */
	uint32_t leases;      /* times that a lease of it was sent */
	bool again;           /* a user may have begun it anew */
	bool shaky;           /* or something that it needs (reload.c) */
	bool forgotten;       /* somebody made a request to forget it */
	bool gone_for_good;   /* and it was done */
	bool missed;          /* some worker could not have its value */
	uint32_t remakes;
	bool shown;
	uint64_t ended_us;     /* wall clock, when the core had it ended; 0: not yet */
	uint32_t ended_jumps;  /* that clock's jumps before */
	enum task_state state; /* as shown first */
	enum cause cause;
	uint32_t generation;
	uint64_t digest; /* of the outcome shown */
};

struct book {
	struct book_task **v; /* in the order of their making; owned */
	uint32_t n, cap;
	struct map64 by_id;
	bool stores; /* some results go to the scheduler, which may have no room */
};

void book_init(struct book *b);
void book_release(struct book *b);
struct book_task *book_add(struct book *b, uint64_t id);
/* NULL: no client made a task of this id. */
struct book_task *book_find(const struct book *b, uint64_t id);
/* Takes out a session's tasks from an id on: they never came to the scheduler, or were refused. The
 * one that was acknowledged all the same, or NULL. */
const struct book_task *book_forget(struct book *b, uint64_t from);
struct book_hold *book_hold(struct book_task *t, uint32_t session);
/* The session holds the task from now on. */
void book_hold_add(struct book_task *t, uint32_t session);
/* A session ended: none of its holds is left. */
void book_session_ended(struct book *b, uint32_t session);

/* A retry of it was asked for: it may begin anew, and all that it needs. */
void book_again(struct book *b, struct book_task *t);
/* It may come late, and mean whatever has the key by then. */
bool book_key_is_again(const struct book *b, const char *key);

/* The value of a task: its bytes are a function of id and length alone. */
#define BOOK_LARGE_BYTES 6000
uint32_t book_value_bytes(const struct book_task *t);
void book_value(uint64_t id, uint32_t n, uint8_t *out);
uint64_t book_checksum(uint64_t id, uint32_t n);

/* A digest of what an outcome says, its inline bytes aside. */
uint64_t book_digest(const struct outcome *o);

/* May it have ended so? calm: no worker ever died or was lost. NULL: yes, else why not. */
const char *book_may_end(const struct book *b, const struct book_task *t, enum task_state state,
	enum cause cause, bool calm);

#endif
