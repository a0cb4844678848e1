/*
 * Listening for streams of this process. Listeners are found by name in one list of the process. A
 * connecting stream is open at once; what it sends waits in the link until the listener's loop has
 * taken it.
 */
#include "loop/inproc_private.h"

#include "base/alloc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct inproc_listener {
	struct list node; /* in `listeners` */
	struct listener *owner;
	struct loop *loop;
	struct wake *wake;
	struct list queue; /* links nobody has taken yet */
	bool paused;       /* the loop's thread only */
	bool freed, busy;  /* freed inside on_accept: the accepting function frees the memory */
	char name[256];
};

static pthread_mutex_t listeners_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct list listeners = {&listeners, &listeners};

bool inproc_offer(const char *name, struct link *link)
{
	bool found = false;

	pthread_mutex_lock(&listeners_mutex);
	list_for_each_entry(il, &listeners, struct inproc_listener, node) {
		if (strcmp(il->name, name) != 0)
			continue;
		list_push_back(&il->queue, &link->node);
		wake_send(il->wake);
		found = true;
		break;
	}
	pthread_mutex_unlock(&listeners_mutex);
	return found;
}

static struct link *next_link(struct inproc_listener *il)
{
	struct list *node;

	pthread_mutex_lock(&listeners_mutex);
	node = list_pop_front(&il->queue);
	pthread_mutex_unlock(&listeners_mutex);
	return node ? container_of(node, struct link, node) : NULL;
}

static void on_listener_wake(struct wake *wake, void *arg)
{
	struct inproc_listener *il = arg;
	struct link *link;

	(void)wake;
	il->busy = true;
	while (!il->freed && !il->paused && (link = next_link(il))) {
		struct stream *s = inproc_accept(il->loop, link, il->name);

		if (s)
			listener_accepted(il->owner, s);
	}
	il->busy = false;
	if (il->freed)
		free(il);
}

static bool name_is_taken(const char *name)
{
	list_for_each_entry(il, &listeners, struct inproc_listener, node) {
		if (strcmp(il->name, name) == 0)
			return true;
	}
	return false;
}

struct inproc_listener *inproc_listen(struct listener *l, struct loop *loop, const char *name)
{
	struct inproc_listener *il = try_calloc(1, sizeof(*il));
	bool taken;

	if (!il)
		return NULL;
	il->owner = l;
	il->loop = loop;
	list_init(&il->queue);
	snprintf(il->name, sizeof(il->name), "%s", name);
	il->wake = wake_new(loop, on_listener_wake, il);
	if (!il->wake) {
		free(il);
		errno = ENOMEM;
		return NULL;
	}
	wake_own(il->wake);
	pthread_mutex_lock(&listeners_mutex);
	taken = name_is_taken(name);
	if (!taken)
		list_push_back(&listeners, &il->node);
	pthread_mutex_unlock(&listeners_mutex);
	if (taken) {
		wake_free(&il->wake);
		free(il);
		errno = EADDRINUSE;
		return NULL;
	}
	return il;
}

void inproc_listener_pause(struct inproc_listener *il, bool paused)
{
	il->paused = paused;
	if (!paused)
		wake_send(il->wake);
}

void inproc_listener_free(struct inproc_listener *il)
{
	struct link *link;

	pthread_mutex_lock(&listeners_mutex);
	list_remove(&il->node);
	pthread_mutex_unlock(&listeners_mutex);
	while ((link = next_link(il)))
		link_leave(link, 1);
	wake_free(&il->wake);
	il->freed = true;
	if (!il->busy)
		free(il);
}
