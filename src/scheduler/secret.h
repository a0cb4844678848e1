/*
 * The secret of the user who runs a scheduler: 32 random bytes, as hex in a file that only its
 * owner can read.
 */
#ifndef SCHEDULER_SECRET_H
#define SCHEDULER_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct secret {
	uint8_t bytes[32];
};

/* Reads the file, or makes it (0600, synced). False: one line in error; a file that others can read
 * is refused. */
bool secret_load_or_make(const char *path, struct secret *out, char *error, size_t error_bytes);
/* Overwrites it in memory. */
void secret_forget(struct secret *s);

#endif
