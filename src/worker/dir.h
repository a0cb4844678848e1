/*
 * A worker's directory: who it is, and the places where its files live. One live worker a directory
 * (flock). The loop's thread, before slots start.
 *
 *	DIR/identity          uuid and name, made at the first start
 *	DIR/lock              locked while a worker lives here
 *	DIR/results/          held results: ID.GENERATION.CHECKSUM (worker/results.h)
 *	DIR/inputs/           inputs on their way into tasks; emptied at start
 *	DIR/slots/            standard output and error of running commands; emptied at start
 *	DIR/data.sock         where others fetch results, unless told otherwise
 */
#ifndef WORKER_DIR_H
#define WORKER_DIR_H

#include "model/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct worker_dir {
	char *path; /* absolute */
	char *results, *inputs, *slots;
	int lock_fd;
	uint8_t uuid[WORKER_UUID_BYTES];
};

/* Makes what is missing, locks, reads or makes the identity. False: one line in error, nothing is
 * held. */
bool worker_dir_open(
	struct worker_dir *d, const char *path, const char *name, char *error, size_t error_bytes);
void worker_dir_release(struct worker_dir *d);
/* What the error ends with when a live worker has the directory. */
#define WORKER_DIR_IN_USE "a live worker has this directory"

#endif
