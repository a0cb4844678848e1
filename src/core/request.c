/*
 * The numbered requests that change holds: RELEASE and HOLD.
 */
#include "core/impl.h"

#include "codec/pack.h"

#define HOLD_TASKS_MAX 65536

void release(struct core *c, const struct event *e)
{
	runs_request(c, e, WORK_RELEASE);
}

static void hold_run(struct core *c, struct session *s, struct run r)
{
	for (uint64_t i = 0; i < r.count; i++) {
		struct place p;

		if (place_of(c, r.first + i, &p) && block_state(p.block, p.idx) != TASK_GONE)
			hold_take(c, s, p.block, p.idx);
	}
}

void hold(struct core *c, const struct event *e)
{
	struct session *s;
	struct cursor in;
	struct buf data;
	uint64_t held = 0;
	uint32_t n;

	if (!request_begin(c, e, &s))
		return;
	buf_init(&data, LIMIT_FRAME_BYTES);
	cursor_init(&in, e->keys);
	n = cursor_array(&in);
	pack_array(&data, n);
	for (uint32_t i = 0; i < n && cursor_ok(&in); i++) {
		struct slice key = cursor_str(&in);
		struct run r;
		struct place p;

		if (!core_resolve(c, s->user->number, key, &r) || !place_of(c, r.first, &p)) {
			pack_nil(&data);
			continue;
		}
		held += r.count;
		if (held > HOLD_TASKS_MAX)
			break;
		hold_run(c, s, r);
		pack_array(&data, 3);
		pack_u64(&data, r.first);
		pack_u64(&data, r.count);
		pack_u64(&data, block_state(p.block, p.idx));
	}
	if (!cursor_ok(&in) || data.failed)
		reply_stored(
			c, s, e->conn, DQ_E_USAGE, "malformed keys", slice_empty(), slice_empty());
	else if (held > HOLD_TASKS_MAX)
		reply_stored(c, s, e->conn, DQ_E_LIMIT, "hold: at most 65536 tasks a request",
			slice_empty(), slice_empty());
	else
		reply_stored(c, s, e->conn, DQ_E_OK, "", slice_empty(), buf_slice(&data));
	buf_release(&data);
}
