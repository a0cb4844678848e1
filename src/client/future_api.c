/*
 * dq_future_*: handles, states, callbacks, cancels; futures made again from keys.
 */
#include "client/callback.h"
#include "client/array.h"
#include "client/client.h"
#include "client/things.h"

#include "base/ensure.h"
#include "model/block.h"
#include "model/limits.h"

#include <string.h>

/* ---- handles ---- */

void dq_future_free(struct dq_future **future)
{
	struct dq_future *f = future ? *future : NULL;
	struct dq_client *c;

	if (!f)
		return;
	*future = NULL;
	c = f->client;
	if (client_enter(c))
		return;
	future_unref(f);
	client_leave(c);
}

struct dq_future *dq_future_ref(struct dq_future *future)
{
	if (!future || client_enter(future->client))
		return future;
	ensure(future->refs > 0 && future->refs < UINT32_MAX);
	future->refs++;
	client_leave(future->client);
	return future;
}

uint64_t dq_future_id(const struct dq_future *future)
{
	uint64_t id;

	if (!future || client_enter(future->client))
		return 0;
	id = future_id(future);
	client_leave(future->client);
	return id;
}

const char *dq_future_key(const struct dq_future *future)
{
	const char *key;

	if (!future || client_enter(future->client))
		return "";
	key = future_key((struct dq_future *)future);
	client_leave(future->client);
	return key ? key : "";
}

uint64_t dq_future_count(const struct dq_future *future)
{
	return future ? future_count(future) : 0;
}

enum dq_state dq_future_state(const struct dq_future *future)
{
	enum dq_state state;

	if (!future || client_enter(future->client))
		return DQ_STATE_PENDING;
	state = future_state(future);
	client_leave(future->client);
	return state;
}

bool dq_future_done(const struct dq_future *future)
{
	return dq_future_state(future) != DQ_STATE_PENDING;
}

int dq_future_counts(const struct dq_future *future, struct dq_counts *out)
{
	int code = client_enter(future ? future->client : NULL);

	*out = (struct dq_counts){0};
	if (code)
		return code;
	out->total = future_count(future);
	if (future->kind == FUTURE_ARRAY && !future->ended) {
		const struct array *a = future->more->array;

		out->failed = a->failed;
		out->cancelled = a->cancelled;
		out->done = a->ended - a->failed - a->cancelled;
	} else if (future_is_done(future)) {
		enum dq_state state = future_state(future);

		*(state == DQ_STATE_DONE              ? &out->done
			: state == DQ_STATE_CANCELLED ? &out->cancelled
						      : &out->failed) = out->total;
	}
	client_leave(future->client);
	return 0;
}

int dq_future_element(const struct dq_future *array, uint64_t i, struct dq_future **out)
{
	struct dq_client *c = array ? array->client : NULL;
	int code = client_enter(c);

	*out = NULL;
	if (code)
		return code;
	if (array->kind != FUTURE_ARRAY || i >= array->more->array->count) {
		code = client_error(c, DQ_E_USAGE, "no such element");
	} else {
		*out = future_new_element((struct dq_future *)array, i);
		if (!*out)
			code = client_error_code(c, DQ_E_NO_MEMORY);
	}
	client_leave(c);
	return code;
}

int dq_future_on_done(
	struct dq_future *future, void (*fn)(struct dq_future *future, void *arg), void *arg)
{
	struct dq_client *c = future ? future->client : NULL;
	int code = client_enter(c);

	if (code)
		return code;
	code = callback_new(c, future, fn, arg);
	client_leave(c);
	return code;
}

/* ---- cancelling ---- */

static int cancel_gather(
	struct dq_client *c, struct dq_future *const *futures, size_t n, struct runs *runs)
{
	for (size_t i = 0; i < n; i++) {
		struct dq_future *f = futures[i];

		if (!f || f->client != c)
			return client_error(c, DQ_E_USAGE, "a future is NULL or of another client");
		if (future_is_done(f))
			continue;
		if (future_is_unsettled(f)) {
			f->flags |= FUTURE_CANCEL; /* futures_settle() sends it */
			continue;
		}
		if (!runs_add(runs, future_id(f), future_count(f)))
			return client_error_code(c, DQ_E_NO_MEMORY);
	}
	return 0;
}

int dq_cancel_many(struct dq_client *client, struct dq_future *const *futures, size_t n)
{
	struct runs runs = {0};
	int code = client_enter(client);

	if (code)
		return code;
	code = client_check(client);
	if (code == 0 && client->session.look_only)
		code = client_error(client, DQ_E_USAGE, "this client only looks: it cannot cancel");
	if (code == 0)
		code = cancel_gather(client, futures, n, &runs);
	if (code == 0 && runs.n > 0) {
		runs_tidy(&runs);
		code = outbox_cancel(client, &runs, NULL);
	}
	runs_release(&runs);
	client_leave(client);
	return code;
}

int dq_future_cancel(struct dq_future *future)
{
	return future ? dq_cancel_many(future->client, &future, 1) : DQ_E_USAGE;
}

/* ---- detaching ---- */

#define DETACH_MAX 65536 /* tasks; the scheduler keeps a record for each */

static int detach(struct dq_client *c, struct dq_future *f)
{
	struct runs runs = {0};
	int code = client_check(c);

	if (code)
		return code;
	if (c->session.look_only)
		return client_error(c, DQ_E_USAGE, "this client only looks: it cannot detach");
	if (future_count(f) > DETACH_MAX)
		return client_error(
			c, DQ_E_LIMIT, "detach: at most 65536 tasks: submit the array as detached");
	if (future_is_unsettled(f)) {
		f->flags |= FUTURE_DETACH; /* futures_settle() sends it */
		return 0;
	}
	if (!runs_add(&runs, future_id(f), future_count(f)))
		return client_error_code(c, DQ_E_NO_MEMORY);
	code = outbox_detach(c, &runs);
	runs_release(&runs);
	return code;
}

int dq_fire_and_forget(struct dq_future *future)
{
	struct dq_client *c = future ? future->client : NULL;
	int code = client_enter(c);

	if (code)
		return code;
	code = detach(c, future);
	client_leave(c);
	return code;
}

static bool reply_is_done(void *arg)
{
	const struct reply_wait *w = arg;

	return w->done;
}

/* Waits for a reply; the request stays on its way when the time is up. */
static int reply_await(struct dq_client *c, struct reply_wait *w, uint64_t deadline_us)
{
	int code = client_await(c, reply_is_done, w, deadline_us);

	if (code)
		return code;
	if (w->code)
		return client_error(
			c, w->code, "%s", w->text.n ? buf_cstr(&w->text) : dq_strerror(w->code));
	return w->no_memory ? client_error_code(c, DQ_E_NO_MEMORY) : 0;
}

static int cancel_ids(struct dq_client *c, const uint64_t *first, const uint64_t *count, size_t n,
	uint64_t deadline_us)
{
	struct reply_wait wait;
	struct runs runs = {0};
	int code = client_check(c);

	if (code == 0 && c->session.look_only)
		code = client_error(c, DQ_E_USAGE, "this client only looks: it cannot cancel");
	for (size_t i = 0; i < n && code == 0; i++)
		if (count[i] > 0 && !runs_add(&runs, first[i], count[i]))
			code = client_error_code(c, DQ_E_NO_MEMORY);
	if (code == 0 && runs.n > 0) {
		reply_wait_init(&wait);
		runs_tidy(&runs);
		code = outbox_cancel(c, &runs, &wait);
		if (code == 0)
			code = reply_await(c, &wait, deadline_us);
		outbox_forget(&c->outbox, &wait);
		reply_wait_release(&wait);
	}
	runs_release(&runs);
	return code;
}

int dq_cancel_ids(struct dq_client *client, const uint64_t *first, const uint64_t *count, size_t n,
	double timeout_s)
{
	int code = client_enter_blocking(client);

	if (code)
		return code;
	code = cancel_ids(client, first, count, n, client_deadline(timeout_s));
	client_leave(client);
	return code;
}

/* ---- from keys ---- */

/* [[id, count, state]] or [nil]. */
static int hold_take(
	struct dq_client *c, struct slice data, const char *key, struct dq_future **out)
{
	struct cursor at;
	uint32_t have;
	uint64_t id, count;
	uint32_t first_index;

	cursor_init(&at, data);
	if (cursor_array(&at) != 1 || cursor_try_nil(&at))
		return client_error(c, DQ_E_NOT_FOUND, "%s: not found", key);
	have = cursor_array_min(&at, 4);
	id = cursor_u64(&at);
	count = cursor_u64_max(&at, LIMIT_ARRAY_ELEMENTS);
	cursor_skip(&at);
	first_index = cursor_u32(&at);
	cursor_skip_rest(&at, have, 4);
	if (!cursor_at_end(&at) || count == 0)
		return client_error(c, DQ_E_PROTOCOL, "REPLY: malformed data");
	*out = future_new_foreign(c, id, count, count > 1, key);
	if (!*out)
		return client_error_code(c, DQ_E_NO_MEMORY);
	(*out)->flags |= FUTURE_HELD;
	if ((*out)->kind == FUTURE_ARRAY)
		(*out)->more->array->first_index = first_index;
	return 0;
}

int future_hold_begin(struct dq_client *c, const char *key, struct future_holding *h)
{
	int code = client_check(c);

	if (code == 0 && c->session.look_only)
		code = client_error(c, DQ_E_USAGE, "this client only looks: it cannot hold");
	if (code)
		return code;
	h->begun = true;
	reply_wait_init(&h->wait);
	return outbox_hold(c, slice_str(key), &h->wait);
}

int future_hold_end(struct dq_client *c, struct future_holding *h, const char *key,
	uint64_t deadline_us, struct dq_future **out)
{
	int code = reply_await(c, &h->wait, deadline_us);

	return code ? code : hold_take(c, buf_slice(&h->wait.data), key, out);
}

void future_hold_release(struct dq_client *c, struct future_holding *h)
{
	if (!h->begun)
		return;
	outbox_forget(&c->outbox, &h->wait);
	reply_wait_release(&h->wait);
}

int future_hold(struct dq_client *c, const char *key, uint64_t deadline_us, struct dq_future **out)
{
	struct future_holding h = {.begun = false};
	int code = future_hold_begin(c, key, &h);

	if (code == 0)
		code = future_hold_end(c, &h, key, deadline_us, out);
	future_hold_release(c, &h);
	return code;
}

int dq_future_from_key(
	struct dq_client *client, const char *key, double timeout_s, struct dq_future **out)
{
	int code = client_enter_blocking(client);

	*out = NULL;
	if (code)
		return code;
	if (key && *key && strlen(key) <= LIMIT_NAMESPACE_BYTES + LIMIT_KEY_BYTES + 24)
		code = future_hold(client, key, client_deadline(timeout_s), out);
	else
		code = client_error(client, DQ_E_USAGE, "no key");
	client_leave(client);
	return code;
}

int dq_future_watch(struct dq_client *client, const char *key, uint64_t id, uint64_t count,
	struct dq_future **out)
{
	int code = client_enter(client);

	*out = NULL;
	if (code)
		return code;
	code = client_check(client);
	if (code == 0 && (task_id_session(id) == 0 || task_id_n(id) == 0 || count == 0))
		code = client_error(client, DQ_E_USAGE, "no such task");
	if (code == 0 && count > LIMIT_ARRAY_ELEMENTS)
		code = client_error(client, DQ_E_LIMIT, "%s", LIMIT_TEXT(ARRAY_ELEMENTS));
	if (code == 0) {
		*out = future_new_foreign(client, id, count, count > 1, key);
		if (!*out)
			code = client_error_code(client, DQ_E_NO_MEMORY);
	}
	client_leave(client);
	return code;
}

void dq_future_set_first_index(struct dq_future *array, uint32_t first_index)
{
	if (!array || array->kind != FUTURE_ARRAY || client_enter(array->client))
		return;
	array->more->array->first_index = first_index;
	client_leave(array->client);
}
