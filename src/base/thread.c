/*
 * Named threads that leave signals to the main thread. The start record is heap memory that the new
 * thread frees.
 */
#include "base/thread.h"

#include "base/alloc.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

struct start {
	void *(*fn)(void *);
	void *arg;
	char name[16];
};

void thread_set_name(const char *name)
{
	char cut[16];

	snprintf(cut, sizeof(cut), "%s", name);
	pthread_setname_np(pthread_self(), cut);
}

static void *run(void *p)
{
	struct start s = *(struct start *)p;

	free(p);
	thread_set_name(s.name);
	return s.fn(s.arg);
}

int thread_start(pthread_t *out, const char *name, void *(*fn)(void *), void *arg)
{
	struct start *s = try_malloc(sizeof(*s));
	sigset_t all, before;
	int rc;

	if (!s)
		return ENOMEM;
	s->fn = fn;
	s->arg = arg;
	snprintf(s->name, sizeof(s->name), "%s", name);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(out, NULL, run, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		free(s);
	return rc;
}
