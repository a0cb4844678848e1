/*
 * The file with this process's id.
 */
#ifndef SCHEDULER_PIDFILE_H
#define SCHEDULER_PIDFILE_H

/* Written beside itself and renamed, so that nobody reads half of it. 0 or errno. */
int pid_file_write(const char *path);

#endif
