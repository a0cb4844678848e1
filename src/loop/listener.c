/*
 * Listening: on unix sockets and TCP here, in this process in inproc.c.
 *
 * A unix socket file left by a dead process is found out by connecting to it: refused means that
 * nobody listens, and it is replaced. When there are no descriptors left, the spare one is given up
 * to accept and close the peer, so that the loop does not spin on a queue that it cannot empty.
 */
#include "loop/stream_private.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/fault.h"
#define LOG_COMPONENT "listen"
#include "base/log.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024
#define ACCEPTS_PER_TURN 64

struct listener {
	struct object object;
	uv_poll_t uv;
	struct loop *loop;
	listener_fn *on_accept;
	void *arg;
	int fd;       /* -1: inproc */
	int spare_fd; /* given up when no descriptor is left */
	int family;
	bool paused;
	uint32_t frame_limit;
	struct inproc_listener *inproc;
	char address[300];
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	dev_t dev; /* of the socket file, so that only ours is removed */
	ino_t ino;
};

static void say(char *why, size_t n, const char *what, const char *which, int err)
{
	if (why && n > 0)
		snprintf(why, n, "%s %s: %s", what, which, strerror(err));
	errno = err;
}

/* --- Accepting --- */

void listener_accepted(struct listener *l, struct stream *s)
{
	stream_set_frame_limit(s, l->frame_limit);
	l->on_accept(l, s, l->arg);
	if (s->handlers)
		return;
	/* Nobody wants it, or it was freed inside. */
	stream_free(&s);
}

static void peer_name(const struct listener *l, int fd, char *to, size_t n)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	char host[INET6_ADDRSTRLEN], port[8];
	struct ucred cred;

	if (l->family == AF_UNIX) {
		len = sizeof(cred);
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
			cred.pid = 0;
		snprintf(to, n, "%s pid %d", l->address, (int)cred.pid);
		return;
	}
	if (getpeername(fd, (struct sockaddr *)&sa, &len) != 0 ||
		getnameinfo((struct sockaddr *)&sa, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
		snprintf(to, n, "tcp://?");
		return;
	}
	snprintf(to, n, strchr(host, ':') ? "tcp://[%s]:%s" : "tcp://%s:%s", host, port);
}

static void accept_fd(struct listener *l, int fd)
{
	char name[360];
	struct stream *s;

	peer_name(l, fd, name, sizeof(name));
	sock_tune(fd, l->family);
	s = sock_stream(l->loop, fd, name, NULL, NULL);
	if (!s) {
		log_warn("%s: a connection was dropped: %s", l->address, strerror(errno));
		return;
	}
	stream_connected(s);
	listener_accepted(l, s);
}

/* No descriptor is left: the first in the queue is turned away, so that it does not wait for ever.
 */
static void turn_away(struct listener *l)
{
	int fd;

	log_warn("%s: no descriptors left, a connection is turned away", l->address);
	close(l->spare_fd);
	fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void on_connection(uv_poll_t *uv, int status, int events)
{
	struct listener *l = uv->data;

	(void)events;
	if (status < 0)
		listener_resume(l);
	for (int i = 0; i < ACCEPTS_PER_TURN && l->fd >= 0 && !l->paused; i++) {
		int fault = fault_point("loop.accept"), fd = -1;

		if (fault)
			errno = fault;
		else
			fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			accept_fd(l, fd);
			continue;
		}
		if ((errno == EMFILE || errno == ENFILE) && l->spare_fd >= 0)
			turn_away(l);
		return;
	}
}

/* --- Binding --- */

static bool make_parent(const char *path)
{
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;

	ensure(str_copy(dir, sizeof(dir), slice_str(path)));
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return true;
	*slash = '\0';
	return mkdir(dir, 0700) == 0 || errno == EEXIST || errno == EISDIR;
}

/* Removes a socket file that nobody answers. False: errno says why it must stay. */
static bool clear_stale(const struct sockaddr_un *sa)
{
	struct stat st;
	int fd, rc;

	if (lstat(sa->sun_path, &st) != 0)
		return errno == ENOENT;
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return false;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	rc = connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0 ? EADDRINUSE : errno;
	close(fd);
	if (rc == ECONNREFUSED)
		return unlink(sa->sun_path) == 0 || errno == ENOENT;
	/* Its queue is full: somebody is there. */
	errno = rc == EAGAIN ? EADDRINUSE : rc;
	return rc == ENOENT;
}

static int bind_unix(struct listener *l, const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct stat st;
	int fd;

	ensure(str_copy(sa.sun_path, sizeof(sa.sun_path), slice_str(path)));
	if (!make_parent(path) || !clear_stale(&sa))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0)
		goto fail;
	/* Nobody can connect before listen(), so that the mode is right by then. */
	if (chmod(path, 0600) != 0 || stat(path, &st) != 0 || listen(fd, BACKLOG) != 0) {
		unlink(path);
		goto fail;
	}
	l->family = AF_UNIX;
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	ensure(str_copy(l->path, sizeof(l->path), slice_str(path)));
	snprintf(l->address, sizeof(l->address), "unix:%s", path);
	return fd;
fail:
	close(fd);
	return -1;
}

static bool name_tcp(struct listener *l, int fd)
{
	struct sockaddr_storage sa;
	socklen_t n = sizeof(sa);
	char host[INET6_ADDRSTRLEN], port[8];

	if (getsockname(fd, (struct sockaddr *)&sa, &n) != 0)
		return false;
	if (getnameinfo((struct sockaddr *)&sa, n, host, sizeof(host), port, sizeof(port),
		    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
		errno = EINVAL;
		return false;
	}
	snprintf(l->address, sizeof(l->address),
		strchr(host, ':') ? "tcp://[%s]:%s" : "tcp://%s:%s", host, port);
	return true;
}

static int bind_one(struct listener *l, const struct addrinfo *ai)
{
	int on = 1, err;
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	l->family = ai->ai_family;
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0 &&
		name_tcp(l, fd))
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

static int bind_tcp(struct listener *l, const struct address *a)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list;
	int fd = -1, err = EHOSTUNREACH;

	if (getaddrinfo(a->path, a->port, &hints, &list) != 0) {
		errno = err;
		return -1;
	}
	for (struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next) {
		fd = bind_one(l, ai);
		err = errno;
	}
	freeaddrinfo(list);
	errno = err;
	return fd;
}

/* --- Life --- */

static void free_listener(uv_handle_t *handle)
{
	free(handle->data);
}

static void listener_end(struct object *o)
{
	struct listener *l = container_of(o, struct listener, object);
	struct stat st;

	object_remove(o);
	if (l->inproc) {
		inproc_listener_free(l->inproc);
		free(l);
		return;
	}
	if (l->path[0] && stat(l->path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
		unlink(l->path);
	uv_close((uv_handle_t *)&l->uv, free_listener);
	close(l->fd);
	l->fd = -1;
	if (l->spare_fd >= 0)
		close(l->spare_fd);
}

static bool start_socket(struct listener *l, const struct address *a)
{
	int rc;

	l->fd = a->kind == ADDRESS_UNIX ? bind_unix(l, a->path) : bind_tcp(l, a);
	if (l->fd < 0)
		return false;
	rc = uv_poll_init(&l->loop->uv, &l->uv, l->fd);
	if (rc != 0) {
		close(l->fd);
		if (l->path[0])
			unlink(l->path);
		errno = -rc;
		return false;
	}
	l->uv.data = l;
	l->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	listener_resume(l);
	return true;
}

struct listener *listener_new(struct loop *loop, const char *address, listener_fn *on_accept,
	void *arg, char *why, size_t why_bytes)
{
	struct address a = address_parse(address);
	struct listener *l;
	bool ok;

	if (a.kind == ADDRESS_BAD) {
		say(why, why_bytes, "not an address:", address, EINVAL);
		return NULL;
	}
	l = try_calloc(1, sizeof(*l));
	if (!l) {
		say(why, why_bytes, "cannot listen on", address, ENOMEM);
		return NULL;
	}
	l->loop = loop;
	l->on_accept = on_accept;
	l->arg = arg;
	l->fd = l->spare_fd = -1;
	l->frame_limit = FRAME_MAX_PAYLOAD;
	if (a.kind == ADDRESS_INPROC) {
		snprintf(l->address, sizeof(l->address), "%s", address);
		l->inproc = inproc_listen(l, loop, a.path);
		ok = l->inproc != NULL;
	} else {
		ok = start_socket(l, &a);
	}
	if (!ok) {
		say(why, why_bytes, "cannot listen on", address, errno);
		free(l);
		return NULL;
	}
	object_add(loop, &l->object, listener_end);
	return l;
}

const char *listener_address(const struct listener *l)
{
	return l->address;
}

bool listener_allow_group(struct listener *l, gid_t gid)
{
	if (!l->path[0]) {
		errno = EINVAL;
		return false;
	}
	return chown(l->path, (uid_t)-1, gid) == 0 && chmod(l->path, 0660) == 0;
}

void listener_set_frame_limit(struct listener *l, uint32_t payload_bytes)
{
	l->frame_limit = payload_bytes;
}

void listener_pause(struct listener *l)
{
	l->paused = true;
	if (l->inproc)
		inproc_listener_pause(l->inproc, true);
	else
		uv_poll_stop(&l->uv);
}

void listener_resume(struct listener *l)
{
	l->paused = false;
	if (l->inproc) {
		inproc_listener_pause(l->inproc, false);
		return;
	}
	l->loop->needs_turn = true;
	ensure(uv_poll_start(&l->uv, UV_READABLE, on_connection) == 0);
}

void listener_free(struct listener **where)
{
	if (*where)
		listener_end(&(*where)->object);
	*where = NULL;
}
