/*
 * Adding to a transaction. See txn.h.
 *
 * A content with a future is made by the future's own client, which knows its number; that of a
 * task has no other use for a connection.
 */
#include "client/txn.h"
#include "client/args.h"
#include "client/client.h"
#include "client/things.h"

#include "base/alloc.h"
#include "base/str.h"
#include "codec/pack.h"
#include "model/limits.h"

#include <stdlib.h>
#include <string.h>

#define TXN_BYTES ((size_t)8 << 20)
/* What a content has that names a future. */
#define CONTENT_MIN_BYTES (offsetof(struct dq_content, args) + sizeof(struct dq_args *))

struct dq_txn *txn_new(struct dq_client *client, struct dq_task *task)
{
	struct dq_txn *txn = try_calloc(1, sizeof(*txn));

	if (!txn)
		return NULL;
	txn->client = client;
	txn->task = task;
	buf_init(&txn->body, task ? LIMIT_EFFECTS_BYTES : LIMIT_SUBMIT_BYTES);
	buf_init(&txn->is_submit, LIMIT_DEAL_OPS);
	arena_init(&txn->keys, 0);
	buf_init(&txn->ops, task ? LIMIT_EFFECTS_BYTES - 8 : TXN_BYTES);
	return txn;
}

void txn_free(struct dq_txn *txn)
{
	buf_release(&txn->ops);
	buf_release(&txn->body);
	buf_release(&txn->is_submit);
	arena_release(&txn->keys);
	free(txn->results);
	free(txn);
}

int dq_txn_new(struct dq_client *client, struct dq_txn **out)
{
	int code = client_enter(client);

	*out = NULL;
	if (code)
		return code;
	code = client_check(client);
	if (code == 0) {
		*out = txn_new(client, NULL);
		if (!*out)
			code = client_error_code(client, DQ_E_NO_MEMORY);
	}
	client_leave(client);
	return code;
}

void dq_txn_free(struct dq_txn **txn)
{
	struct dq_txn *t = txn ? *txn : NULL;

	if (!t)
		return;
	*txn = NULL;
	if (!t->task)
		txn_free(t);
}

const char *dq_txn_error(const struct dq_txn *txn)
{
	return txn ? txn->error : "no transaction";
}

uint64_t dq_txn_result(const struct dq_txn *txn, size_t i)
{
	return txn && txn->results && i < txn->n ? txn->results[i] : 0;
}

int txn_failed(struct dq_txn *txn, struct dq_client *c, int code)
{
	str_copy(txn->error, sizeof(txn->error), slice_str(c->error));
	return code;
}

bool txn_list(const struct dq_txn *txn, struct buf *out)
{
	struct deal_op submit = {
		.kind = DEAL_SUBMIT, .count = txn->nsubmits, .body = buf_slice(&txn->body)};

	pack_array(out, txn->n - txn->nsubmits + (txn->nsubmits > 0));
	if (txn->nsubmits)
		deal_op_encode(out, &submit);
	buf_append_slice(out, buf_slice(&txn->ops));
	return !out->failed;
}

size_t txn_added(const struct dq_txn *txn, uint64_t listed)
{
	bool submit = txn->nsubmits && listed == 0;
	size_t at = 0;

	listed -= txn->nsubmits && listed;
	for (; at < txn->n; at++) {
		if ((txn->is_submit.p[at] != 0) != submit)
			continue;
		if (submit || listed-- == 0)
			break;
	}
	return at;
}

/* ---- operations ---- */

struct dq_client *txn_begin(struct dq_txn *txn, struct dq_client *c, int *code)
{
	*code = txn ? txn->code : DQ_E_USAGE;
	if (*code)
		return NULL;
	if (!c)
		c = txn->client;
	*code = client_enter_blocking(c);
	if (*code)
		return NULL;
	if (txn->committed)
		*code = client_error(c, DQ_E_USAGE, "the transaction was committed");
	else if (txn->n == LIMIT_DEAL_OPS)
		*code = client_error(c, DQ_E_LIMIT, "%s", LIMIT_TEXT(DEAL_OPS));
	return c;
}

int txn_end(struct dq_txn *txn, struct dq_client *c, int code)
{
	if (c) {
		if (code && !txn->committed)
			txn->code = txn_failed(txn, c, code);
		client_leave(c);
	}
	return code;
}

static int append(struct dq_txn *txn, struct dq_client *c, const struct deal_op *op)
{
	deal_op_encode(&txn->ops, op);
	buf_append_byte(&txn->is_submit, 0);
	if (!txn->ops.failed && !txn->is_submit.failed) {
		txn->n++;
		return 0;
	}
	buf_clear(&txn->ops);
	return client_error(c, DQ_E_LIMIT, "%s",
		txn->task ? LIMIT_TEXT(EFFECTS_BYTES) : "transaction: at most 8 MiB");
}

/* An operation that needs no content. */
static int add(struct dq_txn *txn, const char *name, struct deal_op *op)
{
	int code;
	struct dq_client *c = txn_begin(txn, NULL, &code);

	if (code == 0 && name) {
		op->name = slice_str(name);
		code = thing_name_check(c, name);
	}
	if (code == 0)
		code = append(txn, c, op);
	return txn_end(txn, c, code);
}

/* NULL: the transaction's own. */
static struct dq_client *client_of(const struct dq_txn *txn, const struct dq_content *content)
{
	if (!txn || !txn->task || !content || content->size < CONTENT_MIN_BYTES)
		return NULL;
	if (content->future)
		return content->future->client;
	if (content->args && content->args->ndeps == 1 && content->args->deps[0].future)
		return content->args->deps[0].future->client;
	return NULL;
}

static int add_content(
	struct dq_txn *txn, const char *name, struct deal_op *op, const struct dq_content *content)
{
	int code;
	struct dq_client *c = txn_begin(txn, client_of(txn, content), &code);
	struct thing_content value;

	if (code == 0)
		code = name ? thing_name_check(c, name) : client_error(c, DQ_E_USAGE, "no name");
	if (code == 0) {
		op->name = slice_str(name);
		code = thing_content_init(c, &value, content, -1);
		op->value = value.value;
		if (code == 0 && op->kind == DEAL_APPEND && !op->value.content.n)
			code = client_error(c, DQ_E_USAGE, "a topic has values, and no futures");
		if (code == 0)
			code = append(txn, c, op);
		thing_content_release(&value);
	}
	return txn_end(txn, c, code);
}

int dq_txn_set(struct dq_txn *txn, const char *name, const struct dq_content *content)
{
	return add_content(txn, name, &(struct deal_op){.kind = DEAL_SET}, content);
}

int dq_txn_set_if(
	struct dq_txn *txn, const char *name, uint64_t expected, const struct dq_content *content)
{
	return add_content(
		txn, name, &(struct deal_op){.kind = DEAL_SET_IF, .version = expected}, content);
}

int dq_txn_publish(struct dq_txn *txn, const char *topic, const struct dq_content *content)
{
	return add_content(txn, topic, &(struct deal_op){.kind = DEAL_APPEND}, content);
}

int dq_txn_expect(struct dq_txn *txn, const char *name, uint64_t version)
{
	return add(
		txn, name ? name : "", &(struct deal_op){.kind = DEAL_EXPECT, .version = version});
}

int dq_txn_variable_delete(struct dq_txn *txn, const char *name)
{
	return add(txn, name ? name : "",
		&(struct deal_op){.kind = DEAL_DELETE, .thing = THING_VARIABLE});
}

int dq_txn_event_set(struct dq_txn *txn, const char *name)
{
	return add(txn, name ? name : "", &(struct deal_op){.kind = DEAL_EVENT_SET});
}

int dq_txn_event_clear(struct dq_txn *txn, const char *name)
{
	return add(txn, name ? name : "", &(struct deal_op){.kind = DEAL_EVENT_CLEAR});
}

int dq_txn_expect_lock(struct dq_txn *txn, uint64_t fence)
{
	return add(txn, NULL, &(struct deal_op){.kind = DEAL_EXPECT_HELD, .claim = fence});
}

int dq_txn_unlock(struct dq_txn *txn, uint64_t fence)
{
	return add(txn, NULL, &(struct deal_op){.kind = DEAL_UNLOCK, .claim = fence});
}

/* ---- queues ---- */

static int about_delivery(struct dq_txn *txn, enum deal_kind kind, const char *queue,
	const char *id, const char *fence, double delay_s)
{
	struct deal_op op = {.kind = kind, .name = slice_str(queue)};
	int code;
	struct dq_client *c = txn_begin(txn, NULL, &code);

	if (code == 0)
		code = thing_name_check(c, queue);
	if (code == 0)
		code = delivery_read(c, id, fence, &op);
	if (code == 0 && !(delay_s >= 0 && delay_s < 1e11))
		code = client_error(c, DQ_E_USAGE, "a delay out of range");
	if (code == 0) {
		op.time_us = (uint64_t)(delay_s * 1e6);
		code = append(txn, c, &op);
	}
	return txn_end(txn, c, code);
}

int dq_txn_ack(struct dq_txn *txn, const char *queue, const char *id, const char *fence)
{
	return about_delivery(txn, DEAL_ACK, queue, id, fence, 0);
}

int dq_txn_nack(
	struct dq_txn *txn, const char *queue, const char *id, const char *fence, double delay_s)
{
	return about_delivery(txn, DEAL_NACK, queue, id, fence, delay_s);
}

static int put_item(struct dq_txn *txn, struct dq_client *c, struct buf *items,
	const struct dq_content *content)
{
	struct dq_client *other = client_of(txn, content);
	struct thing_content value;
	int code = 0;

	if (other && other != c)
		code = client_enter_blocking(other);
	else
		other = NULL;
	if (code)
		return client_error(c, code, "a future of a client that cannot be used");
	code = thing_content_init(other ? other : c, &value, content, -1);
	if (code == 0)
		deal_item_encode(items, &value.value);
	else if (other)
		client_error(c, code, "%s", other->error);
	thing_content_release(&value);
	if (other)
		client_leave(other);
	return code;
}

static int put_items(struct dq_txn *txn, struct dq_client *c, struct deal_op *op,
	const struct dq_content *items, size_t n)
{
	struct buf list;
	int code = 0;

	if (n == 0 || n > LIMIT_PUT_ITEMS)
		return client_error(c, n ? DQ_E_LIMIT : DQ_E_USAGE, "%s",
			n ? LIMIT_TEXT(PUT_ITEMS) : "a put of nothing");
	buf_init(&list, TXN_BYTES);
	pack_array(&list, (uint32_t)n);
	for (size_t i = 0; i < n && code == 0; i++)
		code = put_item(txn, c, &list, &items[i]);
	if (code == 0 && list.failed)
		code = client_error(c, DQ_E_LIMIT, "transaction: at most 8 MiB");
	op->items = buf_slice(&list);
	if (code == 0)
		code = append(txn, c, op);
	buf_release(&list);
	return code;
}

int dq_txn_put(struct dq_txn *txn, const char *queue, const struct dq_content *items, size_t n,
	const struct dq_put *options)
{
	struct dq_put o = DQ_PUT_INIT;
	struct deal_op op = {.kind = DEAL_PUT, .name = slice_str(queue)};
	int code;
	struct dq_client *c = txn_begin(txn, NULL, &code);

	if (code == 0)
		code = thing_name_check(c, queue);
	if (code == 0 && options && options->size < sizeof(size_t))
		code = client_error(c, DQ_E_USAGE, "dq_put: size is not set");
	else if (code == 0 && options)
		memcpy(&o, options, options->size < sizeof(o) ? options->size : sizeof(o));
	if (code == 0 && !(o.delay_s >= 0 && o.delay_s < 1e11))
		code = client_error(c, DQ_E_USAGE, "a delay out of range");
	if (code == 0) {
		op.priority = o.priority;
		op.time_us = (uint64_t)(o.delay_s * 1e6);
		code = put_items(txn, c, &op, items, n);
	}
	return txn_end(txn, c, code);
}
