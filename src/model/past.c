/*
 * Writing and reading the past of a task (past.h): [dropped, event, …], an event being
 * [kind, time, worker, started, cause, exit, signal, peak, message, arg]. The head has a fixed
 * size, so that appending and dropping leave the other events where they are.
 */
#include "model/past.h"

#include "base/ensure.h"
#include "codec/pack.h"
#include "model/decode.h"

#include <string.h>

enum { EVENT_FIELDS = 10 };

#define HEAD_BYTES 8 /* array of 16 bits, number of 32 */

const char *past_word(enum past_kind kind)
{
	switch (kind) {
#define PAST_KIND_WORD(name, number, word)                                                         \
	case PAST_##name:                                                                          \
		return word;
		PAST_KINDS(PAST_KIND_WORD)
#undef PAST_KIND_WORD
	}
	return "?";
}

void past_init(struct past *p)
{
	*p = (struct past){.n = 0};
	buf_init(&p->bytes, 2 * PAST_BYTES);
}

void past_release(struct past *p)
{
	buf_release(&p->bytes);
	past_init(p);
}

static void put_head(struct past *p)
{
	uint8_t *to = p->bytes.p;

	to[0] = 0xdc;
	to[1] = (uint8_t)((p->n + 1) >> 8);
	to[2] = (uint8_t)(p->n + 1);
	to[3] = 0xce;
	for (unsigned i = 0; i < 4; i++)
		to[4 + i] = (uint8_t)(p->dropped >> (24 - 8 * i));
}

static void drop_oldest(struct past *p)
{
	struct cursor c;
	size_t n;

	cursor_init(&c, slice_of(p->bytes.p + HEAD_BYTES, p->bytes.n - HEAD_BYTES));
	cursor_skip(&c);
	ensure(cursor_ok(&c) && p->n > 0);
	n = (size_t)(c.p - p->bytes.p) - HEAD_BYTES;
	memmove(p->bytes.p + HEAD_BYTES, c.p, p->bytes.n - HEAD_BYTES - n);
	buf_truncate(&p->bytes, p->bytes.n - n);
	p->n--;
	if (p->dropped < UINT32_MAX)
		p->dropped++;
}

/* At most max bytes of it, and no part of a character. */
static struct slice cut(struct slice s, size_t max)
{
	if (s.n <= max)
		return s;
	while (max && (s.p[max] & 0xc0) == 0x80)
		max--;
	return slice_of(s.p, max);
}

static void put_event(struct buf *out, const struct past_event *e)
{
	pack_array(out, EVENT_FIELDS);
	pack_u64(out, e->kind);
	pack_u64(out, e->time_us);
	pack_str(out, cut(e->worker, PAST_WORKER_BYTES));
	pack_u64(out, e->started_us);
	pack_u64(out, e->cause);
	if (e->has_exit)
		pack_i64(out, e->exit_status);
	else
		pack_nil(out);
	pack_i64(out, e->signal);
	pack_u64(out, e->peak_bytes);
	pack_str(out, cut(e->message, PAST_MESSAGE_BYTES));
	pack_i64(out, e->arg);
}

void past_append(struct past *p, const struct past_event *e)
{
	if (!p->bytes.n)
		buf_append(&p->bytes, "\xdc\0\1\xce\0\0\0", HEAD_BYTES);
	put_event(&p->bytes, e);
	if (p->bytes.failed)
		return;
	p->n++;
	while (p->n > PAST_EVENTS || p->bytes.n > PAST_BYTES)
		drop_oldest(p);
	put_head(p);
}

bool past_take(struct past *p, struct slice in, const char **why)
{
	struct past_reader r;
	struct past_event e;

	past_init(p);
	if (!past_reader_init(&r, in, why))
		return false;
	/* event by event: a later writer's bounds and fields may be other ones */
	while (past_reader_next(&r, &e))
		past_append(p, &e);
	if (p->n) {
		p->dropped =
			r.dropped <= UINT32_MAX - p->dropped ? p->dropped + r.dropped : UINT32_MAX;
		put_head(p);
	}
	return true;
}

/* ---- reading ---- */

static int32_t read_i32(struct cursor *c)
{
	int64_t v = cursor_i64(c);

	if (v >= INT32_MIN && v <= INT32_MAX)
		return (int32_t)v;
	cursor_fail(c, "past: a status out of range");
	return 0;
}

static void read_event(struct cursor *c, struct past_event *e)
{
	uint32_t have = cursor_array_min(c, EVENT_FIELDS);

	*e = (struct past_event){.kind = (enum past_kind)cursor_u64_max(c, UINT8_MAX)};
	e->time_us = cursor_u64(c);
	e->worker = cursor_str_limit(c, PAST_WORKER_BYTES, "past: a long name");
	e->started_us = cursor_u64(c);
	e->cause = (enum cause)cursor_u64_max(c, UINT8_MAX);
	e->has_exit = !cursor_try_nil(c);
	e->exit_status = e->has_exit ? read_i32(c) : 0;
	e->signal = read_i32(c);
	e->peak_bytes = cursor_u64(c);
	e->message = cursor_str_limit(c, PAST_MESSAGE_BYTES, "past: a long message");
	e->arg = cursor_i64(c);
	if (cursor_ok(c) && have > EVENT_FIELDS)
		cursor_skip_rest(c, have, EVENT_FIELDS);
}

bool past_reader_init(struct past_reader *r, struct slice in, const char **why)
{
	struct past_event e;
	struct cursor c;
	uint32_t n;

	*r = (struct past_reader){.left = 0};
	if (slice_is_empty(in))
		return true;
	cursor_init(&c, in);
	n = cursor_array_limit(&c, PAST_EVENTS + 1, "past: too many events");
	r->dropped = cursor_u32(&c);
	r->c = c;
	for (uint32_t i = 1; i < n && cursor_ok(&c); i++)
		read_event(&c, &e);
	r->left = n ? n - 1 : 0;
	return record_end(&c, n, n, why);
}

bool past_reader_next(struct past_reader *r, struct past_event *e)
{
	if (!r->left)
		return false;
	r->left--;
	read_event(&r->c, e);
	return cursor_ok(&r->c);
}
