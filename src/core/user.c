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
	heap_init(&u->demands, demand_comes_first);
	heap_node_init(&u->turn);
	backlog_init(&u->backlog);
	user_rename(c, u, uid, name);
	u->plain = demand_plain_new(c, u);
	ensure(map64_put_ptr(&c->users, number, u));
	return u;
}

void user_rename(struct core *c, struct user *u, uint32_t uid, struct slice name)
{
	free(u->name);
	u->uid = uid;
	u->name = text_of(name);
	u->weight = 1;
	for (size_t i = 0; i < c->config.nweights; i++)
		if (slice_eq(name, c->config.weights[i].name))
			u->weight = c->config.weights[i].weight;
}

void user_free(struct core *c, struct user *u)
{
	demand_plain_free(c, u);
	heap_release(&u->demands);
	backlog_release(&u->backlog);
	free(u->name);
	free(u);
}
