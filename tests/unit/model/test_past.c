/*
 * The past of a task: what comes back, what is cut, and that it stays within its bounds.
 */
#include "check_model.h"

#include "model/history.h"
#include "model/past.h"
#include "model/row.h"

#include <string.h>

static const struct past_event lost = {.kind = PAST_LOST,
	.time_us = 9,
	.worker = {(const uint8_t *)"w1", 2},
	.started_us = 8,
	.cause = CAUSE_SIGNAL,
	.has_exit = true,
	.exit_status = -1,
	.signal = 11,
	.peak_bytes = 7,
	.message = {(const uint8_t *)"m", 1},
	.arg = -5};

START_TEST(an_event_comes_back)
{
	struct past p;
	struct past_reader r;
	struct past_event e;
	const char *why;

	past_init(&p);
	past_append(&p, &lost);
	past_append(&p, &(struct past_event){.kind = PAST_RETRIED});
	ck_assert(past_reader_init(&r, buf_slice(&p.bytes), &why));
	ck_assert_uint_eq(r.left, 2);
	ck_assert(past_reader_next(&r, &e));
	ck_assert(e.kind == PAST_LOST && e.time_us == 9 && slice_eq_str(e.worker, "w1"));
	ck_assert(e.started_us == 8 && e.cause == CAUSE_SIGNAL && e.has_exit);
	ck_assert(e.exit_status == -1 && e.signal == 11 && e.peak_bytes == 7);
	ck_assert(slice_eq_str(e.message, "m") && e.arg == -5);
	ck_assert(past_reader_next(&r, &e));
	ck_assert(e.kind == PAST_RETRIED && !e.has_exit && slice_is_empty(e.worker));
	ck_assert(!past_reader_next(&r, &e));
	past_release(&p);
}
END_TEST

START_TEST(the_oldest_go)
{
	struct past p, again;
	struct past_reader r;
	struct past_event e;
	const char *why;

	past_init(&p);
	for (int64_t i = 0; i < 1000; i++)
		past_append(&p, &(struct past_event){.kind = PAST_PRIORITY, .arg = i});
	ck_assert(past_take(&again, buf_slice(&p.bytes), &why));
	ck_assert(past_reader_init(&r, buf_slice(&again.bytes), &why));
	ck_assert_uint_eq(r.left, PAST_EVENTS);
	ck_assert_uint_eq(r.dropped, 1000 - PAST_EVENTS);
	for (int64_t i = 1000 - PAST_EVENTS; past_reader_next(&r, &e); i++)
		ck_assert_int_eq(e.arg, i);
	past_release(&p);
	past_release(&again);
}
END_TEST

START_TEST(long_texts_are_cut)
{
	struct past_event e, in = lost;
	struct past_reader r;
	struct past p;
	char text[1000];
	const char *why;

	past_init(&p);
	memset(text, 'x', sizeof(text));
	/* the two bytes of one character around the bound */
	text[PAST_MESSAGE_BYTES - 1] = (char)0xc3;
	text[PAST_MESSAGE_BYTES] = (char)0xa9;
	in.message = slice_of(text, sizeof(text));
	for (int i = 0; i < PAST_EVENTS; i++)
		past_append(&p, &in);
	ck_assert_uint_le(p.bytes.n, PAST_BYTES);
	ck_assert_uint_eq(p.n + p.dropped, PAST_EVENTS);
	ck_assert_uint_gt(p.dropped, 0);
	ck_assert(past_reader_init(&r, buf_slice(&p.bytes), &why));
	ck_assert(past_reader_next(&r, &e));
	ck_assert_uint_eq(e.message.n, PAST_MESSAGE_BYTES - 1);
	past_release(&p);
}
END_TEST

/* As the first schedulers wrote it: without a worker's name and a past. */
START_TEST(a_row_of_old)
{
	static const uint8_t old[] = "\x99\x01\x03\x02\x03\x02\x00\x00\x90\xc4";
	struct task_row row;
	const char *why = NULL;

	ck_assert(task_row_decode(slice_of(old, sizeof(old)), &row, &why));
	ck_assert(row.state == TASK_LEASED && row.attempts == 3 && !row.has_priority);
	ck_assert(slice_is_empty(row.worker) && slice_is_empty(row.past));
}
END_TEST

static struct slice key_of(void *arg, uint64_t id, char *buf)
{
	(void)arg;
	ck_assert_uint_eq(id, 77);
	memcpy(buf, "other", 5);
	return slice_of(buf, 5);
}

/* The i-th event's value under this name. */
static struct cursor event_member(const struct buf *maps, uint32_t i, const char *name)
{
	struct cursor c;
	uint32_t n;

	cursor_init(&c, buf_slice(maps));
	while (i--)
		cursor_skip(&c);
	n = cursor_map(&c);
	while (n-- && !slice_eq_str(cursor_str(&c), name))
		cursor_skip(&c);
	ck_assert(cursor_ok(&c));
	return c;
}

static void event_is(const struct buf *maps, uint32_t i, const char *word)
{
	struct cursor c = event_member(maps, i, "event");

	ck_assert(slice_eq_str(cursor_str(&c), word));
}

START_TEST(a_history)
{
	struct buf maps, outcome;
	struct history h = {.out = &maps, .key = slice_str("k"), .key_of = key_of};
	struct task_row row = {
		.state = TASK_FAILED, .finished_us = 5000000, .worker = slice_str("w2")};
	struct cursor c;
	struct past p;

	buf_init(&maps, 1 << 20);
	buf_init(&outcome, 1 << 20);
	past_init(&p);
	for (int i = 0; i < PAST_EVENTS + 3; i++)
		past_append(&p, &lost);
	outcome_encode(&outcome,
		&(struct outcome){.state = TASK_FAILED, .cause = CAUSE_DEPENDENCY, .blame = 77});
	row.past = buf_slice(&p.bytes);
	row.outcome = buf_slice(&outcome);
	history_submitted(&h, 1);
	ck_assert(history_row(&h, &row, 2));
	ck_assert_uint_eq(h.n, PAST_EVENTS + 3);
	event_is(&maps, 0, "submitted");
	event_is(&maps, 1, "not kept");
	c = event_member(&maps, 1, "n");
	ck_assert_uint_eq(cursor_u64(&c), 3);
	event_is(&maps, 2, "lost");
	c = event_member(&maps, 2, "exit");
	ck_assert_int_eq(cursor_i64(&c), -1);
	event_is(&maps, h.n - 1, "failed");
	c = event_member(&maps, h.n - 1, "task");
	ck_assert(slice_eq_str(cursor_str(&c), "other"));
	c = event_member(&maps, h.n - 1, "round");
	ck_assert_uint_eq(cursor_u64(&c), 2);
	c = event_member(&maps, h.n - 1, "worker");
	ck_assert(slice_eq_str(cursor_str(&c), "w2"));
	c = event_member(&maps, h.n - 1, "exit");
	ck_assert(cursor_try_nil(&c));
	/* what cannot be read is not told */
	row.outcome = slice_str("no");
	ck_assert(!history_row(&h, &row, 2));
	ck_assert_uint_eq(h.n, PAST_EVENTS + 3);
	past_release(&p);
	buf_release(&outcome);
	buf_release(&maps);
}
END_TEST

TCase *case_past(void)
{
	TCase *tc = tcase_create("past");

	tcase_add_test(tc, an_event_comes_back);
	tcase_add_test(tc, the_oldest_go);
	tcase_add_test(tc, a_history);
	tcase_add_test(tc, long_texts_are_cut);
	tcase_add_test(tc, a_row_of_old);
	return tc;
}
