/* Turns, timers, wakes, signals, hooks, a loop inside another, reconnect. */
#include "check_loop.h"

#include "base/clock.h"
#include "base/thread.h"
#include "loop/reconnect.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

static unsigned fired;

static void count_timer(struct timer *t, void *arg)
{
	(void)t;
	(void)arg;
	fired++;
}

START_TEST(timers_fire_once_or_again)
{
	struct loop *loop = loop_new();
	struct timer *once = timer_new(loop, count_timer, NULL);
	struct timer *again = timer_new(loop, count_timer, NULL);
	uint64_t from = clock_mono_us();

	timer_start(once, 20, 0);
	ck_assert(timer_is_active(once));
	turn_until(loop, &fired, 1);
	ck_assert_uint_ge(clock_mono_us() - from, 19000);
	ck_assert(!timer_is_active(once));
	timer_start(again, 1, 1);
	turn_until(loop, &fired, 5);
	timer_stop(again);
	fired = 0;
	turns(loop, 5);
	ck_assert_uint_eq(fired, 0);
	timer_free(&once);
	ck_assert_ptr_null(once);
	timer_free(&once);
	loop_free(&loop);
	(void)again; /* freed with the loop */
}
END_TEST

static void free_timer(struct timer *t, void *arg)
{
	struct timer **other = arg;

	fired++;
	timer_free(&t);
	timer_free(other);
}

START_TEST(timers_may_be_freed_by_timers)
{
	struct loop *loop = loop_new();
	struct timer *b = timer_new(loop, count_timer, NULL);
	struct timer *a = timer_new(loop, free_timer, &b);

	timer_start(a, 1, 1);
	timer_start(b, 1, 1);
	usleep(5000);
	turns(loop, 10);
	ck_assert_uint_le(fired, 2);
	ck_assert_ptr_null(b);
	loop_free(&loop);
}
END_TEST

START_TEST(a_turn_waits_no_longer_than_asked)
{
	struct loop *loop = loop_new();
	uint64_t from = clock_mono_us();

	ck_assert(loop_run_once(loop, 30));
	ck_assert_uint_ge(clock_mono_us() - from, 29000);
	from = clock_mono_us();
	ck_assert(loop_run_once(loop, 0));
	ck_assert_uint_lt(clock_mono_us() - from, 20000);
	ck_assert_int_eq(loop_timeout_ms(loop), -1);
	loop_free(&loop);
}
END_TEST

static void stop_loop(struct timer *t, void *arg)
{
	(void)t;
	loop_stop(arg);
}

START_TEST(a_stopped_loop_returns)
{
	struct loop *loop = loop_new();
	struct timer *t = timer_new(loop, stop_loop, loop);

	timer_start(t, 5, 0);
	loop_run(loop);
	timer_start(t, 5, 0);
	while (loop_run_once(loop, -1))
		continue;
	loop_stop(loop);
	loop_run(loop);
	loop_free(&loop);
}
END_TEST

static void count_wake(struct wake *w, void *arg)
{
	(void)w;
	(*(unsigned *)arg)++;
}

static void *send_wakes(void *arg)
{
	for (int i = 0; i < 1000; i++)
		wake_send(arg);
	return NULL;
}

START_TEST(wakes_come_from_threads_and_coalesce)
{
	struct loop *loop = loop_new();
	unsigned woken = 0;
	struct wake *w = wake_new(loop, count_wake, &woken);
	pthread_t t;

	for (int i = 0; i < 100; i++)
		wake_send(w);
	turn_until(loop, &woken, 1);
	turns(loop, 2);
	ck_assert_uint_eq(woken, 1);
	ck_assert_int_eq(thread_start(&t, "sender", send_wakes, w), 0);
	turn_until(loop, &woken, 2);
	pthread_join(t, NULL);
	wake_free(&w);
	loop_free(&loop);
}
END_TEST

static void count_signal(struct signal_watch *w, int signum, void *arg)
{
	(void)w;
	ck_assert_int_eq(signum, SIGUSR1);
	(*(unsigned *)arg)++;
}

START_TEST(signals_are_watched)
{
	struct loop *loop = loop_new();
	unsigned seen = 0;
	struct signal_watch *w = signal_watch_new(loop, SIGUSR1, count_signal, &seen);

	raise(SIGUSR1);
	turn_until(loop, &seen, 1);
	signal_watch_free(&w);
	ck_assert_ptr_null(signal_watch_new(loop, SIGKILL, count_signal, &seen));
	loop_free(&loop);
}
END_TEST

static int watched_fd;

static void read_fd(struct fd_watch *w, void *arg)
{
	char c;

	(void)w;
	ck_assert_int_eq(read(watched_fd, &c, 1), 1);
	(*(unsigned *)arg)++;
}

START_TEST(descriptors_are_watched)
{
	struct loop *loop = loop_new();
	struct fd_watch *w;
	unsigned seen = 0;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	watched_fd = fds[0];
	w = fd_watch_new(loop, fds[0], read_fd, &seen);
	ck_assert_int_eq(write(fds[1], "ab", 2), 2);
	turn_until(loop, &seen, 2);
	fd_watch_pause(w);
	ck_assert_int_eq(write(fds[1], "c", 1), 1);
	turns(loop, 3);
	ck_assert_uint_eq(seen, 2);
	fd_watch_resume(w);
	turn_until(loop, &seen, 3);
	fd_watch_free(&w);
	close(fds[0]);
	close(fds[1]);
	loop_free(&loop);
}
END_TEST

struct hooked {
	struct loop *loop;
	unsigned runs;
	unsigned again;
};

static void hook(void *arg)
{
	struct hooked *h = arg;

	h->runs++;
	if (h->again > 0) {
		h->again--;
		loop_again(h->loop);
	}
}

static void hook_leaves(void *arg)
{
	struct hooked *h = arg;

	h->runs++;
	loop_off_idle(h->loop, hook_leaves, h);
}

START_TEST(hooks_run_each_turn_until_removed)
{
	struct loop *loop = loop_new();
	struct hooked a = {.loop = loop}, b = {.loop = loop};
	uint64_t from;

	ck_assert(loop_on_idle(loop, hook, &a));
	ck_assert(loop_on_idle(loop, hook_leaves, &b));
	turns(loop, 3);
	ck_assert_uint_ge(a.runs, 3);
	ck_assert_uint_eq(b.runs, 1);
	a.again = 1;
	from = clock_mono_us();
	loop_run_once(loop, 3000);
	ck_assert_uint_lt(clock_mono_us() - from, 2000000);
	loop_off_idle(loop, hook, &a);
	a.runs = 0;
	turns(loop, 2);
	ck_assert_uint_eq(a.runs, 0);
	loop_free(&loop);
}
END_TEST

START_TEST(a_loop_fits_inside_another)
{
	struct wires w;
	uint64_t seq = 0, give_up = clock_mono_us() + 10 * US_PER_S;

	wires_listen(&w, OVER_UNIX);
	wires_connect(&w);
	send_frames(w.client.s, &seq, 10, 100);
	while (w.server.frames < 10) {
		struct pollfd p = {.fd = loop_poll_fd(w.loop), .events = POLLIN};

		ck_assert_uint_lt(clock_mono_us(), give_up);
		ck_assert_int_ge(poll(&p, 1, loop_timeout_ms(w.loop)), 0);
		loop_run_once(w.loop, 0);
	}
	wires_down(&w);
}
END_TEST

START_TEST(delays_double_up_to_a_maximum)
{
	struct reconnect r;
	uint64_t step = 100, seen_low = 0;

	reconnect_init(&r, 100, 1000, 7);
	for (int i = 0; i < 50; i++) {
		uint64_t ms = reconnect_next_ms(&r);

		ck_assert_uint_ge(ms, step / 2);
		ck_assert_uint_le(ms, step);
		seen_low += ms < 700;
		step = step * 2 < 1000 ? step * 2 : 1000;
	}
	ck_assert_uint_gt(seen_low, 5);
	reconnect_reset(&r);
	ck_assert_uint_le(reconnect_next_ms(&r), 100);
	reconnect_init(&r, 0, 0, 7);
	ck_assert_uint_le(reconnect_next_ms(&r), 50);
	reconnect_limit(&r, 200);
	for (int i = 0; i < 20; i++)
		ck_assert_uint_le(reconnect_next_ms(&r), 200);
	reconnect_limit(&r, 1000);
	ck_assert_uint_le(reconnect_next_ms(&r), 200);
}
END_TEST

TCase *tcase_loop(void)
{
	TCase *tc = tcase_create("loop");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, timers_fire_once_or_again);
	tcase_add_test(tc, timers_may_be_freed_by_timers);
	tcase_add_test(tc, a_turn_waits_no_longer_than_asked);
	tcase_add_test(tc, a_stopped_loop_returns);
	tcase_add_test(tc, wakes_come_from_threads_and_coalesce);
	tcase_add_test(tc, signals_are_watched);
	tcase_add_test(tc, descriptors_are_watched);
	tcase_add_test(tc, hooks_run_each_turn_until_removed);
	tcase_add_test(tc, a_loop_fits_inside_another);
	tcase_add_test(tc, delays_double_up_to_a_maximum);
	return tc;
}
