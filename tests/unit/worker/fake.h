/*
 * A scheduler that the test plays: it admits one worker after the other, leases what the test says,
 * and keeps what it hears.
 */
#ifndef TEST_WORKER_FAKE_H
#define TEST_WORKER_FAKE_H

#include "base/buf.h"
#include "loop/loop.h"
#include "loop/stream.h"
#include "model/row.h"
#include "wire/wire.h"
#include "worker/worker.h"

#include <stdbool.h>

#define FAKE_REPORTS 4096

struct fake_report {
	uint64_t id;
	struct fence fence;
	struct outcome outcome; /* slices into bytes */
	uint8_t *bytes;
};

struct fake {
	struct loop *loop;
	struct listener *listener;
	struct stream *stream; /* of the worker that came last */
	uint64_t ttl_ms;
	bool no_ack;     /* reports are not acknowledged */
	int refuse_join; /* a code: JOIN is refused */

	unsigned joins, leaves, lost;
	uint64_t credit;
	char name[256];
	char address[256]; /* of the worker's data */
	uint32_t nrunning, ncopies;
	struct fenced running[64];
	struct copy copies[64];
	unsigned nstarted, nreports, nmissing, ngiven_back, nframes; /* nframes: REPORT frames */
	uint64_t last_report_seq;
	struct fenced started[FAKE_REPORTS];
	struct fake_report reports[FAKE_REPORTS];
	struct copy missing[64];
	struct fenced given_back[64]; /* with them */
	uint64_t epoch, next_seq;
	uint8_t key[WIRE_TICKET_BYTES];
};

void fake_start(struct fake *f, struct loop *loop, const char *address);
void fake_end(struct fake *f);
/* Turns of the loop until the expression holds; the test fails after 40 s. */
#define fake_until(f, cond)                                                                        \
	do {                                                                                       \
		uint64_t until_us = loop_now_us((f)->loop) + 40000000;                             \
		while (!(cond)) {                                                                  \
			ck_assert_msg(                                                             \
				loop_now_us((f)->loop) < until_us, "waited too long: %s", #cond);  \
			loop_run_once((f)->loop, 10);                                              \
		}                                                                                  \
	} while (0)
void fake_run_ms(struct fake *f, unsigned ms);

/* A func task: one LEASE frame with one entry. args is msgpack, empty: nil. Returns its fence. */
struct fence fake_func(struct fake *f, uint64_t id, const char *function, struct slice args);
struct fence fake_func_inputs(struct fake *f, uint64_t id, const char *function, struct slice args,
	const struct lease_input *inputs, uint32_t n);
/* An exec task. Words NULL-ended; env pairs, cwd, input may be NULL. */
struct fake_exec {
	const char *const *argv;
	const char *const *env;
	const char *cwd;
	struct slice input;
	const struct lease_input *inputs;
	uint32_t ninputs;
	struct slice words; /* instead of argv: msgpack array */
};
struct fence fake_exec(struct fake *f, uint64_t id, const struct fake_exec *e);
/* A whole LEASE of n noop tasks, ids from first. */
void fake_many(struct fake *f, uint64_t first, uint32_t n, const char *function);
void fake_item(struct fake *f, struct lease_item *item, const struct lease_input *inputs,
	struct fence *fence);
void fake_stop(struct fake *f, uint64_t id, struct fence fence);
void fake_revoke(struct fake *f, uint64_t id, struct fence fence);
void fake_free_value(struct fake *f, uint64_t id, uint32_t generation);

/* The report of a task; waits for it. */
const struct fake_report *fake_report(struct fake *f, uint64_t id);
/* The value's bytes of a report, when inline. */
#define ck_assert_value(r, text)                                                                   \
	do {                                                                                       \
		ck_assert_msg((r)->outcome.state == TASK_DONE, "state %d: %.*s",                   \
			(int)(r)->outcome.state, (int)(r)->outcome.message.n,                      \
			(const char *)(r)->outcome.message.p);                                     \
		ck_assert((r)->outcome.is_inline);                                                 \
		ck_assert_msg(slice_eq_str((r)->outcome.bytes, text), "%.*s",                      \
			(int)(r)->outcome.bytes.n, (const char *)(r)->outcome.bytes.p);            \
	} while (0)
/* Failed for this cause, with a message that contains the text. */
void ck_assert_failed(const struct fake_report *r, enum cause cause, const char *text);

/* A worker at the fake: made in a directory of its own below /tmp, which test_done removes. */
extern char test_dir[64];
void test_begin(void);
void test_done(void);
struct worker *test_worker(
	struct fake *f, const char *name, enum worker_isolation isolation, unsigned slots);
extern int test_end_code; /* of the last on_end; -1: none */
const char *test_module(void);
const char *test_helper(void);

#endif
