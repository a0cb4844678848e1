/*
 * Reports. The list of a report is built in place with a header of fixed width, so that entries are
 * appended as they come and the count is filled in when it leaves.
 */
#include "worker/reports.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "wire/wire.h"

#include <stdlib.h>

#define LIST_HEADER_BYTES 5
#define REPORT_FULL_BYTES ((size_t)256 << 10)
#define REPORT_MAX_BYTES ((size_t)32 << 20)

struct report {
	struct list node;
	struct list leases;
	bool stored;  /* of one lease, whose value was sent on this connection */
	uint64_t seq; /* 0: not sent on this connection */
	uint32_t count;
	struct buf list; /* msgpack array of entries */
};

void reports_init(struct reports *r)
{
	*r = (struct reports){.next_seq = 1};
	list_init(&r->sent);
	list_init(&r->unsent);
}

static void report_free(struct report *p)
{
	buf_release(&p->list);
	free(p);
}

static void release_list(struct list *reports)
{
	struct list *node;

	while ((node = list_pop_front(reports)))
		report_free(list_entry(node, struct report, node));
}

void reports_release(struct reports *r)
{
	release_list(&r->sent);
	release_list(&r->unsent);
	r->open = NULL;
}

static struct report *report_new(struct reports *r)
{
	static const uint8_t header[LIST_HEADER_BYTES] = {0xdd};
	struct report *p = xcalloc(1, sizeof(*p));

	list_init(&p->node);
	list_init(&p->leases);
	buf_init(&p->list, REPORT_MAX_BYTES);
	buf_append(&p->list, header, sizeof(header));
	list_push_back(&r->unsent, &p->node);
	return p;
}

static struct report *open_report(struct reports *r)
{
	if (!r->open || r->open->list.n >= REPORT_FULL_BYTES)
		r->open = report_new(r);
	return r->open;
}

void reports_add(struct reports *r, struct batch *b)
{
	struct report *p = open_report(r);

	buf_append_slice(&p->list, buf_slice(&b->entries));
	ensure(!p->list.failed);
	p->count += b->count;
	list_splice_back(&p->leases, &b->leases);
	buf_clear(&b->entries);
	b->count = 0;
}

void reports_add_one(struct reports *r, struct lease *l, uint64_t id, struct fence fence,
	const struct outcome *o)
{
	struct report *p = open_report(r);
	struct fenced entry = {.id = id, .fence = fence};
	struct buf outcome;

	buf_init(&outcome, REPORT_FULL_BYTES);
	outcome_encode(&outcome, o);
	entry.outcome = buf_slice(&outcome);
	fenced_write(&p->list, &entry);
	buf_release(&outcome);
	ensure(!p->list.failed);
	p->count++;
	if (l)
		list_push_back(&p->leases, &l->node);
}

void reports_add_stored(struct reports *r, struct lease *l)
{
	struct report *p = report_new(r);

	p->stored = true;
	buf_append_slice(&p->list, l->entry);
	ensure(!p->list.failed);
	p->count = 1;
	list_push_back(&p->leases, &l->node);
}

static void fill_count(struct report *p)
{
	for (unsigned i = 0; i < 4; i++)
		p->list.p[1 + i] = (uint8_t)(p->count >> (24 - 8 * i));
}

void reports_send(struct reports *r, struct buf *out)
{
	struct list *node;

	r->open = NULL;
	while ((node = list_pop_front(&r->unsent))) {
		struct report *p = list_entry(node, struct report, node);
		struct msg_report m;

		ensure(p->count > 0 && p->seq == 0);
		fill_count(p);
		m.entries = buf_slice(&p->list);
		p->seq = r->next_seq++;
		msg_report_encode(out, p->seq, &m);
		list_push_back(&r->sent, node);
	}
}

void reports_restart(struct reports *r, struct list *stored)
{
	list_splice_back(&r->sent, &r->unsent);
	list_for_each_safe(node, next, &r->sent) {
		struct report *p = list_entry(node, struct report, node);

		p->seq = 0;
		if (!p->stored)
			continue;
		list_splice_back(stored, &p->leases);
		list_remove(node);
		report_free(p);
	}
	list_splice_back(&r->unsent, &r->sent);
	r->open = NULL;
	r->next_seq = 1;
}

bool reports_acked(struct reports *r, uint64_t seq, struct list *leases)
{
	struct list *node;

	if (seq >= r->next_seq)
		return false;
	while ((node = list_first(&r->sent))) {
		struct report *p = list_entry(node, struct report, node);

		if (p->seq > seq)
			break;
		list_remove(node);
		list_splice_back(leases, &p->leases);
		report_free(p);
	}
	return true;
}

bool reports_is_empty(const struct reports *r)
{
	return list_is_empty(&r->sent) && list_is_empty(&r->unsent);
}
