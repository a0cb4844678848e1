/*
 * A task module of two stages, each task of which is a transaction: what it does to queues and
 * variables is done when the task is, or not at all.
 *
 *	square()  takes a number from one queue, and puts the last digit of its square into another
 *	count()   takes a digit, and adds one to the variable that counts it
 *
 * A task that is killed after its work and before its end has done nothing: its item waits again,
 * for the next attempt.
 *
 *	cc -shared -fPIC $(pkg-config --cflags dq) -o pipeline.so pipeline-module.c \
 *		$(pkg-config --libs dq)
 */
#include <dq/transaction.h>

#include <stdio.h>

/* What both begin with: a client, the task's transaction, and an item, which it acknowledges. */
static int begin(struct dq_task *task, const char *queue, struct dq_client **client,
	struct dq_txn **txn, int64_t *number)
{
	struct dq_item item;
	size_t n;
	int error = dq_task_client(task, client);

	/* a lease of 0 s: as long as this attempt lives */
	if (!error)
		error = dq_queue_take(*client, queue, 1, 0, -1, &item, &n);
	if (error)
		return error;
	error = dq_value_int(&item.value, number);
	if (!error)
		error = dq_task_txn(task, txn);
	if (!error)
		error = dq_txn_ack(*txn, queue, item.id, item.fence);
	dq_item_release(&item);
	return error;
}

static int square(struct dq_task *task)
{
	struct dq_content digit = {.size = sizeof(digit), .args = NULL};
	struct dq_args *args = dq_args_new();
	struct dq_client *client = NULL;
	struct dq_txn *txn;
	int64_t number;
	int error = begin(task, "pipeline-numbers", &client, &txn, &number);

	if (!error) {
		dq_args_int(args, number * number % 10);
		digit.args = args;
		error = dq_txn_put(txn, "pipeline-digits", &digit, 1, NULL);
	}
	dq_args_free(&args);
	return error ? dq_task_fail(task, "square: %s", dq_client_error(client)) : 0;
}

static int count(struct dq_task *task)
{
	struct dq_content sum = {.size = sizeof(sum), .args = NULL};
	struct dq_variable counter = {.version = 0};
	struct dq_args *args = dq_args_new();
	struct dq_client *client = NULL;
	int64_t digit, so_far = 0;
	struct dq_txn *txn;
	char name[32];
	int error = begin(task, "pipeline-digits", &client, &txn, &digit);

	if (!error) {
		snprintf(name, sizeof(name), "pipeline-count-%d", (int)digit);
		error = dq_variable_get(client, name, 0, -1, &counter);
	}
	if (!error)
		error = dq_value_int(&counter.value, &so_far);
	if (!error) {
		/* another may count the same digit: who is later is run again */
		dq_args_int(args, so_far + 1);
		sum.args = args;
		error = dq_txn_set_if(txn, name, counter.version, &sum);
	}
	dq_variable_release(&counter);
	dq_args_free(&args);
	return error ? dq_task_fail(task, "count: %s", dq_client_error(client)) : 0;
}

DQ_MODULE({"square", square}, {"count", count})
