/* Datasets and topics, as stories. */
#include "check_core.h"
#include "story.h"

#include "codec/pack.h"

#include <dq/error.h>

/* The content `["b", ""]`. */
#define CONTENT                                                                                    \
	slice_of("\x92\xa1"                                                                        \
		 "b\xc4\x00",                                                                      \
		5)
#define APPEND(topic)                                                                              \
	{                                                                                          \
		.kind = DEAL_APPEND, .name = slice_str(topic), .value.content = CONTENT            \
	}
#define BOUND(topic, n, us)                                                                        \
	{                                                                                          \
		.kind = DEAL_BOUND, .name = slice_str(topic), .max_entries = (n),                  \
		.max_age_us = (us)                                                                 \
	}
#define DELETE(what, word)                                                                         \
	{                                                                                          \
		.kind = DEAL_DELETE, .thing = (what), .name = slice_str(word)                      \
	}
#define DEAL(story, request, ...)                                                                  \
	story_deal(story, 10, request, (struct deal_op[]){__VA_ARGS__},                            \
		sizeof((struct deal_op[]){__VA_ARGS__}) / sizeof(struct deal_op))

/* ---- datasets ---- */

static void publish(struct story *s, uint64_t request, const char *name,
	const struct deal_member *members, uint32_t n)
{
	struct deal_op op = {.kind = DEAL_PUBLISH, .name = slice_str(name)};
	struct buf list;

	buf_init(&list, 1 << 20);
	pack_array(&list, n);
	for (uint32_t i = 0; i < n; i++)
		deal_member_encode(&list, &members[i]);
	op.members = buf_slice(&list);
	story_deal(s, 10, request, &op, 1);
	buf_release(&list);
}

#define KEY(k)                                                                                     \
	{                                                                                          \
		.key = slice_str(k)                                                                \
	}
#define RUN(id, n)                                                                                 \
	{                                                                                          \
		.run = { id, n }                                                                   \
	}
#define PUBLISH(story, request, name, ...)                                                         \
	publish(story, request, name, (struct deal_member[]){__VA_ARGS__},                         \
		sizeof((struct deal_member[]){__VA_ARGS__}) / sizeof(struct deal_member))

static void dataset_is(struct story *s, const char *name, uint32_t nruns, uint64_t ntasks)
{
	struct core_thing_view v;
	const char *why;
	uint32_t code;

	ck_assert(core_find_thing(s->core, 0, THING_DATASET, slice_str(name), &v, &code, &why));
	ck_assert_uint_eq(v.dataset.nruns, nruns);
	ck_assert_uint_eq(v.dataset.ntasks, ntasks);
}

START_TEST(a_dataset_holds_its_tasks)
{
	struct story s;

	story_begin_kept(&s);
	s.quiet = true;
	story_submit(&s, 10, 1, 1, (struct story_task[]){{.key = "k"}, {0}}, 2);
	story_seal(&s);
	story_told(&s);
	PUBLISH(&s, 2, "data", RUN(ID(2), 1), KEY("k"), KEY("k"));
	told_eq(&s, "put thing 1 dataset data\n-> 10 reply 2 code 0\n");
	story_report(&s, 20, ID(1), 1, TASK_DONE, 0);
	story_report(&s, 20, ID(2), 2, TASK_DONE, 0);
	story_runs(&s, EVENT_RELEASE, 10, 3, ID(1), 2);
	story_seal(&s);
	story_told(&s);
	/* neither the session holds them now, nor does a start lose them */
	story_restart(&s);
	dataset_is(&s, "data", 3, 3);
	story_open(&s, 10);
	story_told(&s);
	DEAL(&s, 1, DELETE(THING_DATASET, "data"));
	ck_assert_ptr_nonnull(strstr(story_told(&s), "del block 1-1"));
	story_end(&s);
}
END_TEST

START_TEST(a_whole_array_is_published)
{
	struct story s;

	story_begin_kept(&s);
	s.quiet = true;
	story_array(&s, 10, 1, 1, "arr", 5);
	story_seal(&s);
	story_told(&s);
	PUBLISH(&s, 2, "all", KEY("arr"));
	PUBLISH(&s, 3, "some", KEY("arr[1]"), RUN(ID(4), 2));
	dataset_is(&s, "all", 1, 5);
	dataset_is(&s, "some", 2, 3);
	story_restart(&s);
	dataset_is(&s, "all", 1, 5);
	dataset_is(&s, "some", 2, 3);
	story_end(&s);
}
END_TEST

START_TEST(datasets_that_are_refused)
{
	struct story s;

	story_begin_usual(&s);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{.key = "k"}}, 1);
	PUBLISH(&s, 2, "data", KEY("k"));
	story_told(&s);
	PUBLISH(&s, 3, "data", KEY("k"));
	told_eq(&s, "put reply 1 3\n"
		    "-> 10 reply 3 code 8 there is a dataset of this name already: data\n");
	PUBLISH(&s, 4, "other", KEY("k"), KEY("nobody"));
	told_eq(&s, "put reply 1 4\n"
		    "-> 10 reply 4 code 5 there is no such task to publish: nobody\n");
	PUBLISH(&s, 5, "other", RUN(ID(1), 2));
	told_eq(&s, "put reply 1 5\n"
		    "-> 10 reply 5 code 5 there is no such task to publish, or no more: other\n");
	PUBLISH(&s, 6, "other", RUN(ID(1), 65537));
	told_eq(&s, "put reply 1 6\n"
		    "-> 10 reply 6 code 10 datasets: at most 65536 tasks at once\n");
	DEAL(&s, 7, DELETE(THING_DATASET, "other"));
	told_eq(&s, "put reply 1 7\n-> 10 reply 7 code 5 no such dataset: other\n");
	story_end(&s);
}
END_TEST

START_TEST(a_dataset_is_replaced_in_one_deal)
{
	struct deal_op ops[2] = {
		DELETE(THING_DATASET, "data"), {.kind = DEAL_PUBLISH,
						       .name = slice_str("data"),
						       .members = slice_of("\x91\xa1k", 3)}};
	struct story s;

	story_begin_usual(&s);
	story_submit(&s, 10, 1, 1, (struct story_task[]){{.key = "k"}, {.key = "l"}}, 2);
	PUBLISH(&s, 2, "data", KEY("k"), KEY("l"));
	story_told(&s);
	story_deal(&s, 10, 3, ops, 2);
	told_eq(&s, "del thing 1\nput thing 2 dataset data\n-> 10 reply 3 code 0\n");
	dataset_is(&s, "data", 1, 1);
	story_end(&s);
}
END_TEST

/* ---- topics ---- */

static void topic_is(struct story *s, const char *name, uint64_t first, uint64_t next)
{
	struct core_thing_view v;
	const char *why;
	uint32_t code;

	ck_assert(core_find_thing(s->core, 0, THING_TOPIC, slice_str(name), &v, &code, &why));
	ck_assert_uint_eq(v.topic.first, first);
	ck_assert_uint_eq(v.topic.next, next);
}

START_TEST(cursors_count_up)
{
	struct story s;

	story_begin_usual(&s);
	s.quiet = true;
	story_acked(&s, 10, 0);
	DEAL(&s, 1, APPEND("t"), APPEND("t"));
	story_seal(&s);
	told_eq(&s, "put entry 1 1\nput entry 1 2\nput reply 1 1\n-> 10 reply 1 code 0\n"
		    "put thing 1 topic t 1 1 3\n");
	DEAL(&s, 2, APPEND("ann/t"));
	story_seal(&s);
	told_eq(&s, "put entry 1 3\nput reply 1 2\n-> 10 reply 2 code 0\n"
		    "put thing 1 topic t 1 1 4\n");
	/* made again: no cursor comes a second time */
	DEAL(&s, 3, DELETE(THING_TOPIC, "t"), APPEND("t"), APPEND("u"));
	told_eq(&s,
		"put entry 2 4\nput entry 3 4\nput reply 1 3\n"
		"del entry 1 1\ndel entry 1 2\ndel entry 1 3\ndel thing 1\n-> 10 reply 3 code 0\n");
	topic_is(&s, "t", 4, 5);
	DEAL(&s, 4, DELETE(THING_TOPIC, "v"));
	told_eq(&s, "put reply 1 4\n-> 10 reply 4 code 5 no such topic: v\n");
	story_end(&s);
}
END_TEST

START_TEST(only_so_many_are_kept)
{
	struct story s;

	story_begin_kept(&s);
	s.quiet = true;
	DEAL(&s, 1, BOUND("t", 2, 0), APPEND("t"), APPEND("t"), APPEND("t"));
	story_seal(&s);
	told_eq(&s, "put entry 1 1\nput entry 1 2\nput entry 1 3\ndel entry 1 1\n"
		    "put reply 1 1\n-> 10 reply 1 code 0\nput thing 1 topic t 2 2 4\n");
	story_restart(&s);
	topic_is(&s, "t", 2, 4);
	story_open(&s, 10);
	/* no bound; and then a lower one, which takes steps */
	DEAL(&s, 1, BOUND("t", 0, 0));
	for (uint64_t i = 0; i < 10000; i++)
		DEAL(&s, 2 + i, APPEND("t"));
	story_seal(&s);
	topic_is(&s, "t", 2, 10004);
	ck_assert_uint_eq(story_records(&s, RECORD_ENTRY), 10002);
	DEAL(&s, 10002, BOUND("t", 5, 0));
	story_seal(&s);
	topic_is(&s, "t", 9999, 10004);
	ck_assert_uint_ge(story_records(&s, RECORD_ENTRY), 1000);
	/* half way through, a start goes on with it */
	story_restart(&s);
	topic_is(&s, "t", 9999, 10004);
	story_go_on(&s);
	story_seal(&s);
	ck_assert_uint_eq(story_records(&s, RECORD_ENTRY), 5);
	story_end(&s);
}
END_TEST

START_TEST(a_deleted_topic_goes_in_steps)
{
	struct story s;

	story_begin_kept(&s);
	s.quiet = true;
	for (uint64_t i = 1; i <= 9000; i++)
		DEAL(&s, i, APPEND("t"));
	DEAL(&s, 9001, DELETE(THING_TOPIC, "t"));
	story_seal(&s);
	ck_assert_uint_ge(story_records(&s, RECORD_ENTRY), 1000);
	story_restart(&s);
	story_open(&s, 10);
	DEAL(&s, 1, APPEND("t"));
	story_seal(&s);
	topic_is(&s, "t", 9001, 9002);
	story_go_on(&s);
	story_seal(&s);
	ck_assert_uint_eq(story_records(&s, RECORD_ENTRY), 1);
	ck_assert_uint_eq(story_records(&s, RECORD_THING), 1);
	story_end(&s);
}
END_TEST

#define MINUTE ((uint64_t)60000000)

START_TEST(the_old_ones_go)
{
	struct story s;

	story_begin_kept(&s);
	s.quiet = true;
	DEAL(&s, 1, BOUND("t", 0, MINUTE), APPEND("t"));
	story_pass(&s, 30);
	DEAL(&s, 2, APPEND("t"));
	story_pass(&s, 29);
	topic_is(&s, "t", 1, 3);
	story_pass(&s, 3);
	topic_is(&s, "t", 2, 3);
	story_seal(&s);
	ck_assert_uint_eq(story_records(&s, RECORD_ENTRY), 1);
	story_restart(&s);
	story_pass(&s, 27);
	topic_is(&s, "t", 2, 3);
	story_pass(&s, 3);
	topic_is(&s, "t", 3, 3);
	story_seal(&s);
	ck_assert_uint_eq(story_records(&s, RECORD_ENTRY), 0);
	/* an age given later counts from then on */
	story_open(&s, 10);
	DEAL(&s, 1, BOUND("u", 0, 0), APPEND("u"));
	story_pass(&s, 100);
	DEAL(&s, 2, BOUND("u", 0, MINUTE));
	story_pass(&s, 59);
	topic_is(&s, "u", 1, 2);
	story_pass(&s, 3);
	topic_is(&s, "u", 2, 2);
	story_end(&s);
}
END_TEST

START_TEST(many_ages_are_watched_in_parts)
{
	struct story s;

	story_begin_kept(&s);
	s.quiet = true;
	DEAL(&s, 1, BOUND("t", 0, MINUTE));
	for (uint64_t i = 0; i < 400; i++) {
		DEAL(&s, 2 + i, APPEND("t"));
		story_pass(&s, 0.5);
	}
	/* 200 s at two a second, of which a minute and a 64th at most is kept */
	{
		struct core_thing_view v;
		const char *why;
		uint32_t code;

		ck_assert(core_find_thing(s.core, 0, THING_TOPIC, slice_str("t"), &v, &code, &why));
		ck_assert_uint_ge(v.topic.next - v.topic.first, 120);
		ck_assert_uint_le(v.topic.next - v.topic.first, 126);
	}
	story_end(&s);
}
END_TEST

static void await_topic(struct story *s, uint64_t request, uint64_t after)
{
	story_await_thing(s, 11, request, THING_TOPIC, "t", after);
}

START_TEST(who_follows_is_told)
{
	struct story s;

	story_begin_usual(&s);
	s.quiet = true;
	await_topic(&s, 1, 0);
	told_eq(&s, "");
	DEAL(&s, 1, BOUND("t", 3, 0));
	story_told(&s);
	DEAL(&s, 2, APPEND("t"));
	told_eq(&s, "put entry 1 1\nput reply 1 2\n-> 11 thing 1\n-> 10 reply 2 code 0\n");
	await_topic(&s, 2, 0);
	told_eq(&s, "-> 11 thing 2\n");
	await_topic(&s, 3, 1);
	told_eq(&s, "");
	await_topic(&s, 4, 2);
	told_eq(&s, "-> 11 thing 4 code 5 a cursor that the topic has not come to\n");
	DEAL(&s, 3, APPEND("t"), APPEND("t"), APPEND("t"), APPEND("t"));
	ck_assert_ptr_nonnull(strstr(story_told(&s), "-> 11 thing 3\n"));
	/* of 1 to 5 the last three are kept: who knows 1 has missed 2 */
	await_topic(&s, 5, 1);
	told_eq(&s, "-> 11 thing 5 code 6 what came after the cursor is not kept any more is 2\n");
	await_topic(&s, 6, 2);
	told_eq(&s, "-> 11 thing 6\n");
	await_topic(&s, 7, 5);
	/* across a deletion */
	DEAL(&s, 4, DELETE(THING_TOPIC, "t"));
	story_told(&s);
	DEAL(&s, 5, APPEND("t"));
	ck_assert_ptr_nonnull(strstr(story_told(&s), "-> 11 thing 7\n"));
	story_end(&s);
}
END_TEST

Suite *suite_topic(void)
{
	Suite *suite = suite_create("topic");
	TCase *t = tcase_create("topic");

	tcase_add_test(t, a_dataset_holds_its_tasks);
	tcase_add_test(t, a_whole_array_is_published);
	tcase_add_test(t, datasets_that_are_refused);
	tcase_add_test(t, a_dataset_is_replaced_in_one_deal);
	tcase_add_test(t, cursors_count_up);
	tcase_add_test(t, only_so_many_are_kept);
	tcase_add_test(t, a_deleted_topic_goes_in_steps);
	tcase_add_test(t, the_old_ones_go);
	tcase_add_test(t, many_ages_are_watched_in_parts);
	tcase_add_test(t, who_follows_is_told);
	suite_add_tcase(suite, t);
	return suite;
}
