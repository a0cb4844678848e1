/* Frames: written, cut, over limits. */
#include "check_codec.h"

#include "codec/frame.h"

#include <stdlib.h>
#include <string.h>

START_TEST(the_header_is_what_the_protocol_says)
{
	static const uint8_t want[] = {3, 0, 0, 0, 7, 9, 0, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33,
		0x22, 0x11, 'a', 'b', 'c'};
	struct buf b;

	buf_init(&b, 100);
	ck_assert(frame_append(&b, 7, 9, 0x1122334455667788, slice_str("abc")));
	ck_assert_uint_eq(b.n, sizeof(want));
	ck_assert_mem_eq(b.p, want, sizeof(want));
	buf_release(&b);
}
END_TEST

START_TEST(frames_are_read_back_one_after_the_other)
{
	struct frame f;
	struct slice in;
	struct buf b;
	size_t used;

	buf_init(&b, 1000);
	for (unsigned i = 0; i < 10; i++) {
		size_t mark = frame_begin(&b, (uint8_t)i, 0, i);

		for (unsigned k = 0; k < i; k++)
			buf_append_byte(&b, (uint8_t)k);
		ck_assert(frame_end(&b, mark));
	}
	in = buf_slice(&b);
	for (unsigned i = 0; i < 10; i++) {
		for (size_t n = 0; n < FRAME_HEADER_BYTES + i; n++) {
			ck_assert_int_eq(
				frame_parse(slice_of(in.p, n), 100, &f, &used), FRAME_MORE);
			ck_assert_uint_eq(
				used, FRAME_HEADER_BYTES + (n < FRAME_HEADER_BYTES ? 0 : i));
		}
		ck_assert_int_eq(frame_parse(in, 100, &f, &used), FRAME_OK);
		ck_assert_uint_eq(f.type, i);
		ck_assert_uint_eq(f.seq, i);
		ck_assert_uint_eq(f.payload.n, i);
		ck_assert_uint_eq(used, FRAME_HEADER_BYTES + i);
		in = slice_drop(in, used);
	}
	ck_assert(slice_is_empty(in));
	buf_release(&b);
}
END_TEST

START_TEST(bad_headers_say_why)
{
	uint8_t h[FRAME_HEADER_BYTES];
	struct slice in = slice_of(h, sizeof(h));
	struct frame f;
	size_t used;

	frame_header(h, 101, 1, 0, 1);
	ck_assert_int_eq(frame_parse(in, 100, &f, &used), FRAME_BAD);
	ck_assert_str_eq(frame_bad_reason(in, 100), "a frame over the size limit");
	ck_assert_int_eq(frame_parse(in, 101, &f, &used), FRAME_MORE);
	frame_header(h, FRAME_MAX_PAYLOAD, 1, 0, 1);
	ck_assert_int_eq(frame_parse(in, UINT32_MAX, &f, &used), FRAME_MORE);
	frame_header(h, FRAME_MAX_PAYLOAD + 1, 1, 0, 1);
	ck_assert_int_eq(frame_parse(in, UINT32_MAX, &f, &used), FRAME_BAD);
	frame_header(h, 0, 1, 0, 1);
	ck_assert_int_eq(frame_parse(in, 100, &f, &used), FRAME_OK);
	h[7] = 1;
	ck_assert_int_eq(frame_parse(in, 100, &f, &used), FRAME_BAD);
	ck_assert_str_eq(frame_bad_reason(in, 100), "not a frame: its reserved bytes are not zero");
}
END_TEST

START_TEST(frames_that_do_not_fit_are_cut_off_again)
{
	struct buf b;
	size_t mark;
	uint8_t *big;

	buf_init(&b, 40);
	ck_assert(frame_append(&b, 1, 0, 1, slice_str("1234")));
	ck_assert(!frame_append(&b, 1, 0, 1, slice_str("123456789")));
	ck_assert_uint_eq(b.n, 20);
	ck_assert(b.failed);
	buf_clear(&b);
	mark = frame_begin(&b, 1, 0, 1);
	frame_cancel(&b, mark);
	ck_assert_uint_eq(b.n, 0);
	buf_release(&b);
	buf_init(&b, (size_t)FRAME_MAX_PAYLOAD * 2);
	big = calloc(1, FRAME_MAX_PAYLOAD + 1);
	ck_assert(frame_append(&b, 1, 0, 1, slice_of(big, FRAME_MAX_PAYLOAD)));
	buf_clear(&b);
	ck_assert(!frame_append(&b, 1, 0, 1, slice_of(big, FRAME_MAX_PAYLOAD + 1)));
	ck_assert_uint_eq(b.n, 0);
	ck_assert(!b.failed);
	free(big);
	buf_release(&b);
}
END_TEST

TCase *tcase_frame(void)
{
	TCase *tc = tcase_create("frame");

	tcase_add_test(tc, the_header_is_what_the_protocol_says);
	tcase_add_test(tc, frames_are_read_back_one_after_the_other);
	tcase_add_test(tc, bad_headers_say_why);
	tcase_add_test(tc, frames_that_do_not_fit_are_cut_off_again);
	return tc;
}
