/*
 * Variables through the engine: a DO's reply and what an AWAIT is told, as frames, both after their
 * commit.
 */
#include "check_scheduler.h"
#include "rig.h"

#include "codec/pack.h"
#include "model/claim.h"
#include "model/deal.h"
#include "model/thing.h"

#include <dq/error.h>

/* The content `["b", "hi"]`. */
#define CONTENT slice_of("\x92\xa1\x62\xc4\x02hi", 7)

static struct engine *with_session(void)
{
	struct engine *e = admitted();
	struct buf b;

	buf_init(&b, 4096);
	msg_open_encode(&b, 0, &(struct msg_open){0});
	say(e, &b);
	buf_release(&b);
	store_all(e);
	heard(MSG_OPENED);
	return e;
}

static void say_set(struct engine *e, uint64_t seq, struct slice content)
{
	struct deal_op op = {.kind = DEAL_SET, .name = slice_str("x"), .value.content = content};
	struct buf list, b;

	buf_init(&list, 4096);
	buf_init(&b, 4096);
	pack_array(&list, 1);
	deal_op_encode(&list, &op);
	msg_do_encode(&b, seq, &(struct msg_do){.ops = buf_slice(&list)});
	say(e, &b);
	buf_release(&list);
	buf_release(&b);
}

static void say_await(struct engine *e, uint64_t request, uint64_t after)
{
	struct msg_await m = {
		.request = request, .kind = THING_VARIABLE, .name = slice_str("x"), .after = after};
	struct buf b;

	buf_init(&b, 4096);
	msg_await_encode(&b, 0, &m);
	say(e, &b);
	buf_release(&b);
}

static void heard_is(uint64_t request, uint64_t version)
{
	struct cursor content;
	struct msg_is m;
	const char *why;

	ck_assert(msg_is_decode(heard(MSG_IS).payload, &m, &why));
	ck_assert_uint_eq(m.request, request);
	ck_assert_uint_eq(m.code, 0);
	ck_assert_uint_eq(m.version, version);
	ck_assert_uint_eq(m.task, 0);
	cursor_init(&content, m.content);
	ck_assert(slice_eq(cursor_bin(&content), CONTENT));
}

static void heard_version(uint64_t seq, uint64_t version)
{
	struct frame f = heard(MSG_REPLY);
	struct msg_reply m;
	struct cursor data;
	const char *why;

	ck_assert_uint_eq(f.seq, seq);
	ck_assert(msg_reply_decode(f.payload, &m, &why));
	ck_assert_uint_eq(m.code, 0);
	cursor_init(&data, m.data);
	ck_assert_uint_eq(cursor_array(&data), 1);
	ck_assert_uint_eq(cursor_u64(&data), version);
}

START_TEST(a_variable_is_set_and_told)
{
	struct engine *e = with_session();

	say_await(e, 4, 0);
	store_all(e);
	ck_assert_uint_eq(sent.n, 0);
	say_set(e, 1, CONTENT);
	ck_assert_uint_eq(sent.n, 0);
	store_all(e);
	heard_is(4, 1);
	heard_version(1, 1);
	say_await(e, 5, 0);
	store_all(e);
	heard_is(5, 1);
	/* the request again: its stored reply */
	say_set(e, 1, CONTENT);
	store_all(e);
	heard_version(1, 1);
	engine_end(e);
}
END_TEST

START_TEST(a_content_that_is_none)
{
	struct engine *e = with_session();
	struct msg_reply m;
	const char *why;

	say_set(e, 1, slice_str("z"));
	store_all(e);
	ck_assert(msg_reply_decode(heard(MSG_REPLY).payload, &m, &why));
	ck_assert_uint_eq(m.code, DQ_E_USAGE);
	engine_end(e);
}
END_TEST

static void say_deal(struct engine *e, uint64_t seq, const struct deal_op *ops, uint32_t n)
{
	struct buf list, b;

	buf_init(&list, 1 << 20);
	buf_init(&b, 1 << 20);
	pack_array(&list, n);
	for (uint32_t i = 0; i < n; i++)
		deal_op_encode(&list, &ops[i]);
	msg_do_encode(&b, seq, &(struct msg_do){.ops = buf_slice(&list)});
	say(e, &b);
	buf_release(&list);
	buf_release(&b);
}

static void say_page(struct engine *e, uint64_t after, uint64_t max)
{
	struct buf args, b;

	buf_init(&args, 4096);
	buf_init(&b, 4096);
	pack_array(&args, 3);
	pack_cstr(&args, "t");
	pack_u64(&args, after);
	pack_u64(&args, max);
	msg_query_encode(&b, 0,
		&(struct msg_query){.request = 1, .what = QUERY_TOPIC, .args = buf_slice(&args)});
	say(e, &b);
	buf_release(&args);
	buf_release(&b);
}

/* The cursors of a page. */
static void page_is(struct slice page, uint64_t from, uint32_t n)
{
	struct cursor at;

	cursor_init(&at, page);
	ck_assert_uint_eq(cursor_array(&at), n);
	for (uint32_t i = 0; i < n; i++) {
		ck_assert_uint_eq(cursor_array(&at), 3);
		ck_assert_uint_eq(cursor_u64(&at), from + i);
		ck_assert_uint_gt(cursor_u64(&at), 0);
		ck_assert(slice_eq(cursor_bin(&at), CONTENT));
	}
	ck_assert(cursor_at_end(&at));
}

static struct slice heard_answer(uint32_t code)
{
	struct msg_answer m;
	const char *why;

	ck_assert(msg_answer_decode(heard(MSG_ANSWER).payload, &m, &why));
	ck_assert_uint_eq(m.code, code);
	return m.data;
}

START_TEST(a_topic_is_read_and_followed)
{
	struct deal_op append = {
		.kind = DEAL_APPEND, .name = slice_str("t"), .value.content = CONTENT};
	struct deal_op bound = {.kind = DEAL_BOUND, .name = slice_str("t"), .max_entries = 3};
	struct deal_op ops[] = {append, append, append};
	struct engine *e = with_session();
	struct msg_await await = {.request = 4, .kind = THING_TOPIC, .name = slice_str("t")};
	struct cursor data;
	struct msg_is m;
	const char *why;
	struct buf b;

	buf_init(&b, 4096);
	msg_await_encode(&b, 0, &await);
	say(e, &b);
	buf_release(&b);
	store_all(e);
	ck_assert_uint_eq(sent.n, 0);
	say_deal(e, 1, ops, 3);
	store_all(e);
	ck_assert(msg_is_decode(heard(MSG_IS).payload, &m, &why));
	ck_assert_uint_eq(m.code, 0);
	ck_assert_uint_eq(m.version, 3);
	page_is(m.content, 1, 3);
	(void)heard(MSG_REPLY);
	say_page(e, 0, 2);
	store_all(e);
	page_is(heard_answer(0), 1, 2);
	say_page(e, 2, 1000);
	store_all(e);
	page_is(heard_answer(0), 3, 1);
	say_page(e, 3, 1000);
	store_all(e);
	page_is(heard_answer(0), 4, 0);
	/* past the end; and what is not kept */
	say_page(e, 4, 1000);
	store_all(e);
	(void)heard_answer(DQ_E_NOT_FOUND);
	say_deal(e, 2, &bound, 1);
	say_deal(e, 3, ops, 2);
	store_all(e);
	(void)heard(MSG_REPLY);
	(void)heard(MSG_REPLY);
	say_page(e, 1, 1000);
	store_all(e);
	cursor_init(&data, heard_answer(DQ_E_GONE));
	ck_assert_uint_eq(cursor_u64(&data), 2);
	say_page(e, 2, 1000);
	store_all(e);
	page_is(heard_answer(0), 3, 3);
	engine_end(e);
}
END_TEST

START_TEST(entries_that_cannot_be_read)
{
	struct deal_op append = {
		.kind = DEAL_APPEND, .name = slice_str("t"), .value.content = CONTENT};
	struct engine *e = with_session();
	struct msg_await await = {.request = 4, .kind = THING_TOPIC, .name = slice_str("t")};
	struct msg_is m;
	const char *why;
	struct buf b;

	buf_init(&b, 4096);
	say_deal(e, 1, &append, 1);
	store_all(e);
	(void)heard(MSG_REPLY);
	unreadable = TABLE_ENTRY;
	msg_await_encode(&b, 0, &await);
	say(e, &b);
	store_all(e);
	unreadable = 0;
	ck_assert(msg_is_decode(heard(MSG_IS).payload, &m, &why));
	ck_assert_uint_eq(m.code, DQ_E_STORE);
	ck_assert_uint_eq(m.version, 1);
	buf_release(&b);
	engine_end(e);
}
END_TEST

/* A claim of one lock, or what its holder does with it. */
static void say_guard(struct engine *e, uint64_t seq, struct deal_op op)
{
	struct buf parts;

	buf_init(&parts, 4096);
	pack_array(&parts, 1);
	claim_part_encode(
		&parts, &(struct claim_part){.name = slice_str("l"), .count = 1, .units = 1});
	op.parts = buf_slice(&parts);
	say_deal(e, seq, &op, 1);
	buf_release(&parts);
}

static void heard_claim(uint64_t seq, uint64_t number, bool held)
{
	struct frame f = heard(MSG_REPLY);
	struct msg_reply m;
	struct cursor data;
	const char *why;

	ck_assert_uint_eq(f.seq, seq);
	ck_assert(msg_reply_decode(f.payload, &m, &why));
	ck_assert_uint_eq(m.code, 0);
	cursor_init(&data, m.data);
	ck_assert_uint_eq(cursor_array(&data), 1);
	ck_assert_uint_eq(cursor_array(&data), 2);
	ck_assert_uint_eq(cursor_u64(&data), number);
	ck_assert(cursor_bool(&data) == held);
}

START_TEST(a_lock_is_claimed_and_told)
{
	const struct deal_op claim = {.kind = DEAL_CLAIM, .lease_us = 30000000};
	struct engine *e = with_session();
	struct msg_await await = {.request = 9, .kind = THING_LOCK, .after = 2};
	struct msg_is m;
	const char *why;
	struct buf b;

	say_guard(e, 1, claim);
	ck_assert_uint_eq(sent.n, 0);
	store_all(e);
	heard_claim(1, 1, true);
	say_guard(e, 2, claim);
	store_all(e);
	heard_claim(2, 2, false);
	buf_init(&b, 4096);
	msg_await_encode(&b, 0, &await);
	say(e, &b);
	buf_release(&b);
	store_all(e);
	ck_assert_uint_eq(sent.n, 0);
	/* who waits is told of what is stored, not before */
	say_guard(e, 3, (struct deal_op){.kind = DEAL_UNLOCK, .claim = 1});
	ck_assert_uint_eq(sent.n, 0);
	store_all(e);
	heard(MSG_REPLY);
	ck_assert(msg_is_decode(heard(MSG_IS).payload, &m, &why));
	ck_assert_uint_eq(m.request, 9);
	ck_assert_uint_eq(m.code, 0);
	ck_assert_uint_eq(m.version, 2);
	/* the request again: its stored reply */
	say_guard(e, 2, claim);
	store_all(e);
	heard_claim(2, 2, false);
	engine_end(e);
}
END_TEST

TCase *tcase_things(void)
{
	TCase *t = tcase_create("things");

	tcase_add_test(t, a_variable_is_set_and_told);
	tcase_add_test(t, a_content_that_is_none);
	tcase_add_test(t, a_topic_is_read_and_followed);
	tcase_add_test(t, entries_that_cannot_be_read);
	tcase_add_test(t, a_lock_is_claimed_and_told);
	return t;
}
