/*
 * Messages: fields come back, faults are refused, and the bytes of each stay what they are.
 */
#include "check_wire.h"

#include "../../fuzz/targets.h"
#include "base/json.h"
#include "model/limits.h"
#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>

static struct buf b;

static void setup(void)
{
	buf_init(&b, 64 << 20);
}

static void teardown(void)
{
	buf_release(&b);
}

static struct frame parsed(void)
{
	struct frame f;
	size_t used;

	ck_assert_int_eq(frame_parse(buf_slice(&b), LIMIT_FRAME_BYTES, &f, &used), FRAME_OK);
	ck_assert_uint_eq(used, b.n);
	return f;
}

START_TEST(fields_come_back)
{
	struct msg_answer out, m = {
				       .request = 1,
				       .code = 2,
				       .text = slice_str("three"),
				       .more = true,
				       .data = slice_str("\x92\x04\x05"),
			       };
	const char *why = NULL;
	struct frame f;

	msg_answer_encode(&b, 99, &m);
	f = parsed();
	ck_assert(f.type == MSG_ANSWER && f.seq == 99 && f.flags == 0);
	ck_assert(msg_answer_decode(f.payload, &out, &why));
	ck_assert(out.request == 1 && out.code == 2 && slice_eq_str(out.text, "three"));
	ck_assert(out.more && slice_eq(out.data, m.data));
	m.data = slice_empty();
	buf_clear(&b);
	msg_answer_encode(&b, 99, &m);
	ck_assert(msg_answer_decode(parsed().payload, &out, &why) && out.data.n == 0);
}
END_TEST

START_TEST(frames_follow_each_other)
{
	struct msg_ping m = {.stamp = 5};
	size_t used, at = 0;
	struct frame f;

	for (uint64_t i = 0; i < 3; i++)
		msg_ping_encode(&b, i, &m);
	for (uint64_t i = 0; i < 3; i++) {
		struct slice rest = slice_drop(buf_slice(&b), at);

		ck_assert_int_eq(frame_parse(rest, LIMIT_FRAME_BYTES, &f, &used), FRAME_OK);
		ck_assert(f.type == MSG_PING && f.seq == i);
		at += used;
	}
	ck_assert_uint_eq(at, b.n);
}
END_TEST

START_TEST(later_fields_are_skipped)
{
	struct msg_reported m;
	struct msg_get g;
	const char *why = NULL;

	ck_assert(msg_reported_decode(slice_str("\x93\x07\xa1x\x91\xc0"), &m, &why));
	ck_assert_uint_eq(m.reserved, 7);
	ck_assert(!msg_get_decode(slice_str("\x91\x07"), &g, &why));
	ck_assert_ptr_nonnull(why);
	ck_assert(!msg_reported_decode(slice_str("\x91\x07\x07"), &m, &why));
	ck_assert_ptr_nonnull(strstr(why, "after the end"));
	ck_assert(!msg_reported_decode(slice_str("\x91\xa1x"), &m, &why));
	ck_assert(!msg_reported_decode(slice_empty(), &m, &why));
}
END_TEST

START_TEST(frame_limit)
{
	uint8_t *bytes = calloc(1, LIMIT_FRAME_BYTES + 1);
	struct msg_reply small = {.code = 1};
	struct msg_prove m = {.proof = slice_of(bytes, LIMIT_FRAME_BYTES - 6)};
	size_t before;

	ck_assert_ptr_nonnull(bytes);
	msg_prove_encode(&b, 0, &m);
	ck_assert(!b.failed && b.n == FRAME_HEADER_BYTES + LIMIT_FRAME_BYTES);
	parsed();
	buf_clear(&b);
	msg_reply_encode(&b, 1, &small);
	before = b.n;
	m.proof.n++;
	msg_prove_encode(&b, 0, &m);
	ck_assert(b.failed && b.n == before);
	free(bytes);
}
END_TEST

START_TEST(names_and_numbers)
{
	ck_assert_str_eq(message_name(MSG_HELLO), "HELLO");
	ck_assert_str_eq(message_name(MSG_NODATA), "NODATA");
	ck_assert_str_eq(message_name(0), "?");
	ck_assert_int_eq(MSG_HELLO, 1);
	ck_assert_int_eq(MSG_OUTCOMES, 27);
	ck_assert_int_eq(MSG_LEASE, 43);
	ck_assert_int_eq(MSG_NODATA, 62);
}
END_TEST

/* --- golden bytes --- */

struct golden {
	const char *target;
	unsigned sample;
	const char *hex;
};

static const struct golden goldens[] = {
#include "golden.inc"
};
#define GOLDENS (sizeof(goldens) / sizeof(goldens[0]))

START_TEST(bytes_are_as_ever)
{
	const struct golden *g = &goldens[_i];
	struct buf hex;

	buf_init(&hex, 65536);
	for (unsigned i = 0; i < wire_target_count; i++) {
		if (strcmp(wire_targets[i].name, g->target) == 0)
			wire_targets[i].sample(&b, g->sample);
	}
	hex_encode(&hex, buf_slice(&b));
	ck_assert_str_eq(buf_cstr(&hex), g->hex);
	buf_release(&hex);
}
END_TEST

START_TEST(none_is_missing)
{
	size_t n = 0;

	for (unsigned i = 0; i < wire_target_count; i++)
		n += wire_targets[i].samples;
	ck_assert_uint_eq(n, GOLDENS);
}
END_TEST

TCase *case_messages(void)
{
	TCase *tc = tcase_create("messages");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, fields_come_back);
	tcase_add_test(tc, frames_follow_each_other);
	tcase_add_test(tc, later_fields_are_skipped);
	tcase_add_test(tc, frame_limit);
	tcase_add_test(tc, names_and_numbers);
	tcase_add_loop_test(tc, bytes_are_as_ever, 0, (int)GOLDENS);
	tcase_add_test(tc, none_is_missing);
	return tc;
}
