/*
 * The event loop: timers, wake-ups from other threads, signals, hooks at the end of each turn. With
 * stream.h and child.h it is the only place that knows libuv.
 *
 * One thread runs a loop and owns everything made on it; only wake_send() may be called from
 * elsewhere. Callbacks run inside loop_run() and loop_run_once() alone, never inside another call.
 * *_free may be called in any callback, that of the object itself included; after it no callback of
 * the object runs.
 *
 * A turn: expired timers; ready I/O (streams, wakes, children, signals); then the idle hooks, in
 * the order in which they were added; then all streams with gathered frames are flushed. Hooks and
 * flush also run after timers, before the loop blocks.
 *
 * The loop starts no thread and installs no signal handler, except for signal_watch_new().
 */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;

/* NULL: out of memory or of descriptors (errno). */
struct loop *loop_new(void);
/*
 * Ends what still lives on the loop: streams get on_close (unless freed before), timers and the
 * rest are freed. Pointers to them are dangling after. Not inside a callback.
 */
void loop_free(struct loop **loop);

/* Runs turns until loop_stop(). */
void loop_run(struct loop *loop);
/*
 * One turn: waits at most timeout_ms for something to happen (-1: for ever, 0: not at all), handles
 * all that is ready, returns. False after loop_stop() was called during it.
 */
bool loop_run_once(struct loop *loop, int timeout_ms);
/* Makes loop_run return after the current turn. From the loop's thread. */
void loop_stop(struct loop *loop);

/*
 * For a loop inside another one: poll this descriptor for reading, at most loop_timeout_ms() (-1:
 * for ever), then call loop_run_once(loop, 0). Ask for the timeout again after any call on the
 * loop's objects.
 */
int loop_poll_fd(struct loop *loop);
int loop_timeout_ms(struct loop *loop);

/* CLOCK_MONOTONIC now, not that of the turn's start. */
uint64_t loop_now_us(const struct loop *loop);

/*
 * A hook for the end of each turn: cheap when there is nothing to do. Lasts as long as the loop, or
 * until removed.
 */
typedef void loop_hook_fn(void *arg);
bool loop_on_idle(struct loop *loop, loop_hook_fn *fn, void *arg)
	__attribute__((warn_unused_result));
void loop_off_idle(struct loop *loop, loop_hook_fn *fn, void *arg);
/* Makes the next wait return at once: a hook that has more to do than it wants to do now. */
void loop_again(struct loop *loop);

/* --- Timers -------------------------------------------------------------------------------- */

struct timer;
typedef void timer_fn(struct timer *timer, void *arg);

/* NULL: out of memory. */
struct timer *timer_new(struct loop *loop, timer_fn *fn, void *arg);
/*
 * Fires after delay_ms, then every repeat_ms unless that is 0. Started again, it forgets the older
 * time.
 */
void timer_start(struct timer *timer, uint64_t delay_ms, uint64_t repeat_ms);
void timer_stop(struct timer *timer);
bool timer_is_active(const struct timer *timer);
void timer_free(struct timer **timer);

/* --- Wake-ups ------------------------------------------------------------------------------ */

struct wake;
typedef void wake_fn(struct wake *wake, void *arg);

struct wake *wake_new(struct loop *loop, wake_fn *fn, void *arg);
/*
 * Makes fn run on the loop's thread, once for any number of sends before it starts. From any thread
 * and from signal handlers. The wake must outlive the call: that fn ran does not mean that the
 * sender has left it, so free it under a lock that senders hold, or after joining them.
 */
void wake_send(struct wake *wake);
void wake_free(struct wake **wake);

/* --- Signals ------------------------------------------------------------------------------- */

struct signal_watch;
typedef void signal_watch_fn(struct signal_watch *watch, int signum, void *arg);

/* For daemons. NULL: the signal cannot be watched (errno). */
struct signal_watch *signal_watch_new(
	struct loop *loop, int signum, signal_watch_fn *fn, void *arg);
void signal_watch_free(struct signal_watch **watch);

/* --- Descriptors of others ----------------------------------------------------------------- */

struct fd_watch;
typedef void fd_watch_fn(struct fd_watch *watch, void *arg);

/*
 * Calls fn while fd is readable (or hung up): for pipes that are no streams. The caller keeps and
 * closes the fd.
 */
struct fd_watch *fd_watch_new(struct loop *loop, int fd, fd_watch_fn *fn, void *arg);
void fd_watch_pause(struct fd_watch *watch);
void fd_watch_resume(struct fd_watch *watch);
void fd_watch_free(struct fd_watch **watch);

#endif
