/*
 * What users do to tasks that are there: retry, forget, priority. Calls wait for the answer, which
 * is a refusal or durable. What was submitted under a key must be answered first, since its task
 * may be another's by then.
 *
 * Single tasks are named first, and strictly: if one is refused, nothing is done. Whole arrays come
 * after them, and what does not suit in them is left as it is.
 */
#include "client/client.h"

#include "base/ensure.h"
#include "model/record.h"

struct acting {
	struct dq_client *c;
	enum dq_act act;
	int32_t arg;
	uint64_t deadline_us;
	struct dq_acted acted;
};

static bool reply_is_done(void *arg)
{
	const struct reply_wait *w = arg;

	return w->done;
}

/* The reply's data: of a refusal the task, else how many stay and the first of them. */
static void read_data(struct acting *a, int code, struct slice data)
{
	struct cursor at;

	if (!data.n)
		return;
	cursor_init(&at, data);
	if (code) {
		a->acted.refused = cursor_u64(&at);
	} else if (cursor_array(&at) >= 2) {
		uint64_t n = cursor_u64(&at), first = cursor_u64(&at);

		if (!a->acted.kept)
			a->acted.first_kept = first;
		a->acted.kept += n;
	}
	if (!cursor_ok(&at))
		a->acted = (struct dq_acted){0};
}

/* One request, and its answer. */
static int act_some(struct acting *a, uint32_t flags, const struct runs *runs, size_t *at)
{
	struct dq_client *c = a->c;
	struct reply_wait wait;
	size_t took = 0;
	int code;

	reply_wait_init(&wait);
	code = outbox_act(c, a->act, flags, a->arg, runs, *at, &wait, &took);
	*at += took;
	if (code == 0)
		code = client_await(c, reply_is_done, &wait, a->deadline_us);
	outbox_forget(&c->outbox, &wait);
	if (code == 0) {
		read_data(a, wait.code, buf_slice(&wait.data));
		if (wait.code)
			code = client_error(c, wait.code, "%s",
				wait.text.n ? buf_cstr(&wait.text) : dq_strerror(wait.code));
	}
	reply_wait_release(&wait);
	return code;
}

static int act_runs(struct acting *a, uint32_t flags, struct runs *runs)
{
	int code = 0;

	runs_tidy(runs);
	for (size_t at = 0; code == 0 && at < runs->n;)
		code = act_some(a, flags, runs, &at);
	return code;
}

static int may_act(struct dq_client *c)
{
	int code = client_check(c);

	if (code == 0 && c->session.look_only)
		code = client_error(c, DQ_E_USAGE, "this client only looks");
	return code;
}

/* ---- by futures ---- */

struct settling {
	struct dq_future *const *futures;
	size_t n, at;
};

static bool all_settled(void *arg)
{
	struct settling *s = arg;

	while (s->at < s->n && !future_is_unsettled(s->futures[s->at]))
		s->at++;
	return s->at == s->n;
}

static int settle(struct acting *a, struct dq_future *const *futures, size_t n)
{
	struct settling s = {.futures = futures, .n = n};

	for (size_t i = 0; i < n; i++)
		if (!futures[i] || futures[i]->client != a->c)
			return client_error(
				a->c, DQ_E_USAGE, "a future is NULL or of another client");
	return client_await(a->c, all_settled, &s, a->deadline_us);
}

static int gather(struct dq_client *c, struct dq_future *f, struct runs *tasks, struct runs *arrays)
{
	struct runs *to = f->kind == FUTURE_ARRAY ? arrays : tasks;
	const struct ended *e = future_ended(f);

	if (e && e->error)
		return client_error(c, e->error, "%s: %s", future_key(f), (const char *)e->bytes);
	return runs_add(to, future_id(f), future_count(f)) ? 0
							   : client_error_code(c, DQ_E_NO_MEMORY);
}

/* Puts the key of the future that was refused before the text. */
static void name_refused(const struct acting *a, struct dq_future *const *futures, size_t n)
{
	char text[sizeof(a->c->error)];

	for (size_t i = 0; i < n && a->acted.refused; i++) {
		if (futures[i]->kind == FUTURE_ARRAY || future_id(futures[i]) != a->acted.refused)
			continue;
		memcpy(text, a->c->error, sizeof(text));
		client_error(a->c, 0, "%s: %s", future_key(futures[i]), text);
		return;
	}
}

static int act_futures(struct acting *a, struct dq_future *const *futures, size_t n)
{
	struct runs tasks = {0}, arrays = {0};
	int code = may_act(a->c);

	if (code == 0)
		code = settle(a, futures, n);
	for (size_t i = 0; code == 0 && i < n; i++)
		code = gather(a->c, futures[i], &tasks, &arrays);
	if (code == 0)
		code = act_runs(a, 0, &tasks);
	if (code == 0)
		code = act_runs(a, ACT_SKIP, &arrays);
	if (code)
		name_refused(a, futures, n);
	runs_release(&tasks);
	runs_release(&arrays);
	return code;
}

static int act_many(struct dq_client *c, enum dq_act act, int32_t arg,
	struct dq_future *const *futures, size_t n, double timeout_s)
{
	struct acting a = {
		.c = c, .act = act, .arg = arg, .deadline_us = client_deadline(timeout_s)};
	int code = client_enter_blocking(c);

	if (code)
		return code;
	code = act_futures(&a, futures, n);
	client_leave(c);
	return code;
}

int dq_retry_many(
	struct dq_client *client, struct dq_future *const *futures, size_t n, double timeout_s)
{
	return act_many(client, DQ_ACT_RETRY, 0, futures, n, timeout_s);
}

int dq_forget_many(
	struct dq_client *client, struct dq_future *const *futures, size_t n, double timeout_s)
{
	return act_many(client, DQ_ACT_FORGET, 0, futures, n, timeout_s);
}

int dq_set_priority_many(struct dq_client *client, struct dq_future *const *futures, size_t n,
	int32_t priority, double timeout_s)
{
	return act_many(client, DQ_ACT_PRIORITY, priority, futures, n, timeout_s);
}

int dq_future_retry(struct dq_future *future, double timeout_s)
{
	return future ? dq_retry_many(future->client, &future, 1, timeout_s) : DQ_E_USAGE;
}

int dq_future_forget(struct dq_future *future, double timeout_s)
{
	return future ? dq_forget_many(future->client, &future, 1, timeout_s) : DQ_E_USAGE;
}

int dq_future_set_priority(struct dq_future *future, int32_t priority, double timeout_s)
{
	return future ? dq_set_priority_many(future->client, &future, 1, priority, timeout_s)
		      : DQ_E_USAGE;
}

/* ---- by ids ---- */

int dq_act_ids(struct dq_client *client, enum dq_act act, int32_t priority, bool leave_others,
	const uint64_t *first, const uint64_t *count, size_t n, double timeout_s,
	struct dq_acted *out)
{
	struct acting a = {.c = client,
		.act = act,
		.arg = priority,
		.deadline_us = client_deadline(timeout_s)};
	int code = client_enter_blocking(client);
	struct runs runs = {0};

	if (out)
		*out = (struct dq_acted){0};
	if (code)
		return code;
	code = may_act(client);
	for (size_t i = 0; code == 0 && i < n; i++)
		if (count[i] > 0 && !runs_add(&runs, first[i], count[i]))
			code = client_error_code(client, DQ_E_NO_MEMORY);
	if (code == 0)
		code = act_runs(&a, leave_others ? ACT_SKIP : 0, &runs);
	if (out)
		*out = a.acted;
	runs_release(&runs);
	client_leave(client);
	return code;
}
