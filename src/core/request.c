/*
 * The numbered requests that change holds: RELEASE, HOLD and DETACH.
 */
#include "core/impl.h"
#include "core/work.h"

#include "codec/pack.h"

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

/* Reads the keys, and into data what they name; false: *why. Takes nothing. */
static bool resolve_keys(struct core *c, const struct session *s, struct slice keys,
	struct buf *data, uint32_t *code, const char **why)
{
	uint64_t held = 0;
	struct cursor in;
	uint32_t n;

	cursor_init(&in, keys);
	n = cursor_array(&in);
	pack_array(data, n);
	for (uint32_t i = 0; i < n && cursor_ok(&in); i++) {
		struct slice key = cursor_str(&in);
		struct run r;
		struct place p;

		if (!core_resolve(c, s->user->number, key, &r) || !place_of(c, r.first, &p)) {
			pack_nil(data);
			continue;
		}
		held += r.count;
		if (held > HOLD_TASKS_MAX)
			break;
		pack_array(data, 4);
		pack_u64(data, r.first);
		pack_u64(data, r.count);
		pack_u64(data, block_state(p.block, p.idx));
		pack_u64(data, p.block->first_index);
	}
	*code = held > HOLD_TASKS_MAX || data->failed ? DQ_E_LIMIT : DQ_E_USAGE;
	*why = held > HOLD_TASKS_MAX ? HOLD_TASKS_TEXT
	       : data->failed        ? limit_text(LIMIT_INDEX_FRAME_BYTES)
				     : "malformed keys";
	return cursor_ok(&in) && !data->failed && held <= HOLD_TASKS_MAX;
}

static void hold_keys(struct core *c, struct session *s, struct slice keys)
{
	struct cursor in;
	struct run r;

	cursor_init(&in, keys);
	for (uint32_t n = cursor_array(&in); n; n--)
		if (core_resolve(c, s->user->number, cursor_str(&in), &r))
			hold_run(c, s, r);
}

void hold(struct core *c, const struct event *e)
{
	struct session *s;
	struct buf data;
	const char *why;
	uint32_t code;

	if (!request_begin(c, e, &s))
		return;
	buf_init(&data, LIMIT_FRAME_BYTES - 64);
	if (e->no_room) {
		reply_stored(c, s, e->conn, DQ_E_STORE, "the store is full", slice_empty(),
			slice_empty());
	} else if (resolve_keys(c, s, e->keys, &data, &code, &why)) {
		hold_keys(c, s, e->keys);
		reply_stored(c, s, e->conn, DQ_E_OK, "", slice_empty(), buf_slice(&data));
	} else {
		reply_stored(c, s, e->conn, code, why, slice_empty(), slice_empty());
	}
	buf_release(&data);
}

/* The tasks of the runs; false: malformed, or more than a request may name. */
static bool detach_runs(struct core *c, const struct session *s, struct slice runs, bool count,
	uint32_t *code, const char **why)
{
	struct runs_reader rr;
	uint64_t n = 0;
	struct run r;

	*code = DQ_E_USAGE;
	if (!runs_reader_init(&rr, runs, why))
		return false;
	while (runs_reader_next(&rr, &r)) {
		struct place p;

		n += r.count;
		if (n > HOLD_TASKS_MAX)
			break;
		for (uint64_t i = 0; !count && i < r.count; i++)
			if (place_of(c, r.first + i, &p) && p.block->user == s->user->number &&
				block_state(p.block, p.idx) != TASK_GONE)
				hold_detach(c, p.block, p.idx);
	}
	*code = DQ_E_LIMIT;
	*why = DETACH_TASKS_TEXT;
	return n <= HOLD_TASKS_MAX;
}

void detach(struct core *c, const struct event *e)
{
	struct session *s;
	const char *why = NULL;
	uint32_t code;

	if (!request_begin(c, e, &s))
		return;
	if (e->no_room) {
		reply_stored(c, s, e->conn, DQ_E_STORE, "the store is full", slice_empty(),
			slice_empty());
	} else if (!detach_runs(c, s, e->runs, true, &code, &why)) {
		reply_stored(c, s, e->conn, code, why, slice_empty(), slice_empty());
	} else {
		reply_plain(c, s, e->conn);
		detach_runs(c, s, e->runs, false, &code, &why);
	}
}
