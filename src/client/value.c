/*
 * Values (value.h, and dq_value_* of <dq/client.h>).
 */
#include "client/value.h"

#include "base/ensure.h"
#include "base/fault.h"
#include "codec/cursor.h"
#include "model/limits.h"
#include "model/value.h"

#include <stdlib.h>
#include <string.h>

#define VALUE_ALIGN 64

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

uint8_t *value_alloc(uint64_t n, size_t type_bytes, uint32_t nframes)
{
	uint64_t tail = (uint64_t)(nframes ? nframes : 1) * sizeof(uint64_t) + type_bytes + 1;
	void *p;

	if (n > (uint64_t)PTRDIFF_MAX / 2 || fault_point("alloc.try"))
		return NULL;
	if (posix_memalign(&p, VALUE_ALIGN, round_up(n, 8) + tail))
		return NULL;
	return p;
}

/* Sizes that add up to n. */
static bool frames_read(uint64_t *out, uint32_t nframes, struct slice frames, uint64_t n)
{
	struct cursor at;
	uint64_t sum = 0;

	if (nframes == 0) {
		out[0] = n;
		return true;
	}
	cursor_init(&at, frames);
	if (cursor_array(&at) != nframes)
		return false;
	for (uint32_t i = 0; i < nframes; i++) {
		out[i] = cursor_u64(&at);
		if (out[i] > n - sum)
			return false;
		sum += out[i];
	}
	return cursor_ok(&at) && sum == n;
}

bool value_finish(struct dq_value *out, uint8_t *memory, uint64_t n, struct slice type,
	uint32_t nframes, struct slice frames)
{
	uint64_t *sizes = (uint64_t *)(void *)(memory + round_up(n, 8));
	uint32_t count = nframes ? nframes : 1;
	char *name = (char *)(sizes + count);

	if (!frames_read(sizes, nframes, frames, n))
		return false;
	if (type.n)
		memcpy(name, type.p, type.n);
	name[type.n] = 0;
	*out = (struct dq_value){.type = name,
		.bytes = memory,
		.n = n,
		.frames = sizes,
		.nframes = count,
		.owner = memory};
	return true;
}

int value_copy(struct dq_value *out, struct slice bytes, struct slice type, uint32_t nframes,
	struct slice frames)
{
	uint8_t *memory = value_alloc(bytes.n, type.n, nframes);

	if (!memory)
		return DQ_E_NO_MEMORY;
	if (bytes.n)
		memcpy(memory, bytes.p, bytes.n);
	if (value_finish(out, memory, bytes.n, type, nframes, frames))
		return 0;
	free(memory);
	return DQ_E_PROTOCOL;
}

void dq_value_release(struct dq_value *value)
{
	if (!value)
		return;
	free(value->owner);
	*value = (struct dq_value){0};
}

/* ---- simple kinds ---- */

/* A cursor at the one msgpack value. False: it is of another type. */
static bool value_open(const struct dq_value *value, struct cursor *at)
{
	if (!value || !value->type || strcmp(value->type, VALUE_TYPE_MSGPACK) != 0)
		return false;
	cursor_init(at, slice_of(value->bytes, value->n));
	return true;
}

int dq_value_int(const struct dq_value *value, int64_t *out)
{
	struct cursor at;
	int64_t v;

	if (!value_open(value, &at))
		return DQ_E_TYPE;
	if (cursor_type(&at) != CURSOR_UINT && cursor_type(&at) != CURSOR_INT)
		return DQ_E_TYPE;
	v = cursor_i64(&at);
	if (!cursor_at_end(&at))
		return DQ_E_TYPE;
	*out = v;
	return 0;
}

int dq_value_double(const struct dq_value *value, double *out)
{
	struct cursor at;
	double v;

	if (!value_open(value, &at))
		return DQ_E_TYPE;
	v = cursor_double(&at);
	if (!cursor_at_end(&at))
		return DQ_E_TYPE;
	*out = v;
	return 0;
}

int dq_value_bool(const struct dq_value *value, bool *out)
{
	struct cursor at;
	bool v;

	if (!value_open(value, &at))
		return DQ_E_TYPE;
	v = cursor_bool(&at);
	if (!cursor_at_end(&at))
		return DQ_E_TYPE;
	*out = v;
	return 0;
}

int dq_value_str(const struct dq_value *value, const char **out, size_t *n)
{
	struct cursor at;
	struct slice s;

	if (!value_open(value, &at))
		return DQ_E_TYPE;
	s = cursor_str(&at);
	if (!cursor_at_end(&at))
		return DQ_E_TYPE;
	*out = (const char *)s.p;
	*n = s.n;
	return 0;
}
