/*
 * Where things of a worker are when the command line does not say.
 */
#ifndef WORKER_TOOL_PLACES_H
#define WORKER_TOOL_PLACES_H

#include <stddef.h>

/* $XDG_STATE_HOME/dq-worker/NAME, or that under ~/.local/state. free() it. */
char *default_dir(const char *name);
/* dq-slot: beside this program, or where it was installed; NULL: neither. free() it. */
char *find_helper(void);
/* The CPUs that this process may use, at least 1. */
unsigned usable_cpus(void);
/* The host's name. free() it. */
char *host_name(void);
/*
 * The data address for a scheduler at a tcp address: the address of this host on the way there,
 * with any port. NULL where the worker's own default (a unix socket) is right. free() it.
 */
char *default_listen(const char *scheduler);
/* A unix address with its path made absolute, for tasks that run in other directories. free() it.
 */
char *absolute_address(const char *scheduler);

#endif
