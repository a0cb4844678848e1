/*
 * What a slot and its helper process say over the socket pair (descriptor 3 of the helper). Both
 * are of one build on one machine: the bytes are host order and promise nothing to others.
 *
 * A frame is a header and a payload. A large payload does not pass the socket: it is a memfd whose
 * descriptor comes along, and the receiver maps it. One frame is answered by one frame; both sides
 * block.
 *
 *	SETUP  [dir, number, scheduler, worker, module…]   -> READY [], or BROKEN [text]
 *	FUNC   [id, epoch, seq, attempt, element, key, function, args, element_input,
 *	        [type, bytes]…]                            -> DONE
 *	EXEC   [[word…], [name, value…], cwd or nil, stdin]  -> DONE
 *
 * While a function runs, the helper may say
 *	TOKEN  []                                          -> TOKEN, the text, empty for none
 *	PROGRESS [millionths, text]                        without an answer
 *	EFFECTS, what it did in its transaction            likewise, before a DONE with its value
 *
 * Each list is one msgpack array; strings with possibly foreign bytes are bin. The end of the
 * socket tells the helper to end its task and itself. SIGTERM asks for the current task to be
 * stopped: in a function the helper sets its flag; of a command it ends the process group, with
 * SIGKILL after SLOT_GRACE_MS.
 */
#ifndef WORKER_SLOT_PROTO_H
#define WORKER_SLOT_PROTO_H

#include "base/buf.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLOT_FD 3
#define SLOT_GRACE_MS 2000
#define SLOT_INLINE_BYTES ((size_t)64 << 10) /* a larger payload travels as a memfd */

enum slot_message {
	SLOT_SETUP = 1,
	SLOT_READY,
	SLOT_BROKEN,
	SLOT_FUNC,
	SLOT_EXEC,
	SLOT_DONE,
	SLOT_TOKEN,
	SLOT_PROGRESS,
	SLOT_EFFECTS
};

/* How a task ended, as DONE's first element. */
enum slot_end {
	SLOT_END_VALUE = 1, /* func: type and value; exec: exit status 0 and the output */
	SLOT_END_FAILED,    /* func: the message */
	SLOT_END_SPEC,      /* could not be started: the message */
	SLOT_END_EXIT,      /* exec: another exit status */
	SLOT_END_SIGNAL,    /* exec: ended by a signal */
	SLOT_END_RESCHEDULE /* func: it asks for another attempt, after delay_us */
};

/* DONE. Slices borrow from the frame. */
struct slot_done {
	enum slot_end end;
	uint64_t started_us, run_us;
	struct slice type;
	struct slice value;    /* func: the result; exec: the output when it is at most
				  LIMIT_INLINE_VALUE, its end when the command failed */
	uint64_t output_bytes; /* exec: more than that lies in the slot's file */
	struct slice message;
	int32_t exit_status, signal;
	struct slice stderr_tail;
	uint64_t peak_bytes, user_us, system_us;
	uint64_t delay_us;
};

struct slot_frame {
	unsigned type;
	struct slice payload;
	/* owners of the payload */
	struct buf buf;
	void *map;
	size_t map_bytes;
};

/* Sends one frame made of the parts in order. False: errno (EPIPE: the other side is gone). */
bool slot_send(int fd, enum slot_message type, const struct slice *parts, size_t nparts);
/* Receives one. The frame is initialised with slot_frame_init, and may be reused. False: the end,
 * or errno. */
bool slot_recv(int fd, struct slot_frame *f);
void slot_frame_init(struct slot_frame *f);
void slot_frame_release(struct slot_frame *f);

/* The payload of DONE without the value's bytes, which the caller sends as the next part. */
void slot_done_encode(struct buf *out, const struct slot_done *d);
bool slot_done_decode(struct slice payload, struct slot_done *d);

#endif
