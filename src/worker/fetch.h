/*
 * Getting inputs from other workers. A value is asked for once, whoever wants it, and kept a while
 * for who comes next. Loop's thread; callbacks come from the loop, never inside a call.
 */
#ifndef WORKER_FETCH_H
#define WORKER_FETCH_H

#include "codec/frame.h"
#include "loop/loop.h"
#include "loop/stream.h"
#include "worker/lease.h"

#include <stdint.h>

struct fetcher;

struct fetch_handlers {
	/* An input of the lease is here: its blob is set, and `fetching` counted down. */
	void (*on_input)(struct lease *l, void *arg);
	/* No holder gives it. `leases` (an array) wanted it; none of them is waited for any more,
	 * by other inputs neither. */
	void (*on_missing)(
		uint64_t id, uint32_t generation, struct lease *const *leases, size_t n, void *arg);
};

/* Large inputs go through files in inputs_dir. */
struct fetcher *fetcher_new(struct loop *loop, const char *inputs_dir,
	const struct fetch_handlers *handlers, void *arg);
void fetcher_free(struct fetcher **f);
/*
 * Gets the index-th input of the lease: at once from what is kept (true: the blob is set), else
 * later (false: `fetching` was counted up).
 */
bool fetcher_want(struct fetcher *f, struct lease *l, uint32_t index);
/* Values that the scheduler stores are had over the worker's own connection to it: while it stands,
 * and its frames DATA and NODATA. False: malformed, *why. */
void fetcher_connected(struct fetcher *f, struct stream *stream);
void fetcher_disconnected(struct fetcher *f);
bool fetcher_frame(struct fetcher *f, const struct frame *frame, const char **why);
/* The lease wants nothing any more. */
void fetcher_forget(struct fetcher *f, struct lease *l);
/* The value is not kept any more. */
void fetcher_drop(struct fetcher *f, uint64_t id, uint32_t generation);

#endif
