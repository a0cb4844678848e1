/*
 * ACT through the engine, as frames: what is told of a task before the reply to its retry is old,
 * what comes after it is new. And what a history tells of it.
 */
#include "check_scheduler.h"
#include "rig.h"

#include "codec/pack.h"
#include "model/record.h"

#include <dq/error.h>

#define ID task_id(1, 1)

static const struct outcome failed = {.state = TASK_FAILED,
	.cause = CAUSE_ERROR,
	.started_us = 5,
	.message = {(uint8_t *)"m", 1}};

static struct slice one_run(void)
{
	static uint8_t bytes[32];
	struct buf b;
	struct slice s;

	buf_init(&b, sizeof(bytes));
	pack_array(&b, 2);
	pack_u64(&b, ID);
	pack_u64(&b, 1);
	memcpy(bytes, b.p, b.n);
	s = slice_of(bytes, b.n);
	buf_release(&b);
	return s;
}

static void say_watch(struct engine *e)
{
	struct buf b;

	buf_init(&b, 4096);
	msg_watch_encode(&b, 0, &(struct msg_watch){.runs = one_run()});
	say(e, &b);
	buf_release(&b);
}

static void say_act(struct engine *e, uint64_t seq, uint64_t kind, struct slice arg)
{
	struct buf b;

	buf_init(&b, 4096);
	msg_act_encode(&b, seq, &(struct msg_act){.kind = kind, .arg = arg, .runs = one_run()});
	say(e, &b);
	buf_release(&b);
}

static void heard_end(uint32_t state, uint32_t generation)
{
	struct outcomes_entry entry;
	struct msg_outcomes m;
	struct cursor c;
	const char *why;
	uint32_t n;

	ck_assert(msg_outcomes_decode(heard(MSG_OUTCOMES).payload, &m, &why));
	ck_assert(list_read_begin(&c, m.entries, 10, &n));
	ck_assert_uint_eq(n, 1);
	ck_assert(outcomes_read(&c, &entry));
	ck_assert_uint_eq(entry.first, ID);
	ck_assert_uint_eq(entry.state, state);
	ck_assert_uint_eq(entry.generation, generation);
}

static void heard_reply(uint64_t seq, uint32_t code)
{
	struct frame f = heard(MSG_REPLY);
	struct msg_reply m;
	const char *why;

	ck_assert_uint_eq(f.seq, seq);
	ck_assert(msg_reply_decode(f.payload, &m, &why));
	ck_assert_uint_eq(m.code, code);
}

static struct engine *with_a_lease(void)
{
	struct engine *e = both();

	say_submit(e, 1, 1, NULL, 0, 0);
	store_all(e);
	heard_reply(1, 0);
	heard(MSG_LEASE);
	return e;
}

/* It ends and is retried before anything is stored. */
START_TEST(an_end_in_the_same_batch)
{
	struct engine *e = with_a_lease();

	say_watch(e);
	store_all(e);
	say_report(e, ID, 1, &failed);
	say_act(e, 2, ACT_RETRY, slice_empty());
	store_all(e);
	heard(MSG_REPORTED);
	heard_end(TASK_FAILED, 0);
	heard_reply(2, 0);
	heard(MSG_LEASE);
	ck_assert_uint_eq(sent.n, 0);
	say_watch(e);
	say_done(e, ID, 2, 1);
	store_all(e);
	heard(MSG_REPORTED);
	heard_end(TASK_DONE, 1 << 16);
	ck_assert_uint_eq(sent.n, 0);
	engine_end(e);
}
END_TEST

/* It had ended, and is asked for and retried before anything is stored. */
START_TEST(an_end_of_the_past)
{
	struct engine *e = with_a_lease();

	say_report(e, ID, 1, &failed);
	store_all(e);
	heard(MSG_REPORTED);
	say_watch(e);
	engine_continue(e, 20, 20);
	say_act(e, 2, ACT_RETRY, slice_empty());
	store_all(e);
	heard_end(TASK_FAILED, 0);
	heard_reply(2, 0);
	heard(MSG_LEASE);
	engine_end(e);
}
END_TEST

START_TEST(what_an_act_must_be)
{
	struct engine *e = with_a_lease();

	say_act(e, 2, 9, slice_empty());
	store_all(e);
	heard_reply(2, DQ_E_USAGE);
	say_report(e, ID, 1, &failed);
	store_all(e);
	heard(MSG_REPORTED);
	say_act(e, 3, ACT_PRIORITY, slice_str("\x07"));
	store_all(e);
	heard_reply(3, DQ_E_REFUSED);
	say_act(e, 4, ACT_PRIORITY, slice_str("\xa1x"));
	heard_refusal(DQ_E_PROTOCOL, "ACT: an argument that is no number");
	engine_end(e);
}
END_TEST

static void say_query(struct engine *e, uint64_t what, struct slice args)
{
	struct buf b;

	buf_init(&b, 4096);
	msg_query_encode(&b, 0, &(struct msg_query){.request = 1, .what = what, .args = args});
	say(e, &b);
	buf_release(&b);
}

static void heard_answer(struct cursor *data)
{
	struct msg_answer m;
	const char *why;

	ck_assert(msg_answer_decode(heard(MSG_ANSWER).payload, &m, &why));
	ck_assert_uint_eq(m.code, 0);
	ck_assert(!m.more);
	cursor_init(data, m.data);
}

START_TEST(what_is_told_of_it)
{
	static const char *const words[] = {"submitted", "failed", "retried", "leased"};
	struct engine *e = with_a_lease();
	struct cursor c;

	say_report(e, ID, 1, &failed);
	store_all(e);
	heard(MSG_REPORTED);
	/* {"state": "failed"} */
	say_query(e, QUERY_SELECT,
		slice_str("\x81\xa5state\xa6"
			  "failed"));
	store_all(e);
	heard_answer(&c);
	ck_assert_uint_eq(cursor_array(&c), 2);
	ck_assert_uint_eq(cursor_u64(&c), ID);
	say_act(e, 2, ACT_RETRY, slice_empty());
	/* asked before it is stored: told after */
	say_query(e, QUERY_HISTORY,
		slice_str("\xa6"
			  "dq-1-1"));
	ck_assert_uint_eq(sent.n, 0);
	store_all(e);
	heard_reply(2, 0);
	heard_answer(&c);
	ck_assert_uint_eq(cursor_array(&c), 4);
	for (int i = 0; i < 4; i++) {
		uint32_t n = cursor_map(&c);

		for (uint32_t k = 0; k < n; k++) {
			if (slice_eq_str(cursor_str(&c), "event"))
				ck_assert(slice_eq_str(cursor_str(&c), words[i]));
			else
				cursor_skip(&c);
		}
	}
	ck_assert(cursor_at_end(&c));
	engine_end(e);
}
END_TEST

TCase *tcase_act(void)
{
	TCase *t = tcase_create("act");

	tcase_add_test(t, an_end_in_the_same_batch);
	tcase_add_test(t, an_end_of_the_past);
	tcase_add_test(t, what_an_act_must_be);
	tcase_add_test(t, what_is_told_of_it);
	return t;
}
