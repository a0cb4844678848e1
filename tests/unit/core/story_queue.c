/* Records of queues, as stories tell them: items as THING PRIORITY.SEQ. */
#include "story.h"

#include "model/item.h"

static void tell_item(struct story *s, uint32_t rank, uint64_t seq)
{
	buf_printf(&s->told, " %d.%llu", (int)item_priority(rank), (unsigned long long)seq);
}

static void tell_delivery(struct story *s, struct slice in)
{
	struct delivery_record d;
	const char *why;

	ck_assert(delivery_record_decode(in, &d, &why));
	buf_printf(&s->told, " %s %u", d.state == DELIVERY_OUT ? "out" : "back", d.deliveries);
	if (d.state == DELIVERY_OUT)
		buf_printf(&s->told, " fence %llu", (unsigned long long)d.fence.seq);
	if (d.session)
		buf_printf(&s->told, " of %u", d.session);
	if (d.due_us)
		buf_printf(&s->told, " due");
}

static void tell_grant(struct story *s, struct slice in)
{
	struct grant_record g;
	const char *why;

	ck_assert(grant_record_decode(in, &g, &why));
	buf_append_byte(&s->told, ':');
	for (uint32_t i = 0; i < g.count; i++) {
		struct grant_entry e = grant_entry_at(g.entries, i);

		tell_item(s, e.rank, e.seq);
		if (e.deliveries > 1)
			buf_printf(&s->told, "(%u)", e.deliveries);
	}
}

bool story_tell_queue(struct story *s, const struct record *r)
{
	struct slice in = update_bytes(&s->update, r->at, r->n);

	if (r->kind != RECORD_ITEM && r->kind != RECORD_DELIVERY && r->kind != RECORD_GRANT)
		return false;
	buf_printf(&s->told, " %llu", (unsigned long long)r->a);
	if (r->kind == RECORD_GRANT)
		buf_printf(&s->told, " %llu", (unsigned long long)r->b);
	else
		tell_item(s, r->c, r->b);
	if (r->move) {
		buf_printf(&s->told, " to %llu", (unsigned long long)r->to_a);
		tell_item(s, r->to_c, r->to_b);
	}
	if (r->kind == RECORD_DELIVERY && !r->del)
		tell_delivery(s, in);
	else if (r->kind == RECORD_GRANT && !r->del)
		tell_grant(s, in);
	buf_append_byte(&s->told, '\n');
	return true;
}
