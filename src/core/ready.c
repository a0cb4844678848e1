/*
 * Ready tasks, by user, as runs of consecutive tasks: a block of a thousand is one entry, an array
 * of ten million too. Users take turns by stride: each lease adds to the user's pass, the least
 * pass goes first. What a finished dependency made ready goes in front of what was submitted, so
 * that graphs finish branches before they start new ones.
 *
 * Entries are not removed when a task stops being ready: they are checked when they come up.
 */
#include "core/impl.h"

void ready_push(struct core *c, struct block *b, uint32_t at, uint32_t count, bool front)
{
	struct user *user = map64_get_ptr(&c->users, b->user);
	struct ready_run *r;

	ensure(user && count > 0);
	c->ready_changed = true;
	if (list_is_empty(&user->ready)) {
		struct map64_iter it = {0};
		uint64_t number, least = UINT64_MAX;
		void *p;

		/* who comes back starts level with the others, without credit for the time away */
		while (map64_next_ptr(&c->users, &it, &number, &p)) {
			struct user *o = p;

			if (!list_is_empty(&o->ready) && o->pass < least)
				least = o->pass;
		}
		if (least != UINT64_MAX && user->pass < least)
			user->pass = least;
	}
	r = xcalloc(1, sizeof(*r));
	*r = (struct ready_run){.block = b, .at = at, .count = count};
	if (front)
		list_push_front(&user->ready, &r->in_user);
	else
		list_push_back(&user->ready, &r->in_user);
	list_push_back(&b->ready, &r->in_block);
	user->nready += count;
}

static void run_free(struct ready_run *r)
{
	list_remove(&r->in_user);
	list_remove(&r->in_block);
	free(r);
}

void ready_forget_block(struct core *c, struct block *b)
{
	struct user *user = map64_get_ptr(&c->users, b->user);

	while (!list_is_empty(&b->ready)) {
		struct ready_run *r = container_of(b->ready.next, struct ready_run, in_block);

		user->nready -= r->count;
		run_free(r);
	}
}

void ready_unpark(struct core *c, struct block *b)
{
	struct user *user = map64_get_ptr(&c->users, b->user);

	while (!list_is_empty(&b->parked)) {
		struct list *run = b->parked.prev;

		list_remove(run);
		list_push_front(&user->ready, run);
	}
}

/* Drops stale entries from the front, and parks those of arrays that have as many leases as they
 * may; NULL when the user has none left. */
static struct ready_run *front_of(struct user *user)
{
	while (!list_is_empty(&user->ready)) {
		struct ready_run *r = container_of(user->ready.next, struct ready_run, in_user);

		while (r->count && block_state(r->block, r->at) != TASK_READY) {
			r->at++;
			r->count--;
			user->nready--;
		}
		if (!r->count) {
			run_free(r);
			continue;
		}
		if (!r->block->at_once || r->block->nleased < r->block->at_once)
			return r;
		list_remove(&r->in_user);
		list_push_back(&r->block->parked, &r->in_user);
	}
	return NULL;
}

bool ready_next(struct core *c, struct place *out, struct user **user)
{
	struct map64_iter it = {0};
	struct ready_run *best = NULL;
	uint64_t number;
	void *p;

	*user = NULL;
	while (map64_next_ptr(&c->users, &it, &number, &p)) {
		struct user *o = p;
		struct ready_run *r;

		if (*user && (o->pass > (*user)->pass ||
				     (o->pass == (*user)->pass && o->number > (*user)->number)))
			continue;
		r = front_of(o);
		if (!r)
			continue;
		best = r;
		*user = o;
	}
	if (!best)
		return false;
	*out = (struct place){best->block, best->at};
	return true;
}

void ready_take(struct core *c, struct user *user)
{
	struct ready_run *r = container_of(user->ready.next, struct ready_run, in_user);

	(void)c;
	user->pass++;
	user->nready--;
	r->at++;
	if (--r->count == 0)
		run_free(r);
}
