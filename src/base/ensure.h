/*
 * Assertions that stay on in every build.
 *
 * ensure() states what must hold whatever the input was: a bug, never a bad message or a full disk.
 * When it does not hold, one message goes to stderr (file, line, condition, the note of the current
 * request) and the process aborts. Daemons come back through their store; see doc on reliability.
 *
 * Threads: any. The note belongs to the calling thread.
 */
#ifndef BASE_ENSURE_H
#define BASE_ENSURE_H

#include <stdint.h>

#define ensure(cond)                                                                               \
	(__builtin_expect(!!(cond), 1) ? (void)0 : ensure_failed(__FILE__, __LINE__, #cond))

/* Stops the process with a printf-style message: a state that no code path may reach. */
#define panic(...) panic_at(__FILE__, __LINE__, __VA_ARGS__)

#define unreachable() panic("unreachable code was reached")

/*
 * Sets what this thread is working on, printed by a failed ensure(). Costs a vsnprintf: once per
 * request at most.
 */
void ensure_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * The cheap form for hot paths: stores three words, formatted only when needed. `what` must stay
 * valid (a literal); a NULL `what` clears the note.
 */
void ensure_note_ids(const char *what, uint64_t a, uint64_t b);

void ensure_failed(const char *file, int line, const char *cond) __attribute__((noreturn, cold));
void panic_at(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn, cold, format(printf, 3, 4)));

#endif
