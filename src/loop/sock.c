/*
 * The transport over a socket: connecting, reading into the loop's scratch memory, one sendmsg for
 * a flush.
 *
 * libuv only says when the descriptor is ready (uv_poll); the calls are made here, so that a flush
 * is one system call without SIGPIPE, and reads go where the parser wants them.
 *
 * A socket outlives its stream after a graceful close: its sending side is shut, and it reads to
 * the peer's end or for STREAM_LINGER_MAX_US, since closing with unread bytes would make the kernel
 * reset the connection and the peer lose what it has not read.
 *
 * Failures: an error on the descriptor stops libuv's handle; what the peer sent before is read
 * first, then the error.
 */
#include "loop/stream_private.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/fault.h"
#include "base/str.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define KEEPALIVE_IDLE_S 15
#define KEEPALIVE_INTERVAL_S 5
#define KEEPALIVE_COUNT 3
#define USER_TIMEOUT_MS 30000
#define UNIX_BUFFER_BYTES (1 << 20)

struct sock {
	uv_poll_t uv;
	struct loop *loop;
	struct stream *stream; /* NULL while lingering */
	struct list linger;    /* in loop->lingering */
	uint64_t linger_until_us;
	int fd;
	int events;  /* what uv is started for */
	bool closed; /* uv_close was called */
	bool connecting;
	struct addrinfo *addresses, *next; /* tcp: what getaddrinfo gave, and what is still to be
					      tried */
};

static void on_ready(uv_poll_t *uv, int status, int events);

/* --- The descriptor and its handle --- */

static void free_sock(uv_handle_t *handle)
{
	struct sock *k = handle->data;

	free(k);
}

static void sock_free(struct sock *k)
{
	ensure(!k->closed);
	k->closed = true;
	list_remove(&k->linger);
	if (k->addresses)
		freeaddrinfo(k->addresses);
	uv_close((uv_handle_t *)&k->uv, free_sock);
	close(k->fd);
}

/* Takes the descriptor over, also on failure. */
static struct sock *sock_new(struct loop *loop, int fd)
{
	struct sock *k = try_calloc(1, sizeof(*k));
	int rc = k ? uv_poll_init(&loop->uv, &k->uv, fd) : UV_ENOMEM;

	if (rc != 0) {
		free(k);
		close(fd);
		errno = -rc;
		return NULL;
	}
	k->loop = loop;
	k->fd = fd;
	k->uv.data = k;
	list_init(&k->linger);
	return k;
}

static void set_events(struct sock *k, int events)
{
	if (events == k->events)
		return;
	k->events = events;
	if (events == 0) {
		uv_poll_stop(&k->uv);
		return;
	}
	k->loop->needs_turn = true;
	ensure(uv_poll_start(&k->uv, events, on_ready) == 0);
}

static int pending_error(int fd)
{
	socklen_t n = sizeof(int);
	int err = 0;

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n) == 0 ? err : errno;
}

void sock_tune(int fd, int family)
{
	int on = 1, idle = KEEPALIVE_IDLE_S, interval = KEEPALIVE_INTERVAL_S;
	int count = KEEPALIVE_COUNT, bytes = UNIX_BUFFER_BYTES;
	unsigned timeout = USER_TIMEOUT_MS;

	/* All of these are wishes: a system that refuses one still has a working connection. */
	if (family == AF_UNIX) {
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
}

/* --- As a stream's transport --- */

static ssize_t sock_write(void *t, const struct iovec *iov, int n)
{
	struct sock *k = t;
	struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)n};
	int fault = fault_point("loop.write");
	ssize_t wrote;

	if (fault)
		return -fault;
	do
		wrote = sendmsg(k->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (wrote < 0 && errno == EINTR);
	if (wrote >= 0)
		return wrote;
	return errno == EAGAIN || errno == ENOBUFS ? 0 : -errno;
}

static void sock_want(void *t, bool read, bool write)
{
	set_events(t, (read ? UV_READABLE : 0) | (write ? UV_WRITABLE : 0));
}

static void sock_let_go(void *t, bool graceful)
{
	struct sock *k = t;

	k->stream = NULL;
	if (!graceful || shutdown(k->fd, SHUT_WR) != 0) {
		sock_free(k);
		return;
	}
	k->linger_until_us = loop_now_us(k->loop) + STREAM_LINGER_MAX_US;
	list_push_back(&k->loop->lingering, &k->linger);
	set_events(k, UV_READABLE);
	loop_start_reaper(k->loop);
}

static bool sock_peer_cred(const void *t, struct stream_cred *out)
{
	const struct sock *k = t;
	struct ucred cred;
	socklen_t n = sizeof(cred);

	if (getsockopt(k->fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) != 0 || cred.uid == (uid_t)-1)
		return false;
	*out = (struct stream_cred){.pid = cred.pid, .uid = cred.uid, .gid = cred.gid};
	return true;
}

static const struct transport sock_transport = {
	.write = sock_write,
	.want = sock_want,
	.let_go = sock_let_go,
	.peer_cred = sock_peer_cred,
};

/* --- Ready descriptors --- */

/* Reads and forgets; done once the peer has closed. */
static void linger(struct sock *k)
{
	ssize_t got = 1;

	for (int i = 0; i < STREAM_READ_ROUNDS && got > 0; i++)
		got = read(k->fd, k->loop->scratch, LOOP_SCRATCH_BYTES);
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		sock_free(k);
}

/* One read and what comes of it; false when there is nothing more to read now. */
static bool read_once(struct sock *k, struct stream *s)
{
	struct iovec iov[2] = {stream_in_room(s), {k->loop->scratch, LOOP_SCRATCH_BYTES}};
	size_t room = iov[0].iov_len, filled;
	int skip = room == 0, fault = fault_point("loop.read");
	ssize_t got;

	if (s->state != STREAM_OPEN)
		return false;
	do
		got = fault ? -1 : readv(k->fd, iov + skip, 2 - skip);
	while (got < 0 && !fault && errno == EINTR);
	if (got < 0) {
		int err = fault ? fault : errno;

		if (err != EAGAIN)
			stream_end(s, strerror(err), err);
		return false;
	}
	if (got == 0) {
		stream_in_eof(s);
		return false;
	}
	filled = (size_t)got < room ? (size_t)got : room;
	stream_in_took(s, filled, slice_of(k->loop->scratch, (size_t)got - filled));
	return (size_t)got == room + LOOP_SCRATCH_BYTES;
}

static void readable(struct sock *k, struct stream *s)
{
	for (int i = 0; i < STREAM_READ_ROUNDS && stream_delivers(s); i++)
		if (!read_once(k, s))
			break;
}

/* libuv saw an error on the descriptor and stopped the handle. */
static void broken(struct sock *k, struct stream *s)
{
	int err;

	k->events = 0;
	while (stream_delivers(s) && read_once(k, s))
		continue;
	if (s->state != STREAM_OPEN || !s->transport)
		return;
	err = pending_error(k->fd);
	if (err != 0)
		stream_end(s, strerror(err), err);
	else
		stream_update_wants(s);
}

static void connect_next(struct sock *k, int last_error);

static void connect_done(struct sock *k)
{
	int err = pending_error(k->fd);

	set_events(k, 0);
	if (err != 0) {
		connect_next(k, err);
		return;
	}
	k->connecting = false;
	stream_connected(k->stream);
}

static void on_ready(uv_poll_t *uv, int status, int events)
{
	struct sock *k = uv->data;
	struct stream *s = k->stream;

	if (status < 0)
		k->events = 0;
	if (!s) {
		linger(k);
		return;
	}
	if (k->connecting) {
		connect_done(k);
		return;
	}
	if (status < 0) {
		broken(k, s);
		return;
	}
	if (events & UV_WRITABLE)
		stream_writable(s);
	if (events & UV_READABLE)
		readable(k, s);
}

bool sock_reap(struct loop *loop, uint64_t now_us, bool all)
{
	list_for_each_entry_safe(k, next, &loop->lingering, struct sock, linger) {
		if (all || now_us >= k->linger_until_us)
			sock_free(k);
	}
	return !list_is_empty(&loop->lingering);
}

/* --- Making streams --- */

struct stream *sock_stream(struct loop *loop, int fd, const char *name,
	const struct stream_handlers *handlers, void *arg)
{
	struct sock *k = sock_new(loop, fd);
	struct stream *s;

	if (!k)
		return NULL;
	s = stream_new(loop, name, handlers, arg);
	if (!s) {
		sock_free(k);
		errno = ENOMEM;
		return NULL;
	}
	k->stream = s;
	stream_attach(s, &sock_transport, k);
	return s;
}

static int socket_new(int family)
{
	return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* The result of connect(2): connected, on the way, or the errno value. */
static int try_connect(int fd, const struct sockaddr *sa, socklen_t n)
{
	int fault = fault_point("loop.connect");

	if (fault)
		return fault;
	return connect(fd, sa, n) == 0 ? 0 : errno;
}

static const char *connect_reason(int err)
{
	return err == EAGAIN ? "the listener is busy" : strerror(err);
}

struct stream *sock_connect_unix(
	struct loop *loop, const char *path, const struct stream_handlers *handlers, void *arg)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	char name[sizeof(sa.sun_path) + 8];
	int fd = socket_new(AF_UNIX), err;
	struct stream *s;

	if (fd < 0)
		return NULL;
	ensure(str_copy(sa.sun_path, sizeof(sa.sun_path), slice_str(path)));
	snprintf(name, sizeof(name), "unix:%s", path);
	sock_tune(fd, AF_UNIX);
	s = sock_stream(loop, fd, name, handlers, arg);
	if (!s)
		return NULL;
	/* A unix socket connects at once or not at all. */
	err = try_connect(fd, (struct sockaddr *)&sa, sizeof(sa));
	if (err == 0)
		stream_connected(s);
	else
		stream_end(s, connect_reason(err), err);
	return s;
}

/* Starts connecting to k->next. 0: on the way or done; else the errno value. */
static int connect_start(struct sock *k)
{
	struct addrinfo *ai = k->next;
	int err;

	k->next = ai->ai_next;
	err = try_connect(k->fd, ai->ai_addr, ai->ai_addrlen);
	if (err != 0 && err != EINPROGRESS)
		return err;
	k->connecting = true;
	set_events(k, UV_WRITABLE);
	return 0;
}

/*
 * After a failure: the next address of the name, on a new socket under the same stream, or the end.
 */
static void connect_next(struct sock *k, int last_error)
{
	struct stream *s = k->stream;
	struct sock *fresh;
	int fd, rc;

	while (k->next) {
		fd = socket_new(k->next->ai_family);
		fresh = fd < 0 ? NULL : sock_new(k->loop, fd);
		if (!fresh) {
			last_error = errno;
			k->next = k->next->ai_next;
			continue;
		}
		sock_tune(fd, k->next->ai_family);
		fresh->stream = s;
		fresh->addresses = k->addresses;
		fresh->next = k->next;
		k->addresses = NULL;
		k->stream = NULL;
		s->transport = NULL;
		stream_attach(s, &sock_transport, fresh);
		sock_free(k);
		k = fresh;
		rc = connect_start(k);
		if (rc == 0)
			return;
		last_error = rc;
	}
	stream_end(s, connect_reason(last_error), last_error);
}

struct stream *sock_connect_tcp(struct loop *loop, const char *host, const char *port,
	const char *name, const struct stream_handlers *handlers, void *arg)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
	int fd, rc, err;
	struct stream *s;
	struct sock *k;

	rc = getaddrinfo(host, port, &hints, &list);
	fd = socket_new(rc == 0 ? list->ai_family : AF_INET);
	if (fd < 0) {
		if (rc == 0)
			freeaddrinfo(list);
		return NULL;
	}
	sock_tune(fd, AF_INET);
	s = sock_stream(loop, fd, name, handlers, arg);
	if (!s) {
		if (rc == 0)
			freeaddrinfo(list);
		return NULL;
	}
	if (rc != 0) {
		stream_end(s, gai_strerror(rc), EHOSTUNREACH);
		return s;
	}
	k = s->t;
	k->addresses = k->next = list;
	err = connect_start(k);
	if (err != 0)
		connect_next(k, err);
	return s;
}
