/*
 * --config FILE: the options of dq-scheduler by their long names, one `name = value` a line (an INI
 * file; # and ; begin comments, sections mean nothing). An option without a value is turned on by
 * `true` and left off by `false`.
 */
#ifndef SCHEDULER_CONFIG_H
#define SCHEDULER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

struct config {
	char **argv; /* "--name=value", as if they had been given on the command line; owned */
	int argc;
};

/* False: one line in why, which names the file and the line. */
bool config_read(const char *path, struct config *out, char *why, size_t why_bytes);
void config_release(struct config *c);

#endif
