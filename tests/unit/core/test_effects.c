/* Transactional tasks: what comes with a report is done with it, or not at all, as stories. */
#include "check_core.h"
#include "story.h"

#include "codec/pack.h"
#include "model/item.h"
#include "model/row.h"

#include <dq/error.h>

#define CONTENT                                                                                    \
	slice_of("\x92\xa1"                                                                        \
		 "b\xc4\x00",                                                                      \
		5)
#define OPS(...)                                                                                   \
	(struct deal_op[]){__VA_ARGS__},                                                           \
		sizeof((struct deal_op[]){__VA_ARGS__}) / sizeof(struct deal_op)
#define SET(n)                                                                                     \
	{                                                                                          \
		.kind = DEAL_SET, .name = slice_str(n), .value.content = CONTENT                   \
	}
#define EXPECT(n, v)                                                                               \
	{                                                                                          \
		.kind = DEAL_EXPECT, .name = slice_str(n), .version = (v)                          \
	}

static void has(struct story *s, const char *line)
{
	const char *told = story_told(s);

	ck_assert_msg(strstr(told, line), "no \"%s\" in:\n%s", line, told);
}

/* A report on a task with the effects of these operations. */
static void report(struct story *s, uint64_t id, uint64_t seq, enum task_state state, uint64_t held,
	const struct deal_op *ops, uint32_t n)
{
	struct buf effects;

	buf_init(&effects, 1 << 16);
	pack_array(&effects, n);
	for (uint32_t i = 0; i < n; i++)
		deal_op_encode(&effects, &ops[i]);
	s->effects = buf_slice(&effects);
	story_report(s, 20, id, seq, state, held);
	s->effects = slice_empty();
	buf_release(&effects);
}

static void begin(struct story *s, bool once)
{
	story_begin_kept(s);
	story_submit(s, 10, 1, 1, (struct story_task[]){{.once = once}}, 1);
	story_watch(s, 10, ID(1), 1);
	story_seal(s);
	story_told(s);
}

/* It is leased again once its pause is over. */
static void again(struct story *s, double seconds)
{
	struct event e = {.kind = EVENT_TICK};

	story_pass(s, seconds);
	story_step(s, &e);
	story_seal(s);
}

START_TEST(with_the_end)
{
	struct story s;

	begin(&s, false);
	report(&s, ID(1), 1, TASK_DONE, 0, OPS(EXPECT("v", 0), SET("v"), SET("w")));
	told_eq(&s, "put thing 1 variable v version 1\nput thing 2 variable w version 1\n"
		    "del lease 1\nput task 1-1 done attempts 1\n-> 10 outcome 1-1 done\n"
		    "-> 20 reported\n");
	/* the report comes again after a reconnect: its lease is over */
	report(&s, ID(1), 1, TASK_DONE, 0, OPS(SET("v")));
	told_eq(&s, "-> 20 reported\n");
	story_end(&s);
}
END_TEST

START_TEST(not_with_another_end)
{
	struct story s;

	begin(&s, false);
	report(&s, ID(1), 9, TASK_DONE, 0, OPS(SET("v")));
	told_eq(&s, "-> 20 reported\n");
	report(&s, ID(1), 1, TASK_FAILED, 0, OPS(SET("v")));
	told_eq(&s, "del lease 1\nput task 1-1 failed attempts 1\n-> 10 outcome 1-1 failed\n"
		    "-> 20 reported\n");
	story_end(&s);
}
END_TEST

START_TEST(refused)
{
	struct story s;

	begin(&s, false);
	report(&s, ID(1), 1, TASK_DONE, 9, OPS(SET("w"), EXPECT("v", 5)));
	ck_assert_uint_eq(story_records(&s, RECORD_THING), 0);
	has(&s, "-> 20 free 1-1");
	again(&s, 1);
	has(&s, "-> 20 lease 2: 1-1\n");
	story_restart(&s);
	story_end(&s);
}
END_TEST

START_TEST(refused_too_often)
{
	struct core_task_view v;
	struct story s;

	begin(&s, false);
	for (uint64_t i = 0; i < 16; i++) {
		report(&s, ID(1), i + 1, TASK_DONE, 0, OPS(EXPECT("v", 5)));
		again(&s, 20);
		ck_assert(core_view_task(s.core, ID(1), &v));
		ck_assert_int_eq(v.state, TASK_LEASED);
		ck_assert_uint_eq(v.failures, 0);
	}
	story_told(&s);
	report(&s, ID(1), 17, TASK_DONE, 0, OPS(EXPECT("v", 5)));
	ck_assert(core_view_task(s.core, ID(1), &v));
	ck_assert_int_eq(v.state, TASK_FAILED);
	story_end(&s);
}
END_TEST

START_TEST(refused_for_good)
{
	struct core_task_view v;
	struct story s;

	begin(&s, true);
	report(&s, ID(1), 1, TASK_DONE, 0, OPS(EXPECT("v", 5)));
	ck_assert(core_view_task(s.core, ID(1), &v));
	ck_assert_int_eq(v.state, TASK_FAILED);
	story_end(&s);

	begin(&s, false);
	report(&s, ID(1), 1, TASK_DONE, 0, OPS({.kind = DEAL_GRANTED, .request = 1}));
	ck_assert(core_view_task(s.core, ID(1), &v));
	ck_assert_int_eq(v.state, TASK_FAILED);
	story_end(&s);

	begin(&s, false);
	s.effects = slice_str("no operations");
	story_report(&s, 20, ID(1), 1, TASK_DONE, 0);
	ck_assert(core_view_task(s.core, ID(1), &v));
	ck_assert_int_eq(v.state, TASK_FAILED);
	story_end(&s);
}
END_TEST

/* A value that is lost is made again, and nothing else. */
START_TEST(once_for_each_generation)
{
	struct story s;
	struct event get = {.kind = EVENT_GET, .conn = 10};

	begin(&s, false);
	report(&s, ID(1), 1, TASK_DONE, 100, OPS(SET("v")));
	ck_assert_uint_eq(story_records(&s, RECORD_THING), 1);
	story_leave(&s, 20);
	story_pass(&s, 31);
	story_join(&s, 20, 2, "two", NULL, 0);
	story_credit(&s, 20, 2);
	get.get.request = 1;
	get.get.id = ID(1);
	story_step(&s, &get);
	story_seal(&s);
	has(&s, "-> 20 lease 2: 1-1\n");
	report(&s, ID(1), 2, TASK_DONE, 100, OPS(SET("w"), EXPECT("v", 9)));
	ck_assert_uint_eq(story_records(&s, RECORD_THING), 1);
	story_end(&s);
}
END_TEST

/* An item that a task took is acknowledged with its end, though the session that took it ends too.
 */
START_TEST(a_pipeline)
{
	struct event e = {.kind = EVENT_ENTER, .conn = 30};
	struct story s;
	struct buf items;

	begin(&s, false);
	buf_init(&items, 1 << 10);
	pack_array(&items, 1);
	deal_item_encode(&items, &(struct deal_value){.content = CONTENT});
	story_deal(&s, 10, 2,
		OPS({.kind = DEAL_PUT, .name = slice_str("in"), .items = buf_slice(&items)}));
	e.enter.id = ID(1);
	e.enter.fence = (struct fence){s.epoch, 1};
	story_step(&s, &e);
	story_open(&s, 30);
	e = (struct event){.kind = EVENT_TAKE, .conn = 30, .seq = 100};
	e.take.name = slice_str("in");
	e.take.mode = TAKE_LEASE;
	e.take.count = 1;
	story_step(&s, &e);
	story_deal(&s, 30, 1, OPS({.kind = DEAL_GRANTED, .request = 100}));
	story_told(&s);
	report(&s, ID(1), 1, TASK_DONE, 0,
		OPS({.kind = DEAL_ACK, .name = slice_str("in"), .seq = 1, .fence = {s.epoch, 1}},
			{.kind = DEAL_PUT, .name = slice_str("out"), .items = buf_slice(&items)}));
	has(&s, "del item 1 0.1\n");
	story_go_on(&s);
	ck_assert_uint_eq(story_records(&s, RECORD_ITEM), 1);
	ck_assert_uint_eq(story_records(&s, RECORD_DELIVERY), 0);
	story_restart(&s);
	buf_release(&items);
	story_end(&s);
}
END_TEST

/* ---- submits ---- */

#define FUTURE(k, n, key_)                                                                         \
	{                                                                                          \
		.kind = (k), .name = slice_str(n), .value.key = slice_str(key_)                    \
	}

static struct deal_op submit_of(struct buf *body, const struct story_task *tasks, uint32_t n)
{
	buf_init(body, 1 << 16);
	for (uint32_t i = 0; i < n; i++)
		story_body(body, &tasks[i]);
	return (struct deal_op){.kind = DEAL_SUBMIT, .count = n, .body = buf_slice(body)};
}

static enum task_state state_of(const struct story *s, const char *key)
{
	struct core_task_view v;
	struct run r;

	if (!core_resolve(s->core, 0, slice_str(key), &r) || !core_view_task(s->core, r.first, &v))
		return TASK_GONE;
	return v.state;
}

START_TEST(submitted)
{
	struct deal_op op;
	struct story s;
	struct buf body;

	story_begin_kept(&s);
	op = submit_of(&body, (struct story_task[]){{.key = "a"}, {.key = "b", .dep_key = "a"}}, 2);
	/* one that is refused has taken no key */
	story_deal(&s, 10, 1, OPS(op, FUTURE(DEAL_SET, "v", "b"), EXPECT("w", 3)));
	ck_assert_int_eq(state_of(&s, "a"), TASK_GONE);
	story_deal(&s, 10, 2, OPS(FUTURE(DEAL_SET, "v", "b"), op));
	ck_assert_int_eq(state_of(&s, "a"), TASK_GONE);
	ck_assert_uint_eq(story_records(&s, RECORD_BLOCK) + story_records(&s, RECORD_THING), 0);
	story_told(&s);
	story_deal(&s, 10, 3, OPS(op, FUTURE(DEAL_SET, "v", "b")));
	has(&s, "-> 10 reply 3 code 0");
	ck_assert_uint_eq(story_records(&s, RECORD_HOLD), 2);
	ck_assert_uint_eq(story_records(&s, RECORD_BLOCK), 1);
	ck_assert_int_eq(state_of(&s, "b"), TASK_WAITING);
	/* the same again: it is held already */
	story_deal(&s, 10, 4, OPS(op));
	ck_assert_uint_eq(story_records(&s, RECORD_BLOCK), 1);
	story_seal(&s);
	story_restart(&s);
	ck_assert_int_eq(state_of(&s, "a"), TASK_LEASED);
	ck_assert_int_eq(state_of(&s, "b"), TASK_WAITING);
	buf_release(&body);
	story_end(&s);
}
END_TEST

START_TEST(submitted_by_a_task)
{
	struct core_task_view v;
	struct deal_op op;
	struct story s;
	struct buf body;

	begin(&s, false);
	op = submit_of(&body, (struct story_task[]){{.key = "a"}}, 1);
	report(&s, ID(1), 1, TASK_DONE, 0, OPS(op));
	ck_assert(core_view_task(s.core, ID(1), &v));
	ck_assert_int_eq(v.state, TASK_FAILED); /* it is not detached */
	buf_release(&body);
	story_end(&s);

	begin(&s, false);
	op = submit_of(&body,
		(struct story_task[]){{.key = "a", .detached = true},
			{.key = "b", .dep_key = "a", .detached = true}},
		2);
	report(&s, ID(1), 1, TASK_DONE, 0, OPS(op, FUTURE(DEAL_SET, "v", "b")));
	story_seal(&s);
	ck_assert_int_eq(state_of(&s, "a"), TASK_LEASED);
	ck_assert_int_eq(state_of(&s, "b"), TASK_WAITING);
	story_restart(&s);
	ck_assert_int_eq(state_of(&s, "b"), TASK_WAITING);
	buf_release(&body);
	story_end(&s);
}
END_TEST

Suite *suite_effects(void)
{
	Suite *suite = suite_create("effects");
	TCase *t = tcase_create("effects");

	tcase_add_test(t, with_the_end);
	tcase_add_test(t, not_with_another_end);
	tcase_add_test(t, refused);
	tcase_add_test(t, refused_too_often);
	tcase_add_test(t, refused_for_good);
	tcase_add_test(t, once_for_each_generation);
	tcase_add_test(t, a_pipeline);
	tcase_add_test(t, submitted);
	tcase_add_test(t, submitted_by_a_task);
	suite_add_tcase(suite, t);
	return suite;
}
