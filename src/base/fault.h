/*
 * Named points where tests make the program fail.
 *
 *	int rc = fault_point("store.commit.before");
 *
 * gives 0, or an errno value that the caller treats as that failure. All names are in
 * base/fault_points.def. Without DQ_FAULT_POINTS the macro is the constant 0; with it, a point
 * costs one load while nothing is armed. Points are armed by fault_arm(), or by the environment
 * when the program starts: DQ_FAULT="NAME:COUNT:ACTION[:ARG][,...]"
 *
 *	COUNT	fires at the COUNT-th pass (1 is the first); "3+" at the third and each later one;
 *		"*" at each
 *	die	SIGKILL on itself
 *	error	the pass returns ARG: ENOSPC, EIO (default), ENOMEM, EAGAIN, EINTR, EPIPE,
 *		ECONNRESET, or a number
 *	delay	sleeps ARG milliseconds (default 100), returns 0
 *	count	only counts passes (as any armed point does for all of them)
 *
 * A name not in the table, in the environment or in the code, stops the program.
 *
 * Threads: any; the count of passes is exact across threads. Arming while other threads pass
 * points is for tests that know what they do.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is anything armed? Read by the macro only. */
extern bool fault_active;

#ifdef DQ_FAULT_POINTS
#define fault_point(name) (__builtin_expect(fault_active, 0) ? fault_pass(name) : 0)
#else
#define fault_point(name) ((void)sizeof(name), 0)
#endif

/* One pass through a point; use the macro. */
int fault_pass(const char *name);

/*
 * Replaces what is armed; NULL or "" disarms all. False: the text is wrong (*why says how), nothing
 * changed.
 */
bool fault_arm(const char *spec, const char **why);
/* Counts all passes from zero again. */
void fault_reset_counts(void);

/*
 * The table: names 0 .. fault_count()-1, what each stands for, and how often it was passed while
 * something was armed.
 */
size_t fault_count(void);
const char *fault_name(size_t i);
const char *fault_text(size_t i);
uint64_t fault_passes(size_t i);
/* Is the program built with fault points? */
bool fault_is_built_in(void);

#endif
