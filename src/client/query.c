/*
 * Queries (query.h): dq_query waits for its answer. A long one comes in parts, each asked for with
 * where the one before it ended, and joined: each is an array then.
 */
#include "client/client.h"
#include "client/value.h"

#include "base/ensure.h"
#include "codec/pack.h"
#include "model/limits.h"
#include "model/value.h"

#define ANSWER_BYTES_MAX ((size_t)1 << 30)

void queries_init(struct queries *qs)
{
	list_init(&qs->active);
	qs->next_request = 1;
}

static void query_send(struct dq_client *c, struct query *q)
{
	struct msg_query m = {.request = q->request,
		.what = q->what,
		.args = q->args,
		.order = q->order,
		.index = q->index,
		.given = q->given};

	if (session_is_up(c))
		msg_query_encode(session_out(c), 0, &m);
}

void queries_restart(struct dq_client *c)
{
	list_for_each_entry(q, &c->queries.active, struct query, link) {
		if (q->done)
			continue;
		buf_clear(&q->data);
		q->parts = 0;
		q->elements = 0;
		q->order = q->index = q->given = 0;
		query_send(c, q);
	}
}

/* The first of several parts, or a further one: only its elements are kept. */
static bool part_join(struct query *q, struct slice data)
{
	struct cursor at;

	cursor_init(&at, data);
	if (cursor_type(&at) != CURSOR_ARRAY)
		return false;
	q->elements += cursor_array(&at);
	buf_append(&q->data, at.p, cursor_left(&at));
	return cursor_ok(&at);
}

static bool part_take(struct query *q, const struct msg_answer *m)
{
	q->parts++;
	if (q->parts == 1 && !m->more) {
		buf_append_slice(&q->data, m->data);
		return true;
	}
	return part_join(q, m->data);
}

bool query_answer(struct dq_client *c, const struct msg_answer *m, const char **why)
{
	struct query *q = NULL;

	list_for_each_entry(at, &c->queries.active, struct query, link)
		if (at->request == m->request)
			q = at;
	if (!q || q->done)
		return true; /* nobody waits any more */
	if (m->code) {
		q->code = m->code <= INT32_MAX ? (int)m->code : DQ_E_PROTOCOL;
		buf_append_slice(&q->text, m->text);
		q->done = true;
		return true;
	}
	if (!part_take(q, m)) {
		*why = "ANSWER: a part that is no list";
		return false;
	}
	q->done = !m->more;
	if (m->more) {
		q->order = m->order;
		q->index = m->index;
		q->given = m->given;
		query_send(c, q);
	}
	return true;
}

static bool query_is_done(void *arg)
{
	const struct query *q = arg;

	return q->done;
}

/* The answer as one value. */
static int query_value(struct dq_client *c, struct query *q, struct dq_value *out)
{
	struct slice type = slice_str(VALUE_TYPE_MSGPACK);
	struct buf all;
	int code;

	if (q->code)
		return client_error(
			c, q->code, "%s", q->text.n ? buf_cstr(&q->text) : dq_strerror(q->code));
	if (q->data.failed && q->data.n > ANSWER_BYTES_MAX / 2)
		return client_error(c, DQ_E_LIMIT, "the answer: at most 1 GiB");
	if (q->data.failed)
		return client_error_code(c, DQ_E_NO_MEMORY);
	if (q->parts == 1 && q->elements == 0) {
		if (q->data.n == 0)
			pack_nil(&q->data);
		code = value_copy(out, buf_slice(&q->data), type, 0, slice_empty());
		return code ? client_error_code(c, code) : 0;
	}
	buf_init(&all, ANSWER_BYTES_MAX + 8);
	pack_array(&all, (uint32_t)q->elements);
	buf_append_slice(&all, buf_slice(&q->data));
	code = all.failed ? DQ_E_NO_MEMORY
			  : value_copy(out, buf_slice(&all), type, 0, slice_empty());
	buf_release(&all);
	return code ? client_error_code(c, code) : 0;
}

int query_run(struct dq_client *c, enum dq_query what, const struct dq_args *args, double timeout_s,
	struct dq_value *out)
{
	struct query q = {.request = c->queries.next_request++, .what = (uint64_t)what};
	struct buf packed;
	const char *why = "";
	int code = args_check(args, &why);

	if (code)
		return client_error(c, code, "%s", why);
	if (args && args->ndeps > 0)
		return client_error(c, DQ_E_USAGE, "a query takes no futures");
	buf_init(&packed, LIMIT_FRAME_BYTES);
	buf_init(&q.text, LIMIT_FRAME_BYTES);
	buf_init(&q.data, ANSWER_BYTES_MAX);
	if (args)
		args_pack(&packed, args);
	q.args = buf_slice(&packed);
	list_push_back(&c->queries.active, &q.link);
	/* What was submitted before is to be seen. */
	code = packed.failed ? client_error_code(c, DQ_E_NO_MEMORY) : client_push(c);
	if (code == 0) {
		query_send(c, &q);
		code = client_await(c, query_is_done, &q, client_deadline(timeout_s));
	}
	list_remove(&q.link);
	if (code == 0)
		code = query_value(c, &q, out);
	buf_release(&packed);
	buf_release(&q.text);
	buf_release(&q.data);
	return code;
}

int dq_query(struct dq_client *client, enum dq_query what, const struct dq_args *args,
	double timeout_s, struct dq_value *out)
{
	int code = client_enter_blocking(client);

	*out = (struct dq_value){0};
	if (code)
		return code;
	code = client_check(client);
	if (code == 0)
		code = query_run(client, what, args, timeout_s, out);
	client_leave(client);
	return code;
}
