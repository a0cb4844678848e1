/*
 * dq_queue_put: parts of what a request may carry, each a deal of one operation. A queue that is
 * full refuses, and says for how many there is room: so many are put, or room for one is awaited.
 */
#include "client/client.h"
#include "client/things.h"

#include "codec/cursor.h"
#include "codec/pack.h"
#include "model/limits.h"

#include <math.h>
#include <string.h>

#define PART_BYTES ((size_t)8 << 20)

struct putting {
	const char *name;
	const struct dq_content *items;
	size_t n, done;
	struct dq_put options;
	double timeout_s;
};

/* Items from `done` on, at most max, as an array; returns how many, or a code below 0. */
static int gather(
	struct dq_client *c, const struct putting *p, size_t max, struct buf *out, uint32_t *n)
{
	struct buf items;
	int code = 0;

	buf_init(&items, LIMIT_FRAME_BYTES);
	*n = 0;
	while (p->done + *n < p->n && *n < max && items.n < PART_BYTES) {
		struct thing_content content;
		size_t before = items.n;

		code = thing_content_init(c, &content, &p->items[p->done + *n], p->timeout_s);
		if (code == 0)
			deal_item_encode(&items, &content.value);
		thing_content_release(&content);
		/* the ones before it are put, and it is told of then */
		if (code && *n > 0) {
			buf_truncate(&items, before);
			code = 0;
			break;
		}
		if (code)
			break;
		++*n;
	}
	if (code == 0) {
		pack_array(out, *n);
		buf_append_slice(out, buf_slice(&items));
		if (out->failed || items.failed)
			code = client_error_code(c, DQ_E_NO_MEMORY);
	}
	buf_release(&items);
	return code;
}

/* Of a refusal: for how many there is room; UINT64_MAX: that was not why. */
static uint64_t room_read(struct slice data)
{
	struct cursor at;
	uint64_t room;

	cursor_init(&at, data);
	if (cursor_array(&at) < 2)
		return UINT64_MAX;
	(void)cursor_u64(&at);
	room = cursor_u64(&at);
	return cursor_ok(&at) ? room : UINT64_MAX;
}

static bool await_is_done(void *arg)
{
	return ((const struct await *)arg)->done;
}

static int await_room(struct dq_client *c, const struct putting *p)
{
	struct await a;
	int code = await_init(c, &a, p->name, 1);

	if (code == 0) {
		a.kind = THING_QUEUE;
		await_begin(c, &a);
		code = things_wait(c, await_is_done, &a, p->timeout_s);
	}
	if (code == 0 && a.code)
		code = client_error(
			c, a.code, "%s", a.text.n ? buf_cstr(&a.text) : dq_strerror(a.code));
	await_release(c, &a);
	return code;
}

static int put_part(struct dq_client *c, struct putting *p, uint64_t *max)
{
	struct deal_op op = {.kind = DEAL_PUT,
		.name = slice_str(p->name),
		.priority = p->options.priority,
		.time_us = (uint64_t)(p->options.delay_s * 1e6)};
	struct buf items, data;
	uint64_t room;
	uint32_t n;
	int code;

	buf_init(&items, LIMIT_FRAME_BYTES);
	buf_init(&data, LIMIT_FRAME_BYTES);
	code = gather(c, p, *max < LIMIT_PUT_ITEMS ? *max : LIMIT_PUT_ITEMS, &items, &n);
	*max = UINT64_MAX;
	if (code == 0) {
		op.items = buf_slice(&items);
		code = deal_do(c, &op, 1, p->timeout_s, &data);
		room = code == DQ_E_LIMIT ? room_read(buf_slice(&data)) : UINT64_MAX;
		if (code == 0)
			p->done += n;
		else if (room != UINT64_MAX)
			code = room ? 0 : await_room(c, p);
		if (room != UINT64_MAX)
			*max = room ? room : 1;
	}
	buf_release(&items);
	buf_release(&data);
	return code;
}

static int put(struct dq_client *c, struct putting *p)
{
	uint64_t max = UINT64_MAX;
	int code = client_check(c);

	if (code == 0)
		code = thing_name_check(c, p->name);
	if (code == 0 && !(p->options.delay_s >= 0 && p->options.delay_s < 1e11))
		code = client_error(c, DQ_E_USAGE, "a delay out of range");
	while (code == 0 && p->done < p->n)
		code = put_part(c, p, &max);
	return code;
}

int dq_queue_put(struct dq_client *client, const char *name, const struct dq_content *items,
	size_t n, const struct dq_put *options, double timeout_s, size_t *done)
{
	struct putting p = {.name = name,
		.items = items,
		.n = n,
		.options = DQ_PUT_INIT,
		.timeout_s = timeout_s};
	int code = client_enter_blocking(client);

	if (done)
		*done = 0;
	if (code)
		return code;
	if (options && options->size >= sizeof(size_t)) {
		memcpy(&p.options, options,
			options->size < sizeof(p.options) ? options->size : sizeof(p.options));
		code = put(client, &p);
	} else if (options) {
		code = client_error(client, DQ_E_USAGE, "dq_put: size is not set");
	} else {
		code = put(client, &p);
	}
	if (done)
		*done = p.done;
	client_leave(client);
	return code;
}
