/* Queues, as stories; and one by chance, against a model of what a queue is, with restarts. */
#include "check_core.h"
#include "story.h"

#include "base/rng.h"
#include "codec/pack.h"
#include "model/item.h"

#include <dq/error.h>

#define CONTENT                                                                                    \
	slice_of("\x92\xa1"                                                                        \
		 "b\xc4\x00",                                                                      \
		5)
#define DEAL(story, request, ...)                                                                  \
	story_deal(story, 10, request, (struct deal_op[]){__VA_ARGS__},                            \
		sizeof((struct deal_op[]){__VA_ARGS__}) / sizeof(struct deal_op))
#define GRANTED(r)                                                                                 \
	{                                                                                          \
		.kind = DEAL_GRANTED, .request = (r)                                               \
	}
#define WITHDRAW(r)                                                                                \
	{                                                                                          \
		.kind = DEAL_WITHDRAW, .request = (r)                                              \
	}
#define ABOUT(k, s, f)                                                                             \
	{                                                                                          \
		.kind = (k), .name = slice_str("q"), .seq = (s), .fence = { 7, (f) }               \
	}
#define OF(k)                                                                                      \
	{                                                                                          \
		.kind = (k), .name = slice_str("q"), .thing = THING_QUEUE                          \
	}

/* n items: contents, or the futures of tasks from `task` on. */
static void put_by(struct story *s, uint64_t conn, uint64_t request, uint32_t n, int32_t priority,
	double delay_s, uint64_t task)
{
	struct deal_op op = {.kind = DEAL_PUT,
		.name = slice_str("q"),
		.priority = priority,
		.time_us = (uint64_t)(delay_s * 1e6)};
	struct buf items;

	buf_init(&items, 1 << 20);
	pack_array(&items, n);
	for (uint32_t i = 0; i < n; i++)
		deal_item_encode(
			&items, &(struct deal_value){.content = task ? slice_empty() : CONTENT,
					.task = task ? task + i : 0});
	op.items = buf_slice(&items);
	story_deal(s, conn, request, &op, 1);
	buf_release(&items);
}

static void put_as(struct story *s, uint64_t request, uint32_t n, int32_t priority, double delay_s,
	uint64_t task)
{
	put_by(s, 10, request, n, priority, delay_s, task);
}

static void put(struct story *s, uint64_t request, uint32_t n)
{
	put_as(s, request, n, 0, 0, 0);
}

static void take(struct story *s, uint64_t conn, uint64_t request, enum take_mode mode,
	uint64_t count, double lease_s)
{
	struct event e = {.kind = EVENT_TAKE, .conn = conn, .seq = request};

	e.take.name = slice_str("q");
	e.take.mode = mode;
	e.take.count = count;
	e.take.lease_us = (uint64_t)(lease_s * 1e6);
	story_step(s, &e);
}

static void await_room(struct story *s, uint64_t conn, uint64_t request)
{
	struct event e = {.kind = EVENT_AWAIT, .conn = conn, .seq = request};

	e.await.kind = THING_QUEUE;
	e.await.name = slice_str("q");
	e.await.after = 1;
	story_step(s, &e);
}

START_TEST(put_and_get)
{
	struct story s;

	story_begin_usual(&s);
	put(&s, 1, 2);
	told_eq(&s, "put thing 1 queue q\nput item 1 0.1\nput item 1 0.2\n-> 10 reply 1 code 0\n");
	take(&s, 10, 100, TAKE_GET, 1, 0);
	told_eq(&s, "put grant 1 100: 0.1\n-> 10 grant 100\n");
	/* asked again under its number: the same */
	take(&s, 10, 100, TAKE_GET, 1, 0);
	told_eq(&s, "-> 10 grant 100\n");
	DEAL(&s, 2, GRANTED(100));
	told_eq(&s, "del item 1 0.1\ndel grant 1 100\n-> 10 reply 2 code 0\n");
	DEAL(&s, 3, GRANTED(100));
	told_eq(&s, "put reply 1 3\n-> 10 reply 3 code 6 there is no such grant\n");
	story_end(&s);
}
END_TEST

START_TEST(by_priority_then_in_order)
{
	struct story s;

	story_begin_usual(&s);
	put(&s, 1, 2);
	put_as(&s, 2, 1, 5, 0, 0);
	put_as(&s, 3, 1, -5, 0, 0);
	put(&s, 4, 1);
	story_told(&s);
	take(&s, 10, 100, TAKE_GET, 9, 0);
	told_eq(&s, "put grant 1 100: 5.1 0.1 0.2 0.3 -5.1\n-> 10 grant 100\n");
	story_end(&s);
}
END_TEST

START_TEST(peek)
{
	struct core_item_view v[8];
	struct story s;

	story_begin_usual(&s);
	put(&s, 1, 6);
	put_as(&s, 2, 1, 5, 0, 0);
	take(&s, 10, 100, TAKE_LEASE, 5, 0);
	DEAL(&s, 3, GRANTED(100));
	/* 5.1 and 0.1 to 0.4 are out; three of them come back, in another order */
	DEAL(&s, 4, ABOUT(DEAL_NACK, 4, 5), ABOUT(DEAL_NACK, 1, 2), ABOUT(DEAL_NACK, 2, 3));
	ck_assert_uint_eq(core_peek_queue(s.core, 1, v, 8), 5);
	for (uint32_t i = 0; i < 5; i++) {
		const uint64_t seqs[] = {1, 2, 4, 5, 6};

		ck_assert_uint_eq(v[i].seq, seqs[i]);
		ck_assert_uint_eq(v[i].deliveries, i < 3);
		ck_assert_uint_eq(v[i].rank, item_rank(0));
	}
	ck_assert_uint_eq(core_peek_queue(s.core, 1, v, 2), 2);
	ck_assert_uint_eq(v[1].seq, 2);
	ck_assert_uint_eq(core_peek_queue(s.core, 2, v, 2), 0);
	story_told(&s);
	take(&s, 10, 101, TAKE_GET, 9, 0);
	told_eq(&s, "put grant 1 101: 0.1(2) 0.2(2) 0.4(2) 0.5 0.6\n-> 10 grant 101\n");
	story_end(&s);
}
END_TEST

START_TEST(first_come_first_served)
{
	struct story s;
	struct event drop = {.kind = EVENT_DROP, .conn = 10, .seq = 100};

	story_begin_usual(&s);
	story_open(&s, 11);
	story_seal(&s);
	story_told(&s);
	take(&s, 10, 100, TAKE_GET, 5, 0);
	told_eq(&s, "put thing 1 queue q\n");
	take(&s, 11, 100, TAKE_GET, 1, 0);
	take(&s, 10, 101, TAKE_GET, 2, 0);
	told_eq(&s, "");
	story_step(&s, &drop);
	put(&s, 1, 2);
	told_eq(&s, "put item 1 0.1\nput item 1 0.2\nput grant 2 100: 0.1\nput grant 1 101: 0.2\n"
		    "-> 11 grant 100\n-> 10 grant 101\n-> 10 reply 1 code 0\n");
	story_end(&s);
}
END_TEST

START_TEST(what_is_not_acknowledged_goes_back)
{
	struct story s;

	story_begin_usual(&s);
	put(&s, 1, 2);
	take(&s, 10, 100, TAKE_GET, 1, 0);
	story_told(&s);
	DEAL(&s, 2, WITHDRAW(100));
	told_eq(&s, "del grant 1 100\n-> 10 reply 2 code 0\n");
	/* in its place; and a withdrawal of nothing is none */
	take(&s, 10, 101, TAKE_GET, 1, 0);
	told_eq(&s, "put grant 1 101: 0.1\n-> 10 grant 101\n");
	DEAL(&s, 3, WITHDRAW(7));
	told_eq(&s, "-> 10 reply 3 code 0\n");
	/* the session ends */
	story_runs(&s, EVENT_CLOSE, 10, 4, 0, 0);
	story_go_on(&s);
	ck_assert_ptr_nonnull(strstr(story_told(&s), "del grant 1 101\n"));
	story_open(&s, 12);
	story_told(&s);
	take(&s, 12, 1, TAKE_GET, 9, 0);
	told_eq(&s, "put grant 2 1: 0.1 0.2\n-> 12 grant 1\n");
	story_end(&s);
}
END_TEST

START_TEST(leases_and_fences)
{
	struct story s;

	story_begin_usual(&s);
	put(&s, 1, 3);
	take(&s, 10, 100, TAKE_LEASE, 2, 5);
	story_told(&s);
	DEAL(&s, 2, GRANTED(100));
	told_eq(&s, "put delivery 1 0.1 out 1 fence 1\nput delivery 1 0.2 out 1 fence 2\n"
		    "del grant 1 100\n-> 10 reply 2 code 0\n");
	DEAL(&s, 3, ABOUT(DEAL_ACK, 1, 2));
	ck_assert_ptr_nonnull(strstr(story_told(&s), "code 8 the delivery is over"));
	DEAL(&s, 4, ABOUT(DEAL_ACK, 1, 1), ABOUT(DEAL_ACK, 1, 1));
	ck_assert_ptr_nonnull(strstr(story_told(&s), "code 8 the delivery is over"));
	DEAL(&s, 5, ABOUT(DEAL_ACK, 1, 1));
	told_eq(&s, "del item 1 0.1\ndel delivery 1 0.1\n-> 10 reply 5 code 0\n");
	/* the other lease ends: it waits again, before what was put after it */
	story_pass(&s, 6);
	told_eq(&s, "put delivery 1 0.2 back 1\n");
	DEAL(&s, 6, ABOUT(DEAL_ACK, 2, 2));
	ck_assert_ptr_nonnull(strstr(story_told(&s), "code 8 the delivery is over"));
	take(&s, 10, 101, TAKE_LEASE, 9, 0);
	told_eq(&s, "put grant 1 101: 0.2(2) 0.3\n-> 10 grant 101\n");
	/* for as long as the session lasts */
	DEAL(&s, 7, GRANTED(101));
	story_pass(&s, 900);
	told_eq(&s, "put delivery 1 0.2 out 2 fence 3 of 1\nput delivery 1 0.3 out 1 fence 4 of 1\n"
		    "del grant 1 101\n-> 10 reply 7 code 0\n");
	story_runs(&s, EVENT_CLOSE, 10, 8, 0, 0);
	story_go_on(&s);
	ck_assert_ptr_nonnull(
		strstr(story_told(&s), "put delivery 1 0.2 back 2\nput delivery 1 0.3 back 1\n"));
	story_end(&s);
}
END_TEST

START_TEST(nacks_delays_and_extensions)
{
	struct deal_op nack = ABOUT(DEAL_NACK, 1, 1), extend = ABOUT(DEAL_EXTEND, 1, 2);
	struct story s;

	story_begin_usual(&s);
	put_as(&s, 1, 1, 0, 3, 0);
	take(&s, 10, 100, TAKE_LEASE, 1, 5);
	told_eq(&s, "put thing 1 queue q\nput item 1 0.1\n-> 10 reply 1 code 0\n");
	story_pass(&s, 2);
	told_eq(&s, "");
	story_pass(&s, 2);
	told_eq(&s, "put grant 1 100: 0.1\n-> 10 grant 100\n");
	DEAL(&s, 2, GRANTED(100));
	story_told(&s);
	nack.time_us = 10000000;
	DEAL(&s, 3, nack);
	told_eq(&s, "put delivery 1 0.1 back 1 due\n-> 10 reply 3 code 0\n");
	take(&s, 10, 101, TAKE_LEASE, 1, 5);
	story_pass(&s, 9);
	told_eq(&s, "");
	story_pass(&s, 2);
	told_eq(&s, "put grant 1 101: 0.1(2)\n-> 10 grant 101\n");
	DEAL(&s, 4, GRANTED(101));
	story_pass(&s, 3);
	extend.time_us = 9000000;
	DEAL(&s, 5, extend);
	story_told(&s);
	story_pass(&s, 8);
	told_eq(&s, "");
	story_pass(&s, 2);
	told_eq(&s, "put delivery 1 0.1 back 2\n");
	take(&s, 10, 102, TAKE_LEASE, 1, 5);
	DEAL(&s, 6, GRANTED(102));
	story_told(&s);
	extend.fence.seq = 3;
	extend.time_us = 0;
	DEAL(&s, 7, extend);
	told_eq(&s, "put reply 1 7\n-> 10 reply 7 code 3 a lease of no time\n");
	story_end(&s);
}
END_TEST

START_TEST(dead_letters)
{
	struct deal_op create = {.kind = DEAL_CREATE, .name = slice_str("q"), .deliveries = 2};
	struct story s;

	story_begin_kept(&s);
	DEAL(&s, 1, create);
	put(&s, 2, 1);
	for (uint64_t i = 1; i <= 2; i++) {
		take(&s, 10, 100 + i, TAKE_LEASE, 1, 5);
		DEAL(&s, 1 + 2 * i, GRANTED(100 + i));
		story_told(&s);
		DEAL(&s, 2 + 2 * i, ABOUT(DEAL_NACK, 1, i));
	}
	told_eq(&s, "put thing 2 queue q.dead\ndel delivery 1 0.1\nmove item 1 0.1 to 2 0.1\n"
		    "-> 10 reply 6 code 0\n");
	story_seal(&s);
	story_restart(&s);
	story_open(&s, 12);
	story_told(&s);
	story_deal(&s, 12, 1, (struct deal_op[]){OF(DEAL_KICK)}, 1);
	told_eq(&s, "move item 2 0.1 to 1 0.1\nput reply 2 1\n-> 12 reply 1 code 0\n");
	create.deliveries = 3;
	story_deal(&s, 12, 2, &create, 1);
	ck_assert_ptr_nonnull(strstr(story_told(&s), "code 8 it is there, with other limits: q"));
	story_end(&s);
}
END_TEST

START_TEST(a_full_queue)
{
	struct deal_op create = {.kind = DEAL_CREATE, .name = slice_str("q"), .maxsize = 2};
	struct story s;

	story_begin_usual(&s);
	DEAL(&s, 1, create);
	put(&s, 2, 2);
	story_told(&s);
	put(&s, 3, 1);
	told_eq(&s, "put reply 1 3\n-> 10 reply 3 code 10 the queue is full: q\n");
	await_room(&s, 10, 50);
	take(&s, 10, 100, TAKE_GET, 1, 0);
	told_eq(&s, "put grant 1 100: 0.1\n-> 10 grant 100\n");
	/* what is not acknowledged takes room */
	DEAL(&s, 4, GRANTED(100));
	told_eq(&s, "del item 1 0.1\ndel grant 1 100\n-> 10 thing 50\n-> 10 reply 4 code 0\n");
	await_room(&s, 10, 51);
	told_eq(&s, "-> 10 thing 51\n");
	story_end(&s);
}
END_TEST

/* Limits count from the operation on that makes the queue, also within its DO. */
START_TEST(a_queue_that_is_made_full)
{
	struct deal_op create = OF(DEAL_CREATE), more = OF(DEAL_CREATE), fill = OF(DEAL_PUT);
	struct buf items;
	struct story s;

	story_begin_usual(&s);
	buf_init(&items, 4096);
	pack_array(&items, 3);
	for (int i = 0; i < 3; i++)
		deal_item_encode(&items, &(struct deal_value){.content = CONTENT});
	fill.items = buf_slice(&items);
	create.maxsize = 2;
	more.maxsize = 3;
	DEAL(&s, 1, create, fill);
	told_eq(&s, "put reply 1 1\n-> 10 reply 1 code 10 the queue is full: q\n");
	DEAL(&s, 2, create, more);
	told_eq(&s, "put reply 1 2\n-> 10 reply 2 code 8 it is there, with other limits: q\n");
	DEAL(&s, 3, more, fill);
	told_eq(&s, "put thing 1 queue q\nput thing 1 queue q\nput item 1 0.1\nput item 1 0.2\n"
		    "put item 1 0.3\n-> 10 reply 3 code 0\n");
	/* one of the name that is deleted has its limit no more */
	DEAL(&s, 4, OF(DEAL_DELETE), create, fill);
	told_eq(&s, "put reply 1 4\n-> 10 reply 4 code 10 the queue is full: q\n");
	buf_release(&items);
	story_end(&s);
}
END_TEST

/* Given back for later, granted again when that had come; a start must not make it wait as well. */
START_TEST(granted_after_a_delay)
{
	struct deal_op nack = ABOUT(DEAL_NACK, 1, 1);
	struct story s;

	story_begin_kept(&s);
	put(&s, 1, 1);
	take(&s, 10, 100, TAKE_LEASE, 1, 60);
	DEAL(&s, 2, GRANTED(100));
	nack.time_us = 1000000;
	DEAL(&s, 3, nack);
	story_pass(&s, 2);
	take(&s, 10, 101, TAKE_GET, 1, 0);
	story_restart(&s);
	story_pass(&s, 1);
	story_go_on(&s);
	story_open(&s, 10);
	story_told(&s);
	take(&s, 10, 102, TAKE_GET, 1, 0);
	told_eq(&s, "");
	story_end(&s);
}
END_TEST

/* What a session waits for is over with it, also while its connection lasts. */
START_TEST(a_session_ends_that_waits)
{
	struct event close = {.kind = EVENT_CLOSE, .conn = 10, .seq = 1};
	struct story s;

	story_begin_usual(&s);
	story_open(&s, 11);
	take(&s, 10, 100, TAKE_LEASE, 1, 60);
	await_room(&s, 10, 101);
	story_step(&s, &close);
	story_go_on(&s);
	story_told(&s);
	story_pass(&s, 1);
	take(&s, 11, 100, TAKE_LEASE, 1, 60);
	story_told(&s);
	put_by(&s, 11, 1, 1, 0, 0, 0);
	told_eq(&s,
		"put item 1 0.1\nput grant 2 100: 0.1\n-> 11 grant 100\n-> 11 reply 1 code 0\n");
	story_end(&s);
}
END_TEST

START_TEST(purged_and_deleted)
{
	struct story s;

	story_begin_kept(&s);
	put(&s, 1, 3);
	put_as(&s, 2, 1, 0, 5, 0);
	take(&s, 10, 100, TAKE_LEASE, 1, 5);
	DEAL(&s, 3, GRANTED(100));
	take(&s, 10, 101, TAKE_GET, 1, 0);
	story_told(&s);
	DEAL(&s, 4, OF(DEAL_PURGE));
	told_eq(&s, "put thing 1 queue q\ndel item 1 0.3\ndel item 1 0.4\n-> 10 reply 4 code 0\n");
	/* what is out goes when it comes back, also after a start */
	DEAL(&s, 5, WITHDRAW(101));
	story_go_on(&s);
	told_eq(&s, "del grant 1 101\ndel item 1 0.2\n-> 10 reply 5 code 0\n");
	story_seal(&s);
	story_restart(&s);
	story_pass(&s, 6);
	story_go_on(&s);
	ck_assert_uint_eq(story_records(&s, RECORD_ITEM), 0);
	ck_assert_uint_eq(story_records(&s, RECORD_DELIVERY), 0);
	story_open(&s, 10);
	put(&s, 1, 2);
	take(&s, 10, 100, TAKE_LEASE, 1, 5);
	take(&s, 10, 101, TAKE_LEASE, 5, 5);
	take(&s, 10, 102, TAKE_LEASE, 5, 5);
	DEAL(&s, 2, GRANTED(100));
	story_told(&s);
	/* deleted: who waits goes on to the next of that name, what is out goes when it is back */
	DEAL(&s, 3, OF(DEAL_DELETE));
	put(&s, 4, 1);
	story_go_on(&s);
	ck_assert_ptr_nonnull(strstr(story_told(&s), "put grant 2 102: 0.1\n"));
	DEAL(&s, 5, WITHDRAW(101));
	story_pass(&s, 6);
	story_seal(&s);
	story_restart(&s);
	story_go_on(&s);
	ck_assert_uint_eq(story_records(&s, RECORD_THING), 1);
	ck_assert_uint_eq(story_records(&s, RECORD_ITEM), 1);
	ck_assert_uint_eq(story_records(&s, RECORD_GRANT), 1);
	story_end(&s);
}
END_TEST

/* What is not due goes in steps too, and is not counted from the purge on; over a start, too. */
START_TEST(delayed_items_are_purged_in_steps)
{
	struct story s;
	uint32_t left;

	story_begin_kept(&s);
	for (uint64_t i = 1; i <= 3; i++)
		put_as(&s, i, 4000, 0, 60, 0);
	put_as(&s, 4, 1, 0, 0, 0);
	DEAL(&s, 5, OF(DEAL_PURGE));
	left = story_records(&s, RECORD_ITEM);
	ck_assert_uint_ge(left, 7000);
	/* one that is due meanwhile is not had */
	take(&s, 10, 100, TAKE_GET, 10, 0);
	s.wall_ahead_us += 120000000;
	story_pass(&s, 0.5);
	ck_assert_uint_lt(story_records(&s, RECORD_ITEM), left);
	story_seal(&s);
	story_restart(&s);
	story_go_on(&s);
	story_pass(&s, 0.5);
	ck_assert_uint_eq(story_records(&s, RECORD_ITEM), 0);
	ck_assert_uint_eq(story_records(&s, RECORD_GRANT), 0);
	story_end(&s);
}
END_TEST

START_TEST(an_item_holds_its_task)
{
	struct story s;

	story_begin_kept(&s);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{0}}, 1);
	story_seal(&s);
	story_report(&s, 20, ID(1), 1, TASK_DONE, 0);
	put_as(&s, 2, 1, 0, 0, ID(1));
	story_runs(&s, EVENT_RELEASE, 10, 3, ID(1), 1);
	story_seal(&s);
	story_restart(&s);
	ck_assert_uint_eq(story_records(&s, RECORD_TASK), 1);
	story_open(&s, 12);
	take(&s, 12, 1, TAKE_GET, 1, 0);
	story_told(&s);
	story_deal(&s, 12, 1, (struct deal_op[]){GRANTED(1)}, 1);
	story_seal(&s);
	story_go_on(&s);
	ck_assert_ptr_nonnull(strstr(story_told(&s), "del task 1-1\n"));
	ck_assert_uint_eq(story_records(&s, RECORD_BLOCK), 0);
	put_as(&s, 9, 1, 0, 0, ID(1));
	story_end(&s);
}
END_TEST

/* Deals that are refused leave nothing behind. */
START_TEST(all_or_nothing)
{
	struct story s;

	story_begin_usual(&s);
	DEAL(&s, 1, OF(DEAL_CREATE), ABOUT(DEAL_ACK, 1, 1));
	told_eq(&s, "put reply 1 1\n-> 10 reply 1 code 5 no such queue: q\n");
	DEAL(&s, 2, OF(DEAL_CREATE), OF(DEAL_DELETE));
	told_eq(&s, "put reply 1 2\n-> 10 reply 2 code 5 no such queue: q\n");
	DEAL(&s, 3, OF(DEAL_PURGE));
	told_eq(&s, "put reply 1 3\n-> 10 reply 3 code 5 no such queue: q\n");
	story_end(&s);
}
END_TEST

/* ---- by chance ---- */

#define ITEMS 4096

/* What became of each item, by the order of its put. */
struct model {
	struct story s;
	struct rng rng;
	uint64_t request, taking, put, acked, fence;
	uint64_t granted; /* the TAKE that is not acknowledged; 0: none */
};

static void step(struct model *m)
{
	struct story *s = &m->s;

	switch (rng_below(&m->rng, 9)) {
	case 0:
	case 1:
		put_as(s, ++m->request, (uint32_t)rng_below(&m->rng, 5) + 1,
			(int32_t)rng_below(&m->rng, 3), rng_below(&m->rng, 3) == 0 ? 2.0 : 0, 0);
		break;
	case 2:
	case 3:
		if (!m->granted) {
			m->granted = ++m->taking;
			take(s, 10, m->granted, rng_below(&m->rng, 2) ? TAKE_LEASE : TAKE_GET,
				rng_below(&m->rng, 6) + 1, 3.0);
		}
		break;
	case 4:
		if (m->granted) {
			DEAL(s, ++m->request, GRANTED(m->granted));
			m->granted = 0;
		}
		break;
	case 5:
		if (m->granted) {
			DEAL(s, ++m->request, WITHDRAW(m->granted));
			m->granted = 0;
		}
		break;
	case 6:
		story_pass(s, 1);
		break;
	case 7:
		if (rng_below(&m->rng, 8) == 0)
			DEAL(s, ++m->request, OF(rng_below(&m->rng, 2) ? DEAL_PURGE : DEAL_DELETE));
		break;
	default:
		story_seal(s);
		if (rng_below(&m->rng, 4))
			break;
		story_restart(s);
		story_open(s, 10);
		m->request = 0;
		m->granted = 0;
	}
	story_go_on(s);
	story_told(s); /* checks the invariants */
}

START_TEST(by_chance)
{
	struct model m = {.request = 0};

	story_begin_kept(&m.s);
	rng_init(&m.rng, (uint64_t)_i + 1);
	for (int i = 0; i < 600; i++)
		step(&m);
	story_end(&m.s);
}
END_TEST

Suite *suite_queue(void)
{
	Suite *suite = suite_create("queue");
	TCase *t = tcase_create("queue");

	tcase_add_test(t, put_and_get);
	tcase_add_test(t, by_priority_then_in_order);
	tcase_add_test(t, peek);
	tcase_add_test(t, first_come_first_served);
	tcase_add_test(t, what_is_not_acknowledged_goes_back);
	tcase_add_test(t, leases_and_fences);
	tcase_add_test(t, nacks_delays_and_extensions);
	tcase_add_test(t, dead_letters);
	tcase_add_test(t, a_full_queue);
	tcase_add_test(t, a_queue_that_is_made_full);
	tcase_add_test(t, granted_after_a_delay);
	tcase_add_test(t, a_session_ends_that_waits);
	tcase_add_test(t, purged_and_deleted);
	tcase_add_test(t, delayed_items_are_purged_in_steps);
	tcase_add_test(t, an_item_holds_its_task);
	tcase_add_test(t, all_or_nothing);
	tcase_add_loop_test(t, by_chance, 0, 40);
	suite_add_tcase(suite, t);
	return suite;
}
