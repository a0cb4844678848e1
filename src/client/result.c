/*
 * Results: dq_result, dq_gather, dq_gather_array, and why a task failed.
 *
 * A result is inline in the outcome that came, or is got (get.c). Gathering waits for the ends
 * first, then gets what is not at hand with GETS_AT_ONCE in flight, so that a thousand results cost
 * a few round trips.
 */
#include "client/client.h"
#include "client/array.h"
#include "client/failure.h"
#include "client/value.h"
#include "client/wait.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/hash.h"
#include "model/value.h"

#include <string.h>

#define GETS_AT_ONCE 256u

/* The code of one that ended badly, with the client's error set. */
static int ended_failure(struct dq_client *c, struct dq_future *f, const struct ended *e)
{
	const char *key = future_key(f);
	const char *why = "";
	struct outcome o;

	if (!key)
		key = "?";
	if (e->error)
		return client_error(c, e->error, "%s: %s", key, e->bytes);
	if (!outcome_decode(slice_of(e->bytes, e->n), &o, &why))
		return client_error(c, DQ_E_PROTOCOL, "%s: %s", key, why);
	return client_error(c, e->state == DQ_STATE_CANCELLED ? DQ_E_CANCELLED : DQ_E_TASK_FAILED,
		"%s: %s: %" SLICE_FMT, key, cause_word(o.cause), SLICE_ARG(o.message));
}

/* The value of an outcome: as result_take. */
static int value_take(struct dq_client *c, struct dq_future *f, const struct outcome *o,
	struct dq_value *out, struct get **g)
{
	int code;

	*g = NULL;
	if (!o->has_value)
		code = value_copy(
			out, slice_of("\xc0", 1), slice_str(VALUE_TYPE_MSGPACK), 0, slice_empty());
	else if (o->is_inline && hash64(o->bytes) == o->checksum)
		code = value_copy(out, o->bytes, o->type, o->nframes, o->frames);
	else
		code = (*g = get_start(c, future_id(f))) ? 0 : DQ_E_NO_MEMORY;
	return code ? client_error_code(c, code) : 0;
}

/*
 * The result of a task that ended. 0: *out; or *g was started to get it; else what went wrong.
 */
static int result_take(
	struct dq_client *c, struct dq_future *f, struct dq_value *out, struct get **g)
{
	struct ended *e = future_ended(f);
	const char *why = "";
	struct outcome o;

	ensure(e != NULL && f->kind != FUTURE_ARRAY);
	*g = NULL;
	if (e->state != DQ_STATE_DONE)
		return ended_failure(c, f, e);
	if (!outcome_decode(slice_of(e->bytes, e->n), &o, &why))
		return client_error(c, DQ_E_PROTOCOL, "%s", why);
	return value_take(c, f, &o, out, g);
}

/* The end of a get: its value, or its error. */
static int get_take(struct dq_client *c, struct dq_future *f, struct get *g, struct dq_value *out)
{
	const char *key = future_key(f);

	ensure(g->state == GET_DONE);
	if (g->code)
		return client_error(c, g->code, "%s: %s", key ? key : "?", g->text);
	*out = g->value;
	g->value = (struct dq_value){0};
	return 0;
}

static bool get_is_done(void *arg)
{
	const struct get *g = arg;

	return g->state == GET_DONE;
}

/* Waits for a get, takes its value, frees it. */
static int get_finish(struct dq_client *c, struct dq_future *f, struct get **g,
	uint64_t deadline_us, struct dq_value *out)
{
	int code = client_wait(c, get_is_done, *g, deadline_us);

	if (code == 0)
		code = get_take(c, f, *g, out);
	get_free(c, g);
	return code;
}

/* Somebody has begun the task anew since its end was told: that is forgotten. */
static int result_again(struct dq_client *c, const struct dq_future *f)
{
	struct run run = {.first = future_id(f), .count = 1};
	struct runs runs = {.v = &run, .n = 1};

	return futures_again(c, &runs, true) ? 0 : client_error_code(c, DQ_E_NO_MEMORY);
}

static int result_one(
	struct dq_client *c, struct dq_future *f, double timeout_s, struct dq_value *out)
{
	uint64_t deadline_us = client_deadline(timeout_s);
	struct get *g = NULL;
	int code;

	if (f->kind == FUTURE_ARRAY)
		return client_error(
			c, DQ_E_USAGE, "an array has no result of its own: take its elements'");
	for (;;) {
		code = wait_all(c, &f, 1, deadline_us);
		if (code == 0)
			code = result_take(c, f, out, &g);
		if (code || !g)
			return code;
		code = client_wait(c, get_is_done, g, deadline_us);
		if (code || g->code != DQ_E_USAGE)
			return get_finish(c, f, &g, deadline_us, out);
		get_free(c, &g);
		code = result_again(c, f);
		if (code)
			return code;
	}
}

/* Waits for the end and decodes it; the outcome borrows from the future. */
static int outcome_wait(
	struct dq_client *c, struct dq_future *f, uint64_t deadline_us, struct outcome *o)
{
	const char *why = "";
	struct ended *e;
	int code;

	if (f->kind == FUTURE_ARRAY)
		return client_error(
			c, DQ_E_USAGE, "an array has no output of its own: take its elements'");
	code = wait_all(c, &f, 1, deadline_us);
	if (code)
		return code;
	e = future_ended(f);
	if (e->error)
		return ended_failure(c, f, e);
	if (!outcome_decode(slice_of(e->bytes, e->n), o, &why))
		return client_error(c, DQ_E_PROTOCOL, "%s", why);
	return 0;
}

static int output_one(
	struct dq_client *c, struct dq_future *f, double timeout_s, struct dq_value *out)
{
	uint64_t deadline_us = client_deadline(timeout_s);
	struct get *g = NULL;
	struct outcome o;
	int code = outcome_wait(c, f, deadline_us, &o);

	if (code == 0 && !o.has_value)
		return client_error(c, DQ_E_NOT_FOUND, "nothing was kept of its output");
	if (code == 0)
		code = value_take(c, f, &o, out, &g);
	if (g)
		g->failed_too = true;
	return code == 0 && g ? get_finish(c, f, &g, deadline_us, out) : code;
}

static int stderr_one(
	struct dq_client *c, struct dq_future *f, double timeout_s, struct dq_value *out)
{
	struct outcome o;
	int code = outcome_wait(c, f, client_deadline(timeout_s), &o);

	if (code == 0)
		code = value_copy(
			out, o.stderr_tail, slice_str(VALUE_TYPE_BYTES), 0, slice_empty());
	return code;
}

static int output_of(struct dq_future *future, double timeout_s, struct dq_value *out,
	int (*one)(struct dq_client *, struct dq_future *, double, struct dq_value *))
{
	struct dq_client *c = future ? future->client : NULL;
	int code = client_enter_blocking(c);

	*out = (struct dq_value){0};
	if (code)
		return code;
	code = one(c, future, timeout_s, out);
	client_leave(c);
	return code;
}

int dq_output(struct dq_future *future, double timeout_s, struct dq_value *out)
{
	return output_of(future, timeout_s, out, output_one);
}

int dq_error_output(struct dq_future *future, double timeout_s, struct dq_value *out)
{
	return output_of(future, timeout_s, out, stderr_one);
}

int dq_result(struct dq_future *future, double timeout_s, struct dq_value *out)
{
	struct dq_client *c = future ? future->client : NULL;
	int code = client_enter_blocking(c);

	*out = (struct dq_value){0};
	if (code)
		return code;
	code = result_one(c, future, timeout_s, out);
	client_leave(c);
	return code;
}

/* ---- many ---- */

struct gather {
	struct dq_client *c;
	struct dq_future *const *futures;
	struct dq_value *out;
	size_t n;
	bool skip;
	size_t next;  /* the first not begun */
	size_t first; /* the first not finished */
	size_t inflight;
	struct get *gets[GETS_AT_ONCE]; /* of `first` .. `next`-1, by index modulo */
	int code;
};

/* Notes a failure: with skip it only leaves the value empty. Out of memory is never skipped. */
static void gather_fail(struct gather *ga, int code)
{
	if (code && ga->code == 0 && (!ga->skip || code == DQ_E_NO_MEMORY || code == DQ_E_PROTOCOL))
		ga->code = code;
}

static void gather_begin(struct gather *ga)
{
	while (ga->code == 0 && ga->next < ga->n && ga->next - ga->first < GETS_AT_ONCE) {
		struct get **slot = &ga->gets[ga->next % GETS_AT_ONCE];

		gather_fail(
			ga, result_take(ga->c, ga->futures[ga->next], &ga->out[ga->next], slot));
		ga->inflight += *slot != NULL;
		ga->next++;
		/* What was at hand needs no turn of its own. */
		while (ga->first < ga->next && !ga->gets[ga->first % GETS_AT_ONCE])
			ga->first++;
	}
}

static bool gather_step(void *arg)
{
	struct gather *ga = arg;

	gather_begin(ga);
	while (ga->first < ga->next) {
		struct get **slot = &ga->gets[ga->first % GETS_AT_ONCE];

		if (*slot) {
			if ((*slot)->state != GET_DONE)
				break;
			gather_fail(ga, get_take(ga->c, ga->futures[ga->first], *slot,
						&ga->out[ga->first]));
			get_free(ga->c, slot);
			ga->inflight--;
		}
		ga->first++;
		gather_begin(ga);
	}
	return ga->code || ga->first == ga->n;
}

static int gather_values(struct dq_client *c, struct dq_future *const *futures, size_t n, bool skip,
	uint64_t deadline_us, struct dq_value *out)
{
	struct gather *ga = try_calloc(1, sizeof(*ga));
	int code;

	if (!ga)
		return client_error_code(c, DQ_E_NO_MEMORY);
	*ga = (struct gather){.c = c, .futures = futures, .out = out, .n = n, .skip = skip};
	code = client_wait(c, gather_step, ga, deadline_us);
	for (size_t i = 0; i < GETS_AT_ONCE; i++)
		get_free(c, &ga->gets[i]);
	if (code == 0)
		code = ga->code;
	free(ga);
	return code;
}

static int gather(struct dq_client *c, struct dq_future *const *futures, size_t n,
	enum dq_on_error on_error, double timeout_s, struct dq_value *out)
{
	uint64_t deadline_us = client_deadline(timeout_s);
	int code;

	for (size_t i = 0; i < n; i++) {
		if (!futures[i] || futures[i]->client != c || futures[i]->kind == FUTURE_ARRAY)
			return client_error(c, DQ_E_USAGE,
				"gather takes futures of tasks of this client: an array goes by "
				"dq_gather_array");
	}
	if (on_error == DQ_SKIP)
		code = wait_all(c, futures, n, deadline_us);
	else
		code = wait_first_failed(c, futures, n, deadline_us);
	if (code)
		return code;
	if (on_error == DQ_RAISE) {
		struct dq_future *bad = first_failed(futures, n);

		if (bad)
			return ended_failure(c, bad, future_ended(bad));
	}
	return gather_values(c, futures, n, on_error == DQ_SKIP, deadline_us, out);
}

int dq_gather(struct dq_client *client, struct dq_future *const *futures, size_t n,
	enum dq_on_error on_error, double timeout_s, struct dq_value *out)
{
	int code = client_enter_blocking(client);

	if (n)
		memset(out, 0, n * sizeof(*out));
	if (code)
		return code;
	code = gather(client, futures, n, on_error, timeout_s, out);
	client_leave(client);
	return code;
}

/* An array's elements, by handles made for the purpose. */
static int gather_elements(
	struct dq_future *array, enum dq_on_error on_error, double timeout_s, struct dq_value *out)
{
	struct dq_client *c = array->client;
	uint64_t n = future_count(array), made = 0;
	struct dq_future **elements = try_calloc(n, sizeof(struct dq_future *));
	uint64_t deadline_us = client_deadline(timeout_s);
	int code = elements ? 0 : client_error_code(c, DQ_E_NO_MEMORY);

	/* One registration for all of them. */
	if (code == 0)
		code = on_error == DQ_SKIP ? wait_all(c, &array, 1, deadline_us)
					   : wait_first_failed(c, &array, 1, deadline_us);
	for (; code == 0 && made < n; made++) {
		elements[made] = future_new_element(array, made);
		if (!elements[made])
			code = client_error_code(c, DQ_E_NO_MEMORY);
		if (code)
			break;
	}
	if (code == 0 && on_error == DQ_RAISE && future_bad(array))
		code = ended_failure(c, array, future_bad(array));
	if (code == 0)
		code = gather_values(c, elements, n, on_error == DQ_SKIP, deadline_us, out);
	while (made-- > 0)
		future_unref(elements[made]);
	free(elements);
	return code;
}

int dq_gather_array(
	struct dq_future *array, enum dq_on_error on_error, double timeout_s, struct dq_value *out)
{
	struct dq_client *c = array ? array->client : NULL;
	int code = client_enter_blocking(c);

	if (code)
		return code;
	if (array->kind == FUTURE_ARRAY) {
		memset(out, 0, future_count(array) * sizeof(*out));
		code = gather_elements(array, on_error, timeout_s, out);
	} else {
		code = client_error(c, DQ_E_USAGE, "this future is of no array");
	}
	client_leave(c);
	return code;
}
