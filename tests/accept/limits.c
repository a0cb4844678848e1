/*
 * limits ADDRESS: each declared limit (model/limits.h) passed by one, on the wire, past the checks
 * of libdq; the scheduler must refuse it in the words of that limit, on that connection alone.
 *
 * A case is a connection of its own. One line a case; exit 1 if any was answered otherwise.
 */
#include "base/buf.h"
#include "codec/frame.h"
#include "codec/pack.h"
#include "model/block.h"
#include "model/limits.h"
#include "model/row.h"
#include "wire/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ROOM ((size_t)80 << 20)

static const char *path;
static struct buf out; /* what goes to the scheduler */
static struct buf in;  /* what came */
static uint8_t zeros[9 << 20];

/* --- A connection ------------------------------------------------------------------------------ */

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static int dial(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = 60};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		die("connect");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	buf_clear(&in);
	return fd;
}

/* Sends what `out` holds; a peer that has closed is found by the reading that follows. */
static void ship(int fd)
{
	const char *p = (const char *)out.p;
	size_t n = out.n;

	if (out.failed)
		die("too large for this test");
	while (n > 0) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent <= 0)
			break;
		p += sent;
		n -= (size_t)sent;
	}
	buf_clear(&out);
}

/* The next frame but PING; false: closed. Its payload is valid until the next call. */
static bool next(int fd, struct frame *f)
{
	static size_t taken;
	size_t used;
	char part[65536];
	ssize_t got;

	if (in.n == 0)
		taken = 0;
	for (;;) {
		struct slice left = slice_of(in.p + taken, in.n - taken);

		if (left.n > 0 && frame_parse(left, FRAME_MAX_PAYLOAD, f, &used) == FRAME_OK) {
			taken += used;
			if (f->type != MSG_PING)
				return true;
			continue;
		}
		got = recv(fd, part, sizeof(part), 0);
		if (got <= 0)
			return false;
		buf_append(&in, part, (size_t)got);
	}
}

static void expect(int fd, unsigned type, struct frame *f)
{
	if (!next(fd, f) || f->type != type) {
		fprintf(stderr, "limits: no %s\n", message_name(type));
		exit(2);
	}
}

static void hello(int fd, unsigned role)
{
	struct msg_hello m = {.version_min = 1, .version_max = 1, .role = role};
	struct msg_prove p = {.proof = slice_empty()};
	struct frame f;

	m.nonce = slice_of(zeros, WIRE_NONCE_BYTES);
	msg_hello_encode(&out, 0, &m);
	ship(fd);
	expect(fd, MSG_CHALLENGE, &f);
	msg_prove_encode(&out, 0, &p);
	ship(fd);
	expect(fd, MSG_ADMIT, &f);
}

static void open_session(int fd)
{
	struct msg_open m = {.session = 0};
	struct frame f;

	hello(fd, ROLE_CLIENT);
	msg_open_encode(&out, 0, &m);
	ship(fd);
	expect(fd, MSG_OPENED, &f);
}

/* --- Judging ---------------------------------------------------------------------------------- */

static unsigned bad;

/* The text of the first refusal that comes; "" where the connection is closed without one. */
static struct slice refusal(int fd)
{
	const char *why;
	struct frame f;

	while (next(fd, &f)) {
		struct msg_refuse refuse;
		struct msg_reply reply;

		if (f.type == MSG_REFUSE && msg_refuse_decode(f.payload, &refuse, &why))
			return refuse.text;
		if (f.type == MSG_REPLY && msg_reply_decode(f.payload, &reply, &why)) {
			if (reply.code)
				return reply.text;
			return slice_str("it was taken");
		}
	}
	return slice_empty();
}

static void verdict(const char *name, const char *text, struct slice got)
{
	bool named = got.n >= strlen(text) && memmem(got.p, got.n, text, strlen(text));

	printf("%s %-15s %.*s\n", named ? "ok  " : "BAD ", name, (int)got.n, (const char *)got.p);
	bad += !named;
}

/* Sends what a case has put into `out`, and hears the answer. */
static void judge(int fd, const char *name, const char *text)
{
	ship(fd);
	verdict(name, text, refusal(fd));
	close(fd);
}

/* --- Submits ---------------------------------------------------------------------------------- */

static struct slice zero_text(size_t n)
{
	static char text[2 << 20];

	memset(text, 'x', n);
	return slice_of(text, n);
}

/* A msgpack value in a buffer of its own. */
static struct buf made(void)
{
	struct buf b;

	buf_init(&b, ROOM);
	return b;
}

/* A submit of one entry made by hand: each piece is one msgpack value, NULL: nil. */
struct entry {
	struct slice key, deps, opts, spec;
};

static void put_or_nil(struct buf *b, struct slice v)
{
	if (v.n)
		pack_raw(b, v);
	else
		pack_nil(b);
}

static void put_submit(struct slice ns, uint64_t count, unsigned flags, struct slice body)
{
	struct msg_submit m = {
		.first_n = 1, .count = count, .flags = flags, .ns = ns, .body = body};
	struct buf payload = made();

	/* By hand: the encoder would not write a frame that is too large. */
	msg_submit_encode(&payload, 1, &m);
	buf_append(&out, payload.p, payload.n);
	buf_release(&payload);
}

static void submit_case(
	const char *name, const char *text, const struct entry *e, unsigned flags, uint64_t count)
{
	struct buf body = made(), spec = made();
	int fd = dial();

	open_session(fd);
	spec_encode_func(&spec, slice_str("noop"), slice_empty());
	pack_array(&body, 4);
	put_or_nil(&body, e->key);
	put_or_nil(&body, e->deps);
	put_or_nil(&body, e->opts);
	pack_bin(&body, e->spec.n ? e->spec : buf_slice(&spec));
	if (flags & BLOCK_ARRAY)
		pack_nil(&body);
	put_submit(slice_empty(), count, flags, buf_slice(&body));
	judge(fd, name, text);
	buf_release(&body);
	buf_release(&spec);
}

#define SUBMIT_CASE(NAME, ...)                                                                     \
	submit_case(#NAME, LIMIT_TEXT(NAME), &(struct entry){__VA_ARGS__}, 0, 1)

static void key_and_function(void)
{
	struct buf v = made();

	pack_str(&v, zero_text(LIMIT_KEY_BYTES + 1));
	SUBMIT_CASE(KEY_BYTES, .key = buf_slice(&v));
	buf_clear(&v);
	spec_encode_func(&v, zero_text(LIMIT_FUNCTION_BYTES + 1), slice_empty());
	SUBMIT_CASE(FUNCTION_BYTES, .spec = buf_slice(&v));
	buf_release(&v);
}

static void spec_size_and_nesting(void)
{
	struct buf v = made(), args = made();

	pack_bin(&args, slice_of(zeros, LIMIT_SPEC_BYTES));
	spec_encode_func(&v, slice_str("noop"), buf_slice(&args));
	SUBMIT_CASE(SPEC_BYTES, .spec = buf_slice(&v));
	buf_clear(&v);
	buf_clear(&args);
	for (unsigned i = 0; i < LIMIT_NESTING + 1; i++)
		pack_array(&args, 1);
	pack_nil(&args);
	spec_encode_func(&v, slice_str("noop"), buf_slice(&args));
	submit_case("NESTING", LIMIT_TEXT(NESTING), &(struct entry){.spec = buf_slice(&v)}, 0, 1);
	buf_release(&v);
	buf_release(&args);
}

/* A command of so many words with so many variables. */
static void put_exec(struct buf *v, uint32_t words, uint32_t env)
{
	char name[16];

	pack_array(v, 5);
	pack_u64(v, SPEC_EXEC);
	pack_array(v, words);
	for (uint32_t i = 0; i < words; i++)
		pack_cstr(v, "true");
	pack_map(v, env);
	for (uint32_t i = 0; i < env; i++) {
		snprintf(name, sizeof(name), "N%u", i);
		pack_cstr(v, name);
		pack_cstr(v, "");
	}
	pack_nil(v);
	pack_nil(v);
}

static void command(void)
{
	struct buf v = made();

	put_exec(&v, LIMIT_ARGV_WORDS + 1, 0);
	SUBMIT_CASE(ARGV_WORDS, .spec = buf_slice(&v));
	buf_clear(&v);
	put_exec(&v, 1, LIMIT_ENV_ENTRIES + 1);
	SUBMIT_CASE(ENV_ENTRIES, .spec = buf_slice(&v));
	buf_release(&v);
}

static void dependencies(void)
{
	struct buf v = made();

	pack_array(&v, LIMIT_DEPS_PER_TASK + 1);
	for (unsigned i = 0; i < LIMIT_DEPS_PER_TASK + 1; i++)
		pack_u64(&v, task_id(1, 1 + i));
	SUBMIT_CASE(DEPS_PER_TASK, .deps = buf_slice(&v));
	buf_release(&v);
}

static void put_labels(struct buf *v, uint32_t n, size_t bytes)
{
	pack_map(v, 1);
	pack_u64(v, 4);
	pack_array(v, n);
	for (uint32_t i = 0; i < n; i++)
		pack_str(v, zero_text(bytes));
}

static void labels(void)
{
	struct buf v = made();

	put_labels(&v, LIMIT_LABELS + 1, 1);
	SUBMIT_CASE(LABELS, .opts = buf_slice(&v));
	buf_clear(&v);
	put_labels(&v, 1, LIMIT_LABEL_BYTES + 1);
	SUBMIT_CASE(LABEL_BYTES, .opts = buf_slice(&v));
	buf_release(&v);
}

static void whole_submits(void)
{
	struct buf body = made(), spec = made();
	int fd = dial();

	submit_case("ARRAY_ELEMENTS", LIMIT_TEXT(ARRAY_ELEMENTS), &(struct entry){.key = {0}},
		BLOCK_ARRAY, (uint64_t)LIMIT_ARRAY_ELEMENTS + 1);

	open_session(fd);
	spec_encode_func(&spec, slice_str("noop"), slice_empty());
	for (unsigned i = 0; i < LIMIT_SUBMIT_TASKS + 1; i++) {
		pack_array(&body, 4);
		pack_nil(&body);
		pack_nil(&body);
		pack_nil(&body);
		pack_bin(&body, buf_slice(&spec));
	}
	put_submit(slice_empty(), LIMIT_SUBMIT_TASKS + 1, 0, buf_slice(&body));
	judge(fd, "SUBMIT_TASKS", LIMIT_TEXT(SUBMIT_TASKS));

	fd = dial();
	open_session(fd);
	put_submit(slice_empty(), 1, 0, slice_of(zeros, LIMIT_SUBMIT_BYTES + 1));
	judge(fd, "SUBMIT_BYTES", LIMIT_TEXT(SUBMIT_BYTES));

	fd = dial();
	open_session(fd);
	buf_clear(&body);
	pack_array(&body, 4);
	pack_nil(&body);
	pack_nil(&body);
	pack_nil(&body);
	pack_bin(&body, buf_slice(&spec));
	put_submit(zero_text(LIMIT_NAMESPACE_BYTES + 1), 1, 0, buf_slice(&body));
	judge(fd, "NAMESPACE_BYTES", LIMIT_TEXT(NAMESPACE_BYTES));
	buf_release(&body);
	buf_release(&spec);
}

/* --- Sessions and connections ------------------------------------------------------------------ */

static void names_and_runs(void)
{
	struct msg_open open = {.name = zero_text(LIMIT_NAME_BYTES + 1)};
	struct msg_cancel cancel;
	struct buf runs = made();
	int fd = dial();

	hello(fd, ROLE_CLIENT);
	msg_open_encode(&out, 0, &open);
	judge(fd, "NAME_BYTES", LIMIT_TEXT(NAME_BYTES));

	fd = dial();
	open_session(fd);
	pack_array(&runs, 2 * (LIMIT_RUNS + 1));
	for (unsigned i = 0; i < LIMIT_RUNS + 1; i++) {
		pack_u64(&runs, task_id(1, 1 + 2 * i));
		pack_u64(&runs, 1);
	}
	cancel.runs = buf_slice(&runs);
	msg_cancel_encode(&out, 1, &cancel);
	judge(fd, "RUNS", LIMIT_TEXT(RUNS));
	buf_release(&runs);
}

/* A frame whose header says too much: nothing that follows could be understood, the connection
 * ends with the reason. */
static void frames(void)
{
	uint8_t header[FRAME_HEADER_BYTES];
	int fd = dial();

	frame_header(header, LIMIT_HELLO_BYTES + 1, MSG_HELLO, 0, 0);
	buf_append(&out, header, sizeof(header));
	judge(fd, "HELLO_BYTES", LIMIT_TEXT(HELLO_BYTES));

	fd = dial();
	open_session(fd);
	frame_header(header, LIMIT_FRAME_BYTES + 1, MSG_SUBMIT, 0, 1);
	buf_append(&out, header, sizeof(header));
	judge(fd, "FRAME_BYTES", LIMIT_TEXT(FRAME_BYTES));
}

/* --- Workers ----------------------------------------------------------------------------------- */

static void join_case(const char *name, const char *text, struct slice worker, uint64_t slots,
	struct slice running)
{
	struct msg_join m = {.uuid = slice_of(zeros, 16),
		.name = worker,
		.slots = slots,
		.address = slice_empty(),
		.running = running,
		.instance = slice_of(zeros, 8)};
	int fd = dial();

	hello(fd, ROLE_WORKER);
	msg_join_encode(&out, 1, &m);
	judge(fd, name, text);
}

static void workers(void)
{
	struct fenced f = {.id = task_id(1, 1), .fence = {.epoch = 1, .seq = 1}};
	struct buf list = made();

	join_case("NAME_BYTES", LIMIT_TEXT(NAME_BYTES), zero_text(LIMIT_NAME_BYTES + 1), 1,
		slice_empty());
	join_case("SLOTS", LIMIT_TEXT(SLOTS), slice_str("w"), LIMIT_SLOTS + 1, slice_empty());
	list_begin(&list, LIMIT_CREDIT + 1);
	for (unsigned i = 0; i < LIMIT_CREDIT + 1; i++)
		fenced_write(&list, &f);
	join_case("CREDIT", LIMIT_TEXT(CREDIT), slice_str("w"), 1, buf_slice(&list));
	buf_release(&list);
}

static void report_case(const char *name, const char *text, const struct outcome *o)
{
	struct msg_join join = {.uuid = slice_of(zeros, 16),
		.name = slice_str("hostile"),
		.slots = 1,
		.instance = slice_of(zeros, 8)};
	struct fenced f = {.id = task_id(1, 1), .fence = {.epoch = 1, .seq = 1}};
	struct msg_report m;
	struct buf list = made(), value = made();
	struct frame reply;
	int fd = dial();

	hello(fd, ROLE_WORKER);
	msg_join_encode(&out, 1, &join);
	ship(fd);
	expect(fd, MSG_JOINED, &reply);
	outcome_encode(&value, o);
	f.outcome = buf_slice(&value);
	list_begin(&list, 1);
	fenced_write(&list, &f);
	m.entries = buf_slice(&list);
	msg_report_encode(&out, 2, &m);
	judge(fd, name, text);
	buf_release(&list);
	buf_release(&value);
}

#define REPORT_CASE(NAME, ...) report_case(#NAME, LIMIT_TEXT(NAME), &(struct outcome){__VA_ARGS__})

static void outcomes(void)
{
	struct buf sizes = made();

	pack_array(&sizes, LIMIT_VALUE_FRAMES + 1);
	for (unsigned i = 0; i < LIMIT_VALUE_FRAMES + 1; i++)
		pack_u64(&sizes, 1);
	REPORT_CASE(TYPE_BYTES, .state = TASK_DONE, .has_value = true,
		.type = zero_text(LIMIT_TYPE_BYTES + 1));
	REPORT_CASE(INLINE_VALUE, .state = TASK_DONE, .has_value = true, .is_inline = true,
		.type = slice_str("bytes"), .size = LIMIT_INLINE_VALUE + 1,
		.bytes = slice_of(zeros, LIMIT_INLINE_VALUE + 1));
	REPORT_CASE(VALUE_FRAMES, .state = TASK_DONE, .has_value = true, .type = slice_str("bytes"),
		.size = LIMIT_VALUE_FRAMES + 1, .nframes = LIMIT_VALUE_FRAMES + 1,
		.frames = buf_slice(&sizes));
	REPORT_CASE(MESSAGE_BYTES, .state = TASK_FAILED, .cause = CAUSE_ERROR,
		.message = zero_text(LIMIT_MESSAGE_BYTES + 1));
	REPORT_CASE(STDERR_TAIL, .state = TASK_FAILED, .cause = CAUSE_ERROR,
		.stderr_tail = zero_text(LIMIT_STDERR_TAIL + 1));
	buf_release(&sizes);
}

/* --- What a peer may make the scheduler hold ---------------------------------------------------- */

/* Questions without end, and no answer is read: the scheduler keeps so many bytes and no more. */
static void unsent(void)
{
	struct msg_query m = {.request = 1, .what = QUERY_STATUS};
	struct buf part = made();
	uint64_t sent = 0;
	int fd = dial();

	hello(fd, ROLE_CLIENT);
	for (unsigned i = 0; i < 1000; i++)
		msg_query_encode(&part, 0, &m);
	while (sent < ((uint64_t)4 << 30) &&
		send(fd, part.p, part.n, MSG_NOSIGNAL) == (ssize_t)part.n)
		sent += part.n;
	verdict("PENDING_BYTES", "closed", slice_str(sent < (uint64_t)4 << 30 ? "closed" : "open"));
	close(fd);
	buf_release(&part);
}

static void connections(void)
{
	static int fds[LIMIT_CONNECTIONS + 1];
	struct rlimit files;
	unsigned n;

	/* The scheduler inherits the same limit as this program. */
	if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur < LIMIT_CONNECTIONS + 200) {
		printf("--   %-15s needs more descriptors than `ulimit -n` allows\n",
			"CONNECTIONS");
		return;
	}
	for (n = 0; n < LIMIT_CONNECTIONS + 1; n++)
		fds[n] = dial();
	verdict("CONNECTIONS", LIMIT_TEXT(CONNECTIONS), refusal(fds[n - 1]));
	while (n > 0)
		close(fds[--n]);
}

int main(int argc, char **argv)
{
	if (argc != 2 || strncmp(argv[1], "unix:", 5) != 0)
		return 2;
	path = argv[1] + 5;
	buf_init(&out, ROOM);
	buf_init(&in, ROOM);
	key_and_function();
	spec_size_and_nesting();
	command();
	dependencies();
	labels();
	whole_submits();
	names_and_runs();
	frames();
	workers();
	outcomes();
	unsent();
	connections();
	buf_release(&out);
	buf_release(&in);
	printf("%u answered otherwise than by the limit's name\n", bad);
	return bad ? 1 : 0;
}
