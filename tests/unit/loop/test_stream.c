/* Streams over each transport: opening, frames both ways, closing from every callback, exactly
 * once. */
#include "check_loop.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct wires w;
static uint64_t seq;

static void echo(struct side *side, const struct frame *frame)
{
	frame_append(stream_buf(side->s), frame->type, frame->flags, frame->seq, frame->payload);
}

START_TEST(frames_go_both_ways)
{
	struct stream_cred cred;

	wires_up(&w, _i);
	w.server.on_frame = echo;
	ck_assert(stream_is_open(w.client.s));
	for (unsigned size = 0; size < 3000; size += 333)
		send_frames(w.client.s, &seq, 3, size);
	turn_until(w.loop, &w.client.frames, (unsigned)seq);
	ck_assert_uint_eq(w.client.bytes, w.server.bytes);
	ck_assert_uint_eq(stream_bytes_out(w.client.s), w.client.bytes + 16 * seq);
	ck_assert_uint_eq(stream_bytes_in(w.client.s), stream_bytes_out(w.server.s));
	ck_assert_uint_eq(stream_pending_bytes(w.client.s), 0);
	ck_assert_uint_gt(strlen(stream_peer_name(w.server.s)), 5);
	ck_assert_ptr_eq(stream_arg(w.server.s), &w.server);
	ck_assert_ptr_eq(stream_loop(w.server.s), w.loop);
	ck_assert_int_eq(stream_peer_cred(w.server.s, &cred), _i != OVER_TCP);
	if (_i != OVER_TCP) {
		ck_assert_int_eq(cred.pid, getpid());
		ck_assert_int_eq(cred.uid, geteuid());
	}
	stream_close(w.client.s);
	turn_until(w.loop, &w.server.closes, 1);
	turn_until(w.loop, &w.client.closes, 1);
	ck_assert_int_eq(w.client.err, 0);
	ck_assert_str_eq(w.client.reason, "closed");
	ck_assert_int_eq(w.server.err, 0);
	ck_assert_str_eq(w.server.reason, "closed by the peer");
	wires_down(&w);
}
END_TEST

START_TEST(frames_may_be_sent_before_it_is_open)
{
	wires_listen(&w, _i);
	wires_connect(&w);
	send_frames(w.client.s, &seq, 10, 50);
	turn_until(w.loop, &w.server.frames, 10);
	ck_assert_uint_eq(w.client.opens, 1);
	wires_down(&w);
	ck_assert_uint_eq(w.client.closes, 1);
	ck_assert_int_eq(w.client.err, ECANCELED);
}
END_TEST

START_TEST(large_frames_arrive)
{
	wires_up(&w, _i);
	send_frames(w.client.s, &seq, 1, 20 << 20);
	send_frames(w.client.s, &seq, 5, 300 << 10);
	send_frames(w.client.s, &seq, 1, 3);
	send_frames(w.client.s, &seq, 1, 1 << 20);
	turn_until(w.loop, &w.server.frames, 8);
	ck_assert_uint_eq(w.server.bytes, (20 << 20) + 5 * (300 << 10) + 3 + (1 << 20));
	wires_down(&w);
}
END_TEST

START_TEST(closing_delivers_what_is_pending)
{
	wires_up(&w, _i);
	send_frames(w.client.s, &seq, 3000, 5000);
	stream_close(w.client.s);
	ck_assert(!stream_is_open(w.client.s));
	/* Dropped without a trace: */
	frame_append(stream_buf(w.client.s), 1, 0, 99, slice_empty());
	stream_close(w.client.s);
	turn_until(w.loop, &w.server.closes, 1);
	ck_assert_uint_eq(w.server.frames, 3000);
	ck_assert_int_eq(w.server.err, 0);
	turn_until(w.loop, &w.client.closes, 1);
	ck_assert_int_eq(w.client.err, 0);
	wires_down(&w);
}
END_TEST

/* The peer sends all the while: what it sent must not turn the close into a reset. */
START_TEST(closing_survives_a_talking_peer)
{
	uint64_t other = 0;

	wires_up(&w, _i);
	send_frames(w.server.s, &other, 2000, 1000);
	stream_flush(w.server.s);
	send_frames(w.client.s, &seq, 100, 1000);
	stream_close(w.client.s);
	turn_until(w.loop, &w.server.closes, 1);
	ck_assert_uint_eq(w.server.frames, 100);
	turn_until(w.loop, &w.client.closes, 1);
	ck_assert_int_eq(w.client.err, 0);
	wires_down(&w);
}
END_TEST

START_TEST(an_abort_is_told_to_both)
{
	wires_up(&w, _i);
	stream_abort(w.client.s);
	stream_abort(w.client.s);
	stream_close(w.client.s);
	ck_assert_uint_eq(w.client.closes, 0);
	turn_until(w.loop, &w.client.closes, 1);
	ck_assert_int_eq(w.client.err, ECANCELED);
	turn_until(w.loop, &w.server.closes, 1);
	wires_down(&w);
}
END_TEST

START_TEST(a_freed_stream_says_nothing)
{
	wires_up(&w, _i);
	stream_free(&w.client.s);
	ck_assert_ptr_null(w.client.s);
	stream_free(&w.client.s);
	turn_until(w.loop, &w.server.closes, 1);
	ck_assert_uint_eq(w.client.closes, 0);
	wires_down(&w);
}
END_TEST

static void abort_side(struct side *side)
{
	stream_abort(side->s);
}

static void close_side(struct side *side)
{
	stream_close(side->s);
}

static void free_side(struct side *side)
{
	stream_free(&side->s);
}

static void abort_at_frame(struct side *side, const struct frame *frame)
{
	if (frame->seq == 2)
		stream_abort(side->s);
}

static void close_at_frame(struct side *side, const struct frame *frame)
{
	if (frame->seq == 2)
		stream_close(side->s);
}

static void free_at_frame(struct side *side, const struct frame *frame)
{
	if (frame->seq == 2)
		stream_free(&side->s);
}

START_TEST(ending_inside_on_frame_stops_frames)
{
	static void (*const ways[])(struct side *, const struct frame *) = {
		abort_at_frame, close_at_frame, free_at_frame};

	for (int way = 0; way < 3; way++) {
		uint64_t n = 0;

		wires_up(&w, _i);
		w.server.on_frame = ways[way];
		send_frames(w.client.s, &n, 10, 10);
		turn_until(w.loop, &w.client.closes, 1);
		ck_assert_uint_eq(w.server.frames, 3);
		turns(w.loop, 3);
		ck_assert_uint_eq(w.server.closes, way == 2 ? 0 : 1);
		wires_down(&w);
	}
}
END_TEST

START_TEST(ending_inside_on_open)
{
	static void (*const ways[])(struct side *) = {abort_side, close_side, free_side};

	for (int way = 0; way < 3; way++) {
		wires_listen(&w, _i);
		w.client.on_open = ways[way];
		wires_connect(&w);
		turn_until(w.loop, &w.client.opens, 1);
		turn_until(w.loop, &w.server.closes, 1);
		ck_assert_uint_eq(w.client.closes, way == 2 ? 0 : 1);
		wires_down(&w);
	}
}
END_TEST

START_TEST(ending_inside_on_close_changes_nothing)
{
	static void (*const ways[])(struct side *) = {abort_side, close_side, free_side};

	for (int way = 0; way < 3; way++) {
		wires_up(&w, _i);
		w.server.on_close = ways[way];
		stream_close(w.client.s);
		turn_until(w.loop, &w.server.closes, 1);
		turn_until(w.loop, &w.client.closes, 1);
		wires_down(&w);
	}
}
END_TEST

static void pause_every_third(struct side *side, const struct frame *frame)
{
	if (frame->seq % 3 == 2)
		stream_pause(side->s);
}

START_TEST(a_pause_holds_frames_back_in_order)
{
	wires_up(&w, _i);
	w.server.on_frame = pause_every_third;
	send_frames(w.client.s, &seq, 299, 700);
	stream_close(w.client.s);
	for (unsigned n = 3; n < 299; n += 3) {
		turn_until(w.loop, &w.server.frames, n);
		turns(w.loop, 1);
		ck_assert_uint_eq(w.server.frames, n);
		stream_resume(w.server.s);
		ck_assert_uint_eq(w.server.frames, n);
	}
	turn_until(w.loop, &w.server.closes, 1);
	ck_assert_uint_eq(w.server.frames, 299);
	ck_assert_int_eq(w.server.err, 0);
	wires_down(&w);
}
END_TEST

static const struct stream_handlers mute_handlers = {.on_open = NULL};

START_TEST(handlers_may_be_missing_or_change)
{
	wires_up(&w, _i);
	stream_set_handlers(w.server.s, &mute_handlers, NULL);
	send_frames(w.client.s, &seq, 5, 10);
	turns(w.loop, 5);
	ck_assert_uint_eq(w.server.frames, 0);
	stream_set_handlers(w.server.s, &side_handlers, &w.server);
	w.server.next_seq = 5;
	send_frames(w.client.s, &seq, 5, 10);
	turn_until(w.loop, &w.server.frames, 5);
	wires_down(&w);
}
END_TEST

START_TEST(a_stream_nobody_wants_is_closed)
{
	struct side second = {0};

	wires_up(&w, _i);
	second.s = stream_connect(w.loop, listener_address(w.listener), &side_handlers, &second);
	turn_until(w.loop, &second.closes, 1);
	wires_down(&w);
}
END_TEST

START_TEST(the_loop_takes_its_streams_with_it)
{
	char address[200];

	wires_up(&w, _i);
	snprintf(address, sizeof(address), "%s", listener_address(w.listener));
	send_frames(w.client.s, &seq, 5, 10);
	stream_close(w.server.s);
	loop_free(&w.loop);
	ck_assert_uint_eq(w.client.closes, 1);
	ck_assert_uint_eq(w.server.closes, 1);
	remove_directory_of(address);
}
END_TEST

static unsigned released;

static void release(void *arg)
{
	ck_assert_ptr_eq(arg, &released);
	released++;
}

static void send_by_ref(struct stream *s, struct slice data)
{
	struct buf *b = stream_buf(s);
	size_t mark = frame_begin(b, 5, 0, seq++);

	buf_append(b, data.p, 3);
	ck_assert(stream_send_ref(s, mark, slice_drop(data, 3), release, &released));
}

START_TEST(data_goes_by_reference)
{
	static uint8_t data[3 << 20];
	unsigned want = 0;

	wires_up(&w, _i);
	for (int i = 0; i < 40; i++) {
		size_t n = 3 + (size_t)i * 50000;

		/* Each frame has the bytes its sequence number asks for. */
		for (size_t k = 0; k < n; k++)
			data[k] = (uint8_t)(seq + k);
		send_by_ref(w.client.s, slice_of(data, n));
		want++;
		if (i % 3 == 0)
			send_frames(w.client.s, &seq, 2, 1000), want += 2;
		turn_until(w.loop, &w.server.frames, want);
		turns(w.loop, 1);
		ck_assert_uint_eq(released, (unsigned)i + 1);
	}
	stream_pause(w.server.s);
	released = 0;
	for (int i = 0; i < 5; i++)
		send_by_ref(w.client.s, slice_of(data, sizeof(data)));
	turns(w.loop, 2);
	ck_assert_uint_lt(released, 5);
	stream_abort(w.client.s);
	ck_assert_uint_eq(released, 5);
	send_by_ref(w.client.s, slice_of(data, sizeof(data)));
	ck_assert_uint_eq(released, 6);
	turn_until(w.loop, &w.client.closes, 1);
	wires_down(&w);
}
END_TEST

TCase *tcase_stream(void)
{
	TCase *tc = tcase_create("stream");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, frames_go_both_ways, 0, TRANSPORTS);
	tcase_add_loop_test(tc, frames_may_be_sent_before_it_is_open, 0, TRANSPORTS);
	tcase_add_loop_test(tc, large_frames_arrive, 0, TRANSPORTS);
	tcase_add_loop_test(tc, closing_delivers_what_is_pending, 0, TRANSPORTS);
	tcase_add_loop_test(tc, closing_survives_a_talking_peer, 0, TRANSPORTS);
	tcase_add_loop_test(tc, an_abort_is_told_to_both, 0, TRANSPORTS);
	tcase_add_loop_test(tc, a_freed_stream_says_nothing, 0, TRANSPORTS);
	tcase_add_loop_test(tc, ending_inside_on_frame_stops_frames, 0, TRANSPORTS);
	tcase_add_loop_test(tc, ending_inside_on_open, 0, TRANSPORTS);
	tcase_add_loop_test(tc, ending_inside_on_close_changes_nothing, 0, TRANSPORTS);
	tcase_add_loop_test(tc, a_pause_holds_frames_back_in_order, 0, TRANSPORTS);
	tcase_add_loop_test(tc, handlers_may_be_missing_or_change, 0, TRANSPORTS);
	tcase_add_loop_test(tc, a_stream_nobody_wants_is_closed, 0, TRANSPORTS);
	tcase_add_loop_test(tc, the_loop_takes_its_streams_with_it, 0, TRANSPORTS);
	tcase_add_loop_test(tc, data_goes_by_reference, 0, TRANSPORTS);
	return tc;
}
