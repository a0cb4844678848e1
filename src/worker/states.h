/*
 * Things that functions make once in a process and keep (dq_task_state): by name, made under a lock
 * that every caller takes, ended in the reverse order of their making. Any thread.
 */
#ifndef WORKER_STATES_H
#define WORKER_STATES_H

#include <pthread.h>

struct state;

struct states {
	pthread_mutex_t lock; /* recursive: making one may need another */
	struct state *first;  /* the last one made */
};

void states_init(struct states *s);
/* Calls the ends; no function runs any more. */
void states_release(struct states *s);
/* The thing of that name; make(arg) makes it when there is none. NULL: it made none. */
void *states_get(struct states *s, const char *name, void *(*make)(void *arg), void *arg,
	void (*end)(void *state));

#endif
