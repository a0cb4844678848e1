/*
 * A lease on this worker: one task under one fence, from its LEASE frame to the acknowledged
 * report. All leases of a frame share one allocation with a copy of the frame, which they point
 * into.
 *
 * Threads: a lease is made, moved between states and freed on the loop's thread. While it is with a
 * slot, that slot's thread reads it and writes `value` and `cancelled`; only the atomics are
 * touched by both.
 */
#ifndef WORKER_LEASE_H
#define WORKER_LEASE_H

#include "base/list.h"
#include "base/slice.h"
#include "model/ids.h"
#include "wire/wire.h"
#include "worker/blob.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum lease_state {
	LEASE_BLOCKED,  /* an older lease of the task still runs here */
	LEASE_FETCHING, /* waits for inputs */
	LEASE_QUEUED,   /* on its way to a slot, or with one: what it does there only the slots know
			 */
	LEASE_REPORTING /* ended; its report is not acknowledged */
};

/* A dependency's value. */
struct lease_value {
	uint64_t id;
	uint32_t generation;
	struct slice type;
	struct slice bytes; /* inline, when blob is NULL */
	struct blob *blob;  /* held here or fetched; a reference */
	uint64_t size, checksum;
	struct slice where;
};

/* One LEASE frame: the copy of its bytes and its leases. */
struct lease_frame {
	struct list node;
	uint32_t left; /* leases not freed */
	uint32_t count;
	struct lease *leases;
	struct slice bytes;
};

struct lease {
	struct list node; /* in the slots' queue, then in a batch of ended ones */
	struct lease_frame *frame;
	uint64_t id;
	struct fence fence;
	struct slice key, spec, element_input;
	int64_t element;     /* -1 outside arrays */
	uint64_t timeout_us; /* how long it may run; 0: no limit */
	uint32_t generation, attempt, flags;
	uint64_t cpus; /* what it takes while it runs, in parts of AMOUNT_UNIT */
	int32_t priority;
	uint32_t lane; /* of leases of one lane, those of higher priority begin first */
	enum lease_state state;
	bool pushed;             /* given to the slots */
	bool in_queue;           /* under the lock of the slots */
	bool started_sent;       /* STARTED names it */
	bool withdrawn;          /* it is reported, and had not begun */
	bool revoked;            /* asked back while it was blocked */
	bool orphan;             /* replaced by a newer lease: no one wants its value */
	bool seceded;            /* it waits for other tasks, and its slot is another's */
	bool has_seceded;        /* at some time: its run time says nothing of what it takes */
	uint64_t progress_told;  /* what was sent of its progress: how often it had been told, */
	uint64_t progress_at_us; /* and when */
	uint32_t fetching;       /* inputs that are not here yet */
	uint32_t ninputs;
	struct lease_value *inputs;
	struct lease *successor;   /* the newer lease that waits for this one to end … */
	struct lease *predecessor; /* … and back */

	/* written by the loop, read by the slot */
	atomic_int stop;     /* asked to stop */
	uint32_t stop_cause; /* enum cause */

	/* written by the slot */
	struct blob *value; /* a held result; NULL: inline or none */
	bool cancelled;     /* it was stopped: the value does not count */
	struct slice entry; /* for REPORT, of one whose value is to be stored first; malloc'd */
};

/* Moves those that begin before what has not begun to the front of the queue. */
static inline void leases_put_ahead(struct list *queue, struct list *leases)
{
	list_for_each_safe(node, next, leases) {
		if (!(list_entry(node, struct lease, node)->flags & LEASE_FLAG_AHEAD))
			continue;
		list_remove(node);
		list_push_front(queue, node);
	}
}

#endif
