/*
 * Futures: handles on tasks, and where they are found when an outcome comes in.
 *
 * A future of a single task lives in a slab of 256 that follow one another in the session's
 * numbers, so that a million cost 48 bytes each and are found by number without a table entry of
 * their own. Futures of arrays, of their elements and of tasks that this session did not submit
 * ("foreign": found by key, watched, or existing already when submitted) are allocated alone.
 *
 * Everything here is called under the client's lock.
 */
#ifndef CLIENT_FUTURES_H
#define CLIENT_FUTURES_H

#include "base/list.h"
#include "base/map64.h"
#include "base/slice.h"
#include "client/foreign.h"
#include "client/runs.h"
#include "client/tap.h"

#include <dq/client.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dq_client;

/* How a task ended, or a run of tasks that ended alike. Shared, never changed. */
struct ended {
	uint32_t refs;
	uint32_t state; /* enum dq_state */
	uint32_t generation, attempts;
	int error; /* not 0: it has no outcome; bytes are text: refused, or gone */
	uint32_t n;
	uint8_t bytes[]; /* the encoded outcome, or text; a NUL behind it that n does not count */
};

/* NULL: out of memory. The caller has the one reference. */
struct ended *ended_new(uint32_t state, int error, struct slice bytes);
struct ended *ended_ref(struct ended *e);
void ended_unref(struct ended *e);

enum future_kind { FUTURE_TASK, FUTURE_ARRAY, FUTURE_ELEMENT };

#define FUTURE_UNSETTLED                                                                           \
	1u /* a key was given, or it is of a graph, and the submit is not answered: the id may     \
	      still change, or the task is not there for anybody */
#define FUTURE_WATCHED 2u   /* its outcome was asked for */
#define FUTURE_HELD 4u      /* this session holds it: release when freed */
#define FUTURE_CANCEL 8u    /* to be cancelled once settled */
#define FUTURE_FOREIGN 16u  /* in the foreign registry, under its id */
#define FUTURE_SLAB 32u     /* in a slab; else allocated alone, `more` is set */
#define FUTURE_KEYED 64u    /* its key was given by the caller: while unsettled it stands for it */
#define FUTURE_DETACH 128u  /* to be detached once settled */
#define FUTURE_AWAITED 256u /* its end counts in futures.awaited_ends */

struct dq_future {
	struct dq_client *client;
	uint64_t id; /* of the task, or of the array's first element; of an element, see future_id()
		      */
	struct ended *ended; /* NULL: not ended, as far as we were told; of an array: refused whole
			      */
	struct tap *taps;    /* who wants to know when it ends */
	struct future_more *more;
	uint32_t refs; /* handles */
	uint16_t flags;
	uint8_t slot; /* in the slab */
	uint8_t kind; /* enum future_kind */
};

/* What most futures do not need. */
struct future_more {
	struct dq_future *self;
	struct list link;             /* those not in a slab: futures.loose */
	char *key;                    /* as given, or made when asked for; owned */
	struct failure_text *failure; /* what dq_future_failure gave out; owned */
	struct array *array;          /* FUTURE_ARRAY; owned */
	struct dq_future *parent;     /* FUTURE_ELEMENT: its array, one reference held */
	uint64_t index;               /* FUTURE_ELEMENT */
	struct dq_future *next_same; /* the next foreign one with this id, or the next handle of the
					same element */
	size_t foreign_at;           /* FUTURE_ARRAY and FOREIGN: its place in foreign.v */
	bool own_number;             /* submitted here: in the ranges under `first_n` */
	uint32_t first_n;
};

#define SLAB_FUTURES 256
struct slab {
	uint32_t first_n;
	uint32_t used; /* numbers handed out */
	uint32_t live; /* not freed */
	struct dq_future f[SLAB_FUTURES];
};

/* The session's own numbers, in order: which object has them. */
struct range {
	uint32_t first_n, count;
	void *object; /* struct slab or struct dq_future (array); NULL: all freed */
	bool is_slab;
};

struct futures {
	struct range *ranges;
	size_t nranges, cap, dead;
	size_t found; /* the range found last */
	struct slab *open;
	struct foreign foreign;
	struct list loose; /* futures outside slabs */
	uint64_t next_n;
	uint64_t live;
	uint64_t ends; /* how many ends were seen */
	bool awaiting; /* a wait for any has marked its futures */
	uint64_t awaited_ends;
};

void futures_init(struct futures *fs);
/* Frees all futures of the client, whoever still has handles. */
void futures_release(struct dq_client *c);

/*
 * A future for the session's next number (count 1) or the next `count` numbers (an array). The
 * caller gets the one reference. NULL: out of memory; numbers are not used up then. futures_left()
 * tells first whether there are so many.
 */
struct dq_future *future_new_task(struct dq_client *c);
struct dq_future *future_new_array(struct dq_client *c, uint64_t count);
bool futures_left(const struct dq_client *c, uint64_t count);
/* Takes the newest future back, whose numbers are then free again. For a submit that failed. */
void future_undo(struct dq_future *f);
/* A future of a task or array that others submitted; key is copied (NULL: generated when asked
 * for). */
struct dq_future *future_new_foreign(
	struct dq_client *c, uint64_t id, uint64_t count, bool array, const char *key);
/* The task under the key, held for this session: waits for the answer. 0, or a code with the error
 * set. */
int future_hold(struct dq_client *c, const char *key, uint64_t deadline_us, struct dq_future **out);
struct dq_future *future_new_element(struct dq_future *array, uint64_t index);

/* The range that may have a number of this session, or SIZE_MAX; the future that has it, or NULL
 * (an array's, for its elements; maybe one with no handle left). */
size_t futures_range(struct futures *fs, uint32_t n);
struct dq_future *futures_of_number(struct futures *fs, uint32_t n);

/* Makes sure that f->more is there. False: out of memory. */
bool future_more(struct dq_future *f);
/* Drops a reference; the last one releases the hold and frees. */
void future_unref(struct dq_future *f);

uint64_t future_id(const struct dq_future *f);
uint64_t future_count(const struct dq_future *f);
enum dq_state future_state(const struct dq_future *f);
/* How it ended: NULL while it has not; of an array, what its first bad element says (NULL when all
 * are done). */
struct ended *future_ended(const struct dq_future *f);
/* Likewise, of an array also while elements have not ended; NULL: nothing went wrong. */
struct ended *future_bad(const struct dq_future *f);
bool future_is_done(const struct dq_future *f);
/* Ended, and not well; an array: an element of it has. */
bool future_is_bad(const struct dq_future *f);
/* Its key as text; NULL: out of memory. Lives as long as the future. */
const char *future_key(struct dq_future *f);
/* True while the key must stand for it in requests. */
bool future_is_unsettled(const struct dq_future *f);

/*
 * Calls fn for each future of tasks first .. first+count-1, arrays that have some of them included;
 * arrays may come that have none. False when it was once. fn neither makes nor frees futures.
 */
typedef bool future_of_run(struct dq_future *f, uint64_t first, uint64_t count, void *arg);
bool futures_of_run(
	struct dq_client *c, uint64_t first, uint64_t count, future_of_run *fn, void *arg);
/* Which elements of the array's future fall into the run; false: none. */
bool array_part(
	const struct dq_future *f, uint64_t first, uint64_t count, uint64_t *from, uint64_t *n);
/*
 * Tasks first .. first+count-1 ended so; takes no reference of the caller's. Those that had ended
 * before, or that nobody has a future of, are skipped. False: out of memory; may be repeated.
 */
bool futures_end(struct dq_client *c, uint64_t first, uint64_t count, struct ended *e);
/* Refuses a submit's futures: numbers first_n .. of this session. */
bool futures_refuse(
	struct dq_client *c, uint32_t first_n, uint64_t count, int code, struct slice text);
/* A submit with keys was answered: `n` is in truth the task `id`. */
bool future_alias(struct dq_client *c, uint32_t n, uint64_t id);
/* A submit with keys was answered, after all its aliases: ids are what they are, what waited for
 * that is done. */
bool futures_settle(struct dq_client *c, uint32_t first_n, uint64_t count);
/*
 * Those of the tasks that failed or were cancelled have not ended any more, with done_too those
 * that are done as well: what is known of their ends is forgotten, and asked for again where
 * somebody wanted it. False: out of memory, the connection must be dropped.
 */
bool futures_again(struct dq_client *c, const struct runs *runs, bool done_too);
/* Calls fn for each future that is watched and has not ended. Stops at false, returns it. */
bool futures_each_watched(
	struct dq_client *c, bool (*fn)(struct dq_client *c, struct dq_future *f));

#endif
