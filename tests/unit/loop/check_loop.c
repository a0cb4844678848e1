/* Runs the unit tests of loop/; and what they share. */
#include "check_loop.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void saw_open(struct stream *s, void *arg)
{
	struct side *side = arg;

	ck_assert_ptr_eq(side->s, s);
	ck_assert_uint_eq(side->opens, 0);
	ck_assert_uint_eq(side->closes, 0);
	side->opens++;
	if (side->on_open)
		side->on_open(side);
}

static void saw_frame(struct stream *s, const struct frame *frame, void *arg)
{
	struct side *side = arg;

	ck_assert_ptr_eq(side->s, s);
	ck_assert_uint_eq(side->opens, 1);
	ck_assert_uint_eq(side->closes, 0);
	ck_assert_uint_eq(frame->seq, side->next_seq);
	side->next_seq++;
	for (size_t i = 0; i < frame->payload.n; i += 1 + i / 8)
		ck_assert_uint_eq(frame->payload.p[i], (uint8_t)(frame->seq + i));
	side->frames++;
	side->bytes += frame->payload.n;
	if (side->on_frame)
		side->on_frame(side, frame);
}

static void saw_drain(struct stream *s, void *arg)
{
	struct side *side = arg;

	ck_assert_ptr_eq(side->s, s);
	side->drains++;
	if (side->on_drain)
		side->on_drain(side);
}

static void saw_close(struct stream *s, const char *reason, int err, void *arg)
{
	struct side *side = arg;

	ck_assert_ptr_eq(side->s, s);
	ck_assert_uint_eq(side->closes, 0);
	ck_assert_uint_gt(strlen(reason), 0);
	side->closes++;
	side->err = err;
	snprintf(side->reason, sizeof(side->reason), "%s", reason);
	if (side->on_close)
		side->on_close(side);
	side->s = NULL;
}

const struct stream_handlers side_handlers = {
	.on_open = saw_open,
	.on_frame = saw_frame,
	.on_drain = saw_drain,
	.on_close = saw_close,
};

const char *fresh_address(int transport)
{
	static char text[100];
	static int n;

	n++;
	if (transport == OVER_UNIX)
		snprintf(text, sizeof(text), "unix:/tmp/dq-unit-%d-%d/s", (int)getpid(), n);
	else if (transport == OVER_TCP)
		snprintf(text, sizeof(text), "tcp://127.0.0.1:0");
	else
		snprintf(text, sizeof(text), "inproc:unit-%d-%d", (int)getpid(), n);
	return text;
}

void remove_directory_of(const char *address)
{
	char path[200];

	if (strncmp(address, "unix:", 5) != 0)
		return;
	snprintf(path, sizeof(path), "%s", address + 5);
	ck_assert_int_ne(access(path, F_OK), 0);
	*strrchr(path, '/') = '\0';
	ck_assert(rmdir(path) == 0 || errno == ENOENT);
}

static void accepted(struct listener *l, struct stream *s, void *arg)
{
	struct wires *w = arg;

	ck_assert_ptr_eq(l, w->listener);
	if (w->server.s || w->server.opens)
		return;
	w->server.s = s;
	stream_set_handlers(s, &side_handlers, &w->server);
}

void wires_listen(struct wires *w, int transport)
{
	char why[200] = "";

	memset(w, 0, sizeof(*w));
	w->loop = loop_new();
	ck_assert_ptr_nonnull(w->loop);
	w->listener =
		listener_new(w->loop, fresh_address(transport), accepted, w, why, sizeof(why));
	ck_assert_msg(w->listener != NULL, "%s", why);
}

void wires_connect(struct wires *w)
{
	w->client.s =
		stream_connect(w->loop, listener_address(w->listener), &side_handlers, &w->client);
	ck_assert_ptr_nonnull(w->client.s);
}

void wires_up(struct wires *w, int transport)
{
	wires_listen(w, transport);
	wires_connect(w);
	turn_until(w->loop, &w->client.opens, 1);
	turn_until(w->loop, &w->server.opens, 1);
}

void wires_down(struct wires *w)
{
	char address[200];

	snprintf(address, sizeof(address), "%s", listener_address(w->listener));
	listener_free(&w->listener);
	ck_assert_ptr_null(w->listener);
	loop_free(&w->loop);
	ck_assert_ptr_null(w->loop);
	ck_assert_ptr_null(w->client.s);
	ck_assert_ptr_null(w->server.s);
	remove_directory_of(address);
}

void turn_until(struct loop *loop, const unsigned *what, unsigned want)
{
	uint64_t give_up = clock_mono_us() + 30 * US_PER_S;

	while (*what < want) {
		ck_assert_msg(clock_mono_us() < give_up, "%u of %u after 30 s", *what, want);
		loop_run_once(loop, 5);
	}
}

void turns(struct loop *loop, int n)
{
	while (n-- > 0)
		loop_run_once(loop, 2);
}

static uint8_t pattern[8192 + 256];

/* Byte i is (seq + i) modulo 256. */
static void fill(uint8_t *p, size_t n, uint64_t seq)
{
	for (size_t i = 0; i < n; i += 8192)
		memcpy(p + i, pattern + seq % 256, n - i < 8192 ? n - i : 8192);
}

void send_frames(struct stream *s, uint64_t *seq, unsigned n, size_t size)
{
	while (n-- > 0) {
		struct buf *b = stream_buf(s);
		size_t mark = frame_begin(b, 1, 0, *seq);
		uint8_t *p = buf_reserve(b, size ? size : 1);

		ck_assert_ptr_nonnull(p);
		fill(p, size, *seq);
		buf_commit(b, size);
		ck_assert(frame_end(b, mark));
		(*seq)++;
	}
}

int main(void)
{
	Suite *suite = suite_create("loop");
	SRunner *runner;
	int failed;

	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)i;
	suite_add_tcase(suite, tcase_loop());
	suite_add_tcase(suite, tcase_stream());
	suite_add_tcase(suite, tcase_flow());
	suite_add_tcase(suite, tcase_address());
	suite_add_tcase(suite, tcase_trouble());
	suite_add_tcase(suite, tcase_threads());
	suite_add_tcase(suite, tcase_child());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
