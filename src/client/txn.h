/*
 * A transaction that is being made: <dq/transaction.h>. Operations are encoded as they are added
 * (txn.c); it is committed by a DO, or handed to the worker when its task's function returns
 * (txn_commit.c). One thread.
 */
#ifndef CLIENT_TXN_H
#define CLIENT_TXN_H

#include "base/arena.h"
#include "base/buf.h"

#include <dq/transaction.h>

#include <stdbool.h>
#include <stdint.h>

struct dq_txn {
	struct dq_client *client; /* of a task: one that is connected to nobody, its own */
	struct dq_task *task;     /* NULL: of a client */
	struct buf ops;  /* each as model/deal.h has it, one after the other; but submits … */
	struct buf body; /* … are one operation, the first: its tasks */
	struct buf is_submit; /* a byte for each operation that was added */
	uint32_t n, nsubmits;
	struct arena keys; /* of submits */
	int code;          /* not 0: it cannot be committed any more */
	bool committed;
	uint64_t *results; /* n of them, once it is committed */
	char error[512];
};

/* Where the operation that is the i-th of the list was added, from 0; of submits, which are one
 * there, the first. */
size_t txn_added(const struct dq_txn *txn, uint64_t listed);
/* Begins a call that adds an operation: the client that answers for it, entered (c; NULL: the
 * transaction's own). NULL: *code says why not. Then txn_end() ends it, in any case. */
struct dq_client *txn_begin(struct dq_txn *txn, struct dq_client *c, int *code);
int txn_end(struct dq_txn *txn, struct dq_client *c, int code);
/* What it would commit, as a list. False: out of memory. */
bool txn_list(const struct dq_txn *txn, struct buf *out);
/* Of a client, if task is NULL. NULL: out of memory. */
struct dq_txn *txn_new(struct dq_client *client, struct dq_task *task);
void txn_free(struct dq_txn *txn);
/* Sets the error's text from the client's, returns the code. */
int txn_failed(struct dq_txn *txn, struct dq_client *c, int code);

#endif
