/*
 * Histories: what clients did and saw, what the test did to processes, and what the tasks' code
 * did, as JSON lines; and the check of them: nothing that was acknowledged is lost, every task ends
 * as it must, its code ran at least once, and once only where neither its worker died nor was
 * silent for a lease.
 *
 *	{"t":us,"op":"submit","key":K}                  a client submitted K
 *	{"t":us,"op":"acked","key":K}                   and was told that it is stored
 *	{"t":us,"op":"cancel","key":K}
 *	{"t":us,"op":"end","key":K,"state":S,"value":V} what its client saw at last; of a
 *	                                                task that failed for another "blamed", and
 *which
 *	{"t":us,"op":"kill","worker":W}                 the test killed W
 *	{"t":us,"op":"silent","worker":W}               or stopped it for longer than a lease
 *	{"t":us,"op":"run","key":K,"worker":W}          K's code began
 */
#ifndef LIB_HISTORY_H
#define LIB_HISTORY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* One line, written at once, so that several processes may append to one file. NULL fields are left
 * out. */
void history_write(int fd, const char *op, const char *key, const char *worker, const char *state,
	const char *value);

struct history_counts {
	uint64_t submits, acked, ended, cancelled, runs, again, kills;
};

/* Reads a file of such lines and checks it; prints each violation to `out`, at most 20. False:
 * there was one. */
bool history_check(const char *path, FILE *out, struct history_counts *counts);

#endif
