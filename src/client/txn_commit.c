/*
 * Committing a transaction: by a DO, or by the report of its task. See txn.h.
 */
#include "client/client.h"
#include "client/things.h"
#include "client/txn.h"

#include "base/alloc.h"
#include "base/str.h"
#include "codec/cursor.h"
#include "model/limits.h"

#include <stdlib.h>
#include <string.h>

/* ---- of a client ---- */

static const char *verb(enum deal_kind kind)
{
	switch (kind) {
	case DEAL_PUT:
		return "put";
	case DEAL_ACK:
		return "ack";
	case DEAL_NACK:
		return "nack";
	case DEAL_SET:
	case DEAL_SET_IF:
		return "set";
	case DEAL_EXPECT:
		return "expect";
	case DEAL_DELETE:
		return "delete";
	case DEAL_UNLOCK:
		return "unlock";
	case DEAL_EXPECT_HELD:
		return "expect lock";
	case DEAL_EVENT_SET:
		return "set event";
	case DEAL_EVENT_CLEAR:
		return "clear event";
	case DEAL_APPEND:
		return "publish";
	case DEAL_SUBMIT:
		return "submit";
	default:
		return "operation";
	}
}

/* "operation 2 (put to orders): why" */
static int refused(const struct dq_txn *txn, struct slice list, uint64_t index, int code)
{
	struct dq_client *c = txn->client;
	struct deal_reader r;
	struct deal_op op = {.kind = 0};
	const char *why;
	char text[sizeof(c->error)];

	str_copy(text, sizeof(text), slice_str(c->error));
	if (!deal_reader_init(&r, list, &why))
		return code;
	for (uint64_t i = 0; i <= index; i++)
		if (!deal_reader_next(&r, &op, &why))
			return code;
	return client_error(c, code, "operation %zu (%s%s%.*s): %s", txn_added(txn, index),
		verb(op.kind), op.name.n ? " " : "", (int)op.name.n, (const char *)op.name.p, text);
}

/* The reply of what was done: a result for each operation, or none at all. */
static bool results_read(struct dq_txn *txn, struct slice data)
{
	struct cursor at;
	uint32_t n;

	txn->results = try_calloc(txn->n, sizeof(*txn->results));
	if (!txn->results)
		return false;
	if (!data.n)
		return true;
	cursor_init(&at, data);
	n = cursor_array(&at);
	for (uint32_t i = 0; i < n && i < txn->n && cursor_ok(&at); i++) {
		if (cursor_try_nil(&at))
			continue;
		if (cursor_type(&at) == CURSOR_UINT)
			txn->results[txn_added(txn, i)] = cursor_u64(&at);
		else
			cursor_skip(&at);
	}
	return true;
}

static uint64_t refused_index(struct slice data)
{
	struct cursor at;
	uint64_t index;

	cursor_init(&at, data);
	if (cursor_array(&at) == 0)
		return UINT64_MAX;
	index = cursor_u64(&at);
	return cursor_ok(&at) ? index : UINT64_MAX;
}

static int commit(struct dq_txn *txn, double timeout_s, size_t *failed)
{
	struct dq_client *c = txn->client;
	struct buf list, data;
	uint64_t index;
	int code;

	buf_init(&list, LIMIT_FRAME_BYTES);
	buf_init(&data, LIMIT_FRAME_BYTES);
	code = txn_list(txn, &list) ? deal_do_list(c, buf_slice(&list), timeout_s, &data)
				    : client_error_code(c, DQ_E_NO_MEMORY);
	index = code ? refused_index(buf_slice(&data)) : UINT64_MAX;
	if (index < txn->n) {
		*failed = txn_added(txn, index);
		code = refused(txn, buf_slice(&list), index, code);
	}
	if (code == 0 && !results_read(txn, buf_slice(&data)))
		code = client_error_code(c, DQ_E_NO_MEMORY);
	buf_release(&list);
	buf_release(&data);
	return code;
}

int dq_txn_commit(struct dq_txn *txn, double timeout_s, size_t *failed)
{
	struct dq_client *c = txn ? txn->client : NULL;
	size_t ignored;
	int code;

	failed = failed ? failed : &ignored;
	*failed = SIZE_MAX;
	if (!c)
		return DQ_E_USAGE;
	if (txn->code)
		return txn->code;
	code = client_enter_blocking(c);
	if (code)
		return code;
	if (txn->task)
		code = client_error(c, DQ_E_USAGE, "a task's transaction commits with the task");
	else if (txn->committed)
		code = client_error(c, DQ_E_USAGE, "the transaction was committed");
	else
		code = client_check(c);
	if (code == 0 && txn->n) {
		code = commit(txn, timeout_s, failed);
		txn->committed = true;
	}
	if (code)
		txn_failed(txn, c, code);
	client_leave(c);
	return code;
}

/* ---- of a task ---- */

/* The function has returned: the worker takes what there is, and commits it with the task. */
static void end_txn(struct dq_task *task, void *thing)
{
	struct dq_txn *txn = thing;
	struct buf list;

	buf_init(&list, LIMIT_EFFECTS_BYTES);
	if (txn->code)
		task->api->effects(task, NULL, 0, txn->error);
	else if (txn->n && txn_list(txn, &list))
		task->api->effects(task, list.p, list.n, NULL);
	else if (txn->n)
		task->api->effects(task, NULL, 0, LIMIT_TEXT(EFFECTS_BYTES));
	buf_release(&list);
	client_drop(&txn->client);
	txn_free(txn);
}

int dq_task_txn(struct dq_task *task, struct dq_txn **out)
{
	const struct dq_task_api *api = task->api;
	struct dq_client *c;

	*out = NULL;
	if (api->size < offsetof(struct dq_task_api, effects) + sizeof(api->effects))
		return DQ_E_USAGE;
	*out = api->place(task, DQ_TASK_PLACE_TXN);
	if (*out)
		return (*out)->code;
	c = client_failed(DQ_E_NO_SCHEDULER, "a task's transaction has no connection");
	*out = c ? txn_new(c, task) : NULL;
	if (!*out) {
		if (c)
			client_drop(&c);
		return DQ_E_NO_MEMORY;
	}
	api->set_place(task, DQ_TASK_PLACE_TXN, *out, end_txn);
	return 0;
}
