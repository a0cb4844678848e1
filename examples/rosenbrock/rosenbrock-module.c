/*
 * A task module: banana([x, y]) is Rosenbrock's function, 0 at (1, 1) and nowhere less.
 *
 *	cc -shared -fPIC $(pkg-config --cflags dq) -o rosenbrock.so rosenbrock-module.c -lmsgpackc
 */
#include <dq/task.h>

#include <msgpack.h>

static double number(const msgpack_object *o)
{
	return o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER   ? (double)o->via.i64
	       : o->type == MSGPACK_OBJECT_POSITIVE_INTEGER ? (double)o->via.u64
							    : o->via.f64;
}

static int banana(struct dq_task *task)
{
	msgpack_unpacked args;
	msgpack_sbuffer out;
	msgpack_packer packer;
	const void *bytes;
	size_t n;
	double x, y;
	int r;

	dq_task_args(task, &bytes, &n);
	msgpack_unpacked_init(&args);
	if (msgpack_unpack_next(&args, bytes, n, NULL) != MSGPACK_UNPACK_SUCCESS ||
		args.data.type != MSGPACK_OBJECT_ARRAY || args.data.via.array.size != 2) {
		msgpack_unpacked_destroy(&args);
		return dq_task_fail(task, "banana: wants [x, y]");
	}
	x = number(&args.data.via.array.ptr[0]);
	y = number(&args.data.via.array.ptr[1]);
	msgpack_unpacked_destroy(&args);
	msgpack_sbuffer_init(&out);
	msgpack_packer_init(&packer, &out, msgpack_sbuffer_write);
	msgpack_pack_double(&packer, 100 * (y - x * x) * (y - x * x) + (1 - x) * (1 - x));
	r = dq_task_return(task, "msgpack", out.data, out.size);
	msgpack_sbuffer_destroy(&out);
	return r;
}

DQ_MODULE({"banana", banana})
