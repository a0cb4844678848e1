/*
 * A task module for the tests of transactional tasks:
 *	first(), second()	take an item of `in` (of `mid`), and pass it on to `mid` (to `out`)
 *	mark()		sets `mark`, and counts in `marks`; fails or crashes where its key says so
 *	plain()		takes an item of `hand` and puts it into `over` with the task's client, and
 *			acknowledges it unless its key says that it forgets to
 *	spawn()		submits `mark`, detached, under the key `spawned`
 *	gate()		is done once the variable `gate` was set for the first time
 */
#include <dq/transaction.h>

#include <stdlib.h>
#include <string.h>

static int failed(struct dq_task *task, struct dq_client *c)
{
	return dq_task_fail(task, "%s", c ? dq_client_error(c) : "out of memory");
}

static int pass(struct dq_task *task, const char *in, const char *out)
{
	struct dq_content content = DQ_CONTENT_INIT;
	struct dq_client *c;
	struct dq_txn *txn;
	struct dq_item item;
	size_t n;

	if (dq_task_client(task, &c) || dq_queue_take(c, in, 1, 0, 60, &item, &n))
		return failed(task, c);
	if (dq_task_txn(task, &txn))
		return dq_task_fail(task, "no transaction");
	content.type = item.value.type;
	content.bytes = item.value.bytes;
	content.n = item.value.n;
	dq_txn_put(txn, out, &content, 1, NULL);
	dq_txn_ack(txn, in, item.id, item.fence);
	dq_item_release(&item);
	return 0;
}

static int first(struct dq_task *task)
{
	return pass(task, "in", "mid");
}

static int second(struct dq_task *task)
{
	return pass(task, "mid", "out");
}

static int mark(struct dq_task *task)
{
	struct dq_content content = DQ_CONTENT_INIT;
	struct dq_txn *txn, *same;

	if (dq_task_txn(task, &txn) || dq_task_txn(task, &same) || txn != same)
		return dq_task_fail(task, "no transaction");
	content.type = "bytes";
	content.bytes = dq_task_key(task);
	content.n = strlen(dq_task_key(task));
	dq_txn_set(txn, "mark", &content);
	dq_txn_put(txn, "marks", &content, 1, NULL);
	dq_txn_free(&txn);
	if (strstr(dq_task_key(task), "fail"))
		return dq_task_fail(task, "as it was told");
	if (strstr(dq_task_key(task), "crash") && dq_task_attempt(task) == 1)
		abort();
	if (strstr(dq_task_key(task), "later") && dq_task_attempt(task) == 1)
		return dq_task_reschedule(task, 0);
	if (strstr(dq_task_key(task), "wrong"))
		dq_txn_set(same, "no/such/name", NULL);
	if (strstr(dq_task_key(task), "wrong"))
		dq_txn_ack(same, "marks", "none", "1.1");
	return 0;
}

static int gate(struct dq_task *task)
{
	struct dq_content content = DQ_CONTENT_INIT;
	struct dq_txn *txn;

	if (dq_task_txn(task, &txn))
		return dq_task_fail(task, "no transaction");
	dq_txn_put(txn, "passed", &content, 1, NULL);
	dq_txn_expect(txn, "gate", 1);
	return 0;
}

static int plain(struct dq_task *task)
{
	struct dq_content content = DQ_CONTENT_INIT;
	struct dq_client *c;
	struct dq_item item;
	size_t n;
	int code;

	if (dq_task_client(task, &c) || dq_queue_take(c, "hand", 1, 0, 60, &item, &n))
		return failed(task, c);
	content.type = item.value.type;
	content.bytes = item.value.bytes;
	content.n = item.value.n;
	code = dq_queue_put(c, "over", &content, 1, NULL, 60, NULL);
	if (code == 0 && !strstr(dq_task_key(task), "forget"))
		code = dq_queue_ack(c, "hand", item.id, item.fence, 60);
	dq_item_release(&item);
	return code ? failed(task, c) : 0;
}

static int spawn(struct dq_task *task)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_txn *txn;

	if (dq_task_txn(task, &txn))
		return dq_task_fail(task, "no transaction");
	spec.function = "mark";
	spec.key = "spawned";
	dq_txn_submit(txn, &spec, NULL);
	return strstr(dq_task_key(task), "fail") ? dq_task_fail(task, "as it was told") : 0;
}

DQ_MODULE({"first", first}, {"second", second}, {"mark", mark}, {"gate", gate}, {"plain", plain},
	{"spawn", spawn})
