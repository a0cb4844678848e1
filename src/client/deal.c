/*
 * DO: operations on what is shared by name, done all or none, once. See things.h.
 */
#include "client/client.h"
#include "client/things.h"

#include "codec/pack.h"
#include "model/limits.h"

#include <string.h>

/* How long the scheduler may take to answer. */
#define ASK_S 10.0

int thing_name_check(struct dq_client *c, const char *name)
{
	if (!name || !*name)
		return client_error(c, DQ_E_USAGE, "the name is empty");
	if (strlen(name) > LIMIT_NAMESPACE_BYTES + 1 + LIMIT_NAME_BYTES)
		return client_error(c, DQ_E_LIMIT, "%s", LIMIT_TEXT(NAME_BYTES));
	return 0;
}

static bool reply_is_done(void *arg)
{
	const struct reply_wait *w = arg;

	return w->done;
}

static int reply_code(struct dq_client *c, struct reply_wait *w)
{
	if (w->code)
		return client_error(
			c, w->code, "%s", w->text.n ? buf_cstr(&w->text) : dq_strerror(w->code));
	return w->no_memory ? client_error_code(c, DQ_E_NO_MEMORY) : 0;
}

int deal_do_list(struct dq_client *c, struct slice list, double timeout_s, struct buf *data)
{
	struct reply_wait wait;
	int code;

	if (c->session.look_only)
		return client_error(c, DQ_E_USAGE, "this client only looks: it cannot change");
	reply_wait_init(&wait);
	code = outbox_do(c, list, &wait);
	if (code == 0)
		code = things_await(c, reply_is_done, &wait, timeout_s);
	if (code == 0) {
		buf_append_slice(data, buf_slice(&wait.data));
		code = reply_code(c, &wait);
	}
	outbox_forget(&c->outbox, &wait);
	reply_wait_release(&wait);
	return code;
}

int deal_do(struct dq_client *c, const struct deal_op *ops, uint32_t n, double timeout_s,
	struct buf *data)
{
	struct buf list;
	int code;

	buf_init(&list, LIMIT_FRAME_BYTES);
	pack_array(&list, n);
	for (uint32_t i = 0; i < n; i++)
		deal_op_encode(&list, &ops[i]);
	if (list.failed)
		code = client_error(c, DQ_E_LIMIT, "%s", LIMIT_TEXT(FRAME_BYTES));
	else
		code = deal_do_list(c, buf_slice(&list), timeout_s, data);
	buf_release(&list);
	return code;
}

int thing_delete(struct dq_client *client, enum thing_kind kind, const char *name, double timeout_s)
{
	struct deal_op op = {.kind = DEAL_DELETE, .thing = kind};
	int code = client_enter_blocking(client);
	struct buf data;

	if (code)
		return code;
	code = client_check(client);
	if (code == 0)
		code = thing_name_check(client, name);
	if (code == 0) {
		buf_init(&data, LIMIT_FRAME_BYTES);
		op.name = slice_str(name);
		code = deal_do(client, &op, 1, timeout_s, &data);
		buf_release(&data);
	}
	client_leave(client);
	return code;
}

int things_list(
	struct dq_client *client, enum thing_kind kind, double timeout_s, struct dq_value *out)
{
	struct dq_args *args = dq_args_new();
	int code;

	*out = (struct dq_value){0};
	if (!args)
		return DQ_E_NO_MEMORY;
	dq_args_uint(args, kind);
	code = dq_query(client, DQ_QUERY_THINGS, args, timeout_s, out);
	dq_args_free(&args);
	return code;
}

int things_ask(struct dq_client *c)
{
	/* whether it is there or not: "-" may be anybody's */
	struct deal_op op = {.kind = DEAL_EXPECT, .name = slice_str("-")};
	struct buf data;
	int code;

	if (c->session.look_only || !session_is_up(c))
		return DQ_E_TIMEOUT;
	buf_init(&data, LIMIT_FRAME_BYTES);
	code = deal_do(c, &op, 1, ASK_S, &data);
	buf_release(&data);
	return code == DQ_E_CONFLICT ? 0 : code;
}
