/*
 * A submit in a deal: one of its operations, read whole when it is checked (intake.h), and done in
 * its turn. Its ids are of a number of its own, given out as those of sessions are, so that they
 * need not be known to who asks: later operations name its tasks by their keys. What is not
 * detached is held by the session that asked, by records.
 */
#include "core/intake.h"
#include "core/thing.h"

bool deal_submit_check(struct dealing *d, const struct deal_op *op)
{
	struct intake *in;

	if (d->intake)
		return deal_refuse(d, DQ_E_USAGE, "a transaction with two submits", slice_empty());
	in = d->intake = xcalloc(1, sizeof(*in));
	d->submit = (struct event){.kind = EVENT_SUBMIT, .no_room = d->no_room};
	d->submit.submit.first_n = 1;
	d->submit.submit.count = op->count;
	d->submit.submit.flags = op->flags;
	d->submit.submit.body = op->body;
	in->c = d->c;
	in->e = &d->submit;
	in->s = d->s;
	in->user = d->user;
	in->home = d->c->counters.next_session;
	if (!intake_head(in))
		return deal_refuse(d, in->code, in->text, in->more);
	intake_alloc(in);
	return intake_body(in) || deal_refuse(d, in->code, in->text, in->more);
}

uint64_t deal_submit_do(struct dealing *d)
{
	d->c->counters.next_session++;
	d->c->counters_dirty = true;
	d->c->u->seal = true;
	intake_do(d->intake);
	return d->intake->first;
}

bool deal_submits_key(const struct dealing *d, struct slice key)
{
	const struct intake *in = d->intake;
	uint64_t id;

	return in && !in->array && !memchr(key.p, '/', key.n) &&
	       fpmap_get(&d->c->keys, key_fingerprint(in->ns, key), &id) && id >= in->first &&
	       id < in->first + in->count;
}

void deal_submit_end(struct dealing *d, bool done)
{
	if (!d->intake)
		return;
	if (!done)
		intake_take_back(d->intake);
	intake_free(d->intake);
	free(d->intake);
	d->intake = NULL;
}
