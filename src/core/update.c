/*
 * The containers of an update. They grow and are kept from step to step.
 */
#include "core/update.h"

#include "base/alloc.h"
#include "base/ensure.h"

void update_init(struct update *u)
{
	memset(u, 0, sizeof(*u));
	buf_init(&u->bytes, UINT32_MAX);
}

void update_clear(struct update *u)
{
	u->nrecords = 0;
	u->nsends = 0;
	u->ngrants = 0;
	u->ninputs = 0;
	u->nto = 0;
	u->more = false;
	u->scans = false;
	u->seal = false;
	u->next_tick_us = 0;
	buf_clear(&u->bytes);
}

void update_release(struct update *u)
{
	free(u->records);
	free(u->sends);
	free(u->grants);
	free(u->inputs);
	free(u->to);
	buf_release(&u->bytes);
	update_init(u);
}

static void grow(void **items, uint32_t *cap, uint32_t n, size_t size)
{
	if (n < *cap)
		return;
	*cap = *cap ? *cap * 2 : 64;
	*items = xrealloc(*items, *cap * size);
}

struct record *update_record(struct update *u, enum record_kind kind, uint64_t a, uint64_t b)
{
	struct record *r;

	grow((void **)&u->records, &u->records_cap, u->nrecords, sizeof(*r));
	r = &u->records[u->nrecords++];
	*r = (struct record){.kind = kind, .a = a, .b = b, .at = (uint32_t)u->bytes.n};
	return r;
}

struct record *update_delete(struct update *u, enum record_kind kind, uint64_t a, uint64_t b)
{
	struct record *r = update_record(u, kind, a, b);

	r->del = true;
	return r;
}

void update_record_end(struct update *u, struct record *r)
{
	ensure(!u->bytes.failed);
	r->n = (uint32_t)u->bytes.n - r->at;
}

struct send *update_send(struct update *u, enum send_kind kind, uint64_t conn)
{
	struct send *s;

	grow((void **)&u->sends, &u->sends_cap, u->nsends, sizeof(*s));
	s = &u->sends[u->nsends++];
	memset(s, 0, sizeof(*s));
	s->kind = kind;
	s->conn = conn;
	return s;
}

struct grant *update_grant(struct update *u)
{
	struct grant *g;

	grow((void **)&u->grants, &u->grants_cap, u->ngrants, sizeof(*g));
	g = &u->grants[u->ngrants++];
	memset(g, 0, sizeof(*g));
	g->at = u->ninputs;
	return g;
}

void update_input(struct update *u, uint64_t id)
{
	grow((void **)&u->inputs, &u->inputs_cap, u->ninputs, sizeof(*u->inputs));
	u->inputs[u->ninputs++] = id;
}

void update_to(struct update *u, uint64_t conn)
{
	grow((void **)&u->to, &u->to_cap, u->nto, sizeof(*u->to));
	u->to[u->nto++] = conn;
}
