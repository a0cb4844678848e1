/*
 * Functions in the slot's own thread: the fast way, for code that is trusted not to crash. A thread
 * cannot be killed: a function that was asked to stop and does not look at dq_task_cancelled() runs
 * to its end, and its slot is taken so long.
 */
#include "worker/slot.h"

#include "base/ensure.h"
#include "base/hash.h"
#include "model/block.h"
#include "model/limits.h"
#include "model/value.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool slot_input(const struct lease *l, uint32_t i, struct call_input *out)
{
	const struct lease_value *v = &l->inputs[i];

	out->type = v->type;
	out->bytes = v->bytes;
	return !v->blob || blob_bytes(v->blob, &out->bytes);
}

void slot_fail(struct slot *s, struct outcome *o, enum cause cause, const char *format, ...)
{
	char text[LIMIT_MESSAGE_BYTES + 1];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	buf_clear(&s->text);
	buf_append(&s->text, text, strlen(text));
	o->state = TASK_FAILED;
	o->cause = cause;
	o->message = buf_slice(&s->text);
	o->has_value = false;
}

void slot_reschedule(struct lease *l, struct outcome *o, uint64_t delay_us)
{
	l->cancelled = true;
	o->state = TASK_CANCELLED;
	o->cause = CAUSE_RESCHEDULE;
	o->delay_us = delay_us;
}

void slot_value(
	struct slot *s, struct lease *l, struct outcome *o, struct slice type, struct blob *b)
{
	struct slice bytes;

	ensure(blob_bytes(b, &bytes));
	b->checksum = hash64(bytes);
	o->state = TASK_DONE;
	o->has_value = true;
	o->type = type;
	o->size = bytes.n;
	o->checksum = b->checksum;
	l->value = results_save(s->options->results, l->id, l->generation, b);
	if (!l->value)
		slot_fail(s, o, CAUSE_WORKER, "the result cannot be kept: %s", strerror(errno));
}

/* The function by name; the last one is remembered, as tasks of one kind come one after the other.
 */
static dq_function *find(struct slot *s, struct slice name)
{
	if (slice_eq(name, s->last_name))
		return s->last_function;
	s->last_function = modules_find(s->options->loaded, name);
	s->last_name = slice_empty();
	if (s->last_function && name.n <= sizeof(s->last_name_bytes)) {
		memcpy(s->last_name_bytes, name.p, name.n);
		s->last_name = slice_of(s->last_name_bytes, name.n);
	}
	return s->last_function;
}

static bool give_inputs(struct slot *s, struct lease *l, struct outcome *o)
{
	struct call_input *inputs;

	s->call.inputs = NULL;
	s->call.ninputs = l->ninputs;
	if (l->ninputs == 0)
		return true;
	inputs = arena_alloc(&s->memory, l->ninputs * sizeof(*inputs));
	if (!inputs)
		panic("out of memory");
	for (uint32_t i = 0; i < l->ninputs; i++) {
		if (!slot_input(l, i, &inputs[i])) {
			slot_fail(
				s, o, CAUSE_WORKER, "an input cannot be read: %s", strerror(errno));
			return false;
		}
	}
	s->call.inputs = inputs;
	return true;
}

static void take_value(struct slot *s, struct lease *l, struct outcome *o)
{
	struct call *call = &s->call;
	struct slice type = slice_str(call->type);
	size_t n;
	uint8_t *bytes;

	if (call->value.n > LIMIT_INLINE_VALUE) {
		bytes = buf_detach(&call->value, &n);
		slot_value(s, l, o, type, blob_of_heap(bytes, n));
		return;
	}
	o->state = TASK_DONE;
	o->has_value = true;
	o->is_inline = true;
	o->type = type;
	o->bytes = buf_slice(&call->value);
	o->size = o->bytes.n;
	o->checksum = hash64(o->bytes);
}

void slot_run_thread(struct slot *s, struct lease *l, const struct spec *spec, struct outcome *o)
{
	dq_function *function = find(s, spec->function);
	struct call *call = &s->call;
	const char *why = NULL;

	if (!function) {
		slot_fail(s, o, CAUSE_SPEC, "no module here has the function %" SLICE_FMT,
			SLICE_ARG(spec->function));
		return;
	}
	call_begin(call);
	call->id = l->id;
	call->fence = l->fence;
	call->attempt = l->attempt;
	call->element = l->element;
	call->key = l->key;
	call->args = spec->args;
	call->element_input = l->element_input;
	call->cancelled = &l->stop;
	if (!give_inputs(s, l, o))
		return;
	if (!call_fill_args(call, &why)) {
		slot_fail(s, o, CAUSE_SPEC, "%s", why);
		return;
	}
	call_run(call, function, spec->function);
	if (call->rescheduled)
		slot_reschedule(l, o, call->delay_us);
	else if (call->failed)
		slot_fail(s, o, CAUSE_ERROR, "%" SLICE_FMT, SLICE_ARG(buf_slice(&call->message)));
	else
		take_value(s, l, o);
	buf_append_slice(&s->effects, buf_slice(&call->effects));
	if (s->effects.failed)
		panic("out of memory");
}
