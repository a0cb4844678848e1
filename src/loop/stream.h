/*
 * A connection that carries frames (codec/frame.h): over a unix socket, TCP, a socket pair, or
 * inside this process between two loops in two threads. One interface, the same limits and the same
 * order of callbacks for all.
 *
 * Addresses: "unix:PATH", "tcp://HOST:PORT" (an IPv6 host in brackets), "inproc:NAME".
 *
 * Sending: frames are appended to stream_buf(); everything gathered in a turn of the loop leaves in
 * one write at its end, or at stream_flush(). What the peer does not take stays pending; past the
 * limit of pending bytes the stream ends with "peer reads too slowly". Frames may be sent before
 * on_open: they leave then.
 *
 * Receiving: frames are parsed where they were read, many from one read; nothing is copied but a
 * frame cut by the end of a read. A stream that is not read (paused) takes nothing from the socket,
 * and does not see that its peer left.
 *
 * Ends: on_close comes exactly once, as the last callback, always from the loop (never inside a
 * call of this header), unless stream_free() forbade it. The stream's memory is gone when it
 * returns.
 *
 * Threads: a stream belongs to its loop's thread. Writes never raise SIGPIPE. Descriptors are
 * close-on-exec.
 */
#ifndef LOOP_STREAM_H
#define LOOP_STREAM_H

#include "base/buf.h"
#include "base/slice.h"
#include "codec/frame.h"
#include "loop/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define STREAM_PENDING_MAX_BYTES ((size_t)64 << 20) /* default of stream_set_pending_max */
#define STREAM_LOW_WATER_BYTES ((size_t)256 << 10)  /* below this on_drain comes */

struct stream;
struct listener;

struct stream_handlers {
	/* The connection stands (also for accepted ones). May be NULL. */
	void (*on_open)(struct stream *s, void *arg);
	/*
	 * One frame; the payload is valid during the call. The stream may be closed, aborted,
	 * freed, or paused inside; no further frame comes then (until resumed). May be NULL: frames
	 * are dropped.
	 */
	void (*on_frame)(struct stream *s, const struct frame *frame, void *arg);
	/*
	 * What came is no frame (EPROTO) or one over the limit (EMSGSIZE); no frame comes after it.
	 * Frames appended inside, which may say why, leave; then the stream ends with this reason.
	 * The stream may be closed, aborted or freed inside. NULL: it ends without a word.
	 */
	void (*on_bad_frame)(struct stream *s, const char *reason, int err, void *arg);
	/* Pending bytes were over the low water mark and are no more. May be NULL. */
	void (*on_drain)(struct stream *s, void *arg);
	/*
	 * The end. `reason` is one line of text; `err` is 0 for an orderly end (either side closed
	 * between two frames), else an errno value: EPROTO (no frames), EMSGSIZE (a frame over the
	 * limit), ENOBUFS (the peer reads too slowly), ECANCELED (stream_abort), ECONNREFUSED,
	 * ENOENT, ECONNRESET, ETIMEDOUT, ENOMEM … May be NULL.
	 */
	void (*on_close)(struct stream *s, const char *reason, int err, void *arg);
};

/*
 * Connects. `handlers` must outlive the stream. NULL only for an address that cannot be read
 * (EINVAL) or for lack of memory or descriptors (errno); all other failures come through on_close.
 * A host name is looked up inside the call (numeric addresses are not).
 */
struct stream *stream_connect(
	struct loop *loop, const char *address, const struct stream_handlers *handlers, void *arg);
/*
 * Takes over a connected socket (one end of a socketpair, an inherited descriptor): closed with the
 * stream.
 */
struct stream *stream_adopt(
	struct loop *loop, int fd, const struct stream_handlers *handlers, void *arg);

/* Is the text an address of a form that stream_connect and listener_new know? */
bool stream_address_is_valid(const char *address);

/* From then on other handlers: after a handshake, or for a stream just accepted. */
void stream_set_handlers(struct stream *s, const struct stream_handlers *handlers, void *arg);
void *stream_arg(const struct stream *s);
struct loop *stream_loop(const struct stream *s);

/* --- Sending ------------------------------------------------------------------------------- */

/*
 * The buffer to append whole frames to (frame_begin/frame_end, frame_append). Never NULL; valid
 * until the next call on the stream. On a stream that has ended or is closing what is appended is
 * dropped. Asking marks the stream for the flush at the end of the turn.
 */
struct buf *stream_buf(struct stream *s);
/* Writes what is gathered, now. Never calls back: errors show later through on_close. */
void stream_flush(struct stream *s);
/*
 * Ends the frame begun at `mark` of stream_buf() with `data` as the (rest of the) payload, without
 * copying it. release(release_arg) is called once, when it was written or the stream ended: from
 * the loop or inside this call. False: the payload is too large; the frame is cut off and data
 * released.
 */
bool stream_send_ref(struct stream *s, size_t mark, struct slice data, void (*release)(void *),
	void *release_arg);
/* Appended or queued, not yet taken by the socket. */
size_t stream_pending_bytes(const struct stream *s);
void stream_set_pending_max(struct stream *s, size_t bytes);

/* --- Receiving ----------------------------------------------------------------------------- */

/* The largest payload accepted, FRAME_MAX_PAYLOAD by default; small before a peer is known. */
void stream_set_frame_limit(struct stream *s, uint32_t payload_bytes);
void stream_pause(struct stream *s);
/* Frames already read come from the loop, not inside this call. */
void stream_resume(struct stream *s);

/* --- Who is there -------------------------------------------------------------------------- */

struct stream_cred {
	pid_t pid;
	uid_t uid;
	gid_t gid;
};

/* True for unix sockets, socket pairs and in-process streams. */
bool stream_peer_cred(const struct stream *s, struct stream_cred *out);
/*
 * For logs: "unix:PATH", "tcp://1.2.3.4:567", "unix:PATH pid 12", "inproc:NAME". Lives as long as
 * the stream.
 */
const char *stream_peer_name(const struct stream *s);
bool stream_is_open(const struct stream *s);
/* Sums since the start, headers included. */
uint64_t stream_bytes_in(const struct stream *s);
uint64_t stream_bytes_out(const struct stream *s);

/* --- Ends ---------------------------------------------------------------------------------- */

/* Stops reading, writes what is pending (10 s at most), closes; then on_close("closed", 0). */
void stream_close(struct stream *s);
/* Drops what is pending; then on_close("aborted", ECANCELED). After stream_close too. */
void stream_abort(struct stream *s);
/*
 * As stream_abort, and no callback comes any more, on_close neither. Sets *s to NULL; accepts NULL.
 */
void stream_free(struct stream **s);

/* --- Listening ----------------------------------------------------------------------------- */

/*
 * A peer connected. The callee sets handlers inside the call, or the stream is closed when it
 * returns; on_open follows from the loop.
 */
typedef void listener_fn(struct listener *l, struct stream *s, void *arg);

/*
 * Listens. A unix socket file that nobody answers is replaced; one that answers is EADDRINUSE; the
 * directory is made (0700) if absent; the socket is made 0600. NULL: errno, and one line in `why`
 * (may be NULL).
 */
struct listener *listener_new(struct loop *loop, const char *address, listener_fn *on_accept,
	void *arg, char *why, size_t why_bytes);
/* The address with the port it got. */
const char *listener_address(const struct listener *l);
/* Unix sockets: lets a group connect (0660). False: errno. */
bool listener_allow_group(struct listener *l, gid_t gid);
/* New streams start with this limit (FRAME_MAX_PAYLOAD by default). */
void listener_set_frame_limit(struct listener *l, uint32_t payload_bytes);
/* Takes no more connections until resumed; they wait in the kernel. */
void listener_pause(struct listener *l);
void listener_resume(struct listener *l);
/* Removes its unix socket file. Streams accepted stay. */
void listener_free(struct listener **l);

#endif
