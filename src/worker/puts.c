/*
 * Results on their way to the scheduler (puts.h). A lease waits here between its end and its
 * report; its entry for REPORT was made by the slot and goes when the scheduler has the value. What
 * the scheduler does not take becomes a failed attempt that says why.
 */
#include "worker/puts.h"

#include "base/ensure.h"
#include "model/limits.h"
#include "model/row.h"

#include <dq/error.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void puts_init(struct puts *p)
{
	*p = (struct puts){.have = 0};
	list_init(&p->waiting);
}

bool puts_is_empty(const struct puts *p)
{
	return list_is_empty(&p->waiting);
}

void puts_add(struct puts *p, struct lease *l)
{
	ensure(l->value && l->entry.n && !list_is_linked(&l->node));
	list_push_back(&p->waiting, &l->node);
}

static struct lease *first(struct puts *p)
{
	struct list *node = list_first(&p->waiting);

	return node ? list_entry(node, struct lease, node) : NULL;
}

static void take_first(struct puts *p, struct lease *l)
{
	list_remove(&l->node);
	p->asked = false;
	p->have = 0;
}

/* What the run was stays, what it made is gone. */
static void fail(
	struct puts *p, struct reports *r, struct lease *l, enum cause cause, const char *text)
{
	struct outcome o = {.state = TASK_FAILED};
	struct fenced entry;
	const char *why;
	struct cursor c;

	cursor_init(&c, l->entry);
	ensure(fenced_read(&c, &entry) && outcome_decode(entry.outcome, &o, &why));
	o.state = TASK_FAILED;
	o.has_value = o.stored = false;
	o.cause = cause;
	o.message = slice_str(text);
	take_first(p, l);
	blob_forget(l->value);
	blob_unref(&l->value);
	reports_add_one(r, l, l->id, l->fence, &o);
}

void puts_send(struct puts *p, struct reports *r, struct buf *out)
{
	struct lease *l;
	struct slice bytes;
	struct msg_put m;
	char text[160];

	while (!p->asked && (l = first(p))) {
		if (!blob_bytes(l->value, &bytes)) {
			snprintf(text, sizeof(text), "its result cannot be read: %s",
				strerror(errno));
			fail(p, r, l, CAUSE_WORKER, text);
			continue;
		}
		ensure(p->have < bytes.n);
		m = (struct msg_put){.id = l->id,
			.epoch = l->fence.epoch,
			.seq = l->fence.seq,
			.offset = p->have,
			.total = bytes.n,
			.checksum = l->value->checksum};
		m.bytes = slice_of(bytes.p + p->have,
			bytes.n - p->have < WIRE_PUT_BYTES ? bytes.n - p->have : WIRE_PUT_BYTES);
		msg_put_encode(out, 0, &m);
		p->asked = true;
	}
}

bool puts_answer(struct puts *p, struct reports *r, const struct msg_putted *m, const char **why)
{
	struct lease *l = p->asked ? first(p) : NULL;
	char text[LIMIT_MESSAGE_BYTES + 1];

	*why = "it acknowledges a part that was not sent";
	if (!l || l->id != m->id || l->fence.epoch != m->epoch || l->fence.seq != m->seq)
		return false;
	p->asked = false;
	if (m->code) {
		snprintf(text, sizeof(text), "%" SLICE_FMT, SLICE_ARG(m->text));
		fail(p, r, l, m->code == DQ_E_LIMIT ? CAUSE_LIMIT : CAUSE_ERROR, text);
		return true;
	}
	if (m->have <= p->have || m->have > l->value->n)
		return false;
	p->have = m->have;
	if (p->have < l->value->n)
		return true;
	take_first(p, l);
	reports_add_stored(r, l);
	return true;
}

void puts_restart(struct puts *p, struct list *reported)
{
	list_splice_back(reported, &p->waiting);
	list_splice_back(&p->waiting, reported);
	p->asked = false;
	p->have = 0;
}
