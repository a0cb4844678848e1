/* Addresses, listening, connections that cannot be made. */
#include "check_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SIXTY_CHARACTERS "123456789012345678901234567890123456789012345678901234567890"

static struct wires w;

START_TEST(addresses_are_judged)
{
	static const char *const good[] = {"unix:/x", "unix:relative", "tcp://h:1",
		"tcp://[::1]:65535", "tcp://1.2.3.4:0", "inproc:x"};
	static const char *const bad[] = {"", "x", "unix:", "tcp://", "tcp://h",
		"tcp://h:", "tcp://:1", "tcp://h:65536", "tcp://h:x", "tcp://[::1]1", "tcp://[::1",
		"inproc:", "http://h:1", "unix:/" SIXTY_CHARACTERS SIXTY_CHARACTERS};
	struct loop *loop = loop_new();

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(stream_address_is_valid(good[i]), "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char why[200] = "";

		ck_assert_msg(!stream_address_is_valid(bad[i]), "%s", bad[i]);
		ck_assert_ptr_null(stream_connect(loop, bad[i], &side_handlers, NULL));
		ck_assert_int_eq(errno, EINVAL);
		ck_assert_ptr_null(listener_new(loop, bad[i], NULL, NULL, why, sizeof(why)));
		ck_assert_int_eq(errno, EINVAL);
		ck_assert_uint_gt(strlen(why), 0);
	}
	loop_free(&loop);
}
END_TEST

START_TEST(nobody_there)
{
	static const struct {
		const char *address;
		int err;
	} cases[] = {
		{"unix:/tmp/dq-unit-no-such-dir/s", ENOENT},
		{"tcp://127.0.0.1:1", ECONNREFUSED},
		{"tcp://no-such-host.invalid:1", EHOSTUNREACH},
		{"inproc:no-such-name", ECONNREFUSED},
	};
	struct loop *loop = loop_new();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct side side = {0};

		side.s = stream_connect(loop, cases[i].address, &side_handlers, &side);
		ck_assert_ptr_nonnull(side.s);
		ck_assert_uint_eq(side.closes, 0);
		frame_append(stream_buf(side.s), 1, 0, 0, slice_empty());
		turn_until(loop, &side.closes, 1);
		ck_assert_uint_eq(side.opens, 0);
		ck_assert_int_eq(side.err, cases[i].err);
	}
	loop_free(&loop);
}
END_TEST

START_TEST(port_0_becomes_a_port)
{
	unsigned port = 0;

	wires_up(&w, OVER_TCP);
	ck_assert_int_eq(sscanf(listener_address(w.listener), "tcp://127.0.0.1:%u", &port), 1);
	ck_assert_uint_gt(port, 0);
	wires_down(&w);
}
END_TEST

START_TEST(a_host_name_tries_all_its_addresses)
{
	struct side side = {0};
	char address[60], *port;

	wires_listen(&w, OVER_TCP);
	port = strrchr(listener_address(w.listener), ':');
	snprintf(address, sizeof(address), "tcp://localhost%s", port);
	side.s = stream_connect(w.loop, address, &side_handlers, &side);
	turn_until(w.loop, &side.opens, 1);
	wires_down(&w);
}
END_TEST

START_TEST(an_answered_address_is_in_use)
{
	char why[300] = "";

	wires_up(&w, _i);
	ck_assert_ptr_null(
		listener_new(w.loop, listener_address(w.listener), NULL, NULL, why, sizeof(why)));
	ck_assert_int_eq(errno, EADDRINUSE);
	ck_assert_ptr_nonnull(strstr(why, listener_address(w.listener)));
	wires_down(&w);
}
END_TEST

START_TEST(a_dead_socket_file_is_replaced)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	char dir[] = "/tmp/dq-unit-stale-XXXXXX", address[120], why[200];
	struct loop *loop = loop_new();
	struct listener *l;
	struct stat st;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/s", dir);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	close(fd);
	snprintf(address, sizeof(address), "unix:%s", sa.sun_path);
	l = listener_new(loop, address, NULL, NULL, why, sizeof(why));
	ck_assert_ptr_nonnull(l);
	ck_assert_int_eq(stat(sa.sun_path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert(listener_allow_group(l, getegid()));
	ck_assert_int_eq(stat(sa.sun_path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0660);
	/* Another's file in its place is not removed. */
	ck_assert_int_eq(unlink(sa.sun_path), 0);
	fd = open(sa.sun_path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	listener_free(&l);
	ck_assert_int_eq(access(sa.sun_path, F_OK), 0);
	/* And a file that is no socket is not replaced. */
	ck_assert_ptr_null(listener_new(loop, address, NULL, NULL, why, sizeof(why)));
	ck_assert_int_eq(errno, EEXIST);
	unlink(sa.sun_path);
	rmdir(dir);
	loop_free(&loop);
}
END_TEST

START_TEST(the_directory_is_made_private)
{
	const char *address;
	char path[200];
	struct stat st;

	wires_listen(&w, OVER_UNIX);
	address = listener_address(w.listener);
	snprintf(path, sizeof(path), "%s", address + 5);
	*strrchr(path, '/') = '\0';
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	wires_down(&w);
}
END_TEST

static void never(struct listener *l, struct stream *s, void *arg)
{
	(void)l;
	(void)s;
	(void)arg;
	ck_abort_msg("a paused listener accepted");
}

static void free_listener(struct listener *l, struct stream *s, void *arg)
{
	struct listener **where = arg;

	(void)s;
	ck_assert_ptr_eq(*where, l);
	listener_free(where);
}

START_TEST(a_listener_pauses)
{
	struct loop *loop = loop_new();
	struct side side = {0};
	struct listener *l;
	char address[300];

	snprintf(address, sizeof(address), "%s", fresh_address(_i));
	l = listener_new(loop, address, never, NULL, NULL, 0);
	ck_assert_ptr_nonnull(l);
	listener_pause(l);
	side.s = stream_connect(loop, listener_address(l), &side_handlers, &side);
	turns(loop, 3);
	listener_free(&l);
	turn_until(loop, &side.closes, 1);
	loop_free(&loop);
	remove_directory_of(address);
}
END_TEST

START_TEST(a_listener_may_be_freed_when_it_accepts)
{
	struct loop *loop = loop_new();
	struct side sides[3] = {{0}};
	struct listener *l = NULL;
	char address[300];

	snprintf(address, sizeof(address), "%s", fresh_address(_i));
	l = listener_new(loop, address, free_listener, &l, NULL, 0);
	ck_assert_ptr_nonnull(l);
	for (int i = 0; i < 3; i++)
		sides[i].s = stream_connect(loop, listener_address(l), &side_handlers, &sides[i]);
	for (int i = 0; i < 3; i++)
		turn_until(loop, &sides[i].closes, 1);
	ck_assert_ptr_null(l);
	loop_free(&loop);
	remove_directory_of(address);
}
END_TEST

TCase *tcase_address(void)
{
	TCase *tc = tcase_create("address");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, addresses_are_judged);
	tcase_add_test(tc, nobody_there);
	tcase_add_test(tc, port_0_becomes_a_port);
	tcase_add_test(tc, a_host_name_tries_all_its_addresses);
	tcase_add_loop_test(tc, an_answered_address_is_in_use, 0, TRANSPORTS);
	tcase_add_test(tc, a_dead_socket_file_is_replaced);
	tcase_add_test(tc, the_directory_is_made_private);
	tcase_add_loop_test(tc, a_listener_pauses, 0, TRANSPORTS);
	tcase_add_loop_test(tc, a_listener_may_be_freed_when_it_accepts, 0, TRANSPORTS);
	return tc;
}
