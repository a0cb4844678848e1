/*
 * Queues through the engine: when a grant is told. What is stored already is told at once, and
 * wants no commit; what is not is told after its commit.
 */
#include "check_scheduler.h"
#include "rig.h"

#include "codec/pack.h"
#include "model/deal.h"
#include "model/item.h"

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

static void say_op(struct engine *e, uint64_t seq, const struct deal_op *op)
{
	struct buf list, b;

	buf_init(&list, 4096);
	buf_init(&b, 4096);
	pack_array(&list, 1);
	deal_op_encode(&list, op);
	msg_do_encode(&b, seq, &(struct msg_do){.ops = buf_slice(&list)});
	say(e, &b);
	buf_release(&list);
	buf_release(&b);
}

static void say_put(struct engine *e, uint64_t seq, uint32_t n)
{
	struct deal_op op = {.kind = DEAL_PUT, .name = slice_str("q")};
	struct buf items;

	buf_init(&items, 4096);
	pack_array(&items, n);
	for (uint32_t i = 0; i < n; i++)
		deal_item_encode(&items, &(struct deal_value){.content = CONTENT});
	op.items = buf_slice(&items);
	say_op(e, seq, &op);
	buf_release(&items);
}

static void say_take(struct engine *e, uint64_t request, uint64_t count)
{
	struct msg_take m = {
		.request = request, .name = slice_str("q"), .mode = TAKE_GET, .count = count};
	struct buf b;

	buf_init(&b, 4096);
	msg_take_encode(&b, 0, &m);
	say(e, &b);
	buf_release(&b);
}

static void heard_grant(uint64_t request, uint32_t n)
{
	struct cursor items;
	struct msg_grant m;
	const char *why;

	ck_assert(msg_grant_decode(heard(MSG_GRANT).payload, &m, &why));
	ck_assert_uint_eq(m.request, request);
	ck_assert_uint_eq(m.code, 0);
	cursor_init(&items, m.items);
	ck_assert_uint_eq(cursor_array(&items), n);
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

START_TEST(what_is_stored_is_granted_at_once)
{
	struct engine *e = with_session();
	struct deal_op granted = {.kind = DEAL_GRANTED, .request = 1};

	say_put(e, 1, 3);
	store_all(e);
	heard_reply(1, 0);
	say_take(e, 1, 2);
	heard_grant(1, 2);
	ck_assert(!engine_wants_seal(e));
	/* asked again by a client that comes back: the same, from its record */
	say_take(e, 1, 2);
	ck_assert_uint_eq(sent.n, 0);
	store_all(e);
	heard_grant(1, 2);
	say_op(e, 2, &granted);
	ck_assert_uint_eq(sent.n, 0);
	ck_assert(engine_wants_seal(e));
	store_all(e);
	heard_reply(2, 0);
	say_op(e, 3, &granted);
	store_all(e);
	heard_reply(3, DQ_E_GONE);
	engine_end(e);
}
END_TEST

START_TEST(what_is_not_stored_waits_for_its_commit)
{
	struct engine *e = with_session();

	say_put(e, 1, 1);
	say_take(e, 1, 9);
	ck_assert_uint_eq(sent.n, 0);
	store_all(e);
	heard_reply(1, 0);
	heard_grant(1, 1);
	/* one that waits is served by the put */
	say_take(e, 2, 9);
	store_all(e);
	ck_assert_uint_eq(sent.n, 0);
	say_put(e, 2, 2);
	ck_assert_uint_eq(sent.n, 0);
	store_all(e);
	heard_grant(2, 2);
	heard_reply(2, 0);
	engine_end(e);
}
END_TEST

TCase *tcase_queues(void)
{
	TCase *t = tcase_create("queues");

	tcase_add_test(t, what_is_stored_is_granted_at_once);
	tcase_add_test(t, what_is_not_stored_waits_for_its_commit);
	return t;
}
