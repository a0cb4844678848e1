/*
 * A task module whose tasks talk through queues. Both are elements of an array: how many there are,
 * and which one this is, is all they are told.
 *
 *	produce([producers, count])  puts its share of the numbers 2, 3, 4, … into one queue
 *	consume()                    takes numbers until it is cancelled, and puts each with its
 *	                             least divisor into another
 *
 * A consumer acknowledges a number after its result is put. One that is killed in between leaves a
 * number that is taken once more: each result is there at least once.
 *
 *	cc -shared -fPIC $(pkg-config --cflags dq) -o producers.so producers-module.c \
 *		$(pkg-config --libs dq) -lmsgpackc
 */
#include "producers.h"

#include <dq/coordination.h>
#include <dq/task.h>

#include <msgpack.h>

static bool read_args(struct dq_task *task, uint64_t out[2])
{
	msgpack_unpacked args;
	const void *bytes;
	bool ok;
	size_t n;

	dq_task_args(task, &bytes, &n);
	msgpack_unpacked_init(&args);
	ok = msgpack_unpack_next(&args, bytes, n, NULL) == MSGPACK_UNPACK_SUCCESS &&
	     args.data.type == MSGPACK_OBJECT_ARRAY && args.data.via.array.size == 2;
	for (int i = 0; ok && i < 2; i++)
		out[i] = args.data.via.array.ptr[i].via.u64;
	msgpack_unpacked_destroy(&args);
	return ok;
}

/* Puts n things that lie one after the other; waits while the queue is full. */
static int put(
	struct dq_client *client, const char *queue, const void *things, size_t bytes, size_t n)
{
	struct dq_content items[BATCH];

	for (size_t i = 0; i < n; i++)
		items[i] = (struct dq_content){.size = sizeof(items[i]),
			.type = "number",
			.bytes = (const char *)things + i * bytes,
			.n = bytes};
	return dq_queue_put(client, queue, items, n, NULL, -1, NULL);
}

static int produce(struct dq_task *task)
{
	uint64_t numbers[BATCH], args[2];
	struct dq_client *client;
	size_t n = 0;
	int error;

	if (!read_args(task, args))
		return dq_task_fail(task, "produce: wants [producers, count]");
	error = dq_task_client(task, &client);
	for (uint64_t i = (uint64_t)dq_task_element(task); i < args[1] && !error; i += args[0]) {
		numbers[n++] = i + 2;
		if (n == BATCH || i + args[0] >= args[1]) {
			error = put(client, NUMBERS, numbers, sizeof(*numbers), n);
			n = 0;
		}
	}
	return error ? dq_task_fail(task, "produce: %s", dq_client_error(client)) : 0;
}

static struct found work(const struct dq_item *item)
{
	struct found found = {.divisor = 2};

	memcpy(&found.number, item->value.bytes, sizeof(found.number));
	while (found.number % found.divisor)
		found.divisor++;
	return found;
}

/* Takes some, and is done with them. */
static int some(struct dq_client *client)
{
	struct dq_item items[BATCH];
	struct found found[BATCH];
	size_t n = 0;
	/* a lease of 0 s: as long as this task's session lasts, that is, as it lives */
	int error = dq_queue_take(client, NUMBERS, BATCH, 0, -1, items, &n);

	for (size_t i = 0; i < n; i++)
		found[i] = work(&items[i]);
	if (!error)
		error = put(client, FOUND, found, sizeof(*found), n);
	for (size_t i = 0; i < n; i++) {
		if (!error)
			error = dq_queue_ack(client, NUMBERS, items[i].id, items[i].fence, -1);
		dq_item_release(&items[i]);
	}
	return error;
}

static int consume(struct dq_task *task)
{
	struct dq_client *client;
	int error = dq_task_client(task, &client);

	while (!error)
		error = some(client);
	return dq_task_fail(task, "consume: %s", dq_client_error(client));
}

DQ_MODULE({"produce", produce}, {"consume", consume})
