/*
 * The transport between two loops of this process. Listening for it: inproc_listen.c.
 *
 * A link has two directions, each a queue of chunks under the link's mutex. The writer's flush puts
 * its bytes there and wakes the reader's loop; the reader takes chunk by chunk and parses them in
 * place. A direction holds QUEUE_BYTES, as a socket's buffer would; past that the writer keeps its
 * bytes and is woken when half is gone.
 *
 * Each end belongs to its loop's thread. What both touch (queues, flags, the other's wake) is under
 * the mutex. An end that goes takes its wake out of the link first, so that nobody wakes a freed
 * one. The link goes with its second end.
 */
#include "loop/inproc_private.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/fault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUEUE_BYTES ((size_t)1 << 20)
#define TAKE_WHOLE_BYTES                                                                           \
	((size_t)16 << 10) /* from here a flush hands over its buffer, uncopied                    \
			    */
#define READ_BYTES_A_TURN ((size_t)4 << 20)

struct chunk {
	struct list node;
	uint8_t *bytes; /* owned: &inside[0], or malloc memory of its own */
	size_t n;
	uint8_t inside[];
};

struct end {
	struct link *link;
	unsigned side;
	struct stream *stream;
	struct wake *wake;
	bool read_wanted;
	bool write_wanted;
};

/* --- Links --- */

static struct link *link_new(void)
{
	struct link *link = try_calloc(1, sizeof(*link));

	if (!link)
		return NULL;
	pthread_mutex_init(&link->mutex, NULL);
	for (int i = 0; i < 2; i++)
		list_init(&link->to[i].chunks);
	list_init(&link->node);
	link->ends = 2;
	return link;
}

static void chunk_free(struct chunk *c)
{
	if (c->bytes != c->inside)
		free(c->bytes);
	free(c);
}

static void drop_chunks(struct direction *d)
{
	struct list *node;

	while ((node = list_pop_front(&d->chunks)))
		chunk_free(container_of(node, struct chunk, node));
	d->bytes = 0;
}

void link_leave(struct link *link, unsigned side)
{
	bool last;

	pthread_mutex_lock(&link->mutex);
	link->wakes[side] = NULL;
	link->to[side].reader_gone = true;
	drop_chunks(&link->to[side]);
	link->to[!side].writer_gone = true;
	if (link->wakes[!side])
		wake_send(link->wakes[!side]);
	last = --link->ends == 0;
	pthread_mutex_unlock(&link->mutex);
	if (!last)
		return;
	drop_chunks(&link->to[0]);
	drop_chunks(&link->to[1]);
	pthread_mutex_destroy(&link->mutex);
	free(link);
}

/* --- As a stream's transport --- */

/* A copy of the first QUEUE_BYTES of the pieces. */
static struct chunk *chunk_of(const struct iovec *iov, int n)
{
	struct chunk *c;
	size_t total = 0;

	for (int i = 0; i < n; i++)
		total += iov[i].iov_len;
	if (total > QUEUE_BYTES)
		total = QUEUE_BYTES;
	c = try_malloc(sizeof(*c) + total);
	if (!c)
		return NULL;
	list_init(&c->node);
	c->bytes = c->inside;
	c->n = 0;
	for (int i = 0; i < n && c->n < total; i++) {
		size_t piece = iov[i].iov_len < total - c->n ? iov[i].iov_len : total - c->n;

		memcpy(c->bytes + c->n, iov[i].iov_base, piece);
		c->n += piece;
	}
	return c;
}

/* Is there room? 1: yes; 0: no, the writer will be woken; or -errno. Under the mutex. */
static int room(struct direction *d)
{
	if (d->reader_gone)
		return -EPIPE;
	d->writer_waits = d->bytes >= QUEUE_BYTES;
	return !d->writer_waits;
}

static void put_chunk(struct end *e, struct direction *d, struct chunk *c)
{
	struct wake *reader = e->link->wakes[!e->side];

	list_push_back(&d->chunks, &c->node);
	d->bytes += c->n;
	if (reader)
		wake_send(reader);
}

static ssize_t inproc_write(void *t, const struct iovec *iov, int n)
{
	struct end *e = t;
	struct direction *d = &e->link->to[!e->side];
	int ok = fault_point("loop.write");
	struct chunk *c;
	ssize_t size;

	if (ok != 0)
		return -ok;
	c = chunk_of(iov, n);
	if (!c)
		return -ENOMEM;
	size = (ssize_t)c->n;
	pthread_mutex_lock(&e->link->mutex);
	ok = room(d);
	if (ok == 1)
		put_chunk(e, d, c);
	pthread_mutex_unlock(&e->link->mutex);
	if (ok == 1)
		return size;
	chunk_free(c);
	return ok;
}

static bool inproc_take(void *t, struct buf *b)
{
	struct end *e = t;
	struct direction *d = &e->link->to[!e->side];
	struct chunk *c;
	bool ok;

	if (b->n < TAKE_WHOLE_BYTES)
		return false;
	c = try_malloc(sizeof(*c));
	if (!c)
		return false;
	list_init(&c->node);
	pthread_mutex_lock(&e->link->mutex);
	ok = room(d) == 1;
	if (ok) {
		c->bytes = buf_detach(b, &c->n);
		put_chunk(e, d, c);
	}
	pthread_mutex_unlock(&e->link->mutex);
	if (!ok)
		free(c);
	return ok;
}

static void inproc_want(void *t, bool read, bool write)
{
	struct end *e = t;

	/* What came while nobody wanted it has no wake of its own any more. */
	if (read && !e->read_wanted)
		wake_send(e->wake);
	e->read_wanted = read;
	e->write_wanted = write;
}

static void inproc_let_go(void *t, bool graceful)
{
	struct end *e = t;

	(void)graceful;
	e->stream = NULL;
	link_leave(e->link, e->side);
	wake_free(&e->wake);
	free(e);
}

static bool inproc_peer_cred(const void *t, struct stream_cred *out)
{
	(void)t;
	*out = (struct stream_cred){.pid = getpid(), .uid = geteuid(), .gid = getegid()};
	return true;
}

static const struct transport inproc_transport = {
	.write = inproc_write,
	.take = inproc_take,
	.want = inproc_want,
	.let_go = inproc_let_go,
	.peer_cred = inproc_peer_cred,
};

/* --- Waking --- */

/* Takes the first chunk; NULL if there is none. *eof: there will never be one. */
static struct chunk *next_chunk(struct end *e, bool *eof)
{
	struct direction *d = &e->link->to[e->side];
	struct wake *writer;
	struct list *node;
	struct chunk *c = NULL;

	pthread_mutex_lock(&e->link->mutex);
	node = list_pop_front(&d->chunks);
	*eof = !node && d->writer_gone;
	if (node) {
		c = container_of(node, struct chunk, node);
		d->bytes -= c->n;
		writer = e->link->wakes[!e->side];
		if (d->writer_waits && d->bytes <= QUEUE_BYTES / 2 && writer) {
			d->writer_waits = false;
			wake_send(writer);
		}
	}
	pthread_mutex_unlock(&e->link->mutex);
	return c;
}

/* Has the peer gone, or is there room again? */
static bool may_write(struct end *e)
{
	struct direction *d = &e->link->to[!e->side];
	bool ok;

	pthread_mutex_lock(&e->link->mutex);
	ok = d->reader_gone || !d->writer_waits;
	pthread_mutex_unlock(&e->link->mutex);
	return ok;
}

static void on_end_wake(struct wake *wake, void *arg)
{
	struct end *e = arg;
	struct stream *s = e->stream;
	size_t took = 0;
	struct chunk *c;
	bool eof = false;

	(void)wake;
	if (e->write_wanted && may_write(e))
		stream_writable(s);
	/* The stream may end in any callback, and takes e with it: s is asked first. */
	while (stream_delivers(s) && took < READ_BYTES_A_TURN) {
		int fault = fault_point("loop.read");

		if (fault) {
			stream_end(s, strerror(fault), fault);
			return;
		}
		c = next_chunk(e, &eof);
		if (!c)
			break;
		took += c->n;
		stream_in_took(s, 0, slice_of(c->bytes, c->n));
		chunk_free(c);
	}
	if (!stream_delivers(s))
		return;
	if (eof)
		stream_in_eof(s);
	else if (took >= READ_BYTES_A_TURN)
		wake_send(e->wake);
}

/* --- Making streams --- */

/* One end of the link with its stream; NULL: out of memory, the side has left the link. */
static struct stream *end_new(struct loop *loop, struct link *link, unsigned side, const char *name,
	const struct stream_handlers *handlers, void *arg)
{
	struct end *e = try_calloc(1, sizeof(*e));
	char full[300];

	snprintf(full, sizeof(full), "inproc:%s", name);
	if (!e)
		goto fail;
	e->link = link;
	e->side = side;
	e->wake = wake_new(loop, on_end_wake, e);
	if (!e->wake)
		goto fail_end;
	wake_own(e->wake);
	e->stream = stream_new(loop, full, handlers, arg);
	if (!e->stream)
		goto fail_wake;
	stream_attach(e->stream, &inproc_transport, e);
	pthread_mutex_lock(&link->mutex);
	link->wakes[side] = e->wake;
	pthread_mutex_unlock(&link->mutex);
	return e->stream;
fail_wake:
	wake_free(&e->wake);
fail_end:
	free(e);
fail:
	link_leave(link, side);
	errno = ENOMEM;
	return NULL;
}

struct stream *inproc_connect(
	struct loop *loop, const char *name, const struct stream_handlers *handlers, void *arg)
{
	int fault = fault_point("loop.connect");
	struct link *link = link_new();
	struct stream *s;

	if (!link) {
		errno = ENOMEM;
		return NULL;
	}
	s = end_new(loop, link, 0, name, handlers, arg);
	if (!s) {
		link_leave(link, 1);
		errno = ENOMEM;
		return NULL;
	}
	if (fault || !inproc_offer(name, link)) {
		link_leave(link, 1);
		stream_end(s, strerror(fault ? fault : ECONNREFUSED), fault ? fault : ECONNREFUSED);
		return s;
	}
	stream_connected(s);
	return s;
}

struct stream *inproc_accept(struct loop *loop, struct link *link, const char *name)
{
	struct stream *s = end_new(loop, link, 1, name, NULL, NULL);

	if (s)
		stream_connected(s);
	return s;
}
