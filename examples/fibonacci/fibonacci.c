/*
 * A task module whose tasks submit tasks: fib(n) is the sum of fib(n - 1) and fib(n - 2), each a
 * task of its own. While one waits for its two, its slot runs others: one slot is enough for any n.
 *
 *	cc -shared -fPIC $(pkg-config --cflags dq) -o fibonacci.so fibonacci.c $(pkg-config --libs
 *dq) dq-worker --module ./fibonacci.so dq call --wait fib 10
 */
#include <dq/client.h>
#include <dq/task.h>

/* A number as one msgpack value: a byte that says "64 bits, signed", then the bits. */
static int return_number(struct dq_task *task, int64_t number)
{
	uint8_t bytes[9] = {0xd3};

	for (int i = 0; i < 8; i++)
		bytes[1 + i] = (uint8_t)((uint64_t)number >> (56 - 8 * i));
	return dq_task_return(task, "msgpack", bytes, sizeof(bytes));
}

/* `dq call` gives its words as an array, here of one: 0x91, then the number. */
static bool read_number(struct dq_task *task, int64_t *number)
{
	struct dq_value args = {.type = "msgpack"};

	dq_task_args(task, &args.bytes, &args.n);
	if (args.n < 2 || *(const uint8_t *)args.bytes != 0x91)
		return false;
	args.bytes = (const uint8_t *)args.bytes + 1;
	args.n--;
	return dq_value_int(&args, number) == DQ_E_OK;
}

static int submit(struct dq_client *client, int64_t number, struct dq_future **out)
{
	struct dq_spec spec = DQ_SPEC_INIT;
	struct dq_args *args = dq_args_new();
	int error;

	dq_args_array(args, 1);
	dq_args_int(args, number);
	spec.function = "fib";
	spec.args = args;
	error = dq_submit(client, &spec, out);
	dq_args_free(&args);
	return error;
}

static int fib(struct dq_task *task)
{
	struct dq_future *parts[2] = {NULL, NULL};
	struct dq_value values[2] = {{0}};
	struct dq_client *client;
	int64_t n, a, b;
	int error;

	if (!read_number(task, &n))
		return dq_task_fail(task, "fib wants one number");
	if (n < 2)
		return return_number(task, n);
	/* the client is the task's own: it ends with it, and so do children that nobody waits for
	 */
	error = dq_task_client(task, &client);
	if (!error)
		error = submit(client, n - 1, &parts[0]);
	if (!error)
		error = submit(client, n - 2, &parts[1]);
	/* waits for both, without keeping the slot */
	if (!error)
		error = dq_gather(client, parts, 2, DQ_RAISE, -1, values);
	if (!error)
		error = dq_value_int(&values[0], &a);
	if (!error)
		error = dq_value_int(&values[1], &b);
	for (int i = 0; i < 2; i++) {
		dq_value_release(&values[i]);
		dq_future_free(&parts[i]);
	}
	if (error)
		return dq_task_fail(task, "fib(%d): %s", (int)n, dq_client_error(client));
	return return_number(task, a + b);
}

DQ_MODULE({"fib", fib})
