/* Peers that send pieces, garbage and too much; systems that fail. */
#include "check_loop.h"

#include "base/fault.h"
#include "base/rng.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct loop *loop;
static struct side side;
static int raw; /* the peer's end, a bare socket */

static void setup(void)
{
	int pair[2];

	memset(&side, 0, sizeof(side));
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	raw = pair[1];
	loop = loop_new();
	side.s = stream_adopt(loop, pair[0], &side_handlers, &side);
	ck_assert_ptr_nonnull(side.s);
	turn_until(loop, &side.opens, 1);
}

static void teardown(void)
{
	loop_free(&loop);
	if (raw >= 0)
		close(raw);
}

static void put(const void *p, size_t n)
{
	ck_assert_int_eq(write(raw, p, n), (ssize_t)n);
}

/* Frames 0 .. n-1 of growing sizes, as side_handlers expect them. */
static struct buf some_frames(unsigned n)
{
	struct buf b;

	buf_init(&b, 1 << 24);
	for (unsigned seq = 0; seq < n; seq++) {
		size_t mark = frame_begin(&b, 1, 0, seq);

		for (unsigned i = 0; i < seq * 13; i++)
			buf_append_byte(&b, (uint8_t)(seq + i));
		ck_assert(frame_end(&b, mark));
	}
	return b;
}

START_TEST(frames_come_in_single_bytes)
{
	struct buf b = some_frames(6);

	for (size_t i = 0; i < b.n; i++) {
		put(b.p + i, 1);
		loop_run_once(loop, 100);
	}
	ck_assert_uint_eq(side.frames, 6);
	ck_assert_uint_eq(stream_bytes_in(side.s), b.n);
	buf_release(&b);
}
END_TEST

START_TEST(frames_come_in_any_pieces)
{
	struct buf b = some_frames(60);
	struct rng r;

	rng_init(&r, (uint64_t)_i);
	for (size_t at = 0; at < b.n;) {
		size_t n = rng_between(&r, 1, _i < 3 ? 40 : 4000);

		n = n < b.n - at ? n : b.n - at;
		put(b.p + at, n);
		at += n;
		if (rng_chance(&r, 1, 2))
			loop_run_once(loop, 0);
		if (side.s && rng_chance(&r, 1, 8))
			stream_pause(side.s);
		if (side.s && rng_chance(&r, 1, 4))
			stream_resume(side.s);
	}
	stream_resume(side.s);
	turn_until(loop, &side.frames, 60);
	buf_release(&b);
}
END_TEST

START_TEST(garbage_ends_the_stream)
{
	put("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27);
	turn_until(loop, &side.closes, 1);
	ck_assert_int_eq(side.err, EPROTO);
	ck_assert_str_eq(side.reason, "not a frame: its reserved bytes are not zero");
	ck_assert_uint_eq(side.frames, 0);
}
END_TEST

START_TEST(frames_before_garbage_arrive)
{
	struct buf b = some_frames(5);

	buf_append(&b, "garbage that is long enough", 27);
	put(b.p, b.n);
	turn_until(loop, &side.closes, 1);
	ck_assert_uint_eq(side.frames, 5);
	ck_assert_int_eq(side.err, EPROTO);
	buf_release(&b);
}
END_TEST

START_TEST(a_frame_over_the_limit_ends_the_stream)
{
	uint8_t header[FRAME_HEADER_BYTES];

	stream_set_frame_limit(side.s, 1000);
	frame_header(header, 1001, 1, 0, 0);
	/* In two pieces, so that it is found in held bytes. */
	put(header, 7);
	turns(loop, 2);
	ck_assert_uint_eq(side.closes, 0);
	put(header + 7, sizeof(header) - 7);
	turn_until(loop, &side.closes, 1);
	ck_assert_int_eq(side.err, EMSGSIZE);
	ck_assert_str_eq(side.reason, "a frame over the size limit");
}
END_TEST

static void say_why(struct stream *s, const char *reason, int err, void *arg)
{
	ck_assert_ptr_eq(arg, &side);
	ck_assert_uint_eq(side.closes, 0);
	ck_assert(frame_append(stream_buf(s), (uint8_t)err, 0, 0, slice_str(reason)));
}

/* What came behind the bad frame is not looked at; what is said reaches a peer that still sends. */
START_TEST(an_end_for_a_bad_frame_may_be_explained)
{
	struct stream_handlers h = side_handlers;
	uint8_t garbage[100000] = {[6] = (uint8_t)_i}, answer[200];
	struct slice heard;
	struct frame f;
	size_t used;
	ssize_t n;

	h.on_bad_frame = say_why;
	stream_set_handlers(side.s, &h, &side);
	stream_set_frame_limit(side.s, 1000);
	frame_header(garbage, 1001, 1, 0, 0);
	garbage[6] = (uint8_t)_i;
	put(garbage, sizeof(garbage));
	turn_until(loop, &side.closes, 1);
	ck_assert_int_eq(side.err, _i ? EPROTO : EMSGSIZE);
	ck_assert_uint_eq(side.frames, 0);
	n = read(raw, answer, sizeof(answer));
	ck_assert_int_gt(n, 0);
	heard = slice_of(answer, (size_t)n);
	ck_assert_int_eq(frame_parse(heard, 1000, &f, &used), FRAME_OK);
	ck_assert_uint_eq(used, heard.n);
	ck_assert_int_eq(f.type, side.err);
	ck_assert(slice_eq_str(f.payload, side.reason));
	ck_assert_int_eq(read(raw, answer, sizeof(answer)), 0);
}
END_TEST

static void abort_it(struct stream *s, const char *reason, int err, void *arg)
{
	(void)reason;
	(void)err;
	(void)arg;
	stream_abort(s);
}

START_TEST(a_bad_frame_may_be_the_end_at_once)
{
	struct stream_handlers h = side_handlers;

	h.on_bad_frame = abort_it;
	stream_set_handlers(side.s, &h, &side);
	put("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27);
	turn_until(loop, &side.closes, 1);
	ck_assert_int_eq(side.err, ECANCELED);
}
END_TEST

static void raise_limit(struct side *s, const struct frame *frame)
{
	if (frame->seq == 0)
		stream_set_frame_limit(s->s, 1 << 20);
}

START_TEST(a_limit_may_be_raised_by_a_frame)
{
	struct buf b = some_frames(30);

	stream_set_frame_limit(side.s, 10);
	side.on_frame = raise_limit;
	put(b.p, b.n);
	turn_until(loop, &side.frames, 30);
	buf_release(&b);
}
END_TEST

START_TEST(an_announced_frame_takes_no_memory_before_it_comes)
{
	uint8_t header[FRAME_HEADER_BYTES];

	frame_header(header, FRAME_MAX_PAYLOAD, 1, 0, 0);
	put(header, sizeof(header));
	/* The limit on the test's memory is what fails it. */
	turns(loop, 3);
	ck_assert_uint_eq(side.closes, 0);
	put("x", 1);
	turns(loop, 2);
	close(raw);
	raw = -1;
	turn_until(loop, &side.closes, 1);
	ck_assert_int_eq(side.err, ECONNRESET);
	ck_assert_str_eq(side.reason, "the peer closed in the middle of a frame");
}
END_TEST

START_TEST(an_end_between_frames_is_orderly)
{
	struct buf b = some_frames(3);

	put(b.p, b.n);
	close(raw);
	raw = -1;
	turn_until(loop, &side.closes, 1);
	ck_assert_uint_eq(side.frames, 3);
	ck_assert_int_eq(side.err, 0);
	buf_release(&b);
}
END_TEST

START_TEST(an_end_inside_a_frame_is_not)
{
	struct buf b = some_frames(3);

	put(b.p, b.n - 1);
	close(raw);
	raw = -1;
	turn_until(loop, &side.closes, 1);
	ck_assert_uint_eq(side.frames, 2);
	ck_assert_int_eq(side.err, ECONNRESET);
	buf_release(&b);
}
END_TEST

/* The peer says something, leaves, and we were just writing to it: its words are heard. */
START_TEST(last_words_are_heard_after_a_failed_write)
{
	struct buf b = some_frames(3);
	uint64_t seq = 0;

	put(b.p, b.n);
	close(raw);
	raw = -1;
	send_frames(side.s, &seq, 10, 10);
	stream_flush(side.s);
	turn_until(loop, &side.closes, 1);
	ck_assert_uint_eq(side.frames, 3);
	buf_release(&b);
}
END_TEST

START_TEST(closing_on_a_peer_that_left_is_not_orderly)
{
	uint64_t seq = 0;

	stream_pause(side.s);
	close(raw);
	raw = -1;
	send_frames(side.s, &seq, 10, 10);
	stream_close(side.s);
	turn_until(loop, &side.closes, 1);
	ck_assert_int_eq(side.err, EPIPE);
}
END_TEST

static void need_faults(const char *spec)
{
	const char *why = "";

	ck_assert_msg(fault_arm(spec, &why), "%s", why);
}

START_TEST(failures_of_the_system_end_the_stream)
{
	uint64_t seq = 0;

	if (!fault_is_built_in())
		return;
	need_faults(_i ? "loop.write:1:error:EIO" : "loop.read:1:error:EIO");
	put("x", 1);
	send_frames(side.s, &seq, 1, 10);
	turn_until(loop, &side.closes, 1);
	ck_assert_int_eq(side.err, EIO);
	need_faults("");
}
END_TEST

START_TEST(a_connection_fails_as_told)
{
	struct wires w;

	if (!fault_is_built_in())
		return;
	wires_listen(&w, _i);
	need_faults("loop.connect:1:error:ETIMEDOUT");
	wires_connect(&w);
	turn_until(w.loop, &w.client.closes, 1);
	ck_assert_int_eq(w.client.err, ETIMEDOUT);
	/* Out of descriptors, the peer is turned away instead of waiting for ever. */
	if (_i != OVER_INPROC) {
		need_faults("loop.accept:1:error:EMFILE");
		memset(&w.client, 0, sizeof(w.client));
		wires_connect(&w);
		turn_until(w.loop, &w.client.closes, 1);
		ck_assert_uint_eq(w.server.opens, 0);
	}
	need_faults("");
	wires_down(&w);
}
END_TEST

/* One small conversation in which every allocation fails once. True: it went through. */
static bool conversation(int transport)
{
	struct wires w = {0};
	const char *address = fresh_address(transport);
	uint64_t seq = 0;

	w.loop = loop_new();
	if (!w.loop)
		return false;
	w.listener = listener_new(w.loop, address, NULL, NULL, NULL, 0);
	if (w.listener)
		w.client.s = stream_connect(
			w.loop, listener_address(w.listener), &side_handlers, &w.client);
	if (w.client.s) {
		struct buf *b = stream_buf(w.client.s);

		listener_pause(w.listener);
		frame_append(b, 1, 0, seq, slice_str("hello"));
		turns(w.loop, 3);
	}
	if (w.client.s && !w.client.closes) {
		struct buf *b = stream_buf(w.client.s);

		frame_append(b, 1, 0, seq, slice_str("again"));
		stream_close(w.client.s);
		turns(w.loop, 3);
	}
	listener_free(&w.listener);
	loop_free(&w.loop);
	remove_directory_of(address);
	return w.client.closes == 1 && w.client.err == 0;
}

START_TEST(every_allocation_may_fail)
{
	char spec[60];

	if (!fault_is_built_in())
		return;
	for (unsigned n = 1; n < 200; n++) {
		snprintf(spec, sizeof(spec), "alloc.try:%u:error", n);
		need_faults(spec);
		fault_reset_counts();
		if (conversation(_i)) {
			need_faults("");
			ck_assert_uint_ge(n, 5);
			return;
		}
	}
	ck_abort_msg("it never went through");
}
END_TEST

TCase *tcase_trouble(void)
{
	TCase *tc = tcase_create("trouble");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, frames_come_in_single_bytes);
	tcase_add_loop_test(tc, frames_come_in_any_pieces, 0, 8);
	tcase_add_test(tc, garbage_ends_the_stream);
	tcase_add_test(tc, frames_before_garbage_arrive);
	tcase_add_test(tc, a_frame_over_the_limit_ends_the_stream);
	tcase_add_loop_test(tc, an_end_for_a_bad_frame_may_be_explained, 0, 2);
	tcase_add_test(tc, a_bad_frame_may_be_the_end_at_once);
	tcase_add_test(tc, a_limit_may_be_raised_by_a_frame);
	tcase_add_test(tc, an_announced_frame_takes_no_memory_before_it_comes);
	tcase_add_test(tc, an_end_between_frames_is_orderly);
	tcase_add_test(tc, an_end_inside_a_frame_is_not);
	tcase_add_test(tc, last_words_are_heard_after_a_failed_write);
	tcase_add_test(tc, closing_on_a_peer_that_left_is_not_orderly);
	tcase_add_loop_test(tc, failures_of_the_system_end_the_stream, 0, 2);
	tcase_add_loop_test(tc, a_connection_fails_as_told, 0, TRANSPORTS);
	tcase_add_loop_test(tc, every_allocation_may_fail, 0, TRANSPORTS);
	return tc;
}
