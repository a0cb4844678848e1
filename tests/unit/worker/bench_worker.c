/*
 * bench_worker [N] [SLOTS] [exec]: what a no-op function costs a worker, from the LEASE frame to
 * the REPORT, in thread slots: CPU of the loop's thread and the slots', without that of the
 * scheduler that is played here by a thread of its own. Not a test.
 */
#include "base/clock.h"
#include "base/thread.h"
#include "codec/pack.h"
#include "loop/loop.h"
#include "loop/stream.h"
#include "model/limits.h"
#include "wire/wire.h"
#include "worker/worker.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* With "exec" it runs /bin/true instead: compare the rate with that of a bare posix_spawn loop. */
static uint32_t per_frame = 1024;

struct scheduler {
	struct loop *loop;
	char address[128];
	struct stream *stream;
	uint64_t n, sent, reported, credit;
	uint64_t began_us, ended_us, cpu_us, process_cpu_us;
	struct buf spec;
	atomic_bool listens, done;
};

static uint64_t process_cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * US_PER_S +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void send_leases(struct scheduler *s)
{
	while (s->sent < s->n && s->sent - s->reported + per_frame <= s->credit) {
		struct msg_lease m = {.epoch = 1, .first_seq = s->sent + 1};
		struct lease_item item = {
			.generation = 1, .attempt = 1, .element = -1, .key = slice_str("a-key")};
		uint32_t n = per_frame;
		struct buf list;

		if (s->n - s->sent < n)
			n = (uint32_t)(s->n - s->sent);
		buf_init(&list, LIMIT_FRAME_BYTES);
		pack_array(&list, n);
		item.spec = buf_slice(&s->spec);
		for (uint32_t i = 0; i < n; i++) {
			item.id = ((uint64_t)1 << 32) + s->sent + i;
			lease_item_write(&list, &item, NULL);
		}
		m.entries = buf_slice(&list);
		msg_lease_encode(stream_buf(s->stream), 0, &m);
		buf_release(&list);
		s->sent += n;
	}
}

static void on_report(struct scheduler *s, const struct frame *frame)
{
	struct msg_reported ack = {0};
	struct msg_report m;
	const char *why;
	struct cursor c;
	uint32_t n;

	if (!msg_report_decode(frame->payload, &m, &why) ||
		!list_read_begin(&c, m.entries, UINT32_MAX, &n))
		abort();
	s->reported += n;
	msg_reported_encode(stream_buf(s->stream), frame->seq, &ack);
	if (s->reported < s->n)
		return;
	s->ended_us = clock_mono_us();
	s->process_cpu_us = process_cpu_us() - s->process_cpu_us;
	s->cpu_us = clock_thread_cpu_us() - s->cpu_us;
	atomic_store(&s->done, true);
	loop_stop(s->loop);
}

static void on_credit(struct scheduler *s, const struct frame *frame)
{
	struct msg_credit m;
	const char *why;

	if (!msg_credit_decode(frame->payload, &m, &why))
		abort();
	if (!s->began_us) {
		s->began_us = clock_mono_us();
		s->process_cpu_us = process_cpu_us();
		s->cpu_us = clock_thread_cpu_us();
	}
	s->credit = m.limit < per_frame ? per_frame : m.limit;
}

static void on_frame(struct stream *stream, const struct frame *frame, void *arg)
{
	struct msg_challenge challenge = {.version = 1};
	struct msg_admit admit = {.version = 1, .epoch = 1};
	struct msg_joined joined = {.worker = 1, .lease_ttl_ms = 30000};
	struct scheduler *s = arg;

	if (frame->type == MSG_HELLO)
		msg_challenge_encode(stream_buf(stream), 0, &challenge);
	else if (frame->type == MSG_PROVE)
		msg_admit_encode(stream_buf(stream), 0, &admit);
	else if (frame->type == MSG_JOIN)
		msg_joined_encode(stream_buf(stream), 0, &joined);
	else if (frame->type == MSG_CREDIT)
		on_credit(s, frame);
	else if (frame->type == MSG_REPORT)
		on_report(s, frame);
	send_leases(s);
}

static const struct stream_handlers handlers = {.on_frame = on_frame};

static void on_accept(struct listener *l, struct stream *stream, void *arg)
{
	struct scheduler *s = arg;

	(void)l;
	s->stream = stream;
	stream_set_handlers(stream, &handlers, s);
}

static void *play_scheduler(void *arg)
{
	struct scheduler *s = arg;
	struct listener *l;
	char why[256];

	s->loop = loop_new();
	l = listener_new(s->loop, s->address, on_accept, s, why, sizeof(why));
	if (!l) {
		fprintf(stderr, "%s\n", why);
		abort();
	}
	atomic_store(&s->listens, true);
	loop_run(s->loop);
	stream_free(&s->stream);
	listener_free(&l);
	loop_free(&s->loop);
	return NULL;
}

static void run(struct scheduler *s, const char *dir, unsigned slots)
{
	const char *build = getenv("DQ_BUILDDIR");
	char module[512], helper[512], error[512];
	const char *modules[] = {module, NULL};
	struct worker_options o = {.scheduler = s->address,
		.name = "bench",
		.dir = dir,
		.slots = slots,
		.modules = modules,
		.helper = helper,
		.isolation = WORKER_THREAD};
	struct loop *loop = loop_new();
	struct worker *w;

	snprintf(module, sizeof(module), "%s/tests/unit/worker/.libs/module.so",
		build ? build : ".");
	snprintf(helper, sizeof(helper), "%s/dq-slot", build ? build : ".");
	w = worker_new(loop, &o, error, sizeof(error));
	if (!w) {
		fprintf(stderr, "%s\n", error);
		exit(1);
	}
	while (!atomic_load(&s->done))
		loop_run_once(loop, 100);
	worker_free(&w);
	loop_free(&loop);
}

static void put_spec(struct buf *b, bool exec)
{
	pack_array(b, exec ? 5 : 3);
	pack_u64(b, exec);
	if (exec) {
		pack_array(b, 1);
		pack_cstr(b, "/bin/true");
		pack_nil(b);
		pack_nil(b);
	} else {
		pack_cstr(b, "noop");
	}
	pack_nil(b);
}

int main(int argc, char **argv)
{
	static struct scheduler s;
	char dir[] = "/tmp/dq-bench-worker-XXXXXX", command[64];
	unsigned slots = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1;
	double wall, cpu;
	pthread_t thread;

	s.n = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000000;
	if (!mkdtemp(dir))
		return 1;
	snprintf(s.address, sizeof(s.address), "unix:%s/sock", dir);
	buf_init(&s.spec, 256);
	put_spec(&s.spec, argc > 3);
	per_frame = argc > 3 ? 1 : per_frame;
	if (thread_start(&thread, "scheduler", play_scheduler, &s) != 0)
		return 1;
	while (!atomic_load(&s.listens))
		usleep(1000);
	run(&s, dir, slots);
	pthread_join(thread, NULL);
	buf_release(&s.spec);
	wall = (double)(s.ended_us - s.began_us) / 1e6;
	cpu = (double)(s.process_cpu_us - s.cpu_us) / 1e6;
	printf("%llu tasks, %u slots: %.0f tasks/s by the clock; the worker's CPU %.3f us a task, "
	       "%.0f tasks/s a core\n",
		(unsigned long long)s.n, slots, (double)s.n / wall, cpu * 1e6 / (double)s.n,
		(double)s.n / cpu);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) == 0 ? 0 : 1;
}
