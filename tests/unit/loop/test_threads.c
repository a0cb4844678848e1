/* In-process streams between two loops in two threads; what the thread sanitizer is to see. */
#include "check_loop.h"

#include "base/rng.h"
#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES 10000u

struct server {
	pthread_t thread;
	struct loop *loop;
	struct listener *listener;
	struct wake *stop;
	struct side sides[64];
	unsigned n;
};

static void echo(struct side *side, const struct frame *frame)
{
	frame_append(stream_buf(side->s), frame->type, frame->flags, frame->seq, frame->payload);
}

static void server_accept(struct listener *l, struct stream *s, void *arg)
{
	struct server *server = arg;
	struct side *side = &server->sides[server->n++];

	(void)l;
	ck_assert_uint_le(server->n, 64);
	side->s = s;
	side->on_frame = echo;
	stream_set_handlers(s, &side_handlers, side);
}

static void stop_server(struct wake *w, void *arg)
{
	(void)w;
	loop_stop(((struct server *)arg)->loop);
}

static void *server_main(void *arg)
{
	struct server *server = arg;

	loop_run(server->loop);
	listener_free(&server->listener);
	return NULL;
}

static void server_start(struct server *server, const char *address)
{
	memset(server, 0, sizeof(*server));
	server->loop = loop_new();
	server->listener = listener_new(server->loop, address, server_accept, server, NULL, 0);
	ck_assert_ptr_nonnull(server->listener);
	server->stop = wake_new(server->loop, stop_server, server);
	ck_assert_int_eq(thread_start(&server->thread, "server", server_main, server), 0);
}

static void server_stop(struct server *server)
{
	wake_send(server->stop);
	pthread_join(server->thread, NULL);
	/* Only now nobody is inside wake_send(). */
	wake_free(&server->stop);
	loop_free(&server->loop);
}

static uint64_t seq;

static void pump(struct side *side)
{
	while (seq < FRAMES && stream_pending_bytes(side->s) < 1 << 20)
		send_frames(side->s, &seq, 100, 200);
}

START_TEST(two_loops_echo)
{
	static struct server server;
	struct loop *loop = loop_new();
	struct side client = {.on_drain = pump, .on_open = pump};

	server_start(&server, "inproc:echo");
	client.s = stream_connect(loop, "inproc:echo", &side_handlers, &client);
	while (client.frames < FRAMES) {
		loop_run_once(loop, 10);
		/* The echo is bounded by nothing but the server's pending bytes. */
		pump(&client);
	}
	ck_assert_uint_eq(client.bytes, (uint64_t)FRAMES * 200);
	stream_close(client.s);
	turn_until(loop, &client.closes, 1);
	loop_free(&loop);
	server_stop(&server);
	ck_assert_uint_eq(server.sides[0].frames, FRAMES);
	ck_assert_uint_eq(server.sides[0].closes, 1);
}
END_TEST

START_TEST(ends_race_with_everything)
{
	static struct server server;
	struct loop *loop = loop_new();
	struct rng r;

	rng_init(&r, (uint64_t)_i);
	server_start(&server, "inproc:race");
	for (int i = 0; i < 60; i++) {
		struct side client = {0};
		uint64_t n = 0;

		client.s = stream_connect(loop, "inproc:race", &side_handlers, &client);
		send_frames(client.s, &n, (unsigned)rng_below(&r, 50), rng_below(&r, 3000));
		for (uint64_t k = rng_below(&r, 4); k > 0; k--)
			loop_run_once(loop, rng_chance(&r, 1, 2) ? 0 : 1);
		switch (rng_below(&r, 3)) {
		case 0:
			stream_close(client.s);
			turn_until(loop, &client.closes, 1);
			break;
		case 1:
			stream_abort(client.s);
			turn_until(loop, &client.closes, 1);
			break;
		default:
			stream_free(&client.s);
			break;
		}
	}
	if (_i % 2) {
		/* The server goes first, with a client still there. */
		struct side client = {0};

		client.s = stream_connect(loop, "inproc:race", &side_handlers, &client);
		turns(loop, 1);
		server_stop(&server);
		turn_until(loop, &client.closes, 1);
	} else {
		server_stop(&server);
	}
	loop_free(&loop);
	for (unsigned i = 0; i < server.n; i++)
		ck_assert_uint_eq(server.sides[i].closes, 1);
}
END_TEST

static void *connect_main(void *arg)
{
	struct loop *loop = loop_new();
	struct side client = {0};
	uint64_t n = 0;

	client.s = stream_connect(loop, "inproc:many", &side_handlers, &client);
	send_frames(client.s, &n, 500, 100);
	turn_until(loop, &client.frames, 500);
	loop_free(&loop);
	return arg;
}

START_TEST(many_threads_connect)
{
	static struct server server;
	pthread_t t[8];

	server_start(&server, "inproc:many");
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(thread_start(&t[i], "client", connect_main, NULL), 0);
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	server_stop(&server);
	ck_assert_uint_eq(server.n, 8);
}
END_TEST

TCase *tcase_threads(void)
{
	TCase *tc = tcase_create("threads");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, two_loops_echo);
	tcase_add_loop_test(tc, ends_race_with_everything, 0, 6);
	tcase_add_test(tc, many_threads_connect);
	return tc;
}
