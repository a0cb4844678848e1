/*
 * The places of dq_task_state (states.h). There are few of them: a list is enough.
 */
#include "worker/states.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

struct state {
	struct state *next;
	char *name;
	void *thing;
	void (*end)(void *thing);
};

void states_init(struct states *s)
{
	pthread_mutexattr_t attr;

	*s = (struct states){.first = NULL};
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&s->lock, &attr);
	pthread_mutexattr_destroy(&attr);
}

void states_release(struct states *s)
{
	struct state *at;

	while ((at = s->first)) {
		s->first = at->next;
		if (at->end)
			at->end(at->thing);
		free(at->name);
		free(at);
	}
	pthread_mutex_destroy(&s->lock);
}

static struct state *find(const struct states *s, const char *name)
{
	struct state *at = s->first;

	while (at && strcmp(at->name, name) != 0)
		at = at->next;
	return at;
}

void *states_get(struct states *s, const char *name, void *(*make)(void *arg), void *arg,
	void (*end)(void *state))
{
	struct state *at;
	void *thing;

	pthread_mutex_lock(&s->lock);
	at = find(s, name);
	thing = at ? at->thing : make(arg);
	if (!at && thing) {
		at = xcalloc(1, sizeof(*at));
		at->name = xstrdup(name);
		at->thing = thing;
		at->end = end;
		at->next = s->first;
		s->first = at;
	}
	pthread_mutex_unlock(&s->lock);
	return thing;
}
