/*
 * The table behind <dq/task.h>. A function that returns without dq_task_return gives nil; one that
 * returns non-zero without dq_task_fail has failed with that number. What it gave before it failed
 * does not count.
 */
#include "worker/task_api.h"

#include "base/clock.h"
#include "base/ensure.h"
#include "model/value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define VALUE_MAX_BYTES ((size_t)1 << 40)
#define STRINGS_CHUNK_BYTES 1024
#define DELAY_MAX_S (100.0 * 365 * 86400)
/* Progress that is passed on: the worker sends less of it, this keeps a loop from drowning it. */
#define PROGRESS_SPAN_US 100000
#define PROGRESS_MOST 20
#define PROGRESS_TEXT_MAX 256

static struct call *call_of(struct dq_task *task)
{
	return (struct call *)task;
}

static const char *call_cstr(struct call *c, struct slice s)
{
	char *text = arena_cstr(&c->strings, s);

	c->used_strings = true;
	return text ? text : "";
}

static void api_args(struct dq_task *task, const void **bytes, size_t *n)
{
	struct call *c = call_of(task);

	*bytes = c->args.p;
	*n = c->args.n;
}

static bool api_input(struct dq_task *task, uint32_t index, struct dq_input *out)
{
	struct call *c = call_of(task);

	if (index >= c->ninputs)
		return false;
	out->type = call_cstr(c, c->inputs[index].type);
	out->bytes = c->inputs[index].bytes.p;
	out->n = c->inputs[index].bytes.n;
	return true;
}

static int api_return(struct dq_task *task, const char *type, const void *bytes, size_t n)
{
	struct call *c = call_of(task);
	size_t type_n = type ? strlen(type) : 0;

	if (c->returned || type_n == 0 || type_n > LIMIT_TYPE_BYTES || (n && !bytes)) {
		buf_clear(&c->message);
		buf_printf(&c->message, "dq_task_return: %s",
			c->returned   ? "called twice"
			: type_n == 0 ? "no type"
			: n && !bytes ? "no bytes"
				      : LIMIT_TEXT(TYPE_BYTES));
		c->failed = true;
		return -1;
	}
	memcpy(c->type, type, type_n + 1);
	buf_append(&c->value, bytes, n);
	if (c->value.failed) {
		buf_printf(&c->message, "dq_task_return: out of memory for %zu bytes", n);
		c->failed = true;
		return -1;
	}
	c->returned = true;
	return 0;
}

static int __attribute__((format(printf, 2, 0)))
api_fail(struct dq_task *task, const char *format, va_list ap)
{
	struct call *c = call_of(task);
	char text[LIMIT_MESSAGE_BYTES + 1];
	int n = vsnprintf(text, sizeof(text), format, ap);

	c->failed = true;
	buf_clear(&c->message);
	if (n > 0)
		buf_append(&c->message, text, strlen(text));
	return -1;
}

static bool api_cancelled(struct dq_task *task)
{
	return atomic_load_explicit(call_of(task)->cancelled, memory_order_relaxed) != 0;
}

static const char *api_key(struct dq_task *task)
{
	struct call *c = call_of(task);

	return call_cstr(c, c->key);
}

static uint64_t api_id(struct dq_task *task)
{
	return call_of(task)->id;
}

static const char *api_fence(struct dq_task *task)
{
	struct call *c = call_of(task);

	fence_text(c->fence_text, sizeof(c->fence_text), c->fence);
	return c->fence_text;
}

static int64_t api_element(struct dq_task *task)
{
	return call_of(task)->element;
}

static uint32_t api_attempt(struct dq_task *task)
{
	return call_of(task)->attempt;
}

static const char *api_worker(struct dq_task *task)
{
	const struct call *c = call_of(task);

	return c->host ? c->host->worker : "";
}

struct making {
	struct dq_task *task;
	void *(*make)(struct dq_task *task);
};

static void *make_state(void *arg)
{
	struct making *m = arg;

	return m->make(m->task);
}

static void *api_state(struct dq_task *task, const char *name, void *(*make)(struct dq_task *task),
	void (*end)(void *state))
{
	struct making m = {.task = task, .make = make};
	const struct call *c = call_of(task);

	return c->host ? states_get(c->host->states, name, make_state, &m, end) : NULL;
}

static void api_progress(struct dq_task *task, double fraction, const char *text)
{
	struct call *c = call_of(task);
	uint64_t now_us = clock_mono_us();
	bool known = fraction >= 0 && fraction <= 1;
	size_t n = text ? strlen(text) : 0;

	if (!c->host)
		return;
	if (now_us - c->progress_since_us > PROGRESS_SPAN_US) {
		c->progress_since_us = now_us;
		c->progress_told = 0;
	}
	if (c->progress_told++ < PROGRESS_MOST)
		c->host->progress(c->host->arg,
			known ? (uint32_t)(fraction * WIRE_MILLIONTHS) : UINT32_MAX,
			slice_of(text, n < PROGRESS_TEXT_MAX ? n : PROGRESS_TEXT_MAX));
}

static int api_reschedule(struct dq_task *task, double delay_s)
{
	struct call *c = call_of(task);

	c->rescheduled = true;
	c->delay_us = 0;
	if (delay_s > 0)
		c->delay_us = (uint64_t)((delay_s < DELAY_MAX_S ? delay_s : DELAY_MAX_S) * 1e6);
	return -1;
}

static const char *api_scheduler(struct dq_task *task)
{
	const struct call *c = call_of(task);

	return c->host ? c->host->scheduler : NULL;
}

static const char *api_token(struct dq_task *task)
{
	struct call *c = call_of(task);

	if (!c->host || !c->host->token(c->host->arg, c->id, c->fence, c->token))
		return NULL;
	return c->token;
}

static void *api_place(struct dq_task *task, unsigned place)
{
	return place < DQ_TASK_PLACES ? call_of(task)->attached[place] : NULL;
}

static void api_set_place(struct dq_task *task, unsigned place, void *thing,
	void (*end)(struct dq_task *task, void *thing))
{
	struct call *c = call_of(task);

	ensure(place < DQ_TASK_PLACES && !c->attached[place] && thing && end);
	c->attached[place] = thing;
	c->attached_end[place] = end;
}

static void *api_attached(struct dq_task *task)
{
	return api_place(task, DQ_TASK_PLACE_CLIENT);
}

static void api_attach(
	struct dq_task *task, void *thing, void (*end)(struct dq_task *task, void *thing))
{
	api_set_place(task, DQ_TASK_PLACE_CLIENT, thing, end);
}

static void api_effects(struct dq_task *task, const void *ops, size_t n, const char *why)
{
	struct call *c = call_of(task);

	buf_clear(&c->effects);
	if (!why && n <= LIMIT_EFFECTS_BYTES)
		buf_append(&c->effects, ops, n);
	if ((!why && n <= LIMIT_EFFECTS_BYTES && !c->effects.failed) || c->failed)
		return;
	c->failed = true;
	buf_clear(&c->message);
	buf_printf(&c->message, "its transaction: %s", why ? why : LIMIT_TEXT(EFFECTS_BYTES));
}

static const struct dq_task_api api = {
	.abi = DQ_ABI,
	.size = sizeof(struct dq_task_api),
	.args = api_args,
	.input = api_input,
	.return_value = api_return,
	.fail = api_fail,
	.cancelled = api_cancelled,
	.key = api_key,
	.id = api_id,
	.fence = api_fence,
	.element = api_element,
	.attempt = api_attempt,
	.worker = api_worker,
	.state = api_state,
	.progress = api_progress,
	.reschedule = api_reschedule,
	.scheduler = api_scheduler,
	.token = api_token,
	.attached = api_attached,
	.attach = api_attach,
	.place = api_place,
	.set_place = api_set_place,
	.effects = api_effects,
};

void fence_text(char *to, size_t n, struct fence fence)
{
	int w = snprintf(to, n, "%" PRIx64 ".%" PRIx64, fence.epoch, fence.seq);

	ensure(w > 0 && (size_t)w < n);
}

void call_init(struct call *c)
{
	*c = (struct call){.task.api = &api, .element = -1};
	buf_init(&c->value, VALUE_MAX_BYTES);
	buf_init(&c->message, LIMIT_MESSAGE_BYTES);
	buf_init(&c->effects, LIMIT_EFFECTS_BYTES);
	buf_init(&c->filled, VALUE_MAX_BYTES);
	arena_init(&c->strings, STRINGS_CHUNK_BYTES);
}

void call_release(struct call *c)
{
	buf_release(&c->value);
	buf_release(&c->message);
	buf_release(&c->effects);
	buf_release(&c->filled);
	arena_release(&c->strings);
}

/* A buffer that one large task made big is not kept for ever. */
static void reset(struct buf *b)
{
	if (b->cap > (size_t)1 << 20)
		buf_release(b);
	buf_clear(b);
}

void call_begin(struct call *c)
{
	reset(&c->value);
	reset(&c->message);
	reset(&c->effects);
	reset(&c->filled);
	if (c->used_strings)
		arena_reset(&c->strings);
	c->used_strings = false;
	c->returned = false;
	c->failed = false;
	c->rescheduled = false;
}

static bool source_value(void *ctx, uint32_t index, struct slice *type, struct slice *bytes)
{
	const struct call *c = ctx;

	if (index >= c->ninputs)
		return false;
	*type = c->inputs[index].type;
	*bytes = c->inputs[index].bytes;
	return true;
}

bool call_fill_args(struct call *c, const char **why)
{
	struct value_source from = {
		.ctx = c,
		.value = source_value,
		.element = c->element_input,
		.index = c->element,
	};

	if (c->ninputs == 0 && c->element < 0)
		return true;
	if (!args_substitute(&c->filled, c->args, &from, why))
		return false;
	c->args = buf_slice(&c->filled);
	return true;
}

void call_run(struct call *c, dq_function *function, struct slice name)
{
	int rc;

	ensure(function && !c->returned && !c->failed);
	rc = function(&c->task);
	for (unsigned i = DQ_TASK_PLACES; i-- > 0;) {
		if (c->attached[i])
			c->attached_end[i](&c->task, c->attached[i]);
		c->attached[i] = NULL;
	}

	if (rc != 0 && !c->failed) {
		c->failed = true;
		buf_clear(&c->message);
		buf_printf(&c->message, "%" SLICE_FMT " returned %d", SLICE_ARG(name), rc);
	}
	if (rc == 0 && c->failed && c->message.n == 0)
		buf_printf(&c->message, "%" SLICE_FMT " failed", SLICE_ARG(name));
	if (!c->returned && !c->failed) {
		memcpy(c->type, VALUE_TYPE_MSGPACK, sizeof(VALUE_TYPE_MSGPACK));
		buf_append_byte(&c->value, 0xc0);
	}
}
