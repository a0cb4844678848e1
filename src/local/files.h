/*
 * The files of a local client: its directory, and the helper that runs commands.
 */
#ifndef LOCAL_FILES_H
#define LOCAL_FILES_H

#include <stdbool.h>

/* A fresh directory (0700) under $TMPDIR, else /tmp. NULL: errno. free() it. */
char *temp_dir_new(void);
/* Removes the directory and all that is in it; what cannot be removed stays. */
void tree_remove(const char *dir);
/* "a/b", made as a directory (0700) if absent. NULL: errno. free() it. */
char *dir_in(const char *dir, const char *name);
/*
 * The program that runs tasks in processes of their own: $DQ_SLOT_HELPER, else dq-slot where
 * programs of programs are installed, else dq-slot next to the program that runs. NULL: none of
 * them can be run. free() it.
 */
char *helper_find(void);
/* CPUs that this process may use, at least 1. */
unsigned cpus_allowed(void);

#endif
