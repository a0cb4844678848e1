/*
 * Variables through the engine: a DO's reply and what an AWAIT is told, as frames, both after their
 * commit.
 */
#include "check_scheduler.h"
#include "rig.h"

#include "codec/pack.h"
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

TCase *tcase_things(void)
{
	TCase *t = tcase_create("things");

	tcase_add_test(t, a_variable_is_set_and_told);
	tcase_add_test(t, a_content_that_is_none);
	return t;
}
