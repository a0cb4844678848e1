/*
 * dq-slot: the helper behind a process slot of dq-worker. It loads the modules, runs one task after
 * the other, function or command, and answers each over descriptor 3 (worker/slot_proto.h). It is
 * started by dq-worker alone.
 *
 * A crash of a function ends this process and fails that attempt only; the worker starts another.
 * When the worker ends, by whatever means, the socket ends, and a thread that waits for nothing
 * else ends the task, all it started, and this process.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/ensure.h"
#include "base/thread.h"
#include "codec/cursor.h"
#include "codec/pack.h"
#include "exec.h"
#include "reap.h"
#include "worker/modules.h"
#include "worker/slot_proto.h"
#include "worker/states.h"
#include "worker/task_api.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* How long a helper without a task has to end what functions keep (dq_task_state). */
#define ORDERLY_END_MS 500

static atomic_int stop_asked;
static atomic_int busy; /* with a task */

struct helper {
	struct modules modules;
	struct exec exec;
	struct call call;
	struct arena inputs;
	struct buf reply;
	struct call_host host;
	struct states states;
	struct arena names; /* of scheduler and worker */
};

static void on_term(int signum)
{
	(void)signum;
	stop_asked = 1;
}

static void on_child(int signum)
{
	(void)signum; /* only to wake a sleep */
}

static void *watch_worker(void *arg)
{
	struct pollfd p = {.fd = SLOT_FD, .events = POLLRDHUP};

	(void)arg;
	for (;;) {
		int n = poll(&p, 1, -1);

		if (n < 0 && errno == EINTR)
			continue;
		/* without a task the main thread sees the end too, and ends in order */
		if (p.revents && !busy)
			poll(NULL, 0, ORDERLY_END_MS);
		if (n < 0 || p.revents)
			end_everything();
	}
}

static void answer(enum slot_message type, struct slice a, struct slice b)
{
	const struct slice parts[] = {a, b};

	if (!slot_send(SLOT_FD, type, parts, 2))
		end_everything();
}

/* --- What the function asks of its slot ----------------------------------------------------- */

static bool ask_token(void *arg, uint64_t id, struct fence fence, char out[WIRE_TOKEN_TEXT])
{
	struct slot_frame f;
	bool has;

	(void)arg;
	(void)id;
	(void)fence;
	answer(SLOT_TOKEN, slice_empty(), slice_empty());
	slot_frame_init(&f);
	if (!slot_recv(SLOT_FD, &f) || f.type != SLOT_TOKEN)
		end_everything();
	has = f.payload.n > 0 && f.payload.n < WIRE_TOKEN_TEXT;
	if (has) {
		memcpy(out, f.payload.p, f.payload.n);
		out[f.payload.n] = '\0';
	}
	slot_frame_release(&f);
	return has;
}

static void tell_progress(void *arg, uint32_t millionths, struct slice text)
{
	struct buf b;

	(void)arg;
	buf_init(&b, 4096);
	pack_array(&b, 2);
	pack_u64(&b, millionths);
	pack_bin(&b, text);
	answer(SLOT_PROGRESS, buf_slice(&b), slice_empty());
	buf_release(&b);
}

/* --- SETUP ---------------------------------------------------------------------------------- */

static bool set_up(struct helper *h, struct slice payload, char *error, size_t error_bytes)
{
	struct cursor c;
	uint32_t n;
	struct slice dir;
	unsigned number;
	const char **paths;
	bool ok;

	cursor_init(&c, payload);
	n = cursor_array_min(&c, 4);
	dir = cursor_bin(&c);
	number = cursor_u32(&c);
	h->host.scheduler = arena_cstr(&h->names, cursor_bin(&c));
	h->host.worker = arena_cstr(&h->names, cursor_bin(&c));
	paths = calloc((size_t)n + 1, sizeof(*paths));
	ensure(paths && cursor_ok(&c));
	for (uint32_t i = 4; i < n; i++)
		paths[i - 4] = arena_cstr(&h->inputs, cursor_bin(&c));
	ok = modules_load(&h->modules, paths, error, error_bytes);
	if (ok && !exec_init(&h->exec, dir, number, &stop_asked)) {
		snprintf(error, error_bytes, "/dev/null: %s", strerror(errno));
		ok = false;
	}
	free(paths);
	arena_reset(&h->inputs);
	return ok;
}

static void handle_setup(struct helper *h, struct slice payload)
{
	char error[512] = "";

	if (set_up(h, payload, error, sizeof(error)))
		answer(SLOT_READY, slice_empty(), slice_empty());
	else
		answer(SLOT_BROKEN, slice_str(error), slice_empty());
}

/* --- FUNC ----------------------------------------------------------------------------------- */

static void read_call(struct helper *h, struct slice payload, struct slice *function)
{
	struct call *call = &h->call;
	struct call_input *inputs;
	struct cursor c;
	uint32_t n;

	call_begin(call);
	arena_reset(&h->inputs);
	cursor_init(&c, payload);
	n = cursor_array_min(&c, 9);
	call->id = cursor_u64(&c);
	call->fence.epoch = cursor_u64(&c);
	call->fence.seq = cursor_u64(&c);
	call->attempt = cursor_u32(&c);
	call->element = cursor_i64(&c);
	call->key = cursor_bin(&c);
	*function = cursor_bin(&c);
	call->args = cursor_bin(&c);
	call->element_input = cursor_bin(&c);
	call->ninputs = (n - 9) / 2;
	call->cancelled = &stop_asked;
	inputs = arena_alloc(&h->inputs, (call->ninputs + 1) * sizeof(*inputs));
	ensure(inputs);
	for (uint32_t i = 0; i < call->ninputs; i++) {
		inputs[i].type = cursor_bin(&c);
		inputs[i].bytes = cursor_bin(&c);
	}
	call->inputs = inputs;
	ensure(cursor_ok(&c));
}

static void handle_func(struct helper *h, struct slice payload)
{
	struct slot_done done = {.started_us = clock_wall_us()};
	uint64_t began = clock_mono_us();
	struct call *call = &h->call;
	dq_function *function;
	const char *why = NULL;
	struct slice name;

	read_call(h, payload, &name);
	function = modules_find(&h->modules, name);
	if (!function) {
		buf_printf(&call->message, "no module here has the function %" SLICE_FMT,
			SLICE_ARG(name));
		done.end = SLOT_END_SPEC;
	} else if (!call_fill_args(call, &why)) {
		buf_printf(&call->message, "%s", why);
		done.end = SLOT_END_SPEC;
	} else {
		call_run(call, function, name);
		done.end = call->rescheduled ? SLOT_END_RESCHEDULE
			   : call->failed    ? SLOT_END_FAILED
					     : SLOT_END_VALUE;
		done.delay_us = call->delay_us;
	}
	done.run_us = clock_mono_us() - began;
	done.message = buf_slice(&call->message);
	if (done.end == SLOT_END_VALUE) {
		done.type = slice_str(call->type);
		done.value = buf_slice(&call->value);
		done.message = slice_empty();
		if (call->effects.n)
			answer(SLOT_EFFECTS, buf_slice(&call->effects), slice_empty());
	}
	buf_clear(&h->reply);
	slot_done_encode(&h->reply, &done);
	answer(SLOT_DONE, buf_slice(&h->reply), done.value);
}

/* --- EXEC ----------------------------------------------------------------------------------- */

static void handle_exec(struct helper *h, struct slice payload)
{
	struct slot_done done;

	exec_run(&h->exec, payload, &done);
	buf_clear(&h->reply);
	slot_done_encode(&h->reply, &done);
	answer(SLOT_DONE, buf_slice(&h->reply), done.value);
}

static void serve(struct helper *h)
{
	struct slot_frame f;

	slot_frame_init(&f);
	while (slot_recv(SLOT_FD, &f)) {
		stop_asked = 0;
		busy = 1;
		switch (f.type) {
		case SLOT_SETUP:
			handle_setup(h, f.payload);
			break;
		case SLOT_FUNC:
			handle_func(h, f.payload);
			break;
		case SLOT_EXEC:
			handle_exec(h, f.payload);
			break;
		default:
			panic("a frame of unknown type %u", f.type);
		}
		busy = 0;
	}
	states_release(&h->states);
	end_everything();
}

int main(void)
{
	struct sigaction term = {.sa_handler = on_term}, child = {.sa_handler = on_child};
	static struct helper h;
	pthread_t thread;

	child.sa_flags = SA_RESTART;
	if (sigaction(SIGTERM, &term, NULL) != 0 || sigaction(SIGCHLD, &child, NULL) != 0 ||
		prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
		fprintf(stderr, "dq-slot: %s\n", strerror(errno));
		return 70;
	}
	if (thread_start(&thread, "dq-watch", watch_worker, NULL) != 0) {
		fprintf(stderr, "dq-slot: cannot start a thread\n");
		return 70;
	}
	call_init(&h.call);
	arena_init(&h.inputs, 0);
	arena_init(&h.names, 0);
	states_init(&h.states);
	h.host.states = &h.states;
	h.host.token = ask_token;
	h.host.progress = tell_progress;
	h.call.host = &h.host;
	buf_init(&h.reply, (size_t)1 << 20);
	serve(&h);
}
