/*
 * Threads with names and without signals.
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

/* Names the calling thread, as top and gdb show it: 15 bytes, longer names are cut. */
void thread_set_name(const char *name);
/*
 * Starts a thread of that name with all signals blocked, so that the process's signals go to its
 * main thread. Returns 0 or an errno value.
 */
int thread_start(pthread_t *out, const char *name, void *(*fn)(void *), void *arg);

#endif
