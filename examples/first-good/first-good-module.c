/*
 * A task module: search([first, count, zeros]) is the first of `count` numbers from `first` on
 *whose hash begins with so many zero bits; nil if there is none. It looks now and then whether it
 *is still wanted.
 *
 *	cc -shared -fPIC $(pkg-config --cflags dq) -o first-good.so first-good-module.c -lmsgpackc
 */
#include <dq/task.h>

#include <msgpack.h>

/* A number well mixed. */
static uint64_t hash(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static bool read_args(struct dq_task *task, uint64_t out[3])
{
	msgpack_unpacked args;
	const void *bytes;
	bool ok;
	size_t n;

	dq_task_args(task, &bytes, &n);
	msgpack_unpacked_init(&args);
	ok = msgpack_unpack_next(&args, bytes, n, NULL) == MSGPACK_UNPACK_SUCCESS &&
	     args.data.type == MSGPACK_OBJECT_ARRAY && args.data.via.array.size == 3;
	for (int i = 0; ok && i < 3; i++)
		out[i] = args.data.via.array.ptr[i].via.u64;
	msgpack_unpacked_destroy(&args);
	return ok && out[2] >= 1 && out[2] <= 64;
}

static int search(struct dq_task *task)
{
	uint8_t out[9] = {0xcf}; /* msgpack: a 64-bit number follows */
	uint64_t a[3];

	if (!read_args(task, a))
		return dq_task_fail(task, "search: wants [first, count, zeros]");
	for (uint64_t x = a[0]; x < a[0] + a[1]; x++) {
		if (x % 65536 == 0 && dq_task_cancelled(task))
			return dq_task_fail(task, "search: stopped");
		if (hash(x) >> (64 - a[2]))
			continue;
		for (int i = 0; i < 8; i++)
			out[1 + i] = (uint8_t)(x >> (56 - 8 * i));
		return dq_task_return(task, "msgpack", out, sizeof(out));
	}
	return 0;
}

DQ_MODULE({"search", search})
