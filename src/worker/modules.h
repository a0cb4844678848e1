/*
 * Task modules: shared objects loaded with dlopen, and their functions by name. Loaded once, before
 * slots start; then read by any thread. Modules stay loaded until the process ends (their code may
 * have made threads or atexit handlers).
 */
#ifndef WORKER_MODULES_H
#define WORKER_MODULES_H

#include "base/slice.h"

#include <dq/task.h>

#include <stdbool.h>
#include <stddef.h>

struct module_function;

struct modules {
	struct module_function *by_name;
	size_t count;
};

/* Loads the files (NULL-ended list, or NULL). False: one line in error. */
bool modules_load(struct modules *m, const char *const *paths, char *error, size_t error_bytes);
void modules_release(struct modules *m);
/* NULL: no module has it. */
dq_function *modules_find(const struct modules *m, struct slice name);

#endif
