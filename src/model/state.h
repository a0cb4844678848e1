/*
 * The states of a task and the moves between them, as one table. core/move.c is the only place that
 * moves a task; it refuses a move that is not here. doc/task-life.dot is drawn from this table and
 * checked against it. The numbers are on disk and on the wire: do not renumber, only append.
 */
#ifndef MODEL_STATE_H
#define MODEL_STATE_H

#include <stdbool.h>
#include <stdint.h>

/* X(name, number, word shown to users) */
#define TASK_STATES(X)                                                                             \
	X(WAITING, 1, "waiting")       /* for its dependencies */                                  \
	X(READY, 2, "ready")           /* for a worker */                                          \
	X(LEASED, 3, "leased")         /* to a worker; shown as running once it started */         \
	X(CANCELLING, 4, "cancelling") /* its code is being stopped */                             \
	X(DONE, 5, "done")                                                                         \
	X(FAILED, 6, "failed")                                                                     \
	X(CANCELLED, 7, "cancelled")                                                               \
	X(GONE, 8, "gone")           /* forgotten: nothing holds it */                             \
	X(SCHEDULED, 9, "scheduled") /* for its time: a delay, a backoff */

/* X(from, to) */
#define TASK_MOVES(X)                                                                              \
	X(WAITING, READY)  /* the last dependency is done */                                       \
	X(WAITING, FAILED) /* a dependency failed */                                               \
	X(WAITING, CANCELLED)                                                                      \
	X(WAITING, SCHEDULED) /* the last dependency is done, its time has not come */             \
	X(SCHEDULED, READY)   /* it has */                                                         \
	X(SCHEDULED, FAILED)  /* its deadline has */                                               \
	X(SCHEDULED, CANCELLED)                                                                    \
	X(READY, FAILED) /* its deadline has come */                                               \
	X(READY, LEASED)                                                                           \
	X(READY, WAITING) /* an input's last copy was lost */                                      \
	X(READY, CANCELLED)                                                                        \
	X(LEASED, DONE)                                                                            \
	X(LEASED, FAILED)                                                                          \
	X(LEASED, READY)   /* the lease was lost or revoked */                                     \
	X(LEASED, WAITING) /* an input could not be had */                                         \
	X(LEASED, CANCELLING)                                                                      \
	X(LEASED, SCHEDULED) /* it failed, and is tried again later */                             \
	X(CANCELLING, CANCELLED)                                                                   \
	X(CANCELLING, FAILED) /* stopped for its deadline */                                       \
	X(DONE, WAITING)      /* a lost value is made again (remake) */                            \
	X(WAITING, DONE)      /* a remake that is no longer wanted */                              \
	X(READY, DONE)        /* likewise */                                                       \
	X(FAILED, WAITING)    /* retried by a user; DONE too, where the value is lost */           \
	X(CANCELLED, WAITING) /* likewise */                                                       \
	X(DONE, GONE)                                                                              \
	X(FAILED, GONE)                                                                            \
	X(CANCELLED, GONE)

enum task_state {
#define TASK_STATE_ENUM(name, number, word) TASK_##name = (number),
	TASK_STATES(TASK_STATE_ENUM)
#undef TASK_STATE_ENUM
		TASK_STATE_END
};

static inline bool task_state_is_final(enum task_state s)
{
	return s >= TASK_DONE && s <= TASK_CANCELLED;
}

/* The word users see; "?" for a number that is no state. */
const char *task_state_word(enum task_state s);
/* The state of a word, or 0. */
enum task_state task_state_of_word(const char *word);
/* True when the table has the move. */
bool task_move_allowed(enum task_state from, enum task_state to);

/* Why a task failed or was cancelled: stored and sent; do not renumber. X(name, number, word) */
#define CAUSES(X)                                                                                  \
	X(NONE, 0, "none")                                                                         \
	X(ERROR, 1, "error") /* its function said so */                                            \
	X(EXIT, 2, "exit")   /* a non-zero exit status */                                          \
	X(SIGNAL, 3, "signal")                                                                     \
	X(MEMORY, 4, "memory")                                                                     \
	X(TIMEOUT, 5, "timeout")                                                                   \
	X(DEADLINE, 6, "deadline")                                                                 \
	X(DEPENDENCY, 7, "dependency")  /* another task is to blame */                             \
	X(POISON, 8, "poison")          /* three workers died of it */                             \
	X(CANCELLED, 9, "cancelled")    /* somebody asked for it */                                \
	X(LOST, 10, "lost")             /* the value cannot be had again */                        \
	X(SPEC, 11, "spec")             /* no such function or program, bad arguments */           \
	X(WORKER, 12, "worker")         /* its one allowed attempt died with its worker */         \
	X(UNHELD, 13, "unheld")         /* nothing wanted it any more */                           \
	X(RESCHEDULE, 14, "reschedule") /* its function asked to be run again, later */            \
	X(REVOKED, 15, "revoked")       /* it had not begun, and something else comes before it */ \
	X(LIMIT, 16, "limit")           /* its result is larger than the scheduler stores */       \
	X(CONFLICT, 17, "conflict")     /* its transaction was refused */

enum cause {
#define CAUSE_ENUM(name, number, word) CAUSE_##name = (number),
	CAUSES(CAUSE_ENUM)
#undef CAUSE_ENUM
		CAUSE_END
};

const char *cause_word(enum cause c);

#endif
