/*
 * A scheduler and workers inside this process, on threads of their own, joined by in-process
 * streams. Made by dq_client_open for a local client, ended when that is closed.
 */
#ifndef LOCAL_LOCAL_H
#define LOCAL_LOCAL_H

#include <dq/client.h>

#include <stddef.h>

struct local;

#define LOCAL_WORKERS_MAX 256u

/* Starts all threads and waits until they are up. 0, or a code and one line in error. */
int local_new(
	const struct dq_options *options, struct local **out, char *error, size_t error_bytes);
/* The scheduler's address, "inproc:NAME". */
const char *local_address(const struct local *l);
/* Stops the workers (which waits for functions that run in threads), then the scheduler; removes a
 * temporary directory. Accepts NULL, sets it NULL. */
void local_free(struct local **l);

#endif
