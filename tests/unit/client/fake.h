/*
 * A scheduler as a script says, for tests of the client: real messages over an in-process stream,
 * on a thread and loop of its own. What it has (numbers, replies, tasks) outlives connections, as a
 * store would. Tests set the script before they act and look at the counts after; both under the
 * lock that fake_lock() takes where the fake may act meanwhile.
 */
#ifndef CHECK_CLIENT_FAKE_H
#define CHECK_CLIENT_FAKE_H

#include "base/thread.h"
#include "client/runs.h"
#include "loop/loop.h"
#include "loop/stream.h"
#include "model/deal.h"
#include "wire/wire.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define FAKE_SESSION 7u
#define FAKE_SEQS 65536u

enum fake_reply { REPLY_NONE, REPLY_PLAIN, REPLY_STORED };

struct fake_stored {
	enum fake_reply kind;
	uint64_t code;
	char text[64];
	uint8_t data[64];
	size_t n;
};

struct fake_script {
	bool hold_replies;    /* requests are taken, but answered only by fake_release() */
	bool hold_outcomes;   /* tasks end only by fake_release() */
	bool slow_plain;      /* plain replies only each 64th request, and on PING */
	bool big_values;      /* values are left out of outcomes, and in VALUE */
	bool held_values;     /* values are at the holders */
	unsigned bad_holders; /* the first of three holders answer NODATA (1) or wrong bytes (2) */
	uint64_t lose_after_seq; /* the connection ends when that seq comes, before it is taken */
	uint64_t lose_taken_seq; /* likewise, after it was taken, before the reply */
	uint64_t not_taken_seq;  /* refused, not taken, once */
	uint64_t too_large_seq;  /* that request's frame is over the limit, each time */
	uint64_t conflict_seq;   /* that request is refused */
	uint64_t alias_seq;      /* its first task is an old one: alias_id */
	uint64_t alias_id;
	uint32_t fail_n;         /* the task with that number fails */
	uint64_t refuse_act;     /* ACT is refused for this task */
	bool late_end;           /* before the reply to ACT, the last end of fail_n is told */
	bool keeps;              /* a forgotten task stays */
	bool not_ended;          /* so it is said of the next value that is asked for */
	unsigned silent_queries; /* that many are not answered */
	uint64_t refuse_code;    /* HELLO is refused */
};

#define FAKE_VARIABLES 8
#define FAKE_AWAITS 16

struct fake_variable {
	char name[16];
	uint64_t version, task;
	uint8_t content[256];
	size_t n;
};

/* request 0: none. */
struct fake_await {
	uint64_t request, above;
	struct fake_variable *variable;
};

#define FAKE_ITEMS 16

/* Of the one queue that there is. */
struct fake_item {
	uint8_t content[64];
	size_t n;         /* 0: there is none */
	uint64_t request; /* of the TAKE that it was granted to; 0: it waits */
	bool out;         /* that was acknowledged */
};

struct fake {
	pthread_mutex_t lock;
	pthread_t thread;
	char address[64], data_address[64];
	struct loop *loop;
	struct wake *wake;
	struct listener *listener, *data_listener;
	struct stream *peer; /* the client's connection */
	bool stop, release, drop;
	struct fake_script script;
	/* the store */
	uint64_t last_seq, next_n;
	struct fake_stored *stored; /* by seq */
	uint64_t replied;           /* plain replies were sent up to here */
	struct runs tasks;          /* all submitted */
	struct runs staged;         /* of the graph under way */
	bool staging;
	struct fake_variable variables[FAKE_VARIABLES];
	struct fake_await awaits[FAKE_AWAITS]; /* on this connection */
	struct fake_item items[FAKE_ITEMS];
	uint64_t take;       /* that waits, on this connection; 0: none */
	unsigned takes;      /* how many came */
	struct deal_op last; /* the last operation of the last DO, but for what it borrows */
	struct runs watched; /* on this connection, not told */
	struct runs ending;  /* to be told now */
	/* counts */
	unsigned connections, submits, resent, cancels, releases, acked, gets, fetches, queries,
		closes, hellos, parts, commits, aborts, deals, awaited, acts;
	struct msg_act act; /* the last one, but for its lists */
	int64_t act_arg;
	uint64_t released_ids, cancelled_ids, watched_ids, ntasks, acked_upto;
};

void fake_start(struct fake *f);
/* At an address of your own; its data address is the same with "-data" behind it. */
void fake_start_at(struct fake *f, const char *address);
void fake_stop(struct fake *f);
void fake_lock(struct fake *f);
void fake_unlock(struct fake *f);
/* Lets go of what hold_replies and hold_outcomes keep back, from now on. */
void fake_release(struct fake *f);
/* Tells of these ends, whatever is held back. */
void fake_end(struct fake *f, uint32_t first_n, uint64_t count);
/* Ends the client's connection. */
void fake_drop(struct fake *f);
/* Tells of its end at once, under the lock. */
void fake_tell_end(struct fake *f, uint32_t first_n);
/* fake_take.c: does a numbered request, and keeps its reply. */
void fake_take(struct fake *f, const struct frame *frame);
/* fake_things.c: AWAIT, DROP, and the one operation of a DO. */
void fake_await(struct fake *f, const struct frame *frame);
void fake_drop_await(struct fake *f, const struct frame *frame);
void fake_deal(struct fake *f, uint64_t seq, const struct deal_op *op);
struct fake_variable *fake_variable_of(struct fake *f, struct slice name);
/* Sets it, and tells who awaits it. */
void fake_set(struct fake *f, struct fake_variable *v, const struct deal_value *value);
/* fake_queue.c: TAKE, and a DO of several operations, or of one on a queue. */
void fake_take_items(struct fake *f, const struct frame *frame);
bool fake_is_deal_of_queue(const struct deal_op *op);
void fake_deals(struct fake *f, uint64_t seq, struct slice ops);

#endif
