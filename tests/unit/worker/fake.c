#include "fake.h"

#include "base/alloc.h"
#include "base/str.h"
#include "codec/pack.h"
#include "model/limits.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char test_dir[64];
int test_end_code = -1;

/* --- What the worker says --------------------------------------------------------------------- */

static void handle_hello(struct fake *f)
{
	struct msg_challenge m = {.version = 1, .method = METHOD_PEER};

	msg_challenge_encode(stream_buf(f->stream), 0, &m);
}

static void handle_prove(struct fake *f)
{
	struct msg_admit m = {.version = 1, .epoch = f->epoch, .agent = slice_str("test")};

	msg_admit_encode(stream_buf(f->stream), 0, &m);
}

static void handle_join(struct fake *f, struct slice payload)
{
	struct msg_joined joined = {.worker = 1,
		.lease_ttl_ms = f->ttl_ms,
		.ticket_key = slice_of(f->key, sizeof(f->key))};
	struct msg_join m;
	struct cursor c;
	const char *why;

	ck_assert_msg(msg_join_decode(payload, &m, &why), "%s", why);
	f->joins++;
	f->credit = 0;
	str_copy(f->name, sizeof(f->name), m.name);
	str_copy(f->address, sizeof(f->address), m.address);
	ck_assert(list_read_begin(&c, m.running, 64, &f->nrunning));
	for (uint32_t i = 0; i < f->nrunning; i++)
		ck_assert(fenced_read(&c, &f->running[i]));
	ck_assert(list_read_begin(&c, m.copies, 64, &f->ncopies));
	for (uint32_t i = 0; i < f->ncopies; i++)
		ck_assert(copy_read(&c, &f->copies[i]));
	if (f->refuse_join) {
		struct msg_refuse refuse = {
			.code = (uint64_t)f->refuse_join, .text = slice_str("no, thanks")};

		msg_refuse_encode(stream_buf(f->stream), 0, &refuse);
		stream_close(f->stream);
		return;
	}
	msg_joined_encode(stream_buf(f->stream), 0, &joined);
}

static void handle_report(struct fake *f, const struct frame *frame)
{
	struct msg_reported ack = {0};
	struct msg_report m;
	struct cursor c;
	const char *why;
	uint32_t n;

	f->nframes++;
	f->last_report_seq = frame->seq;
	ck_assert_msg(msg_report_decode(frame->payload, &m, &why), "%s", why);
	ck_assert(list_read_begin(&c, m.entries, UINT32_MAX, &n));
	for (uint32_t i = 0; i < n; i++) {
		struct fenced e;
		struct fake_report *r = &f->reports[f->nreports % FAKE_REPORTS];

		ck_assert(fenced_read(&c, &e));
		free(r->bytes);
		r->id = e.id;
		r->fence = e.fence;
		r->bytes = xmemdup(e.outcome.p, e.outcome.n);
		ck_assert_msg(outcome_decode(slice_of(r->bytes, e.outcome.n), &r->outcome, &why),
			"%s", why);
		f->nreports++;
	}
	if (!f->no_ack)
		msg_reported_encode(stream_buf(f->stream), frame->seq, &ack);
}

static void handle_started(struct fake *f, struct slice payload)
{
	struct msg_started m;
	struct cursor c;
	const char *why;
	uint32_t n;

	ck_assert_msg(msg_started_decode(payload, &m, &why), "%s", why);
	ck_assert(list_read_begin(&c, m.entries, FAKE_REPORTS, &n));
	for (uint32_t i = 0; i < n; i++)
		ck_assert(fenced_read(&c, &f->started[f->nstarted++ % FAKE_REPORTS]));
}

static void handle_missing(struct fake *f, struct slice payload)
{
	struct msg_missing m;
	struct cursor c;
	const char *why;
	uint32_t n;

	ck_assert_msg(msg_missing_decode(payload, &m, &why), "%s", why);
	ck_assert(list_read_begin(&c, m.entries, 64, &n));
	for (uint32_t i = 0; i < n; i++)
		ck_assert(copy_read(&c, &f->missing[f->nmissing++ % 64]));
	ck_assert(list_read_begin(&c, m.leases, 64, &n));
	for (uint32_t i = 0; i < n; i++)
		ck_assert(fenced_read(&c, &f->given_back[f->ngiven_back++ % 64]));
}

static void on_frame(struct stream *s, const struct frame *frame, void *arg)
{
	struct fake *f = arg;
	struct msg_credit credit;
	struct msg_ping ping;
	const char *why;

	ck_assert_ptr_eq(s, f->stream);
	switch (frame->type) {
	case MSG_HELLO:
		handle_hello(f);
		break;
	case MSG_PROVE:
		handle_prove(f);
		break;
	case MSG_JOIN:
		handle_join(f, frame->payload);
		break;
	case MSG_CREDIT:
		ck_assert(msg_credit_decode(frame->payload, &credit, &why));
		f->credit = credit.limit;
		break;
	case MSG_STARTED:
		handle_started(f, frame->payload);
		break;
	case MSG_REPORT:
		handle_report(f, frame);
		break;
	case MSG_MISSING:
		handle_missing(f, frame->payload);
		break;
	case MSG_LEAVE:
		f->leaves++;
		break;
	case MSG_PING: {
		struct msg_pong pong;

		ck_assert(msg_ping_decode(frame->payload, &ping, &why));
		pong.stamp = ping.stamp;
		msg_pong_encode(stream_buf(s), 0, &pong);
		break;
	}
	case MSG_PONG:
		break;
	default:
		ck_abort_msg("an unexpected %s", message_name(frame->type));
	}
}

static void on_close(struct stream *s, const char *reason, int err, void *arg)
{
	struct fake *f = arg;

	(void)reason;
	(void)err;
	f->lost++;
	if (f->stream == s)
		f->stream = NULL;
}

static const struct stream_handlers handlers = {.on_frame = on_frame, .on_close = on_close};

static void on_accept(struct listener *l, struct stream *s, void *arg)
{
	struct fake *f = arg;

	(void)l;
	f->stream = s;
	stream_set_handlers(s, &handlers, f);
}

void fake_start(struct fake *f, struct loop *loop, const char *address)
{
	char why[256];

	memset(f, 0, sizeof(*f));
	f->loop = loop;
	f->ttl_ms = 30000;
	f->epoch = 1000;
	f->next_seq = 1;
	memset(f->key, 7, sizeof(f->key));
	f->listener = listener_new(loop, address, on_accept, f, why, sizeof(why));
	ck_assert_msg(f->listener != NULL, "%s", why);
}

void fake_end(struct fake *f)
{
	stream_free(&f->stream);
	listener_free(&f->listener);
	for (unsigned i = 0; i < FAKE_REPORTS; i++)
		free(f->reports[i].bytes);
}

void fake_run_ms(struct fake *f, unsigned ms)
{
	uint64_t until = loop_now_us(f->loop) + ms * 1000ull;

	while (loop_now_us(f->loop) < until)
		loop_run_once(f->loop, 1);
}

/* --- What it says to the worker ------------------------------------------------------------- */

void fake_item(struct fake *f, struct lease_item *item, const struct lease_input *inputs,
	struct fence *fence)
{
	struct msg_lease m = {.epoch = f->epoch, .first_seq = f->next_seq};
	struct buf list;

	*fence = (struct fence){.epoch = f->epoch, .seq = f->next_seq++};
	buf_init(&list, LIMIT_FRAME_BYTES);
	pack_array(&list, 1);
	lease_item_write(&list, item, inputs);
	m.entries = buf_slice(&list);
	msg_lease_encode(stream_buf(f->stream), 0, &m);
	buf_release(&list);
}

static void func_spec(struct buf *spec, const char *function, struct slice args)
{
	pack_array(spec, 3);
	pack_u64(spec, 0);
	pack_cstr(spec, function);
	if (args.n)
		pack_raw(spec, args);
	else
		pack_nil(spec);
}

struct fence fake_func_inputs(struct fake *f, uint64_t id, const char *function, struct slice args,
	const struct lease_input *inputs, uint32_t n)
{
	struct lease_item item = {.id = id,
		.generation = 1,
		.attempt = 1,
		.element = -1,
		.key = slice_str("key"),
		.ninputs = n};
	struct fence fence;
	struct buf spec;

	buf_init(&spec, LIMIT_SPEC_BYTES);
	func_spec(&spec, function, args);
	item.spec = buf_slice(&spec);
	fake_item(f, &item, inputs, &fence);
	buf_release(&spec);
	return fence;
}

struct fence fake_func(struct fake *f, uint64_t id, const char *function, struct slice args)
{
	return fake_func_inputs(f, id, function, args, NULL, 0);
}

static void exec_spec(struct buf *spec, const struct fake_exec *e)
{
	uint32_t argc = 0, nenv = 0;

	while (e->argv && e->argv[argc])
		argc++;
	while (e->env && e->env[2 * nenv])
		nenv++;
	pack_array(spec, 5);
	pack_u64(spec, 1);
	if (e->words.n)
		pack_raw(spec, e->words);
	else
		pack_array(spec, argc);
	for (uint32_t i = 0; !e->words.n && i < argc; i++)
		pack_cstr(spec, e->argv[i]);
	pack_map(spec, nenv);
	for (uint32_t i = 0; i < 2 * nenv; i++)
		pack_cstr(spec, e->env[i]);
	if (e->cwd)
		pack_cstr(spec, e->cwd);
	else
		pack_nil(spec);
	if (e->input.n)
		pack_bin(spec, e->input);
	else
		pack_nil(spec);
}

struct fence fake_exec(struct fake *f, uint64_t id, const struct fake_exec *e)
{
	struct lease_item item = {.id = id,
		.generation = 1,
		.attempt = 2,
		.element = -1,
		.key = slice_str("the key"),
		.ninputs = e->ninputs};
	struct fence fence;
	struct buf spec;

	buf_init(&spec, LIMIT_SPEC_BYTES);
	exec_spec(&spec, e);
	item.spec = buf_slice(&spec);
	fake_item(f, &item, e->inputs, &fence);
	buf_release(&spec);
	return fence;
}

void fake_many(struct fake *f, uint64_t first, uint32_t n, const char *function)
{
	struct msg_lease m = {.epoch = f->epoch, .first_seq = f->next_seq};
	struct lease_item item = {
		.generation = 1, .attempt = 1, .element = -1, .key = slice_str("many")};
	struct buf list, spec;

	buf_init(&list, LIMIT_FRAME_BYTES);
	buf_init(&spec, 4096);
	func_spec(&spec, function, slice_empty());
	item.spec = buf_slice(&spec);
	pack_array(&list, n);
	for (uint32_t i = 0; i < n; i++) {
		item.id = first + i;
		lease_item_write(&list, &item, NULL);
	}
	f->next_seq += n;
	m.entries = buf_slice(&list);
	msg_lease_encode(stream_buf(f->stream), 0, &m);
	buf_release(&list);
	buf_release(&spec);
}

static void stop_for(struct fake *f, uint64_t id, struct fence fence, enum cause cause)
{
	struct fenced e = {.id = id, .fence = fence, .extra = cause};
	struct msg_stop m;
	struct buf list;

	buf_init(&list, 4096);
	pack_array(&list, 1);
	fenced_write(&list, &e);
	m.entries = buf_slice(&list);
	msg_stop_encode(stream_buf(f->stream), 0, &m);
	buf_release(&list);
}

void fake_stop(struct fake *f, uint64_t id, struct fence fence)
{
	stop_for(f, id, fence, CAUSE_CANCELLED);
}

void fake_revoke(struct fake *f, uint64_t id, struct fence fence)
{
	stop_for(f, id, fence, CAUSE_REVOKED);
}

void fake_free_value(struct fake *f, uint64_t id, uint32_t generation)
{
	struct copy p = {.id = id, .generation = generation};
	struct msg_free m;
	struct buf list;

	buf_init(&list, 4096);
	pack_array(&list, 1);
	copy_write(&list, &p);
	m.entries = buf_slice(&list);
	msg_free_encode(stream_buf(f->stream), 0, &m);
	buf_release(&list);
}

/* --- What the test asks --------------------------------------------------------------------- */

static const struct fake_report *find(struct fake *f, uint64_t id)
{
	for (unsigned i = f->nreports; i-- > 0;) {
		if (f->reports[i % FAKE_REPORTS].id == id)
			return &f->reports[i % FAKE_REPORTS];
	}
	return NULL;
}

const struct fake_report *fake_report(struct fake *f, uint64_t id)
{
	fake_until(f, find(f, id));
	return find(f, id);
}

void ck_assert_failed(const struct fake_report *r, enum cause cause, const char *text)
{
	char message[LIMIT_MESSAGE_BYTES + 1];

	str_copy(message, sizeof(message), r->outcome.message);
	ck_assert_int_eq(r->outcome.state, TASK_FAILED);
	ck_assert_msg(r->outcome.cause == cause, "cause %d: %s", (int)r->outcome.cause, message);
	ck_assert_msg(strstr(message, text) != NULL, "%s", message);
}

/* --- Workers -------------------------------------------------------------------------------- */

void test_begin(void)
{
	snprintf(test_dir, sizeof(test_dir), "/tmp/dq-test-worker-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(test_dir));
}

void test_done(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", test_dir);
	ck_assert_int_eq(system(command), 0);
}

static const char *built(char *to, size_t n, const char *path)
{
	const char *dir = getenv("DQ_BUILDDIR");

	snprintf(to, n, "%s/%s", dir ? dir : ".", path);
	return to;
}

const char *test_module(void)
{
	static char path[512];

	return built(path, sizeof(path), "tests/unit/worker/.libs/module.so");
}

const char *test_helper(void)
{
	static char path[512];

	return built(path, sizeof(path), "dq-slot");
}

static void on_end(struct worker *w, int code, const char *error, void *arg)
{
	(void)w;
	(void)error;
	(void)arg;
	test_end_code = code;
}

struct worker *test_worker(
	struct fake *f, const char *name, enum worker_isolation isolation, unsigned slots)
{
	const char *modules[] = {test_module(), NULL};
	unsigned joins = f->joins;
	char dir[128], error[512], address[128];
	struct worker_options o = {.scheduler = address,
		.name = name,
		.dir = dir,
		.slots = slots,
		.modules = modules,
		.isolation = isolation,
		.helper = test_helper(),
		.dq_scheduler = "unix:/the/scheduler",
		.on_end = on_end};
	struct worker *w;

	snprintf(dir, sizeof(dir), "%s/%s", test_dir, name);
	snprintf(address, sizeof(address), "%s", listener_address(f->listener));
	w = worker_new(f->loop, &o, error, sizeof(error));
	ck_assert_msg(w != NULL, "%s", error);
	fake_until(f, (f->joins > joins && f->credit > 0) || f->refuse_join);
	return w;
}
