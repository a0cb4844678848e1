/*
 * Users as the core keeps them: a name, and their turn among the others.
 */
#include "core/impl.h"

static char *text_of(struct slice s)
{
	char *t = xcalloc(1, s.n + 1);

	if (s.n)
		memcpy(t, s.p, s.n);
	return t;
}

struct user *user_new(struct core *c, uint32_t number, uint32_t uid, struct slice name)
{
	struct user *u = xcalloc(1, sizeof(*u));

	u->number = number;
	u->weight = 1;
	heap_init(&u->demands, demand_comes_first);
	heap_node_init(&u->turn);
	user_rename(c, u, uid, name);
	u->plain = demand_plain_new(c, u);
	ensure(map64_put_ptr(&c->users, number, u));
	return u;
}

void user_rename(struct core *c, struct user *u, uint32_t uid, struct slice name)
{
	(void)c;
	free(u->name);
	u->uid = uid;
	u->name = text_of(name);
}

void user_free(struct core *c, struct user *u)
{
	demand_plain_free(c, u);
	heap_release(&u->demands);
	free(u->name);
	free(u);
}
