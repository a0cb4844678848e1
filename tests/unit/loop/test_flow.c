/* How many system calls a burst costs, back-pressure, slow readers. */
#include "check_loop.h"

#include "base/fault.h"

#include <errno.h>
#include <string.h>

static struct wires w;
static uint64_t seq;

static uint64_t passes(const char *name)
{
	for (size_t i = 0; i < fault_count(); i++)
		if (strcmp(fault_name(i), name) == 0)
			return fault_passes(i);
	return 0;
}

START_TEST(a_burst_is_one_write_and_one_read)
{
	if (!fault_is_built_in())
		return;
	wires_up(&w, _i);
	turns(w.loop, 2);
	ck_assert(fault_arm("loop.write:*:count", NULL));
	fault_reset_counts();
	send_frames(w.client.s, &seq, 1000, 100);
	turn_until(w.loop, &w.server.frames, 1000);
	if (_i == OVER_INPROC) {
		/* The buffer is handed over whole, without a write. */
		ck_assert_uint_eq(passes("loop.write"), 0);
		ck_assert_uint_le(passes("loop.read"), 2);
	} else {
		ck_assert_uint_eq(passes("loop.write"), 1);
		ck_assert_uint_le(passes("loop.read"), _i == OVER_UNIX ? 2 : 6);
	}
	ck_assert(fault_arm(NULL, NULL));
	wires_down(&w);
}
END_TEST

START_TEST(a_slow_reader_is_cut_off)
{
	uint64_t sent;

	wires_up(&w, _i);
	stream_set_pending_max(w.client.s, 1 << 20);
	stream_pause(w.server.s);
	for (int i = 0; i < 10000 && !w.client.closes; i++) {
		send_frames(w.client.s, &seq, 10, 10000);
		loop_run_once(w.loop, 0);
	}
	ck_assert_uint_eq(w.client.closes, 1);
	ck_assert_int_eq(w.client.err, ENOBUFS);
	ck_assert_str_eq(w.client.reason, "the peer reads too slowly");
	sent = seq;
	ck_assert_uint_ge(sent, 100);
	/* What the transport had taken still arrives, the last frame perhaps cut. */
	stream_resume(w.server.s);
	turn_until(w.loop, &w.server.closes, 1);
	ck_assert_uint_lt(w.server.frames, sent);
	wires_down(&w);
}
END_TEST

START_TEST(a_buffer_over_its_limit_in_one_turn_ends_the_stream)
{
	struct buf *b;

	wires_up(&w, _i);
	stream_set_pending_max(w.client.s, 1000);
	b = stream_buf(w.client.s);
	buf_reserve(b, (size_t)FRAME_MAX_PAYLOAD * 3);
	ck_assert(b->failed);
	turn_until(w.loop, &w.client.closes, 1);
	ck_assert_int_eq(w.client.err, ENOBUFS);
	wires_down(&w);
}
END_TEST

#define PUMP_FRAMES 5000u

static void pump(struct side *side)
{
	while (seq < PUMP_FRAMES && stream_pending_bytes(side->s) < 1 << 20)
		send_frames(side->s, &seq, 10, 4000);
}

START_TEST(draining_keeps_a_pump_going)
{
	wires_up(&w, _i);
	w.client.on_drain = pump;
	pump(&w.client);
	turn_until(w.loop, &w.server.frames, PUMP_FRAMES);
	ck_assert_uint_ge(w.client.drains, PUMP_FRAMES / 300);
	ck_assert_uint_eq(w.server.bytes, (uint64_t)PUMP_FRAMES * 4000);
	wires_down(&w);
}
END_TEST

/* The reader stops now and then in the middle of it all. */
static void stop_sometimes(struct side *side, const struct frame *frame)
{
	if (frame->seq % 577 == 0)
		stream_pause(side->s);
}

START_TEST(a_reader_that_pauses_slows_the_pump)
{
	wires_up(&w, _i);
	w.client.on_drain = pump;
	w.server.on_frame = stop_sometimes;
	pump(&w.client);
	while (w.server.frames < PUMP_FRAMES) {
		unsigned before = w.server.frames;

		turns(w.loop, 3);
		ck_assert_uint_le(stream_pending_bytes(w.client.s), 2 << 20);
		if (w.server.frames == before)
			stream_resume(w.server.s);
	}
	ck_assert_uint_eq(w.server.bytes, (uint64_t)PUMP_FRAMES * 4000);
	wires_down(&w);
}
END_TEST

TCase *tcase_flow(void)
{
	TCase *tc = tcase_create("flow");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, a_burst_is_one_write_and_one_read, 0, TRANSPORTS);
	tcase_add_loop_test(tc, a_slow_reader_is_cut_off, 0, TRANSPORTS);
	tcase_add_loop_test(tc, a_buffer_over_its_limit_in_one_turn_ends_the_stream, 0, TRANSPORTS);
	tcase_add_loop_test(tc, draining_keeps_a_pump_going, 0, TRANSPORTS);
	tcase_add_loop_test(tc, a_reader_that_pauses_slows_the_pump, 0, TRANSPORTS);
	return tc;
}
