/*
 * The inside of a stream, for the files stream*.c, sock.c, inproc.c, listener.c.
 *
 *	stream.c	life, callbacks, the work at the end of a turn
 *	stream_in.c	bytes -> frames -> on_frame
 *	stream_out.c	frames -> bytes -> transport
 *	sock.c		the transport over a descriptor
 *	inproc.c	the transport between two threads
 *
 * A transport calls up stream_connected, stream_in_*, stream_writable and stream_end; the stream
 * calls down through struct transport. Either may end it: the stream lets go of its transport
 * exactly once.
 */
#ifndef LOOP_STREAM_PRIVATE_H
#define LOOP_STREAM_PRIVATE_H

#include "base/buf.h"
#include "base/list.h"
#include "loop/loop_private.h"
#include "loop/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define STREAM_IOV_MAX 64
#define STREAM_CLOSE_MAX_US ((uint64_t)10 * 1000000) /* for what is pending at stream_close */
#define STREAM_LINGER_MAX_US ((uint64_t)2 * 1000000) /* for the peer to close after us */
#define STREAM_KEEP_BYTES ((size_t)1 << 20)          /* larger buffers are freed once empty */
#define STREAM_READ_ROUNDS 4 /* reads a turn, so that no stream starves others */

struct transport {
	/* Takes bytes: how many (0: none now, stream_writable will come once `want` asks), or
	 * -errno. */
	ssize_t (*write)(void *t, const struct iovec *iov, int n);
	/* Optional: takes the whole buffer, leaving *b empty; false if it rather has it written. */
	bool (*take)(void *t, struct buf *b);
	/* What the stream waits for. */
	void (*want)(void *t, bool read, bool write);
	/* Ends the transport; it calls nothing any more and frees itself. graceful: all was
	 * written. */
	void (*let_go)(void *t, bool graceful);
	bool (*peer_cred)(const void *t, struct stream_cred *out);
};

enum stream_state { STREAM_CONNECTING, STREAM_OPEN, STREAM_ENDED };

/* Data that goes out without being copied: behind the first `at` bytes of the out buffer. */
struct out_ref {
	size_t at;
	struct slice left;
	void (*release)(void *arg);
	void *release_arg;
};

struct stream {
	struct loop *loop;
	struct list all;  /* in loop->streams */
	struct list work; /* in loop->work, while it needs something at the end of the turn */
	const struct stream_handlers *handlers; /* NULL: nobody is told anything */
	void *arg;

	enum stream_state state;
	bool closing; /* stream_close was called: flush, then end */
	bool paused;
	bool reading;   /* on_open came (or is not due): the transport may deliver */
	bool open_due;  /* on_open is to be called */
	bool flush_due; /* frames were appended */
	bool drain_due; /* pending went over the low water mark */
	bool blocked;   /* the transport took nothing more: wait for it */
	bool dropping;  /* a write failed: output is dropped, what the peer sent is still read */
	uint64_t close_by_us;

	const struct transport *transport; /* NULL once let go */
	void *t;

	struct buf out;
	size_t out_sent; /* bytes of out that are gone */
	struct out_ref *refs;
	size_t refs_n, refs_first, refs_cap;
	size_t refs_bytes; /* left in all refs */
	size_t pending_max;
	uint64_t bytes_out;

	struct buf in; /* a frame cut by the end of a read, or what was not delivered when paused */
	size_t in_at;  /* bytes of in that are delivered */
	uint32_t frame_limit;
	uint64_t bytes_in;

	struct stream **ref;   /* set to NULL when the stream is freed; may be NULL */
	char *name;            /* stream_peer_name */
	const char *bad_frame; /* why it is being closed, a literal; NULL: its owner wanted it */
	int bad_frame_err;
	char end_reason[160];
	int end_err;
};

/* A stream without transport, in state STREAM_CONNECTING; `name` is copied. NULL: out of memory. */
struct stream *stream_new(
	struct loop *loop, const char *name, const struct stream_handlers *handlers, void *arg);
void stream_attach(struct stream *s, const struct transport *transport, void *t);
/* Frees one that no one was told of. */
void stream_discard(struct stream *s);
/* Puts it on the list of those that need something at the end of this turn. */
void stream_attend(struct stream *s);
/* The connection stands: on_open is due. */
void stream_connected(struct stream *s);
/* The end, once; on_close is due. Later calls change nothing. */
void stream_end(struct stream *s, const char *reason, int err);
/* Tells the transport what is waited for. */
void stream_update_wants(struct stream *s);
/* May frames be delivered now? */
bool stream_delivers(const struct stream *s);

/* Room for the rest of a frame begun earlier, to be filled by the transport; length 0 if there is
 * none. */
struct iovec stream_in_room(struct stream *s);
/* The transport put `filled` bytes into that room, and read `rest` after them. Delivers frames. */
void stream_in_took(struct stream *s, size_t filled, struct slice rest);
/* Delivers what was left when reading was paused. */
void stream_in_again(struct stream *s);
/* Has the stream the beginning of a frame that did not end? */
bool stream_in_is_partial(const struct stream *s);
/* The peer ended its side. */
void stream_in_eof(struct stream *s);

/* Writes as much as the transport takes. No callbacks. */
void stream_out_flush(struct stream *s);
/* Drops all that is pending and releases refs. */
void stream_out_drop(struct stream *s);
/* The transport takes bytes again. */
void stream_writable(struct stream *s);

/* sock.c */
struct stream *sock_connect_unix(
	struct loop *loop, const char *path, const struct stream_handlers *handlers, void *arg);
struct stream *sock_connect_tcp(struct loop *loop, const char *host, const char *port,
	const char *name, const struct stream_handlers *handlers, void *arg);
/* A stream over a connected descriptor, which is closed on failure too. */
struct stream *sock_stream(struct loop *loop, int fd, const char *name,
	const struct stream_handlers *handlers, void *arg);
void sock_tune(int fd, int family);
/* Ends lingering sockets whose time is over, or all; returns whether any is left. */
bool sock_reap(struct loop *loop, uint64_t now_us, bool all);

/* inproc.c, inproc_listen.c */
struct inproc_listener;
struct stream *inproc_connect(
	struct loop *loop, const char *name, const struct stream_handlers *handlers, void *arg);
/* NULL: errno, EADDRINUSE if the name is taken. */
struct inproc_listener *inproc_listen(struct listener *l, struct loop *loop, const char *name);
void inproc_listener_pause(struct inproc_listener *il, bool paused);
void inproc_listener_free(struct inproc_listener *il);

/* listener.c: hands a new stream to the listener's owner. */
void listener_accepted(struct listener *l, struct stream *s);

/* address.c */
enum address_kind { ADDRESS_BAD, ADDRESS_UNIX, ADDRESS_TCP, ADDRESS_INPROC };

struct address {
	enum address_kind kind;
	char path[256]; /* unix: the path; inproc: the name; tcp: the host, without brackets */
	char port[8];
};

struct address address_parse(const char *text);

#endif
