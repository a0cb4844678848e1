/*
 * A task module for matrices in square blocks of doubles, row by row. A block is a value of type
 * "block" and stays on the worker that made it; others fetch it from there.
 *
 *	make([n, row, col])    the n x n block whose first element is at (row, col)
 *	add_transposed([a, b]) a + b transposed
 *	sum([a, …])            the sum of all elements of blocks or numbers
 *
 *	cc -shared -fPIC $(pkg-config --cflags dq) -o sum-transpose.so sum-transpose-module.c
 *-lmsgpackc
 */
#include <dq/task.h>

#include <math.h>
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

static int make(struct dq_task *task)
{
	msgpack_unpacked args;
	const void *bytes;
	uint64_t v[3] = {0};
	double *block;
	size_t n;
	int r;

	dq_task_args(task, &bytes, &n);
	msgpack_unpacked_init(&args);
	if (msgpack_unpack_next(&args, bytes, n, NULL) == MSGPACK_UNPACK_SUCCESS &&
		args.data.type == MSGPACK_OBJECT_ARRAY && args.data.via.array.size == 3)
		for (int i = 0; i < 3; i++)
			v[i] = args.data.via.array.ptr[i].via.u64;
	msgpack_unpacked_destroy(&args);
	if (v[0] == 0 || v[0] > 10000)
		return dq_task_fail(task, "make: wants [n, row, col]");
	n = v[0];
	block = malloc(n * n * sizeof(*block));
	if (!block)
		return dq_task_fail(task, "make: out of memory");
	for (size_t i = 0; i < n * n; i++)
		block[i] = (double)((v[1] + i / n) * 7 + (v[2] + i % n) * 3);
	r = dq_task_return(task, "block", block, n * n * sizeof(*block));
	free(block);
	return r;
}

static int add_transposed(struct dq_task *task)
{
	struct dq_input in[2];
	const double *a, *b;
	double *c;
	size_t n;
	int r;

	/* Inputs are not copied: they lie where the worker has them. A task has each once, so that
	 * a block with itself is one. */
	if (!dq_task_input(task, 0, &in[0]))
		return dq_task_fail(task, "add_transposed: wants two blocks");
	if (!dq_task_input(task, 1, &in[1]))
		in[1] = in[0];
	if (in[0].n != in[1].n)
		return dq_task_fail(task, "add_transposed: wants blocks of one size");
	a = in[0].bytes;
	b = in[1].bytes;
	n = (size_t)sqrt((double)(in[0].n / sizeof(*a)));
	c = malloc(n * n * sizeof(*c));
	if (!c)
		return dq_task_fail(task, "add_transposed: out of memory");
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			c[i * n + j] = a[i * n + j] + b[j * n + i];
	r = dq_task_return(task, "block", c, n * n * sizeof(*c));
	free(c);
	return r;
}

static int sum(struct dq_task *task)
{
	struct dq_input in;
	msgpack_sbuffer out;
	msgpack_packer packer;
	double total = 0;
	int r;

	for (uint32_t k = 0; dq_task_input(task, k, &in); k++) {
		const double *v = in.bytes;

		if (strcmp(in.type, "block") == 0) {
			for (size_t i = 0; i < in.n / sizeof(*v); i++)
				total += v[i];
			continue;
		}
		msgpack_unpacked number;

		msgpack_unpacked_init(&number);
		if (msgpack_unpack_next(&number, in.bytes, in.n, NULL) == MSGPACK_UNPACK_SUCCESS)
			total += number.data.via.f64;
		msgpack_unpacked_destroy(&number);
	}
	msgpack_sbuffer_init(&out);
	msgpack_packer_init(&packer, &out, msgpack_sbuffer_write);
	msgpack_pack_double(&packer, total);
	r = dq_task_return(task, "msgpack", out.data, out.size);
	msgpack_sbuffer_destroy(&out);
	return r;
}

DQ_MODULE({"make", make}, {"add_transposed", add_transposed}, {"sum", sum})
