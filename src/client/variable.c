/*
 * dq_variable_*: sets and deletes are deals of one operation, a get is an AWAIT. See things.h.
 *
 * The answer to a get may name a task; the hold on it is taken by its key, and the get begins again
 * where that has another task by now.
 */
#include "client/client.h"
#include "client/things.h"

#include "base/alloc.h"
#include "codec/cursor.h"
#include "model/limits.h"

#include <string.h>

/* ---- changing ---- */

/* [version] of a set, [index, version] of a refusal; 0: it says none. */
static uint64_t version_read(struct slice data, int code)
{
	struct cursor at;
	uint32_t have;
	uint64_t version;

	cursor_init(&at, data);
	have = cursor_array(&at);
	if (code && have > 1)
		(void)cursor_u64(&at);
	else if (have == 0 || code)
		return 0;
	version = cursor_u64(&at);
	return cursor_ok(&at) ? version : 0;
}

static int change(
	struct dq_client *c, const struct deal_op *op, double timeout_s, uint64_t *version)
{
	struct buf data;
	int code;

	buf_init(&data, LIMIT_FRAME_BYTES);
	code = deal_do(c, op, 1, timeout_s, &data);
	if (version && (code == 0 || code == DQ_E_CONFLICT))
		*version = version_read(buf_slice(&data), code);
	buf_release(&data);
	return code;
}

static int set(struct dq_client *c, struct deal_op *op, const char *name,
	const struct dq_content *content, double timeout_s, uint64_t *version)
{
	struct thing_content value;
	int code = client_check(c);

	if (code == 0)
		code = thing_name_check(c, name);
	if (code)
		return code;
	code = thing_content_init(c, &value, content, timeout_s);
	op->name = slice_str(name);
	op->value = value.value;
	if (code == 0)
		code = change(c, op, timeout_s, version);
	thing_content_release(&value);
	return code;
}

int dq_variable_set(struct dq_client *client, const char *name, const struct dq_content *content,
	double timeout_s, uint64_t *version)
{
	struct deal_op op = {.kind = DEAL_SET};
	int code = client_enter_blocking(client);

	if (version)
		*version = 0;
	if (code)
		return code;
	code = set(client, &op, name, content, timeout_s, version);
	client_leave(client);
	return code;
}

int dq_variable_set_if(struct dq_client *client, const char *name, uint64_t expected,
	const struct dq_content *content, double timeout_s, uint64_t *version)
{
	struct deal_op op = {.kind = DEAL_SET_IF, .version = expected};
	int code = client_enter_blocking(client);

	if (version)
		*version = 0;
	if (code)
		return code;
	code = set(client, &op, name, content, timeout_s, version);
	client_leave(client);
	return code;
}

int dq_variable_delete(struct dq_client *client, const char *name, double timeout_s)
{
	return thing_delete(client, THING_VARIABLE, name, timeout_s);
}

/* ---- getting ---- */

int variable_of(struct dq_client *c, const struct await *a, struct dq_variable *out)
{
	*out = (struct dq_variable){.version = a->version};
	if (a->code)
		return client_error(c, a->code, "%s",
			a->text.n ? buf_cstr((struct buf *)&a->text) : dq_strerror(a->code));
	if (!a->task) {
		struct cursor at;
		struct slice content;

		cursor_init(&at, buf_slice(&a->content));
		content = cursor_bin(&at);
		if (!cursor_at_end(&at))
			return client_error(c, DQ_E_PROTOCOL, "IS: malformed content");
		return thing_value(c, content, &out->value);
	}
	out->future = future_new_foreign(c, a->task, 1, false, buf_cstr((struct buf *)&a->key));
	return out->future ? 0 : client_error_code(c, DQ_E_NO_MEMORY);
}

void variable_clear(struct dq_variable *v)
{
	dq_value_release(&v->value);
	if (v->future)
		future_unref(v->future);
	*v = (struct dq_variable){.version = 0};
}

void dq_variable_release(struct dq_variable *v)
{
	if (!v)
		return;
	dq_value_release(&v->value);
	dq_future_free(&v->future);
	v->version = 0;
}

static bool await_is_done(void *arg)
{
	const struct await *a = arg;

	return a->done;
}

/* The time is up. What was there when it was asked is told before the answer to what was asked
 * later. */
static int look_once(struct dq_client *c, struct await *a)
{
	int code = things_ask(c);

	if (a->done)
		return 0;
	return code ? code : client_error_code(c, DQ_E_TIMEOUT);
}

/* The task is held from now on; false, and no error: it is another by now. */
static bool hold(struct dq_client *c, const struct await *a, struct dq_future **f, int *code)
{
	struct dq_future *held = NULL;

	if (c->session.look_only)
		return true;
	*code = future_hold(c, buf_cstr((struct buf *)&a->key), UINT64_MAX, &held);
	if (*code == DQ_E_NOT_FOUND) {
		*code = 0;
		return false;
	}
	if (*code)
		return false;
	future_unref(*f);
	*f = held;
	return future_id(held) == a->task && future_count(held) == 1;
}

static int get(struct dq_client *c, struct await *a, double timeout_s, struct dq_variable *out)
{
	for (;;) {
		int code;

		await_begin(c, a);
		code = things_wait(c, await_is_done, a, timeout_s);
		if (code == DQ_E_TIMEOUT)
			code = look_once(c, a);
		if (code == 0)
			code = variable_of(c, a, out);
		if (code || !out->future || hold(c, a, &out->future, &code))
			return code;
		variable_clear(out);
		if (code)
			return code;
	}
}

int dq_variable_get(struct dq_client *client, const char *name, uint64_t above, double timeout_s,
	struct dq_variable *out)
{
	int code = client_enter_blocking(client);
	struct await a;

	*out = (struct dq_variable){.version = 0};
	if (code)
		return code;
	code = client_check(client);
	if (code == 0)
		code = thing_name_check(client, name);
	if (code == 0) {
		code = await_init(client, &a, name, above);
		if (code == 0)
			code = get(client, &a, timeout_s, out);
		if (code)
			variable_clear(out);
		await_release(client, &a);
	}
	client_leave(client);
	return code;
}

int dq_variable_list(struct dq_client *client, double timeout_s, struct dq_value *out)
{
	return things_list(client, THING_VARIABLE, timeout_s, out);
}
