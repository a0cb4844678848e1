/*
 * Held results: found again after a restart, served, and fetched by another worker.
 */
#include "check_worker.h"
#include "fake.h"

#include "base/hash.h"
#include "codec/frame.h"
#include "loop/stream.h"
#include "model/limits.h"
#include "worker/results.h"

#include <dq/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct fake fake, fake2;
static struct loop *loop;
static struct worker *worker, *worker2;

#define WORDS(...)                                                                                 \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

static void begin(enum worker_isolation isolation)
{
	test_begin();
	loop = loop_new();
	fake_start(&fake, loop, "inproc:test");
	fake_start(&fake2, loop, "inproc:test2");
	worker = test_worker(&fake, "w", isolation, 1);
}

static void end(void)
{
	worker_free(&worker);
	worker_free(&worker2);
	fake_end(&fake);
	fake_end(&fake2);
	loop_free(&loop);
	test_done();
}

START_TEST(files_are_offered_again)
{
	struct fake_exec e = {.argv = WORDS("seq", "10000")};
	const struct fake_report *r;
	uint64_t checksum;
	char command[256];

	begin(WORKER_THREAD);
	fake_exec(&fake, 3, &e);
	r = fake_report(&fake, 3);
	checksum = r->outcome.checksum;
	worker_free(&worker);
	snprintf(command, sizeof(command), "echo half >%s/w/results/4.1.x.part", test_dir);
	ck_assert_int_eq(system(command), 0);
	worker = test_worker(&fake, "w", WORKER_THREAD, 1);
	ck_assert_uint_eq(fake.ncopies, 1);
	ck_assert_uint_eq(fake.copies[0].id, 3);
	ck_assert_uint_eq(fake.copies[0].generation, 1);
	ck_assert_uint_eq(fake.copies[0].checksum, checksum);
	ck_assert_uint_eq(fake.copies[0].size, r->outcome.size);
	snprintf(command, sizeof(command), "test ! -e %s/w/results/4.1.x.part", test_dir);
	ck_assert_int_eq(system(command), 0);
	end();
}
END_TEST

/* The report's value as an input that the first worker has. */
static void held_input(
	struct lease_input *in, const struct fake_report *r, struct buf *where, const char *address)
{
	uint8_t ticket[WIRE_TICKET_BYTES];

	wire_ticket(ticket, slice_of(fake.key, sizeof(fake.key)), r->id, 1, r->outcome.checksum);
	buf_append_byte(where, 0x91);
	where_write(where, slice_str(address), slice_of(ticket, sizeof(ticket)));
	*in = (struct lease_input){.id = r->id,
		.generation = 1,
		.type = slice_str("bytes"),
		.size = r->outcome.size,
		.checksum = r->outcome.checksum,
		.where = buf_slice(where)};
}

START_TEST(fetches_from_another)
{
	struct lease_input in[2];
	struct buf where;
	const struct fake_report *r, *joined;

	begin(_i ? WORKER_PROCESS : WORKER_THREAD);
	worker2 = test_worker(&fake2, "w2", _i ? WORKER_PROCESS : WORKER_THREAD, 1);
	fake_func(&fake, 1, "big", slice_empty());
	r = fake_report(&fake, 1);
	buf_init(&where, 4096);
	held_input(&in[0], r, &where, fake.address);
	in[1] = in[0];
	fake_func_inputs(&fake2, 2, "join", slice_empty(), in, 2);
	joined = fake_report(&fake2, 2);
	ck_assert_int_eq(joined->outcome.state, TASK_DONE);
	ck_assert_uint_eq(joined->outcome.size, 200000);
	/* Kept: the first worker is not needed any more. */
	worker_free(&worker);
	fake_func_inputs(&fake2, 3, "join", slice_empty(), in, 1);
	joined = fake_report(&fake2, 3);
	ck_assert_uint_eq(joined->outcome.checksum, r->outcome.checksum);
	buf_release(&where);
	end();
}
END_TEST

START_TEST(a_large_output_travels)
{
	struct fake_exec e = {.argv = WORDS("head", "-c", "68000000", "/dev/urandom")};
	struct lease_input in;
	struct buf where;
	const struct fake_report *r, *joined;

	begin(WORKER_THREAD);
	worker2 = test_worker(&fake2, "w2", WORKER_THREAD, 1);
	fake_exec(&fake, 1, &e);
	r = fake_report(&fake, 1);
	ck_assert_int_eq(r->outcome.state, TASK_DONE);
	buf_init(&where, 4096);
	held_input(&in, r, &where, fake.address);
	fake_func_inputs(&fake2, 2, "join", slice_empty(), &in, 1);
	joined = fake_report(&fake2, 2);
	ck_assert_int_eq(joined->outcome.state, TASK_DONE);
	ck_assert_uint_eq(joined->outcome.checksum, r->outcome.checksum);
	buf_release(&where);
	end();
}
END_TEST

START_TEST(what_cannot_be_had_is_missing)
{
	struct lease_input in[2];
	struct buf where, nowhere;
	const struct fake_report *r;

	begin(WORKER_THREAD);
	worker2 = test_worker(&fake2, "w2", WORKER_THREAD, 1);
	fake_func(&fake, 1, "big", slice_empty());
	r = fake_report(&fake, 1);
	buf_init(&where, 4096);
	buf_init(&nowhere, 4096);
	held_input(&in[0], r, &where, fake.address);
	held_input(&in[1], r, &nowhere, "unix:/no/such/socket");
	in[1].checksum++;
	fake_func_inputs(&fake2, 2, "join", slice_empty(), in, 2);
	fake_until(&fake2, fake2.nmissing == 1);
	ck_assert_uint_eq(fake2.missing[0].id, 1);
	ck_assert_uint_eq(fake2.missing[0].generation, 1);
	ck_assert_uint_eq(fake2.ngiven_back, 1);
	ck_assert_uint_eq(fake2.given_back[0].id, 2);
	/* A bad ticket opens nothing. */
	in[0].checksum++;
	in[0].generation = 2;
	fake_func_inputs(&fake2, 3, "join", slice_empty(), in, 1);
	fake_until(&fake2, fake2.nmissing == 2);
	/* The lease is forgotten; the worker goes on. */
	ck_assert_uint_eq(fake2.nreports, 0);
	fake_func(&fake2, 4, "noop", slice_empty());
	ck_assert_value(fake_report(&fake2, 4), "\xc0");
	buf_release(&where);
	buf_release(&nowhere);
	end();
}
END_TEST

START_TEST(past_the_budget_are_files)
{
	struct results r;
	struct blob *b;
	char *bytes;

	test_begin();
	ck_assert(results_init(&r, test_dir, 10000));
	for (unsigned i = 0; i < 3; i++) {
		bytes = malloc(6000);
		memset(bytes, (int)('a' + i), 6000);
		b = blob_of_heap(bytes, 6000);
		b->checksum = hash64(slice_of(bytes, 6000));
		b = results_save(&r, 1, i, b);
		ck_assert_ptr_nonnull(b);
		ck_assert(blob_is_file(b) == (i > 0));
		results_put(&r, 1, i, b);
	}
	ck_assert_uint_eq(r.memory_bytes, 6000);
	ck_assert_uint_eq(r.count, 3);
	results_drop(&r, 1, 0);
	results_drop(&r, 1, 1);
	ck_assert_uint_eq(r.memory_bytes, 0);
	ck_assert_ptr_null(results_find(&r, 1, 1));
	results_release(&r);
	ck_assert(results_init(&r, test_dir, 10000));
	ck_assert_uint_eq(r.count, 1);
	ck_assert_ptr_nonnull(results_find(&r, 1, 2));
	results_release(&r);
	test_done();
}
END_TEST

/* What a stranger that asks in a way nobody understands is told. */
struct stranger {
	uint64_t code;
	char text[80];
	bool closed;
};

static void stranger_hears(struct stream *s, const struct frame *f, void *arg)
{
	struct stranger *x = arg;
	struct msg_refuse m;
	const char *why;

	(void)s;
	ck_assert_int_eq(f->type, MSG_REFUSE);
	ck_assert(msg_refuse_decode(f->payload, &m, &why));
	x->code = m.code;
	snprintf(x->text, sizeof(x->text), "%" SLICE_FMT, SLICE_ARG(m.text));
}

static void stranger_leaves(struct stream *s, const char *reason, int err, void *arg)
{
	(void)s;
	(void)reason;
	(void)err;
	((struct stranger *)arg)->closed = true;
}

static void stranger_sends(const void *p, size_t n, uint64_t code, const char *text)
{
	static const struct stream_handlers h = {
		.on_frame = stranger_hears, .on_close = stranger_leaves};
	struct stranger x = {0};
	struct stream *s = stream_connect(loop, fake.address, &h, &x);

	ck_assert_ptr_nonnull(s);
	buf_append(stream_buf(s), p, n);
	for (int i = 0; i < 1000 && !x.closed; i++)
		loop_run_once(loop, 10);
	ck_assert(x.closed);
	ck_assert_uint_eq(x.code, code);
	ck_assert_str_eq(x.text, text);
}

START_TEST(strangers_are_told_why)
{
	uint8_t header[FRAME_HEADER_BYTES];

	begin(WORKER_THREAD);
	stranger_sends("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27, DQ_E_PROTOCOL,
		"not a frame: its reserved bytes are not zero");
	frame_header(header, 4097, MSG_FETCH, 0, 0);
	stranger_sends(header, sizeof(header), DQ_E_LIMIT, LIMIT_TEXT(HELLO_BYTES));
	frame_header(header, 0, MSG_OPEN, 0, 0);
	stranger_sends(header, sizeof(header), DQ_E_PROTOCOL, "not a fetch");
	end();
}
END_TEST

TCase *data_tests(void)
{
	TCase *t = tcase_create("data");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, files_are_offered_again);
	tcase_add_loop_test(t, fetches_from_another, 0, 2);
	tcase_add_test(t, a_large_output_travels);
	tcase_add_test(t, what_cannot_be_had_is_missing);
	tcase_add_test(t, strangers_are_told_why);
	tcase_add_test(t, past_the_budget_are_files);
	return t;
}
