/*
 * libdq: transactions. Several changes of what is shared by name, submits, and preconditions: all
 * of them are made, in one transaction of the scheduler's store, or none is.
 *
 *	struct dq_txn *txn;
 *
 *	dq_txn_new(client, &txn);
 *	dq_txn_ack(txn, "in", item.id, item.fence);
 *	dq_txn_put(txn, "out", &content, 1, NULL);
 *	dq_txn_set_if(txn, "offset", version, &offset);
 *	code = dq_txn_commit(txn, -1, NULL);
 *	dq_txn_free(&txn);
 *
 * The transaction of a task (dq_task_txn) commits with the task: what is added to it takes effect
 * when the task is done, in the transaction that makes it so, or not at all. So a task that takes
 * an item from a queue, and acknowledges it in its transaction, has its effects on dq once for each
 * item, whatever dies meanwhile.
 *
 * What is added is checked in part: a name that is none, say. The first call that fails makes the
 * transaction one that fails: its code comes from all further calls, so that only the commit needs
 * to be looked at. All else is checked at the commit, each operation against what those before it
 * will have done. Nothing is changed before.
 *
 * At most 4096 operations and 8 MiB; of a task, 1 MiB. Errors and threads: as <dq/coordination.h>
 * says; one thread at a time uses a transaction.
 */
#ifndef DQ_TRANSACTION_H
#define DQ_TRANSACTION_H

#include <dq/coordination.h>
#include <dq/task.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dq_txn;

/* One to be committed by dq_txn_commit. It ends before its client. */
int dq_txn_new(struct dq_client *client, struct dq_txn **out);
/* What was not committed is forgotten. Sets *txn NULL; accepts NULL. That of a task is left alone:
 * it ends with the function. */
void dq_txn_free(struct dq_txn **txn);

/*
 * The transaction of the task that is running, the same each time it is asked for. It commits when
 * the function has returned 0 and its report is taken; the task's dependents start after it. It
 * comes to nothing when the attempt ends in any other way: a failure, a crash, a lease that is
 * over, dq_task_reschedule, dq_task_fail; also where the task runs again only to make its lost
 * value.
 *
 * A refusal ends the attempt. One that another attempt might not meet (DQ_E_CONFLICT,
 * DQ_E_NOT_FOUND, DQ_E_GONE, DQ_E_LIMIT, DQ_E_STORE) is not counted as a failure of the task, which
 * is run again after a while: 16 times, then it fails with the cause `conflict` and the refusal's
 * text. Any other fails it at once. A task that may have one attempt (once) fails at once as well.
 *
 * *out is NULL only when out of memory, or where the worker is of a version that knows no
 * transactions (DQ_E_USAGE). A module that uses it is linked with libdq.
 */
int dq_task_txn(struct dq_task *task, struct dq_txn **out);

/* ---- variables ---- */
int dq_txn_set(struct dq_txn *txn, const char *name, const struct dq_content *content);
/* Only if its version is `expected`; 0: if it is not there. */
int dq_txn_set_if(
	struct dq_txn *txn, const char *name, uint64_t expected, const struct dq_content *content);
/* A precondition alone. */
int dq_txn_expect(struct dq_txn *txn, const char *name, uint64_t version);
int dq_txn_variable_delete(struct dq_txn *txn, const char *name);

/* ---- queues ---- */
/* At most 4096 items. A queue that is full refuses the transaction: it does not wait. */
int dq_txn_put(struct dq_txn *txn, const char *queue, const struct dq_content *items, size_t n,
	const struct dq_put *options);
/* Of an item that was taken (dq_queue_take), by anybody: its id and fence. */
int dq_txn_ack(struct dq_txn *txn, const char *queue, const char *id, const char *fence);
int dq_txn_nack(
	struct dq_txn *txn, const char *queue, const char *id, const char *fence, double delay_s);

/* ---- locks and events ---- */
/* A precondition: held under that fence (dq_lock_acquire). */
int dq_txn_expect_lock(struct dq_txn *txn, uint64_t fence);
int dq_txn_unlock(struct dq_txn *txn, uint64_t fence);
int dq_txn_event_set(struct dq_txn *txn, const char *name);
int dq_txn_event_clear(struct dq_txn *txn, const char *name);

/* ---- topics ---- */
int dq_txn_publish(struct dq_txn *txn, const char *topic, const struct dq_content *content);

/* ---- tasks ---- */
/*
 * Submits a task, as dq_submit does, once the transaction commits. It has a key, the spec's or one
 * that is made, *key (may be NULL), which the transaction keeps until it ends: operations that are
 * added to it, and later submits, name the task by it (dq_args_key, dq_spec.after_keys), and after
 * the commit dq_future_from_key gives its future. Until it is freed, or the session ends, the task
 * is held by the client's session; that of a task's transaction is detached, whatever the spec
 * says. A key that is another task's refuses the transaction (DQ_E_CONFLICT).
 */
int dq_txn_submit(struct dq_txn *txn, const struct dq_spec *spec, const char **key);

/* ---- committing ---- */
/*
 * Commits, and waits until that is on stable storage. It is done once, whatever becomes of the
 * connection or the scheduler meanwhile. A refusal's text (dq_client_error) names the operation
 * that could not be made, and why; *failed (may be NULL) is its number, from 0 in the order in
 * which they were added, SIZE_MAX where it was none of them. DQ_E_TIMEOUT: it is still on its way.
 * DQ_E_USAGE for the transaction of a task, and for one that was committed before. An empty one is
 * done at once.
 */
int dq_txn_commit(struct dq_txn *txn, double timeout_s, size_t *failed);
/* After the commit: of the i-th operation the new version of a set, the cursor of a publish; 0 for
 * others. */
uint64_t dq_txn_result(const struct dq_txn *txn, size_t i);
/* Why the last call failed; "" where none did. */
const char *dq_txn_error(const struct dq_txn *txn);

#ifdef __cplusplus
}
#endif
#endif
