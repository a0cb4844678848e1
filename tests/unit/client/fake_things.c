/*
 * The fake scheduler's variables: what a DO of one operation does to them, and who awaits them. A
 * connection's waits go with it.
 */
#include "fake.h"

#include "base/ensure.h"
#include "codec/pack.h"
#include "model/deal.h"

#include <dq/error.h>

#include <stdio.h>
#include <string.h>

struct fake_variable *fake_variable_of(struct fake *f, struct slice name)
{
	struct fake_variable *free_one = NULL;

	for (unsigned i = 0; i < FAKE_VARIABLES; i++) {
		if (slice_eq_str(name, f->variables[i].name))
			return &f->variables[i];
		if (!free_one && !f->variables[i].name[0])
			free_one = &f->variables[i];
	}
	ensure(free_one);
	snprintf(free_one->name, sizeof(free_one->name), "%.*s", (int)name.n, (const char *)name.p);
	return free_one;
}

static void tell(struct fake *f, struct fake_await *w)
{
	const struct fake_variable *v = w->variable;
	struct msg_is m = {.request = w->request, .version = v->version, .task = v->task};
	struct buf content;

	buf_init(&content, 4096);
	if (v->task)
		m.key = slice_str("old");
	else
		pack_bin(&content, slice_of(v->content, v->n));
	m.content = buf_slice(&content);
	msg_is_encode(stream_buf(f->peer), 0, &m);
	buf_release(&content);
	w->request = 0;
}

static void tell_all(struct fake *f, const struct fake_variable *v)
{
	for (unsigned i = 0; f->peer && i < FAKE_AWAITS; i++)
		if (f->awaits[i].request && f->awaits[i].variable == v &&
			v->version > f->awaits[i].above)
			tell(f, &f->awaits[i]);
}

void fake_await(struct fake *f, const struct frame *frame)
{
	struct fake_await *w = NULL;
	struct msg_await m;
	const char *why = "";

	ensure(msg_await_decode(frame->payload, &m, &why));
	f->awaited++;
	if (slice_eq_str(m.name, "ours/x")) {
		msg_is_encode(stream_buf(f->peer), 0,
			&(struct msg_is){.request = m.request,
				.code = DQ_E_REFUSED,
				.text = slice_str("not yours")});
		return;
	}
	for (unsigned i = 0; i < FAKE_AWAITS; i++) {
		ensure(f->awaits[i].request != m.request); /* never twice at a time */
		if (!w && !f->awaits[i].request)
			w = &f->awaits[i];
	}
	ensure(w);
	*w = (struct fake_await){
		.request = m.request, .variable = fake_variable_of(f, m.name), .above = m.after};
	tell_all(f, w->variable);
}

void fake_drop_await(struct fake *f, const struct frame *frame)
{
	struct msg_drop m;
	const char *why = "";

	ensure(msg_drop_decode(frame->payload, &m, &why));
	for (unsigned i = 0; i < FAKE_AWAITS; i++)
		if (f->awaits[i].request == m.request)
			f->awaits[i].request = 0;
}

void fake_set(struct fake *f, struct fake_variable *v, const struct deal_value *value)
{
	v->version++;
	v->task = value->task;
	v->n = value->content.n;
	ensure(v->n <= sizeof(v->content));
	if (v->n)
		memcpy(v->content, value->content.p, v->n);
	tell_all(f, v);
}

void fake_deal(struct fake *f, uint64_t seq, const struct deal_op *op)
{
	struct fake_variable *v = fake_variable_of(f, op->name);
	struct fake_stored *r = &f->stored[seq];
	struct buf data;
	bool sets = op->kind == DEAL_SET || op->kind == DEAL_SET_IF;

	buf_init(&data, sizeof(r->data));
	*r = (struct fake_stored){.kind = REPLY_PLAIN};
	f->deals++;
	if ((op->kind == DEAL_SET_IF || op->kind == DEAL_EXPECT) && op->version != v->version) {
		r->code = DQ_E_CONFLICT;
		pack_array(&data, 2);
		pack_u64(&data, 0);
		pack_u64(&data, v->version);
	} else if (op->kind == DEAL_DELETE) {
		v->version = 0;
	} else if (sets) {
		fake_set(f, v, &op->value);
		pack_array(&data, 1);
		pack_u64(&data, v->version);
	}
	if (data.n)
		r->kind = REPLY_STORED;
	r->n = data.n;
	if (r->n)
		memcpy(r->data, data.p, data.n);
	buf_release(&data);
}
