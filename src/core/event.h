/*
 * What can happen to the scheduler's core. The time is in the event; slices are borrowed for the
 * step. Who sends them: scheduler/ from decoded messages and timers, the simulator from its script.
 */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include "base/slice.h"
#include "model/ids.h"
#include "model/offer.h"
#include "model/state.h"

#include <stdbool.h>
#include <stdint.h>

enum event_kind {
	EVENT_OPEN = 1,   /* a client opens or resumes a session */
	EVENT_LOOK,       /* a peer of another user than user 0 is there: open.user, open.uid */
	EVENT_ENTER,      /* a client proved that it acts for a task's lease */
	EVENT_DISCONNECT, /* a connection is gone, whoever had it */
	/* numbered requests of a session */
	EVENT_SUBMIT,
	EVENT_CANCEL,
	EVENT_RELEASE,
	EVENT_HOLD,
	EVENT_DETACH,
	EVENT_ACT,
	EVENT_CLOSE,
	EVENT_DEAL,
	/* other things that clients send */
	EVENT_ACKED,
	EVENT_WATCH,
	EVENT_UNWATCH,
	EVENT_GET,
	EVENT_FLOW,   /* a connection reads too slowly what it is sent, or reads again */
	EVENT_SECEDE, /* of one that entered: its task waits, and gives its slot back */
	EVENT_AWAIT,
	EVENT_DROP,
	EVENT_TAKE, /* items of a queue: a registration, answered by a grant */
	/* workers */
	EVENT_JOIN,
	EVENT_CREDIT,
	EVENT_STARTED,
	EVENT_REPORT,
	EVENT_MISSING,
	EVENT_PROGRESS,
	EVENT_LEAVE,
	/* the shell's own */
	EVENT_SPOILT,   /* the stored value of task get.id, of generation seq, cannot be read */
	EVENT_TICK,     /* time passes: deadlines */
	EVENT_CONTINUE, /* go on with long works; asked for by update.more */
	EVENT_SEAL /* a batch is about to be handed to the store: decide leases, write what changed
		    */
};

/* A lease as its worker names it. */
struct event_lease {
	uint64_t id;
	struct fence fence;
	bool started;         /* JOIN */
	struct slice outcome; /* REPORT: encoded outcome, decodable */
	struct slice effects; /* REPORT: what it did in its transaction (model/deal.h), or empty */
};

/* A value that a worker holds, or could not have. */
struct event_copy {
	uint64_t id;
	uint32_t generation;
	uint64_t checksum;
	uint64_t size;
};

struct event {
	enum event_kind kind;
	uint64_t conn;    /* who: a number the shell never uses twice; 0 for the shell's own */
	uint64_t mono_us; /* monotonic clock */
	uint64_t wall_us; /* wall clock */
	uint64_t seq;     /* of a numbered request, a report, an acknowledgement (ACKED: up to), a
			     registration (AWAIT, DROP) */
	bool no_room;     /* the store is below low water: refuse what grows it */
	bool no_scan;     /* enough outcomes of the past wait to be told: scan for no more */
	union {
		struct {
			uint32_t session; /* 0: new */
			struct slice token;
			uint8_t new_token[TOKEN_BYTES]; /* random, for a new session */
			struct slice name;
			uint64_t ttl_ms; /* 0: the default */
			struct slice user;
			uint32_t uid;
		} open;
		struct {
			uint32_t first_n;
			uint64_t count;
			uint32_t flags;  /* BLOCK_ARRAY, SUBMIT_* */
			struct slice ns; /* empty: the user's own */
			struct slice body;
		} submit;
		struct slice runs; /* CANCEL, RELEASE, DETACH, WATCH, UNWATCH */
		struct {
			uint32_t kind, flags; /* enum act_kind, ACT_SKIP */
			int64_t arg;
			struct slice runs;
		} act;
		struct slice keys; /* HOLD: msgpack array of str */
		struct slice ops;  /* DEAL: model/deal.h */
		struct {
			uint32_t kind; /* enum thing_kind, not checked */
			struct slice name;
			uint64_t after;
		} await;
		struct {
			struct slice name;
			uint32_t mode; /* enum take_mode, not checked */
			uint64_t count, lease_us;
		} take;
		struct {
			uint64_t request;
			uint64_t id;
		} get;
		struct {
			uint64_t id;
			struct fence fence;
		} enter;
		bool secede; /* false: it is back */
		struct {
			uint64_t id;
			struct fence fence;
			uint32_t millionths; /* more than a million: not known */
			struct slice text;   /* at most PROGRESS_TEXT_BYTES count */
		} progress;
		struct {
			struct slice uuid, name, address, instance;
			struct slice user;
			uint32_t uid;
			const struct offer *offer;
			const struct event_lease *running;
			uint32_t nrunning;
			const struct event_copy *copies;
			uint32_t ncopies;
		} join;
		uint32_t credit;
		bool slow; /* FLOW */
		struct {
			const struct event_lease *items;
			uint32_t n;
		} leases; /* STARTED, REPORT */
		struct {
			const struct event_copy *copies;
			uint32_t ncopies;
			const struct event_lease *leases; /* that come back for want of them */
			uint32_t nleases;
		} missing;
	};
};

#endif
