/*
 * Who we are to a scheduler behind TCP: the secret's bytes and the user's name.
 */
#ifndef CLIENT_SECRET_H
#define CLIENT_SECRET_H

#include "base/buf.h"

#include <stddef.h>

/* Reads the secret of `file`, else of $DQ_SECRET_FILE, else of the file that the contact file
 * $DQ_CONTACT names. 0, or a code and one line in `why`. */
int secret_read(const char *file, struct buf *out, char *why, size_t why_bytes);
/* The name of the user this process runs as. */
void user_name(char *out, size_t out_bytes);

#endif
