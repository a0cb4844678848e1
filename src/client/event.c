/*
 * dq_event_*: set and clear are deals of one operation, a wait is an AWAIT. See things.h.
 */
#include "client/client.h"
#include "client/things.h"

#include "model/limits.h"

static int change(struct dq_client *c, enum deal_kind kind, const char *name, double timeout_s)
{
	struct deal_op op = {.kind = kind};
	struct buf data;
	int code = client_enter_blocking(c);

	if (code)
		return code;
	buf_init(&data, LIMIT_FRAME_BYTES);
	code = client_check(c);
	if (code == 0)
		code = thing_name_check(c, name);
	if (code == 0) {
		op.name = slice_str(name);
		code = deal_do(c, &op, 1, timeout_s, &data);
	}
	buf_release(&data);
	client_leave(c);
	return code;
}

int dq_event_set(struct dq_client *client, const char *name, double timeout_s)
{
	return change(client, DEAL_EVENT_SET, name, timeout_s);
}

int dq_event_clear(struct dq_client *client, const char *name, double timeout_s)
{
	return change(client, DEAL_EVENT_CLEAR, name, timeout_s);
}

static bool await_is_done(void *arg)
{
	const struct await *a = arg;

	return a->done;
}

static int wait_set(struct dq_client *c, struct await *a, double timeout_s)
{
	int code;

	a->kind = THING_EVENT;
	await_begin(c, a);
	code = things_wait(c, await_is_done, a, timeout_s);
	if (code == DQ_E_TIMEOUT) {
		code = things_ask(c);
		if (!a->done)
			return code ? code : client_error_code(c, DQ_E_TIMEOUT);
		code = 0;
	}
	if (code == 0 && a->code)
		return client_error(
			c, a->code, "%s", a->text.n ? buf_cstr(&a->text) : dq_strerror(a->code));
	return code;
}

int dq_event_wait(struct dq_client *client, const char *name, double timeout_s)
{
	int code = client_enter_blocking(client);
	struct await a;

	if (code)
		return code;
	code = client_check(client);
	if (code == 0)
		code = thing_name_check(client, name);
	if (code == 0) {
		code = await_init(client, &a, name, 0);
		if (code == 0)
			code = wait_set(client, &a, timeout_s);
		await_release(client, &a);
	}
	client_leave(client);
	return code;
}
