/*
 * What is shared by name, from the client's side: the numbered request DO (deal.c), the
 * registration AWAIT (await.c), what a dq_content means (content.c), and the calls of
 * <dq/coordination.h> (variable.c, variable_watch.c, lock.c, event.c, dataset.c,
 * topic.c, queue*.c); transactions: txn.h. Under the client's lock.
 */
#ifndef CLIENT_THINGS_H
#define CLIENT_THINGS_H

#include "base/buf.h"
#include "base/list.h"
#include "base/map64.h"
#include "client/outbox.h"
#include "model/deal.h"
#include "wire/wire.h"

#include <dq/coordination.h>

#include <stdbool.h>
#include <stdint.h>

/* ---- content.c ---- */

/* A dq_content as an operation has it; the slices of value borrow from bytes and key. */
struct thing_content {
	struct deal_value value;
	struct buf bytes;
	char *key;
};
/* Waits for the number of a future whose submit is not answered. 0, or a code with the error set;
 * to be released in any case. */
int thing_content_init(struct dq_client *c, struct thing_content *out,
	const struct dq_content *content, double timeout_s);
void thing_content_release(struct thing_content *t);
/* An encoded content (model/content.h) as a value. 0 or a code with the error set. */
int thing_value(struct dq_client *c, struct slice content, struct dq_value *out);

/* Waits until the future's task has a number, so that it may be named by it. 0, or a code with the
 * error set. */
int thing_future_settle(struct dq_client *c, const struct dq_future *f, double timeout_s);

/* ---- deal.c ---- */

/* 0, or DQ_E_USAGE or DQ_E_LIMIT with the error set. */
int thing_name_check(struct dq_client *c, const char *name);
/* Does these operations, all or none, and waits for the reply, of which *data then has what the
 * protocol says, also of a refusal. */
int deal_do(struct dq_client *c, const struct deal_op *ops, uint32_t n, double timeout_s,
	struct buf *data);

/* The same of an encoded list. */
int deal_do_list(struct dq_client *c, struct slice list, double timeout_s, struct buf *data);

/* Whole calls: the delete of a thing, the list of those of a kind. */
int thing_delete(
	struct dq_client *client, enum thing_kind kind, const char *name, double timeout_s);
int things_list(
	struct dq_client *client, enum thing_kind kind, double timeout_s, struct dq_value *out);

/* ---- future_api.c ---- */

/* A hold on its way: begun, ended (then *out is set if it returns 0), released in any case. Zeroed
 * before. */
struct future_holding {
	bool begun;
	struct reply_wait wait;
};
int future_hold_begin(struct dq_client *c, const char *key, struct future_holding *h);
int future_hold_end(struct dq_client *c, struct future_holding *h, const char *key,
	uint64_t deadline_us, struct dq_future **out);
void future_hold_release(struct dq_client *c, struct future_holding *h);

/* ---- await.c ---- */

struct await {
	struct list link; /* awaits.all; linked: it is registered, or will be */
	uint64_t request;
	char *name; /* owned */
	uint64_t after;
	/* a variable, unless it is set to another after await_init(); a queue: `after` is for how
	 * many there is to be room */
	enum thing_kind kind;
	/* the answer */
	bool done;
	int code;
	struct buf text;
	uint64_t version, task;
	struct buf key, content;
	void (*on_done)(struct dq_client *c, struct await *a); /* NULL: nobody is to be told */
};

struct awaits {
	struct list all;
	struct map64 by_request; /* -> struct await, from init to release */
	struct list takings;     /* struct taking */
	uint64_t next_request;
	struct list watches; /* struct dq_watch */
	struct list ready;   /* those of them whose callback is due */
};

void awaits_init(struct awaits *as);
/* Watches that their owners have not freed. */
void awaits_release(struct dq_client *c);
/* A new connection: all that is not answered is asked again. */
void awaits_restart(struct dq_client *c);
/* 0 or DQ_E_NO_MEMORY. */
int await_init(struct dq_client *c, struct await *a, const char *name, uint64_t after);
/* Asks for a version above a->after; again, after an answer, for another. */
void await_begin(struct dq_client *c, struct await *a);
/* Takes it back where it is not answered, and releases all of it. */
void await_release(struct dq_client *c, struct await *a);
/* IS came. */
bool await_is(struct dq_client *c, const struct msg_is *m, const char **why);

/* As client_await() and client_wait(), but time without a connection does not count. */
int things_await(struct dq_client *c, bool (*done)(void *arg), void *arg, double timeout_s);
int things_wait(struct dq_client *c, bool (*done)(void *arg), void *arg, double timeout_s);

/* What is left of a time that began then; below 0: no limit. */
double things_time_left(double timeout_s, uint64_t began_us);

/* A DO that is answered after all that was asked for before: what an await had to say is said. 0,
 * or a code. */
int things_ask(struct dq_client *c);

/* ---- queue.c ---- */

/* The item and the delivery that an operation is about. 0, or DQ_E_USAGE with the error set. */
int delivery_read(struct dq_client *client, const char *id, const char *fence, struct deal_op *op);

/* ---- queue_take.c ---- */

/* A TAKE, until it is answered or withdrawn. */
struct taking;
/* A new connection: all that is not answered is asked again. */
void takings_restart(struct dq_client *c);
/* GRANT came. */
bool taking_granted(struct dq_client *c, const struct msg_grant *m, const char **why);

/* ---- variable.c ---- */

/* What was told, without a hold on its future. 0 or a code with the error set. */
int variable_of(struct dq_client *c, const struct await *a, struct dq_variable *out);
/* Releases it, under the lock. */
void variable_clear(struct dq_variable *v);

/* ---- variable_watch.c ---- */

/* The driving thread calls the callbacks that are due, without the lock. */
void watches_run(struct dq_client *c);

#endif
