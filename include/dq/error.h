/*
 * Error codes of dq: one table for the library, the protocol (where they travel as numbers: never
 * renumber) and the exit codes of the commands.
 */
#ifndef DQ_ERROR_H
#define DQ_ERROR_H

/* X(name, number, exit code of the commands, text) */
#define DQ_ERRORS(X)                                                                               \
	X(OK, 0, 0, "ok")                                                                          \
	X(TASK_FAILED, 1, 1, "the task failed")                                                    \
	X(CANCELLED, 2, 1, "the task was cancelled")                                               \
	X(USAGE, 3, 2, "wrong use")                                                                \
	X(TIMEOUT, 4, 3, "timed out")                                                              \
	X(NOT_FOUND, 5, 4, "not found")                                                            \
	X(GONE, 6, 4, "no longer there")                                                           \
	X(NO_SCHEDULER, 7, 5, "no scheduler there")                                                \
	X(CONFLICT, 8, 6, "conflict")                                                              \
	X(REFUSED, 9, 7, "not allowed")                                                            \
	X(LIMIT, 10, 7, "over a limit")                                                            \
	X(STORE, 11, 7, "the store cannot commit")                                                 \
	X(NO_MEMORY, 12, 7, "out of memory")                                                       \
	X(PROTOCOL, 13, 70, "protocol error")                                                      \
	X(VERSION, 14, 7, "no common version")                                                     \
	X(LOST, 15, 1, "the result is lost")                                                       \
	X(CLOSED, 16, 7, "closed")                                                                 \
	X(IO, 17, 7, "input/output error")                                                         \
	X(FORKED, 18, 70, "the client belongs to the process before fork")                         \
	X(TYPE, 19, 2, "the value has another type")                                               \
	X(BUG, 20, 70, "internal error")

enum dq_error {
#define DQ_ERROR_ENUM(name, number, exit_code, text) DQ_E_##name = number,
	DQ_ERRORS(DQ_ERROR_ENUM)
#undef DQ_ERROR_ENUM
};

#ifdef __cplusplus
extern "C" {
#endif
/* A short text for a code, never NULL; static. Any thread. */
const char *dq_strerror(int error);
/* What a command that ends with this error exits with. */
int dq_exit_code(int error);
#ifdef __cplusplus
}
#endif
#endif
