/*
 * dq_args: a msgpack value built call by call (args.h). Errors stick and come out of the submit.
 * Counts of open arrays and maps are kept on a small stack, so that it is known when a value is
 * whole and how many there are at the top.
 */
#include "client/args.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "client/array.h"
#include "client/futures.h"
#include "codec/cursor.h"
#include "codec/pack.h"
#include "model/block.h"

#include <string.h>

#define DEPS_LOOKED_AT 16 /* for one that is named again */

struct dq_args *dq_args_new(void)
{
	struct dq_args *args = try_calloc(1, sizeof(*args));

	if (args)
		buf_init(&args->bytes, LIMIT_SUBMIT_BYTES);
	return args;
}

void dq_args_clear(struct dq_args *args)
{
	if (!args)
		return;
	for (uint32_t i = 0; i < args->ndeps; i++)
		free(args->deps[i].key);
	buf_clear(&args->bytes);
	args->error = 0;
	args->why = NULL;
	args->values = args->depth = args->ndeps = 0;
	args->first_is_array = false;
}

void dq_args_free(struct dq_args **args)
{
	if (!args || !*args)
		return;
	dq_args_clear(*args);
	buf_release(&(*args)->bytes);
	free((*args)->deps);
	free(*args);
	*args = NULL;
}

static void args_fail(struct dq_args *args, int code, const char *why)
{
	if (args->error)
		return;
	args->error = code;
	args->why = why;
}

/* One value is about to be appended. False: not to be, after an error. */
static bool args_begin(struct dq_args *args)
{
	if (!args || args->error)
		return false;
	if (args->depth == 0) {
		args->values++;
		if (args->values == 1)
			args->first_is_array = false;
	} else {
		ensure(args->left[args->depth - 1] > 0);
		args->left[args->depth - 1]--;
	}
	return true;
}

/* It was: what is full by it closes. */
static void args_end(struct dq_args *args)
{
	while (args->depth > 0 && args->left[args->depth - 1] == 0)
		args->depth--;
	if (!args->bytes.failed)
		return;
	if (args->bytes.n > LIMIT_SUBMIT_BYTES / 2)
		args_fail(args, DQ_E_LIMIT, LIMIT_TEXT(SUBMIT_BYTES));
	else
		args_fail(args, DQ_E_NO_MEMORY, dq_strerror(DQ_E_NO_MEMORY));
}

void dq_args_nil(struct dq_args *args)
{
	if (!args_begin(args))
		return;
	pack_nil(&args->bytes);
	args_end(args);
}

void dq_args_bool(struct dq_args *args, bool v)
{
	if (!args_begin(args))
		return;
	pack_bool(&args->bytes, v);
	args_end(args);
}

void dq_args_int(struct dq_args *args, int64_t v)
{
	if (!args_begin(args))
		return;
	pack_i64(&args->bytes, v);
	args_end(args);
}

void dq_args_uint(struct dq_args *args, uint64_t v)
{
	if (!args_begin(args))
		return;
	pack_u64(&args->bytes, v);
	args_end(args);
}

void dq_args_double(struct dq_args *args, double v)
{
	if (!args_begin(args))
		return;
	pack_double(&args->bytes, v);
	args_end(args);
}

void dq_args_strn(struct dq_args *args, const char *s, size_t n)
{
	if (!args_begin(args))
		return;
	if (n > LIMIT_SUBMIT_BYTES)
		args_fail(args, DQ_E_LIMIT, LIMIT_TEXT(SUBMIT_BYTES));
	else
		pack_str(&args->bytes, slice_of(s, n));
	args_end(args);
}

void dq_args_str(struct dq_args *args, const char *s)
{
	if (s)
		dq_args_strn(args, s, strlen(s));
	else
		dq_args_nil(args);
}

void dq_args_bytes(struct dq_args *args, const void *p, size_t n)
{
	if (!args_begin(args))
		return;
	if (n > LIMIT_SUBMIT_BYTES)
		args_fail(args, DQ_E_LIMIT, LIMIT_TEXT(SUBMIT_BYTES));
	else
		pack_bin(&args->bytes, slice_of(p, n));
	args_end(args);
}

/* `values` more belong to what was opened. */
static void args_open(struct dq_args *args, uint64_t values)
{
	if (args->depth == LIMIT_NESTING) {
		args_fail(args, DQ_E_LIMIT, LIMIT_TEXT(NESTING));
		return;
	}
	args->left[args->depth++] = values;
	args_end(args);
}

void dq_args_array(struct dq_args *args, uint32_t n)
{
	if (!args_begin(args))
		return;
	if (args->depth == 0 && args->values == 1) {
		args->first_is_array = true;
		args->first_array = n;
	}
	pack_array(&args->bytes, n);
	args_open(args, n);
}

void dq_args_map(struct dq_args *args, uint32_t n)
{
	if (!args_begin(args))
		return;
	pack_map(&args->bytes, n);
	args_open(args, (uint64_t)n * 2);
}

void dq_args_msgpack(struct dq_args *args, const void *p, size_t n)
{
	struct cursor at;

	if (!args || args->error)
		return;
	cursor_init(&at, slice_of(p, n));
	while (cursor_ok(&at) && cursor_left(&at) > 0) {
		struct slice raw = cursor_raw(&at);

		if (!cursor_ok(&at) || !args_begin(args))
			break;
		if (args->depth == 0 && args->values == 1) {
			struct cursor head;

			cursor_init(&head, raw);
			args->first_is_array = cursor_type(&head) == CURSOR_ARRAY;
			args->first_array = args->first_is_array ? cursor_array(&head) : 0;
		}
		buf_append_slice(&args->bytes, raw);
		args_end(args);
	}
	if (!cursor_ok(&at))
		args_fail(args, DQ_E_USAGE, "arguments: these bytes are no whole msgpack values");
}

/* Where the same one stands already, among the newest; ndeps: nowhere there. */
static uint32_t args_dep_find(const struct dq_args *args, const struct args_dep *dep)
{
	uint32_t least = args->ndeps > DEPS_LOOKED_AT ? args->ndeps - DEPS_LOOKED_AT : 0;

	for (uint32_t i = args->ndeps; i-- > least;) {
		const struct args_dep *d = &args->deps[i];

		if (d->future == dep->future && d->index == dep->index &&
			(d->future || strcmp(d->key, dep->key) == 0))
			return i;
	}
	return args->ndeps;
}

static void args_dep_push(struct dq_args *args, struct args_dep dep)
{
	if (args->ndeps == LIMIT_DEPS_PER_TASK) {
		args_fail(args, DQ_E_LIMIT, LIMIT_TEXT(DEPS_PER_TASK));
	} else if (args->ndeps == args->cap) {
		uint32_t cap = args->cap ? args->cap * 2 : 4;
		struct args_dep *deps = try_realloc(args->deps, cap * sizeof(*deps));

		if (deps) {
			args->deps = deps;
			args->cap = cap;
		} else {
			args_fail(args, DQ_E_NO_MEMORY, dq_strerror(DQ_E_NO_MEMORY));
		}
	}
	if (args->error) {
		free(dep.key);
		return;
	}
	args->deps[args->ndeps++] = dep;
}

/* Appends a reference to a dependency; takes key over. */
static void args_dep(struct dq_args *args, struct args_dep dep)
{
	uint32_t at = args_dep_find(args, &dep);
	uint8_t index[4];

	if (at < args->ndeps)
		free(dep.key);
	else
		args_dep_push(args, dep);
	if (args->error)
		return;
	for (unsigned i = 0; i < 4; i++)
		index[i] = (uint8_t)(at >> (24 - 8 * i));
	pack_ext(&args->bytes, EXT_FUTURE, slice_of(index, sizeof(index)));
}

void dq_args_future(struct dq_args *args, const struct dq_future *future)
{
	uint64_t n;

	if (!args || args->error)
		return;
	if (!future) {
		args_fail(args, DQ_E_USAGE, "arguments: a future is NULL");
		return;
	}
	if (future->kind != FUTURE_ARRAY) {
		if (args_begin(args)) {
			args_dep(args, (struct args_dep){.future = future, .index = ARGS_ALL});
			args_end(args);
		}
		return;
	}
	/* An array stands as the array of its elements' values. */
	n = future->more->array->count;
	if (n > LIMIT_DEPS_PER_TASK) {
		args_fail(args, DQ_E_LIMIT, LIMIT_TEXT(DEPS_PER_TASK));
		return;
	}
	dq_args_array(args, (uint32_t)n);
	for (uint64_t i = 0; i < n && args_begin(args); i++) {
		args_dep(args, (struct args_dep){.future = future, .index = i});
		args_end(args);
	}
}

void dq_args_key(struct dq_args *args, const char *key)
{
	char *copy;

	if (!args_begin(args))
		return;
	copy = key ? try_strdup(key) : NULL;
	if (copy)
		args_dep(args, (struct args_dep){.key = copy});
	else
		args_fail(args, key ? DQ_E_NO_MEMORY : DQ_E_USAGE, "arguments: no key");
	args_end(args);
}

void dq_args_element(struct dq_args *args)
{
	if (!args_begin(args))
		return;
	pack_ext(&args->bytes, EXT_ELEMENT, slice_empty());
	args_end(args);
}

void dq_args_index(struct dq_args *args)
{
	if (!args_begin(args))
		return;
	pack_ext(&args->bytes, EXT_INDEX, slice_empty());
	args_end(args);
}

/* ---- for submits ---- */

int args_check(const struct dq_args *args, const char **why)
{
	if (!args)
		return 0;
	if (args->error) {
		*why = args->why;
		return args->error;
	}
	if (args->depth > 0) {
		*why = "arguments: an array or map has fewer values than it said";
		return DQ_E_USAGE;
	}
	return 0;
}

void args_pack(struct buf *out, const struct dq_args *args)
{
	if (!args || args->values == 0) {
		pack_nil(out);
		return;
	}
	if (args->values > 1)
		pack_array(out, args->values);
	buf_append_slice(out, buf_slice(&args->bytes));
}
